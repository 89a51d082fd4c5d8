# ruff: noqa: S101 - pytest asserts
"""
What every store keeps to: a suite of tests that the author of a store subclasses.

    pytest.register_assert_rewrite("twofold.testing.store_contract")  # in conftest.py, for readable failures

    class TestMyStore(StoreContract):
        @pytest.fixture
        def store(self): ...

pytest finds the tests by their names; nothing of it is imported here.
"""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from threading import Event as Flag
from typing import TypeVar

from twofold.core.assurance import Assurance, ProvedSession, password_assurance, second_factor_assurance
from twofold.core.attempts import Attempts
from twofold.core.enrollment import Enrollment
from twofold.core.events import Event, EventKind
from twofold.core.factors import Factor
from twofold.core.sealing import Sealed
from twofold.core.sign_in import PendingSignIn
from twofold.core.totp import TimeStep
from twofold.errors import TwofoldError, UnknownUser
from twofold.service.ports import Store, Transaction, Transactions, UserId

T = TypeVar("T")
AddUser = Callable[[str], UserId]
EventsOf = Callable[[UserId], Sequence[Event]]

MOMENT = datetime(2030, 1, 1, 12, 0, 0, 123_456, tzinfo=UTC)
PATIENCE_SECONDS = 10
"""How long a thread waits for another before the test fails; no test comes near it."""

GLIMPSE_SECONDS = 0.2
"""How long a transaction is watched that must not come further."""


def fresh_hash() -> str:
    """What the store sees of a token or of the host's name for a session."""
    return secrets.token_hex(32)


def full_enrollment(user_id: UserId) -> Enrollment:
    """A row in which every field has a value that is not its default."""
    return Enrollment(
        user_id=user_id,
        totp_secret=Sealed("v1." + "s" * 252),
        pending_secret=Sealed("v1." + "p" * 252),
        pending_until=MOMENT + timedelta(minutes=10),
        enabled=True,
        backup_codes=Sealed("v1." + "b" * 4000),
        last_step=TimeStep(2**40 + 1),
        epoch=2**33 + 1,
        attempts=Attempts({"totp": 7, "backup_code": 3, "all": 1}, MOMENT + timedelta(seconds=30)),
        enabled_at=MOMENT - timedelta(days=1, microseconds=1),
        end_sessions=2**33,
    )


def pending_sign_in(user_id: UserId, *, expires_at: datetime = MOMENT + timedelta(minutes=5)) -> PendingSignIn:
    """A pending sign-in of a fresh token."""
    return PendingSignIn(fresh_hash(), user_id, 2**33, expires_at)


def proved_session(user_id: UserId, assurance: Assurance | None = None) -> ProvedSession:
    """What a fresh session has proved."""
    return ProvedSession(fresh_hash(), user_id, 2**33, assurance or second_factor_assurance(Factor.TOTP, MOMENT))


class _Refusal(Exception):
    """What a use case raises to have its transaction undone."""


class Promises:
    """
    The roads through a store that the promises take.

    A store that cannot be called synchronously overrides `transact` and `read`.
    """

    def transact(self, store: Store, work: Callable[[Transaction], T]) -> T:
        """Run *work* in one transaction of *store*."""
        return store.transact(work)

    def read(self, store: Store, work: Callable[[Transaction], T]) -> T:
        """Run *work*, which only reads."""
        return store.read(work)

    def save(self, store: Store, enrollment: Enrollment) -> None:
        """Lock the row of a user and store *enrollment* in it."""

        def work(tx: Transaction) -> None:
            tx.lock(enrollment.user_id)
            tx.save(enrollment)

        self.transact(store, work)

    def handed_out(self, store: Store, pending: PendingSignIn, session: ProvedSession) -> tuple[bool, bool]:
        """Whether a pending sign-in and what a session has proved are still there, as they were stored."""

        def work(tx: Transaction) -> tuple[bool, bool]:
            _, proved = tx.session(session.user_id, session.session_hash)
            return tx.pending_sign_in(pending.token_hash) == pending, proved == session

        return self.read(store, work)

    def refusal(self, store: Store, work: Callable[[Transaction], object]) -> type[Exception] | None:
        """What kind of error a transaction ends in, if any."""
        try:
            self.transact(store, work)
        except (TwofoldError, _Refusal) as error:
            return type(error)
        return None


class EnrollmentPromises(Promises):
    """What a store promises about the row of a user."""

    def test_a_user_without_a_row_has_a_blank_enrollment(self, store: Store, add_user: AddUser) -> None:
        """A user whom the host knows has an enrollment, locked or not, before anything was stored."""
        user_id = add_user("ann@example.com")
        read = self.read(store, lambda tx: tx.enrollment(user_id))
        locked = self.transact(store, lambda tx: tx.lock(user_id))

        assert Enrollment(user_id=user_id) == read == locked
        assert type(user_id) is type(locked.user_id)

    def test_every_field_comes_back_as_it_was_saved(self, store: Store, add_user: AddUser) -> None:
        """Texts of full length, numbers wider than 32 bits and moments with their microseconds come back the same."""
        enrollment = full_enrollment(add_user("ann@example.com"))
        self.save(store, enrollment)
        read = self.read(store, lambda tx: tx.enrollment(enrollment.user_id))
        locked = self.transact(store, lambda tx: tx.lock(enrollment.user_id))

        assert enrollment == read == locked

    def test_every_field_can_be_emptied(self, store: Store, add_user: AddUser) -> None:
        """A blank enrollment takes the place of a full one, and nothing of that is left."""
        user_id = add_user("ann@example.com")
        self.save(store, full_enrollment(user_id))
        self.save(store, Enrollment(user_id=user_id))
        read = self.read(store, lambda tx: tx.enrollment(user_id))

        assert Enrollment(user_id=user_id) == read

    def test_moments_mean_the_same_in_every_time_zone(self, store: Store, add_user: AddUser) -> None:
        """A moment given in another time zone comes back as the same moment, and never without a zone."""
        user_id, there = add_user("ann@example.com"), MOMENT.astimezone(timezone(timedelta(hours=5, minutes=30)))
        enrollment = Enrollment(
            user_id=user_id, attempts=Attempts({}, there), enabled_at=there, pending_until=there, enabled=True
        )
        pending, session = (
            pending_sign_in(user_id, expires_at=there),
            proved_session(user_id, password_assurance(there)),
        )

        def work(tx: Transaction) -> None:
            tx.add_pending_sign_in(pending, at=there, keep=50)
            tx.save_session(session)
            tx.record(Event(user_id, EventKind.SIGNED_IN, there, factor=Factor.TOTP))

        self.save(store, enrollment)
        self.transact(store, work)
        read = self.read(store, lambda tx: tx.enrollment(user_id))
        last = self.read(store, lambda tx: tx.last_accepted(user_id))
        moments = [read.attempts.locked_until, read.enabled_at, read.pending_until, last]

        assert [MOMENT] * 4 == moments
        assert all(moment is not None and moment.tzinfo is not None for moment in moments)
        assert (True, True) == self.handed_out(store, pending, session)

    def test_saving_changes_one_user_alone(self, store: Store, add_user: AddUser) -> None:
        """What is stored for one user does not touch another."""
        user_id, other_id = add_user("ann@example.com"), add_user("bob@example.com")
        self.save(store, full_enrollment(user_id))
        self.save(store, replace(full_enrollment(other_id), epoch=1))
        read = self.read(store, lambda tx: tx.enrollment(user_id))

        assert full_enrollment(user_id) == read

    def test_what_was_saved_is_seen_in_the_same_transaction(self, store: Store, add_user: AddUser) -> None:
        """A transaction sees what it has stored itself."""
        enrollment = full_enrollment(add_user("ann@example.com"))

        def work(tx: Transaction) -> Enrollment:
            tx.lock(enrollment.user_id)
            tx.save(enrollment)
            return tx.enrollment(enrollment.user_id)

        assert enrollment == self.transact(store, work)

    def test_an_unknown_user_is_unknown(self, store: Store, unknown_user_id: UserId) -> None:
        """Where the store has no such user, whatever asks for one says so."""
        handle = fresh_hash()
        refusals = [
            self.refusal(store, lambda tx: tx.lock(unknown_user_id)),
            self.refusal(store, lambda tx: tx.enrollment(unknown_user_id)),
            self.refusal(store, lambda tx: tx.account(unknown_user_id)),
            self.refusal(store, lambda tx: tx.session(unknown_user_id, handle)),
        ]

        assert [UnknownUser] * 4 == refusals

    def test_the_account_is_the_name_that_people_know(self, store: Store, add_user: AddUser) -> None:
        """The account of a user is the host's name for him, whatever letters it has."""
        names = ["ann@example.com", "Zoë Łuczak", "\N{WAVING HAND SIGN}"]
        accounts = [self.read(store, lambda tx, name=name: tx.account(add_user(name))) for name in names]  # type: ignore[misc]

        assert names == accounts

    def test_a_debt_is_paid_once(self, store: Store, add_user: AddUser) -> None:
        """Paying clears exactly the debt that was named, once, and nothing else in the row."""
        enrollment = replace(full_enrollment(add_user("ann@example.com")), end_sessions=4)
        self.save(store, enrollment)
        paid = [
            self.transact(store, lambda tx, debt=debt: tx.pay_debt(enrollment.user_id, debt))  # type: ignore[misc]
            for debt in (3, 5, 4, 4)
        ]
        read = self.read(store, lambda tx: tx.enrollment(enrollment.user_id))

        assert [False, False, True, False] == paid
        assert replace(enrollment, end_sessions=0) == read

    def test_forgetting_leaves_nothing(self, store: Store, add_user: AddUser, events_of: EventsOf) -> None:
        """Of a forgotten user nothing is kept: no factor, no event, nothing handed out; of the others everything."""
        user_id, other_id = add_user("ann@example.com"), add_user("bob@example.com")
        kept = {one: (pending_sign_in(one), proved_session(one)) for one in (user_id, other_id)}
        for one, (pending, session) in kept.items():
            self.save(store, full_enrollment(one))

            def work(
                tx: Transaction, pending: PendingSignIn = pending, session: ProvedSession = session, one: UserId = one
            ) -> None:
                tx.add_pending_sign_in(pending, at=MOMENT, keep=50)
                tx.save_session(session)
                tx.record(Event(one, EventKind.SIGNED_IN, MOMENT, factor=Factor.TOTP))

            self.transact(store, work)
        self.transact(store, lambda tx: tx.forget(user_id))
        forgotten = self.read(store, lambda tx: tx.enrollment(user_id))

        assert Enrollment(user_id=user_id) == replace(forgotten, epoch=0)
        assert (False, False) == self.handed_out(store, *kept[user_id])
        assert (0, 1) == (len(events_of(user_id)), len(events_of(other_id)))
        assert full_enrollment(other_id) == self.read(store, lambda tx: tx.enrollment(other_id))
        assert (True, True) == self.handed_out(store, *kept[other_id])

    def test_forgetting_where_there_is_nothing_does_nothing(
        self, store: Store, add_user: AddUser, unknown_user_id: UserId
    ) -> None:
        """Forgetting a user of whom nothing is kept, twice, or whom nobody knows, is no error."""
        user_id = add_user("ann@example.com")
        refusals = [
            self.refusal(store, lambda tx, one=one: tx.forget(one))  # type: ignore[misc]
            for one in (user_id, user_id, unknown_user_id)
        ]

        assert [None] * 3 == refusals

    def test_a_forgotten_user_can_enroll_anew(self, store: Store, add_user: AddUser) -> None:
        """After forgetting, the row can be locked and stored as that of any user."""
        user_id = add_user("ann@example.com")
        self.save(store, full_enrollment(user_id))
        self.transact(store, lambda tx: tx.forget(user_id))
        self.save(store, full_enrollment(user_id))

        assert full_enrollment(user_id) == self.read(store, lambda tx: tx.enrollment(user_id))


class EventPromises(Promises):
    """What a store promises about events."""

    def test_events_are_appended(self, store: Store, add_user: AddUser, events_of: EventsOf) -> None:
        """Events come back whole, in the order in which they were recorded, and apart from those of other users."""
        user_id, other_id = add_user("ann@example.com"), add_user("bob@example.com")
        recorded = [
            Event(user_id, EventKind.SET_UP_STARTED, MOMENT),
            Event(user_id, EventKind.CODE_REFUSED, MOMENT, "code-already-used", Factor.BACKUP_CODE, "2001:db8::1"),
            Event(user_id, EventKind.SECOND_FACTOR_DISABLED, MOMENT - timedelta(days=1), factor=Factor.TOTP),
        ]

        def work(tx: Transaction) -> None:
            for event in recorded[:2]:
                tx.record(event)

        self.transact(store, work)
        self.transact(store, lambda tx: tx.record(replace(recorded[0], user_id=other_id)))
        self.transact(store, lambda tx: tx.record(recorded[2]))

        assert recorded == list(events_of(user_id))
        assert len(events_of(other_id)) == 1

    def test_every_kind_of_event_can_be_stored(self, store: Store, add_user: AddUser, events_of: EventsOf) -> None:
        """No kind of event, and no slug of an error as its outcome, is too long for the store."""
        user_id = add_user("ann@example.com")
        slugs = ["success", *sorted({error.slug for error in _every_error(TwofoldError)})]
        recorded = [Event(user_id, kind, MOMENT, slug) for kind in EventKind for slug in slugs]

        def work(tx: Transaction) -> None:
            for event in recorded:
                tx.record(event)

        self.transact(store, work)

        assert recorded == list(events_of(user_id))

    def test_the_last_acceptance_is_that_of_a_factor(self, store: Store, add_user: AddUser) -> None:
        """The last acceptance is the latest moment at which a factor succeeded; refusals and passwords are none."""
        user_id, other_id = add_user("ann@example.com"), add_user("bob@example.com")
        event = Event(user_id, EventKind.SIGNED_IN, MOMENT, factor=Factor.TOTP)
        later = MOMENT + timedelta(days=1)
        none_yet = self.read(store, lambda tx: tx.last_accepted(user_id))

        def work(tx: Transaction) -> None:
            tx.record(event)
            tx.record(replace(event, moment=MOMENT - timedelta(days=1), factor=Factor.BACKUP_CODE))
            tx.record(replace(event, moment=later, outcome="invalid-code"))
            tx.record(replace(event, moment=later, factor=None))
            tx.record(replace(event, moment=later, user_id=other_id))

        self.transact(store, work)

        assert none_yet is None
        assert MOMENT == self.read(store, lambda tx: tx.last_accepted(user_id))


class HandedOutPromises(Promises):
    """What a store promises about pending sign-ins and proved sessions."""

    def add(self, store: Store, *pending: PendingSignIn, at: datetime = MOMENT, keep: int = 50) -> None:
        """Store pending sign-ins, each in a transaction of its own."""
        for one in pending:
            self.transact(store, lambda tx, one=one: tx.add_pending_sign_in(one, at=at, keep=keep))  # type: ignore[misc]

    def found(self, store: Store, pending: Sequence[PendingSignIn]) -> list[bool]:
        """Which of the pending sign-ins are there, as they were stored."""
        return [self.read(store, lambda tx, one=one: tx.pending_sign_in(one.token_hash)) == one for one in pending]  # type: ignore[misc]

    def test_a_pending_sign_in_is_found_by_its_token(self, store: Store, add_user: AddUser) -> None:
        """A pending sign-in is found by the hash of its token, dead or alive, and by no other."""
        pending = pending_sign_in(add_user("ann@example.com"), expires_at=MOMENT - timedelta(days=1))
        self.add(store, pending)
        handles = [pending.token_hash, fresh_hash(), pending.token_hash.upper(), pending.token_hash + " "]
        found = [self.read(store, lambda tx, one=one: tx.pending_sign_in(one)) for one in handles]  # type: ignore[misc]

        assert [pending, None, None, None] == found

    def test_a_dropped_pending_sign_in_is_gone(self, store: Store, add_user: AddUser) -> None:
        """Dropping deletes one pending sign-in and no other; where there is none, nothing happens."""
        user_id = add_user("ann@example.com")
        both = [pending_sign_in(user_id), pending_sign_in(user_id)]
        self.add(store, *both)
        for _ in range(2):
            self.transact(store, lambda tx: tx.drop_pending_sign_in(both[0].token_hash))

        assert [False, True] == self.found(store, both)

    def test_the_oldest_beyond_fifty_goes(self, store: Store, add_user: AddUser) -> None:
        """Of one user as many live side by side as are to be kept; the oldest goes first, another user's never."""
        user_id, other_id = add_user("ann@example.com"), add_user("bob@example.com")
        many = [pending_sign_in(user_id, expires_at=MOMENT + timedelta(seconds=1 + age)) for age in range(53)]
        other = pending_sign_in(other_id, expires_at=MOMENT + timedelta(seconds=1))
        self.add(store, other, *many)

        assert [False] * 3 + [True] * 50 == self.found(store, many)
        assert [True] == self.found(store, [other])

    def test_the_expired_go_when_a_new_one_comes(self, store: Store, add_user: AddUser) -> None:
        """With a new pending sign-in the expired ones of its user go, those that expire at this moment too."""
        user_id, other_id = add_user("ann@example.com"), add_user("bob@example.com")
        at = MOMENT + timedelta(minutes=1)
        ends = [at - timedelta(minutes=1), at, at + timedelta(microseconds=1)]
        own = [pending_sign_in(user_id, expires_at=end) for end in ends]
        other = pending_sign_in(other_id, expires_at=ends[0])
        self.add(store, *own, other, at=MOMENT - timedelta(days=1))
        self.add(store, pending_sign_in(user_id), at=at)

        assert [False, False, True] == self.found(store, own)
        assert [True] == self.found(store, [other])

    def test_what_a_session_has_proved_comes_back(self, store: Store, add_user: AddUser) -> None:
        """What a session has proved comes back as it was stored, beside the enrollment of its user."""
        user_id = add_user("ann@example.com")
        sessions = [
            proved_session(user_id),
            proved_session(user_id, password_assurance(MOMENT)),
            proved_session(user_id, Assurance(("pwd", "mfa"), MOMENT, MOMENT - timedelta(microseconds=1))),
        ]
        self.save(store, full_enrollment(user_id))
        for session in sessions:
            self.transact(store, lambda tx, session=session: tx.save_session(session))  # type: ignore[misc]
        read = [
            self.read(store, lambda tx, one=one: tx.session(user_id, one.session_hash))  # type: ignore[misc]
            for one in sessions
        ]

        assert [(full_enrollment(user_id), session) for session in sessions] == read

    def test_a_session_that_proved_nothing_has_its_user_still(self, store: Store, add_user: AddUser) -> None:
        """For a session of which nothing is kept the enrollment comes back alone, stored or blank."""
        stored, blank = add_user("ann@example.com"), add_user("bob@example.com")
        self.save(store, full_enrollment(stored))
        read = [self.read(store, lambda tx, one=one: tx.session(one, fresh_hash())) for one in (stored, blank)]  # type: ignore[misc]

        assert [(full_enrollment(stored), None), (Enrollment(user_id=blank), None)] == read

    def test_a_session_proves_anew_in_place_of_before(self, store: Store, add_user: AddUser) -> None:
        """What a session proves takes the place of what it proved before."""
        before = proved_session(add_user("ann@example.com"))
        after = replace(before, epoch=1, assurance=second_factor_assurance(Factor.BACKUP_CODE, MOMENT))
        for session in (before, after):
            self.transact(store, lambda tx, session=session: tx.save_session(session))  # type: ignore[misc]
        _, read = self.read(store, lambda tx: tx.session(before.user_id, before.session_hash))

        assert after == read

    def test_a_session_counts_for_its_own_user(self, store: Store, add_user: AddUser) -> None:
        """Under another user's name a session has proved nothing, whatever the host calls it."""
        session, other_id = proved_session(add_user("ann@example.com")), add_user("bob@example.com")
        self.save(store, full_enrollment(other_id))
        self.transact(store, lambda tx: tx.save_session(session))
        read = self.read(store, lambda tx: tx.session(other_id, session.session_hash))

        assert (full_enrollment(other_id), None) == read

    def test_dropping_what_was_handed_out_leaves_the_rest(
        self, store: Store, add_user: AddUser, events_of: EventsOf
    ) -> None:
        """All pending sign-ins and proved sessions of one user go; his row and events, and other users, stay."""
        user_id, other_id = add_user("ann@example.com"), add_user("bob@example.com")
        own, other = (
            (pending_sign_in(user_id), proved_session(user_id)),
            (
                pending_sign_in(other_id),
                proved_session(other_id),
            ),
        )
        self.save(store, full_enrollment(user_id))

        def work(tx: Transaction) -> None:
            for pending, session in (own, other):
                tx.add_pending_sign_in(pending, at=MOMENT, keep=50)
                tx.save_session(session)
            tx.record(Event(user_id, EventKind.SIGNED_IN, MOMENT))

        self.transact(store, work)
        self.transact(store, lambda tx: tx.drop_handed_out(user_id))

        assert (False, False) == self.handed_out(store, *own)
        assert (True, True) == self.handed_out(store, *other)
        assert full_enrollment(user_id) == self.read(store, lambda tx: tx.enrollment(user_id))
        assert len(events_of(user_id)) == 1


class TransactionPromises(Promises):
    """What a store promises about transactions."""

    def test_a_transaction_gives_what_its_work_gives(self, store: Store) -> None:
        """What the work returns comes back, from a transaction and from a read."""
        results = (self.transact(store, lambda _: "result"), self.read(store, lambda _: "result"))

        assert results == ("result", "result")

    def test_a_rollback_leaves_nothing(self, store: Store, add_user: AddUser, events_of: EventsOf) -> None:
        """Where the work raises, the error comes out as it is, and nothing of the transaction stays."""
        user_id = add_user("ann@example.com")
        pending, session = pending_sign_in(user_id), proved_session(user_id)

        def work(tx: Transaction) -> None:
            tx.lock(user_id)
            tx.save(full_enrollment(user_id))
            tx.add_pending_sign_in(pending, at=MOMENT, keep=50)
            tx.save_session(session)
            tx.record(Event(user_id, EventKind.SIGNED_IN, MOMENT))
            raise _Refusal

        refusal = self.refusal(store, work)

        assert refusal is _Refusal
        assert Enrollment(user_id=user_id) == self.read(store, lambda tx: tx.enrollment(user_id))
        assert (False, False) == self.handed_out(store, pending, session)
        assert len(events_of(user_id)) == 0

    def test_a_rollback_keeps_what_was_there(self, store: Store, add_user: AddUser, events_of: EventsOf) -> None:
        """Where the work raises, what it deleted and changed is as it was before."""
        user_id = add_user("ann@example.com")
        pending, session = pending_sign_in(user_id), proved_session(user_id)
        self.save(store, full_enrollment(user_id))

        def fill(tx: Transaction) -> None:
            tx.add_pending_sign_in(pending, at=MOMENT, keep=50)
            tx.save_session(session)
            tx.record(Event(user_id, EventKind.SIGNED_IN, MOMENT))

        def work(tx: Transaction) -> None:
            tx.pay_debt(user_id, full_enrollment(user_id).end_sessions)
            tx.drop_pending_sign_in(pending.token_hash)
            tx.drop_handed_out(user_id)
            tx.forget(user_id)
            raise _Refusal

        self.transact(store, fill)
        refusal = self.refusal(store, work)

        assert refusal is _Refusal
        assert full_enrollment(user_id) == self.read(store, lambda tx: tx.enrollment(user_id))
        assert (True, True) == self.handed_out(store, pending, session)
        assert len(events_of(user_id)) == 1

    def test_work_begins_anew_after_a_conflict(
        self, store: Store, add_user: AddUser, events_of: EventsOf, conflict: Exception | None
    ) -> None:
        """Work that the database could not bring in line with others runs again from its beginning, and leaves once."""
        user_id, runs = add_user("ann@example.com"), []

        def work(tx: Transaction) -> None:
            before = tx.lock(user_id)
            runs.append(before)
            tx.save(replace(before, epoch=before.epoch + 1))
            tx.record(Event(user_id, EventKind.PASSWORD_CHANGED, MOMENT))
            if conflict is not None and len(runs) == 1:
                raise conflict

        self.transact(store, work)

        assert [Enrollment(user_id=user_id)] * (1 if conflict is None else 2) == runs
        assert self.read(store, lambda tx: tx.enrollment(user_id)).epoch == 1
        assert len(events_of(user_id)) == 1

    def test_who_locks_a_row_holds_it_to_the_end(self, store: Store, add_user: AddUser) -> None:
        """While one transaction holds a row, no other comes to lock it; then it sees what the first one stored (G2)."""
        user_id = add_user("ann@example.com")
        self.save(store, Enrollment(user_id=user_id))
        held, second_is_in, watched = Flag(), Flag(), []

        def first(tx: Transaction) -> None:
            before = tx.lock(user_id)
            held.set()
            watched.append(second_is_in.wait(GLIMPSE_SECONDS))
            tx.save(replace(before, last_step=TimeStep(1)))

        def second(tx: Transaction) -> TimeStep:
            seen = tx.lock(user_id)
            second_is_in.set()
            return seen.last_step

        with ThreadPoolExecutor(2) as threads:
            holding = threads.submit(self.transact, store, first)
            reached = held.wait(PATIENCE_SECONDS)
            waiting = threads.submit(self.transact, store, second)
            seen = (holding.result(PATIENCE_SECONDS), waiting.result(PATIENCE_SECONDS))

        assert reached
        assert [False] == watched
        assert (None, 1) == seen

    def test_the_first_row_of_a_user_is_one(self, store: Store, add_user: AddUser) -> None:
        """Transactions that lock a user who has no row yet queue up too, and none of what they store is lost."""
        user_id = add_user("ann@example.com")

        def work(tx: Transaction) -> None:
            before = tx.lock(user_id)
            tx.save(replace(before, last_step=TimeStep(before.last_step + 1)))

        with ThreadPoolExecutor(4) as threads:
            done = [threads.submit(self.transact, store, work) for _ in range(12)]
            results = [one.result(PATIENCE_SECONDS) for one in done]

        assert [None] * 12 == results
        assert self.read(store, lambda tx: tx.enrollment(user_id)).last_step == 12

    def test_a_use_case_runs_from_an_event_loop(self, store: Store, add_user: AddUser) -> None:
        """From an event loop a use case finds the same rows, and what it raises comes out."""
        enrollment = full_enrollment(add_user("ann@example.com"))
        self.save(store, enrollment)

        def use_case(transactions: Transactions) -> Enrollment:
            transactions.transact(lambda tx: tx.save(replace(tx.lock(enrollment.user_id), epoch=1)))
            return transactions.read(lambda tx: tx.enrollment(enrollment.user_id))

        assert replace(enrollment, epoch=1) == self.in_event_loop(store, use_case)

    def in_event_loop(self, store: Store, use_case: Callable[[Transactions], T]) -> T:
        """Run *use_case* as a host does whose event loop is running."""
        return asyncio.run(store.run(use_case))


class StoreContract(EnrollmentPromises, EventPromises, HandedOutPromises, TransactionPromises):
    """
    Every promise of the ports `Store` and `Transaction`, one a method.

    Fixtures, to be given by the subclass:
        store: A `Store`; it need not be empty.
        add_user: `add_user(account) -> user_id`, which makes one more user known, as the host does.
        unknown_user_id: An id that no user has.
        events_of: `events_of(user_id) -> events`, which reads the events of a user behind the store's back, the oldest
            first.
        conflict: What the database raises where it could not bring two transactions in line and the work is to run
            again; `None` where that cannot happen.
    """


def _every_error(base: type[TwofoldError]) -> set[type[TwofoldError]]:
    return {base}.union(*(_every_error(error) for error in base.__subclasses__()))
