"""G1 and G2 on SQLite in memory, where all share one connection."""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import StaticPool

from tests.races.bursts import FIVE_OF_SIXTY, ONE_OF_FORTY
from tests.races.crew import Move, move
from tests.races.people import People
from tests.races.place import Place
from twofold import TwofoldError

PATIENCE_SECONDS = 10


@pytest.fixture
def people(key: str) -> Iterator[People]:
    settings = (("poolclass", StaticPool), ("connect_args", {"check_same_thread": False}))
    people = People(Place("memory", "sqlite://", "", key, settings=settings))
    people.place.user.metadata.create_all(people.engine)
    yield people
    people.close()


def test_one_code_in_memory(people: People):
    """
    Of forty threads that finish a sign-in with one code over one connection exactly one succeeds.
    """
    person = people.enrolled()

    told = _race(people, [move("sign_in.finish", token, person.code()) for token in person.sign_in_tokens(40)])

    assert told == ONE_OF_FORTY


def test_sixty_guesses_in_memory(people: People):
    """
    Of sixty threads that guess over one connection five are told that they are wrong.
    """
    person = people.enrolled()

    told = _race(people, [move("verify_totp_code", person.user_id, wrong.text) for wrong in person.wrong_codes(60)])

    assert told == FIVE_OF_SIXTY


def _race(people: People, moves: list[Move]) -> Counter[str]:
    start = threading.Barrier(len(moves))

    def run(move: Move) -> str:
        start.wait(PATIENCE_SECONDS)
        try:
            move(people.auth())
        except TwofoldError as error:
            return error.slug
        return "success"

    with ThreadPoolExecutor(len(moves)) as threads:
        return Counter(threads.map(run, moves))
