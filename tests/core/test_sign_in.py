"""The table of a sign-in's states: what is in it, and that everything else is dead."""

import itertools
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twofold.core.enrollment import Enrollment
from twofold.core.policy import RECOMMENDED
from twofold.core.sign_in import EXPIRED, OUTLIVED, TRANSITIONS, PendingSignIn, SignInState, state_after
from twofold.errors import (
    ClockMovedBack,
    CodeAlreadyUsed,
    FactorDisabled,
    InvalidCode,
    Locked,
    ProofRefused,
    TwofoldError,
)
from twofold.testing.clock import NOON

PENDING, SIGNED_IN, DEAD = SignInState.PENDING, SignInState.SIGNED_IN, SignInState.DEAD
EXPECTED = {
    (PENDING, "success"): SIGNED_IN,
    (PENDING, "invalid-code"): PENDING,
    (PENDING, "code-already-used"): PENDING,
    (PENDING, "locked"): PENDING,
    (PENDING, "factor-disabled"): PENDING,
    (PENDING, "expired"): DEAD,
    (PENDING, "outlived"): DEAD,
}
WAITING = PendingSignIn("the hash of a token", 7, epoch=3, expires_at=NOON + timedelta(minutes=5))
ROW = Enrollment(user_id=7, enabled=True, epoch=3)


def every_error(base: type[TwofoldError] = TwofoldError) -> list[type[TwofoldError]]:
    return [base, *itertools.chain.from_iterable(every_error(error) for error in base.__subclasses__())]


def test_the_table_is_the_one_that_was_agreed():
    """
    Nothing is in the table of transitions but what keeps G6: typos survive, success signs in, the rest kills.
    """
    assert EXPECTED == TRANSITIONS


@pytest.mark.parametrize("state", SignInState)
@pytest.mark.parametrize(
    "happening", sorted({"success", EXPIRED, OUTLIVED, "", *(error.slug for error in every_error())})
)
def test_whatever_is_not_in_the_table_is_dead(state, happening):
    """
    Every state with every happening ends as the table says, and dead where it says nothing.
    """
    assert EXPECTED.get((state, happening), DEAD) is state_after(state, happening)


@given(happening=st.text() | st.sampled_from(["success", "locked", EXPIRED, OUTLIVED]))
def test_no_sign_in_comes_back_to_life(happening):
    """
    Once a sign-in is dead or has signed in, nothing makes it pending or signs it in again.
    """
    assert [state_after(ended, happening) for ended in (DEAD, SIGNED_IN)] == [DEAD, DEAD]


@pytest.mark.parametrize("refusal", [InvalidCode, CodeAlreadyUsed, ClockMovedBack, Locked, FactorDisabled])
def test_a_sign_in_survives_every_refusal_of_a_proof(refusal):
    """
    Typos, replays and waits leave a sign-in alone: whoever knows the password can try again until it expires.
    """
    assert issubclass(refusal, ProofRefused)
    assert WAITING.state_after(refusal.slug) is PENDING


def test_no_refusal_of_a_proof_was_forgotten():
    """
    Each error that a proof may end in has its row in the table.
    """
    slugs = {error.slug for error in every_error(ProofRefused)} - {ProofRefused.slug}

    assert {slug for _, slug in EXPECTED} - {"success", EXPIRED, OUTLIVED} == slugs


@pytest.mark.parametrize(
    ("at", "state"),
    [
        (NOON, PENDING),
        (NOON + timedelta(minutes=5) - timedelta(microseconds=1), PENDING),
        (NOON + timedelta(minutes=5), DEAD),
        (NOON + timedelta(days=1), DEAD),
        (NOON - timedelta(seconds=30), PENDING),
        (NOON - timedelta(seconds=31), DEAD),
    ],
)
def test_a_sign_in_expires_at_its_moment(at, state):
    """
    A sign-in is pending until the moment at which it expires, and not at it; nor where it was begun by a clock that was
    further ahead than that of another host may be.
    """
    assert WAITING.state_at(at, ROW, RECOMMENDED) is state


@pytest.mark.parametrize(
    "change",
    [Enrollment.outlived, Enrollment.changed, Enrollment.without_factors, lambda row: replace(row, epoch=2)],
)
def test_a_sign_in_is_outlived_by_every_change(change):
    """
    Any change of factor or password in between kills a pending sign-in, and so does an epoch that went back.
    """
    assert WAITING.state_at(NOON, change(ROW), RECOMMENDED) is DEAD


def test_a_sign_in_is_bound_to_its_user():
    """
    A pending sign-in is dead for another user, whatever the epochs.
    """
    assert WAITING.state_at(NOON, replace(ROW, user_id=8), RECOMMENDED) is DEAD


def test_the_handle_does_not_show_in_a_repr():
    """
    Not even the hash of a sign-in token stands in a repr.
    """
    assert "the hash of a token" not in f"{WAITING!r} {WAITING}"
