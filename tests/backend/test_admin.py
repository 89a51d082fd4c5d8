"""`python -m app.admin`: the first admin is made on the command line, on any database, and with no server running."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select

from app.admin import done, main
from app.database import BACKEND
from app.models.user import User
from tests.http.conftest import fresh_place, key
from tests.http.world import Place, dump
from twofold.errors import NotFound
from twofold.settings import Settings

__all__ = ["fresh_place", "key"]


@dataclass(frozen=True)
class Shell:
    """
    An operator's shell, on one database.

    Args:
        environment: What is set there.
    """

    place: Place
    environment: dict[str, str]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """As a process of its own, which takes a second or two to start."""
        return subprocess.run(
            [sys.executable, "-m", "app.admin", *arguments],
            cwd=BACKEND,
            env={**os.environ, **self.environment},
            check=False,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=60,
        )

    def use(self, command: str, email: str = "") -> str:
        """The same without a process of its own."""
        return asyncio.run(done(Settings.from_environment(self.environment), command, email))

    def said(self, *arguments: str, **others: str) -> tuple[int, str, str]:
        """The exit code, and what was printed where; in this process."""
        out, err = StringIO(), StringIO()
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
            main(arguments, self.environment | others)
        assert isinstance(ended.value.code, int)
        return ended.value.code, out.getvalue(), err.getvalue()

    def add(self, email: str, **columns: Any) -> int:
        """A user; the id."""
        with self.connected() as connection:
            connection.execute(insert(User).values(email=email, hashed_password="", **columns))
            return int(connection.scalars(select(User.id).filter_by(email=email)).one())

    @contextmanager
    def connected(self) -> Iterator[Connection]:
        engine = self.place.engine()
        with engine.connect() as connection:
            yield connection
        engine.dispose()

    def rows(self, table: str) -> list[dict[str, Any]]:
        engine = self.place.engine()
        rows = dump(engine)[table]
        engine.dispose()
        return rows

    def roles(self) -> dict[str, str]:
        return {row["email"]: row["role"] for row in self.rows("users")}

    def events(self) -> list[tuple[int, str, str]]:
        return [(row["user_id"], row["kind"], row["actor"]) for row in self.rows("twofold_events")]


@pytest.fixture
def shell_on(fresh_place: Callable[[str], Place], key: str) -> Callable[[str], Shell]:
    """A shell on a new database of the kind that is named, which is empty."""

    def shell_on(kind: str) -> Shell:
        place = fresh_place(kind)
        return Shell(place, {"DATABASE_URL": place.async_url, "ENCRYPTION_KEY": key, "APP_ENV": "production"})

    return shell_on


def test_it_runs_as_a_program(shell_on: Callable[[str], Shell]):
    """
    `python -m app.admin` does what is asked, and ends with the exit code that says so.
    """
    shell = shell_on("sqlite")

    listed, granted = shell.run("list"), shell.run("grant", "nobody@example.com")

    assert (listed.returncode, listed.stderr) == (0, "")
    assert listed.stdout == "Nobody is an admin. Make one: python -m app.admin grant EMAIL\n"
    assert (granted.returncode, granted.stdout) == (1, "")
    assert granted.stderr == "Nobody has that e-mail address. Register first, or look for a slip of the pen.\n"


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mariadb"])
def test_an_admin_is_made_and_unmade(shell_on: Callable[[str], Shell], kind: str):
    """
    On a database without tables they are made first. Then a user becomes an admin, is listed, and is none any more;
    whoever was that before stays so; each change is in the events of the user.
    """
    shell = shell_on(kind)

    assert shell.said("list") == (0, "Nobody is an admin. Make one: python -m app.admin grant EMAIL\n", "")
    ann, bob = shell.add("ann@example.com", twofa_enabled=True), shell.add("bob@example.com")
    made = shell.said("grant", "  Ann@Example.COM ")
    again = shell.said("grant", "ann@example.com")
    without = shell.said("grant", "bob@example.com")
    listed = shell.said("list")
    unmade = shell.said("revoke", "ann@example.com")

    assert made == (0, f"User {ann} is an admin now.\n", "")
    assert again == (0, f"User {ann} was that before; nothing is changed.\n", "")
    assert without == (
        0,
        f"User {bob} is an admin now, and has no second factor: it is asked for on every route of admins.\n",
        "",
    )
    assert listed == (
        0,
        f"{ann}\tann@example.com\twith second factor\n{bob}\tbob@example.com\twithout second factor\n",
        "",
    )
    assert unmade == (0, f"User {ann} is no admin any more.\n", "")
    assert shell.roles() == {"ann@example.com": "user", "bob@example.com": "admin"}
    assert shell.events() == [
        (ann, "role_granted", "command line"),
        (bob, "role_granted", "command line"),
        (ann, "role_revoked", "command line"),
    ]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mariadb"])
def test_nobody_of_that_address(shell_on: Callable[[str], Shell], kind: str):
    """
    Nobody becomes an admin whose address is not the one that was written, accents and all; one line says so.
    """
    shell = shell_on(kind)
    shell.use("list")
    shell.add("ann@example.com")

    told = "Nobody has that e-mail address. Register first, or look for a slip of the pen."
    for email in ("nobody@example.com", "", "a\nb@example.com", "a\x00", "%", "\u00e0nn@example.com", "x" * 5000):
        with pytest.raises(NotFound, match=re.escape(told)):
            shell.use("grant", email)
    assert shell.said("grant", "nobody@example.com") == (1, "", f"{told}\n")
    assert shell.roles() == {"ann@example.com": "user"}
    assert shell.events() == []


@pytest.mark.parametrize("arguments", [[], ["grant"], ["promote", "ann@example.com"]])
def test_a_wrong_call(shell_on: Callable[[str], Shell], arguments: list[str]):
    """
    A wrong call changes nothing and says how it is written.
    """
    code, out, err = shell_on("sqlite").said(*arguments)

    assert (code, out) == (2, "")
    assert err.startswith("usage: python -m app.admin")


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("ENCRYPTION_KEY", ""),
        ("DATABASE_URL", "nothing://me:secret@127.0.0.1:1/db"),
        ("DATABASE_URL", "me:secret"),
        ("ADMIN_ALLOWED_IPS", "0.0.0.0/0"),
    ],
)
def test_a_wrong_setting(shell_on: Callable[[str], Shell], setting: str, value: str):
    """
    A wrong setting is told in one line that names it, and holds no password.
    """
    code, out, err = shell_on("sqlite").said("list", **{setting: value})

    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert setting in err
    assert "secret" not in err


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:secret@127.0.0.1:1/db",
        "mysql+asyncmy://me:secret@127.0.0.1:1/db",
        "sqlite+aiosqlite:////nowhere/secret.db",
    ],
)
def test_a_database_that_is_away(shell_on: Callable[[str], Shell], url: str):
    """
    A database out of reach ends with 3, in one line that holds nothing of its URL.
    """
    code, out, err = shell_on("sqlite").said("list", DATABASE_URL=url)

    assert (code, out) == (3, "")
    assert err.startswith("DATABASE_URL: the database is out of reach")
    assert (err.count("\n"), "secret" in err) == (1, False)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mariadb"])
def test_an_event_comes_before_the_role(shell_on: Callable[[str], Shell], kind: str):
    """
    Where the event cannot be recorded the role is not given, and one line says so.
    """
    shell = shell_on(kind)
    shell.use("list")
    shell.add("ann@example.com")
    with shell.connected() as connection:
        connection.exec_driver_sql("ALTER TABLE twofold_events RENAME TO elsewhere")

    code, out, err = shell.said("grant", "ann@example.com")

    assert (code, out) == (3, "")
    assert err.endswith("The database could not be used (Unavailable). Is it there, and writable?\n")
    assert "ann@example.com" not in err
    assert shell.roles() == {"ann@example.com": "user"}


def test_the_last_admin_goes(shell_on: Callable[[str], Shell]):
    """
    The command line takes the role from anybody, the last one too: who has the shell can give it again.
    """
    shell = shell_on("sqlite")
    shell.use("list")
    shell.add("ann@example.com", role="admin")

    shell.use("revoke", "ann@example.com")

    assert shell.use("list").startswith("Nobody is an admin.")
