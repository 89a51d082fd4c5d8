"""The whole second factor of a user: status, disable, change of password, oblivion."""

import pytest

from tests.service.roads import CASES
from twofold.core.enrollment import Enrollment
from twofold.errors import CodeAlreadyUsed, InvalidCode, NotEnabled, UnknownUser
from twofold.service.context import token_hash
from twofold.testing.clock import NOON


def test_status_of_somebody_without_a_second_factor(auth, newcomer):
    """
    Before anything was set up, nothing is on, pending or left.
    """
    status = auth.enrollment.status(7)

    assert (status.enabled, status.pending, status.methods, status.backup_codes_remaining) == (False, False, (), 0)
    assert (status.enabled_at, status.last_used_at) == (None, None)


def test_status_tells_a_pending_set_up_until_it_expires(auth, newcomer, clock):
    """
    A set-up is told as pending for its ten minutes.
    """
    newcomer.scan()
    pending = auth.enrollment.status(7).pending
    clock.forward(minutes=10)

    assert pending
    assert not auth.enrollment.status(7).pending


def test_status_tells_when_a_factor_was_last_used(auth, person, clock):
    """
    The last use is that of the last proof that was accepted, by code or backup code; refusals and set-ups are none.
    """
    enrolled = auth.enrollment.status(7).last_used_at
    by_backup_code = clock.now()
    auth.backup_codes.burn(7, person.backup_code())
    clock.forward(minutes=1)
    with pytest.raises(InvalidCode):
        auth.totp.verify(7, person.wrong_code())
    auth.sign_in.begin(7)
    auth.totp.set_up(7, replace=True)
    auth.password_changed(7)
    status = auth.enrollment.status(7)

    assert (enrolled, by_backup_code) == (NOON, status.last_used_at)
    assert status.enabled_at == NOON


@pytest.mark.parametrize("backup", [False, True])
def test_disabling_removes_every_factor(auth, person, backup):
    """
    After a right code, or a backup code, no factor, set-up, code, count or wait is left, and the epoch has grown.
    """
    before = person.row.epoch
    auth.totp.set_up(7, replace=True)
    with pytest.raises(InvalidCode):
        auth.totp.verify(7, person.wrong_code())
    proved = auth.enrollment.disable(7, person.backup_code() if backup else person.code())

    assert Enrollment(user_id=7, epoch=before + 1, end_sessions=before + 1) == person.row
    assert (proved.epoch, proved.debt) == (before + 1, before + 1)
    assert auth.enrollment.status(7).last_used_at is None


def test_disabling_ends_what_was_handed_out(auth, person):
    """
    After disabling no session has proved anything.
    """
    person.sign_in("a session")
    auth.enrollment.disable(7, person.code())
    state = auth.sessions.state(7, "a session")

    assert (state.assurance, state.enabled, state.debt) == (None, False, person.row.epoch)


@pytest.mark.parametrize("name", ["disable", "password_changed", "confirm"])
def test_what_was_handed_out_is_deleted_with_a_change(person, store, name):
    """
    A change of factor or password leaves no row of a pending sign-in or a session behind.
    """
    person.sign_in("a session")
    token = person.begin().sign_in_token
    if name == "confirm":
        person.scan(replace=True)
    CASES[name](person)

    assert store.read(lambda tx: tx.pending_sign_in(token_hash(token))) is None
    assert store.read(lambda tx: tx.session(7, token_hash("a session")))[1] is None


def test_disabling_needs_a_right_proof(auth, person):
    """
    A wrong or used code leaves everything on, whoever asks.
    """
    auth.totp.verify(7, person.code())
    before = person.row
    with pytest.raises(CodeAlreadyUsed):
        auth.enrollment.disable(7, person.code())
    with pytest.raises(InvalidCode):
        auth.enrollment.disable(7, auth.typed_backup_code("0" * 24))

    assert (before.totp_secret, before.backup_codes, before.epoch) == (
        person.row.totp_secret,
        person.row.backup_codes,
        person.row.epoch,
    )


def test_what_is_off_cannot_be_disabled(auth, person):
    """
    Without a second factor there is nothing to disable; a set-up that is pending is no factor.
    """
    auth.enrollment.disable(7, person.code())
    person.scan()
    with pytest.raises(NotEnabled):
        auth.enrollment.disable(7, person.next_code())

    assert auth.enrollment.status(7).pending


def test_backup_codes_die_with_the_factors(auth, person):
    """
    After disabling and enrolling anew the old backup codes are wrong, and ten new ones are shown.
    """
    old = person.backup_code()
    auth.enrollment.disable(7, person.code())
    confirmed = person.enroll()
    with pytest.raises(InvalidCode):
        auth.backup_codes.burn(7, old)

    assert len(confirmed.backup_codes) == 10


def test_a_change_of_password_keeps_the_factors(auth, person):
    """
    A new password raises the epoch and ends pending set-ups; factors, counts and backup codes stay (G6).
    """
    before = person.row
    auth.totp.set_up(7, replace=True)
    auth.password_changed(7)

    assert {**vars(before), "epoch": before.epoch + 1} == vars(person.row)


def test_forgetting_leaves_nothing(auth, person, somebody_else, store, caplog):
    """
    Of a forgotten user nothing is left, neither row nor event, and a line in the log that names nobody; nobody else is
    touched.
    """
    caplog.set_level("INFO", "twofold")
    person.sign_in("a session")
    auth.forget(7)
    auth.forget(7)

    assert Enrollment(user_id=7, epoch=person.row.epoch) == person.row
    assert auth.sessions.state(7, "a session").assurance is None
    assert {8} == {event.user_id for event in store.events}
    assert somebody_else.row.enabled
    lines = [record.getMessage() for record in caplog.records if record.name == "twofold"]
    assert lines == ["Everything that was kept about one user's second factor was deleted."] * 2


def test_forgetting_somebody_unknown_does_nothing(auth, store):
    """
    An account may be gone already when it is forgotten.
    """
    auth.forget(99)
    with pytest.raises(UnknownUser):
        auth.enrollment.status(99)

    assert store.events == ()
