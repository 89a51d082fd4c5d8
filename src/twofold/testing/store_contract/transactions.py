# ruff: noqa: S101 - pytest asserts
"""What a store promises about transactions."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event as Flag

from twofold.core.enrollment import Enrollment
from twofold.core.events import Event, EventKind
from twofold.core.totp import TimeStep
from twofold.service.ports import Store, Transaction, Transactions
from twofold.testing.store_contract.promises import (
    MOMENT,
    AddUser,
    EventsOf,
    Promises,
    Refusal,
    full_enrollment,
    pending_sign_in,
    proved_session,
)

PATIENCE_SECONDS = 10
"""How long one thread waits for another before the test fails; no test comes near it."""

GLIMPSE_SECONDS = 0.2
"""How long a transaction is watched that must not come further."""

CONNECTION_SECONDS = 1
"""How long one waits for another's connection at most; a store with one connection has no other."""

THREADS, TURNS = 4, 12


class TransactionPromises(Promises):
    """What a store promises about transactions."""

    def test_a_transaction_gives_what_its_work_gives(self, store: Store) -> None:
        """What the work returns comes back, from a transaction and from a read."""
        results = [store.transact(lambda _: "result"), store.read(lambda _: "result")]

        assert results == ["result", "result"]

    def test_a_rollback_leaves_nothing(self, store: Store, add_user: AddUser, events_of: EventsOf) -> None:
        """Where the work raises, the error comes out as it is, and nothing of the transaction stays."""
        user_id = add_user("ann@example.com")
        pending, proved = pending_sign_in(user_id), proved_session(user_id)

        def work(tx: Transaction) -> None:
            tx.lock(user_id)
            tx.save(full_enrollment(user_id))
            tx.add_pending_sign_in(pending, at=MOMENT, keep=1)
            tx.save_session(proved)
            tx.record(Event(user_id, EventKind.SIGNED_IN, MOMENT))
            raise Refusal

        refusal = self.refusal(store, work)

        assert refusal is Refusal
        assert Enrollment(user_id=user_id) == self.enrollment(store, user_id)
        assert self.found(store, pending, proved) == [False, False]
        assert not events_of(user_id)

    def test_a_rollback_keeps_what_was_there(self, store: Store, add_user: AddUser, events_of: EventsOf) -> None:
        """Where the work raises, what it changed and deleted is as it was before."""
        user_id = add_user("ann@example.com")
        pending, proved = pending_sign_in(user_id), proved_session(user_id)
        self.save(store, full_enrollment(user_id))
        self.hand_out(store, pending, proved)
        store.transact(lambda tx: tx.record(Event(user_id, EventKind.SIGNED_IN, MOMENT)))

        def work(tx: Transaction) -> None:
            tx.pay_debt(user_id, full_enrollment(user_id).end_sessions)
            tx.drop_pending_sign_in(pending.token_hash)
            tx.drop_handed_out(user_id)
            tx.forget(user_id)
            raise Refusal

        refusal = self.refusal(store, work)

        assert refusal is Refusal
        assert full_enrollment(user_id) == self.enrollment(store, user_id)
        assert self.found(store, pending, proved) == [True, True]
        assert len(events_of(user_id)) == 1

    def test_work_begins_anew_after_a_conflict(
        self, store: Store, add_user: AddUser, events_of: EventsOf, conflict: Exception | None
    ) -> None:
        """Work that the database could not bring in line runs again from its beginning, and leaves its traces once."""
        user_id, runs = add_user("ann@example.com"), []

        def work(tx: Transaction) -> None:
            runs.append(tx.lock(user_id))
            tx.save(replace(runs[-1], epoch=runs[-1].epoch + 1))
            tx.record(Event(user_id, EventKind.PASSWORD_CHANGED, MOMENT))
            if conflict is not None and len(runs) == 1:
                raise conflict

        store.transact(work)

        assert [Enrollment(user_id=user_id)] * (1 if conflict is None else 2) == runs
        assert self.enrollment(store, user_id).epoch == 1
        assert len(events_of(user_id)) == 1

    def test_who_locks_a_row_holds_it_to_the_end(self, store: Store, add_user: AddUser) -> None:
        """While one transaction holds a row no other comes to lock it, and then it sees what the first stored (G2)."""
        user_id = add_user("ann@example.com")
        self.save(store, Enrollment(user_id=user_id))
        held, second_comes, second_is_in = Flag(), Flag(), Flag()

        def first(tx: Transaction) -> bool:
            before = tx.lock(user_id)
            held.set()
            second_comes.wait(CONNECTION_SECONDS)
            overtaken = second_is_in.wait(GLIMPSE_SECONDS)
            tx.save(replace(before, last_step=TimeStep(1)))
            return overtaken

        def second(tx: Transaction) -> TimeStep:
            seen = tx.lock(user_id)
            second_is_in.set()
            return seen.last_step

        def come() -> TimeStep:
            # Makes a connection of its own, where the store has several: what is slow about it is not the lock.
            store.read(lambda tx: tx.enrollment(user_id))
            second_comes.set()
            return store.transact(second)

        with ThreadPoolExecutor(2) as threads:
            holding = threads.submit(store.transact, first)
            reached = held.wait(PATIENCE_SECONDS)
            waiting = threads.submit(come)
            overtaken, seen = holding.result(PATIENCE_SECONDS), waiting.result(PATIENCE_SECONDS)

        assert reached
        assert not overtaken
        assert TimeStep(1) == seen

    def test_the_first_row_of_a_user_is_one(self, store: Store, add_user: AddUser) -> None:
        """Transactions that lock a user who has no row yet queue up too, and nothing of what they store is lost."""
        user_id = add_user("ann@example.com")

        def work(tx: Transaction) -> None:
            before = tx.lock(user_id)
            tx.save(replace(before, last_step=TimeStep(before.last_step + 1)))

        with ThreadPoolExecutor(THREADS) as threads:
            turns = [threads.submit(store.transact, work) for _ in range(TURNS)]
            results = [turn.result(PATIENCE_SECONDS) for turn in turns]

        assert results == [None] * TURNS
        assert self.enrollment(store, user_id).last_step == TURNS

    def test_a_use_case_runs_from_an_event_loop(self, store: Store, add_user: AddUser) -> None:
        """From an event loop a use case finds the same rows, in as many transactions as it takes."""
        enrollment = full_enrollment(add_user("ann@example.com"))
        self.save(store, enrollment)

        def use_case(transactions: Transactions) -> Enrollment:
            transactions.transact(lambda tx: tx.save(replace(tx.lock(enrollment.user_id), epoch=1)))
            return transactions.read(lambda tx: tx.enrollment(enrollment.user_id))

        assert replace(enrollment, epoch=1) == asyncio.run(store.run(use_case))
