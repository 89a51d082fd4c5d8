"""The only reader of the environment: what an application is told from outside."""

import os
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TypeVar

from twofold.core.clients import admin_networks
from twofold.core.places import is_address, leads_to_database, leads_to_redis, networks_of, plain_origin
from twofold.core.policy import PROFILES, RECOMMENDED, Policy, checked_policy
from twofold.core.sealing import KEY_BYTES, KeyRing
from twofold.core.totp import checked_issuer
from twofold.errors import ConfigurationError

T = TypeVar("T")
NETWORKS = "write IP addresses and networks like 10.0.0.0/8 or fd00::/8, several with commas"
LOOPBACK = {"127.0.0.1", "::1", "localhost"}
MOST_WORKERS = 256
LOG_FORMATS = {"json": "json", "text": "text"}
DRAIN_SECONDS = 5
"""In production: a proxy that asks every second or two has noticed by then."""

# The schemes that people write, and the drivers that understand an event loop.
_ASYNC_DRIVERS = {
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
    "sqlite": "sqlite+aiosqlite",
    "mysql": "mysql+asyncmy",
    "mariadb": "mysql+asyncmy",
}


@dataclass(frozen=True)
class Settings:
    """
    What the reference backend is told by its environment.

    Args:
        encryption_key: The entries of `ENCRYPTION_KEY`; empty where it is missing.
        public_url: The origin of the pages that people use; empty where it is missing. Keys are bound to its host.
        database_url: With a driver that understands an event loop; empty where it is missing.
        workers: Processes that serve.
        redis_url: Where the workers count wrong passwords together; empty where it is missing.
        trusted_proxies: Addresses and networks whose `X-Forwarded-For` is believed.
        admin_allowed_ips: Addresses and networks from which the routes of administration are reached; of none from
            nowhere, in development from this machine.
        log_format: How a line of the log is written, `json` or `text`.
        drain_seconds: For how long, once asked to stop, requests are still taken while `/readyz` says no.
        metrics_folder: Where several workers count together; empty where there is one.
        color: The color of the pages, as `#rrggbb`; empty where it is missing.
        logo: The file of a logo for the pages; empty where it is missing.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    public_url: str = ""
    database_url: str = field(default="", repr=False)
    workers: int = 1
    encryption_key: tuple[str, ...] = field(default=(), repr=False)
    read_fernet: bool = False
    issuer: str = "Twofold"
    policy: Policy = RECOMMENDED
    cors_origins: tuple[str, ...] = ()
    redis_url: str = field(default="", repr=False)
    trusted_proxies: tuple[str, ...] = ()
    admin_allowed_ips: tuple[str, ...] = ()
    production: bool = False
    log_format: str = "text"
    drain_seconds: int = 0
    metrics_folder: str = ""
    color: str = ""
    logo: str = ""

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the application."""
        return self.host in LOOPBACK

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """
        Read the environment.

        Raises:
            ConfigurationError: One line for everything that is missing or malformed; it never holds a value.
        """
        given = os.environ if environment is None else environment
        reader = _Reader({name: value.strip() for name, value in given.items()})
        production = reader.choice("APP_ENV", {"production": True, "development": False}, "development")
        port = reader.number("PORT", 8000, 65_535)
        settings = cls(
            host=reader.host("HOST"),
            port=port,
            public_url=reader.origin("PUBLIC_URL", "" if production else f"http://localhost:{port}"),
            database_url=reader.database_url("DATABASE_URL"),
            workers=reader.number("WEB_CONCURRENCY", 1, MOST_WORKERS),
            encryption_key=reader.keys("ENCRYPTION_KEY"),
            read_fernet=reader.flag("TWOFA_READ_FERNET"),
            issuer=reader.issuer("TWOFA_ISSUER"),
            policy=reader.policy("TWOFA_PROFILE"),
            cors_origins=reader.origins("CORS_ORIGINS"),
            redis_url=reader.redis_url("REDIS_URL"),
            trusted_proxies=reader.networks("TRUSTED_PROXIES"),
            admin_allowed_ips=reader.admin_networks("ADMIN_ALLOWED_IPS"),
            production=production,
            log_format=reader.choice("LOG_FORMAT", LOG_FORMATS, "json" if production else "text"),
            drain_seconds=reader.number("DRAIN_SECONDS", DRAIN_SECONDS if production else 0, 300, least=0),
            metrics_folder=reader.folder("PROMETHEUS_MULTIPROC_DIR"),
            color=reader.color("TWOFA_COLOR"),
            logo=reader.file("TWOFA_LOGO"),
        )
        if not settings.encryption_key and not settings.may_make_key:
            reader.refuse_keys(())
        reader.finish()
        return settings

    @property
    def counts_alone(self) -> bool:
        """Whether several workers count wrong passwords, and none knows of another's."""
        return self.workers > 1 and not self.redis_url

    @property
    def may_make_key(self) -> bool:
        """Whether a key may be made where none is given: for trying things out on this machine."""
        return self.is_loopback and not self.production

    def key_ring(self, key_file: Path | None = None) -> KeyRing:
        """
        The keys that seal what is stored.

        Args:
            key_file: Where `make_key_file` has put one; read only where one may be made.

        Raises:
            ConfigurationError: `ENCRYPTION_KEY` is missing or malformed.
        """
        entries = self.encryption_key
        if not entries and self.may_make_key and key_file is not None and key_file.exists():
            entries = (key_file.read_text().strip(),)
        return KeyRing(entries, read_fernet=self.read_fernet)


def share_metrics(folder: Path) -> None:
    """Let the workers that are started from here count together in *folder*."""
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)


def make_key_file(path: Path) -> None:
    """Make a key for trying things out, in a file that only its owner can read; one that is there stays."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with NamedTemporaryFile("w", dir=path.parent) as file:  # made with 0600
        file.write(urlsafe_b64encode(os.urandom(KEY_BYTES)).decode() + "\n")
        file.flush()
        # Whole or not at all, and of several at once the first.
        with suppress(FileExistsError):
            os.link(file.name, path)


def key_ring(environment: Mapping[str, str] | None = None) -> KeyRing:
    """
    The keys in `ENCRYPTION_KEY`: several with commas, the first seals, all open.

    `TWOFA_READ_FERNET=1` lets values be read that an older version wrote with Fernet.

    Raises:
        ConfigurationError: It is missing or malformed; the text never holds a key.
    """
    reader = _Reader(os.environ if environment is None else environment)
    keys, read_fernet = reader.entries("ENCRYPTION_KEY"), reader.flag("TWOFA_READ_FERNET")
    reader.finish()
    return KeyRing(keys, read_fernet=read_fernet)


def workers(environment: Mapping[str, str] | None = None) -> int:
    """
    How many processes serve the application on this host, by `WEB_CONCURRENCY`.

    Raises:
        ConfigurationError: It is no number.
    """
    reader = _Reader(os.environ if environment is None else environment)
    number = reader.number("WEB_CONCURRENCY", 1, MOST_WORKERS)
    reader.finish()
    return number


def key_entries(name: str, environment: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The keys in a variable, several with commas, as they stand there; none where it is not set."""
    return _Reader(os.environ if environment is None else environment).entries(name)


class _Reader:
    """Reads values, and collects what is wrong with them."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._faults: list[str] = []

    def finish(self) -> None:
        if self._faults:
            raise ConfigurationError(" ".join(self._faults))

    def _fault(self, name: str, what: str) -> None:
        self._faults.append(f"{name}: {what}.")

    def text(self, name: str, default: str) -> str:
        return self._environment.get(name) or default

    def number(self, name: str, default: int, most: int, *, least: int = 1) -> int:
        value = self.text(name, str(default))
        if re.fullmatch(r"[0-9]{1,6}", value) and least <= int(value) <= most:
            return int(value)
        self._fault(name, f"write a number from {least} to {most}")
        return default

    def folder(self, name: str) -> str:
        value = self.text(name, "")
        if value and not Path(value).is_dir():
            self._fault(name, "name a folder that is there, or leave it away: app.main makes one for its workers")
        return value

    def file(self, name: str) -> str:
        value = self.text(name, "")
        if value and not Path(value).is_file():
            self._fault(name, "name a file that is there")
        return value

    def color(self, name: str) -> str:
        value = self.text(name, "").lower()
        if value and not re.fullmatch(r"#[0-9a-f]{6}", value):
            self._fault(name, "write a color as #rrggbb, six hexadecimal digits")
        return value

    def flag(self, name: str) -> bool:
        return self.choice(name, {"1": True, "true": True, "0": False, "false": False}, "0")

    def choice(self, name: str, choices: Mapping[str, T], default: str) -> T:
        value = self.text(name, default).lower()
        if value in choices:
            return choices[value]
        self._fault(name, f"write one of {', '.join(choices)}")
        return choices[default]

    def entries(self, name: str) -> tuple[str, ...]:
        return tuple(entry for part in self.text(name, "").split(",") if (entry := part.strip()))

    def keys(self, name: str) -> tuple[str, ...]:
        if entries := self.entries(name):
            self.refuse_keys(entries)
        return entries

    def refuse_keys(self, entries: tuple[str, ...]) -> None:
        """Note what is wrong with these keys, if anything is; none at all is a fault too."""
        try:
            KeyRing(entries)
        except ConfigurationError as error:
            self._faults.append(str(error))

    def host(self, name: str) -> str:
        value = self.text(name, "127.0.0.1")
        if not is_address(value) and not re.fullmatch(r"(?=.*[A-Za-z])[A-Za-z0-9][A-Za-z0-9.-]{0,252}", value):
            self._fault(name, "write an IP address or the name of a host, without a port")
        return value

    def origins(self, name: str) -> tuple[str, ...]:
        # Browsers send them in lower case.
        origins = tuple(entry.rstrip("/").lower() for entry in self.entries(name))
        if any(not re.fullmatch(r"https?://[^\s/?#@*]+", origin) for origin in origins):
            self._fault(name, "write https://host[:port], several with commas; * is not possible with credentials")
        return origins

    def origin(self, name: str, default: str) -> str:
        value = self.text(name, default)
        try:
            return plain_origin(value) if value else value
        except ValueError:
            self._fault(name, "write https://host[:port], the origin of the pages that people use")
            return ""

    def redis_url(self, name: str) -> str:
        value = self.text(name, "")
        scheme, _, rest = value.partition("://")
        if not value or (scheme in {"redis", "rediss"} and leads_to_redis(rest)):
            return value
        self._fault(name, "write redis://[user:password@]host[:port][/number], or rediss:// for TLS")
        return ""

    def networks(self, name: str) -> tuple[str, ...]:
        try:
            return tuple(each for entry in self.entries(name) for each in networks_of(entry))
        except ValueError:
            self._fault(name, NETWORKS)
            return ()

    def admin_networks(self, name: str) -> tuple[str, ...]:
        try:
            return tuple(map(str, admin_networks(self.entries(name))))
        except ValueError:
            self._fault(name, f"{NETWORKS}; a list of everybody is none")
            return ()

    def policy(self, name: str) -> Policy:
        policy = self.choice(name, PROFILES, RECOMMENDED.name)
        try:
            return checked_policy(policy)
        except ConfigurationError as error:
            self._fault_of(name, error)
            return RECOMMENDED

    def issuer(self, name: str) -> str:
        value = self.text(name, "Twofold")
        try:
            return checked_issuer(value)
        except ConfigurationError as error:
            self._fault_of(name, error)
            return value

    def _fault_of(self, name: str, error: ConfigurationError) -> None:
        """The library speaks of its argument, `issuer: ...`; who sets a variable is told that one's name."""
        self._fault(name, str(error).partition(": ")[2].rstrip("."))

    def database_url(self, name: str) -> str:
        value = self.text(name, "")
        scheme, _, rest = value.partition("://")
        kind, _, driver = scheme.partition("+")
        wanted = _ASYNC_DRIVERS.get(kind, "")
        if not value or (wanted and driver in {"", wanted.partition("+")[2]} and leads_to_database(kind, rest)):
            # What libpq calls `sslmode`, as providers write it, asyncpg calls `ssl`.
            rest = re.sub(r"(?<=[?&])sslmode=", "ssl=", rest) if "asyncpg" in wanted else rest
            return f"{wanted}://{rest}" if value else ""
        written = "postgresql://user:password@host:port/database, mysql:// alike, or sqlite:///file"
        self._fault(name, f"write {written}; name no driver, and percent-encode what is special in a password")
        return ""
