# ruff: noqa: S101 - pytest asserts
"""What a store promises about what nobody needs any more."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from twofold.core.assurance import password_assurance
from twofold.core.events import Event, EventKind
from twofold.core.maintenance import Kind, Overdue
from twofold.service.ports import Store, UserId
from twofold.testing.store_contract.promises import (
    MOMENT,
    AddUser,
    EventsOf,
    HandedOut,
    Promises,
    pending_sign_in,
    proved_session,
)

LONG_AGO = MOMENT - timedelta(days=40_000)
"""Before anything that other tests leave in the same store."""

BETWEEN = LONG_AGO + timedelta(days=1)
ALL = 1000


class MaintenancePromises(Promises):
    """What a store promises about what nobody needs any more."""

    def recorded(self, store: Store, user_id: UserId, *moments: datetime) -> None:
        """Record an event at each of these moments, with an address."""
        for moment in moments:
            event = Event(user_id, EventKind.SIGNED_IN, moment, client_address="192.0.2.1")
            self.stored(store, event)

    def stored(self, store: Store, event: Event) -> None:
        """Record one event."""

        def work(tx: object) -> None:
            tx.lock(event.user_id)  # type: ignore[attr-defined]
            tx.record(event)  # type: ignore[attr-defined]

        store.transact(work)

    def overdue(self, store: Store, kind: Kind, at_most: int = ALL) -> list[Overdue]:
        """Everything of this kind from before the moment between, read in batches."""
        found: list[Overdue] = []
        while True:
            after = found[-1].key if found else None
            batch = store.read(lambda tx, after=after: tx.overdue(kind, BETWEEN, after=after, at_most=at_most))  # type: ignore[misc]
            found += batch
            if len(batch) < at_most:
                return found

    def cleared(self, store: Store, kind: Kind, found: Sequence[Overdue], before: datetime = BETWEEN) -> int:
        """How much of what was found a transaction clears."""
        return store.transact(lambda tx: tx.clear(kind, found, before))

    def test_old_events_go(self, store: Store, add_user: AddUser, events_of: EventsOf) -> None:
        """Of events the old ones are found and deleted, each once, whatever the batch, and the young ones stay."""
        user_id, other_id = add_user("ann@example.com"), add_user("bob@example.com")
        for owner in (user_id, other_id):
            self.recorded(store, owner, LONG_AGO, BETWEEN, LONG_AGO)
        whole, one_by_one = self.overdue(store, Kind.EVENT), self.overdue(store, Kind.EVENT, at_most=1)
        counts = [self.cleared(store, Kind.EVENT, whole), self.cleared(store, Kind.EVENT, whole)]

        assert whole == one_by_one
        assert sorted(str(one.user_id) for one in whole) == sorted([str(user_id), str(other_id)] * 2)
        assert counts == [4, 0]
        assert [event.moment for owner in (user_id, other_id) for event in events_of(owner)] == [BETWEEN] * 2

    def test_old_addresses_go(self, store: Store, add_user: AddUser, events_of: EventsOf) -> None:
        """Old events lose their address and nothing else, and are not found again."""
        user_id = add_user("ann@example.com")
        self.recorded(store, user_id, LONG_AGO, BETWEEN)
        counts = [self.cleared(store, Kind.ADDRESS, self.overdue(store, Kind.ADDRESS)) for _ in range(2)]

        assert counts == [1, 0]
        assert events_of(user_id) == [
            Event(user_id, EventKind.SIGNED_IN, LONG_AGO),
            Event(user_id, EventKind.SIGNED_IN, BETWEEN, client_address="192.0.2.1"),
        ]
        self.cleared(store, Kind.EVENT, self.overdue(store, Kind.EVENT))

    def test_old_things_that_were_handed_out_go(self, store: Store, add_user: AddUser) -> None:
        """Of pending sign-ins and of what sessions have proved the old ones go, and the young ones stay."""
        user_id = add_user("ann@example.com")
        old: list[HandedOut] = [pending_sign_in(user_id, expires_at=LONG_AGO)]
        old += [proved_session(user_id, password_assurance(LONG_AGO))]
        young: list[HandedOut] = [pending_sign_in(user_id), proved_session(user_id, password_assurance(BETWEEN))]
        self.hand_out(store, *old, *young, at=LONG_AGO - timedelta(days=1))
        counts = [self.cleared(store, kind, self.overdue(store, kind)) for kind in (Kind.PENDING_SIGN_IN, Kind.SESSION)]

        assert counts == [1, 1]
        assert self.found(store, *old, *young) == [False, False, True, True]

    def test_what_is_young_again_stays(self, store: Store, add_user: AddUser) -> None:
        """A session that has proved something after it was found overdue keeps it."""
        user_id = add_user("ann@example.com")
        before = proved_session(user_id, password_assurance(LONG_AGO))
        self.hand_out(store, before)
        found = self.overdue(store, Kind.SESSION)
        after = type(before)(before.session_hash, user_id, before.epoch, password_assurance(MOMENT))
        self.hand_out(store, after)

        assert self.cleared(store, Kind.SESSION, found) == 0
        assert self.found(store, after) == [True]

    def test_what_was_recorded_lately(self, store: Store, add_user: AddUser) -> None:
        """The moments of the last events come back, the newest first, whoever's they are."""
        moments = [MOMENT + timedelta(seconds=number) for number in (3, 1, 2)]
        for moment in moments:
            self.recorded(store, add_user("ann@example.com"), moment)

        assert moments[::-1][:2] == list(store.read(lambda tx: tx.recorded_lately(2)))
