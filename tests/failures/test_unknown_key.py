"""`ENCRYPTION_KEY` replaced by another one: nothing opens, the operator learns which key it was, nothing is lost."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from tests.http.problems import slug_of
from tests.http.victim import FINISH, LOGIN, Victim
from tests.http.world import Person, Place, World, in_process, settings_for
from twofold.settings import Settings

OTHER = Fernet.generate_key().decode()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place("sqlite", f"sqlite:///{tmp_path}/db", f"sqlite+aiosqlite:///{tmp_path}/db")


@contextmanager
def started(place: Place, *keys: str) -> Iterator[World]:
    """The backend, started with these keys."""
    settings = settings_for(place, "")
    given = {**vars(settings), "encryption_key": keys}
    with in_process(place, Settings(**given)) as world:
        yield world


def moved(person: Person, world: World) -> Person:
    """The same person before another process, whose clock goes on where the other's stands."""
    world.clock.moment = person.world.clock.moment
    other = copy(person)
    other.world = world
    return other


def test_nothing_opens_and_nothing_is_lost(place: Place, key: str, caplog: pytest.LogCaptureFixture):
    """
    Under another key every road that takes a proof is 503, with one event and one line in the log that names user,
    missing key and what to do; nothing is counted or spent, and under the old key everything goes on.
    """
    with started(place, key) as world:
        victim = Victim(world)
        missing = world.auth.keys.key_ids[0]
    before = victim.person.kept()

    with started(place, OTHER) as wrong:
        person = moved(victim.person, wrong)
        proofs = [{"code": person.code()}, {"code": person.wrong_code()}, {"backup_code": person.backup_codes[0]}]
        told = [slug_of(wrong.post(FINISH, json={"sign_in_token": victim.sign_in_token, **proof})) for proof in proofs]
        told += [slug_of(person.post("/step-up", proof)) for proof in proofs]
        told += [slug_of(person.post("/disable", proof)) for proof in proofs]
        told += [slug_of(person.post("/backup-codes", proofs[0])), slug_of(person.post("/verify", proofs[0]))]
        told += [slug_of(wrong.post(LOGIN, json=person.password)), slug_of(wrong.get("/readyz"))]
        events = [event.kind.value for event in wrong.events]

    assert set(told) == {"unavailable"}
    assert events == ["value_unreadable"] * (len(told) - 1)
    lines = [line.getMessage() for line in caplog.records if "does not open" in line.getMessage()]
    assert len(lines) >= len(events)
    assert all(
        f"under key {missing}, which is not configured; put it back into ENCRYPTION_KEY" in line for line in lines
    )
    assert sum(f"user {person.id} " in line for line in lines) == len(events)
    with started(place, key) as world:
        again = moved(person, world)
        table = "twofold_events"
        assert {name: rows for name, rows in again.kept().items() if name != table} == {
            name: rows for name, rows in before.items() if name != table
        }
        assert world.get("/readyz").status_code == 200
        finished = world.post(FINISH, json={"sign_in_token": victim.sign_in_token, **proofs[0]})
        assert finished.status_code == 200
        assert slug_of(again.post("/step-up", proofs[0])) == "code-already-used"
        assert again.post("/step-up", proofs[2]).status_code == 200
        assert slug_of(again.post("/step-up", proofs[2])) == "code-already-used"


def test_people_of_both_keys_get_in_under_both(place: Place, key: str):
    """
    Who enrolled under the wrong key is not shut out by putting the right one back behind it, and nobody else is.
    """
    with started(place, key) as world:
        first = world.enrolled()
    with started(place, OTHER) as world:
        second = world.enrolled()

    with started(place, OTHER, key) as world:
        people = [moved(person, world) for person in (first, second)]
        answers = [person.post("/step-up", {"code": person.next_code()}).status_code for person in people]
        ready = world.get("/readyz").status_code

    assert (answers, ready) == ([200, 200], 200)
