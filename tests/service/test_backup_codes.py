"""Backup codes: burned once, replaced as a whole."""

import pytest

from twofold.core.backup_codes import new_backup_codes, typed_backup_code
from twofold.core.policy import RECOMMENDED
from twofold.errors import CodeAlreadyUsed, FactorDisabled, InvalidCode, MalformedCode, NotEnabled


def test_ten_backup_codes_work_once_each(auth, person):
    """
    Each of the ten works, counting down what is left, and none works twice (G5).
    """
    remaining = [auth.backup_codes.burn(7, person.backup_code(place)) for place in range(10)]
    for place in range(10):
        with pytest.raises(CodeAlreadyUsed):
            auth.backup_codes.burn(7, person.backup_code(place))

    assert remaining == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]
    assert person.row.attempts.failures == {}


def test_without_backup_codes_left_they_are_no_method(auth, person):
    """
    When the last backup code is burned, the app is the only method that is left.
    """
    for place in range(10):
        auth.backup_codes.burn(7, person.backup_code(place))
    status = auth.enrollment.status(7)

    assert (status.enabled, status.methods, status.backup_codes_remaining) == (True, ("totp",), 0)


def test_regenerating_kills_the_whole_old_set(auth, person):
    """
    After regenerating, ten new codes work, and none of the old ones, used or not (G5).
    """
    auth.backup_codes.burn(7, person.backup_code())
    old = [typed_backup_code(code) for code in person.backup_codes]
    person.backup_codes = auth.backup_codes.regenerate(7, person.code())
    for code in old:
        with pytest.raises(InvalidCode):
            auth.backup_codes.burn(7, code)
    remaining = auth.backup_codes.burn(7, person.backup_code())

    assert remaining == 9
    assert person.row.attempts.failures == {}


def test_regenerating_ends_no_session(auth, person):
    """
    Backup codes are no factor of their own: a new set leaves epoch, sessions and pending sign-ins as they are.
    """
    person.sign_in("a session")
    pending, before = person.begin(), person.row
    auth.backup_codes.regenerate(7, person.code())
    after = person.row
    state = auth.sessions.state(7, "a session")
    finished = auth.sign_in.finish(pending.sign_in_token, person.next_code())

    assert (before.epoch, before.end_sessions) == (after.epoch, after.end_sessions)
    assert state.assurance is not None
    assert finished.assurance.aal == 2


@pytest.mark.parametrize("wrong", [True, False])
def test_a_set_that_was_not_regenerated_stays(auth, person, wrong):
    """
    A wrong or used code changes nothing in the set.
    """
    if not wrong:
        auth.totp.verify(7, person.code())
    before = person.row.backup_codes
    with pytest.raises(InvalidCode if wrong else CodeAlreadyUsed):
        auth.backup_codes.regenerate(7, person.wrong_code() if wrong else person.code())

    assert before == person.row.backup_codes
    assert auth.backup_codes.burn(7, person.backup_code()) == 9


def test_wrong_backup_codes_are_counted_up_to_the_cap_without_a_wait(auth, person):
    """
    A hundred wrong backup codes switch them off, make nobody wait, and leave the app alone.
    """
    for code in new_backup_codes(RECOMMENDED) * 10:
        with pytest.raises(InvalidCode):
            auth.backup_codes.burn(7, typed_backup_code(code))
    with pytest.raises(FactorDisabled):
        auth.backup_codes.burn(7, person.backup_code())
    status = auth.enrollment.status(7)
    step = auth.totp.verify(7, person.code())

    assert status.methods == ("totp",)
    assert person.row.last_step == step
    assert person.row.attempts.failures == {"backup_code": 100}


def test_a_backup_code_of_somebody_else_is_wrong(auth, person, somebody_else):
    """
    What one person wrote down opens nothing of another's.
    """
    with pytest.raises(InvalidCode):
        auth.backup_codes.burn(7, somebody_else.backup_code())

    assert auth.enrollment.status(8).backup_codes_remaining == 10


def test_who_has_no_second_factor_has_no_backup_codes(auth, newcomer, person, somebody_else):
    """
    Without a second factor nothing is burned or regenerated, and nothing is counted.
    """
    auth.enrollment.disable(8, somebody_else.code())
    with pytest.raises(NotEnabled):
        auth.backup_codes.burn(8, somebody_else.backup_code())
    with pytest.raises(NotEnabled):
        auth.backup_codes.regenerate(8, somebody_else.code())

    assert somebody_else.row.attempts.failures == {}


def test_a_malformed_backup_code_is_not_counted(auth, person):
    """
    What cannot be a backup code is refused before anything is looked at (G13).
    """
    before = person.row
    for typed in ("", "123456", "0" * 23, "\uff10" * 24, "0" * 10**6):
        with pytest.raises(MalformedCode):
            auth.verify_backup_code(7, typed)

    assert before == person.row


def test_what_is_stored_is_digests_under_a_seal(person, store):
    """
    No backup code stands in the stored row, in no spelling.
    """
    stored = repr({one: vars(person.row)[one] for one in vars(person.row)})

    assert "backup_codes" in stored
    assert [code for code in person.backup_codes if code in stored or code.replace("-", "") in stored] == []
