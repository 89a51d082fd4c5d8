# ruff: noqa: S101 - pytest asserts
"""What a store promises about pending sign-ins, and about what sessions have proved."""

from dataclasses import replace
from datetime import timedelta

from twofold.core.assurance import Assurance, password_assurance, second_factor_assurance
from twofold.core.enrollment import Enrollment
from twofold.core.events import Event, EventKind
from twofold.core.factors import Authenticator
from twofold.service.ports import Store
from twofold.testing.store_contract.promises import (
    KEPT,
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


class HandedOutPromises(Promises):
    """What a store promises about pending sign-ins, and about what sessions have proved."""

    def test_a_pending_sign_in_is_found_by_its_token(self, store: Store, add_user: AddUser) -> None:
        """A pending sign-in is found by the hash of its token, dead or alive, and by no other text."""
        pending = pending_sign_in(add_user("ann@example.com"), expires_at=MOMENT - timedelta(days=1))
        self.hand_out(store, replace(pending, token_hash="ab" * 32), pending)
        handles = [pending.token_hash, fresh_hash(), "AB" * 32, "ab" * 31, ""]
        found = store.read(lambda tx: [tx.pending_sign_in(handle) for handle in handles])

        assert [pending, None, None, None, None] == found

    def test_a_dropped_pending_sign_in_is_gone(self, store: Store, add_user: AddUser) -> None:
        """Dropping deletes one pending sign-in and no other; where there is none, nothing happens."""
        user_id = add_user("ann@example.com")
        dropped, other = pending_sign_in(user_id), pending_sign_in(user_id)
        self.hand_out(store, dropped, other)
        for _ in range(2):
            store.transact(lambda tx: tx.drop_pending_sign_in(dropped.token_hash))

        assert self.found(store, dropped, other) == [False, True]

    def test_the_oldest_goes_first(self, store: Store, add_user: AddUser) -> None:
        """Of one user as many live side by side as are to be kept; the oldest goes first, another user's never."""
        user_id, other_id = add_user("ann@example.com"), add_user("bob@example.com")
        many = [
            pending_sign_in(user_id, expires_at=MOMENT + timedelta(minutes=1, seconds=age)) for age in range(KEPT + 3)
        ]
        other = pending_sign_in(other_id, expires_at=MOMENT + timedelta(seconds=1))
        self.hand_out(store, other, *many)

        assert self.found(store, *many) == [False] * 3 + [True] * KEPT
        assert self.found(store, other) == [True]

    def test_the_expired_go_when_a_new_one_comes(self, store: Store, add_user: AddUser) -> None:
        """With a new pending sign-in the expired ones of its user go, those that expire at this moment too."""
        user_id, other_id = add_user("ann@example.com"), add_user("bob@example.com")
        moments = [MOMENT - timedelta(days=1), MOMENT, MOMENT + timedelta(microseconds=1)]
        own = [pending_sign_in(user_id, expires_at=moment) for moment in moments]
        other = pending_sign_in(other_id, expires_at=moments[0])
        self.hand_out(store, *own, other, at=MOMENT - timedelta(days=2))
        self.hand_out(store, pending_sign_in(user_id), at=MOMENT)

        assert self.found(store, *own, other) == [False, False, True, True]

    def test_what_a_session_has_proved_comes_back(self, store: Store, add_user: AddUser) -> None:
        """What a session has proved comes back as it was stored, beside the enrollment of its user."""
        user_id = add_user("ann@example.com")
        proved = [
            proved_session(user_id),
            proved_session(user_id, password_assurance(MOMENT)),
            proved_session(user_id, Assurance(("pwd", "mfa"), MOMENT, MOMENT - timedelta(microseconds=1))),
        ]
        self.save(store, full_enrollment(user_id))
        self.hand_out(store, *proved)
        read = store.read(lambda tx: [tx.session(user_id, one.session_hash) for one in proved])

        assert [(full_enrollment(user_id), one) for one in proved] == read

    def test_a_session_that_proved_nothing_has_its_user_still(self, store: Store, add_user: AddUser) -> None:
        """For a session of which nothing is kept the enrollment comes back alone, stored or blank."""
        stored, blank = add_user("ann@example.com"), add_user("bob@example.com")
        self.save(store, full_enrollment(stored))
        read = store.read(lambda tx: [tx.session(stored, fresh_hash()), tx.session(blank, fresh_hash())])

        assert [(full_enrollment(stored), None), (Enrollment(user_id=blank), None)] == read

    def test_a_session_proves_anew_in_place_of_before(self, store: Store, add_user: AddUser) -> None:
        """What a session proves takes the place of what it proved before."""
        before = proved_session(add_user("ann@example.com"))
        after = replace(before, epoch=1, assurance=second_factor_assurance(Authenticator.BACKUP_CODE, MOMENT))
        self.hand_out(store, before, after)

        assert self.found(store, before, after) == [False, True]

    def test_a_session_counts_for_its_own_user(self, store: Store, add_user: AddUser) -> None:
        """Under another user's name a session has proved nothing, whatever the host calls it."""
        proved, other_id = proved_session(add_user("ann@example.com")), add_user("bob@example.com")
        self.save(store, full_enrollment(other_id))
        self.hand_out(store, proved)
        read = store.read(lambda tx: tx.session(other_id, proved.session_hash))

        assert (full_enrollment(other_id), None) == read

    def test_what_was_handed_out_is_listed(self, store: Store, add_user: AddUser) -> None:
        """All that one user holds is listed, what lives longest or was proved last first, and nothing of others'."""
        user_id, other_id = add_user("ann@example.com"), add_user("bob@example.com")
        moments = [MOMENT + timedelta(minutes=number) for number in (1, 2, 3)]
        pending = [pending_sign_in(user_id, expires_at=moment) for moment in moments]
        proved = [proved_session(user_id, password_assurance(moment)) for moment in moments]
        self.hand_out(store, *pending, *proved, *handed_out_to(other_id))
        listed = store.read(lambda tx: [list(tx.pending_sign_ins(user_id)), list(tx.sessions(user_id))])

        assert [pending[::-1], proved[::-1]] == listed

    def test_dropping_one_session_leaves_the_rest(self, store: Store, add_user: AddUser) -> None:
        """What one session has proved goes alone, and only in the name of its own user; twice is no error."""
        user_id, other_id = add_user("ann@example.com"), add_user("bob@example.com")
        ended, kept, other = proved_session(user_id), proved_session(user_id), proved_session(other_id)
        self.hand_out(store, ended, kept, other)
        for handle in (ended.session_hash, ended.session_hash, other.session_hash):
            store.transact(lambda tx, handle=handle: tx.drop_session(user_id, handle))  # type: ignore[misc]

        assert self.found(store, ended, kept, other) == [False, True, True]

    def test_dropping_what_was_handed_out_leaves_the_rest(
        self, store: Store, add_user: AddUser, events_of: EventsOf
    ) -> None:
        """All pending sign-ins and proved sessions of one user go; row and events stay, and so do other users'."""
        user_id, other_id = add_user("ann@example.com"), add_user("bob@example.com")
        own, others = (handed_out_to(one) + handed_out_to(one) for one in (user_id, other_id))
        self.save(store, full_enrollment(user_id))
        self.hand_out(store, *own, *others)
        store.transact(lambda tx: tx.record(Event(user_id, EventKind.SIGNED_IN, MOMENT)))
        store.transact(lambda tx: tx.drop_handed_out(user_id))

        assert self.found(store, *own, *others) == [False] * 4 + [True] * 4
        assert full_enrollment(user_id) == self.enrollment(store, user_id)
        assert len(events_of(user_id)) == 1
