"""The key for trying things out: made once, for its owner alone, and only where trying things out is all one can do."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from cryptography.fernet import Fernet

from twofold import ConfigurationError, KeyRing
from twofold.settings import Settings, make_key_file

STARTERS = 16


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "var" / "encryption.key"


def test_it_is_for_its_owner_alone(path: Path):
    """
    Nobody but its owner can read the key, nor look into its folder.
    """
    make_key_file(path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [each.name for each in path.parent.iterdir()] == ["encryption.key"]


def test_it_is_a_key(path: Path):
    """
    What was made opens what it has sealed, after a restart too.
    """
    make_key_file(path)

    first, second = Settings().key_ring(path), Settings().key_ring(path)

    assert first.key_ids == second.key_ids
    assert len(first.key_ids) == 1


def test_one_that_is_there_stays(path: Path):
    """
    A key is never made over another.
    """
    make_key_file(path)
    before = path.read_text()

    make_key_file(path)

    assert path.read_text() == before


def test_several_make_one(path: Path):
    """
    Of several that make a key at one moment all use the same.
    """
    moment = Barrier(STARTERS)

    def make(_: int) -> tuple[str, ...]:
        moment.wait()
        make_key_file(path)
        return Settings().key_ring(path).key_ids

    with ThreadPoolExecutor(STARTERS) as starters:
        rings = set(starters.map(make, range(STARTERS)))

    assert len(rings) == 1
    assert [each.name for each in path.parent.iterdir()] == ["encryption.key"]


@pytest.mark.parametrize(
    ("settings", "may"),
    [
        (Settings(host="127.0.0.1"), True),
        (Settings(host="::1"), True),
        (Settings(host="localhost"), True),
        (Settings(host="0.0.0.0"), False),  # noqa: S104 - the point of it
        (Settings(host="::"), False),
        (Settings(host="192.0.2.1"), False),
        (Settings(host="127.0.0.1", production=True), False),
    ],
)
def test_where_it_counts(path: Path, settings: Settings, may: bool):
    """
    A key in the file counts only on this machine alone, and not in production.
    """
    make_key_file(path)

    try:
        ring: KeyRing | None = settings.key_ring(path)
    except ConfigurationError as error:
        ring = None
        assert "ENCRYPTION_KEY is missing" in str(error)

    assert (settings.may_make_key, ring is not None) == (may, may)


def test_the_environment_comes_first(path: Path):
    """
    A key that was given is used, and the file is left alone.
    """
    make_key_file(path)
    given = Fernet.generate_key().decode()

    ring = Settings(encryption_key=(given,)).key_ring(path)

    assert ring.key_ids == KeyRing([given]).key_ids
