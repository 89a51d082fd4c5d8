"""`twofold import django-otp`, from the tables that Django and django-otp have made and written themselves."""

import json
import subprocess
import sys
from base64 import b32encode
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, make_url, select, update

from tests.cli.new_home import NewHome, home_on, place_on
from tests.cli.test_imports import rows_of, summary_of
from twofold.core.totp import TotpSecret
from twofold.sqlalchemy.django_otp import DEVICES, DjangoOtp
from twofold.sqlalchemy.foreign import OtherDatabase

__all__ = ["home_on", "place_on"]

ROOT = Path(__file__).parents[2]
ENGINES = {"sqlite": "sqlite3", "postgresql": "postgresql", "mysql": "mysql"}
KEYS = [f"{number:02x}" * 20 for number in range(1, 9)]


def secret_of(key: str, period: int = 30) -> TotpSecret:
    base32 = b32encode(bytes.fromhex(key)).decode().rstrip("=")
    return TotpSecret(base32, period=period, from_elsewhere=True)


def django_settings(url: str) -> dict[str, Any]:
    """A database as Django's settings name it."""
    parts = make_url(url)
    engine = ENGINES[parts.get_backend_name()]
    given = {"NAME": parts.database, "USER": parts.username, "PASSWORD": parts.password, "HOST": parts.host}
    named = {name: value or "" for name, value in given.items()}
    return {
        "ENGINE": f"django.db.backends.{engine}",
        "PORT": str(parts.port or ""),
        "OPTIONS": dict(parts.query),
        **named,
    }


def settle(url: str, people: list[dict[str, Any]]) -> None:
    """Let a Django site make its tables in this database, and write what *people* have set up."""
    told = json.dumps({"database": django_settings(url), "people": people})
    command = [sys.executable, "-m", "tests.cli.django_site"]
    done = subprocess.run(command, input=told, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr


def devices_in(url: str) -> set[str]:
    """The keys of all devices that are there."""
    engine = create_engine(url)
    with engine.connect() as connection:
        keys = set(connection.scalars(select(DEVICES.c.key)))
    engine.dispose()
    return keys


PEOPLE: list[dict[str, Any]] = [
    {"username": "ann@example.com", "devices": [{"key": KEYS[0], "last_t": 63_116_643}], "tokens": 3},
    {"username": "bob@example.com", "devices": [{"key": KEYS[1], "step": 60}, {"key": KEYS[2]}], "counted": 1},
    {"username": "cid@example.com", "devices": [{"key": KEYS[3], "confirmed": False}, {"key": "5a" * 10}]},
    {"username": "dan@example.com", "devices": [{"key": KEYS[4], "digits": 8}]},
    {"username": "eve@example.com", "devices": [{"key": KEYS[5], "drift": -4}]},
    {"username": "fay@example.com", "devices": [{"key": KEYS[6]}]},
    {"username": "gil@example.com", "devices": []},
    {"username": "hal@example.com", "devices": [{"key": KEYS[7], "t0": 5}, {"key": "66" * 20}]},
]
TOLD = [
    "imported",
    "imported",
    "skipped",
    "skipped",
    "imported",
    "refused",
    "imported",
    "unknown",
    "refused",
    "skipped",
]
"""What is done with these devices, in the order of their ids."""

NAMES = ("ann", "bob", "cid", "dan", "eve", "gil", "hal")


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mariadb"])
def test_devices_in_the_applications_own_database(home_on: Any, kind: str):
    """
    Of each user the first confirmed device is taken, with its own time step and the last one that was used; every other
    device is told with its reason, and so is what is not taken over. With `--erase` nothing of them is left in a file.
    """
    home: NewHome = home_on(kind)
    ids = {name: home.add(f"{name}@example.com") for name in NAMES}
    url = home.engine.url.render_as_string(hide_password=False)
    settle(url, PEOPLE)

    looked = home.run("django-otp", "--dry-run", "--json")
    done = home.run("django-otp", "--json")
    again = home.run("django-otp", "--erase", "--json")

    assert [*rows_of(looked.lines).values()] == [*rows_of(done.lines).values()] == TOLD
    assert (done.code, again.code) == (1, 1)
    assert rows_of(again.lines) == {
        place: "already_there" if outcome == "imported" else outcome for place, outcome in rows_of(done.lines).items()
    }
    assert (summary_of(done.lines)["still_there"], summary_of(again.lines)["deleted"]) == (10, 4)
    told = " ".join(summary_of(done.lines)["remarks"])
    assert "Not taken over: 3 backup codes" in told
    assert "Not taken over: 1 devices whose codes are counted" in told
    assert devices_in(url) == {KEYS[2], KEYS[3], KEYS[4], KEYS[6], KEYS[7], "66" * 20}
    assert home.on_disk(KEYS[0], KEYS[1], "5a" * 10, KEYS[5]) == []
    assert home.enrollment(ids["ann"]).last_step == 63_116_643
    assert home.accepts(ids["bob"], secret_of(KEYS[1], period=60))
    assert home.accepts(ids["cid"], secret_of("5a" * 10))
    assert home.accepts(ids["eve"], secret_of(KEYS[5]))
    assert not home.user(ids["dan"]).twofa_enabled
    assert not any(key in each.out + each.err for key in KEYS for each in (looked, done, again))


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mariadb"])
def test_devices_in_another_database(home_on: Any, request: pytest.FixtureRequest, kind: str, tmp_path: Path):
    """
    `--database`, or its variable, names where Django's tables are: with whichever driver, and without any.
    """
    home: NewHome = home_on("sqlite")
    user_id, file = home.add(), f"{tmp_path}/site.db"
    urls = (f"sqlite:///{file}", f"sqlite+aiosqlite:///{file}", f"sqlite:///{file}")
    if kind != "sqlite":
        database = request.getfixturevalue(kind).fresh_database()
        urls = (database.sync_url, database.async_url, database.plain_url)
    settle(urls[0], [PEOPLE[0] | {"devices": [{"key": KEYS[0]}]}])

    plain = home.run("django-otp", "--json", "--database", urls[2])
    named = home.run("django-otp", "--json", "--database", urls[0])
    asynchronous = home.run("django-otp", "--erase", "--json", TWOFOLD_IMPORT_DATABASE=urls[1])

    told = [(done.code, *rows_of(done.lines).values()) for done in (plain, named, asynchronous)]
    assert told == [(0, "imported"), (0, "already_there"), (0, "already_there")]
    assert home.accepts(user_id, secret_of(KEYS[0]))
    assert devices_in(urls[0]) == set()
    assert KEYS[0].encode() not in b"".join(path.read_bytes() for path in tmp_path.glob("site.db*"))


def test_nobody_takes_the_name_of_another(home_on: Any):
    """
    Of users who have one address there, in whichever case, none is taken for the one who has it here.
    """
    home: NewHome = home_on("sqlite")
    user_id = home.add()
    url = home.engine.url.render_as_string()
    settle(
        url,
        [
            {"username": "mallory", "email": "Ann@Example.com", "devices": [{"key": KEYS[0]}]},
            {"username": "ann", "email": "ann@example.com", "devices": [{"key": KEYS[1]}]},
            {"username": "nobody", "email": "", "devices": [{"key": KEYS[2]}]},
        ],
    )

    done = home.run("django-otp", "--user-column", "email", "--lower-case", "--json")

    assert (done.code, [*rows_of(done.lines).values()]) == (1, ["refused", "refused", "refused"])
    assert not home.user(user_id).twofa_enabled


def test_by_address(home_on: Any):
    """
    `--user-column email` finds people by their address.
    """
    home: NewHome = home_on("sqlite")
    user_id = home.add()
    settle(
        home.engine.url.render_as_string(),
        [{"username": "ann", "email": "Ann@example.com", "devices": [{"key": KEYS[1]}]}],
    )

    done = home.run("django-otp", "--user-column", "email", "--lower-case", "--json")

    assert (done.code, [*rows_of(done.lines).values()]) == (0, ["imported"])
    assert home.accepts(user_id, secret_of(KEYS[1]))


def test_a_device_that_was_set_up_anew_is_not_deleted(tmp_path: Path):
    """
    A device whose key changed between reading and deleting stays: the new key was never imported.
    """
    url = f"sqlite:///{tmp_path}/site.db"
    settle(url, PEOPLE[:1])
    with closing(OtherDatabase(url)) as database:
        [(_, delete)] = DjangoOtp(database).found()
        database.write(lambda connection: connection.execute(update(DEVICES).values(key=KEYS[1])))

        deleted = delete()

    assert not deleted
    assert devices_in(url) == {KEYS[1]}


@pytest.mark.parametrize(
    "options", [["--user-table", "nothing"], ["--user-column", "nothing"], ["--user-key", "nothing"]]
)
def test_tables_that_are_not_there(home_on: Any, options: list[str]):
    """
    A table or a column that is not there is named, and nothing is done.
    """
    home: NewHome = home_on("sqlite")
    settle(home.engine.url.render_as_string(), [])

    done = home.run("django-otp", *options)

    assert (done.code, "nothing" in done.err) == (2, True)


def test_a_database_that_is_away_ends_with_3(home_on: Any):
    """
    The code says that a store was out of reach; the text holds neither password nor address.
    """
    home: NewHome = home_on("sqlite")

    done = home.run("django-otp", "--database", "postgresql://ann:hunter2@127.0.0.1:1/nothing")

    assert done.code == 3
    assert "hunter2" not in done.out + done.err
