"""The numbers, against what the standards demand."""

from dataclasses import FrozenInstanceError, fields, replace
from datetime import timedelta

import pytest

from twofold.core.policy import AAL2, BOUNDS, PCI_DSS, PROFILE_BOUNDS, PROFILES, RECOMMENDED, checked_policy
from twofold.errors import ConfigurationError

profiles = pytest.mark.parametrize("policy", PROFILES.values(), ids=PROFILES)


def test_the_profiles_have_the_names_under_which_they_are_set():
    """
    The three profiles are found by the names that a setting gives them.
    """
    assert {"recommended": RECOMMENDED, "aal2": AAL2, "pci_dss": PCI_DSS} == PROFILES


@profiles
def test_codes_are_what_every_authenticator_app_shows(policy):
    """
    Six digits every thirty seconds, one step of drift each way: apps ignore anything else in silence.
    """
    assert (policy.digits, policy.period, policy.drift) == (6, 30, 1)


@profiles
def test_a_secret_is_as_strong_as_the_rfc_recommends(policy):
    """
    RFC 4226, section 4, R6: 160 bits recommended; NIST SP 800-63B-4, 3.1.4.1: at least 112.
    """
    assert policy.secret_bytes * 8 == 160


@profiles
def test_a_code_lives_no_longer_than_two_minutes(policy):
    """
    NIST SP 800-63B-4, 3.1.4.1: the time nonce changes at least every two minutes.
    """
    assert policy.period * (2 * policy.drift + 1) <= 120


@profiles
def test_no_factor_takes_more_than_a_hundred_failures_in_a_row(policy):
    """
    NIST SP 800-63B-4, 3.2.2: no more than 100 consecutive failed attempts.
    """
    assert policy.first_wait_at < policy.cap <= 100


@pytest.mark.parametrize("policy", [RECOMMENDED, AAL2], ids=lambda policy: policy.name)
def test_waits_are_those_that_nist_suggests(policy):
    """
    NIST SP 800-63B-4, 3.2.2: a wait of 30 seconds up to an hour, growing with the failures.
    """
    waits = (policy.first_wait_at, policy.first_wait, policy.longest_wait)

    assert (5, timedelta(seconds=30), timedelta(minutes=30)) == waits
    assert not policy.one_count


def test_pci_dss_locks_the_user():
    """
    PCI DSS 4.0.1, 8.3.4: the user is locked after not more than ten attempts for at least 30 minutes; 8.2.8: a session
    is idle for at most 15.
    """
    assert PCI_DSS.one_count
    assert PCI_DSS.first_wait_at == 10
    assert timedelta(minutes=30) == PCI_DSS.first_wait
    assert timedelta(minutes=15) == PCI_DSS.session_idle


def test_who_demands_that_sessions_can_be_ended():
    """
    NIST SP 800-63B-4, 5.1, and PCI DSS 4.0.1, 8.2.5: a host that cannot end its sessions is refused by both profiles.
    """
    assert [policy.must_end_sessions for policy in (RECOMMENDED, AAL2, PCI_DSS)] == [False, True, True]


def test_pci_dss_differs_in_what_it_demands_alone():
    """
    The profile changes the numbers that PCI DSS names, and no other.
    """
    different = {
        one.name for one in fields(RECOMMENDED) if getattr(PCI_DSS, one.name) != getattr(RECOMMENDED, one.name)
    }

    assert different == {
        "name",
        "first_wait_at",
        "first_wait",
        "one_count",
        "must_end_sessions",
        "session_idle",
        "password_window",
        "limits_fail_closed",
        "addresses_kept",
    }


@profiles
def test_lives_are_short(policy):
    """
    A set-up waits 10 min, a pending sign-in 5 min, a second factor is fresh for 300 s, a session ends within a day.
    """
    lives = (policy.set_up_life, policy.sign_in_life, policy.max_age, policy.session_life)

    assert (timedelta(minutes=10), timedelta(minutes=5), timedelta(seconds=300), timedelta(hours=24)) == lives
    assert (policy.backup_codes, policy.pending_sign_ins) == (10, 50)


@profiles
def test_a_profile_cannot_be_changed_in_passing(policy):
    """
    A profile is a value: who wants other numbers makes another.
    """
    with pytest.raises(FrozenInstanceError):
        policy.cap = 10**6

    assert policy.cap == 100


def outside(bounds):
    """A number on each side of the bounds that is not within them."""
    if isinstance(bounds.lowest, bool):
        return [not bounds.lowest]
    unit = timedelta(microseconds=1) if isinstance(bounds.lowest, timedelta) else 1
    return [bounds.lowest - unit, bounds.highest + unit]


EVERY_BOUND = [
    pytest.param(replace(RECOMMENDED, name="mine"), name, value, id=f"any-{name}-{value}")
    for name, bounds in BOUNDS.items()
    for value in outside(bounds)
] + [
    pytest.param(PROFILES[profile], name, value, id=f"{profile}-{name}-{value}")
    for profile, every in PROFILE_BOUNDS.items()
    for name, bounds in every.items()
    for value in outside(bounds)
]


@pytest.mark.parametrize(("policy", "name", "value"), EVERY_BOUND)
def test_a_number_out_of_bounds_stops_the_start(policy, name, value):
    """
    A number that contradicts the standard whose name the policy bears, or would break what every policy keeps, is
    refused, by its name.
    """
    with pytest.raises(ConfigurationError) as refused:
        checked_policy(replace(policy, **{name: value}))

    assert f"{name} is {value}, and must be from" in str(refused.value)


@pytest.mark.parametrize(
    "numbers",
    [
        pytest.param({"cap": 5}, id="cap"),
        pytest.param({"first_wait": timedelta(minutes=31)}, id="waits"),
        pytest.param({"session_idle": timedelta(minutes=60), "session_life": timedelta(minutes=59)}, id="idle"),
        pytest.param({"session_life": timedelta(minutes=4), "session_idle": timedelta(minutes=4)}, id="fresh"),
        pytest.param({"addresses_kept": timedelta(days=366)}, id="addresses"),
        pytest.param({"address_failures": 9}, id="limits"),
    ],
)
def test_numbers_that_contradict_each_other_stop_the_start(numbers):
    """
    Each number may be within its bounds, and the policy a contradiction all the same: one line says which.
    """
    with pytest.raises(ConfigurationError) as refused:
        checked_policy(replace(RECOMMENDED, **numbers))

    assert str(refused.value).startswith("policy: ")
    assert " must " in str(refused.value)
    assert "; " not in str(refused.value)


def test_everything_that_is_wrong_is_told_at_once():
    """
    Who starts it again after each fault would need as many starts as there are faults.
    """
    with pytest.raises(ConfigurationError) as refused:
        checked_policy(replace(PCI_DSS, digits=5, first_wait_at=11, one_count=False))

    assert [name in str(refused.value) for name in ("digits", "first_wait_at", "one_count")] == [True] * 3


@pytest.mark.parametrize("policy", [RECOMMENDED, PCI_DSS], ids=lambda policy: policy.name)
def test_the_profiles_themselves_are_fit_to_start(policy):
    """
    What is offered can be taken.
    """
    assert checked_policy(policy) is policy


def test_every_number_has_bounds():
    """
    No number can be set that nobody has looked at.
    """
    yes_or_no = {"one_count", "must_end_sessions", "phishing_resistant", "limits_fail_closed"}

    assert {one.name for one in fields(RECOMMENDED)} == {"name"} | yes_or_no | set(BOUNDS)


@profiles
def test_passwords_are_limited_before_they_are_looked_at(policy):
    """
    Ten wrong passwords of an account and sixty from an address within 15 minutes; PCI DSS 4.0.1, 8.3.4: within 30.
    """
    minutes = 30 if policy is PCI_DSS else 15

    assert (policy.password_failures, policy.address_failures) == (10, 60)
    assert policy.password_window == timedelta(minutes=minutes)
    assert policy.limits_fail_closed == (policy is not RECOMMENDED)


@profiles
def test_events_are_kept_for_a_year(policy):
    """
    PCI DSS 4.0.1, 10.5.1: twelve months, the origin with them (10.2.2); elsewhere an address goes after 90 days.
    """
    assert policy.events_kept == timedelta(days=365)
    assert policy.addresses_kept == timedelta(days=365 if policy is PCI_DSS else 90)


@pytest.mark.parametrize("policy", [RECOMMENDED, PCI_DSS], ids=lambda policy: policy.name)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("first_wait_at", 4.5),
        ("drift", 0.5),
        ("password_failures", 10.5),
        ("pending_sign_ins", True),
        ("digits", "6"),
        ("one_count", "no"),
        ("limits_fail_closed", None),
        ("session_idle", 60),
    ],
)
def test_a_number_of_another_type_stops_the_start(policy, name, value):
    """
    Half a failure would set no wait and be counted nowhere: what is no number of its kind is refused by its name.
    """
    with pytest.raises(ConfigurationError, match=f"policy: {name} must be of type "):
        checked_policy(replace(policy, **{name: value}))
