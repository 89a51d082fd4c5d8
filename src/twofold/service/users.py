"""What an operator does for users: find them, reset their second factor, end their wait, count them."""

from dataclasses import dataclass, replace

from twofold.core.enrollment import Enrollment
from twofold.core.events import EventKind
from twofold.core.policy import USERS_A_PAGE
from twofold.core.sealing import user_text
from twofold.core.users import Adoption, ListedUser, checked_reason, named_actor
from twofold.errors import InvalidRequest, NotEnabled
from twofold.service.context import Context, Scope
from twofold.service.events import WRONG_CURSOR
from twofold.service.ports import UserId


@dataclass(frozen=True)
class UserPage:
    """
    Some users, in the order of their ids.

    Args:
        next_cursor: With which to ask for those behind them, if there are any.
    """

    items: tuple[ListedUser, ...]
    next_cursor: str | None


@dataclass(frozen=True)
class UserCases:
    """The use cases of an operator around one user, and all of them."""

    context: Context

    def find(self, text: str) -> UserId:
        """
        The id of a user, from its text or from the account name.

        Raises:
            UnknownUser: There is no such user, or there are several of that name.
        """
        return self.context.store.read(lambda tx: tx.user_of(text))

    def page(
        self,
        *,
        q: str | None = None,
        enabled: bool | None = None,
        cursor: str | None = None,
        at_most: int = USERS_A_PAGE,
    ) -> UserPage:
        """
        One page of users.

        Args:
            q: Only those whose account name contains this, in whatever case.
            enabled: Only those with a second factor, or without one.
            cursor: The `next_cursor` of the page before.

        Raises:
            InvalidRequest: *cursor* is none that a page gave.
        """

        def work(scope: Scope) -> UserPage:
            after = None if cursor is None else scope.tx.id_of(cursor)
            if after is None and cursor is not None:
                raise InvalidRequest(errors=[WRONG_CURSOR])
            found = scope.tx.users(q=q, enabled=enabled, after=after, at_most=at_most + 1)
            items = tuple(found[:at_most])
            return UserPage(items, user_text(items[-1].user_id) if len(found) > at_most else None)

        return self.context.read(work)

    def adoption(self) -> Adoption:
        """How many users have a second factor."""
        return self.context.read(lambda scope: scope.tx.adoption(scope.at))

    def reset(self, user_id: UserId, *, reason: str, actor: str) -> int:
        """
        Remove every factor of a user who cannot prove one; all sessions are to end (G8).

        Args:
            reason: Why; the user can read it.
            actor: Who does it.

        Returns:
            What is owed of "end all sessions"; paid by the host, or before the next answer behind *current_session*.

        Raises:
            InvalidRequest: *reason* says nothing.
            UnknownUser: There is no such user.
            NotEnabled: There is nothing to remove.
        """
        why = checked_reason(reason)

        def work(scope: Scope) -> int:
            enrollment = scope.lock(user_id)
            if not _has_anything(enrollment):
                raise NotEnabled
            after = enrollment.without_factors()
            scope.tx.save(after)
            scope.tx.drop_handed_out(after.user_id)
            scope.record(EventKind.SECOND_FACTOR_RESET, actor=named_actor(actor), reason=why)
            return after.end_sessions

        return self.context.transact(work)

    def unlock(self, user_id: UserId, *, reason: str, actor: str) -> None:
        """
        End the wait of a user; the counts stay, for only a success begins them again (G4).

        Args:
            reason: Why; the user can read it.
            actor: Who does it.

        Raises:
            InvalidRequest: *reason* says nothing.
            UnknownUser: There is no such user.
        """
        why = checked_reason(reason)

        def work(scope: Scope) -> None:
            enrollment = scope.lock(user_id)
            scope.tx.save(replace(enrollment, attempts=enrollment.attempts.unlocked()))
            scope.record(EventKind.UNLOCKED, actor=named_actor(actor), reason=why)

        self.context.transact(work)


def _has_anything(enrollment: Enrollment) -> bool:
    stored = (enrollment.totp_secret, enrollment.pending_secret, enrollment.backup_codes)
    return enrollment.enabled or any(each is not None for each in stored)
