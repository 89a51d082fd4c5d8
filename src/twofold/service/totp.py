"""Enrolling an authenticator app: set up, then confirm with its first code."""

from dataclasses import dataclass, field, replace
from datetime import datetime

from twofold.core.backup_codes import new_backup_codes, stored_backup_codes
from twofold.core.enrollment import Accepted, Enrollment, Judgement, SetUpProof
from twofold.core.events import EventKind
from twofold.core.policy import CLOCK_HINT_STEPS
from twofold.core.qr_code import qr_code_data_uri
from twofold.core.sealing import Purpose, user_text
from twofold.core.totp import (
    PendingSecret,
    TimeStep,
    TotpSecret,
    TypedCode,
    checked_issuer,
    clock_offset,
    new_totp_secret,
    otpauth_uri,
)
from twofold.errors import AlreadyEnabled, ClockOff, InvalidCode, NoSetupPending
from twofold.service.context import Context, Scope, token_hash
from twofold.service.ports import UserId
from twofold.service.proofs import decide, pending_secret_of, proof_of
from twofold.service.sessions import Proved, require_fresh_to_set_up

BEGUN_BY_CHARACTERS = 32
"""Of a hash in hex: 128 bits, and with the secret it fits 255 characters, sealed."""


@dataclass(frozen=True)
class SetUp:
    """What an authenticator app needs, to be shown once."""

    secret: TotpSecret
    issuer: str
    account: str
    expires_at: datetime

    @property
    def otpauth_uri(self) -> str:
        """The text of the QR code (Key URI format)."""
        return otpauth_uri(self.secret, issuer=self.issuer, account=self.account)

    @property
    def qr_code(self) -> str:
        """The QR code as `data:image/png;base64,...`."""
        return qr_code_data_uri(self.otpauth_uri)


@dataclass(frozen=True)
class Confirmed:
    """
    An authenticator app is on.

    Args:
        backup_codes: The new set in the clear, to be shown once; nothing where the user keeps an older set.
    """

    proved: Proved
    backup_codes: tuple[str, ...] | None = field(repr=False)


@dataclass(frozen=True)
class Totp:
    """The use cases of an authenticator app."""

    context: Context

    def set_up(
        self,
        user_id: UserId,
        *,
        replace: bool = False,
        session_id: str | None = None,
        issuer: str | None = None,
        account: str | None = None,
    ) -> SetUp:
        """
        Begin to set up an authenticator app; a live one stays live until the new one is confirmed (G7).

        Args:
            replace: Move to a new app where one is on.
            session_id: The host's name of the session that asks. Where a factor is active, it must be fresh.
            issuer: In place of the application's issuer.
            account: In place of the account name that the store knows.

        Raises:
            UnknownUser: There is no such user.
            StepUpRequired: A factor is active, and this session's second factor is not fresh.
            AlreadyEnabled: An authenticator app is on, and *replace* is not given.
        """
        context = self.context
        issuer = context.issuer if issuer is None else checked_issuer(issuer)

        def work(scope: Scope) -> SetUp:
            enrollment = scope.lock(user_id)
            if enrollment.enabled and session_id is not None:
                require_fresh_to_set_up(scope, enrollment, session_id)
            if enrollment.has_usable_totp(context.policy) and not replace:
                raise AlreadyEnabled
            secret, until = new_totp_secret(context.policy), scope.at + context.policy.set_up_life
            name = scope.tx.account(user_id) if account is None else account
            pending = PendingSecret(secret, None if session_id is None else _begun_by(session_id))
            sealed = context.keys.seal(pending.to_bytes(), Purpose.TOTP_PENDING_SECRET, enrollment.user_id)
            scope.tx.save(enrollment.with_pending(sealed, until))
            scope.record(EventKind.SET_UP_STARTED)
            return SetUp(secret, issuer, name, until)

        return context.transact(work)

    def begun(
        self, user_id: UserId, session_id: str, *, issuer: str | None = None, account: str | None = None
    ) -> SetUp:
        """
        The set-up that waits for its first code, once more, for the session that began it and no other (G9).

        Args:
            session_id: The host's name of the session that asks.
            issuer: As for `set_up`.
            account: As for `set_up`.

        Raises:
            UnknownUser: There is no such user.
            NoSetupPending: No set-up of this session waits for a code.
        """
        issuer = self.context.issuer if issuer is None else checked_issuer(issuer)

        def work(scope: Scope) -> SetUp:
            enrollment = scope.enrollment(user_id)
            pending = pending_secret_of(scope, enrollment)
            # The one guard of G9 here: whoever began has seen the secret, and nobody else may.
            if pending.begun_by != _begun_by(session_id):
                raise NoSetupPending
            name = scope.tx.account(user_id) if account is None else account
            return SetUp(pending.secret, issuer, name, enrollment.pending_until or scope.at)

        return self.context.read(work)

    def confirm(self, user_id: UserId, typed: TypedCode, *, session_id: str | None = None) -> Confirmed:
        """
        Prove the pending secret with its first code; it becomes the live one, and all sessions are to end (G8).

        Args:
            session_id: The host's name of the session that asks: the one that began is told of a clock that is off.

        Raises:
            UnknownUser: There is no such user.
            NoSetupPending: No set-up waits for a code.
            ClockOff: The code was right some minutes ago, or will be; counted as a wrong one.
            ProofRefused: The code was not accepted; a wrong one is counted.
        """

        def work(scope: Scope) -> tuple[Judgement, tuple[str, ...] | None]:
            enrollment = scope.lock(user_id)
            pending = pending_secret_of(scope, enrollment)
            proof = SetUpProof(typed, pending.secret)
            codes = new_backup_codes(scope.context.policy) if enrollment.backup_codes is None else None

            def change(judged: Enrollment, accepted: Accepted) -> Enrollment:
                if codes is not None:
                    stored = stored_backup_codes(codes, user_text(judged.user_id))
                    sealed = scope.sealed_backup_codes(stored, judged.user_id)
                    judged = judged.with_backup_codes(sealed, scope.context.policy)
                secret = scope.context.keys.seal(proof.secret.to_bytes(), Purpose.TOTP_SECRET, judged.user_id)
                return judged.with_totp(secret, accepted.step or TimeStep(0), at=scope.at)

            judgement = decide(scope, enrollment, proof, done=EventKind.FACTOR_ENROLLED, change=change)
            # The one guard against an oracle: to whoever has not seen the secret, one generic answer.
            if session_id is not None and pending.begun_by == _begun_by(session_id):
                judgement = _with_clock(judgement, proof, scope.at)
            return judgement, codes

        judgement, codes = self.context.transact(work)
        return Confirmed(Proved.by(judgement), codes)

    def verify(self, user_id: UserId, typed: TypedCode) -> TimeStep:
        """
        Claim the time step of a code of this user; success outside of any session.

        Returns:
            The time step that was claimed; no other call will get it again (G1).

        Raises:
            UnknownUser: There is no such user.
            NotEnabled: The user has no authenticator app.
            ProofRefused: The code was not accepted; a wrong one is counted.
        """

        def work(scope: Scope) -> Judgement:
            enrollment = scope.lock(user_id)
            return decide(scope, enrollment, proof_of(scope, enrollment, typed), done=EventKind.CODE_ACCEPTED)

        return self.context.transact(work).outcome().step or TimeStep(0)


def _begun_by(session_id: str) -> str:
    """What names a session beside a pending secret: as much of its hash as fits the column."""
    return token_hash(session_id)[:BEGUN_BY_CHARACTERS]


def _with_clock(judgement: Judgement, proof: SetUpProof, at: datetime) -> Judgement:
    """The same decision, with the reason where that is the phone's clock; a wait or the cap is told as it is."""
    if type(judgement.verdict) is not InvalidCode:
        return judgement
    offset = clock_offset(proof.secret, proof.code, at, CLOCK_HINT_STEPS)
    return judgement if offset is None else replace(judgement, verdict=ClockOff(offset))
