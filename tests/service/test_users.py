"""What an operator does for users, and sees of them."""

from dataclasses import replace
from datetime import timedelta

import pytest

from twofold import PCI_DSS, Factor, FactorDisabled, InvalidCode, Locked
from twofold.core.attempts import Attempts
from twofold.core.sealing import Sealed
from twofold.errors import InvalidRequest, NotEnabled, SignInTokenDead, UnknownUser
from twofold.service.sessions import Proved

WHY = "Lost the phone and the codes; showed his passport. Ticket 4711."


def test_a_reset_removes_every_factor(auth, person, told):
    """
    After a reset nothing of the second factor is stored, as NULL and not as text; the password alone signs in.
    """
    person.scan(replace=True)
    told.clear()
    debt = auth.users.reset(7, reason=WHY, actor="admin 1")

    row = person.row
    assert (row.totp_secret, row.pending_secret, row.backup_codes, row.enabled) == (None, None, None, False)
    assert row.end_sessions == debt > 0
    assert isinstance(auth.sign_in.begin(7), Proved)
    event = told[0]
    assert (event.kind, event.user_id, event.actor, event.reason) == ("second_factor_reset", 7, "admin 1", WHY)


def test_a_reset_ends_what_was_handed_out(auth, person):
    """
    A sign-in that waits for its code dies with the factor, and what sessions have proved is forgotten.
    """
    person.sign_in("a session")
    token = person.begin().sign_in_token
    auth.users.reset(7, reason=WHY, actor="admin 1")

    with pytest.raises(SignInTokenDead):
        auth.sign_in.finish(token, person.code())
    assert auth.sessions.state(7, "a session").assurance is None


def test_a_reset_drops_its_sign_ins_too(auth, person, store):
    """
    Nothing of what was handed out is kept after a reset, although it would open nothing any more.
    """
    person.sign_in("a session")
    person.begin()
    auth.users.reset(7, reason=WHY, actor="admin 1")

    assert store.read(lambda tx: (list(tx.pending_sign_ins(7)), list(tx.sessions(7)))) == ([], [])


def test_a_reset_does_not_need_the_key(auth, person, store):
    """
    Also a factor whose stored value does not open can be reset: that may be why.
    """
    damaged = replace(person.row, totp_secret=Sealed("damaged"), backup_codes=Sealed("damaged"))
    store.transact(lambda tx: tx.save(damaged))
    auth.users.reset(7, reason=WHY, actor="admin 1")

    assert person.row.totp_secret is None


def test_where_there_is_nothing_nothing_is_reset(auth, newcomer, told):
    """
    A user without anything to remove is told as such, and no event says otherwise.
    """
    for dry_run in (True, False):
        with pytest.raises(NotEnabled):
            auth.users.reset(7, reason=WHY, actor="admin 1", dry_run=dry_run)
    assert told == []


def test_a_dry_run_changes_nothing(auth, person, told):
    """
    Whether a reset can be done is found out without doing it.
    """
    before = person.row
    told.clear()
    auth.users.reset(7, reason=WHY, actor="admin 1", dry_run=True)
    auth.users.unlock(7, reason=WHY, actor="admin 1", dry_run=True)

    assert person.row == before
    assert told == []


def test_a_set_up_that_waits_is_reset_too(auth, newcomer):
    """
    A set-up that somebody has begun, perhaps somebody else, goes with the reset.
    """
    newcomer.scan()
    auth.users.reset(7, reason=WHY, actor="admin 1")

    assert newcomer.row.pending_secret is None


def test_unlocking_ends_the_wait_and_no_count(auth, person, told):
    """
    After unlocking a code is looked at again; the next wrong one sets a wait that is longer than the first.
    """
    for _ in range(5):
        with pytest.raises(InvalidCode):
            auth.totp.verify(7, person.wrong_code())
    told.clear()
    auth.users.unlock(7, reason=WHY, actor="admin 1")

    with pytest.raises(InvalidCode):
        auth.totp.verify(7, person.wrong_code())
    assert person.row.attempts.failures == {"totp": 6}
    assert person.row.attempts.locked_until == person.clock.now() + timedelta(seconds=60)
    assert [(event.kind, event.actor, event.reason) for event in told[:1]] == [("unlocked", "admin 1", WHY)]


def test_unlocking_lets_the_owner_in(auth, person):
    """
    After unlocking the right code is accepted at once, and begins the count again.
    """
    for _ in range(5):
        with pytest.raises(InvalidCode):
            auth.totp.verify(7, person.wrong_code())
    with pytest.raises(Locked):
        auth.totp.verify(7, person.code())
    auth.users.unlock(7, reason=WHY, actor="admin 1")
    auth.totp.verify(7, person.code())

    assert person.row.attempts == Attempts()


def test_unlocking_revives_no_factor(auth, person, store):
    """
    A factor that was switched off by the cap stays so: it needs to be enrolled anew.
    """
    store.transact(lambda tx: tx.save(replace(person.row, attempts=Attempts({"totp": 100}))))
    auth.users.unlock(7, reason=WHY, actor="admin 1")

    with pytest.raises(FactorDisabled):
        auth.totp.verify(7, person.code())


def test_unlocking_where_everything_waits(auth, person, store):
    """
    With one count for everything, unlocking lets the user sign in again, with password and code.
    """
    auth.policy = PCI_DSS
    waits = Attempts({"all": 10}, person.clock.now() + timedelta(minutes=30))
    store.transact(lambda tx: tx.save(replace(person.row, attempts=waits)))
    auth.users.unlock(7, reason=WHY, actor="admin 1")

    assert person.sign_in("a session").assurance.aal == 2
    assert person.row.attempts.failures_of(Factor.TOTP, PCI_DSS) == 0


@pytest.mark.parametrize("reason", ["", "   ", "x" * 256, "two\nlines", "\x1b[31mred", "a\0b"])
def test_a_reason_says_something_on_one_line(auth, person, told, reason):
    """
    A reason that is empty, too long or no line is refused, and nothing is changed.
    """
    told.clear()
    for act in (auth.users.reset, auth.users.unlock):
        with pytest.raises(InvalidRequest):
            act(7, reason=reason, actor="admin 1")

    assert person.row.enabled
    assert told == []


def test_who_does_it_writes_no_line_of_his_own(auth, person, told):
    """
    What names an operator is cut to one line of bounded length.
    """
    auth.users.unlock(7, reason=WHY, actor="\x1b[0m\nroot " + "x" * 500)

    assert told[-1].actor == ("[0mroot " + "x" * 500)[:128]


def test_an_unknown_user_is_told_as_such(auth):
    """
    For nobody nothing is reset, unlocked or found.
    """
    for act in (auth.users.reset, auth.users.unlock):
        with pytest.raises(UnknownUser):
            act(99, reason=WHY, actor="admin 1")
    with pytest.raises(UnknownUser):
        auth.users.find("nobody@example.com")


def test_a_user_is_found_by_id_or_by_name(auth):
    """
    The text of an id finds the user, and the account name does.
    """
    assert (auth.users.find("7"), auth.users.find("bob@example.com")) == (7, 8)


def test_users_come_page_by_page(auth, person, store):
    """
    A page says with which cursor the next one is asked for; the last says that there is none.
    """
    for user_id in range(100, 103):
        store.add_user(user_id, "somebody")
    first = auth.users.page(q="some", at_most=2)
    then = auth.users.page(q="some", at_most=2, cursor=first.next_cursor)

    assert [one.user_id for one in (*first.items, *then.items)] == [100, 101, 102]
    assert then.next_cursor is None
    assert [one.user_id for one in auth.users.page(enabled=True).items] == [7]


def test_a_cursor_that_is_none_is_refused(auth):
    """
    What no page gave is no cursor, of users or of events.
    """
    with pytest.raises(InvalidRequest):
        auth.users.page(cursor="nobody")
    for cursor in ("", "-1", "x", "1" * 40, "٣"):
        with pytest.raises(InvalidRequest):
            auth.events.of_everybody(cursor)


def test_everybodys_events_come_page_by_page(auth, person, somebody_else):
    """
    An operator sees everybody's events, the newest first, or those of one user.
    """
    first = auth.events.of_everybody(at_most=2)
    then = auth.events.of_everybody(first.next_cursor, at_most=50)

    numbers = [event.number for event in (*first.items, *then.items)]
    assert numbers == sorted(numbers, reverse=True)
    assert then.next_cursor is None
    assert {event.user_id for event in auth.events.of_everybody(only=8).items} == {8}
    assert {event.user_id for event in (*first.items, *then.items)} == {7, 8}


def test_adoption_counts_everybody(auth, person):
    """
    Everybody counts, and those who have a second factor count among them.
    """
    found = auth.users.adoption()

    assert (found.users, found.enabled, found.totp, found.without_factor) == (2, 1, 1, 0)
