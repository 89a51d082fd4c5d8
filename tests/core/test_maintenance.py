"""What is overdue, and when a clock is not believed."""

from datetime import UTC, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twofold.core.maintenance import Kind, believed, overdue_before
from twofold.core.policy import CLOCK_GRACE, CLOCK_WITNESSES, PCI_DSS, RECOMMENDED
from twofold.testing.clock import NOON

A_DAY = timedelta(days=1)


@pytest.mark.parametrize("policy", [RECOMMENDED, PCI_DSS])
def test_things_are_kept_as_long_as_the_policy_says(policy):
    """
    Each kind of thing is overdue after the time that the policy names for it, and what has expired after a day.
    """
    assert overdue_before(NOON, policy) == {
        Kind.EVENT: NOON - policy.events_kept,
        Kind.ADDRESS: NOON - policy.addresses_kept,
        Kind.PENDING_SIGN_IN: NOON - CLOCK_GRACE,
        Kind.SESSION: NOON - policy.assurance_kept,
        Kind.CHALLENGE: NOON - CLOCK_GRACE,
    }


moments_before_noon = st.lists(st.integers(0, 2000).map(lambda days: NOON - days * A_DAY), max_size=CLOCK_WITNESSES)


@given(recorded=moments_before_noon, days=st.integers(0, 30))
def test_a_clock_that_was_never_ahead_is_believed(recorded, days):
    """
    While clocks go on in step, a clock is believed that is at most a month after the last event, however rare events
    are.
    """
    in_order = sorted([*recorded, NOON - days * A_DAY], reverse=True)

    assert believed(NOON, in_order) == NOON
    assert believed(NOON, []) == NOON


@given(recorded=moments_before_noon, days=st.integers(31, 10_000))
def test_a_clock_that_alone_is_ahead_is_not_believed(recorded, days):
    """
    A clock that is more than a month ahead of all that was recorded is not believed: the last event is (G17).
    """
    in_order = sorted([*recorded, NOON], reverse=True)

    assert believed(NOON + days * A_DAY, in_order) == NOON


@given(hosts=st.lists(st.booleans(), min_size=2, max_size=CLOCK_WITNESSES - 1), days=st.integers(31, 10_000))
def test_where_clocks_contradict_each_other_the_earlier_is_believed(hosts, days):
    """
    Where one host of several has recorded events by a clock that was ahead, neither it nor any other deletes what is
    young (G17).
    """
    ahead = NOON + days * A_DAY
    recorded = [NOON, ahead, *(ahead if is_ahead else NOON for is_ahead in hosts)]

    assert believed(ahead, recorded) == NOON
    assert believed(ahead, [ahead, *recorded]) == NOON
    assert believed(NOON, recorded) == NOON


@given(at=st.datetimes().map(lambda moment: moment.replace(tzinfo=UTC)), recorded=moments_before_noon)
def test_no_clock_is_put_forward(at, recorded):
    """
    Whatever was recorded, nothing is overdue by a later moment than the clock's.
    """
    assert believed(at, recorded) <= at
