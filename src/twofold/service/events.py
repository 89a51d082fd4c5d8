"""A person's own view of what happened: the events of one user, page by page."""

from dataclasses import dataclass
from datetime import datetime

from twofold.core.events import RecordedEvent
from twofold.core.policy import EVENTS_A_PAGE
from twofold.core.sealing import KeyRing
from twofold.errors import InvalidRequest
from twofold.service.context import Context, Scope
from twofold.service.ports import UserId


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

    @classmethod
    def of(cls, event: RecordedEvent, user_id: UserId, keys: KeyRing) -> "ListedEvent":
        """A recorded event of this user."""
        name = keys.name_of(event.number, user_id)
        return cls(name, event.kind, event.moment, event.outcome, event.factor, event.client_address)


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
class EventCases:
    """The use cases of a user's own events."""

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

    def _number_of(self, cursor: str, user_id: UserId) -> int:
        try:
            return self.context.keys.number_of(cursor, user_id)
        except ValueError:
            fault = {"field": "cursor", "message": "Give the next_cursor of the page before, as it is."}
            raise InvalidRequest(errors=[fault]) from None


def page_of(scope: Scope, user_id: UserId, before: int | None, at_most: int) -> EventPage:
    """The events of this user that were recorded before the one of this number."""
    found = scope.tx.events(user_id, before=before, at_most=at_most + 1)
    items = tuple(ListedEvent.of(event, user_id, scope.context.keys) for event in found[:at_most])
    return EventPage(items, items[-1].id if len(found) > at_most else None)
