"""Erasure: of a user who has left no row stays, whatever of theirs was on its way at that moment."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Column, Engine, Table, delete, func, select

from tests.races.crew import Crew, Move, move, told
from tests.races.people import People, Person
from tests.races.place import Place
from tests.races.test_naive import ROUNDS
from twofold import TwoFactorAuth
from twofold.core.totp import TypedCode
from twofold.errors import CannotOpen


def test_nothing_is_left_of_who_leaves(crew: Crew, place: Place, people: People):
    """
    While sign-ins begin and finish, codes are typed and set-ups begin, somebody leaves: no table has a row of theirs.
    """
    person = people.enrolled()

    outcomes = crew.race(place, on_the_way(person))

    assert told(outcomes)["success"] >= 1
    assert left_of(person) == {}


def test_nothing_is_left_of_who_leaves_a_side_table(crew: Crew, aside: Place, people_of: Callable[[Place], People]):
    """
    The same with the second factor in a table of its own, whose first row is made when it is needed.
    """
    people = people_of(aside)
    person, newcomer = people.enrolled(), people.somebody()

    crew.race(aside, on_the_way(person))
    crew.race(
        aside, [*[move("sign_in.begin", newcomer)] * 20, move(leave, newcomer), *[move("totp.set_up", newcomer)] * 10]
    )

    assert left_of(person) == {}
    assert left_in(people, newcomer) == {}


@pytest.fixture(scope="module")
def unkept(fresh_place: Callable[[str], Place]) -> Place:
    """A host on SQLite that does not ask it to keep foreign keys."""
    return replace(fresh_place("sqlite"), share_pool=True)


def test_nothing_is_left_where_nobody_keeps_foreign_keys(
    crew: Crew, unkept: Place, people_of: Callable[[Place], People]
):
    """
    On a database that does not keep foreign keys, nothing is left either: whoever writes holds the row of the user.
    """
    for _ in range(3):
        person = people_of(unkept).enrolled()
        crew.race(unkept, on_the_way(person))

        assert left_of(person) == {}


def test_a_naive_store_leaves_something(crew: Crew, unkept: Place, people_of: Callable[[Place], People]):
    """
    A store that looks whether there is such a user, and then writes without holding the row, leaves rows of nobody's.
    """
    people = people_of(unkept)

    assert any(_lost(crew, replace(unkept, naive=True), people.enrolled()) for _ in range(ROUNDS))


def _lost(crew: Crew, place: Place, person: Person) -> bool:
    crew.race(place, on_the_way(person))
    return left_of(person) != {}


def on_the_way(person: Person) -> Sequence[Move]:
    """Requests of one person, and in the midst of them the one that leaves."""
    user_id, code = person.user_id, person.code()
    proved = person.people.auth().step_up.prove(user_id, "a session", person.backup_codes[0])
    begin: list[Move] = [move("sign_in.begin", user_id)] * 8
    requests = [
        *begin,
        *(move("sign_in.finish", token, code) for token in person.sign_in_tokens(6)),
        *[move("step_up.prove", user_id, "a session", wrong) for wrong in person.wrong_codes(2)],
        *[move(set_up_anew, user_id)] * 4,
        *[move("sessions.started", proved, f"session {number}") for number in range(4)],
        *[move("password_changed", user_id)] * 2,
        *[move(unreadable, user_id)] * 4,
    ]
    return [*requests[::2], move(leave, user_id), *requests[1::2]]


def set_up_anew(auth: TwoFactorAuth, user_id: int) -> None:
    """Begin a set-up, and type a code that is wrong."""
    auth.totp.set_up(user_id, replace=True)
    auth.totp.confirm(user_id, TypedCode("000000"))


def unreadable(auth: TwoFactorAuth, user_id: int) -> None:
    """What follows where a stored value does not open: an event in a transaction of its own."""
    auth._context.tell_unreadable(user_id, CannotOpen())


def leave(auth: TwoFactorAuth, user_id: int) -> None:
    """What a host does: it deletes its user, and then has everything forgotten."""
    store: Any = auth.store
    engine: Engine = store._engine
    tables = store._statements.tables
    with engine.begin() as connection:
        connection.execute(delete(tables.users).where(tables.user_id == user_id))
    auth.forget(user_id)


def left_of(person: Person) -> dict[str, int]:
    return left_in(person.people, person.user_id)


def left_in(people: People, user_id: int) -> dict[str, int]:
    """How many rows each table has of a user; every table of the metadata is looked at."""
    found = {}
    with people.engine.connect() as connection:
        for table in people.place.user.metadata.sorted_tables:
            query = select(func.count()).select_from(table).where(owner_in(table) == user_id)
            found[table.name] = connection.execute(query).scalar_one()
    assert len(found) >= 4
    return {name: number for name, number in found.items() if number}


def owner_in(table: Table) -> Column[Any]:
    """The column that names a user."""
    return table.c.user_id if "user_id" in table.c else table.c.id
