"""P3: beginning a set-up, CPU a request against the same backend whose QR code qrcode and Pillow draw as they come."""

import os
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Sequence

from sqlalchemy import create_engine

from benchmarks import load, servers
from benchmarks.measure import Figure, cpu_seconds
from benchmarks.people import signed_up
from tests import servers as databases

PATH = "/api/auth/2fa/setup"
ROUNDS = 5
REQUESTS = 120
WARM_UP = 20
OUR_PORT, OTHER_PORT = 28_403, 28_404


def run() -> Figure:
    """Measure, the two in turn."""
    key = urlsafe_b64encode(secrets.token_bytes(32)).decode()
    database_server = databases.start(databases.POSTGRESQL)
    try:
        database = database_server.fresh_database()
        servers.migrated(database)
        tokens = iter(signed_up(create_engine(database.sync_url), 2 * (WARM_UP + ROUNDS * REQUESTS)))
        environment = {"ENCRYPTION_KEY": key, "DATABASE_URL": database.plain_url}
        os.sched_setaffinity(0, servers.LOAD_CORE)
        with (
            servers.backend(OUR_PORT, environment) as ours,
            servers.backend(OTHER_PORT, environment, "benchmarks.pillow_server:create_app") as other,
        ):
            for port, pid in ((OUR_PORT, ours), (OTHER_PORT, other)):
                _ask(port, pid, [next(tokens) for _ in range(WARM_UP)])
            rounds = [
                (
                    _ask(OUR_PORT, ours, [next(tokens) for _ in range(REQUESTS)]),
                    _ask(OTHER_PORT, other, [next(tokens) for _ in range(REQUESTS)]),
                )
                for _ in range(ROUNDS)
            ]
    finally:
        database_server.close()
        os.sched_setaffinity(0, servers.CORES)
    milliseconds = [f"{1e3 * sum(each) / len(rounds):.1f}" for each in zip(*rounds, strict=True)]
    return Figure(
        "P3",
        "set-up, CPU a request against qrcode with Pillow",
        [ours / other for ours, other in rounds],
        0.25,
        notes=f"{milliseconds[0]} against {milliseconds[1]} ms",
    )


def _ask(port: int, pid: int, tokens: Sequence[str]) -> float:
    """CPU seconds a request."""
    before = cpu_seconds(pid)
    statuses = load.send(port, [load.post(PATH, token, b"{}") for token in tokens], connections=4)
    spent = cpu_seconds(pid) - before
    if set(statuses) != {200}:
        message = f"refused: {statuses.count(200)} of {len(statuses)} were accepted"
        raise RuntimeError(message)
    return spent / len(tokens)
