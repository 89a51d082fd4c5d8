"""The whole second factor of a user: status, disable, change of password, oblivion."""

from dataclasses import dataclass
from datetime import datetime

from twofold.core.enrollment import Accepted, Enrollment, Judgement, Typed
from twofold.core.events import EventKind
from twofold.core.factors import Factor
from twofold.errors import NotSignedIn
from twofold.service.context import Context, Scope, logger
from twofold.service.ports import Transaction, UserId
from twofold.service.proofs import decide, proof_of, proving
from twofold.service.sessions import Proved


@dataclass(frozen=True)
class Status:
    """
    Where a user's second factor stands.

    Args:
        locked_until: Until when typed TOTP codes wait, if they do.
        app_switched_off: Whether there is an authenticator app that too many wrong codes have switched off.
    """

    enabled: bool
    pending: bool
    methods: tuple[str, ...]
    backup_codes_remaining: int
    enabled_at: datetime | None
    last_used_at: datetime | None
    locked_until: datetime | None
    app_switched_off: bool


@dataclass(frozen=True)
class EnrollmentCases:
    """The use cases of a user's whole second factor."""

    context: Context

    def status(self, user_id: UserId) -> Status:
        """
        Where the second factor of this user stands.

        Raises:
            UnknownUser: There is no such user.
            CannotOpen: A stored value does not open.
        """

        def work(scope: Scope) -> Status:
            enrollment = scope.enrollment(user_id)
            return Status(
                enabled=enrollment.enabled,
                pending=enrollment.has_pending(scope.at, scope.context.policy),
                methods=scope.methods(enrollment),
                backup_codes_remaining=scope.backup_codes(enrollment).remaining,
                enabled_at=enrollment.enabled_at,
                last_used_at=scope.tx.last_accepted(user_id) if enrollment.enabled else None,
                locked_until=scope.locked_until(enrollment),
                app_switched_off=enrollment.totp_secret is not None
                and enrollment.attempts.capped(Factor.TOTP, scope.context.policy),
            )

        return self.context.read(work)

    def account(self, user_id: UserId) -> str:
        """
        The name under which this user is known, as people see it in their authenticator app.

        Raises:
            UnknownUser: There is no such user.
        """
        return self.context.read(lambda scope: scope.tx.account(user_id))

    def disable(self, user_id: UserId, typed: Typed, *, session_id: str | None = None) -> Proved:
        """
        Remove every factor after a proof of one; all sessions are to end (G8).

        Args:
            session_id: The host's name of the session that asks; a key proves something only in one.

        Raises:
            UnknownUser: There is no such user.
            NotEnabled: The user has no second factor.
            ProofRefused: The proof was not accepted; a wrong one is counted.
        """

        def change(judged: Enrollment, _: Accepted) -> Enrollment:
            return judged.without_factors()

        def work(scope: Scope) -> Judgement:
            enrollment = scope.lock(user_id)
            proof = proof_of(scope, enrollment, typed, proving(session_id))
            return decide(scope, enrollment, proof, done=EventKind.SECOND_FACTOR_DISABLED, change=change)

        return Proved.by(self.context.transact(work))

    def password_changed(self, user_id: UserId, *, end_sessions: bool = False, epoch: int | None = None) -> int:
        """
        Let everything die that was handed out for the old password: pending sign-ins and assurance (G6).

        Args:
            end_sessions: Also owe the end of all sessions (G8).
            epoch: The user's epoch when it was decided that he may; with it, a change since then is seen.

        Returns:
            What is owed of "end all sessions"; 0 for nothing.

        Raises:
            UnknownUser: There is no such user.
            NotSignedIn: Factor or password changed since it was decided that he may.
        """

        def work(scope: Scope) -> int:
            owed = _outlived(scope, user_id, end_sessions=end_sessions, epoch=epoch)
            scope.record(EventKind.PASSWORD_CHANGED)
            return owed

        return self.context.transact(work)

    def end_sessions(self, user_id: UserId, *, epoch: int | None = None) -> int:
        """
        Let everything die that was handed out, and owe the end of all sessions, where nothing else changes (G8).

        No event tells of it: that of what it is done for does.

        Args:
            epoch: As for `password_changed`.

        Returns:
            What is owed of "end all sessions".

        Raises:
            UnknownUser: There is no such user.
            NotSignedIn: Factor or password changed since it was decided that he may.
        """
        return self.context.transact(lambda scope: _outlived(scope, user_id, end_sessions=True, epoch=epoch))

    def forget(self, user_id: UserId) -> None:
        """
        Delete everything kept about a user; nothing happens where there is nothing.

        To be called after the host's own user is gone, and that is committed: whatever still is on its way finds no
        user then, and writes nothing.
        """

        def work(tx: Transaction) -> None:
            tx.forget(user_id)

        self.context.store.transact(work)
        # That it was done, and not of whom: no row tells of it, and no line may.
        logger.info("Everything that was kept about one user's second factor was deleted.")


def _outlived(scope: Scope, user_id: UserId, *, end_sessions: bool, epoch: int | None) -> int:
    """
    Let everything die that was handed out; what is owed of "end all sessions".

    Raises:
        NotSignedIn: Factor or password changed since *epoch*.
    """
    enrollment = scope.lock(user_id)
    if epoch is not None and epoch != enrollment.epoch:
        raise NotSignedIn
    after = enrollment.changed() if end_sessions else enrollment.outlived()
    scope.tx.save(after)
    scope.tx.drop_handed_out(user_id)
    return after.end_sessions
