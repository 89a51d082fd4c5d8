"""The reference backend tidies up by itself: within the hour, never in the way, and not after its end."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import insert, update

from app.main import FIRST_MAINTENANCE_SECONDS, MAINTENANCE_SECONDS, create_app, keep_maintained, until
from app.models.user import User, UserSession
from app.utils.two_factor_auth import maintain
from tests.http.test_sessions import alive, sessions_of
from tests.http.world import Person, World
from tests.pauses import Pauses
from twofold.core.policy import CLOCK_WITNESSES, ROWS_AT_ONCE
from twofold.settings import Settings

DAY = timedelta(days=1)


def maintained(world: World) -> None:
    """Maintenance, after so many events that nothing from before makes the clock a liar."""
    row = {"user_id": world.registered().id, "kind": "signed_in", "outcome": "success", "moment": world.clock.now()}
    for _ in range(CLOCK_WITNESSES):
        world.execute(insert(User.metadata.tables["twofold_events"]).values(**row))
    world._call(maintain, world.app)


def aged(person: Person, **moments: Any) -> str:
    """A session of this person's, in whose row these moments stand."""
    token = person.session()
    world = person.world
    newest = max(row["id"] for row in person.kept()["user_sessions"])
    world.execute(update(UserSession).filter_by(id=newest).values(**moments))
    return token


def test_dead_sessions_go(each_world: World):
    """
    A session goes a day after it has expired or lain idle for too long; those that live, or died lately, stay.
    """
    person, now = each_world.signed_in(), each_world.clock.now()
    idle = each_world.auth.policy.session_idle
    aged(person, expires_at=now - DAY - timedelta(seconds=1))
    aged(person, last_seen_at=now - DAY - idle - timedelta(seconds=1))
    aged(person, expires_at=now - DAY)
    aged(person, last_seen_at=now - DAY - idle)

    maintained(each_world)

    assert sessions_of(person) == 3
    assert alive(person, person.token)


def test_many_dead_sessions_go(world: World):
    """
    However many sessions have died, all of them go.
    """
    person, now = world.signed_in(), world.clock.now()
    row = {"user_id": person.id, "created_at": now, "last_seen_at": now, "expires_at": now - 2 * DAY}
    rows = [row | {"token_hash": f"{person.id} {number}"} for number in range(2 * ROWS_AT_ONCE + 1)]
    with world.engine.connect() as connection:
        connection.execute(insert(UserSession), rows)

    maintained(world)

    assert sessions_of(person) == 1


def test_what_the_library_keeps_goes_too(each_world: World):
    """
    The backend's maintenance deletes what the library has kept for long enough.
    """
    person = each_world.signed_in()
    events = User.metadata.tables["twofold_events"]
    row = {"user_id": person.id, "kind": "signed_in", "outcome": "success", "client_address": "192.0.2.1"}
    now = each_world.clock.now()
    for age in (400 * DAY, 100 * DAY, timedelta(0)):
        each_world.execute(insert(events).values(**row, moment=now - age))

    maintained(each_world)

    assert [event["client_address"] for event in person.kept()["twofold_events"]] == [None, "192.0.2.1"]


def test_a_clock_that_is_ahead_ends_no_session(world: World):
    """
    Where the clock has jumped ahead of what was recorded, no session is deleted that may live (G17).
    """
    person = world.enrolled()
    sessions = person.kept()["user_sessions"]
    world.clock.moment += 400 * DAY

    world._call(maintain, world.app)

    assert person.kept()["user_sessions"] == sessions


async def lived(app: Any, pauses: Pauses) -> None:
    """The application's life, to the end of the last of its runs."""
    stopping = asyncio.Event()
    running = asyncio.create_task(keep_maintained(app, stopping, pauses))
    await pauses.over.wait()
    stopping.set()
    await running


def test_maintenance_comes_soon_and_then_each_hour(world: World):
    """
    The first run comes at a random moment soon after the start, the others an hour after the one before.
    """
    pauses = [Pauses(3) for _ in range(20)]
    for each in pauses:
        world._call(lived, world.app, each)
    first = [each.asked[0] for each in pauses]

    assert all(0 < seconds <= FIRST_MAINTENANCE_SECONDS for seconds in first)
    assert len(set(first)) == len(first)
    assert all(list(each.between) == [MAINTENANCE_SECONDS] * 3 for each in pauses)


def test_what_fails_is_one_line_and_is_tried_again(caplog: pytest.LogCaptureFixture):
    """
    Without tables each run fails: with one line and no trace, and the next one comes all the same.
    """
    app = create_app(Settings(database_url="sqlite+aiosqlite://", encryption_key=(Fernet.generate_key().decode(),)))
    pauses = Pauses(2)

    asyncio.run(lived(app, pauses))

    lines = [record for record in caplog.records if "Maintenance failed" in record.getMessage()]
    assert [record.getMessage() for record in lines] == [
        "Maintenance failed, and will be tried again (Unavailable)."
    ] * 2
    assert [record.exc_info for record in lines] == [None] * 2


def test_the_end_waits_for_no_pause():
    """
    An application that stops does not wait for the next hour.
    """

    async def stop() -> None:
        stopping = asyncio.Event()
        pausing = asyncio.create_task(until(stopping, MAINTENANCE_SECONDS))
        await asyncio.sleep(0)
        stopping.set()
        await asyncio.wait_for(pausing, 10)

    asyncio.run(stop())
