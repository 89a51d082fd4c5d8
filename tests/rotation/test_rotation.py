"""G11: all keys are rotated while people sign in, and the process that does it is killed again and again."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import Engine, create_engine

from tests.races.conftest import fresh_place, key
from tests.races.place import Place
from tests.rotation.crowd import LONG, Traffic, Visitor, application, population
from twofold import KeyRing

__all__ = ["fresh_place", "key"]

ROOT = Path(__file__).parents[2]
KILLS = 3
VISITORS, THREADS = 30, 3
ROWS = {"postgresql": 100_000, "sqlite": 10_000, "mariadb": 10_000}
"""On all of them a hundred thousand in `make soak`."""
MANY = 100_000


class Rotation:
    """`twofold keys rotate`, as a process of its own."""

    def __init__(self, place: Place, keys: list[str]) -> None:
        self._command = [sys.executable, "-m", "twofold", "--app", "tests.rotation.host:make_auth", "keys", "rotate"]
        paths = f"{ROOT}:{ROOT / 'backend'}"
        given = {"ROTATION_URL": place.sync_url, "ROTATION_KEYS": ",".join(keys), "PYTHONPATH": paths}
        self._environment = {**os.environ, **given}

    def _start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self._command, cwd=ROOT, env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def kill_in_the_middle(self) -> str:
        """Start it, and kill it as soon as it says that it has come a tenth of its way; what it said."""
        with self._start() as process:
            said = process.stderr.readline() if process.stderr else ""
            process.kill()
            process.communicate()
        return said

    def to_the_end(self) -> tuple[int, str]:
        """Run it whole: its exit code, and all that it said."""
        with self._start() as process:
            out, err = process.communicate(timeout=LONG.total_seconds())
        return process.returncode, out + err


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def engine_at(request: pytest.FixtureRequest, fresh_place) -> Iterator[tuple[Place, Engine]]:
    place = fresh_place(request.param)
    engine = create_engine(place.sync_url, pool_size=THREADS + 2)
    yield place, engine
    engine.dispose()


@pytest.mark.timeout(300)
def test_a_rotation_that_is_killed_again_and_again(engine_at: tuple[Place, Engine]):
    """
    A rotation that is killed three times in the middle while people sign in ends with no row on the old key, no failed
    sign-in, and no backup code that can be used again.
    """
    place, engine = engine_at
    old, new = place.key, Fernet.generate_key().decode()
    rows = MANY if os.environ.get("TWOFOLD_TEST_LONG") == "1" else ROWS[place.kind]
    visitors = population(engine, KeyRing([old]), rows, VISITORS)
    rotation = Rotation(place, [new, old])

    with Traffic(engine, KeyRing([new, old]), visitors, THREADS) as traffic:
        cut_short = [rotation.kill_in_the_middle() for _ in range(KILLS)]
        left = [_left(engine, new, old)]
        code, said = rotation.to_the_end()

    assert all("Rewriting" in said for said in cut_short), cut_short
    assert 0 < left[0] < rows
    assert code == 0, said
    assert traffic.failures == []
    assert traffic.sign_ins > VISITORS
    assert _stands_under(engine, new, old) == {KeyRing([new]).key_ids[0]: 2 * rows}
    assert _resurrected(engine, new, visitors) == 0
    assert sum(visitor.used for visitor in visitors) > 0


def _left(engine: Engine, new: str, old: str) -> int:
    with application(engine, KeyRing([new, old])) as auth:
        return auth.store.read(lambda tx: tx.count_elsewhere(auth.keys.key_ids[0]))


def _stands_under(engine: Engine, *entries: str) -> dict[str, int]:
    with application(engine, KeyRing(entries)) as auth:
        return {key.key_id: key.total for key in auth.keys_in_use.status().keys if key.total}


def _resurrected(engine: Engine, new: str, visitors: list[Visitor]) -> int:
    """Used backup codes that are accepted once more; with the new key alone."""
    with application(engine, KeyRing([new])) as auth:
        return sum(visitor.resurrected(auth) for visitor in visitors)
