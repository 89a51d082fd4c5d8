"""Signing in: after the right password, the second factor."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from twofold.core.enrollment import Enrollment, Judgement, Typed
from twofold.core.events import EventKind
from twofold.core.sign_in import PendingSignIn, SignInState
from twofold.core.totp import typed_code
from twofold.core.webauthn import Binding, ChallengePurpose
from twofold.errors import Locked, SignInFailed, SignInTokenDead, UnknownUser
from twofold.service.context import Context, Scope, token_hash
from twofold.service.ports import UserId
from twofold.service.proofs import decide, proof_of
from twofold.service.sessions import Proved

TOKEN_BYTES = 32
"""Random bytes of a sign-in token (ASVS 5.0, 11.5.1: at least 128 bits)."""


@dataclass(frozen=True)
class SecondFactorPending:
    """
    The password was right; the second factor is still to come.

    Args:
        sign_in_token: The handle with which to finish; it opens nothing else.
        methods: The names of the factors that this user has.
        locked_until: Until when typed TOTP codes wait, if they do.
    """

    sign_in_token: str = field(repr=False)
    methods: tuple[str, ...]
    expires_at: datetime
    locked_until: datetime | None


@dataclass(frozen=True)
class SignIn:
    """The use cases of signing in."""

    context: Context

    def password_checked(self, user_id: UserId, *, right: bool) -> None:
        """
        Say whether a password was right; where everything has one count, a wrong one is counted.

        Of a burst of guesses exactly as many are told as the policy allows (PCI DSS 4.0.1, 8.3.4): while the user
        waits, the right password is refused as a wrong one is.

        Raises:
            SignInFailed: It was wrong, or the user waits, or is gone.
        """
        if not self.context.policy.one_count:
            if not right:
                raise SignInFailed
            return

        def work(scope: Scope) -> bool:
            enrollment = scope.lock(user_id)
            if _waits(scope, enrollment):
                return False
            if not right:
                counted = enrollment.attempts.password_failed(scope.at, self.context.policy)
                scope.tx.save(replace(enrollment, attempts=counted))
                scope.record(EventKind.PASSWORD_REFUSED, SignInFailed.slug)
            return right

        try:
            # Told out here, where the attempt is already safe in the store.
            told = self.context.transact(work)
        except UnknownUser:
            told = False
        if not told:
            raise SignInFailed

    def begin(
        self, user_id: UserId, code: str | None = None, *, epoch: int | None = None
    ) -> Proved | SecondFactorPending:
        """
        Go on after the right password.

        Args:
            code: A TOTP code that came along with the password; looked at only where a second factor is asked for.

            epoch: The user's epoch when the password was read; with it, a change since then is seen.

        Returns:
            What was proved, where nothing more is needed; otherwise the pending sign-in.

        Raises:
            SignInTokenDead: Factor or password changed since the password was read.
            SignInFailed: Everything has one count, and the user waits.
            UnknownUser: There is no such user.
            MalformedCode: *code* was needed and cannot be one.
            ProofRefused: *code* was not accepted; a wrong one is counted.
        """

        def work(scope: Scope) -> Proved | SecondFactorPending | Judgement | None:
            enrollment = scope.lock(user_id)
            if epoch is not None and epoch != enrollment.epoch:
                raise SignInTokenDead
            if _waits(scope, enrollment):
                return None
            if not enrollment.enabled:
                return self._signed_in(scope, enrollment)
            if code is None:
                scope.record(EventKind.PASSWORD_ACCEPTED)
                return self._pending(scope, enrollment)
            typed = typed_code(code, self.context.policy.digits)
            return decide(scope, enrollment, proof_of(scope, enrollment, typed), done=EventKind.SIGNED_IN)

        result = self.context.transact(work)
        if result is None:
            raise SignInFailed
        return Proved.by(result) if isinstance(result, Judgement) else result

    def _signed_in(self, scope: Scope, enrollment: Enrollment) -> Proved:
        attempts = enrollment.attempts.password_sufficed(self.context.policy)
        if attempts != enrollment.attempts:
            scope.tx.save(replace(enrollment, attempts=attempts))
        scope.record(EventKind.SIGNED_IN)
        return Proved.by_password(enrollment, scope.at)

    def _pending(self, scope: Scope, enrollment: Enrollment) -> SecondFactorPending:
        token, policy = secrets.token_urlsafe(TOKEN_BYTES), self.context.policy
        pending = PendingSignIn(token_hash(token), enrollment.user_id, enrollment.epoch, scope.at + policy.sign_in_life)
        scope.tx.add_pending_sign_in(pending, at=scope.at, keep=policy.pending_sign_ins)
        return SecondFactorPending(token, scope.methods(enrollment), pending.expires_at, scope.locked_until(enrollment))

    def waiting(self, sign_in_token: str) -> SecondFactorPending:
        """
        A pending sign-in as it stands now, for a page that asks for its second factor.

        Raises:
            SignInTokenDead: It is unknown, expired, used, or outlived by a change.
        """
        handle = token_hash(sign_in_token)

        def work(scope: Scope) -> SecondFactorPending:
            pending, enrollment = _held_sign_in(scope, handle, scope.enrollment)
            methods, until = scope.methods(enrollment), scope.locked_until(enrollment)
            return SecondFactorPending(sign_in_token, methods, pending.expires_at, until)

        return self.context.read(work)

    def finish(self, sign_in_token: str, typed: Typed) -> Proved:
        """
        Finish a pending sign-in; it survives typos and dies on success (G6).

        Raises:
            SignInTokenDead: It is unknown, expired, used, or outlived by a change.
            ProofRefused: The proof was not accepted; a wrong one is counted.
        """
        handle = token_hash(sign_in_token)

        def work(scope: Scope) -> Judgement:
            pending, enrollment = held_sign_in(scope, handle)
            proof = proof_of(scope, enrollment, typed, Binding(ChallengePurpose.SIGN_IN, handle))
            judgement = decide(scope, enrollment, proof, done=EventKind.SIGNED_IN)
            if pending.state_after(judgement.event.outcome) is not SignInState.PENDING:
                scope.tx.drop_pending_sign_in(handle)
            return judgement

        return Proved.by(self.context.transact(work))


def held_sign_in(scope: Scope, handle: str) -> tuple[PendingSignIn, Enrollment]:
    """
    A sign-in that waits for its second factor, and the enrollment of its user, held.

    Args:
        handle: The hash of its token.

    Raises:
        SignInTokenDead: It is unknown, expired, used, or outlived by a change.
    """
    return _held_sign_in(scope, handle, scope.lock)


def _held_sign_in(
    scope: Scope, handle: str, enrollment_of: Callable[[UserId], Enrollment]
) -> tuple[PendingSignIn, Enrollment]:
    found = scope.tx.pending_sign_in(handle)
    if found is None:
        raise SignInTokenDead
    try:
        enrollment = enrollment_of(found.user_id)
    except UnknownUser:
        # The user is gone, on a database that was not asked to keep foreign keys.
        raise SignInTokenDead from None
    # Read again under the lock: the first reading only told whose row to lock.
    pending = scope.tx.pending_sign_in(handle)
    if pending is None:
        raise SignInTokenDead
    if pending.state_at(scope.at, enrollment, scope.context.policy) is not SignInState.PENDING:
        raise SignInTokenDead
    if not enrollment.enabled:
        raise SignInTokenDead
    return pending, enrollment


def _waits(scope: Scope, enrollment: Enrollment) -> bool:
    """Whether nobody signs in as this user for now; a password that came meanwhile is an event, and counts nothing."""
    if enrollment.attempts.wait_of_user(scope.at, scope.context.policy) is None:
        return False
    scope.record(EventKind.PASSWORD_REFUSED, Locked.slug)
    return True
