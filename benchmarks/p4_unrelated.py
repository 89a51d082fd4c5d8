"""P4: an unrelated route's p99 while 20 clients send backup codes, wrong codes, set-ups and password sign-ins."""

import asyncio
import json
import statistics
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle

from sqlalchemy import Engine, create_engine, insert, update

from app.models.user import PASSWORDS, User
from benchmarks import load, servers
from benchmarks.measure import Figure
from benchmarks.people import Enrolled, enrolled, signed_up
from twofold import KeyRing
from twofold.core.backup_codes import new_backup_codes, stored_backup_codes
from twofold.core.policy import RECOMMENDED
from twofold.core.sealing import Purpose, user_text

PORT = 28_405
ROUNDS = 5
SECONDS = 8
CLIENTS = 20
PAUSE = 1.0
"""Seconds between two requests of a client: twenty people at once, each as fast as a form can be sent."""

PEOPLE = 200
PASSWORD = "correct horse battery staple"  # noqa: S105 - of people who do not exist
Kinds = Mapping[str, Iterator[bytes]]


def run() -> Figure:
    """Measure, with them and without in turn."""
    with servers.stage() as stage:
        kinds = _kinds(create_engine(stage.database.sync_url), stage.keys)
        with servers.backend(PORT, stage.environment):
            answers = Counter[str]()
            _p99_beside(kinds, PAUSE)
            alone, beside = list[float](), list[float]()
            for _ in range(ROUNDS):
                beside.append(_p99_beside(kinds, PAUSE, answers))
                alone.append(_p99_beside({}, PAUSE))
            never_pausing = _p99_beside(kinds, 0.0)
    without = statistics.median(alone)
    told = ", ".join(f"{count} x {what}" for what, count in sorted(answers.items()))
    return Figure(
        "P4",
        f"p99 of an unrelated route beside {CLIENTS} clients, each a request a second",
        [each / without for each in beside],
        1.5,
        notes=f"{statistics.median(beside):.1f} against {without:.1f} ms alone, and {never_pausing:.1f} ms beside "
        f"clients that never pause; {told}",
    )


def _p99_beside(kinds: Kinds, pause: float, answers: Counter[str] | None = None) -> float:
    """The 99th percentile, in milliseconds, of what `benchmarks.probe` saw while these clients were there."""
    latencies = asyncio.run(_round(kinds, pause, Counter() if answers is None else answers))
    return statistics.quantiles(latencies, n=100)[98]


async def _round(kinds: Kinds, pause: float, answers: Counter[str]) -> list[float]:
    command = [sys.executable, "-m", "benchmarks.probe", str(PORT), str(SECONDS)]
    probe = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    clients = [
        asyncio.create_task(_client(name, requests, pause, number / CLIENTS, answers))
        for number, (name, requests) in zip(range(CLIENTS if kinds else 0), cycle(kinds.items()), strict=False)
    ]
    printed, _ = await asyncio.wait_for(probe.communicate(), SECONDS + 30)
    for client in clients:
        client.cancel()
    await asyncio.gather(*clients, return_exceptions=True)
    latencies: list[float] = json.loads(printed)
    return latencies


async def _client(name: str, requests: Iterator[bytes], pause: float, start: float, answers: Counter[str]) -> None:
    await asyncio.sleep(start * pause)
    reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
    try:
        while True:
            status = await load.ask(reader, writer, next(requests))
            answers[f"{name} {status}"] += 1
            await asyncio.sleep(pause)
    finally:
        writer.close()


def _kinds(engine: Engine, keys: KeyRing) -> Kinds:
    """What each kind of client sends, one after the other, without an end."""
    newcomers = signed_up(engine, PEOPLE)
    people = enrolled(engine, keys, range(PEOPLE + 1, 3 * PEOPLE + 1))
    codes = _with_backup_codes(engine, keys, people[:PEOPLE])
    addresses = [f"with-a-password-{number}@example.com" for number in range(PEOPLE)]
    hashed = PASSWORDS.hash(PASSWORD)
    with engine.begin() as connection:
        rows = [
            {"id": 9 * PEOPLE + n, "email": address, "hashed_password": hashed} for n, address in enumerate(addresses)
        ]
        connection.execute(insert(User), rows)
    engine.dispose()
    step_up, logins = "/api/auth/2fa/step-up", [{"email": address, "password": PASSWORD} for address in addresses]
    return {
        "backup code": cycle([load.post(step_up, token, _json(backup_code=code)) for token, code in codes]),
        "wrong code": cycle([load.post(step_up, person.token, _json(code="000000")) for person in people[PEOPLE:]]),
        "set-up": cycle([load.post("/api/auth/2fa/setup", token, b"{}") for token in newcomers]),
        "password": cycle([load.post("/api/auth/login", "-", _json(**body)) for body in logins]),
    }


def _json(**body: str) -> bytes:
    return json.dumps(body).encode()


def _with_backup_codes(engine: Engine, keys: KeyRing, people: Sequence[Enrolled]) -> list[tuple[str, str]]:
    """Give people backup codes: each code, beside a session of its owner's."""
    found = []
    with engine.begin() as connection:
        for person in people:
            codes = new_backup_codes(RECOMMENDED)
            stored = stored_backup_codes(codes, user_text(person.id)).to_bytes()
            sealed = keys.seal(stored, Purpose.BACKUP_CODES, person.id)
            connection.execute(update(User).filter_by(id=person.id).values(twofa_backup_codes=sealed))
            found += [(person.token, code) for code in codes]
    return found
