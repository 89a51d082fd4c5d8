"""What the host's sessions have proved, and the debt of ending them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from twofold.core.assurance import Assurance, ProvedSession, password_assurance, second_factor_assurance
from twofold.core.enrollment import Enrollment, Judgement
from twofold.core.events import EventKind
from twofold.core.factors import Authenticator
from twofold.errors import SignInTokenDead, StepUpRequired
from twofold.service.context import Context, Scope, token_hash
from twofold.service.ports import UserId


@dataclass(frozen=True)
class Proved:
    """
    A person who proved enough for a session of the host's to start.

    Args:
        epoch: The user's epoch when it was proved; a change in between makes it worthless.
        debt: What is owed of "end all sessions" (G8), to be paid before the session starts; 0 for nothing.
        backup_codes_remaining: After a backup code, how many are left.
    """

    user_id: UserId
    assurance: Assurance
    epoch: int
    debt: int = 0
    backup_codes_remaining: int | None = None

    @classmethod
    def by(cls, judgement: Judgement) -> Self:
        """
        What an accepted proof proves; to be called after its commit.

        Raises:
            ProofRefused: The proof was not accepted.
        """
        accepted, after = judgement.outcome(), judgement.enrollment
        return cls(
            user_id=after.user_id,
            assurance=second_factor_assurance(accepted.authenticator, judgement.event.moment),
            epoch=after.epoch,
            debt=after.end_sessions,
            backup_codes_remaining=accepted.backup_codes.remaining if accepted.backup_codes else None,
        )

    @classmethod
    def by_key(cls, enrollment: Enrollment, proved: Authenticator, at: datetime) -> Self:
        """What a key that was just registered proves beside the password."""
        return cls(enrollment.user_id, second_factor_assurance(proved, at), enrollment.epoch, enrollment.end_sessions)

    @classmethod
    def by_password(cls, enrollment: Enrollment, at: datetime) -> Self:
        """What the right password of a user without a second factor proves."""
        return cls(enrollment.user_id, password_assurance(at), enrollment.epoch, enrollment.end_sessions)


@dataclass(frozen=True)
class SessionState:
    """
    One session of a user, as the library sees it.

    Args:
        assurance: What it has proved; nothing where that is the password alone.
        enabled: Whether the user has a second factor.
        debt: What is owed of "end all sessions" (G8); 0 for nothing.
        epoch: The user's epoch.
    """

    assurance: Assurance | None
    enabled: bool
    debt: int
    epoch: int


def proved_by(enrollment: Enrollment, session: ProvedSession | None) -> Assurance | None:
    """What a session has proved beyond the password, if it is this user's and nothing has changed since."""
    if session is None or session.epoch != enrollment.epoch or session.user_id != enrollment.user_id:
        return None
    return session.assurance


def require_fresh(scope: Scope, enrollment: Enrollment, session_id: str, max_age: timedelta | None = None) -> Assurance:
    """
    What the session has proved, if its second factor is fresh.

    Raises:
        StepUpRequired: It is missing or too old.
    """
    max_age = scope.context.policy.max_age if max_age is None else max_age
    _, session = scope.tx.session(enrollment.user_id, token_hash(session_id))
    assurance = proved_by(enrollment, session)
    if assurance is None or not assurance.is_fresh(scope.at, max_age):
        raise StepUpRequired(int(max_age.total_seconds()), scope.methods(enrollment))
    return assurance


def require_fresh_to_set_up(scope: Scope, enrollment: Enrollment, session_id: str) -> Assurance:
    """
    What the session has proved, if it may begin to set up a factor.

    Who has signed in with a weak secret has nothing left to prove it anew with. For this user the proof of the session
    counts for as long as a session lives, or nobody could get in any more who did not set up an app within minutes.

    Raises:
        StepUpRequired: The second factor is missing or too old.
    """
    try:
        return require_fresh(scope, enrollment, session_id)
    except StepUpRequired as stale:
        if enrollment.has_factor or stale.methods:
            raise
        return require_fresh(scope, enrollment, session_id, scope.context.policy.session_life)


@dataclass(frozen=True)
class SessionBook:
    """The use cases around the host's sessions."""

    context: Context

    def state(self, user_id: UserId, session_id: str) -> SessionState:
        """
        One session, in one read.

        Raises:
            UnknownUser: There is no such user.
        """

        def work(scope: Scope) -> SessionState:
            scope.user_id = user_id
            enrollment, session = scope.tx.session(user_id, token_hash(session_id))
            proved = proved_by(enrollment, session)
            return SessionState(proved, enrollment.enabled, enrollment.end_sessions, enrollment.epoch)

        return self.context.read(work)

    def still_holds(self, proved: Proved) -> None:
        """
        Look whether what was proved still holds, before a session starts on it.

        Raises:
            UnknownUser: There is no such user.
            SignInTokenDead: Factor or password changed since.
        """
        if self.context.read(lambda scope: scope.enrollment(proved.user_id)).epoch != proved.epoch:
            raise SignInTokenDead

    def started(self, proved: Proved, session_id: str) -> None:
        """
        Remember what a session that just started has proved.

        Raises:
            SignInTokenDead: Factor or password changed while it started. All sessions are to end, this one too.
        """

        def work(scope: Scope) -> bool:
            enrollment = scope.lock(proved.user_id)
            if enrollment.epoch != proved.epoch:
                # A debt without a new epoch: whoever proved something since the change keeps it.
                scope.tx.save(enrollment.owing(scope.at))
                return False
            if proved.assurance.aal > 1:
                row = ProvedSession(token_hash(session_id), enrollment.user_id, enrollment.epoch, proved.assurance)
                scope.tx.save_session(row)
            return True

        if not self.context.transact(work):
            raise SignInTokenDead

    def ended(self, user_id: UserId, session_id: str) -> None:
        """
        Note that this user has ended one session, after the host has; what it has proved is forgotten.

        Raises:
            UnknownUser: There is no such user.
        """

        def work(scope: Scope) -> None:
            scope.lock(user_id)
            scope.tx.drop_session(user_id, token_hash(session_id))
            scope.record(EventKind.SESSION_ENDED)

        self.context.transact(work)

    def paid(self, user_id: UserId, debt: int) -> None:
        """Clear the debt "end all sessions" after it was paid, unless a newer one has been incurred meanwhile."""
        self.context.store.transact(lambda tx: tx.pay_debt(user_id, debt))
