"""A database that cannot be written: told as unavailable, with the reason in the log, and nothing half done."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests import servers
from tests.failures.roads import READING, roads_of
from tests.failures.troubles import (
    TinyDisk,
    fill,
    may_mount,
    no_more_pages,
    read_only_mariadb,
    read_only_postgresql,
    read_only_sqlite,
)
from tests.http.problems import slug_of
from tests.http.victim import Victim
from tests.http.world import Place, World, in_process, settings_for


def sqlite(folder: Path) -> Place:
    return Place("sqlite", f"sqlite:///{folder}/db", f"sqlite+aiosqlite:///{folder}/db")


def place_of(database: servers.Database, kind: str) -> Place:
    return Place(kind, database.sync_url, database.async_url)


@pytest.fixture
def tiny_disk() -> Iterator[Callable[[int], TinyDisk]]:
    """Makes small filesystems, where every account may come."""
    disks: list[TinyDisk] = []

    def tiny_disk(megabytes: int) -> TinyDisk:
        if not may_mount():
            pytest.skip("only root may mount a small filesystem")
        folder = Path(tempfile.mkdtemp(prefix="twofold-disk-"))
        folder.chmod(0o755)
        disks.append(TinyDisk(folder, megabytes))
        return disks[-1]

    yield tiny_disk
    for disk in disks:
        disk.unmount()
        disk.folder.rmdir()


def assert_nothing_is_lost(
    world: World,
    trouble: Callable[[World], AbstractContextManager[None]],
    log: pytest.LogCaptureFixture,
    *reasons: str,
    but: str = "",
) -> None:
    victim = Victim(world)
    roads = {road: take for road, take in roads_of(victim).items() if road != but}
    with trouble(world):
        before = victim.person.kept()
        log.clear()

        told = {road: slug_of(take()) for road, take in roads.items() if road not in READING}

        read = [roads[road]().status_code for road in READING]
        after = victim.person.kept()
    assert told == dict.fromkeys(told, "unavailable")
    assert after == before
    assert read == [200, 200]
    assert any(reason in log.text for reason in reasons)
    assert victim.person.token not in log.text
    victim.before = victim._everything()
    victim.assert_unharmed()


def test_sqlite_that_may_not_grow(tmp_path: Path, key: str, caplog: pytest.LogCaptureFixture):
    """
    Without room for an event no attempt has an effect, but for leaving, which needs none; with room again the same
    codes work, once.
    """
    place = sqlite(tmp_path)
    with in_process(place, settings_for(place, key)) as world:
        assert_nothing_is_lost(world, no_more_pages, caplog, "database or disk is full", but="leave")
        leaving = Victim(world)
        with no_more_pages(world):
            left = roads_of(leaving)["leave"]()
        assert left.status_code == 204
        assert {table: rows for table, rows in leaving.person.kept().items() if rows} == {}


def test_sqlite_on_a_full_disk(tiny_disk, key: str, caplog: pytest.LogCaptureFixture):
    """
    On a disk that is full to the last byte no attempt has an effect; with room again the same codes work, once.
    """
    disk = tiny_disk(4)
    place = sqlite(disk.folder)
    with in_process(place, settings_for(place, key)) as world:
        assert_nothing_is_lost(world, lambda _: disk.full(), caplog, "database or disk is full", "disk I/O error")


@contextmanager
def tablespace_on(disk: TinyDisk, server: servers.Server) -> Iterator[Place]:
    """A database of PostgreSQL whose tables are on *disk*; its log of writes is elsewhere."""
    database, space = server.fresh_database(), disk.folder / "space"
    space.mkdir()
    shutil.chown(space, server.kind.account, server.kind.account)
    servers.run(server.url, f"CREATE TABLESPACE tiny LOCATION '{space}'")
    servers.run(server.url, f"ALTER DATABASE {database.name} SET TABLESPACE tiny")
    try:
        yield place_of(database, "postgresql")
    finally:
        # Whatever happened: a server that cannot write a database back makes no other.
        server.drop(database)
        servers.run(server.url, "DROP TABLESPACE tiny")


def test_postgresql_on_a_full_disk(tiny_disk, postgresql, key: str, caplog: pytest.LogCaptureFixture):
    """
    In a tablespace that is full no attempt has an effect, but for leaving, which writes no event and may find its room
    in the page of its user; with room again the same codes work, once.
    """
    if postgresql.process is None:
        pytest.skip("a tablespace is made on a server of our own only")
    disk = tiny_disk(32)

    @contextmanager
    def full(world: World) -> Iterator[None]:
        with disk.full():
            fill(world)
            yield

    with tablespace_on(disk, postgresql) as place, in_process(place, settings_for(place, key)) as world:
        assert_nothing_is_lost(world, full, caplog, "DiskFullError", but="leave")


def test_sqlite_that_may_only_be_read(tmp_path: Path, key: str, caplog: pytest.LogCaptureFixture):
    """
    Where nothing can be written whoever is signed in stays so, and no attempt has an effect.
    """
    place = sqlite(tmp_path)
    with in_process(place, settings_for(place, key)) as world:
        assert_nothing_is_lost(world, read_only_sqlite, caplog, "attempt to write a readonly database")


def test_postgresql_that_may_only_be_read(postgresql, key: str, caplog: pytest.LogCaptureFixture):
    """
    Where nothing can be written whoever is signed in stays so, and no attempt has an effect.
    """
    place = place_of(postgresql.fresh_database(), "postgresql")
    with in_process(place, settings_for(place, key)) as world:
        assert_nothing_is_lost(world, read_only_postgresql, caplog, "ReadOnlySQLTransactionError")


@pytest.fixture
def plain_user(mariadb) -> Iterator[Place]:
    """A database, and a user who may do everything in it and nothing else."""
    if mariadb.process is None:
        pytest.skip("a whole server is made read-only only where it is our own")
    database = mariadb.fresh_database()
    servers.run(mariadb.url, "CREATE OR REPLACE USER plain@'127.0.0.1' IDENTIFIED BY 'plain'")
    servers.run(mariadb.url, f"GRANT ALL ON {database.name}.* TO plain@'127.0.0.1'")
    url = mariadb.url.set(drivername="mysql+asyncmy", username="plain", password="plain", database=database.name)
    yield Place("mariadb", database.sync_url, url.render_as_string(hide_password=False))
    servers.run(mariadb.url, "DROP USER plain@'127.0.0.1'")


def test_mariadb_that_may_only_be_read(plain_user: Place, key: str, caplog: pytest.LogCaptureFixture):
    """
    Where nothing can be written whoever is signed in stays so, and no attempt has an effect.
    """
    with in_process(plain_user, settings_for(plain_user, key)) as world:
        assert_nothing_is_lost(world, read_only_mariadb, caplog, "--read-only")
