"""G1 and G2 from an event loop: the same races on the asynchronous drivers."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.races.bursts import FIVE_OF_SIXTY, ONE_OF_FORTY
from tests.races.people import People
from tests.races.place import Place, be_patient
from twofold import TwoFactorAuth, TwofoldError
from twofold.core.backup_codes import TypedBackupCode
from twofold.core.totp import TypedCode

HOSTS_CONNECTIONS = 4
PATIENCE_SECONDS = 5

pytestmark = pytest.mark.anyio
UseCase = Callable[[TwoFactorAuth], object]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def engine(place: Place) -> AsyncIterator[AsyncEngine]:
    """The host's engine: a pool that is soon empty."""
    engine = place.async_engine(pool_size=HOSTS_CONNECTIONS, max_overflow=0, pool_timeout=PATIENCE_SECONDS)
    yield engine
    await engine.dispose()


@pytest.fixture(params=["greenlets", "threads"])
async def auth(
    request: pytest.FixtureRequest, place: Place, engine: AsyncEngine, people: People
) -> AsyncIterator[TwoFactorAuth]:
    """The use cases over the host's engine, or over that of a host whose routes are not asynchronous."""
    store = place.store(engine if request.param == "greenlets" else people.engine)
    be_patient(store)
    auth = place.auth(store)
    nobody = people.somebody()
    await _told(auth, [lambda auth: auth.enrollment.status(nobody)] * 20)  # Until all connections are made.
    yield auth
    await store.close()


async def test_one_code_opens_one_of_forty_sign_ins_in_a_loop(auth: TwoFactorAuth, people: People):
    """
    Of forty sign-ins that are finished with one code side by side in one event loop exactly one succeeds.
    """
    person = people.enrolled()

    told = await _told(auth, [_finishing(token, person.code()) for token in person.sign_in_tokens(40)])

    assert told == ONE_OF_FORTY


async def test_five_of_sixty_guesses_are_answered_in_a_loop(auth: TwoFactorAuth, people: People):
    """
    Of sixty wrong codes side by side in one event loop five are told so.
    """
    person = people.enrolled()
    (token,) = person.sign_in_tokens(1)

    told = await _told(auth, [_finishing(token, wrong) for wrong in person.wrong_codes(60)])

    assert told == FIVE_OF_SIXTY


async def test_nine_different_backup_codes_work_in_a_loop(auth: TwoFactorAuth, people: People):
    """
    Nine different backup codes side by side in one event loop all work, and one remains.
    """
    person = people.enrolled()

    told = await _told(auth, [_burning(person.user_id, code) for code in person.backup_codes[:9]])

    assert told == {"success": 9}
    assert people.auth().enrollment.status(person.user_id).backup_codes_remaining == 1


async def test_requests_that_hold_the_hosts_connections_do_not_wait_for_them(
    auth: TwoFactorAuth, engine: AsyncEngine, people: People
):
    """
    Sixteen requests that check a code while each holds one of the host's four connections all get their answer.
    """
    person = people.enrolled()

    async def request(number: int) -> str:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
            (answer,) = await _told(auth, [_burning(person.user_id, person.backup_codes[number % 10])])
            return answer

    answers = await asyncio.gather(*(request(number) for number in range(16)))

    assert Counter(answers) == {"success": 10, "code-already-used": 6}


def _finishing(token: str, code: TypedCode) -> UseCase:
    return lambda auth: auth.sign_in.finish(token, code)


def _burning(user_id: int, code: TypedBackupCode) -> UseCase:
    return lambda auth: auth.backup_codes.burn(user_id, code)


async def _told(auth: TwoFactorAuth, use_cases: list[UseCase]) -> Counter[str]:
    """What each of *use_cases* is told that run side by side."""

    async def run(use_case: UseCase) -> str:
        try:
            await auth.run(use_case)
        except TwofoldError as error:
            return error.slug
        return "success"

    return Counter(await asyncio.gather(*map(run, use_cases)))
