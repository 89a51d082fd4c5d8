"""The storms of `make soak`, each for some seconds; and backends that are broken on purpose, which they must see."""

import pytest

from soak.storms import STORMS

LONG_ONLY = {
    *("calm-postgresql", "calm-mariadb", "lines-fail-mariadb", "locks-collide-mariadb"),
    *("failover-remote-apply", "failover-asynchronous"),
    *("nodes-die", "keys-change", "keys-change-undrained"),  # their short form is in `tests/nodes`
}
"""What only `make soak` has the time for."""
SHORT = [name for name in STORMS if name not in LONG_ONLY]
CALM = [name for name in SHORT if name.startswith("calm")]
BROKEN = "forgets-failures+keeps-sessions+stores-half"


@pytest.mark.parametrize("name", CALM)
def test_without_trouble_all_goes_well(storm, name):
    """Much is accepted, more is refused, nothing fails, and nothing is wrong afterwards."""
    result = storm(name)

    assert result.verdict.findings == []
    assert result.errors == 0
    assert not result.hollow
    assert result.told["code-already-used"] > 0


@pytest.mark.parametrize("name", [name for name in SHORT if name not in CALM])
def test_trouble_leaves_nothing_wrong(storm, name):
    """
    Whatever goes on meanwhile: nothing passes twice, no failure is lost, nobody is half enabled, and what should have
    ended has; and where something cannot be done, that is what is told.
    """
    result = storm(name)

    assert result.verdict.findings == []
    assert result.errors == 0
    assert result.records


def test_a_store_without_the_lock_is_seen(storm):
    """Without the row's lock codes pass twice."""
    assert storm("calm-postgresql", variant="no-lock").verdict.double_accepts


def test_what_a_broken_backend_does_is_seen(storm):
    """
    Failures that are counted in the request's own transaction are lost, sessions that do not end are alive, and a
    change of factor that is stored in part leaves people half enabled.
    """
    verdict = storm("calm-sqlite", variant=BROKEN).verdict

    assert verdict.lost_failures
    assert verdict.old_sessions
    assert verdict.half_enabled
