# ruff: noqa: S101 - pytest asserts
"""What a store promises about the challenges of WebAuthn keys, and about whose credential ids are whose."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Event as Flag

from twofold.core.maintenance import Kind, Overdue
from twofold.core.webauthn import Binding, Challenge, ChallengePurpose
from twofold.service.ports import Store, Transaction, UserId
from twofold.testing.store_contract.promises import (
    KEPT,
    MOMENT,
    AddUser,
    Promises,
    Refusal,
    fresh_hash,
    full_enrollment,
    handed_out_to,
)

LONG_AGO = MOMENT - timedelta(days=40_000)
"""Before anything that other tests leave in the same store."""

AT_ONCE = 8
PATIENCE_SECONDS = 10
GLIMPSE_SECONDS = 0.5
"""How long a transaction that has taken a challenge stays open: the other one comes to it meanwhile."""


def challenge(
    user_id: UserId,
    *,
    purpose: ChallengePurpose = ChallengePurpose.SIGN_IN,
    expires_at: datetime = MOMENT + timedelta(minutes=5),
) -> Challenge:
    """A fresh challenge."""
    return Challenge(fresh_hash(), user_id, 2**33, Binding(purpose, fresh_hash()), expires_at)


class KeyPromises(Promises):
    """What a store promises about the challenges of WebAuthn keys, and about whose credential ids are whose."""

    def challenged(self, store: Store, *challenges: Challenge, at: datetime = MOMENT) -> None:
        """Store challenges, each in a transaction of its own that holds the row."""

        def work(tx: Transaction, one: Challenge) -> None:
            tx.lock(one.user_id)
            tx.add_challenge(one, at=at, keep=KEPT)

        for one in challenges:
            store.transact(lambda tx, one=one: work(tx, one))  # type: ignore[misc]

    def taken(self, store: Store, *challenges: Challenge) -> list[Challenge | None]:
        """What is taken for each of these, in a transaction of its own."""
        return [store.transact(lambda tx, one=one: tx.take_challenge(one.challenge_hash)) for one in challenges]  # type: ignore[misc]

    def left(self, store: Store, *challenges: Challenge) -> list[bool]:
        """Which of these are there, as they were stored; they are taken with it."""
        return [found == one for found, one in zip(self.taken(store, *challenges), challenges, strict=True)]

    def registered(self, store: Store, user_id: UserId, *hashes: str) -> list[bool]:
        """Register credential ids, each in a transaction of its own that holds the row; whether nobody had."""

        def work(tx: Transaction, credential_hash: str) -> bool:
            tx.lock(user_id)
            return tx.add_credential(credential_hash, user_id)

        return [store.transact(lambda tx, one=one: work(tx, one)) for one in hashes]  # type: ignore[misc]

    def test_a_challenge_is_taken_once(self, store: Store, add_user: AddUser) -> None:
        """A challenge comes back as it was stored, dead or alive, once; for what is none nothing comes back (G16)."""
        user_id = add_user("ann@example.com")
        stored = [challenge(user_id, purpose=purpose) for purpose in ChallengePurpose]
        stored.append(challenge(user_id, expires_at=MOMENT - timedelta(days=1)))
        self.challenged(store, *stored, at=MOMENT - timedelta(days=2))

        assert self.taken(store, replace(stored[0], challenge_hash=stored[0].challenge_hash.upper())) == [None]
        assert self.taken(store, challenge(user_id)) == [None]
        assert self.taken(store, *stored) == stored
        assert self.taken(store, *stored) == [None] * len(stored)

    def test_a_challenge_that_was_taken_in_vain_is_there(self, store: Store, add_user: AddUser) -> None:
        """Where the work raises, a challenge that it took is there still."""
        stored = challenge(add_user("ann@example.com"))
        self.challenged(store, stored)

        def work(tx: Transaction) -> None:
            tx.take_challenge(stored.challenge_hash)
            raise Refusal

        assert self.refusal(store, work) is Refusal
        assert self.left(store, stored) == [True]

    def test_of_two_at_once_one_takes_a_challenge(self, store: Store, add_user: AddUser) -> None:
        """Of transactions side by side that hold no row, the one takes the challenge that deletes it (G16)."""
        stored = challenge(add_user("ann@example.com"))
        self.challenged(store, stored)
        taken, second_is_done = Flag(), Flag()

        def first(tx: Transaction) -> Challenge | None:
            found = tx.take_challenge(stored.challenge_hash)
            taken.set()
            second_is_done.wait(GLIMPSE_SECONDS)
            return found

        def second(tx: Transaction) -> Challenge | None:
            found = tx.take_challenge(stored.challenge_hash)
            second_is_done.set()
            return found

        with ThreadPoolExecutor(2) as threads:
            holding = threads.submit(store.transact, first)
            reached = taken.wait(PATIENCE_SECONDS)
            waiting = threads.submit(store.transact, second)
            results = [holding.result(PATIENCE_SECONDS), waiting.result(PATIENCE_SECONDS)]

        assert reached
        assert results == [stored, None]

    def test_the_oldest_challenge_goes_first(self, store: Store, add_user: AddUser) -> None:
        """Of one session as many live as are to be kept; the oldest goes first, never another session's or user's."""
        user_id, other_id = add_user("ann@example.com"), add_user("bob@example.com")
        binding, soon = Binding(ChallengePurpose.PROVE, fresh_hash()), MOMENT + timedelta(seconds=1)
        ages = [MOMENT + timedelta(minutes=1, seconds=age) for age in range(KEPT + 3)]
        many = [replace(challenge(user_id, expires_at=age), binding=binding) for age in ages]
        other = challenge(other_id, expires_at=soon)
        elsewhere = replace(binding, purpose=ChallengePurpose.REGISTER)
        own = [challenge(user_id, expires_at=soon), replace(challenge(user_id, expires_at=soon), binding=elsewhere)]
        self.challenged(store, other, *own, *many)

        assert list(store.read(lambda tx: tx.challenges(user_id)))[:-2] == many[:2:-1]
        assert self.left(store, *own) == [True, True]
        assert self.left(store, *many) == [False] * 3 + [True] * KEPT
        assert self.left(store, other) == [True]

    def test_expired_challenges_go_when_a_new_one_comes(self, store: Store, add_user: AddUser) -> None:
        """With a new challenge the expired ones of its user go, those that expire at this moment too."""
        user_id, other_id = add_user("ann@example.com"), add_user("bob@example.com")
        moments = [MOMENT - timedelta(days=1), MOMENT, MOMENT + timedelta(microseconds=1)]
        own, other = [challenge(user_id, expires_at=one) for one in moments], challenge(other_id, expires_at=moments[0])
        self.challenged(store, *own, other, at=MOMENT - timedelta(days=2))
        self.challenged(store, challenge(user_id), at=MOMENT)

        assert self.left(store, *own, other) == [False, False, True, True]

    def test_old_challenges_go(self, store: Store, add_user: AddUser) -> None:
        """Of challenges the old ones are found and deleted, whatever the batch, and the young ones stay."""
        user_id = add_user("ann@example.com")
        old, young = [challenge(user_id, expires_at=LONG_AGO) for _ in range(2)], challenge(user_id)
        self.challenged(store, *old, young, at=LONG_AGO - timedelta(days=1))
        before = LONG_AGO + timedelta(days=1)

        def found(after: int | str | None, at_most: int) -> Sequence[Overdue]:
            return store.read(lambda tx: tx.overdue(Kind.CHALLENGE, before, after=after, at_most=at_most))

        whole = found(None, 100)
        one_by_one = [*found(None, 1), *found(whole[0].key, 1)]
        counts = [store.transact(lambda tx: tx.clear(Kind.CHALLENGE, whole, before)) for _ in range(2)]

        assert whole == one_by_one
        assert [one.user_id for one in whole] == [user_id] * 2
        assert counts == [2, 0]
        assert self.left(store, *old, young) == [False, False, True]

    def test_of_each_credential_there_is_one(self, store: Store, add_user: AddUser) -> None:
        """A credential id is registered once over all users, its own included; what else is in the work stays (G16)."""
        user_id, other_id = add_user("ann@example.com"), add_user("bob@example.com")
        one, another = fresh_hash(), fresh_hash()

        def work(tx: Transaction) -> bool:
            tx.lock(other_id)
            known = tx.add_credential(one, other_id)
            tx.save(full_enrollment(other_id))
            return known

        assert self.registered(store, user_id, one, another, one) == [True, True, False]
        assert store.transact(work) is False
        assert self.enrollment(store, other_id) == full_enrollment(other_id)

    def test_of_many_at_once_one_registers_a_credential(self, store: Store, add_user: AddUser) -> None:
        """Of users side by side that register one credential id, one has it, and the others are told so."""
        users, one = [add_user("ann@example.com") for _ in range(AT_ONCE)], fresh_hash()
        with ThreadPoolExecutor(AT_ONCE) as threads:
            turns = [threads.submit(self.registered, store, user_id, one) for user_id in users]
            results = [turn.result(PATIENCE_SECONDS) for turn in turns]

        assert sorted(results) == [[False]] * (AT_ONCE - 1) + [[True]]

    def test_a_dropped_credential_can_be_registered(self, store: Store, add_user: AddUser) -> None:
        """Dropping one credential id leaves the others; dropping all of a user leaves those of other users."""
        user_id, other_id = add_user("ann@example.com"), add_user("bob@example.com")
        dropped, kept, other = fresh_hash(), fresh_hash(), fresh_hash()
        self.registered(store, user_id, dropped, kept)
        self.registered(store, other_id, other)
        for _ in range(2):
            store.transact(lambda tx: tx.drop_credential(dropped))

        assert self.registered(store, other_id, dropped, kept, other) == [True, False, False]

        for _ in range(2):
            store.transact(lambda tx: tx.drop_credentials(user_id))

        assert self.registered(store, user_id, kept, dropped, other) == [True, False, False]

    def test_a_rollback_leaves_nothing_of_a_key(self, store: Store, add_user: AddUser) -> None:
        """Where the work raises, neither challenge nor credential id stays."""
        user_id, stored, one = add_user("ann@example.com"), [], fresh_hash()

        def work(tx: Transaction) -> None:
            tx.lock(user_id)
            stored.append(challenge(user_id))
            tx.add_challenge(stored[-1], at=MOMENT, keep=KEPT)
            tx.add_credential(one, user_id)
            raise Refusal

        assert self.refusal(store, work) is Refusal
        assert self.taken(store, *stored) == [None] * len(stored)
        assert self.registered(store, user_id, one) == [True]

    def test_challenges_go_with_what_was_handed_out(self, store: Store, add_user: AddUser) -> None:
        """With all that was handed out to a user the challenges go; credential ids stay, as do other users'."""
        user_id, other_id, one = add_user("ann@example.com"), add_user("bob@example.com"), fresh_hash()
        own, other = challenge(user_id), challenge(other_id)
        self.challenged(store, own, other)
        self.registered(store, user_id, one)
        store.transact(lambda tx: tx.drop_handed_out(user_id))

        assert self.left(store, own, other) == [False, True]
        assert self.registered(store, other_id, one) == [False]

    def test_forgetting_leaves_nothing_of_keys(self, store: Store, add_user: AddUser) -> None:
        """Of a forgotten user no challenge is kept and no credential id; of others everything."""
        user_id, other_id = add_user("ann@example.com"), add_user("bob@example.com")
        one, another, own, other = fresh_hash(), fresh_hash(), challenge(user_id), challenge(other_id)
        self.save(store, full_enrollment(user_id))
        self.hand_out(store, *handed_out_to(user_id))
        self.challenged(store, own, other)
        self.registered(store, user_id, one)
        self.registered(store, other_id, another)
        store.transact(lambda tx: tx.forget(user_id))

        assert self.enrollment(store, user_id).webauthn_keys is None
        assert self.left(store, own, other) == [False, True]
        assert self.registered(store, other_id, one, another) == [True, False]
