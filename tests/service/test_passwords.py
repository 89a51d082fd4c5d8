"""Wrong passwords where everything has one count: PCI DSS 4.0.1, 8.3.4."""

from datetime import timedelta

import pytest

from tests.service.people import Person
from twofold import PCI_DSS, TwoFactorAuth
from twofold.core.attempts import Attempts
from twofold.errors import InvalidCode, Locked, SignInFailed

HALF_AN_HOUR = timedelta(minutes=30)


@pytest.fixture
def strict(store, keys, clock, told):
    """The use cases with the profile of PCI DSS."""
    return TwoFactorAuth(issuer="Acme", keys=keys, store=store, clock=clock, policy=PCI_DSS, on_event=told.append)


@pytest.fixture
def newcomer(strict, clock):
    """Somebody without a second factor."""
    return Person(strict, clock, 7)


def fail(auth, times, user_id=7):
    for _ in range(times):
        with pytest.raises(SignInFailed):
            auth.sign_in.password_checked(user_id, right=False)


def test_the_tenth_wrong_password_locks_the_user(strict, newcomer, clock):
    """
    After ten wrong passwords the right one is refused as a wrong one is, for half an hour, and then it is not.
    """
    fail(strict, 10)
    with pytest.raises(SignInFailed) as of_the_right_one:
        strict.sign_in.password_checked(7, right=True)
    with pytest.raises(SignInFailed) as of_the_sign_in:
        strict.sign_in.begin(7)
    clock.moment += HALF_AN_HOUR
    strict.sign_in.password_checked(7, right=True)

    assert str(of_the_right_one.value) == str(of_the_sign_in.value) == SignInFailed.detail
    assert strict.sign_in.begin(7).assurance.aal == 1


def test_while_the_user_waits_nothing_more_is_counted(strict, newcomer):
    """
    Refused attempts while locked count nothing, and are told apart in the user's own events alone.
    """
    fail(strict, 10)
    locked = newcomer.row.attempts
    fail(strict, 5)
    with pytest.raises(SignInFailed):
        strict.sign_in.begin(7)

    assert newcomer.row.attempts == locked
    assert locked.failures == {"all": 10, "passwords": 10}


def test_passwords_and_codes_have_one_count(strict, person):
    """
    Five wrong passwords and five wrong codes lock everything: the right code, the right password, a backup code.
    """
    fail(strict, 5)
    for _ in range(5):
        with pytest.raises(InvalidCode):
            strict.totp.verify(7, person.wrong_code())

    with pytest.raises(Locked):
        strict.totp.verify(7, person.code())
    with pytest.raises(Locked):
        strict.backup_codes.burn(7, person.backup_code())
    with pytest.raises(SignInFailed):
        strict.sign_in.begin(7)
    with pytest.raises(SignInFailed):
        strict.sign_in.begin(7, person.shown())


def test_only_the_end_of_a_sign_in_resets_the_count(strict, person):
    """
    The right password of somebody with a second factor resets nothing, for a thief may know it; the code does.
    """
    fail(strict, 9)
    strict.sign_in.password_checked(7, right=True)
    pending = person.begin()
    before = person.row.attempts
    strict.sign_in.finish(pending.sign_in_token, person.code())

    assert before.failures == {"all": 9, "passwords": 9}
    assert person.row.attempts == Attempts()


def test_without_a_second_factor_the_password_resets_the_count(strict, newcomer):
    """
    Who signs in now and then mistypes nine times in a lifetime, and is not locked for it.
    """
    fail(strict, 9)
    strict.sign_in.begin(7)
    fail(strict, 9)

    assert newcomer.row.attempts.locked_until is None


def test_what_is_recorded_of_passwords(strict, newcomer, told):
    """
    PCI DSS 4.0.1, 10.2.1.4: every invalid attempt is an event, with the reason of its refusal.
    """
    fail(strict, 11)

    refused = [(event.kind.value, event.outcome) for event in told]
    assert refused == [("password_refused", "sign-in-failed")] * 10 + [("password_refused", "locked")]


def test_a_user_who_is_gone_is_a_wrong_password(strict):
    """
    Who left between the reading of the hash and its answer is told what a stranger is told.
    """
    for right in (False, True):
        with pytest.raises(SignInFailed):
            strict.sign_in.password_checked(99, right=right)


def test_elsewhere_a_password_is_not_counted(auth, store, told):
    """
    Outside PCI DSS nobody without the password can make a user wait (G4); a wrong one is refused all the same.
    """
    fail(auth, 50)
    auth.sign_in.password_checked(7, right=True)

    assert store.read(lambda tx: tx.enrollment(7)).attempts == Attempts()
    assert told == []
