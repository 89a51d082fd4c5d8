"""Real trouble with a database that is running, and its end."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError

from tests.http.world import World

FILLINGS = (60, 5, 1)
"""Rows by the length of their outcome: what is too small for a long one is filled with short ones."""

MOST_ROWS = 20_000


@contextmanager
def pragma(world: World, during: str, afterwards: str) -> Iterator[None]:
    """Every connection of the application to SQLite says *during*, and *afterwards* from then on."""
    said = [during]

    def say(connection, *_):
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA {said[0]}")
        cursor.close()

    store: Any = world.auth.store
    engines = [world.app.state.engine.sync_engine, store._engine, world.engine]
    world.disconnect()
    for engine in engines:
        event.listen(engine, "checkout", say)
    try:
        yield
    finally:
        said[0] = afterwards


def fill(world: World) -> None:
    """Write events until the database says that there is no room for one more, however short."""
    insert = (
        "INSERT INTO twofold_events (user_id, kind, moment, outcome) SELECT id, :kind, :moment, :outcome FROM users"
    )
    with world.engine.connect() as connection:
        for length in FILLINGS:
            values = {"kind": "x"[:length], "moment": world.clock.now(), "outcome": "x" * min(length, 32)}
            with suppress(DBAPIError):
                for _ in range(MOST_ROWS):
                    connection.execute(text(f"{insert} ORDER BY id LIMIT 1"), values)


@contextmanager
def no_more_pages(world: World) -> Iterator[None]:
    """SQLite may not grow, and has no room left."""
    with pragma(world, "max_page_count = 1", "max_page_count = 1073741823"):
        fill(world)
        yield


@contextmanager
def read_only_sqlite(world: World) -> Iterator[None]:
    with pragma(world, "query_only = 1", "query_only = 0"):
        yield


@contextmanager
def read_only_postgresql(world: World) -> Iterator[None]:
    """As an operator does it for a switch to another server; a new connection finds it so."""
    name = world.engine.url.database
    setting = "default_transaction_read_only"
    with world.engine.connect() as connection:
        connection.execute(text(f"ALTER DATABASE {name} SET {setting} = on"))
    world.disconnect()
    try:
        yield
    finally:
        with world.engine.connect() as connection:
            connection.execute(text(f"SET {setting} = off"))
            connection.execute(text(f"ALTER DATABASE {name} RESET {setting}"))
        world.disconnect()


@contextmanager
def read_only_mariadb(world: World) -> Iterator[None]:
    """It holds for whoever is not its administrator."""
    with world.engine.connect() as connection:
        connection.execute(text("SET GLOBAL read_only = 1"))
    try:
        yield
    finally:
        with world.engine.connect() as connection:
            connection.execute(text("SET GLOBAL read_only = 0"))


class TinyDisk:
    """A filesystem of a few megabytes; only root may have one."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        self.folder = folder
        self._mount(megabytes)

    def _mount(self, megabytes: int) -> None:
        options = ["-t", "tmpfs", "-o", f"size={megabytes}m,mode=0777", "tmpfs"]
        subprocess.run(["mount", *options, str(self.folder)], check=True, capture_output=True)

    def unmount(self) -> None:
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True)

    @contextmanager
    def full(self) -> Iterator[None]:
        """Not one byte more."""
        filler = self.folder / "filler"
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))
        try:
            yield
        finally:
            filler.unlink()


def may_mount() -> bool:
    return os.name == "posix" and os.getuid() == 0
