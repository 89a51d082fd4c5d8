"""`twofold doctor`: each fault turns its own check, and no other; and a healthy backend is green."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from cryptography.fernet import Fernet
from sqlalchemy import create_engine, select, text, update
from sqlmodel import SQLModel
from typer.testing import CliRunner

from app.database import BACKEND
from app.models.user import User
from tests.cli.conftest import Done, Operator
from tests.hosts.running import EXAMPLES, KINDS, environment, load
from tests.http.world import Place, in_process, settings_for
from tests.story.documents import FENCED, fits
from twofold.cli import app
from twofold.clock import SystemClock
from twofold.core.diagnosis import Check

MIGRATIONS, GUIDE = BACKEND / "migrations", BACKEND / "2FA_SETUP_GUIDE.md"
TROUBLE = "tests.cli.in_trouble:"
HEAD = ScriptDirectory(str(MIGRATIONS)).get_current_head()


@pytest.fixture(scope="module", params=["sqlite", "postgresql", "mariadb"])
def place(request: pytest.FixtureRequest, fresh_place: Callable[[str], Place]) -> Place:
    """A database of its own, on each kind in turn."""
    return fresh_place(request.param)


@pytest.fixture(scope="module")
def operator(place: Place, key: str) -> Iterator[Operator]:
    """At a backend whose one user was enrolled a moment ago, by the clock of this machine."""
    with in_process(place, settings_for(place, key)) as world:
        world.clock.moment = SystemClock().now()
        world.enrolled()
        yield Operator(world, place.async_url, [key])


def doctor(operator: Operator, *words: str, app: str = "", **options: Any) -> Done:
    named = ["--app", TROUBLE + app] if app else []
    folder = [] if "--migrations" in words else ["--migrations", str(MIGRATIONS)]
    return operator.run("doctor", *named, *folder, *words, **options)


def lights(done: Done) -> dict[str, str]:
    """The checks that are not green."""
    return {one["check"]: one["light"] for one in done.json if one["light"] != "green"}


def told(done: Done, check: str) -> str:
    [found] = [one for one in done.json if one["check"] == check]
    return f"{found['found']}\n{found['advice']}"


def test_a_healthy_backend_is_green(operator: Operator):
    """
    On the healthy backend every check is made, every one is green, and it ends with 0, strictly too.
    """
    done = doctor(operator, "--json", "--strict")

    assert (done.code, lights(done), done.err) == (0, {}, "")
    assert [one["check"] for one in done.json] == [check.value for check in Check]
    assert {one["advice"] for one in done.json} == {""}


@dataclass(frozen=True)
class Fault:
    """
    Something that is wrong.

    Args:
        check: The one that turns.
        words: What is told of it, and advised.
        options: How the command is called.
        breaks: What breaks it in the database.
        mends: What mends it, beyond the user's row.
    """

    check: str
    words: tuple[str, ...]
    options: dict[str, Any] = field(default_factory=dict)
    breaks: str = ""
    mends: str = ""
    light: str = "red"


FAULTS = {
    "clock-70-s-off": Fault("clock", ("70 s ahead of the database's", "NTP"), {"app": "clock_is_off"}),
    "key-missing-for-old-rows": Fault(
        "rows_per_key",
        ("2 under", "which is missing", "put it back, behind the key that writes"),
        {"keys": [Fernet.generate_key().decode()]},
    ),
    "pci-dss-with-60-idle-minutes": Fault(
        "sessions",
        ("sessions live 60 min idle, and pci_dss says 15 min", "End them earlier"),
        {"app": "pci_dss_with_sessions_of_an_hour"},
    ),
    "four-workers-and-no-redis": Fault(
        "password_limits", ("4 workers", "each alone", "Set REDIS_URL"), {"WEB_CONCURRENCY": "4"}
    ),
    "a-route-that-issues-tokens": Fault(
        "tokens",
        ("POST /api/legacy/token (it answers with access_token)", "Let them go through the sign-in router"),
        {"app": "route_issues_tokens"},
    ),
    "last-step-a-day-ahead": Fault(
        "last_steps",
        ("from the future, by up to 24 h", "A clock was ahead", "a backup code"),
        breaks="UPDATE users SET twofa_last_step = twofa_last_step + 2880",
    ),
    "cors-without-the-header": Fault(
        "cors", ("X-TOTP-Code", 'allow_headers=[..., "X-TOTP-Code"]'), {"app": "cors_without_the_header"}
    ),
    "behind-the-migrations": Fault(
        "migrations",
        ("the database is at 0001", "alembic upgrade head"),
        breaks="UPDATE alembic_version SET version_num = '0001'",
        mends=f"UPDATE alembic_version SET version_num = '{HEAD}'",
    ),
    "a-column-is-missing": Fault(
        "tables",
        ("there is no column twofold_sessions.proved_at", "alembic upgrade head"),
        breaks="ALTER TABLE twofold_sessions RENAME COLUMN proved_at TO proved",
        mends="ALTER TABLE twofold_sessions RENAME COLUMN proved TO proved_at",
    ),
    "a-value-was-moved": Fault(
        "sealed_values",
        ("a stored value does not open, of 1 user (", "twofold users reset"),
        breaks="UPDATE users SET totp_pending_secret = totp_secret",
    ),
    "no-backup-codes": Fault(
        "backup_codes",
        ("at most 2 are left to 1 user (", "make new ones"),
        breaks="UPDATE users SET twofa_backup_codes = NULL",
        light="amber",
    ),
    "no-app-left": Fault(
        "set_ups",
        ("no authenticator app or key is left, of 1 user (", "twofold users reset"),
        breaks="UPDATE users SET totp_secret = NULL",
        light="amber",
    ),
    "a-proxy-among-the-admins": Fault(
        "routes",
        ("a trusted proxy may administer: 192.0.2.1/32", "out of ADMIN_ALLOWED_IPS"),
        {"TRUSTED_PROXIES": "192.0.2.1", "ADMIN_ALLOWED_IPS": "192.0.2.1,198.51.100.7"},
        light="amber",
    ),
    "a-password-behind-a-sign-in": Fault(
        "routes",
        ("POST /api/legacy/password", "two_factor.require_second_factor()"),
        {"app": "password_behind_a_sign_in"},
        light="amber",
    ),
}


@contextmanager
def broken(operator: Operator, fault: Fault) -> Iterator[None]:
    """The fault is in the database, and afterwards it is not."""
    [row] = operator.world.execute(select(User.__table__))
    for statement in filter(None, [fault.breaks]):
        operator.world.execute(text(statement))
    try:
        yield
    finally:
        for statement in filter(None, [fault.mends]):
            operator.world.execute(text(statement))
        operator.world.execute(update(User).values(**row._mapping))


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_turns_its_own_check_and_no_other(operator: Operator, name: str):
    """
    Of each thing that can be wrong exactly its own check turns, says what it found, and what to do; red ends with 1,
    amber with 0, and strictly with 1.
    """
    fault = FAULTS[name]
    with broken(operator, fault):
        done = doctor(operator, "--json", **fault.options)
        strict = doctor(operator, "--strict", **fault.options)

    assert lights(done) == {fault.check: fault.light}
    assert [word for word in fault.words if word not in told(done, fault.check)] == []
    assert [done.code, strict.code] == [int(fault.light == "red"), 1]
    assert fault.light in strict.out


def test_two_heads_of_migrations_are_red(operator: Operator, tmp_path: Path):
    """
    A folder of migrations with two heads is red, with the command that makes them one; nothing of it is run.
    """
    folder = Path(shutil.copytree(MIGRATIONS, tmp_path / "migrations"))
    fork = f"raised = {HEAD!r}\nrevision = 'other'\ndown_revision = '0001'\ndef upgrade(): raise SystemExit\n"
    (folder / "versions" / "other.py").write_text(fork)
    (folder / "env.py").write_text("raise SystemExit")
    done = doctor(operator, "--json", "--migrations", str(folder))

    assert (done.code, lights(done)) == (1, {"migrations": "red"})
    assert "2 heads" in told(done, "migrations")
    assert "alembic merge heads" in told(done, "migrations")


def test_migrations_that_cannot_be_read_are_red(operator: Operator, tmp_path: Path):
    """
    A revision that fails where it is only read is told by its name, and the other checks go on.
    """
    folder = Path(shutil.copytree(MIGRATIONS, tmp_path / "migrations"))
    (folder / "versions" / "broken.py").write_text("raise RuntimeError('hidden')")
    done = doctor(operator, "--json", "--migrations", str(folder))

    assert lights(done) == {"migrations": "red"}
    assert "RuntimeError" in told(done, "migrations")
    assert "hidden" not in done.out + done.err


def test_the_guide_shows_what_is_printed(operator: Operator):
    """
    Line by line it prints what the guide shows.
    """
    [shown] = [text for _, text in FENCED.findall(GUIDE.read_text()) if "$ twofold doctor\n" in text]
    lines = doctor(operator, WEB_CONCURRENCY="4").out.splitlines()

    assert [pair for pair in zip_longest(shown.splitlines()[1:], lines) if not fits(*pair)] == []


def test_nothing_is_changed(operator: Operator):
    """
    Whatever it finds, every row of every table is as it was.
    """
    before = operator.world.dump()
    doctor(operator)
    doctor(operator, app="clock_is_off", keys=[Fernet.generate_key().decode()])

    assert operator.world.dump() == before


# -- Where the database does not matter -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def here(fresh_place: Callable[[str], Place], key: str) -> Iterator[Operator]:
    """At a healthy backend on SQLite."""
    there = fresh_place("sqlite")
    with in_process(there, settings_for(there, key)) as world:
        world.clock.moment = SystemClock().now()
        yield Operator(world, there.async_url, [key])


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a-profile-that-contradicts-itself": (
        {"app": "pci_dss_of_an_hour"},
        "session_idle is 1:00:00, and must be from 0:01:00 to 0:15:00 (PCI DSS 4.0.1, 8.2.8)",
    ),
    "a-profile-that-is-not-there": ({"TWOFA_PROFILE": "strict"}, "TWOFA_PROFILE: write one of"),
    "no-key": ({"keys": [], "APP_ENV": "production"}, "ENCRYPTION_KEY is missing"),
    "what-it-raises": (
        {"app": "breaks"},
        "tests.cli.in_trouble:breaks raised KeyError while it was built, in in_trouble",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_an_application_that_refuses_to_be_built_is_red(here: Operator, case: str):
    """
    A profile that contradicts itself or its sessions, and a setting that is missing, are one red finding in their own
    words, and no trace.
    """
    options, words = REFUSED[case]
    done = doctor(here, "--json", **options)

    assert (done.code, lights(done), done.err) == (1, {"application": "red"}, "")
    assert words in told(done, "application")
    assert "hidden" not in done.out


def test_a_database_that_is_away_is_one_red_finding(here: Operator):
    """
    Where the database does not answer that is red, what stands in it amber, and the application is looked at; neither
    URL nor password is shown.
    """
    url = "postgresql://somebody:hidden@127.0.0.1:1/nothing"
    done = doctor(here, "--json", DATABASE_URL=url)
    found = lights(done)

    assert done.code == 1
    assert found.pop("database") == "red"
    assert set(found) == {
        *("clock", "tables", "migrations", "rows_per_key", "sealed_values", "backup_codes", "set_ups", "last_steps"),
        "webauthn_keys",
    }
    assert set(found.values()) == {"amber"}
    assert "hidden" not in done.out + done.err


def test_a_store_without_an_application_is_looked_at(here: Operator):
    """
    Where only the use cases are named, or the second factor, the store is looked at, and what is not is amber.
    """
    use_cases, second_factor = (doctor(here, "--json", app=app) for app in ("use_cases", "second_factor"))
    routes = {"password_limits": "amber", "routes": "amber", "tokens": "amber", "cors": "amber"}

    assert lights(use_cases) == routes | {"sessions": "amber", "end_all": "amber"}
    assert lights(second_factor) == routes


def test_people_read_a_line_a_check(here: Operator):
    """
    For people each check is one line that begins with the word of its light, advice stands below, and a count at the
    end; colours are no part of what a file gets.
    """
    done = doctor(here, WEB_CONCURRENCY="4")
    words = [line.split()[0] for line in done.out.splitlines()]

    assert words.count("green") == len(Check) - 1
    assert "red    password limits  4 workers count wrong passwords, each alone" in done.out
    assert "\n                        Set REDIS_URL, where all workers count together" in done.out
    assert done.out.endswith(f"\n{len(Check) - 1} green, 1 red\n")
    assert "\x1b" not in done.out


@pytest.mark.parametrize("named", ["wrapped", "ready"])
def test_what_stands_around_the_application_may_be_named(here: Operator, named: str):
    """
    Where a server is given a middleware with the application in it, that is what is named; it is looked at, too.
    """
    done = doctor(here, "--json", app=named)

    assert (done.code, lights(done)) == (1, {"cors": "red"})
    assert 'allow_headers=[..., "X-TOTP-Code"]' in told(done, "cors")


@pytest.mark.parametrize(
    ("words", "options", "text"),
    [
        (["--migrations", "nowhere"], {}, "--migrations: name the folder"),
        (["--app", "nowhere:app"], {}, "there is no module nowhere"),
        (["--app", "app.main:nothing"], {}, "has no nothing"),
        ([], {"TWOFOLD_APP": ""}, "Say which application"),
    ],
)
def test_a_wrong_call_ends_with_two(here: Operator, words: list[str], options: dict[str, str], text: str):
    """
    A folder or an application that is not there is a wrong call, and no finding.
    """
    done = doctor(here, *words, **options)

    assert (done.code, text in done.err) == (2, True), done.err


def test_it_runs_as_a_program(here: Operator):
    """
    From the backend's folder the migrations are found by themselves, and scripts see how it ended.
    """
    variables = {"DATABASE_URL": here.url, "ENCRYPTION_KEY": here.keys[0], "TWOFOLD_APP": "app.main:create_app"}
    command = [sys.executable, "-m", "twofold", "doctor"]
    ended = [
        subprocess.run(
            command, cwd=BACKEND, env=os.environ | variables | more, capture_output=True, text=True, check=False
        )
        for more in ({}, {"WEB_CONCURRENCY": "4"})
    ]

    assert [done.returncode for done in ended] == [0, 1]
    assert f"green  migrations       the database is at {HEAD}, the one head" in ended[0].stdout
    assert [done.stderr for done in ended] == ["", ""]


@pytest.mark.parametrize("letter", KINDS)
def test_the_hosts_of_the_examples_are_looked_at(fresh_place: Callable[[str], Place], key: str, letter: str):
    """
    The four hosts in `examples` have nothing red; each is told that it keeps no limits where they are found.
    """
    kind, place = KINDS[letter], fresh_place("sqlite")
    url = place.async_url if kind.asynchronous else place.sync_url
    SQLModel.metadata.clear()  # One for the whole process: the tables of a host that has ended stand in it.
    module = load(EXAMPLES / kind.file, environment(url, key))
    engine = create_engine(place.sync_url)
    module.User.metadata.create_all(engine)
    engine.dispose()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, module.__name__, module)
        result = CliRunner().invoke(app, ["doctor", "--json", "--app", f"{module.__name__}:app"])
    done = Done(result.exit_code, result.stdout, result.stderr)

    assert (done.code, lights(done)) == (0, {"password_limits": "amber"})
    assert "app.state.password_limits" in told(done, "password_limits")
