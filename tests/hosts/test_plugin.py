"""The pytest plugin, in the tests of a host as its author writes them."""

import shutil

import pytest

from tests.hosts.running import EXAMPLES, PASSWORD, environment

CONFTEST = f"""
from collections.abc import AsyncIterator, Iterator

import pytest
from cookie_sessions import Base, User, app, auth, engine, passwords
from cookie_sessions import two_factor as the_two_factor
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.testclient import TestClient
from twofold.fastapi import TwoFactor

pytest_plugins = ["twofold.testing"]


@pytest.fixture
def two_factor() -> TwoFactor:
    return the_two_factor


async def begin() -> None:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.drop_all)
        await connection.run_sync(Base.metadata.create_all)
    async with AsyncSession(engine) as db:
        db.add(User(email="ann@example.com", hashed_password=passwords.hash("{PASSWORD}")))
        await db.commit()


@pytest.fixture
def ann() -> Iterator[TestClient]:
    with TestClient(app, base_url="https://testserver") as client:
        client.portal.call(begin)
        assert client.post("/login", json={{"email": "ann@example.com", "password": "{PASSWORD}"}}).status_code == 200
        yield client
        client.portal.call(auth.store.close)
        client.portal.call(engine.dispose)
"""

TESTS = """
from starlette.testclient import TestClient
from twofold.clock import SystemClock
from twofold.testing import StoppedClock, enroll


def test_a_payout_asks_again_after_five_minutes(ann: TestClient, twofold_clock: StoppedClock) -> None:
    phone, _ = enroll(ann, clock=twofold_clock)
    assert ann.post("/payouts").status_code == 200
    twofold_clock.forward(minutes=6)
    assert ann.post("/payouts").status_code == 401
    assert ann.post("/payouts", headers={"X-TOTP-Code": phone.code()}).status_code == 200


def test_the_clock_was_put_back(two_factor) -> None:
    assert isinstance(two_factor.auth.clock, SystemClock)
"""


def test_the_tests_of_a_host(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, key: str):
    """
    With the plugin and one fixture a host tests what happens after five minutes in six lines, the application as it
    stands, with nothing to be warned of; and the application's own clock is back afterwards.
    """
    for name, value in environment(f"sqlite+aiosqlite:///{pytester.path}/host.sqlite", key).items():
        monkeypatch.setenv(name, value)
    shutil.copy(EXAMPLES / "cookie_sessions.py", pytester.path)
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(TESTS)
    pytester.syspathinsert()

    result = pytester.runpytest_subprocess("-W", "error", "--strict-config", "--strict-markers")

    result.assert_outcomes(passed=2)
