"""An application on a database of its own, to which people come from another one by `twofold import`."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import Engine, MetaData, Row, create_engine, delete, insert, select
from typer.testing import CliRunner

from tests.cli.conftest import Done
from tests.cli.import_host import KEY, URL, Base, OldBase, OldUser, User, careless, make_auth
from twofold import TwoFactorAuth
from twofold.cli import app
from twofold.core.enrollment import Enrollment
from twofold.core.totp import TotpSecret, time_step_at
from twofold.testing import StoppedClock
from twofold.testing.clock import NOON

KINDS = ["sqlite", "sqlite-sync", "postgresql", "mariadb"]
"""Databases, on an event loop unless it is said otherwise."""


@dataclass(frozen=True)
class NewHome:
    """
    The application, and its operator.

    Args:
        engine: Looks into its database from outside, and is the old application's.
        aside: The second factor's columns are in a side table; the users have columns of an older application.
    """

    kind: str
    folder: Path
    url: str
    engine: Engine
    key: str
    aside: bool
    auth: TwoFactorAuth

    @property
    def users(self) -> Any:
        return OldUser if self.aside else User

    @property
    def environment(self) -> dict[str, str]:
        """Where a command finds the application, and that its database."""
        made = "tests.cli.import_host:make_aside" if self.aside else "tests.cli.import_host:make"
        return {URL: self.url, KEY: self.key, "ENCRYPTION_KEY": self.key, "TWOFOLD_APP": made}

    def run(self, *words: str, typed: str | bytes | None = None, **variables: str) -> Done:
        """Type `twofold import` and these words."""
        result = CliRunner().invoke(app, ["import", *words], env=self.environment | variables, input=typed)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Done(result.exit_code, result.stdout, result.stderr)

    def add(self, email: str = "ann@example.com", **columns: Any) -> int:
        """A user, as the old application has left one."""
        with self.engine.begin() as connection:
            done = connection.execute(insert(self.users.__table__).values(email=email, **columns))
            return int(next(iter(done.inserted_primary_key or ())))

    def user(self, user_id: int) -> Row[Any]:
        """What stands in the row of a user."""
        table = self.users.__table__
        with self.engine.connect() as connection:
            return connection.execute(select(table).where(table.c.id == user_id)).one()

    def enrollment(self, user_id: int) -> Enrollment:
        return self.auth.store.read(lambda tx: tx.enrollment(user_id))

    def accepts(self, user_id: int, secret: TotpSecret) -> bool:
        """Whether an app with this secret signs in, two minutes later."""
        auth = self.auth
        auth.clock = StoppedClock(NOON + timedelta(seconds=240))
        step = time_step_at(auth.clock.now(), secret.period)
        return auth.totp.verify(user_id, auth.typed(secret.code_at(step))) == step

    def on_disk(self, *texts: str) -> list[str]:
        """Those of some texts that stand in any file of the database, where it is files of ours."""
        if not self.kind.startswith("sqlite"):
            return []
        files = [path for path in self.folder.iterdir() if path.name.startswith("home.db")]
        everything = b"".join(path.read_bytes() for path in files)
        assert b"ann@example.com" in everything
        return [text for text in texts if text.encode() in everything]


@pytest.fixture(scope="session")
def place_on(request: pytest.FixtureRequest) -> Callable[[str, bool], tuple[str, str]]:
    """The URLs of one database for each server and kind of users: without an event loop, and on one."""

    @cache
    def place_on(server: str, aside: bool) -> tuple[str, str]:
        database = request.getfixturevalue(server).fresh_database()
        return database.sync_url, database.async_url

    return place_on


@pytest.fixture
def home_on(place_on: Callable[[str, bool], tuple[str, str]], tmp_path: Path) -> Iterator[Callable[..., NewHome]]:
    """Makes the application, without any user, on a database of the kind that is named."""
    with ExitStack() as stack:

        def home_on(kind: str, *, aside: bool = False) -> NewHome:
            server, _, sync = kind.partition("-")
            urls = f"sqlite:///{tmp_path}/home.db", f"sqlite+aiosqlite:///{tmp_path}/home.db"
            sync_url, async_url = urls if server == "sqlite" else place_on(server, aside)
            engine, key = careless(create_engine(sync_url)), Fernet.generate_key().decode()
            stack.callback(engine.dispose)
            options: dict[str, Any] = {"users": OldUser, "side_table": "user_two_factor"} if aside else {}
            auth = make_auth(engine, key, **options)
            stack.callback(lambda: asyncio.run(auth.store.close()))  # type: ignore[attr-defined]
            _empty((OldBase if aside else Base).metadata, engine)
            return NewHome(kind, tmp_path, sync_url if sync else async_url, engine, key, aside, auth)

        yield home_on


def _empty(metadata: MetaData, engine: Engine) -> None:
    metadata.create_all(engine)
    with engine.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(delete(table))


@pytest.fixture(params=KINDS)
def home(request: pytest.FixtureRequest, home_on: Callable[..., NewHome]) -> NewHome:
    """The application on each database in turn."""
    return home_on(request.param)


@pytest.fixture
def any_home(home_on: Callable[..., NewHome]) -> NewHome:
    """Where the database does not matter."""
    return home_on("sqlite")
