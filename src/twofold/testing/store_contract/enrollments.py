# ruff: noqa: S101 - pytest asserts
"""What a store promises about the row of a user."""

from dataclasses import replace
from datetime import timedelta, timezone

from twofold.core.assurance import password_assurance
from twofold.core.attempts import Attempts
from twofold.core.enrollment import Enrollment
from twofold.core.events import Event, EventKind
from twofold.core.factors import Factor
from twofold.errors import UnknownUser
from twofold.service.ports import Store, Transaction, UserId
from twofold.testing.store_contract.promises import (
    MOMENT,
    AddUser,
    EventsOf,
    Promises,
    fresh_hash,
    full_enrollment,
    handed_out_to,
    pending_sign_in,
    proved_session,
)


class EnrollmentPromises(Promises):
    """What a store promises about the row of a user."""

    def test_a_user_without_a_row_has_a_blank_enrollment(self, store: Store, add_user: AddUser) -> None:
        """A user whom the host knows has an enrollment, locked or not, before anything was stored."""
        user_id = add_user("ann@example.com")
        read = self.enrollment(store, user_id)
        locked = store.transact(lambda tx: tx.lock(user_id))

        assert Enrollment(user_id=user_id) == read == locked
        assert isinstance(locked.user_id, type(user_id))

    def test_every_field_comes_back_as_it_was_saved(self, store: Store, add_user: AddUser) -> None:
        """Texts of full length, numbers wider than 32 bits and moments with their microseconds come back the same."""
        enrollment = full_enrollment(add_user("ann@example.com"))
        self.save(store, enrollment)
        locked = store.transact(lambda tx: tx.lock(enrollment.user_id))

        assert enrollment == self.enrollment(store, enrollment.user_id) == locked

    def test_every_field_can_be_emptied(self, store: Store, add_user: AddUser) -> None:
        """A blank enrollment takes the place of a full one, of which nothing is left."""
        user_id = add_user("ann@example.com")
        self.save(store, full_enrollment(user_id))
        self.save(store, Enrollment(user_id=user_id))

        assert Enrollment(user_id=user_id) == self.enrollment(store, user_id)

    def test_moments_mean_the_same_in_every_time_zone(self, store: Store, add_user: AddUser) -> None:
        """A moment given in another time zone comes back as the same moment, and never without a zone."""
        user_id, there = add_user("ann@example.com"), MOMENT.astimezone(timezone(timedelta(hours=5, minutes=30)))
        pending, proved = pending_sign_in(user_id, expires_at=there), proved_session(user_id, password_assurance(there))
        attempts = Attempts({}, there)
        self.save(store, Enrollment(user_id=user_id, attempts=attempts, enabled_at=there, pending_until=there))
        self.hand_out(store, pending, proved, at=there)
        store.transact(lambda tx: tx.record(Event(user_id, EventKind.SIGNED_IN, there, factor=Factor.TOTP)))
        read = self.enrollment(store, user_id)
        last = store.read(lambda tx: tx.last_accepted(user_id))
        moments = [read.attempts.locked_until, read.enabled_at, read.pending_until, last]

        assert moments == [MOMENT] * 4
        assert None not in [moment and moment.tzinfo for moment in moments]
        assert self.found(store, pending, proved) == [True, True]

    def test_saving_changes_one_user_alone(self, store: Store, add_user: AddUser) -> None:
        """What is stored for one user does not touch another."""
        user_id, other_id = add_user("ann@example.com"), add_user("bob@example.com")
        self.save(store, full_enrollment(user_id))
        self.save(store, replace(full_enrollment(other_id), epoch=1))

        assert full_enrollment(user_id) == self.enrollment(store, user_id)

    def test_what_was_saved_is_seen_in_the_same_transaction(self, store: Store, add_user: AddUser) -> None:
        """A transaction sees what it has stored itself."""
        enrollment = full_enrollment(add_user("ann@example.com"))

        def work(tx: Transaction) -> Enrollment:
            tx.lock(enrollment.user_id)
            tx.save(enrollment)
            return tx.enrollment(enrollment.user_id)

        assert enrollment == store.transact(work)

    def test_an_unknown_user_is_unknown(self, store: Store, unknown_user_id: UserId) -> None:
        """Where the store has no such user, whatever asks for one says so."""
        refusals = [
            self.refusal(store, lambda tx: tx.lock(unknown_user_id)),
            self.refusal(store, lambda tx: tx.hold(unknown_user_id)),
            self.refusal(store, lambda tx: tx.blank(unknown_user_id)),
            self.refusal(store, lambda tx: tx.enrollment(unknown_user_id)),
            self.refusal(store, lambda tx: tx.legible(unknown_user_id)),
            self.refusal(store, lambda tx: tx.account(unknown_user_id)),
            self.refusal(store, lambda tx: tx.session(unknown_user_id, fresh_hash())),
        ]

        assert [UnknownUser] * 7 == refusals

    def test_a_row_is_looked_at_and_emptied_without_being_read(self, store: Store, add_user: AddUser) -> None:
        """What an operator reads is the whole row where all of it can be read; what he empties is of a later epoch."""
        enrollment = full_enrollment(add_user("ann@example.com"))
        self.save(store, enrollment)
        nothing = Enrollment(user_id=add_user("bob@example.com"))

        assert store.read(lambda tx: tx.legible(enrollment.user_id)) == (enrollment, ())
        assert store.read(lambda tx: tx.legible(nothing.user_id)) == (nothing, ())
        blank = store.transact(lambda tx: tx.blank(enrollment.user_id))
        assert blank == Enrollment(user_id=enrollment.user_id, epoch=enrollment.epoch + 1)

    def test_the_account_is_the_name_that_people_know(self, store: Store, add_user: AddUser) -> None:
        """The account of a user is the host's name for that user, whatever letters it has."""
        user_id, other_id = add_user("ann@example.com"), add_user("Zoë \N{WAVING HAND SIGN} Łuczak")
        accounts = store.read(lambda tx: [tx.account(user_id), tx.account(other_id)])

        assert accounts == ["ann@example.com", "Zoë \N{WAVING HAND SIGN} Łuczak"]

    def test_a_debt_is_paid_once(self, store: Store, add_user: AddUser) -> None:
        """Paying clears exactly the debt that was named, once, and nothing else in the row."""
        enrollment = replace(full_enrollment(add_user("ann@example.com")), end_sessions=4)
        self.save(store, enrollment)

        def pay(debt: int) -> bool:
            return store.transact(lambda tx: tx.pay_debt(enrollment.user_id, debt))

        assert [pay(3), pay(5), pay(4), pay(4)] == [False, False, True, False]
        assert replace(enrollment, end_sessions=0) == self.enrollment(store, enrollment.user_id)

    def test_forgetting_leaves_nothing(self, store: Store, add_user: AddUser, events_of: EventsOf) -> None:
        """Of a forgotten user no factor, no event and nothing handed out is kept; of others everything."""
        user_id, other_id = add_user("ann@example.com"), add_user("bob@example.com")
        own, others = handed_out_to(user_id), handed_out_to(other_id)
        self.save(store, full_enrollment(user_id))
        self.save(store, full_enrollment(other_id))
        self.hand_out(store, *own, *others)
        store.transact(lambda tx: tx.record(Event(user_id, EventKind.SIGNED_IN, MOMENT)))
        store.transact(lambda tx: tx.record(Event(other_id, EventKind.SIGNED_IN, MOMENT)))
        store.transact(lambda tx: tx.forget(user_id))

        assert Enrollment(user_id=user_id) == replace(self.enrollment(store, user_id), epoch=0)
        assert full_enrollment(other_id) == self.enrollment(store, other_id)
        assert self.found(store, *own, *others) == [False, False, True, True]
        assert [len(events_of(user_id)), len(events_of(other_id))] == [0, 1]

    def test_forgetting_where_there_is_nothing_does_nothing(
        self, store: Store, add_user: AddUser, unknown_user_id: UserId
    ) -> None:
        """Forgetting a user of whom nothing is kept, or whom nobody knows, is no error, also twice."""
        user_id = add_user("ann@example.com")
        refusals = [
            self.refusal(store, lambda tx: tx.forget(user_id)),
            self.refusal(store, lambda tx: tx.forget(user_id)),
            self.refusal(store, lambda tx: tx.forget(unknown_user_id)),
        ]

        assert refusals == [None] * 3

    def test_a_forgotten_user_can_enroll_anew(self, store: Store, add_user: AddUser) -> None:
        """After forgetting, the row can be locked and stored as that of any user."""
        user_id = add_user("ann@example.com")
        self.save(store, full_enrollment(user_id))
        store.transact(lambda tx: tx.forget(user_id))
        self.save(store, full_enrollment(user_id))

        assert full_enrollment(user_id) == self.enrollment(store, user_id)
