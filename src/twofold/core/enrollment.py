"""One user's enrollment as a value, and `judge`, which decides about a proof."""

import math
from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from datetime import datetime

from twofold.core.attempts import Attempts
from twofold.core.backup_codes import BackupCodes, TypedBackupCode, digest_of
from twofold.core.events import SUCCESS, Event, EventKind
from twofold.core.factors import Authenticator, Factor
from twofold.core.policy import Policy
from twofold.core.sealing import Sealed, user_text
from twofold.core.totp import TimeStep, TotpSecret, TypedCode, matching_steps, window_at
from twofold.core.webauthn import Asserted, GivenCredential, WebAuthnKey, WebAuthnKeys
from twofold.errors import (
    ClockMovedBack,
    CodeAlreadyUsed,
    FactorDisabled,
    InvalidCode,
    InvalidKey,
    KeyCopied,
    Locked,
    ProofRefused,
)


@dataclass(frozen=True, kw_only=True)
class Enrollment:
    """
    The stored row as a value; what is sealed stays sealed in it.

    Args:
        totp_secret: The live secret, sealed.
        pending_secret: The secret of a set-up that waits for its first code, sealed.
        pending_until: The moment at which that set-up expires.
        enabled: Whether any factor is active.
        backup_codes: The set of backup codes, sealed.
        webauthn_keys: The WebAuthn keys, sealed: so that nobody puts another public key in a row (NIST SP 800-63B-4,
            3.1.6.2); nothing where there is none.
        last_step: The newest time step ever accepted of the live secret.
        epoch: Grows with every change of factor or password; what was handed out before dies with it.
        end_sessions: The debt "end all sessions": the epoch in which it was incurred, 0 for none.
    """

    user_id: Hashable
    totp_secret: Sealed | None = field(default=None, repr=False)
    pending_secret: Sealed | None = field(default=None, repr=False)
    pending_until: datetime | None = None
    enabled: bool = False
    backup_codes: Sealed | None = field(default=None, repr=False)
    webauthn_keys: Sealed | None = field(default=None, repr=False)
    last_step: TimeStep = TimeStep(0)
    epoch: int = 0
    attempts: Attempts = field(default_factory=Attempts)
    enabled_at: datetime | None = None
    end_sessions: int = 0

    def has_pending(self, at: datetime, policy: Policy) -> bool:
        """Whether a set-up waits for its first code at the moment *at*."""
        if self.pending_secret is None or self.pending_until is None:
            return False
        return policy.lasts(self.pending_until, policy.set_up_life, at)

    def has_usable_totp(self, policy: Policy) -> bool:
        """Whether a TOTP is on that was not switched off by the cap."""
        return self.enabled and self.totp_secret is not None and not self.attempts.capped(Factor.TOTP, policy)

    def has_usable_keys(self, policy: Policy) -> bool:
        """Whether there are WebAuthn keys that were not switched off by the cap."""
        return self.enabled and self.webauthn_keys is not None and not self.attempts.capped(Factor.WEBAUTHN, policy)

    @property
    def has_factor(self) -> bool:
        """Whether there is anything left to prove beside backup codes."""
        return self.totp_secret is not None or self.webauthn_keys is not None

    def with_pending(self, secret: Sealed, until: datetime) -> "Enrollment":
        """A new set-up replaces a pending one; the live secret is untouched (G7)."""
        return replace(self, pending_secret=secret, pending_until=until)

    def with_totp(self, secret: Sealed, step: TimeStep, *, at: datetime) -> "Enrollment":
        """The pending secret is live, from the step that confirmed it on; a change of factor."""
        return replace(
            self.changed(),
            totp_secret=secret,
            enabled=True,
            enabled_at=self.enabled_at or at,
            last_step=step,
        )

    def with_keys(self, keys: Sealed | None, *, at: datetime) -> "Enrollment":
        """A WebAuthn key was registered or removed; a change of factor."""
        return replace(self.changed(), webauthn_keys=keys, enabled=True, enabled_at=self.enabled_at or at)

    def without_factors(self) -> "Enrollment":
        """Every factor is removed, with what was counted against it; a change of factor."""
        return Enrollment(user_id=self.user_id, epoch=self.epoch).changed()

    def outlived(self) -> "Enrollment":
        """A change of factor or password: the epoch grows, and a set-up begun before dies."""
        return replace(self, epoch=self.epoch + 1, pending_secret=None, pending_until=None)

    def owing(self, at: datetime) -> "Enrollment":
        """All sessions are to end (G8), and nothing else changes; the debt is told apart by its microsecond."""
        return replace(self, end_sessions=int(at.timestamp() * 1_000_000))

    def with_backup_codes(self, codes: Sealed, policy: Policy) -> "Enrollment":
        """A new set in place of any other; what was counted against the old one is gone with it."""
        return replace(self, backup_codes=codes, attempts=self.attempts.renewed(Factor.BACKUP_CODE, policy))

    def changed(self) -> "Enrollment":
        """A change of factor: beyond the epoch, all sessions are to end (G8)."""
        return replace(self.outlived(), end_sessions=self.epoch + 1)


@dataclass(frozen=True)
class TotpProof:
    """A typed code, and the secret it is measured against."""

    code: TypedCode = field(repr=False)
    secret: TotpSecret
    factor = Factor.TOTP


@dataclass(frozen=True)
class SetUpProof(TotpProof):
    """The first code of a pending secret."""


@dataclass(frozen=True)
class BackupCodeProof:
    """A typed backup code, and the set it is looked up in."""

    code: TypedBackupCode = field(repr=False)
    codes: BackupCodes
    factor = Factor.BACKUP_CODE


@dataclass(frozen=True)
class WebAuthnProof:
    """
    The answer of a WebAuthn key to a challenge of its own, and the record of the key.

    Args:
        key: Nothing where the user has no such key, or the challenge was none for this.
        asserted: What the answer shows; nothing where it is not right.
    """

    keys: WebAuthnKeys
    key: WebAuthnKey | None = None
    asserted: Asserted | None = None
    factor = Factor.WEBAUTHN


Proof = TotpProof | BackupCodeProof | WebAuthnProof
Typed = TypedCode | TypedBackupCode | GivenCredential
"""What somebody gives to prove a factor, once it has the form of one."""


@dataclass(frozen=True)
class Accepted:
    """
    What a right proof proves.

    Args:
        step: The time step that was claimed, of a TOTP.
        backup_codes: The set without the burned code, to be sealed and stored, of a backup code.
        keys: The keys with the state of the one that was used, to be sealed and stored, of a WebAuthn key.
    """

    authenticator: Authenticator
    factor: Factor
    step: TimeStep | None = None
    backup_codes: BackupCodes | None = None
    keys: WebAuthnKeys | None = None


@dataclass(frozen=True)
class Judgement:
    """
    What was decided about one proof.

    Args:
        enrollment: The row as it must now be stored.
        event: The event to record with it.
        verdict: What to tell *after* the commit: what was proved, or the error to raise.
    """

    enrollment: Enrollment
    event: Event
    verdict: Accepted | ProofRefused

    @property
    def accepted(self) -> bool:
        """Whether the proof was accepted; for what must be stored in the same transaction."""
        return isinstance(self.verdict, Accepted)

    def outcome(self) -> Accepted:
        """
        Tell the verdict.

        Raises:
            ProofRefused: The proof was not accepted.
        """
        if isinstance(self.verdict, ProofRefused):
            raise self.verdict
        return self.verdict


def judge(enrollment: Enrollment, proof: Proof, *, at: datetime, policy: Policy) -> Judgement:
    """
    Decide about one proof; the one place where a code is accepted, counted or refused.

    The caller holds the lock of the row from reading *enrollment* to storing the judgement (G2).
    """
    if refusal := _refusal_unseen(enrollment, proof, at, policy):
        return _judgement(enrollment, proof, refusal, at)
    verdict = _compared(enrollment, proof, at, policy)
    if isinstance(verdict, InvalidCode):
        counted = replace(enrollment, attempts=enrollment.attempts.failed(proof.factor, at, policy))
        return _judgement(counted, proof, verdict, at)
    if isinstance(verdict, ProofRefused):
        return _judgement(enrollment, proof, verdict, at)
    succeeded = replace(enrollment, attempts=enrollment.attempts.succeeded(proof.factor, policy))
    if verdict.step is not None:
        succeeded = replace(succeeded, last_step=verdict.step)
    # The one guard against a weak secret: the first code of it that is accepted is the last.
    if isinstance(proof, TotpProof) and proof.secret.is_weak:
        succeeded = replace(succeeded, totp_secret=None)
    return _judgement(succeeded, proof, verdict, at)


def _judgement(enrollment: Enrollment, proof: Proof, verdict: Accepted | ProofRefused, at: datetime) -> Judgement:
    kind, outcome = EventKind.CODE_ACCEPTED, SUCCESS
    if isinstance(verdict, ProofRefused):
        kind, outcome = EventKind.CODE_REFUSED, verdict.slug
    if isinstance(verdict, KeyCopied):
        kind = EventKind.SIGN_COUNT_REGRESSED
    return Judgement(enrollment, Event(enrollment.user_id, kind, at, outcome, proof.factor), verdict)


def _refusal_unseen(enrollment: Enrollment, proof: Proof, at: datetime, policy: Policy) -> ProofRefused | None:
    """The refusal for which the code is not even looked at: a wait, or the cap. Nothing is counted (G4)."""
    if until := enrollment.attempts.wait_of(proof.factor, at, policy):
        return Locked(until, math.ceil((until - at).total_seconds()))
    # A new secret is the way out of the cap, so the cap of the old one does not hold it back.
    if enrollment.attempts.capped(proof.factor, policy) and not isinstance(proof, SetUpProof):
        return FactorDisabled()
    return None


def _compared(enrollment: Enrollment, proof: Proof, at: datetime, policy: Policy) -> Accepted | ProofRefused:
    match proof:
        case SetUpProof():
            return _compared_with_pending(proof, at, policy)
        case TotpProof():
            return _compared_with_secret(enrollment, proof, at, policy)
        case BackupCodeProof():
            return _compared_with_backup_codes(enrollment, proof, at)
        case WebAuthnProof():
            return _compared_with_keys(proof, at)


def _compared_with_pending(proof: SetUpProof, at: datetime, policy: Policy) -> Accepted | ProofRefused:
    """A new secret has no history: any step of the window confirms it, the newest where codes coincide."""
    steps = matching_steps(proof.secret, proof.code, window_at(at, proof.secret.period, policy.drift))
    return _totp_accepted(max(steps)) if steps else InvalidCode()


def _compared_with_secret(
    enrollment: Enrollment, proof: TotpProof, at: datetime, policy: Policy
) -> Accepted | ProofRefused:
    window = window_at(at, proof.secret.period, policy.drift)
    steps = matching_steps(proof.secret, proof.code, window)
    if not steps:
        return InvalidCode()
    # The one guard of G1: a step is accepted only when it is newer than every step before it.
    if max(steps) > enrollment.last_step:
        return _totp_accepted(max(steps))
    return ClockMovedBack() if enrollment.last_step not in window else CodeAlreadyUsed()


def _compared_with_backup_codes(
    enrollment: Enrollment, proof: BackupCodeProof, at: datetime
) -> Accepted | ProofRefused:
    found = proof.codes.matching(digest_of(proof.code, user_text(enrollment.user_id)))
    if found is None:
        return InvalidCode()
    # The one guard of G5: a code with a moment of use is spent.
    if found.used_at is not None:
        return CodeAlreadyUsed()
    burned = proof.codes.burned(found, at)
    return Accepted(Authenticator.BACKUP_CODE, Factor.BACKUP_CODE, backup_codes=burned)


def _totp_accepted(step: TimeStep) -> Accepted:
    return Accepted(Authenticator.TOTP, Factor.TOTP, step)


def _compared_with_keys(proof: WebAuthnProof, at: datetime) -> Accepted | ProofRefused:
    """The steps of WebAuthn Level 3, 7.2, that need the record of the key; the others are done."""
    key, asserted = proof.key, proof.asserted
    # Whether a key may be copied to other devices never changes (6.1.3); a record of before would tell it wrong.
    if key is None or asserted is None or asserted.backup_eligible != key.backup_eligible:
        return InvalidKey()
    # The one guard of G16 against a copied key.
    if key.has_regressed(asserted.sign_count):
        return KeyCopied()
    proved = Authenticator.of_key(backup_eligible=key.backup_eligible, user_verified=asserted.user_verified)
    return Accepted(proved, Factor.WEBAUTHN, keys=proof.keys.with_key(key.used(asserted, at)))
