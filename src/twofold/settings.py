"""The only reader of the environment: what an application is told from outside."""

import os
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TypeVar

from twofold.core.policy import PROFILES, RECOMMENDED, Policy
from twofold.core.sealing import KEY_BYTES, KeyRing
from twofold.core.totp import checked_issuer
from twofold.errors import ConfigurationError

T = TypeVar("T")
LOOPBACK = {"127.0.0.1", "::1", "localhost"}

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
        database_url: With a driver that understands an event loop; empty where it is missing.
        public_url: Where people find the application.
        workers: Processes that serve.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    public_url: str = "http://localhost:8000"
    database_url: str = field(default="", repr=False)
    workers: int = 1
    encryption_key: tuple[str, ...] = field(default=(), repr=False)
    read_fernet: bool = False
    issuer: str = "Twofold"
    policy: Policy = RECOMMENDED
    cors_origins: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    production: bool = False

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the application."""
        return self.host in LOOPBACK

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """
        Read the environment.

        Raises:
            ConfigurationError: One line for everything that is malformed; it never holds a value.
        """
        given = os.environ if environment is None else environment
        reader = _Reader({name: value.strip() for name, value in given.items()})
        port = reader.number("PORT", 8000, 65_535)
        settings = cls(
            host=reader.text("HOST", "127.0.0.1"),
            port=port,
            public_url=reader.url("PUBLIC_URL", f"http://localhost:{port}"),
            database_url=reader.database_url("DATABASE_URL"),
            workers=reader.number("WEB_CONCURRENCY", 1, 256),
            encryption_key=reader.entries("ENCRYPTION_KEY"),
            read_fernet=reader.flag("TWOFA_READ_FERNET"),
            issuer=reader.issuer("TWOFA_ISSUER"),
            policy=reader.choice("TWOFA_PROFILE", PROFILES, RECOMMENDED.name),
            cors_origins=reader.origins("CORS_ORIGINS"),
            trusted_proxies=reader.networks("TRUSTED_PROXIES"),
            production=reader.choice("APP_ENV", {"production": True, "development": False}, "development"),
        )
        reader.finish()
        return settings

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

    def number(self, name: str, default: int, most: int) -> int:
        value = self.text(name, str(default))
        if re.fullmatch(r"[0-9]{1,6}", value) and 1 <= int(value) <= most:
            return int(value)
        self._fault(name, f"not a number from 1 to {most}")
        return default

    def flag(self, name: str) -> bool:
        return self.choice(name, {"1": True, "true": True, "0": False, "false": False}, "0")

    def choice(self, name: str, choices: Mapping[str, T], default: str) -> T:
        value = self.text(name, default).lower()
        if value in choices:
            return choices[value]
        self._fault(name, f"not one of {', '.join(choices)}")
        return choices[default]

    def entries(self, name: str) -> tuple[str, ...]:
        return tuple(entry for part in self.text(name, "").split(",") if (entry := part.strip()))

    def url(self, name: str, default: str) -> str:
        value = self.text(name, default).rstrip("/")
        if not re.fullmatch(r"https?://[^\s/?#@]+", value):
            self._fault(name, "not http(s)://host[:port]")
        return value

    def origins(self, name: str) -> tuple[str, ...]:
        origins = tuple(entry.rstrip("/") for entry in self.entries(name))
        if any(not re.fullmatch(r"https?://[^\s/?#@*]+", origin) for origin in origins):
            self._fault(name, "not a list of https://host[:port] with commas; * is not possible with credentials")
        return origins

    def networks(self, name: str) -> tuple[str, ...]:
        networks = self.entries(name)
        try:
            for network in networks:
                ip_network(network)
        except ValueError:
            self._fault(name, "not a list of IP addresses or networks (CIDR) with commas")
        return networks

    def issuer(self, name: str) -> str:
        value = self.text(name, "Twofold")
        try:
            return checked_issuer(value)
        except ConfigurationError as error:
            self._fault(name, str(error).rstrip("."))
            return value

    def database_url(self, name: str) -> str:
        value = self.text(name, "")
        scheme, separator, rest = value.partition("://")
        if value and (not separator or scheme.partition("+")[0] not in _ASYNC_DRIVERS):
            self._fault(name, "not a URL of SQLite, PostgreSQL or MariaDB (sqlite:///, postgresql://, mysql://)")
        return f"{_ASYNC_DRIVERS.get(scheme, scheme)}://{rest}" if separator else value
