"""What a storm counts, on small journals: each finding is seen, and what may have been otherwise is left open."""

from datetime import timedelta

import pytest

from soak.clock import FastClock
from soak.evidence import Happened, Row
from soak.journal import Record
from soak.verdict import Verdict, verdict
from twofold.core.backup_codes import stored_backup_codes
from twofold.testing.clock import NOON

CLOCK = FastClock(0, 1)
BACKUP_CODE = "0" * 24
CODES = stored_backup_codes((BACKUP_CODE,), "1")


def asked(road: str = "step-up", sent: float = 10, told: str = "accepted", **more) -> Record:
    """A request that took a second."""
    return Record(road, 1, sent, sent + 1, told, **more)


def code(step: int, sent: float = 10, told: str = "accepted", **more) -> Record:
    return asked(sent=sent, told=told, secret="S", step=step, **more)


def event(kind: str, at: float, outcome: str = "success", factor: str = "totp") -> Happened:
    return Happened(kind, outcome, factor, NOON + timedelta(seconds=at))


def wrong(at: float) -> Happened:
    return event("code_refused", at, "invalid-code")


def row(**more) -> Row:
    """Somebody who is enrolled with the secret S."""
    usual = {"enabled": True, "secret": "S", "backup_codes": CODES, "last_step": 9, "failures": {}, "events": []}
    return Row(user=1, unreadable=[], **{**usual, **more})


def judged(*records: Record, **more) -> Verdict:
    return verdict(records, {1: row(**more)}, CLOCK, {"seeded": 1})


ENROLLED, DISABLED = event("factor_enrolled", 10.5), event("second_factor_disabled", 10.5)
ENABLING = asked("verify", secret="S", step=9)
DISABLING = asked("disable", backup_code="1" * 24)
PASSWORD = event("password_changed", 10.5)
NOTHING = {"enabled": False, "secret": None, "backup_codes": None}


@pytest.mark.parametrize(
    ("records", "more"),
    [
        pytest.param([code(5), code(5, 20)], {}, id="a step twice"),
        pytest.param([code(6), code(5, 20)], {}, id="an older step after a newer one"),
        pytest.param([code(10)], {}, id="a step that the database has forgotten"),
        pytest.param([asked(backup_code="2" * 24)] * 2, {}, id="a backup code twice"),
        pytest.param([asked(backup_code=BACKUP_CODE)], {}, id="a backup code that the database has forgotten"),
    ],
)
def test_what_passes_twice_is_seen(records, more):
    """Whatever was accepted twice, or would be, is a double accept and nothing else."""
    assert judged(*records, **more).counts == (1, 0, 0, 0)


@pytest.mark.parametrize(
    ("told", "events", "failures"),
    [
        pytest.param(1, [], {}, id="no event"),
        pytest.param(1, [wrong(1)], {}, id="no count"),
        pytest.param(0, [wrong(1), wrong(2)], {"totp": 1}, id="a count too low"),
        pytest.param(0, [wrong(1), event("stepped_up", 2)], {"totp": 1}, id="a count that outlived a success"),
        pytest.param(0, [wrong(n) for n in range(6)], {"totp": 6}, id="looked at within the first wait"),
        pytest.param(0, [*map(wrong, [0, 1, 2, 3, 4, 34, 93])], {"totp": 7}, id="looked at within the second"),
    ],
)
def test_failures_that_cost_nothing_are_seen(told, events, failures):
    """A failure without its event or its count, or one that had no wait before it, is lost."""
    guesses = [code(0, sent=n, told="invalid-code") for n in range(told)]

    assert judged(*guesses, events=events, failures=failures).counts == (0, 1, 0, 0)


@pytest.mark.parametrize(
    ("records", "more"),
    [
        pytest.param([], {"secret": None}, id="enabled without a secret"),
        pytest.param([], {"backup_codes": None}, id="enabled without backup codes"),
        pytest.param([], {"enabled": False, "backup_codes": None}, id="a secret of nobody enabled"),
        pytest.param([], {"events": [DISABLED]}, id="disabled, as the events say"),
        pytest.param([ENABLING], {}, id="a set-up without its event"),
        pytest.param([asked("password")], {}, id="a change of password without its event"),
        pytest.param([ENABLING], {"secret": "T", "events": [ENROLLED]}, id="another secret"),
    ],
)
def test_half_enabled_users_are_seen(records, more):
    """A state that is none, and one other than what was told."""
    assert judged(*records, **more).counts == (0, 0, 1, 0)


PROBE = asked("probe", sent=30, session="seeded")


@pytest.mark.parametrize(
    ("records", "more"),
    [
        pytest.param([asked("password"), PROBE], {"events": [PASSWORD]}, id="after a change that was told"),
        pytest.param(
            [asked("password", told="unavailable"), PROBE], {"events": [PASSWORD]}, id="after one that was not"
        ),
        pytest.param([DISABLING, PROBE], {**NOTHING, "events": [DISABLED]}, id="after switching off"),
    ],
)
def test_old_sessions_that_answer_are_seen(records, more):
    """A session of before a change that gets an answer afterwards."""
    assert judged(*records, **more).counts == (0, 0, 0, 1)


@pytest.mark.parametrize(
    ("records", "more"),
    [
        pytest.param(
            [code(5), code(5, 20, "unavailable"), code(6, 30), code(5, 40, "code-already-used")], {}, id="codes"
        ),
        pytest.param([code(6), code(5, 10.5)], {}, id="an older step beside a newer one"),
        pytest.param([code(10)], {"secret": "T"}, id="a secret that is gone"),
        pytest.param(
            [code(0, told="unavailable")], {"events": [wrong(10)], "failures": {"totp": 1}}, id="untold failure"
        ),
        pytest.param([], {"events": [*map(wrong, [0, 1, 3, 2, 4, 34, 94])], "failures": {"totp": 7}}, id="waits kept"),
        pytest.param(
            [ENABLING, asked("disable", 20, "unavailable")],
            {**NOTHING, "events": [ENROLLED]} | {"events": [ENROLLED, event("second_factor_disabled", 20.5)]},
            id="a change that was not told",
        ),
        pytest.param([asked("password", told="unavailable"), PROBE], {}, id="a change that did not happen"),
        pytest.param(
            [asked("login", 20, started="new"), asked("probe", 30, session="new")],
            {"events": [PASSWORD]},
            id="new session",
        ),
    ],
)
def test_what_may_have_been_otherwise_is_left_open(records, more):
    """No answer is neither yes nor no, and what went side by side may have gone in any order."""
    assert judged(*records, **more).clean
