"""G1 to G5 whatever the host's engine is set to: our transactions have settings of their own."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.races.bursts import ONE_OF_FORTY, burn_nine, finish_with_one_code
from tests.races.crew import Crew, told, values
from tests.races.people import People
from tests.races.place import Place

LEVELS = {
    "sqlite": ("SERIALIZABLE", "READ UNCOMMITTED", "AUTOCOMMIT"),
    "postgresql": ("REPEATABLE READ", "SERIALIZABLE", "AUTOCOMMIT"),
    "mysql": ("REPEATABLE READ", "SERIALIZABLE", "AUTOCOMMIT"),
}
QUESTIONS = {
    "postgresql": "SELECT current_setting('transaction_isolation')",
    "mysql": "SELECT @@SESSION.tx_isolation, @@SESSION.innodb_snapshot_isolation",
}


def as_argument(place: Place, level: str) -> Place:
    return replace(place, settings=(("isolation_level", level),))


def as_option(place: Place, level: str) -> Place:
    return replace(place, settings=(("execution_options", {"isolation_level": level}),))


def on_a_shared_pool(place: Place, level: str) -> Place:
    return replace(as_argument(place, level), share_pool=True)


def assert_exact(crew: Crew, place: Place, people: People) -> None:
    assert told(finish_with_one_code(crew, place, people.enrolled())) == ONE_OF_FORTY
    assert sorted(values(burn_nine(crew, place, people.enrolled()))) == [1, 2, 3, 4, 5, 6, 7, 8, 9]


@pytest.mark.parametrize("with_level", [as_argument, as_option, on_a_shared_pool])
@pytest.mark.parametrize("number", range(3))
def test_exact_at_any_isolation_level_of_the_host(
    crew: Crew, place: Place, people: People, with_level: Callable[[Place, str], Place], number: int
):
    """
    Where the host's own transactions run at another isolation level, or in none, ours are as exact as ever.
    """
    assert_exact(crew, with_level(place, LEVELS[people.engine.dialect.name][number]), people)


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
@pytest.mark.parametrize("share_pool", [False, True], ids=["own-pool", "shared-pool"])
def test_exact_where_the_host_says_begin(crew: Crew, place: Place, people: People, share_pool: bool):
    """
    On SQLite beside a host that begins its transactions itself, as SQLAlchemy's documentation advises, ours are exact.
    """
    assert_exact(crew, replace(place, share_pool=share_pool, host_begins=True), people)


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_exact_without_a_write_ahead_log(
    crew: Crew, place: Place, people_of: Callable[[Place], People], tmp_path: Path
):
    """
    On SQLite in its default journal mode ours are as exact as in the one that is advised.
    """
    place = replace(place, sync_url=f"sqlite:///{tmp_path / 'races.sqlite'}", on_connect=())
    place.create_tables()

    assert_exact(crew, place, people_of(place))


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("postgresql", ["read committed"]),
        ("mariadb", ["read committed", "0"]),
        ("mariadb-snapshot-isolation", ["read committed", "1"]),
    ],
    indirect=["place"],
)
def test_our_connections_are_set_up_as_they_must_be(place: Place, people: People, expected: list[str]):
    """
    Our connections read what is committed, and snapshot isolation is really on where these tests say so.
    """
    with people.store._engine.connect() as connection:
        settings = connection.exec_driver_sql(QUESTIONS[connection.dialect.name]).one()

    assert [str(setting).lower().replace("-", " ") for setting in settings] == expected
