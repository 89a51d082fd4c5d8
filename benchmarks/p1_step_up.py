"""P1: a step-up, CPU a request of the backend against the bare server that sends the same statements."""

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from sqlalchemy import create_engine

from benchmarks import load, servers
from benchmarks.measure import Figure, against_each_other, cpu_seconds
from benchmarks.people import Enrolled, enrolled
from benchmarks.statements import STATEMENTS
from tests import servers as databases

PATH = "/api/auth/2fa/step-up"
ROUNDS = 5
REQUESTS = 800
WARM_UP = 200
BACKEND_PORT, BARE_PORT = 28_401, 28_402


def run() -> Figure:
    """Measure, the two in turn."""
    with servers.stage() as stage:
        engine = create_engine(stage.database.sync_url)
        rest = iter(enrolled(engine, stage.keys, range(1, (ROUNDS + 1) * 2 * REQUESTS)))
        with (
            servers.backend(BACKEND_PORT, stage.environment) as ours,
            servers.bare(BARE_PORT, stage.environment) as bare,
        ):
            for port, pid in ((BACKEND_PORT, ours), (BARE_PORT, bare)):
                _ask(port, pid, rest, WARM_UP)
            seen = _statements_of_one(stage.server, next(rest))
            if seen != STATEMENTS:
                message = f"the backend sends other statements than benchmarks/bare_server.py:\n{seen}"
                raise RuntimeError(message)
            ratios, our_seconds, bare_seconds = against_each_other(
                ROUNDS,
                lambda: _ask(BACKEND_PORT, ours, rest, REQUESTS),
                lambda: _ask(BARE_PORT, bare, rest, REQUESTS),
            )
    return Figure(
        "P1",
        "step-up, CPU a request against the bare server",
        ratios,
        2.0,
        notes=f"{len(STATEMENTS)} statements; {1e6 * our_seconds:.0f} against {1e6 * bare_seconds:.0f} us",
    )


def _ask(port: int, pid: int, rest: Iterator[Enrolled], number: int) -> float:
    """CPU seconds a request; each is somebody's first use of a code."""
    now, people = datetime.now(UTC), list(islice(rest, number))
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
