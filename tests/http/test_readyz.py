"""Whether requests can be served: asked by machines, often, and told to the operator once."""

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import event, insert, text

from app.models.user import User
from app.routes.health import LOOKED_AT, Readiness, sample
from tests.http.asgi import Asked
from tests.http.keys import put_key
from tests.http.problems import slug_of
from tests.http.test_unavailable import flipped
from tests.http.world import Place, World, in_process, settings_for
from twofold import KeyRing
from twofold.core.sealing import SEALED, Purpose

MANY = 100_000


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def empty_world(request: pytest.FixtureRequest, fresh_place: Any, key: str) -> Iterator[World]:
    """The backend on each database in turn, with nobody in it."""
    place: Place = fresh_place(request.param)
    with in_process(place, settings_for(place, key)) as world:
        yield world


@pytest.fixture
def own_world(fresh_place: Any, key: str) -> Iterator[World]:
    """The same where the database does not matter."""
    place: Place = fresh_place("sqlite")
    with in_process(place, settings_for(place, key)) as world:
        yield world


@pytest.fixture
def statements_of() -> Callable[[World], list[str]]:
    """Listens to what an application asks its database."""

    def statements_of(world: World) -> list[str]:
        statements: list[str] = []
        engine = world.app.state.engine.sync_engine
        event.listen(engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
        return statements

    return statements_of


def asked(world: World) -> str:
    """What it says: ready, or which problem there is."""
    answer = world.get("/readyz")
    return str(answer.json()["status"]) if answer.status_code == 200 else slug_of(answer)


def sealed_by(keys: KeyRing, purpose: Purpose, user_id: int) -> str:
    return keys.seal(b"something", purpose, user_id)


def lines_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "app"]


@pytest.mark.parametrize("purpose", SEALED)
def test_a_key_that_opens_nothing_of_one_column(empty_world: World, purpose: Purpose, caplog: Any):
    """
    Where the key does not open what is sealed in one column, whichever it is and though all else is as it should be,
    nothing is ready, and the log says which key is missing.
    """
    world = empty_world
    world.enrolled()
    before, other = asked(world), KeyRing([Fernet.generate_key().decode()])
    person = world.registered()
    person.set(**{purpose.value: sealed_by(other, purpose, person.id)})

    after = asked(world)

    assert (before, after) == ("ready", "unavailable")
    [line] = lines_of(caplog)
    assert f"{purpose.value}: sealed under key {other.key_ids[0]}, which is not configured" in line


def test_nobody_has_a_second_factor(empty_world: World):
    """
    Where nothing is sealed nothing can be wrong with it.
    """
    empty_world.registered()

    assert asked(empty_world) == "ready"


def test_one_damaged_row_takes_no_node_away(own_world: World):
    """
    A value that does not open makes nothing unready where others beside it do; where none does, it does.
    """
    world = own_world
    people = [world.enrolled() for _ in range(2)]
    people[1].set(totp_secret=flipped(people[1].row()["totp_secret"]))
    one = asked(world)
    people[0].set(totp_secret=flipped(people[0].row()["totp_secret"]))

    assert (one, asked(world)) == ("ready", "unavailable")


@pytest.mark.parametrize("value", ["X'00ff'", "17", "CAST(X'ff' AS TEXT)", "''", "1.5"])
@pytest.mark.parametrize("purpose", SEALED)
def test_what_is_no_text_takes_no_node_away(fresh_place: Any, key: str, purpose: Purpose, value: str):
    """
    Whatever SQLite let into a column is damaged, and makes nothing unready where others beside it open.
    """
    place: Place = fresh_place("sqlite")
    with in_process(place, settings_for(place, key)) as world:
        people = [world.enrolled() for _ in range(3)]
        world.use(lambda auth: auth.totp.set_up(people[0].id, replace=True))
        put_key(people[0])
        world.execute(text(f"UPDATE users SET {purpose.value} = {value} WHERE id = {people[1].id}"))

        assert asked(world) == "ready"


def test_nobody_pushes_others_out(own_world: World):
    """
    Refusals of strangers, who are nobody, do not hide somebody to whom something happened before.
    """
    world, other = own_world, KeyRing([Fernet.generate_key().decode()])
    strangers = [{"email": world.stranger(), "hashed_password": ""} for _ in range(LOOKED_AT)]
    world.execute(insert(User).values(strangers))
    old = world.registered()
    old.set(totp_secret=sealed_by(other, Purpose.TOTP_SECRET, old.id))
    world.execute(insert(User).values([each | {"email": world.stranger()} for each in strangers]))
    world.use(lambda auth: auth.totp.set_up(old.id))
    for _ in range(LOOKED_AT):
        world.use(lambda auth: auth.events.admin_refused(None, "forbidden", is_kept=True))

    assert asked(world) == "unavailable"


@pytest.mark.parametrize("older", [0, LOOKED_AT * 3])
def test_a_key_of_long_ago(own_world: World, older: int, key: str):
    """
    A key that seals the oldest rows alone, or somebody in the middle, is missed however many came after.
    """
    world, other = own_world, KeyRing([Fernet.generate_key().decode()])
    strangers = [{"email": world.stranger(), "hashed_password": ""} for _ in range(LOOKED_AT * 3)]
    if older:
        world.execute(insert(User).values(strangers))
    old = world.registered()
    old.set(totp_secret=sealed_by(other, Purpose.TOTP_SECRET, old.id))
    world.execute(insert(User).values([each | {"email": world.stranger()} for each in strangers]))
    # In the middle of many users the last thing that happened to somebody leads there.
    world.use(lambda auth: auth.totp.set_up(old.id))

    assert asked(world) == "unavailable"


def test_values_of_an_older_version(own_world: World):
    """
    What an older version wrote with Fernet opens only where it may be read, so until then nothing is ready.
    """
    world = own_world
    world.enrolled()
    person = world.registered()
    person.set(totp_secret=Fernet(Fernet.generate_key()).encrypt(b"x").decode())

    assert asked(world) == "unavailable"


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE twofold_events RENAME TO old_events",
        "ALTER TABLE user_sessions RENAME TO old_sessions",
        "ALTER TABLE users RENAME COLUMN twofa_epoch TO old_epoch",
        "ALTER TABLE twofold_sessions RENAME COLUMN amr TO old_amr",
    ],
)
def test_tables_of_another_version(empty_world: World, statement: str):
    """
    Where any table or any column of ours is missing, nothing is ready.
    """
    before = asked(empty_world)
    empty_world.execute(text(statement))

    assert (before, asked(empty_world)) == ("ready", "unavailable")


def test_the_operator_is_told_once(own_world: World, caplog: Any):
    """
    However often machines ask, the log tells once why nothing is ready, once what else is wrong, and once that all is
    well.
    """
    world = own_world
    person = world.enrolled()
    stored, told = person.row()["totp_secret"], []

    def ask_thrice() -> None:
        caplog.clear()
        for _ in range(3):
            asked(world)
        told.append([line.partition(":")[0].partition("(")[0] for line in lines_of(caplog)])

    caplog.set_level(logging.INFO)
    ask_thrice()
    person.set(totp_secret=flipped(stored))
    ask_thrice()
    world.execute(text("ALTER TABLE twofold_events RENAME TO old_events"))
    ask_thrice()
    world.execute(text("ALTER TABLE old_events RENAME TO twofold_events"))
    person.set(totp_secret=stored)
    ask_thrice()

    fault = "Not ready, so /readyz answers 503"
    assert told == [[], [fault], [fault], ["Ready again."]]


def test_a_database_that_does_not_answer(own_world: World, caplog: Any):
    """
    Nobody is kept waiting: a database that does not answer in time is told as one that is away, and asked again.
    """
    world = own_world
    patient = world.app.state.readiness
    world.app.state.readiness = Readiness(world.app.state.reader, world.auth.keys, seconds=0)

    assert asked(world) == "unavailable"
    assert "the database did not answer within 0 s" in lines_of(caplog)[0]
    world.app.state.readiness = patient
    assert asked(world) == "ready"


def test_many_who_ask_at_once_share_one_look(own_world: World, statements_of: Callable[[World], list[str]]):
    """
    Of twenty who ask at one moment one asks the database, by two statements.
    """
    statements = statements_of(own_world)
    asking = [Asked("/readyz", [], chunks=(), method="GET")] * 20

    answers = own_world.ask_side_by_side(asking)

    assert {answer.status_code for answer in answers} == {200}
    assert len([statement for statement in statements if "SELECT" in statement]) == 2


def test_who_is_asked_to_stop_is_not_ready(own_world: World, caplog: Any):
    """
    From the moment at which the process is asked to stop it is not ready, alive nevertheless, and that is no fault.
    """
    before = asked(own_world)
    own_world.app.state.readiness.stopping = True

    assert (before, asked(own_world)) == ("ready", "unavailable")
    assert own_world.get("/healthz").json() == {"status": "alive"}
    assert own_world.registered().world.post("/api/auth/login", json={}).status_code == 422
    assert lines_of(caplog) == []


def test_healthz_asks_nobody(own_world: World, statements_of: Callable[[World], list[str]]):
    """
    Whether the process is alive no database is asked.
    """
    statements = statements_of(own_world)

    assert own_world.get("/healthz").status_code == 200
    assert statements == []
    assert asked(own_world) == "ready"
    assert statements != []


def scans_in(plan: dict[str, Any]) -> Iterator[tuple[str, str, float]]:
    """What reads a table in a plan of PostgreSQL: how, which one, and how many rows of it."""
    if "Relation Name" in plan:
        rows = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
        yield plan["Node Type"], plan["Relation Name"], rows * plan["Actual Loops"]
    for each in plan.get("Plans", ()):
        yield from scans_in(each)


def test_a_look_is_cheap_among_many(fresh_place: Any, key: str):
    """
    Among a hundred thousand users, one of whom has a second factor, a look reads some hundreds of rows, and all of them
    by an index.
    """
    place: Place = fresh_place("postgresql")
    with in_process(place, settings_for(place, key)) as world:
        person = world.enrolled()
        fill = "SELECT 'user' || n || '@example.com', '' FROM generate_series(1, :many) AS n"
        world.execute(text(f"INSERT INTO users (email, hashed_password) {fill}").bindparams(many=MANY))
        copies = "SELECT user_id, kind, moment, outcome FROM twofold_events, generate_series(1, 20000)"
        world.execute(text(f"INSERT INTO twofold_events (user_id, kind, moment, outcome) {copies}"))
        world.execute(text("VACUUM ANALYZE users"))
        world.execute(text("VACUUM ANALYZE twofold_events"))
        query = sample().compile(world.engine, compile_kwargs={"literal_binds": True})
        [(plan,)] = world.execute(text(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}".replace(":", r"\:")))
        found = world.execute(sample())

    scans = list(scans_in((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]))
    assert [row.id for row in found] == [person.id]
    assert {table for _, table, _ in scans} == {"users", "twofold_events"}
    assert {how for how, _, _ in scans} <= {"Index Scan", "Index Only Scan"}
    assert sum(rows for _, _, rows in scans) <= 2 * 3 * LOOKED_AT


def test_a_look_is_cheap_on_mariadb_too(fresh_place: Any, key: str):
    """
    The same on MariaDB, by what the server says that it has read.
    """
    place: Place = fresh_place("mariadb")
    with in_process(place, settings_for(place, key)) as world:
        person = world.enrolled()
        fill = "SELECT CONCAT('user', seq, '@example.com'), '' FROM seq_1_to_100000"
        world.execute(text(f"INSERT INTO users (email, hashed_password) {fill}"))
        with world.engine.connect() as connection:
            connection.execute(text("FLUSH STATUS"))
            found = connection.execute(sample()).all()
            status = connection.execute(text("SHOW SESSION STATUS LIKE 'Handler_read%'")).all()

    assert [row.id for row in found] == [person.id]
    assert sum(int(number) for name, number in status if name != "Handler_read_rnd_next") <= 3 * 3 * LOOKED_AT
    # Also of temporary tables, which the three kinds are gathered in.
    assert sum(int(number) for name, number in status) <= 10 * 3 * LOOKED_AT
