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


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_where_it_counts(path: Path, host: str):
    """
    On this machine alone the key in the file counts.
    """
    make_key_file(path)

    settings = Settings(host=host)

    assert settings.may_make_key
    assert len(settings.key_ring(path).key_ids) == 1


@pytest.mark.parametrize(
    ("host", "production"),
    [("0.0.0.0", False), ("::", False), ("192.0.2.1", False), ("127.0.0.1", True)],  # noqa: S104 - the point of it
)
def test_where_it_does_not_count(path: Path, host: str, production: bool):
    """
    Where others can reach the application, and in production, the key in the file is no key.
    """
    make_key_file(path)
    settings = Settings(host=host, production=production)

    with pytest.raises(ConfigurationError, match="ENCRYPTION_KEY is missing"):
        settings.key_ring(path)

    assert not settings.may_make_key


def test_the_environment_comes_first(path: Path):
    """
    A key that was given is used, and the file is left alone.
    """
    make_key_file(path)
    given = Fernet.generate_key().decode()

    ring = Settings(encryption_key=(given,)).key_ring(path)

    assert ring.key_ids == KeyRing([given]).key_ids
