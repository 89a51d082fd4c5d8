"""P3: beginning a set-up, CPU a request against the same backend whose QR code qrcode and Pillow draw as they come."""

from collections.abc import Iterator
from itertools import islice

from sqlalchemy import create_engine

from benchmarks import load, servers
from benchmarks.measure import Figure, against_each_other, cpu_seconds
from benchmarks.people import signed_up

PATH = "/api/auth/2fa/setup"
ROUNDS = 5
REQUESTS = 120
WARM_UP = 20
OUR_PORT, OTHER_PORT = 28_403, 28_404


def run() -> Figure:
    """Measure, the two in turn."""
    with servers.stage() as stage:
        tokens = iter(signed_up(create_engine(stage.database.sync_url), 2 * (WARM_UP + ROUNDS * REQUESTS)))
        with (
            servers.backend(OUR_PORT, stage.environment) as ours,
            servers.backend(OTHER_PORT, stage.environment, "benchmarks.pillow_server:create_app") as other,
        ):
            for port, pid in ((OUR_PORT, ours), (OTHER_PORT, other)):
                _ask(port, pid, tokens, WARM_UP)
            ratios, our_seconds, other_seconds = against_each_other(
                ROUNDS,
                lambda: _ask(OUR_PORT, ours, tokens, REQUESTS),
                lambda: _ask(OTHER_PORT, other, tokens, REQUESTS),
            )
    return Figure(
        "P3",
        "set-up, CPU a request against qrcode with Pillow",
        ratios,
        0.25,
        notes=f"{1e3 * our_seconds:.1f} against {1e3 * other_seconds:.1f} ms",
    )


def _ask(port: int, pid: int, tokens: Iterator[str], number: int) -> float:
    """CPU seconds a request."""
    before = cpu_seconds(pid)
    statuses = load.send(port, [load.post(PATH, token, b"{}") for token in islice(tokens, number)], connections=4)
    spent = cpu_seconds(pid) - before
    if set(statuses) != {200}:
        message = f"refused: {statuses.count(200)} of {len(statuses)} were accepted"
        raise RuntimeError(message)
    return spent / number
