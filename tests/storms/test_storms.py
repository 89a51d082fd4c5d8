"""The storms of `make soak`, each for some seconds; and backends that are broken on purpose, which they must see."""

from collections.abc import Callable

import pytest

from soak.storms import STORMS, Result
from soak.verdict import Verdict

LONG_ONLY = {"failover-remote-apply", "failover-asynchronous"}
BROKEN = "forgets-failures+keeps-sessions+stores-half"


@pytest.mark.parametrize("name", [name for name in STORMS if name not in LONG_ONLY])
def test_a_storm_leaves_nothing_wrong(storm, name):
    """Whatever goes on meanwhile: nothing passes twice, no failure is lost, nobody is half enabled, and what should
    have ended has.
    """
    result = storm(name)

    assert result.verdict.findings == []
    assert result.passed
    assert result.told["code-already-used"] > 0


def test_a_store_without_the_lock_is_seen(storm):
    """Without the row's lock codes pass twice."""
    assert storm("calm-postgresql", variant="no-lock").verdict.double_accepts


@pytest.fixture(scope="module")
def broken(storm: Callable[..., Result]) -> Verdict:
    """What a storm says of a backend that is broken in three ways."""
    return storm("calm-sqlite", variant=BROKEN).verdict


def test_forgotten_failures_are_seen(broken):
    """Failures that are counted in the request's own transaction are lost."""
    assert broken.lost_failures


def test_sessions_that_do_not_end_are_seen(broken):
    """Where sessions do not end, some of before are alive."""
    assert broken.old_sessions


def test_half_enabled_users_are_seen(broken):
    """A change of factor that is stored in part leaves people half enabled."""
    assert broken.half_enabled
