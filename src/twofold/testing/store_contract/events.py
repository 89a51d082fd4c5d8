# ruff: noqa: S101 - pytest asserts
"""What a store promises about events."""

from dataclasses import replace
from datetime import timedelta

from twofold.core.events import Event, EventKind, RecordedEvent
from twofold.core.factors import Factor
from twofold.errors import TwofoldError
from twofold.service.ports import Store, Transaction, UserId
from twofold.testing.store_contract.promises import MOMENT, AddUser, EventsOf, Promises


class EventPromises(Promises):
    """What a store promises about events."""

    def record(self, store: Store, *events: Event) -> None:
        """Record events in one transaction, which holds the rows of their users."""

        def work(tx: Transaction) -> None:
            for event in events:
                tx.lock(event.user_id)
                tx.record(event)

        store.transact(work)

    def test_events_are_appended(self, store: Store, add_user: AddUser, events_of: EventsOf) -> None:
        """Events come back whole, in the order in which they were recorded, and apart from those of other users."""
        user_id, other_id = add_user("ann@example.com"), add_user("bob@example.com")
        recorded = [
            Event(user_id, EventKind.SET_UP_STARTED, MOMENT),
            Event(user_id, EventKind.CODE_REFUSED, MOMENT, "code-already-used", Factor.BACKUP_CODE, "2001:db8::1"),
            Event(user_id, EventKind.SECOND_FACTOR_DISABLED, MOMENT - timedelta(days=1), factor=Factor.TOTP),
        ]
        self.record(store, *recorded[:2])
        self.record(store, replace(recorded[0], user_id=other_id))
        self.record(store, recorded[2])

        assert recorded == list(events_of(user_id))
        assert len(events_of(other_id)) == 1

    def test_every_kind_of_event_can_be_stored(self, store: Store, add_user: AddUser, events_of: EventsOf) -> None:
        """No kind of event, and no slug of an error as its outcome, is too long for the store."""
        user_id = add_user("ann@example.com")
        slugs = ["success", *sorted({error.slug for error in every_error(TwofoldError)})]
        recorded = [Event(user_id, kind, MOMENT, slug) for kind in EventKind for slug in slugs]
        self.record(store, *recorded)

        assert recorded == list(events_of(user_id))

    def test_events_come_page_by_page(self, store: Store, add_user: AddUser) -> None:
        """Events are read the newest first, each once, whole, and apart from those of other users."""
        user_id, other_id = add_user("ann@example.com"), add_user("bob@example.com")
        event = Event(user_id, EventKind.CODE_REFUSED, MOMENT, "invalid-code", Factor.TOTP, "2001:db8::1")
        recorded = [
            event,
            replace(event, moment=MOMENT - timedelta(days=1)),
            Event(user_id, EventKind.SIGNED_IN, MOMENT),
        ]
        for own in recorded:
            self.record(store, own, replace(own, user_id=other_id))
        first = store.read(lambda tx: tx.events(user_id, before=None, at_most=2))
        last = store.read(lambda tx: tx.events(user_id, before=first[-1].number, at_most=2))
        read = [*first, *last]

        assert [len(first), len(last)] == [2, 1]
        assert [RecordedEvent.of(one.number, own) for one, own in zip(read, recorded[::-1], strict=True)] == read
        assert sorted({one.number for one in read}, reverse=True) == [one.number for one in read]

    def test_an_unknown_user_has_no_events(self, store: Store, unknown_user_id: UserId) -> None:
        """Of a user whom nobody knows there are no events, and that is no error."""
        assert not store.read(lambda tx: tx.events(unknown_user_id, before=None, at_most=2))

    def test_the_last_acceptance_is_that_of_a_factor(self, store: Store, add_user: AddUser) -> None:
        """The last acceptance is the latest moment at which a factor succeeded; refusals and passwords are none."""
        user_id, other_id = add_user("ann@example.com"), add_user("bob@example.com")
        event, later = Event(user_id, EventKind.SIGNED_IN, MOMENT, factor=Factor.TOTP), MOMENT + timedelta(days=1)
        none_yet = store.read(lambda tx: tx.last_accepted(user_id))
        self.record(
            store,
            event,
            replace(event, moment=MOMENT - timedelta(days=1), factor=Factor.BACKUP_CODE),
            replace(event, moment=later, outcome="invalid-code"),
            replace(event, moment=later, factor=None),
            replace(event, moment=later, user_id=other_id),
        )
        last = store.read(lambda tx: [tx.last_accepted(user_id, factor) for factor in (None, *Factor)])

        assert none_yet is None
        assert [MOMENT, MOMENT, MOMENT - timedelta(days=1), None] == last


def every_error(base: type[TwofoldError]) -> set[type[TwofoldError]]:
    """*base*, and whatever is derived from it."""
    return {base}.union(*(every_error(error) for error in base.__subclasses__()))
