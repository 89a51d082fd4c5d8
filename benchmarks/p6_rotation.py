"""P6: a key rotation of a million rows, rows a second against the best batch written by hand, on PostgreSQL."""

import asyncio
import json
import os
import resource
import secrets
import subprocess
import sys
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import psycopg
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import create_async_engine

from app.models.user import User
from benchmarks import servers
from benchmarks.measure import Figure, against_each_other
from benchmarks.people import Enrolled, enrolled
from tests import servers as databases
from twofold import RECOMMENDED, KeyRing, TwoFactorAuth, TwofoldError
from twofold.core.backup_codes import new_backup_codes, stored_backup_codes
from twofold.core.sealing import Purpose
from twofold.core.totp import new_totp_secret
from twofold.service.keys import Rotated
from twofold.sqlalchemy import SqlAlchemyStore

ROWS = int(os.environ.get("P6_ROWS", "1000000"))
ROUNDS = 5
VISITORS = 200
PAUSE_SECONDS = 0.05
"""Between two checks of a code, all the while."""
BY_HAND_AT_ONCE = 10_000
MEBI = 2**20

READ = """
    SELECT id, totp_secret, twofa_backup_codes FROM users
    WHERE id > $1 AND (totp_secret NOT LIKE $2 OR twofa_backup_codes NOT LIKE $2) ORDER BY id LIMIT $3
"""
WRITE = """
    UPDATE users SET totp_secret = given.secret, twofa_backup_codes = given.codes
    FROM unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::text[])
        AS given(id, old_secret, secret, old_codes, codes)
    WHERE users.id = given.id AND totp_secret = given.old_secret
        AND twofa_backup_codes IS NOT DISTINCT FROM given.old_codes
"""


def run() -> Figure:
    """Rotate two tables that are alike, a fifth of each in turn, while codes are checked on both."""
    old, new = (urlsafe_b64encode(secrets.token_bytes(32)).decode() for _ in range(2))
    server = databases.start(databases.POSTGRESQL)
    try:
        ours, by_hand = server.fresh_database(), server.fresh_database()
        people = [_population(each, KeyRing([old])) for each in (ours, by_hand)]
        grown: list[float] = []
        with _traffic(ours, by_hand, KeyRing([new, old]), people) as checks:
            ratios, of_ours, of_theirs = against_each_other(
                ROUNDS, lambda: _rate("ours", ours, new, old, grown), lambda: _rate("by_hand", by_hand, new, old, [])
            )
        left = _left(ours, new)
    finally:
        server.close()
    return Figure(
        "P6",
        f"key rotation of {ROWS:,} rows, rows a second against a batch by hand",
        ratios,
        0.7,
        at_most=False,
        notes=f"{of_ours:,.0f} against {of_theirs:,.0f} a second; memory +{max(grown):.1f} MiB after the first "
        f"batches; meanwhile {checks['right']} codes checked, {checks['wrong']} failed; {left} rows left behind",
    )


def _population(database: databases.Database, keys: KeyRing) -> list[Enrolled]:
    servers.migrated(database)
    engine = create_engine(database.sync_url)
    step = ROWS // VISITORS
    people = list(enrolled(engine, keys, range(step, ROWS + 1, step)))
    engine.dispose()
    secret = new_totp_secret(RECOMMENDED).to_bytes()
    with psycopg.connect(database.plain_url, autocommit=True) as connection:
        columns = "id, email, hashed_password, totp_secret, twofa_backup_codes, twofa_enabled"
        with connection.cursor() as cursor, cursor.copy(f"COPY users ({columns}) FROM STDIN") as copy:
            codes = stored_backup_codes(new_backup_codes(RECOMMENDED), "-").to_bytes()
            for number in range(1, ROWS + 1):
                if number % step:
                    sealed = keys.seal(secret, Purpose.TOTP_SECRET, number)
                    written = keys.seal(codes, Purpose.BACKUP_CODES, number)
                    copy.write_row((number, f"{number}@example.com", "-", sealed, written, True))
        connection.execute("VACUUM ANALYZE users")
        connection.execute("CHECKPOINT")
    return people


@contextmanager
def _traffic(
    ours: databases.Database, by_hand: databases.Database, keys: KeyRing, people: list[list[Enrolled]]
) -> Iterator[dict[str, int]]:
    """Check codes on both tables until it is enough; how many were right, and how many were not accepted."""
    counts, enough = {"right": 0, "wrong": 0}, threading.Event()

    def check() -> None:
        engines = [create_engine(each.sync_url) for each in (ours, by_hand)]
        auths = [TwoFactorAuth(issuer="Acme", keys=keys, store=SqlAlchemyStore(each, User)) for each in engines]
        # Each person once in a time step: a code works once.
        for number in range(10**6):
            if enough.wait(PAUSE_SECONDS):
                return
            which, place = number % 2, (number // 2) % VISITORS
            person = people[which][place]
            try:
                auths[which].verify_totp_code(person.id, person.code(datetime.now(UTC)))
                counts["right"] += 1
            except TwofoldError as error:
                counts["wrong"] += error.slug != "code-already-used"

    thread = threading.Thread(target=check, daemon=True)
    thread.start()
    yield counts
    enough.set()
    thread.join(10)


def _rate(which: str, database: databases.Database, new: str, old: str, grown: list[float]) -> float:
    """Rows a second, in a process of its own that begins where the one before has ended."""
    given = {"P6_URL": database.plain_url if which == "by_hand" else database.async_url, "P6_KEYS": f"{new},{old}"}
    paths = os.pathsep.join((str(Path.cwd()), str(Path.cwd() / "backend")))
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "benchmarks.p6_rotation", which, str(ROWS // ROUNDS)],
        env={**os.environ, **given, "PYTHONPATH": paths},
        capture_output=True,
        check=True,
        text=True,
    )
    told = json.loads(done.stdout)
    grown.append(told["grown"])
    return float(told["rate"])


def _left(database: databases.Database, new: str) -> int:
    with psycopg.connect(database.plain_url) as connection:
        under = f"v1.{KeyRing([new]).key_ids[0]}.%"
        query = "SELECT count(*) FROM users WHERE totp_secret NOT LIKE %s OR twofa_backup_codes NOT LIKE %s"
        row = connection.execute(query, (under, under)).fetchone()
        return int(row[0]) if row else -1


class _Enough(Exception):
    pass


async def _ours(url: str, keys: KeyRing, rows: int) -> tuple[int, list[int]]:
    engine, done, memory = create_async_engine(url), 0, [0]
    auth = TwoFactorAuth(issuer="Acme", keys=keys, store=SqlAlchemyStore(engine, User))

    def told(state: Rotated) -> None:
        nonlocal done
        done = state.done
        memory.append(_peak())
        if done >= rows:
            raise _Enough

    with suppress(_Enough):
        await auth.run(lambda auth: auth.keys_in_use.rotate(told))
    await engine.dispose()
    return done, memory[1:]


async def _by_hand(url: str, keys: KeyRing, rows: int) -> tuple[int, list[int]]:
    connection = await asyncpg.connect(url)
    done, after, memory, here = 0, 0, [], f"v1.{keys.key_ids[0]}.%"
    while done < rows:
        batch = await connection.fetch(READ, after, here, BY_HAND_AT_ONCE)
        if not batch:
            break
        ids = [row[0] for row in batch]
        anew = [
            [row[place] and keys.reseal(row[place], purpose, row[0]) for row in batch]
            for place, purpose in ((1, Purpose.TOTP_SECRET), (2, Purpose.BACKUP_CODES))
        ]
        old = [[row[place] for row in batch] for place in (1, 2)]
        await connection.execute(WRITE, ids, old[0], anew[0], old[1], anew[1])
        done, after = done + len(batch), ids[-1]
        memory.append(_peak())
    await connection.close()
    return done, memory


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def child(which: str, rows: int) -> None:
    """Rotate so many rows, and print what it took."""
    url, keys = os.environ["P6_URL"], KeyRing(os.environ["P6_KEYS"].split(","))
    begun = time.perf_counter()
    done, memory = asyncio.run((_ours if which == "ours" else _by_hand)(url, keys, rows))
    # What is loaded with the first batches is no growth.
    settled = memory[min(4, len(memory) - 1)]
    rate = done / (time.perf_counter() - begun)
    print(json.dumps({"rate": rate, "grown": (memory[-1] - settled) / MEBI}))


if __name__ == "__main__":
    child(sys.argv[1], int(sys.argv[2]))
