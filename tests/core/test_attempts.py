"""Failures in a row: the table of waits, the cap, and whose count is whose."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twofold.core.attempts import Attempts, wait_after
from twofold.core.factors import Factor
from twofold.core.policy import AAL2, PCI_DSS, RECOMMENDED
from twofold.testing.clock import NOON

TOTP, BACKUP_CODE, WEBAUTHN = Factor
TYPED = (TOTP, BACKUP_CODE)
"""What can be guessed: the others are counted only where everything is."""


def after_failures(factor, number, policy, attempts=Attempts()):  # noqa: B008 - frozen
    for _ in range(number):
        attempts = attempts.failed(factor, NOON, policy)
    return attempts


@pytest.mark.parametrize("policy", [RECOMMENDED, AAL2], ids=lambda policy: policy.name)
@pytest.mark.parametrize(
    ("failures", "seconds"),
    [
        *[(0, 0), (1, 0), (2, 0), (3, 0), (4, 0)],
        *[(5, 30), (6, 60), (7, 120), (8, 240), (9, 480), (10, 960)],
        *[(11, 1800), (12, 1800), (50, 1800), (100, 1800), (10**9, 1800)],
    ],
)
def test_the_wait_doubles_from_30_seconds_to_30_minutes(failures, seconds, policy):
    """
    The fifth failure in a row sets 30 s, each further one doubles the wait, and none is longer than 30 min.
    """
    assert timedelta(seconds=seconds) == wait_after(failures, policy)


@pytest.mark.parametrize(
    ("failures", "minutes"), [(0, 0), (9, 0), (10, 30), (11, 30), (20, 30), (100, 30), (10**9, 30)]
)
def test_pci_dss_waits_half_an_hour_from_the_tenth_failure_on(failures, minutes):
    """
    PCI DSS 4.0.1, 8.3.4: lock out after not more than 10 attempts, for a minimum of 30 minutes.
    """
    assert timedelta(minutes=minutes) == wait_after(failures, PCI_DSS)


@given(failures=st.integers(0, 10**12), policy=st.sampled_from([RECOMMENDED, AAL2, PCI_DSS]))
def test_a_wait_never_shrinks_with_another_failure(failures, policy):
    """
    One failure more never makes the wait shorter, and no count is too large.
    """
    assert wait_after(failures, policy) <= wait_after(failures + 1, policy) <= timedelta(minutes=30)


@pytest.mark.parametrize(
    ("policy", "factor", "first_wait_at"),
    [(RECOMMENDED, TOTP, 5), (AAL2, TOTP, 5), (PCI_DSS, TOTP, 10), (PCI_DSS, BACKUP_CODE, 10)],
)
def test_the_first_wait_comes_with_its_failure_and_not_before(policy, factor, first_wait_at):
    """
    All failures before the one that the policy names are answered at once.
    """
    before = after_failures(factor, first_wait_at - 1, policy)
    after = before.failed(factor, NOON, policy)

    assert before.wait_of(factor, NOON, policy) is None
    assert NOON + wait_after(first_wait_at, policy) == after.wait_of(factor, NOON, policy)


@pytest.mark.parametrize(("ahead", "waits"), [(0, True), (30, True), (31, False), (86_400, False)])
def test_a_wait_that_is_too_long_holds_nobody(ahead, waits):
    """
    The longest wait holds also on a host whose clock is behind by no more than the drift, so that no guess is free
    there; set by a clock that was further ahead, it holds nobody (G17).
    """
    attempts = after_failures(TOTP, RECOMMENDED.cap, RECOMMENDED)
    behind = NOON - timedelta(seconds=ahead)

    assert waits == (attempts.wait_of(TOTP, behind, RECOMMENDED) is not None)


@pytest.mark.parametrize("policy", [RECOMMENDED, AAL2, PCI_DSS], ids=lambda policy: policy.name)
def test_a_wait_ends_to_the_microsecond(policy):
    """
    One waits until the moment that was told, and at that moment one attempt is free.
    """
    attempts = after_failures(TOTP, policy.first_wait_at, policy)
    until = NOON + policy.first_wait
    moments = (until - timedelta(microseconds=1), until)

    assert [until, None] == [attempts.wait_of(TOTP, moment, policy) for moment in moments]


def test_after_a_wait_one_attempt_is_free_and_its_failure_doubles_the_wait():
    """
    The count goes on over waits that have passed: they are the same row of failures.
    """
    attempts, moment, waits = after_failures(TOTP, 5, RECOMMENDED), NOON, []
    for _ in range(7):
        moment = attempts.locked_until
        attempts = attempts.failed(TOTP, moment, RECOMMENDED)
        waits.append((attempts.locked_until - moment).total_seconds())

    assert waits == [60, 120, 240, 480, 960, 1800, 1800]


@pytest.mark.parametrize("policy", [RECOMMENDED, AAL2], ids=lambda policy: policy.name)
def test_a_wait_of_the_app_does_not_hold_back_backup_codes(policy):
    """
    Outside PCI DSS the owner always has a way in while typed codes wait.
    """
    attempts = after_failures(TOTP, 30, policy)

    assert attempts.wait_of(TOTP, NOON, policy) is not None
    assert attempts.wait_of(BACKUP_CODE, NOON, policy) is None


@pytest.mark.parametrize("policy", [RECOMMENDED, AAL2], ids=lambda policy: policy.name)
def test_wrong_backup_codes_set_no_wait(policy):
    """
    A backup code has 120 bits, so guessing them costs nobody a wait; they have the cap alone.
    """
    attempts = after_failures(BACKUP_CODE, 99, policy)
    waiting = [attempts.wait_of(factor, NOON, policy) for factor in Factor]

    assert waiting == [None, None, None]
    assert not attempts.capped(BACKUP_CODE, policy)
    assert attempts.failed(BACKUP_CODE, NOON, policy).capped(BACKUP_CODE, policy)


@pytest.mark.parametrize("mixed", [(TOTP, BACKUP_CODE), (BACKUP_CODE, TOTP)])
def test_pci_dss_counts_all_factors_together_and_holds_all_back(mixed):
    """
    PCI DSS locks the user: nine failures of one factor and one of another make everything wait.
    """
    first, second = mixed
    attempts = after_failures(first, 9, PCI_DSS).failed(second, NOON, PCI_DSS)

    assert [NOON + timedelta(minutes=30)] * 3 == [attempts.wait_of(factor, NOON, PCI_DSS) for factor in Factor]


@pytest.mark.parametrize("factor", TYPED)
def test_one_hundred_failures_in_a_row_kill_a_factor(factor):
    """
    NIST SP 800-63B-4, 3.2.2: no more than 100 consecutive failed attempts on a single authenticator.
    """
    before = after_failures(factor, 99, RECOMMENDED)
    after = before.failed(factor, NOON, RECOMMENDED)
    other = next(one for one in Factor if one is not factor)

    assert (before.capped(factor, RECOMMENDED), after.capped(factor, RECOMMENDED)) == (False, True)
    assert not after.capped(other, RECOMMENDED)


def test_the_wrong_answers_of_keys_count_nothing():
    """
    Nobody guesses the answer of a key: a wrong one is no failure, and sets no wait, but where there is one count.
    """
    assert Attempts() == after_failures(WEBAUTHN, 200, RECOMMENDED)
    assert after_failures(WEBAUTHN, 10, PCI_DSS).wait_of_user(NOON, PCI_DSS) == NOON + timedelta(minutes=30)


def test_pci_dss_has_one_cap_for_all_factors():
    """
    Where there is one count, its cap is that of every factor.
    """
    attempts = after_failures(BACKUP_CODE, 50, PCI_DSS, after_failures(TOTP, 50, PCI_DSS))

    assert [attempts.capped(factor, PCI_DSS) for factor in Factor] == [True, True, True]


@pytest.mark.parametrize(("factor", "other"), [(TOTP, BACKUP_CODE), (BACKUP_CODE, TOTP)])
def test_a_success_resets_its_own_count_alone(factor, other):
    """
    NIST SP 800-63B-4, 3.2.2: a success resets the counts of the authenticators that were used.
    """
    attempts = after_failures(TOTP, 7, RECOMMENDED, after_failures(BACKUP_CODE, 3, RECOMMENDED))
    after = attempts.succeeded(factor, RECOMMENDED)

    assert after.failures_of(factor, RECOMMENDED) == 0
    assert attempts.failures_of(other, RECOMMENDED) == after.failures_of(other, RECOMMENDED)


def test_a_backup_code_does_not_end_the_wait_of_the_app():
    """
    Who gets in by a backup code does not give a guesser of codes a fresh start.
    """
    attempts = after_failures(TOTP, 5, RECOMMENDED)

    assert attempts.wait_of(TOTP, NOON, RECOMMENDED) == attempts.succeeded(BACKUP_CODE, RECOMMENDED).locked_until
    assert attempts.succeeded(TOTP, RECOMMENDED).locked_until is None


def test_a_success_in_pci_dss_begins_the_one_count_again():
    """
    Where there is one count, any success begins it again and ends its wait.
    """
    attempts = after_failures(TOTP, 12, PCI_DSS).succeeded(BACKUP_CODE, PCI_DSS)

    assert Attempts() == attempts


@given(
    happenings=st.lists(st.tuples(st.sampled_from(Factor), st.booleans()), max_size=120),
    policy=st.sampled_from([RECOMMENDED, PCI_DSS]),
)
def test_the_count_is_that_of_the_failures_since_the_last_success(happenings, policy):
    """
    For any history a factor's count is the number of failures on it since its last success.
    """
    attempts = Attempts()
    expected = dict.fromkeys(Factor, 0)
    for factor, right in happenings:
        attempts = attempts.succeeded(factor, policy) if right else attempts.failed(factor, NOON, policy)
        for one in Factor if policy.one_count else [factor]:
            expected[one] = 0 if right else expected[one] + (policy.one_count or factor in TYPED)

    assert expected == {factor: attempts.failures_of(factor, policy) for factor in Factor}


def test_wrong_passwords_count_where_there_is_one_count():
    """
    PCI DSS 4.0.1, 8.3.4: nine wrong passwords and a wrong code of any kind are ten failures; elsewhere a wrong password
    is no failure of the second factor (G4).
    """
    attempts = {policy.name: Attempts() for policy in (RECOMMENDED, PCI_DSS)}
    for policy in (RECOMMENDED, PCI_DSS):
        for _ in range(9):
            attempts[policy.name] = attempts[policy.name].password_failed(NOON, policy)
        attempts[policy.name] = attempts[policy.name].failed(TOTP, NOON, policy)

    assert attempts["recommended"].failures == {"totp": 1}
    assert attempts["recommended"].wait_of_user(NOON, RECOMMENDED) is None
    assert attempts["pci_dss"].wait_of_user(NOON, PCI_DSS) == NOON + timedelta(minutes=30)
    assert attempts["pci_dss"].wait_of_user(NOON + timedelta(minutes=30), PCI_DSS) is None


@pytest.mark.parametrize("factor", Factor)
def test_wrong_passwords_kill_no_factor(factor):
    """
    NIST SP 800-63B-4, 3.2.2, counts for the cap what failed of the authenticator itself: who knows but an address makes
    its owner wait, and never enroll anew.
    """
    attempts = Attempts()
    for _ in range(200):
        attempts = attempts.password_failed(NOON, PCI_DSS)
    almost = after_failures(TOTP, 99, PCI_DSS, attempts)

    assert [one.capped(factor, PCI_DSS) for one in (attempts, almost)] == [False, False]
    assert almost.failed(BACKUP_CODE, NOON, PCI_DSS).capped(factor, PCI_DSS)


@pytest.mark.parametrize("factor", Factor)
def test_a_success_forgets_the_wrong_passwords_too(factor):
    """
    The one count begins again as a whole, so that no failure of the past hides one of the future from the cap.
    """
    attempts = Attempts()
    for _ in range(50):
        attempts = attempts.password_failed(NOON, PCI_DSS)
    attempts = attempts.succeeded(factor, PCI_DSS)

    assert attempts == Attempts()
    assert after_failures(TOTP, 100, PCI_DSS, attempts).capped(TOTP, PCI_DSS)


def test_a_right_password_resets_the_one_count_and_no_other():
    """
    NIST SP 800-63B-4, 3.2.2: what is reset is what was used; nobody resets the count of an app with a password alone.
    """
    attempts = after_failures(TOTP, 4, RECOMMENDED)

    assert attempts.password_sufficed(RECOMMENDED) is attempts
    assert after_failures(TOTP, 4, PCI_DSS).password_sufficed(PCI_DSS) == Attempts()
