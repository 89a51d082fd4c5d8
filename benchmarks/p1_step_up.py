"""P1: a step-up, CPU a request of the backend against the bare server that sends the same statements."""

import os
import re
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import create_engine

from benchmarks import load, servers
from benchmarks.measure import Figure, cpu_seconds
from benchmarks.people import Enrolled, enrolled
from benchmarks.statements import STATEMENTS
from tests import servers as databases
from twofold import KeyRing

PATH = "/api/auth/2fa/step-up"
ROUNDS = 5
REQUESTS = 800
WARM_UP = 200
BACKEND_PORT, BARE_PORT = 28_401, 28_402


def run() -> Figure:
    """Measure, the two in turn."""
    key = urlsafe_b64encode(secrets.token_bytes(32)).decode()
    database_server = databases.start(databases.POSTGRESQL)
    try:
        database = database_server.fresh_database()
        servers.migrated(database)
        people = enrolled(create_engine(database.sync_url), KeyRing([key]), range(1, (ROUNDS + 1) * 2 * REQUESTS))
        environment = {"ENCRYPTION_KEY": key, "DATABASE_URL": database.plain_url}
        os.sched_setaffinity(0, servers.LOAD_CORE)
        with servers.backend(BACKEND_PORT, environment) as ours, servers.bare(BARE_PORT, environment) as bare:
            rest = iter(people)
            _ask(BACKEND_PORT, ours, [next(rest) for _ in range(WARM_UP)])
            _ask(BARE_PORT, bare, [next(rest) for _ in range(WARM_UP)])
            seen = _statements_of_one(database_server, next(rest))
            if seen != STATEMENTS:
                message = f"the backend sends other statements than benchmarks/bare_server.py:\n{seen}"
                raise RuntimeError(message)
            rounds = [
                (
                    _ask(BACKEND_PORT, ours, [next(rest) for _ in range(REQUESTS)]),
                    _ask(BARE_PORT, bare, [next(rest) for _ in range(REQUESTS)]),
                )
                for _ in range(ROUNDS)
            ]
    finally:
        database_server.close()
        os.sched_setaffinity(0, servers.CORES)
    microseconds = [f"{1e6 * sum(each) / len(rounds):.0f}" for each in zip(*rounds, strict=True)]
    return Figure(
        "P1",
        "step-up, CPU a request against the bare server",
        [ours / bare for ours, bare in rounds],
        2.0,
        notes=f"{len(STATEMENTS)} statements; {microseconds[0]} against {microseconds[1]} us",
    )


def _ask(port: int, pid: int, people: Sequence[Enrolled]) -> float:
    """CPU seconds a request; each is somebody's first use of a code."""
    now = datetime.now(UTC)
    requests = [load.post(PATH, each.token, b'{"code": "%s"}' % each.code(now).encode()) for each in people]
    before = cpu_seconds(pid)
    statuses = load.send(port, requests)
    spent = cpu_seconds(pid) - before
    if set(statuses) != {200}:
        message = f"refused: {statuses.count(200)} of {len(statuses)} were accepted"
        raise RuntimeError(message)
    return spent / len(people)


def _statements_of_one(server: databases.Server, person: Enrolled) -> list[str]:
    """What the database server's own log says that one step-up sends."""
    log = Path(str(server._folder)) / "log"  # noqa: SLF001 - the folder of a throwaway server
    databases.run(server.url, "ALTER SYSTEM SET log_statement = 'all'")
    databases.run(server.url, "SELECT pg_reload_conf()")
    time.sleep(1)  # the server reads its settings by and by
    start = len(log.read_text())
    now = datetime.now(UTC)
    load.send(BACKEND_PORT, [load.post(PATH, person.token, b'{"code": "%s"}' % person.code(now).encode())])
    time.sleep(0.5)
    text = log.read_text()[start:]
    databases.run(server.url, "ALTER SYSTEM RESET log_statement")
    databases.run(server.url, "SELECT pg_reload_conf()")
    time.sleep(1)
    entries = re.findall(r"LOG:  (?:statement|execute \S+): (.*?)(?=\n\S|\Z)", text, re.DOTALL)
    said = [re.sub(r"\s+", " ", entry).strip().rstrip(";") for entry in entries]
    # A statement is the same at whatever isolation level its transaction begins.
    return [re.sub(r"^BEGIN .*", "BEGIN", entry) for entry in said]
