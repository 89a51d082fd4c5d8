"""A start that stops with one clear line for each wrong setting, alone and in company."""

import asyncio
import itertools
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from app.main import create_app, ensure_it_can_listen, prepare
from app.utils.two_factor_auth import make_look, relying_party
from tests.servers import free_port
from twofold import AAL2, ConfigurationError, KeyRing, TwoFactorAuth
from twofold.core.sealing import EXAMPLE_KEY
from twofold.settings import Settings
from twofold.testing import MemoryStore
from twofold.webauthn import RelyingParty

ROOT = Path(__file__).parents[2]
STOP_SECONDS = 60
KEY = Fernet.generate_key().decode()
OTHER_KEY = Fernet.generate_key().decode()
NOTHING = {"ENCRYPTION_KEY": KEY}
"""An environment in which nothing is wrong."""


@dataclass(frozen=True)
class Fault:
    """
    One wrong setting.

    Args:
        name: The variable that the line must name.
        says: What the line says to write.
        given: The environment that is at fault.
    """

    name: str
    says: str
    given: dict[str, str] = field(repr=False)


def fault(name: str, value: str, says: str, **others: str) -> Fault:
    return Fault(name, says, {name: value} | others)


KEY_FORM = "32 bytes as url-safe base64"
FAULTS = {
    "key missing on every address": fault("ENCRYPTION_KEY", "", "set it to 32 random bytes", HOST="0.0.0.0"),  # noqa: S104
    "key missing in production": fault("ENCRYPTION_KEY", "", "set it to 32 random bytes", APP_ENV="production"),
    "key empty but for commas": fault("ENCRYPTION_KEY", " , ,", "set it to 32 random bytes", HOST="::"),
    "key of words": fault("ENCRYPTION_KEY", "correct horse battery staple", KEY_FORM),
    "key cut short": fault("ENCRYPTION_KEY", KEY[:-2], KEY_FORM),
    "key of 31 bytes": fault("ENCRYPTION_KEY", urlsafe_b64encode(os.urandom(31)).decode(), KEY_FORM),
    "key in hexadecimal": fault("ENCRYPTION_KEY", os.urandom(32).hex(), KEY_FORM),
    "key of zeros": fault("ENCRYPTION_KEY", urlsafe_b64encode(bytes(32)).decode(), "make a random one"),
    "key of the documentation": fault("ENCRYPTION_KEY", EXAMPLE_KEY, "make a random one"),
    "key given twice": fault("ENCRYPTION_KEY", f"{KEY},{OTHER_KEY},{KEY}", "names the same key twice"),
    "second key malformed": fault("ENCRYPTION_KEY", f"{KEY},changethis", f"entry 2: not {KEY_FORM}"),
    "database without a scheme": fault("DATABASE_URL", "localhost/twofold", "write postgresql://"),
    "database of an unknown kind": fault("DATABASE_URL", "oracle://scott:tiger@host/orcl", "write postgresql://"),
    "database with another driver": fault("DATABASE_URL", "postgresql+psycopg2://me:pw99@host/db", "name no driver"),
    "database with a word for its port": fault("DATABASE_URL", "postgres://me:pw99@host:fivefour/db", "host:port"),
    "database with too high a port": fault("DATABASE_URL", "postgres://me:pw99@host:70000/db", "host:port"),
    "database with @ in its password": fault("DATABASE_URL", "mysql://me:p@pw99@host/db", "percent-encode"),
    "SQLite on a host": fault("DATABASE_URL", "sqlite://host/twofold.db", "sqlite:///file"),
    "port of words": fault("PORT", "eight thousand", "write a number from 1 to 65535"),
    "port zero": fault("PORT", "0", "write a number from 1 to 65535"),
    "port too high": fault("PORT", "65536", "write a number from 1 to 65535"),
    "port in full-width digits": fault("PORT", "\uff18\uff10\uff10\uff10", "write a number from 1 to 65535"),
    "no process": fault("WEB_CONCURRENCY", "0", "write a number from 1 to 256"),
    "half a process": fault("WEB_CONCURRENCY", "1.5", "write a number from 1 to 256"),
    "unknown profile": fault("TWOFA_PROFILE", "strictest", "write one of recommended, aal2, pci_dss"),
    "pages at a path": fault("PUBLIC_URL", "https://accounts.example.com/login", "write https://host[:port]"),
    "pages without a scheme": fault("PUBLIC_URL", "accounts.example.com", "write https://host[:port]"),
    "neither yes nor no": fault("TWOFA_READ_FERNET", "perhaps", "write one of 1, true, 0, false"),
    "unknown kind of place": fault("APP_ENV", "staging", "write one of production, development"),
    "log of another form": fault("LOG_FORMAT", "logfmt", "write one of json, text"),
    "drain for ever": fault("DRAIN_SECONDS", "301", "write a number from 0 to 300"),
    "drain backwards": fault("DRAIN_SECONDS", "-1", "write a number from 0 to 300"),
    "metrics in no folder": fault("PROMETHEUS_MULTIPROC_DIR", "/nonexistent/metrics", "name a folder that is there"),
    "every origin": fault("CORS_ORIGINS", "https://*", "write https://host[:port]"),
    "origin with a path": fault("CORS_ORIGINS", "https://app.example.com/start", "write https://host[:port]"),
    "origin without a scheme": fault("CORS_ORIGINS", "app.example.com", "write https://host[:port]"),
    "issuer with a colon": fault("TWOFA_ISSUER", "Acme: accounts", "printable characters, no colon"),
    "issuer too long": fault("TWOFA_ISSUER", "Acme" * 40, "at most 128 characters"),
    "color by its name": fault("TWOFA_COLOR", "rebeccapurple", "write a color as #rrggbb"),
    "color cut short": fault("TWOFA_COLOR", "#63f", "write a color as #rrggbb"),
    "color with transparency": fault("TWOFA_COLOR", "#7a1fa2f0", "write a color as #rrggbb"),
    "logo that is not there": fault("TWOFA_LOGO", "/nonexistent/logo.svg", "name a file that is there"),
    "logo that is a folder": fault("TWOFA_LOGO", "/usr/share", "name a file that is there"),
    "Redis of another kind": fault("REDIS_URL", "unix:///run/pw99.sock", "write redis://"),
    "Redis without a scheme": fault("REDIS_URL", "localhost:6379/pw99", "write redis://"),
    "Redis without a host": fault("REDIS_URL", "redis:///pw99", "write redis://"),
    "Redis with too high a port": fault("REDIS_URL", "redis://:pw99@host:70000", "host[:port]"),
    "Redis with a word for its database": fault("REDIS_URL", "rediss://host/pw99", "[/number]"),
    "Redis with time-outs of its own": fault("REDIS_URL", "redis://host?socket_timeout=pw99", "write redis://"),
    "Redis at no address": fault("REDIS_URL", "redis://[pw99]:1", "write redis://"),
    "every proxy": fault("TRUSTED_PROXIES", "*", "write IP addresses and networks"),
    "everybody a proxy": fault("TRUSTED_PROXIES", "0.0.0.0/0", "write IP addresses and networks"),
    "everybody of IPv6": fault("TRUSTED_PROXIES", "::/0", "write IP addresses and networks"),
    "everybody of IPv4 in IPv6": fault("TRUSTED_PROXIES", "::ffff:0:0/96", "write IP addresses and networks"),
    "proxy with a zone": fault("TRUSTED_PROXIES", "fe80::1%eth0", "write IP addresses and networks"),
    "every admin": fault("ADMIN_ALLOWED_IPS", "*", "write IP addresses and networks"),
    "everybody an admin": fault("ADMIN_ALLOWED_IPS", "10.0.0.0/8,0.0.0.0/0", "a list of everybody is none"),
    "everybody of IPv6 an admin": fault("ADMIN_ALLOWED_IPS", "::/0", "a list of everybody is none"),
    "admins of IPv4 in IPv6": fault("ADMIN_ALLOWED_IPS", "::ffff:0.0.0.0/96", "a list of everybody is none"),
    "admin by name": fault("ADMIN_ALLOWED_IPS", "vpn.example.com", "write IP addresses and networks"),
    "admin with a zone": fault("ADMIN_ALLOWED_IPS", "fe80::1%eth0", "write IP addresses and networks"),
    "proxy by its name": fault("TRUSTED_PROXIES", "10.0.0.1, proxy.internal", "write IP addresses and networks"),
    "proxy with a port": fault("TRUSTED_PROXIES", "10.0.0.1:8080", "write IP addresses and networks"),
    "address in a network": fault("TRUSTED_PROXIES", "10.0.0.1/8", "write IP addresses and networks"),
    "host with a port": fault("HOST", "127.0.0.1:8000", "without a port"),
    "host as an address of the web": fault("HOST", "http://localhost", "write an IP address or the name of a host"),
    "host of too large numbers": fault("HOST", "127.0.0.256", "write an IP address or the name of a host"),
}
PAIRS = [
    (one, other)
    for one, other in itertools.combinations(FAULTS, 2)
    # The same variable cannot be wrong in two ways at once, and some faults need another one to be right.
    if not FAULTS[one].given.keys() & FAULTS[other].given.keys()
]


def refusal_of(*faults: Fault) -> str:
    """The text with which the settings are refused."""
    environment = dict(NOTHING)
    for each in faults:
        environment |= each.given
    with pytest.raises(ConfigurationError) as refused:
        Settings.from_environment(environment)
    return str(refused.value)


def names_in(text: str) -> list[str]:
    """The variables that a line names, each as often as it speaks of it."""
    return re.findall(r"(?:^|\. )([A-Z][A-Z_]+)(?::|,| )", text)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_wrong_setting_is_named(fault):
    """One line names the one variable that is wrong and says what to write, and never holds what was written."""
    text = refusal_of(fault)

    assert names_in(text) == [fault.name]
    assert fault.says in text
    assert "\n" not in text
    value = fault.given[fault.name].strip(" ,")
    assert len(value) < 3 or value not in text
    assert not re.search(r"pw99|tiger|changethis", text)


def test_two_wrong_settings_are_both_named():
    """Of any two wrong settings, each is named once, in one line."""
    told = {pair: refusal_of(*(FAULTS[each] for each in pair)) for pair in PAIRS}

    wrong = {
        pair: text
        for pair, text in told.items()
        if sorted(names_in(text)) != sorted(FAULTS[each].name for each in pair) or "\n" in text
    }
    assert wrong == {}
    assert len(PAIRS) > 400


def test_all_that_is_wrong_is_told_at_once():
    """An operator who got every variable wrong reads of all of them in one line."""
    every = {each.name: each for each in FAULTS.values() if len(each.given) == 1}

    text = refusal_of(*every.values())

    assert sorted(names_in(text)) == sorted(every)
    assert len(every) == 19


def test_values_stay_out_of_a_traceback():
    """Whatever prints the settings prints neither key nor database, which holds a password."""
    settings = Settings.from_environment(NOTHING | {"DATABASE_URL": "postgres://me:pw99@host/db"})

    assert KEY not in repr(settings)
    assert "pw99" not in repr(settings)


@pytest.mark.parametrize(
    ("given", "understood"),
    [
        ("postgres://me:pw@host/db", "postgresql+asyncpg://me:pw@host/db"),
        ("postgresql://me:pw@host:5432/db", "postgresql+asyncpg://me:pw@host:5432/db"),
        ("postgresql+asyncpg://me@[::1]:5432/db", "postgresql+asyncpg://me@[::1]:5432/db"),
        ("postgresql:///db?host=/run/postgresql", "postgresql+asyncpg:///db?host=/run/postgresql"),
        ("postgres://me:p%40w%2F@host/db?sslmode=require", "postgresql+asyncpg://me:p%40w%2F@host/db?ssl=require"),
        ("postgres://host/db?a=1&sslmode=disable", "postgresql+asyncpg://host/db?a=1&ssl=disable"),
        ("mysql://root@127.0.0.1:3306/db", "mysql+asyncmy://root@127.0.0.1:3306/db"),
        ("mariadb://root:p:w@host/db?charset=utf8mb4", "mysql+asyncmy://root:p:w@host/db?charset=utf8mb4"),
        ("sqlite:///twofold.db", "sqlite+aiosqlite:///twofold.db"),
        ("sqlite:////var/lib/twofold.db", "sqlite+aiosqlite:////var/lib/twofold.db"),
        ("sqlite+aiosqlite://", "sqlite+aiosqlite://"),
        ("", ""),
    ],
)
def test_urls_are_understood_as_people_write_them(given, understood):
    """A URL as PostgreSQL, MariaDB, SQLite or a platform gives it leads to a driver that understands an event loop."""
    assert Settings.from_environment(NOTHING | {"DATABASE_URL": given}).database_url == understood


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "0.0.0.0", "::", "app-1.internal"])  # noqa: S104
def test_hosts_are_understood(host):
    """Addresses of both kinds, and names."""
    settings = Settings.from_environment(NOTHING | {"HOST": host})

    assert settings.host == host
    assert settings.is_loopback == (host in {"127.0.0.1", "::1", "localhost"})


def test_origins_are_compared_as_browsers_send_them():
    """A browser sends its origin in lower case and without a slash; whoever wrote it otherwise meant the same."""
    settings = Settings.from_environment(NOTHING | {"CORS_ORIGINS": "https://App.Example.com/, http://localhost:5173"})

    assert settings.cors_origins == ("https://app.example.com", "http://localhost:5173")


def test_proxies_are_known_on_sockets_for_both_kinds_of_ip():
    """An IPv4 proxy is the same where a socket for IPv6 too writes its address; and nobody is believed unasked."""
    settings = Settings.from_environment(NOTHING | {"TRUSTED_PROXIES": "10.0.0.0/8, 192.0.2.1,fd00::/8"})

    assert settings.trusted_proxies == (
        *("10.0.0.0/8", "::ffff:10.0.0.0/104", "192.0.2.1/32", "::ffff:192.0.2.1/128", "fd00::/8"),
    )
    assert Settings.from_environment(NOTHING).trusted_proxies == ()


def test_admins_come_from_where_the_list_says():
    """Addresses and networks of either kind of IP are read, each in one way to write it; nobody is there unasked."""
    settings = Settings.from_environment(NOTHING | {"ADMIN_ALLOWED_IPS": "192.0.2.0/24, ::ffff:10.0.0.1,2001:DB8::/32"})

    assert settings.admin_allowed_ips == ("192.0.2.0/24", "10.0.0.1/32", "2001:db8::/32")
    assert Settings.from_environment(NOTHING).admin_allowed_ips == ()


@pytest.mark.parametrize(
    "url",
    ["redis://host", "rediss://:pw99@host:6380/1", "redis://me:p%40w@[::1]/", "rediss://host?ssl_cert_reqs=none", ""],
)
def test_addresses_of_redis(url):
    """A URL of Redis is taken as providers write it, and is in no `repr`, for it may hold a password."""
    settings = Settings.from_environment(NOTHING | {"REDIS_URL": url})

    assert settings.redis_url == url
    assert "pw99" not in repr(settings)


@pytest.mark.parametrize(("workers", "url", "alone"), [("1", "", False), ("2", "", True), ("2", "redis://host", False)])
def test_workers_that_count_alone(workers, url, alone):
    """Several workers without Redis each count wrong passwords alone, which the start warns of."""
    settings = Settings.from_environment(NOTHING | {"WEB_CONCURRENCY": workers, "REDIS_URL": url})

    assert settings.counts_alone == alone


def test_what_production_says_of_itself(tmp_path):
    """In production lines are for programs and proxies have time to notice a stop; elsewhere neither, unless asked."""

    def watched(**given: str) -> tuple[str, int, str]:
        settings = Settings.from_environment({**NOTHING, **given})
        return settings.log_format, settings.drain_seconds, settings.metrics_folder

    folder = str(tmp_path)
    assert watched() == ("text", 0, "")
    assert watched(APP_ENV="production") == ("json", 5, "")
    assert watched(APP_ENV="production", LOG_FORMAT="TEXT", DRAIN_SECONDS="0") == ("text", 0, "")
    assert watched(LOG_FORMAT="json", DRAIN_SECONDS="300", PROMETHEUS_MULTIPROC_DIR=folder) == ("json", 300, folder)


def test_a_profile_that_cannot_be_kept_stops_every_host():
    """
    NIST SP 800-63B-4, 2.2.2: verifiers SHALL offer at least one phishing-resistant option at AAL2. Without WebAuthn no
    application gets an object that claims otherwise; with it the profile is had.
    """
    acme: dict[str, Any] = {"issuer": "Acme", "keys": KeyRing([KEY]), "store": MemoryStore(), "policy": AAL2}
    with pytest.raises(ConfigurationError, match="phishing-resistant factor on offer"):
        TwoFactorAuth(**acme)

    assert TwoFactorAuth(**acme, webauthn=RelyingParty("https://accounts.example.com")).offers_webauthn


def test_where_pages_are():
    """
    Keys are on offer on this machine by default, in production only where it is said; on an address never.
    """

    def offered(**environment: str) -> Any:
        settings = Settings.from_environment({"ENCRYPTION_KEY": KEY} | environment)
        found = relying_party(settings)
        return found and found.origin

    assert offered() == "http://localhost:8000"
    assert offered(PORT="9000") == "http://localhost:9000"
    assert offered(APP_ENV="production") is None
    assert offered(APP_ENV="production", PUBLIC_URL="https://Accounts.example.com/") == "https://accounts.example.com"
    assert [offered(PUBLIC_URL=url) for url in ("http://192.0.2.7:8000", "http://accounts.example.com")] == [None, None]


@pytest.mark.parametrize("written", ["https://Accounts.example.com/", "https://accounts.example.com:443"])
def test_the_public_origin_is_as_browsers_write_it(written: str):
    """
    However it was written, it is what browsers send as `Host` and `Origin`: nobody is led from it to itself.
    """
    settings = Settings.from_environment({"ENCRYPTION_KEY": KEY, "PUBLIC_URL": written})

    assert settings.public_url == "https://accounts.example.com"


@pytest.mark.parametrize(
    ("name", "says"),
    [("logo.gif", "is none of .svg"), ("logo.svg", "it comes along with every page")],
    ids=["of-another-kind", "heavy"],
)
def test_a_logo_that_no_page_shows_is_told(tmp_path, name, says):
    """A logo of a kind that browsers do not show, or that is too heavy, is told by the name of its variable."""
    logo = tmp_path / name
    logo.write_bytes(bytes(10**6))
    settings = Settings.from_environment(NOTHING | {"TWOFA_LOGO": str(logo), "TWOFA_COLOR": "#7A1FA2"})

    with pytest.raises(ConfigurationError) as refused:
        make_look(settings)

    assert names_in(str(refused.value)) == ["TWOFA_LOGO"]
    assert says in str(refused.value)
    assert settings.color == "#7a1fa2"


def test_an_application_is_not_made_of_wrong_settings():
    """`create_app`, which a server may call without `main`, refuses what `main` refuses."""
    with pytest.raises(ConfigurationError, match="ENCRYPTION_KEY is missing"):
        create_app(Settings(production=True))


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("mysql://me:pw99@nowhere.invalid/db", "out of reach or does not let us in"),
        ("postgres://me:pw99@nowhere.invalid/db", "(gaierror)"),
        ("postgres://me:pw99@127.0.0.1/db?colour=blue", "(TypeError)"),
        ("sqlite:////nonexistent/folder/twofold.db", "out of reach or does not let us in"),
    ],
)
def test_a_database_that_cannot_be_used_is_told(url, says):
    """Whatever a driver makes of a URL that leads nowhere, the operator reads its name, and not its value."""
    with pytest.raises(ConfigurationError) as refused:
        asyncio.run(prepare(Settings.from_environment(NOTHING | {"DATABASE_URL": url})))

    assert names_in(str(refused.value)) == ["DATABASE_URL"]
    assert says in str(refused.value)
    assert not re.search(r"pw99|colour|nowhere|nonexistent", str(refused.value))


def test_the_database_of_a_newer_version_is_left_alone(tmp_path):
    """An older version on the database of a newer one, as after a deploy that was taken back, says so and stops."""
    path = tmp_path / "newer.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        database.execute("INSERT INTO alembic_version VALUES ('9999')")
        database.commit()
    before = path.read_bytes()

    with pytest.raises(ConfigurationError, match="the tables there cannot be brought up to date"):
        asyncio.run(prepare(Settings.from_environment(NOTHING | {"DATABASE_URL": f"sqlite:///{path}"})))

    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT name FROM sqlite_master").fetchall() == [("alembic_version",)]
    assert len(path.read_bytes()) == len(before)


@pytest.mark.parametrize("host", ["192.0.2.1", "nowhere.invalid"])
def test_a_host_that_is_not_this_machine_is_told(host):
    """An address of another machine, or a name that leads nowhere, is refused before the server starts."""
    with pytest.raises(ConfigurationError) as refused:
        ensure_it_can_listen(Settings(host=host, port=free_port()))

    assert names_in(str(refused.value)) == ["HOST"]
    assert "Choose others" in str(refused.value)
    assert host not in str(refused.value)


# -- As an operator sees it ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Refused:
    """How a start ended."""

    code: int
    told: list[str]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backend that has never run."""
    folder = tmp_path_factory.mktemp("start") / "backend"
    shutil.copytree(ROOT / "backend", folder, ignore=shutil.ignore_patterns("var", "__pycache__"))
    return folder


@pytest.fixture(scope="module")
def sealed(tree: Path) -> str:
    """A database with a sealed value in it."""
    path = tree.parent / "sealed.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, hashed_password TEXT)")
        database.executescript((ROOT / "backend/migrations/add_2fa_columns.sqlite.sql").read_text())
        database.execute("INSERT INTO users (email, hashed_password, totp_secret) VALUES ('a@b', 'x', 'v1.0.x')")
        database.commit()
    return f"sqlite:///{path}"


@pytest.fixture(scope="module")
def taken() -> Iterator[str]:
    """A port on which another program listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield str(listening.getsockname()[1])


@pytest.fixture(scope="module")
def refused(tree: Path, sealed: str, taken: str) -> Iterator[dict[str, Refused]]:
    """What became of `python -m app.main` in each environment; all were started at once."""
    fine = {"DATABASE_URL": f"sqlite:///{tree.parent / 'fine.db'}", "ENCRYPTION_KEY": KEY, "PORT": str(free_port())}
    environments = {
        "key missing": {"ENCRYPTION_KEY": "", "APP_ENV": "production"},
        "key lost": {"ENCRYPTION_KEY": "", "DATABASE_URL": sealed},
        "many": {"PORT": "0", "ENCRYPTION_KEY": "changethis", "TWOFA_PROFILE": "strict"},
        "pale": {"TWOFA_COLOR": "#ffee00"},
        "no keys on offer": {"TWOFA_PROFILE": "aal2", "PUBLIC_URL": "http://192.0.2.7:8000"},
        "database": {"DATABASE_URL": f"postgres://me:pw99@127.0.0.1:{free_port()}/db"},
        "port taken": {"PORT": taken},
    }
    with ExitStack() as stack:
        running = {}
        for name, environment in environments.items():
            running[name] = subprocess.Popen(
                [sys.executable, "-m", "app.main"],
                cwd=tree,
                env={"PATH": os.environ["PATH"]} | fine | environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            stack.callback(end, running[name])
        yield {name: outcome_of(process) for name, process in running.items()}


def outcome_of(process: "subprocess.Popen[str]") -> Refused:
    _, told = process.communicate(timeout=STOP_SECONDS)
    return Refused(process.returncode, told.splitlines())


def end(process: "subprocess.Popen[str]") -> None:
    with suppress(ProcessLookupError):
        process.kill()
    process.wait()


@pytest.mark.parametrize(
    ("name", "variables", "says"),
    [
        ("key missing", ["ENCRYPTION_KEY"], "set it to 32 random bytes"),
        ("key lost", ["ENCRYPTION_KEY"], "values are sealed under it: set it"),
        ("many", ["PORT", "ENCRYPTION_KEY", "TWOFA_PROFILE"], "write one of recommended, aal2, pci_dss"),
        ("pale", ["TWOFA_COLOR"], "take a darker shade"),
        ("no keys on offer", ["PUBLIC_URL"], "write the origin of your pages"),
        ("database", ["DATABASE_URL"], "out of reach"),
        ("port taken", ["HOST"], "Address already in use"),
    ],
)
def test_the_start_stops_in_one_line(refused, name, variables, says):
    """`python -m app.main` ends with 1 and one line on stderr that names what is wrong, without a value of it."""
    assert refused[name].code == 1
    [line] = refused[name].told

    start = "Twofold does not start. "
    assert line.startswith(start)
    assert names_in(line.removeprefix(start)) == variables
    assert says in line
    assert not re.search(r"pw99|changethis|127\.0\.0\.1", line)


def test_a_start_that_was_refused_leaves_no_key(refused, tree):
    """Where a key is missing and making one would be wrong, none is made."""
    assert refused["key lost"].code == 1
    assert not (tree / "var" / "encryption.key").exists()
