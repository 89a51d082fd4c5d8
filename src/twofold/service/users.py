"""What an operator does for users: find them, reset their second factor, end their wait, count them."""

from dataclasses import dataclass, replace

from twofold.core.enrollment import Enrollment
from twofold.core.events import EventKind
from twofold.core.policy import USERS_A_PAGE
from twofold.core.sealing import user_text
from twofold.core.users import Adoption, ListedUser, checked_reason, named_actor
from twofold.errors import CannotOpen, Forbidden, InvalidRequest, NotEnabled, UnknownUser
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
            UnknownUser: There is no such user, or several could be meant: of that name, or one of that name and one of
                that id.
        """
        return self.context.store.read(lambda tx: tx.user_of(text))

    def by_id(self, text: str) -> UserId:
        """
        The id of a user, from its text alone: whoever chose another's id for an account name is not meant.

        Raises:
            UnknownUser: There is no such user.
        """
        user_id = self.context.store.read(lambda tx: tx.user_by_id(text))
        if user_text(user_id) != text:
            raise UnknownUser
        return user_id

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

    def reset(
        self, user_id: UserId, *, reason: str, actor: str, by: UserId | None = None, dry_run: bool = False
    ) -> int:
        """
        Remove every factor of a user who cannot prove one, whatever stands in the row; all sessions are to end (G8).

        Args:
            reason: Why; the user can read it.
            actor: Who does it.
            by: That one's user id, where it is a user; nobody does it to himself.
            dry_run: Find out whether it can be done, and change nothing.

        Returns:
            What is owed of "end all sessions"; paid by the host, or before the next answer behind *current_session*.

        Raises:
            InvalidRequest: *reason* says nothing.
            UnknownUser: There is no such user.
            Forbidden: It is oneself.
            NotEnabled: There is nothing to remove.
        """
        why = checked_reason(reason)

        def work(scope: Scope) -> int:
            after = _without_factors(scope, user_id, by, dry_run=dry_run)
            if not dry_run:
                scope.tx.save(after)
                scope.tx.drop_handed_out(after.user_id)
                scope.tx.drop_credentials(after.user_id)
                scope.record(EventKind.SECOND_FACTOR_RESET, actor=named_actor(actor), reason=why)
            return after.end_sessions

        return self.context.look(work) if dry_run else self.context.transact(work)

    def unlock(
        self, user_id: UserId, *, reason: str, actor: str, by: UserId | None = None, dry_run: bool = False
    ) -> None:
        """
        End the wait of a user; the counts stay, for only a success begins them again (G4).

        Args:
            reason: Why; the user can read it.
            actor: Who does it.
            by: That one's user id, where it is a user; nobody does it to himself.
            dry_run: Find out whether it can be done, and change nothing.

        Raises:
            InvalidRequest: *reason* says nothing.
            UnknownUser: There is no such user.
            Forbidden: It is oneself.
        """
        why = checked_reason(reason)

        def work(scope: Scope) -> None:
            enrollment = scope.enrollment(user_id) if dry_run else scope.lock(user_id)
            _refuse_oneself(scope, enrollment, by)
            if dry_run:
                return
            scope.tx.save(replace(enrollment, attempts=enrollment.attempts.unlocked()))
            scope.record(EventKind.UNLOCKED, actor=named_actor(actor), reason=why)

        if dry_run:
            self.context.look(work)
        else:
            self.context.transact(work)

    def role_changed(self, user_id: UserId, *, granted: bool, actor: str) -> None:
        """
        Record that the host lets a user administer from now on, or not any more; to be called before it does.

        Args:
            actor: Who does it.

        Raises:
            UnknownUser: There is no such user.
        """

        def work(scope: Scope) -> None:
            scope.tx.hold(user_id)
            scope.user_id = user_id
            scope.record(EventKind.ROLE_GRANTED if granted else EventKind.ROLE_REVOKED, actor=named_actor(actor))

        self.context.transact(work)


def _without_factors(scope: Scope, user_id: UserId, by: UserId | None, *, dry_run: bool) -> Enrollment:
    """The enrollment of this user as it is after a reset."""
    try:
        before = scope.enrollment(user_id) if dry_run else scope.lock(user_id)
    except CannotOpen:
        # Nothing of what cannot be read is needed to remove it, and this is the way out for whoever has it.
        after = scope.tx.legible(user_id)[0] if dry_run else scope.tx.blank(user_id)
        scope.user_id = after.user_id
        _refuse_oneself(scope, after, by)
        return after.owing(scope.at)
    _refuse_oneself(scope, before, by)
    if not _has_anything(before):
        raise NotEnabled
    return before.without_factors()


def _refuse_oneself(scope: Scope, enrollment: Enrollment, by: UserId | None) -> None:
    """Both ids as they are stored: two ways to write one id are not two people."""
    if by is not None and scope.tx.enrollment(by).user_id == enrollment.user_id:
        raise Forbidden("Nobody does this to their own account. Ask another admin.")


def _has_anything(enrollment: Enrollment) -> bool:
    stored = (enrollment.pending_secret, enrollment.backup_codes)
    return enrollment.enabled or enrollment.has_factor or any(each is not None for each in stored)
