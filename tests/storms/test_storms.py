"""The storms of `make soak`, each for some seconds; and backends that are broken on purpose, which they must see."""

import pytest

from soak.storms import STORMS

MEASURED = {storm.name for storm in STORMS.values() if storm.measures}


@pytest.mark.parametrize("name", [name for name in STORMS if name not in MEASURED])
def test_a_storm_leaves_nothing_wrong(storm, name):
    """Whatever goes on meanwhile: nothing passes twice, no failure is lost, nobody is half enabled, and what should
    have ended has.
    """
    result = storm(name)

    assert result.verdict.findings == []
    assert result.errors == 0
    assert result.told["code-already-used"] > 0
    assert result.told["accepted"] > 0


def test_a_store_without_the_lock_is_seen(storm):
    """Without the row's lock codes pass twice."""
    assert storm("calm-postgresql", variant="no-lock").verdict.double_accepts


def test_forgotten_failures_are_seen(storm):
    """Failures that are counted in the request's own transaction are lost."""
    assert storm("calm-sqlite", variant="forgets-failures+keeps-sessions").verdict.lost_failures


def test_sessions_that_do_not_end_are_seen(storm):
    """Where sessions do not end, some of before are alive."""
    assert storm("calm-sqlite", variant="forgets-failures+keeps-sessions").verdict.old_sessions


def test_half_enabled_users_are_seen(storm):
    """A change of factor that is stored in part leaves people half enabled."""
    assert storm("calm-sqlite", variant="stores-half").verdict.half_enabled
