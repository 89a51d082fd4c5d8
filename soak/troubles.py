"""The kinds of trouble: each goes on until a moment of the monotonic clock, and says what it did."""

import itertools
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from app.models.user import User
from soak.people import Cast
from soak.proxy import FAIR, Weather
from soak.servers import come_back, kill, standby_of
from soak.world import OWNER, World, new_entry
from tests import servers
from twofold import TwoFactorAuth
from twofold.sqlalchemy import SqlAlchemyStore

Trouble = Callable[[World, Cast, float, random.Random], str]
"""Given the world, the people, the end and chance; what it did, in words."""

LONGER_THAN_THE_LOCK_TIMEOUT = 2.6
"""Seconds for which rows are held."""
ROTATION_SECONDS = 20
"""How long after a storm the last rotation may take."""
CONNECTIONS = 16
"""Of the database, for workers that want up to twenty each."""
LAG, LONG_LAG = 0.1, 0.4
"""Seconds by which a standby lags behind that commits wait for, and one for which they do not."""


def calm(_: World, __: Cast, until: float, ___: random.Random) -> str:
    """Nothing happens."""
    time.sleep(max(0.0, until - time.monotonic()))
    return "no trouble"


def workers_die(world: World, _: Cast, until: float, chance: random.Random) -> str:
    """Workers are killed in the midst of their work, and come back; there is always one that serves."""
    deaths = 0
    while _pause(chance.uniform(0.2, 0.8), until):
        serving = [worker for worker in world.workers if worker.is_ready()]
        if len(serving) > 1:
            victim = chance.choice(serving)
            victim.kill()
            victim.come_back()
            deaths += 1
    return f"{deaths} kill -9"


def _pause(seconds: float, until: float) -> bool:
    """Wait so long; whether there is time left."""
    time.sleep(max(0.0, min(seconds, until - time.monotonic())))
    return time.monotonic() < until


def keys_change(world: World, _: Cast, until: float, __: random.Random) -> str:
    """A new key comes and the old one goes, worker by worker, and each time all values are brought over."""
    changes, began = 0, time.monotonic()
    while time.monotonic() < until:
        old, new = world.entries[0], new_entry()
        world.entries = (new, old)
        for entries in ((old, new), (new, old)):
            _deploy(world, *entries)
        while auth_of(world).keys_in_use.rotate().left:
            assert time.monotonic() < until + ROTATION_SECONDS, "rows are always busy"
        _deploy(world, new)
        world.entries = (new,)
        changes += 1
    return f"{changes} new keys, each in {(time.monotonic() - began) / changes:.0f} s, by 6 restarts"


def _deploy(world: World, *entries: str) -> None:
    for worker in world.workers:
        worker.stop()
        worker.come_back(ENCRYPTION_KEY=",".join(entries))
        worker.wait_until_ready()
        if world.front is not None:
            world.front.wait_until_it_sees(worker.port, ready=True)


def auth_of(world: World) -> TwoFactorAuth:
    """The operator's view of the database."""
    return TwoFactorAuth(issuer="Storm", keys=world.keys, store=SqlAlchemyStore(world.engine(), User))


def database_dies(world: World, _: Cast, until: float, chance: random.Random) -> str:
    """The server is killed and comes back; on PostgreSQL, in turn with one of its processes."""
    deaths = 0
    while _pause(chance.uniform(1.0, 2.0), until):
        if world.kind == "postgresql" and deaths % 2:
            _kill_a_backend(world, chance)
        else:
            kill(world.database_server)
            time.sleep(chance.uniform(0, 0.3))
            come_back(world.database_server)
        deaths += 1
    return f"{deaths} kill -9"


def _kill_a_backend(world: World, chance: random.Random) -> None:
    """PostgreSQL throws all its processes out where one dies, and recovers."""
    with suppress(DBAPIError), _outside(world) as connection:
        found = connection.execute(text("SELECT pid FROM pg_stat_activity WHERE usename = :name"), {"name": OWNER})
        if pids := [row.pid for row in found]:
            os.kill(chance.choice(pids), signal.SIGKILL)


@contextmanager
def _outside(world: World) -> Iterator[Connection]:
    engine = create_engine(world.sync_url, poolclass=NullPool, hide_parameters=True)
    with engine.connect() as connection:
        yield connection


def lines_fail(world: World, _: Cast, until: float, chance: random.Random) -> str:
    """The lines to the database are cut, reset, slow or silent, one thing after the other."""
    kinds = (
        Weather(cut_after=6000),
        Weather(cut_at_commit=0.2),
        Weather(cut_at_commit=0.2, resets=True),
        Weather(delay=0.03),
        Weather(cut_after=6000, resets=True),
        Weather(swallows=True),
        Weather(refuses=True),
    )
    silent = 0
    for weather in itertools.cycle(kinds):
        world.line.weather = weather
        more = _pause(chance.uniform(0.6, 1.4), until)
        if weather.swallows:
            # What was swallowed never arrives: the connections are as good as gone, and at last somebody says so.
            silent += 1
            world.line.cut_all()
        world.line.weather = FAIR
        if not more or not _pause(0.3, until):
            return f"{world.line.cuts} cuts, silent {silent} times"
    raise AssertionError  # the cycle has no end


def too_few_connections(world: World, cast: Cast, until: float, chance: random.Random) -> str:
    """The database has fewer connections than the workers want, and those are held by slow work."""
    servers.run(world.database_server.url, f"ALTER ROLE {OWNER} CONNECTION LIMIT {CONNECTIONS}")
    world.line.cut_all()
    held = 0
    try:
        while _pause(chance.uniform(0.3, 0.6), until):
            with suppress(DBAPIError), _outside(world) as connection:
                _hold(connection, cast, chance)
                held += 1
                _pause(1.2, until)
    finally:
        servers.run(world.database_server.url, f"ALTER ROLE {OWNER} CONNECTION LIMIT -1")
    return f"{CONNECTIONS} connections, held {held} times for 1.2 s"


def _hold(connection: Connection, cast: Cast, chance: random.Random, *, users: int = 20) -> None:
    """Take the rows of so many users."""
    ids = sorted(person.id for person in chance.sample(cast.everybody, min(users, len(cast.everybody))))
    listed = ", ".join(map(str, ids))
    connection.execute(text(f"SELECT id FROM users WHERE id IN ({listed}) ORDER BY id FOR UPDATE"))


DEADLOCKS = {
    "postgresql": "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()",
    "mariadb": "SELECT variable_value FROM information_schema.global_status WHERE variable_name = 'Innodb_deadlocks'",
}
"""How each server counts the deadlocks that it has ended."""


def locks_collide(world: World, cast: Cast, until: float, chance: random.Random) -> str:
    """Rows are held for longer than the lock timeout; and rows are taken in the opposite order."""
    held = 0
    while _pause(0.2, until):
        with suppress(DBAPIError), _outside(world) as connection:
            _hold(connection, cast, chance)
            held += 1
            _pause(LONGER_THAN_THE_LOCK_TIMEOUT, until)
        for _ in range(6):
            if time.monotonic() < until:
                _take_in_the_opposite_order(world, cast)
    time.sleep(0.5)  # The statistics come by and by.
    with _outside(world) as connection:
        deadlocks = connection.execute(text(DEADLOCKS[world.kind])).scalar()
    return f"held {held} times for {LONGER_THAN_THE_LOCK_TIMEOUT} s; {deadlocks} deadlocks"


def _take_in_the_opposite_order(world: World, cast: Cast) -> None:
    """Sessions first, then users."""
    listed = ", ".join(str(phone.id) for phone in cast.phones)
    with suppress(DBAPIError), _outside(world) as connection:
        connection.execute(text(f"SELECT user_id FROM twofold_sessions WHERE user_id IN ({listed}) FOR UPDATE"))
        time.sleep(0.6)
        connection.execute(text(f"SELECT id FROM users WHERE id IN ({listed}) FOR UPDATE"))


def fails_over(synchronous: str) -> Trouble:
    """The primary is killed and its standby promoted; the workers' line then leads there."""

    def failover(world: World, _: Cast, until: float, chance: random.Random) -> str:
        standby = standby_of(world.database_server, synchronous=synchronous)
        lag = LAG if synchronous else LONG_LAG
        standby.line.weather = Weather(delay=lag)
        _pause((until - time.monotonic()) * chance.uniform(0.45, 0.55), until)
        # In the midst of a step, when its codes have just been accepted.
        time.sleep(max(0.0, world.clock.until_step(world.clock.step() + 1) + 0.6 * world.clock.step_seconds))
        primary = world.database_server
        kill(primary)
        standby.line.cut_all()
        since = time.monotonic()
        standby.promote()
        world.fail_over_to(standby.server)
        took = time.monotonic() - since
        primary.close()
        threading.Thread(target=standby.line.close).start()
        _pause(until - time.monotonic(), until)
        return f"promoted in {took:.2f} s, {lag:g} s behind"

    return failover
