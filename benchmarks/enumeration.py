"""
Enumeration: whether the time in which a wrong password is refused tells whose it is (G12).

Four kinds of addresses are asked for in blocks of one each, in random order, over one kept connection. That two kinds
take the same time is what is to be shown, not presumed: by two one-sided tests at 5 % (TOST), which is the same as a
90 % confidence interval for the mean difference that lies within the margin on both sides. What else the machine does
widens the intervals, so that the figure is missed, never met by it; across sessions `nice` alone does not help
(sched(7), autogroup).
"""

import gc
import math
import os
import secrets
import statistics
import tempfile
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from itertools import combinations
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from sqlalchemy import Engine, create_engine, insert

from app.main import create_app
from app.models.user import PASSWORDS, User
from benchmarks import servers
from tests import servers as databases
from twofold import KeyRing
from twofold.core.policy import RECOMMENDED
from twofold.core.sealing import Purpose
from twofold.core.totp import new_totp_secret
from twofold.settings import Settings

KINDS = ("unknown", "without 2FA", "with 2FA", "locked 2FA")
SAMPLES, WARM_UP = 300, 20
MARGIN = 1.0
"""Milliseconds by which two means may differ, both ways: what a guesser across a network cannot tell in a few tries."""
PORT = 28_405
PATH = "/api/auth/login"
QUANTILE = statistics.NormalDist().inv_cdf(0.95)  # with hundreds of blocks the t distribution is the normal one
Samples = Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Pair:
    """
    The difference of two kinds on one database, block by block, in milliseconds.

    Args:
        mean: Of the differences.
        error: Its standard error.
    """

    name: str
    mean: float
    error: float

    @property
    def interval(self) -> tuple[float, float]:
        """The 90 % confidence interval."""
        return self.mean - QUANTILE * self.error, self.mean + QUANTILE * self.error

    @property
    def met(self) -> bool:
        """Whether the two are equivalent."""
        low, high = self.interval
        return low > -MARGIN and high < MARGIN


@dataclass(frozen=True)
class Equivalence:
    """The figure: every pair on every database."""

    samples: Mapping[str, Samples]

    @property
    def pairs(self) -> list[Pair]:
        """All of them."""
        return [
            _pair(f"{database}: {one}, {other}", samples[one], samples[other])
            for database, samples in self.samples.items()
            for one, other in combinations(KINDS, 2)
        ]

    @property
    def means(self) -> dict[str, float]:
        """The mean time of each kind, and of all, in milliseconds."""
        return {
            f"{database}: {kind}": statistics.fmean(values)
            for database, samples in self.samples.items()
            for kind, values in samples.items()
        }

    def as_json(self) -> dict[str, Any]:
        """The figure, for `results.json`."""
        return {
            "what": "time to refuse a wrong password, equivalence of the means of each two kinds (TOST), ms",
            "margin": MARGIN,
            "margin_of_the_mean": round(MARGIN / statistics.fmean(self.means.values()), 4),
            "samples_each": SAMPLES,
            "means": {name: round(mean, 3) for name, mean in self.means.items()},
            "pairs": {
                pair.name: {"difference": round(pair.mean, 3), "interval": _rounded(pair.interval), "met": pair.met}
                for pair in self.pairs
            },
            "met": all(pair.met for pair in self.pairs),
        }

    def as_row(self) -> str:
        """The figure, for the table, and below it a line for each pair."""
        pairs, mean = self.pairs, statistics.fmean(self.means.values())
        lows, highs = zip(*(pair.interval for pair in pairs), strict=True)
        told = "met" if all(pair.met for pair in pairs) else "MISSED"
        cells = (
            "enumeration",
            "refusal of a wrong password, largest difference of two kinds' means, ms",
            f"{max(abs(pair.mean) for pair in pairs):.2f}",
            f"{min(lows):.2f} to {max(highs):.2f}",
            f"within {MARGIN:g} ({MARGIN / mean:.1%} of {mean:.1f})",
            told,
            f"{SAMPLES} samples of each of {len(KINDS)} kinds on {' and '.join(self.samples)}",
        )
        lines = [f"| {' | '.join(cells)} |"]
        for pair in pairs:
            low, high = pair.interval
            told = "met" if pair.met else "MISSED"
            lines.append(
                f"| | {pair.name} | {pair.mean:.2f} | {low:.2f} to {high:.2f} | within {MARGIN:g} | {told} | |"
            )
        return "\n".join(lines)


def _pair(name: str, one: Sequence[float], other: Sequence[float]) -> Pair:
    differences = [a - b for a, b in zip(one, other, strict=True)]
    return Pair(name, statistics.fmean(differences), statistics.stdev(differences) / math.sqrt(len(differences)))


def _rounded(interval: tuple[float, float]) -> list[float]:
    return [round(end, 3) for end in interval]


def unlimited_app() -> FastAPI:
    """The backend, which one address may ask as often as it likes."""
    settings = Settings.from_environment()
    return create_app(replace(settings, policy=replace(RECOMMENDED, address_failures=10**6)))


def run() -> Equivalence:
    """Measure, one database after the other."""
    samples = {}
    for name, place in {"SQLite": _sqlite, "PostgreSQL": _postgresql}.items():
        with place() as database:
            samples[name] = _measured(database)
    return Equivalence(samples)


@contextmanager
def _sqlite() -> Iterator[databases.Database]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "db"
        yield databases.Database("db", f"sqlite:///{path}", f"sqlite+aiosqlite:///{path}", f"sqlite:///{path}")


@contextmanager
def _postgresql() -> Iterator[databases.Database]:
    server = databases.start(databases.POSTGRESQL)
    try:
        yield server.fresh_database()
    finally:
        server.close()


def _measured(database: databases.Database) -> Samples:
    key = urlsafe_b64encode(secrets.token_bytes(32)).decode()
    servers.migrated(database)
    addresses = _people(create_engine(database.sync_url), KeyRing([key]))
    environment = {"ENCRYPTION_KEY": key, "DATABASE_URL": database.plain_url}
    samples: dict[str, list[float]] = {kind: [] for kind in KINDS}
    with servers.backend(PORT, environment, "benchmarks.enumeration:unlimited_app"):
        connection = HTTPConnection("127.0.0.1", PORT, timeout=30)
        gc.disable()
        os.sched_setaffinity(0, servers.LOAD_CORE)
        try:
            for number in range(WARM_UP + SAMPLES):
                for kind in secrets.SystemRandom().sample(KINDS, len(KINDS)):
                    taken = _refused(connection, addresses[kind][number])
                    if number >= WARM_UP:
                        samples[kind].append(taken)
        finally:
            os.sched_setaffinity(0, servers.CORES)
            gc.enable()
            connection.close()
    return samples


def _refused(connection: HTTPConnection, address: str) -> float:
    """The milliseconds that one refusal takes."""
    body = f'{{"email": "{address}", "password": "a wrong one"}}'
    begun = time.perf_counter_ns()
    connection.request("POST", PATH, body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    answer.read()
    taken = time.perf_counter_ns() - begun
    if answer.status != 401:  # noqa: PLR2004 - as it is when a password is wrong
        message = f"{address}: {answer.status}"
        raise RuntimeError(message)
    return taken / 1e6


def _people(engine: Engine, keys: KeyRing) -> Mapping[str, Sequence[str]]:
    """Addresses of each kind, one a block, so that no account's limit acts; all of one length."""
    addresses = {
        kind: [f"{letter}-{number:04}@example.com" for number in range(WARM_UP + SAMPLES)]
        for kind, letter in zip(KINDS, "abcd", strict=True)
    }
    hashed, wait = PASSWORDS.hash("the right one"), datetime.now(UTC) + timedelta(minutes=29)
    second_factor = {"twofa_enabled": True}
    of_kind: dict[str, dict[str, Any]] = {
        "without 2FA": {},
        "with 2FA": second_factor,
        "locked 2FA": second_factor | {"twofa_failures": '{"totp": 11}', "twofa_locked_until": wait},
    }
    with engine.begin() as connection:
        number = 0
        for kind, columns in of_kind.items():
            rows = []
            for address in addresses[kind]:
                number += 1
                sealed = keys.seal(new_totp_secret(RECOMMENDED).to_bytes(), Purpose.TOTP_SECRET, number)
                secret = {"totp_secret": sealed} if columns else {}
                rows.append({"id": number, "email": address, "hashed_password": hashed, **columns, **secret})
            connection.execute(insert(User), rows)
    engine.dispose()
    return addresses
