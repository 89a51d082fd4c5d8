"""The state machine over real databases."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import Connection, Engine, insert

from tests.model.machine import EXAMPLES, run
from tests.model.world import World
from tests.races.place import Place, User
from twofold.sqlalchemy import SqlAlchemyStore

pytestmark = pytest.mark.timeout(0 if EXAMPLES else 120)


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], Place]:
    def place(kind: str) -> Place:
        url = f"sqlite:///{tmp_path}/model.db"
        if kind != "sqlite":
            url = request.getfixturevalue(kind).fresh_database().sync_url
        return Place(kind, url, "", Fernet.generate_key().decode())

    return place


@pytest.fixture
def worlds(place: Callable[[str], Place]) -> Iterator[Callable[[str, str], Callable[[], World]]]:
    """Makes worlds on one database, each with two users that nobody had before."""
    engines: list[Engine] = []
    stores: list[SqlAlchemyStore] = []

    def worlds(kind: str, profile: str) -> Callable[[], World]:
        here = place(kind)
        here.create_tables()
        engines.append(here.engine())
        store, rows = here.store(engines[-1]), engines[-1]
        stores.append(store)

        def world() -> World:
            with rows.begin() as connection:
                first, second = (_added(connection) for _ in range(2))
            return World(store, (first, second), profile, crowds=bool(EXAMPLES))

        return world

    yield worlds
    for store in stores:
        asyncio.run(store.close())
    for engine in engines:
        engine.dispose()


def _added(connection: Connection) -> int:
    added: Any = connection.execute(insert(User).values(email="ann@example.com")).inserted_primary_key
    return int(added[0])


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mariadb"])
def test_every_answer_and_every_row_is_as_foretold(kind, worlds):
    """
    A database keeps what the store in memory keeps: each answer is the one of the design, and so is each row.
    """
    run(worlds(kind, "recommended"), examples=4, steps=40)
