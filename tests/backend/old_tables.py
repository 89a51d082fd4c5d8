"""Databases that are older than the second factor, and the backend on them."""

import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from httpx2 import Client
from sqlalchemy import create_engine, inspect, make_url, text
from starlette.testclient import TestClient

from app.main import create_app
from app.models.user import PASSWORDS
from tests.pauses import for_ever
from tests.servers import program
from twofold.settings import Settings
from twofold.testing import StoppedClock

MIGRATIONS = Path(__file__).parents[2] / "backend" / "migrations"
CLIENT_SECONDS = 60
CROWD = 3000
ANN = {"email": "ann@example.com", "password": "correct horse battery"}
HASHED = PASSWORDS.hash(ANN["password"])

IDS = {"sqlite": "INTEGER", "postgresql": "SERIAL", "mariadb": "INT AUTO_INCREMENT"}
OLD_USERS = {
    kind: f"CREATE TABLE users (id {type_} PRIMARY KEY, email VARCHAR(255) NOT NULL UNIQUE, hashed_password TEXT)"
    for kind, type_ in IDS.items()
}
FILES = {
    "sqlite": "add_2fa_columns.sqlite.sql",
    "postgresql": "add_2fa_columns.sql",
    "mariadb": "add_2fa_columns.mariadb.sql",
}


@dataclass(frozen=True)
class OldDatabase:
    """
    One database with a `users` table that knows nothing of a second factor, or little.

    Args:
        url: As an operator writes it.
    """

    kind: str
    url: str = field(repr=False)
    sync_url: str = field(repr=False)

    def execute(self, statement: str, rows: Any = None) -> list[tuple[Any, ...]]:
        engine = create_engine(self.sync_url)
        with engine.begin() as connection:
            result = connection.execute(text(statement), rows)
            found = [tuple(row) for row in result] if result.returns_rows else []
        engine.dispose()
        return found

    def fill(self) -> None:
        """The old table, with a crowd in it and Ann, whose password is known."""
        self.execute(OLD_USERS[self.kind])
        crowd = [{"email": f"person{number}@example.com", "hashed": f"hash {number}"} for number in range(CROWD)]
        self.execute(
            "INSERT INTO users (email, hashed_password) VALUES (:email, :hashed)",
            [*crowd, {"email": ANN["email"], "hashed": HASHED}],
        )

    def people(self) -> list[tuple[Any, ...]]:
        return self.execute("SELECT id, email, hashed_password FROM users ORDER BY id")

    def columns(self) -> dict[str, dict[str, Any]]:
        """The columns of `users`, as the database itself describes them."""
        engine = create_engine(self.sync_url)
        found = {str(column["name"]): dict(column) for column in inspect(engine).get_columns("users")}
        engine.dispose()
        return found

    def run_by_hand(self) -> None:
        """The file for this database, given to its own client."""
        file = MIGRATIONS / FILES[self.kind]
        if self.kind == "sqlite":
            with closing(sqlite3.connect(make_url(self.url).database or "")) as connection:
                connection.executescript(file.read_text())
            return
        command, environment = psql(self.url, file) if self.kind == "postgresql" else mariadb(self.url)
        with file.open() as script:
            done = subprocess.run(
                command,
                stdin=script,
                env={"PATH": os.environ["PATH"]} | environment,
                capture_output=True,
                text=True,
                timeout=CLIENT_SECONDS,
                check=False,
            )
        assert (done.returncode, done.stderr) == (0, "")


def psql(url: str, file: Path) -> tuple[list[str], dict[str, str]]:
    options = ["--no-psqlrc", "--set=ON_ERROR_STOP=1", "--quiet", f"--file={file}"]
    return [program("psql"), *options, url], {}


def mariadb(url: str) -> tuple[list[str], dict[str, str]]:
    place = make_url(url)
    where = [f"--host={place.host}", f"--port={place.port or 3306}", f"--user={place.username}", f"{place.database}"]
    return [program("mariadb"), "--no-defaults", *where], {"MYSQL_PWD": str(place.password or "")}


def old_database(kind: str, folder: Path, server: Callable[[str], Any]) -> OldDatabase:
    """An empty database of this kind; *server* finds the servers."""
    if kind == "sqlite":
        url = f"sqlite:///{folder / 'old.db'}"
        return OldDatabase(kind, url, url)
    database = server(kind).fresh_database()
    return OldDatabase(kind, database.plain_url, database.sync_url)


@dataclass
class Running:
    """The backend in this process, and what a person asks it with."""

    app: FastAPI
    client: Client
    clock: StoppedClock

    def post(self, path: str, body: dict[str, Any] | None = None, **headers: str) -> Any:
        return self.client.post(f"/api/auth{path}", json=body or {}, headers=headers)


@contextmanager
def running(settings: Settings, *, client_address: str = "testclient") -> Iterator[Running]:
    """
    The backend on a database that it brings up to date when it starts, with a clock that stands still.

    Args:
        client_address: From where it is asked; no address at all unless it matters.
    """
    app, clock = create_app(settings, pause=for_ever), StoppedClock()
    app.state.two_factor.auth.clock = clock
    with TestClient(app, client=(client_address, 50_000)) as client:
        yield Running(app, client, clock)
