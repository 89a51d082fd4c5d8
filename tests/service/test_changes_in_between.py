"""What was decided before a change is worth nothing after it, and what a change renews is renewed whole."""

from dataclasses import replace

import pytest

from twofold.core.backup_codes import new_backup_codes, typed_backup_code
from twofold.errors import FactorDisabled, InvalidCode, Locked, NotSignedIn, SignInTokenDead


def guess(person, times):
    """Type so many backup codes that nobody has."""
    for code in (typed_backup_code(code) for _ in range(times // 10) for code in new_backup_codes(person.auth.policy)):
        with pytest.raises(InvalidCode):
            person.auth.backup_codes.burn(person.user_id, code)


def test_a_password_that_changed_since_it_was_read_begins_nothing(newcomer):
    """
    A sign-in whose password was read before a change of the password is refused, although it was right.
    """
    before = newcomer.row.epoch
    newcomer.auth.password_changed(newcomer.user_id)

    with pytest.raises(SignInTokenDead):
        newcomer.auth.sign_in.begin(newcomer.user_id, epoch=before)
    assert newcomer.auth.sign_in.begin(newcomer.user_id, epoch=newcomer.row.epoch).epoch == newcomer.row.epoch


def test_of_two_changes_decided_at_one_moment_one_happens(newcomer):
    """
    A change of the password that was allowed before another change of factor or password is refused.
    """
    before = newcomer.row.epoch
    newcomer.auth.password_changed(newcomer.user_id, end_sessions=True, epoch=before)
    after = newcomer.row

    with pytest.raises(NotSignedIn):
        newcomer.auth.password_changed(newcomer.user_id, end_sessions=True, epoch=before)
    assert after == newcomer.row


def test_a_change_allowed_without_a_factor_is_refused_once_there_is_one(newcomer):
    """
    Who was let in while there was no second factor changes no password after one was set up.
    """
    before = newcomer.row.epoch
    newcomer.enroll()

    with pytest.raises(NotSignedIn):
        newcomer.auth.password_changed(newcomer.user_id, epoch=before)


def test_new_backup_codes_begin_with_a_count_of_their_own(newcomer):
    """
    A set that the cap has switched off is dead; a new set works, with nothing counted against it.
    """
    newcomer.enroll()
    guess(newcomer, newcomer.auth.policy.cap)
    with pytest.raises(FactorDisabled):
        newcomer.auth.backup_codes.burn(newcomer.user_id, newcomer.backup_code())
    codes = newcomer.auth.backup_codes.regenerate(newcomer.user_id, newcomer.code())

    assert newcomer.auth.backup_codes.burn(newcomer.user_id, typed_backup_code(codes[0])) == 9


def test_a_wait_from_a_future_that_never_came_holds_nobody(newcomer, clock):
    """
    A wait that was set while the clock was a year ahead is over once the clock is right again.
    """
    newcomer.enroll()
    clock.forward(minutes=60 * 24 * 365)
    for _ in range(5):
        with pytest.raises(InvalidCode):
            newcomer.auth.totp.verify(newcomer.user_id, newcomer.wrong_code())
    with pytest.raises(Locked):
        newcomer.auth.totp.verify(newcomer.user_id, newcomer.wrong_code())
    clock.forward(minutes=-60 * 24 * 365)

    assert newcomer.auth.totp.verify(newcomer.user_id, newcomer.code()) > 0


def test_a_session_that_starts_too_late_leaves_the_newer_proof_alone(newcomer):
    """
    A sign-in that a change overtook owes the end of all sessions, and what was proved since the change still holds.
    """
    late = newcomer.auth.sign_in.begin(newcomer.user_id)
    newer = newcomer.enroll().proved
    with pytest.raises(SignInTokenDead):
        newcomer.auth.sessions.started(late, "late")
    owed = newcomer.row.end_sessions

    assert newcomer.row.epoch == newer.epoch
    assert owed > newer.epoch
    newcomer.auth.sessions.still_holds(newer)
    with pytest.raises(SignInTokenDead):
        newcomer.auth.sessions.still_holds(late)


def test_a_late_debt_is_not_paid_for_an_earlier_one(newcomer):
    """
    Who pays the debt of the change itself does not clear the one that a late session incurred after it.
    """
    late = newcomer.auth.sign_in.begin(newcomer.user_id)
    change = newcomer.enroll().proved
    newcomer.auth.store.transact(lambda tx: tx.save(replace(tx.lock(newcomer.user_id), end_sessions=change.debt)))
    with pytest.raises(SignInTokenDead):
        newcomer.auth.sessions.started(late, "late")
    newcomer.auth.sessions.paid(newcomer.user_id, change.debt)

    assert newcomer.row.end_sessions > change.debt
