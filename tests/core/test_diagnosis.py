"""What is told of what was measured: which light, and what to do."""

from dataclasses import replace
from datetime import timedelta

import pytest

from twofold.core import diagnosis
from twofold.core.diagnosis import Check, Finding, Light, Revisions, Users, worst
from twofold.core.policy import CLOCK_SUSPECT, RECOMMENDED, UNFINISHED_ONE_IN, UNFINISHED_SET_UPS

GREEN, AMBER, RED = Light
A_MILLISECOND, A_STEP = timedelta(milliseconds=1), timedelta(seconds=30)
NOBODY, ANN = Users(), Users(1, ("1",))
RING = ("a" * 16, "b" * 16)


def test_the_worst_light_of_all_is_the_light():
    """
    Red is worse than amber, and amber than green; of nothing the light is green.
    """
    found = [Finding(Check.CLOCK, light, "") for light in (GREEN, RED, AMBER)]

    assert [worst(found), worst(found[::2]), worst(found[:1]), worst([])] == [RED, AMBER, GREEN, GREEN]


@pytest.mark.parametrize("sign", [1, -1], ids=["ahead", "behind"])
def test_a_clock_is_suspect_from_five_seconds_on_and_wrong_from_a_step_on(sign):
    """
    From five seconds on a difference of the clocks is amber, either way, and from one drift step on red: codes stop
    matching there.
    """
    differences = [timedelta(0), CLOCK_SUSPECT - A_MILLISECOND, CLOCK_SUSPECT, A_STEP - A_MILLISECOND, A_STEP]
    found = [diagnosis.clock(sign * each, timedelta(0), RECOMMENDED).light for each in differences]

    assert found == [GREEN, GREEN, AMBER, AMBER, RED]


def test_half_the_round_trip_may_be_no_difference():
    """
    What lies within half the time that the question took is not told as a difference.
    """
    off = diagnosis.clock(timedelta(seconds=70), timedelta(seconds=140), RECOMMENDED)
    by_five = diagnosis.clock(timedelta(seconds=70), timedelta(seconds=130), RECOMMENDED)

    assert [off.light, by_five.light] == [GREEN, AMBER]


def test_a_clock_that_is_wrong_is_told_with_its_way_and_its_amount():
    """
    Who reads of a wrong clock reads which is behind, by how much, and what keeps clocks.
    """
    behind = diagnosis.clock(timedelta(seconds=-70), timedelta(0), RECOMMENDED)
    ahead = diagnosis.clock(timedelta(hours=25), timedelta(0), RECOMMENDED)

    assert behind.found == "the application's clock is 70 s behind the database's"
    assert ahead.found == "the application's clock is 25 h ahead of the database's"
    assert "NTP" in behind.advice
    assert "from 30 s on" in behind.advice


REVISIONS = {
    "none": (None, GREEN, "--migrations"),
    "at-head": (Revisions(("2",), ("2",)), GREEN, "at 2"),
    "behind": (Revisions(("2",), ("1",)), RED, "alembic upgrade head"),
    "two-heads": (Revisions(("2", "3"), ()), RED, "alembic merge heads"),
    "two-heads-and-both-there": (Revisions(("2", "3"), ("2", "3")), RED, "alembic merge heads"),
    "two-currents": (Revisions(("4",), ("2", "3")), RED, "alembic upgrade head"),
    "unknown": (Revisions(("2",), ("9",), ("9",)), RED, "is older than the database"),
    "unstamped": (Revisions(("2",), ()), AMBER, "alembic stamp head"),
}


@pytest.mark.parametrize("case", REVISIONS)
def test_migrations_are_in_order_where_the_database_is_at_the_one_head(case):
    """
    One head, and the database at it, is green; all else is told with the command that mends it.
    """
    revisions, light, words = REVISIONS[case]
    found = diagnosis.migrations(revisions)

    assert found.light is light
    assert words in found.found + found.advice


PER_KEY = {
    "empty": ({}, (), GREEN),
    "all-under-the-writing-one": ({RING[0]: 7}, (), GREEN),
    "some-under-another": ({RING[0]: 7, RING[1]: 3}, ("rotate",), AMBER),
    "fernet": ({"fernet": 3}, ("read", "rotate"), AMBER),
    "missing": ({RING[0]: 7, "c" * 16: 3}, ("put it back",), RED),
    "unsealed": ({RING[0]: 7, "unsealed": 1}, ("seal",), RED),
    "none-left": ({RING[0]: 7, "c" * 16: 0}, (), GREEN),
}


@pytest.mark.parametrize("case", PER_KEY)
def test_values_need_keys_that_are_there(case):
    """
    Values under a key that is missing, or under none, are red; whatever else there is to warn of is amber.
    """
    counts, warnings, light = PER_KEY[case]
    found = diagnosis.rows_per_key(counts, RING, warnings)

    assert (found.light, found.advice) == (light, " ".join(warnings))


def test_all_that_is_known_of_keys_is_told():
    """
    Each key is told with how many values stand under it, those of the ring even where none does.
    """
    found = diagnosis.rows_per_key({"c" * 16: 1234, "fernet": 2}, RING, ["..."]).found

    assert found == (
        f"0 under {RING[0]}, which writes; 0 under {RING[1]}, which opens; "
        f"1,234 under {'c' * 16}, which is missing; 2 of an older version"
    )


OTHERS = {
    "database": (diagnosis.database(None), diagnosis.database("OperationalError"), RED, "DATABASE_URL"),
    "tables": (diagnosis.tables([]), diagnosis.tables(["there is no table x"]), RED, "alembic upgrade head"),
    "sealed": (diagnosis.sealed_values(7, NOBODY), diagnosis.sealed_values(7, ANN), RED, "twofold users reset"),
    "backup-codes": (diagnosis.backup_codes(NOBODY), diagnosis.backup_codes(ANN), AMBER, "make new ones"),
    "set-ups-that-end-too-late": (
        diagnosis.set_ups(0, 0, NOBODY, NOBODY),
        diagnosis.set_ups(0, 0, ANN, NOBODY),
        AMBER,
        "A clock was ahead",
    ),
    "set-ups-that-are-due": (
        diagnosis.set_ups(0, 1, NOBODY, NOBODY),
        diagnosis.set_ups(0, 1, NOBODY, ANN),
        AMBER,
        "twofold users reset",
    ),
    "last-steps": (
        diagnosis.last_steps(NOBODY, timedelta(0)),
        diagnosis.last_steps(ANN, timedelta(days=1)),
        RED,
        "set up anew",
    ),
}


@pytest.mark.parametrize("case", OTHERS)
def test_what_is_well_is_green_and_what_is_not_says_what_to_do(case):
    """
    Each check is green where nothing is wrong, and otherwise has its light, and what to do.
    """
    well, ill, light, words = OTHERS[case]

    assert (well.light, well.advice, ill.light) == (GREEN, "", light)
    assert words in ill.advice


def test_some_set_ups_are_never_finished():
    """
    As many set-ups as people abandon are green: ten, or one in ten users; more are amber.
    """
    few, many = UNFINISHED_SET_UPS, 50 * UNFINISHED_ONE_IN
    expired = [(few, 0), (few + 1, 0), (50, many), (51, many)]

    assert [diagnosis.set_ups(count, enrolled, NOBODY, NOBODY).light for count, enrolled in expired] == [
        GREEN,
        AMBER,
    ] * 2


def test_what_could_not_be_looked_at_is_not_taken_for_well():
    """
    A check that could not be made is amber at least, and an application that refuses to be built is red in its words.
    """
    unknown, refused = diagnosis.not_looked_at(Check.CLOCK, "no database"), diagnosis.refused("policy: no.")

    assert (unknown.light, unknown.found) == (AMBER, "not looked at: no database")
    assert (refused.light, refused.found) == (RED, "policy: no.")


def test_users_are_counted_and_some_are_named():
    """
    Of many users the first are named, and the others counted.
    """
    assert str(ANN) == "1 user (1)"
    assert str(Users(1205, ("1", "2"))) == "1,205 users (1, 2 and 1,203 more)"


SPANS = {
    0: "less than 1 ms",
    0.0125: "0.0125 s",
    70: "70 s",
    119: "119 s",
    900: "15 min",
    86_400: "24 h",
    864_000: "10 days",
}


@pytest.mark.parametrize("seconds", SPANS)
def test_lengths_of_time_are_told_for_people(seconds):
    """
    A length of time has three or four digits, and the unit that keeps it short.
    """
    assert diagnosis.span(timedelta(seconds=seconds)) == SPANS[seconds]


def test_drift_moves_the_line_of_a_wrong_clock():
    """
    A policy that accepts codes from further away is wrong only from there on; one without drift from a step on.
    """
    wide, narrow = replace(RECOMMENDED, drift=2), replace(RECOMMENDED, drift=0)

    assert diagnosis.clock(timedelta(seconds=59), timedelta(0), wide).light is AMBER
    assert diagnosis.clock(timedelta(seconds=30), timedelta(0), narrow).light is RED
    assert diagnosis.clock(timedelta(seconds=2), timedelta(0), replace(RECOMMENDED, period=1)).light is RED
