"""What happened, page by page: a person's own view, and an operator's."""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from twofold.core.events import Event, EventKind, RecordedEvent
from twofold.core.policy import EVENTS_A_PAGE
from twofold.core.sealing import KeyRing
from twofold.errors import InvalidRequest, TwofoldError
from twofold.service.context import Context, Scope
from twofold.service.ports import Transaction, UserId

WRONG_CURSOR = {"field": "cursor", "message": "Give the next_cursor of the page before, as it is."}


@dataclass(frozen=True)
class ListedEvent:
    """
    One event, as its user may see it.

    Args:
        id: A name that stays the same while the writing key does, and tells nothing of other users.
        kind: `unreadable` where the row is damaged; nothing else is then told of it.
    """

    id: str
    kind: str
    moment: datetime | None
    outcome: str | None
    factor: str | None
    client_address: str | None
    reason: str | None

    @classmethod
    def of(cls, event: RecordedEvent, user_id: UserId, keys: KeyRing) -> "ListedEvent":
        """A recorded event of this user; why somebody did it, and not who."""
        name = keys.name_of(event.number, user_id)
        return cls(name, event.kind, event.moment, event.outcome, event.factor, event.client_address, event.reason)


@dataclass(frozen=True)
class EventPage:
    """
    Some events of one user, the newest first.

    Args:
        next_cursor: With which to ask for those before them, if there are any.
    """

    items: tuple[ListedEvent, ...]
    next_cursor: str | None


@dataclass(frozen=True)
class RecordedPage:
    """
    Some events of everybody, the newest first, as an operator may see them.

    Args:
        next_cursor: As of an `EventPage`.
    """

    items: tuple[RecordedEvent, ...]
    next_cursor: str | None


@dataclass(frozen=True)
class EventCases:
    """The use cases of a user's own events, and of everybody's."""

    context: Context

    def page(self, user_id: UserId, cursor: str | None = None, *, at_most: int = EVENTS_A_PAGE) -> EventPage:
        """
        One page of this user's events, the newest first; empty where there are none.

        Args:
            cursor: The `next_cursor` of the page before.

        Raises:
            InvalidRequest: *cursor* is none that a page of this user's gave.
        """
        before = None if cursor is None else self._number_of(cursor, user_id)
        return self.context.read(lambda scope: page_of(scope, user_id, before, at_most))

    def of_everybody(
        self, cursor: str | None = None, *, only: UserId | None = None, at_most: int = EVENTS_A_PAGE
    ) -> RecordedPage:
        """
        One page of everybody's events, the newest first, for an operator.

        Args:
            cursor: The `next_cursor` of the page before.
            only: Only those of this user.

        Raises:
            InvalidRequest: *cursor* is none that a page gave.
        """
        if cursor is not None and not re.fullmatch("[0-9]{1,18}", cursor):
            raise InvalidRequest(errors=[WRONG_CURSOR])
        before = None if cursor is None else int(cursor)

        def work(tx: Transaction) -> Sequence[RecordedEvent]:
            if only is None:
                return tx.all_events(before=before, at_most=at_most + 1)
            return tx.events(only, before=before, at_most=at_most + 1)

        found = self.context.store.read(work)
        items = tuple(found[:at_most])
        return RecordedPage(items, str(items[-1].number) if len(found) > at_most else None)

    def admin_refused(self, user_id: UserId | None, outcome: str, *, is_kept: bool) -> None:
        """
        Record that somebody was refused at a route of administration, and tell it; whatever fails, they stay refused.

        Args:
            user_id: Who it was; nobody where no session was looked at.
            outcome: The slug of the error that was told.
            is_kept: Whether it is stored, beside being told.
        """
        context = self.context
        event = Event(user_id, EventKind.ADMIN_REFUSED, context.clock.now(), outcome, None, context.client_address)

        def work(tx: Transaction) -> None:
            if user_id is not None:
                tx.hold(user_id)
            tx.record(event)

        if is_kept:
            with suppress(TwofoldError):
                context.store.transact(work)
        context.tell([event])

    def _number_of(self, cursor: str, user_id: UserId) -> int:
        try:
            return self.context.keys.number_of(cursor, user_id)
        except ValueError:
            raise InvalidRequest(errors=[WRONG_CURSOR]) from None


def page_of(scope: Scope, user_id: UserId, before: int | None, at_most: int) -> EventPage:
    """The events of this user that were recorded before the one of this number."""
    found = scope.tx.events(user_id, before=before, at_most=at_most + 1)
    items = tuple(ListedEvent.of(event, user_id, scope.context.keys) for event in found[:at_most])
    return EventPage(items, items[-1].id if len(found) > at_most else None)
