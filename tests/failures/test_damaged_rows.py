"""Columns that came to hold what was never stored there: no door opens, nothing is counted, the operator is told."""

import pytest
from sqlalchemy import text

from tests.failures.roads import roads_of
from tests.http.administration import look, reset
from tests.http.problems import slug_of
from tests.http.victim import Victim
from tests.http.world import Person, World

MOMENTS = ["", "soon", "2030-13-45", 0]
NUMBERS = [-1, 2**62, "x", "", 1.5]
COUNTS = ["", "x", "[]", '"x"', '{"totp": "x"}', '{"totp": null}', '{"totp": -5}', '{"totp": 1.5}', '{"totp": 1e400}']
COUNTS += ['{"totp": true}', "[" * 5000, '{"totp": ' + "9" * 5000 + "}", "\x00"]
ANYWHERE = [("twofa_failures", '{"totp": -5}'), ("twofa_failures", "x"), ("twofa_last_step", -1), ("twofa_epoch", -1)]
"""What every database lets stand in these columns."""

DAMAGE = [
    *(
        (column, value)
        for column in ("totp_pending_until", "twofa_locked_until", "twofa_enabled_at")
        for value in MOMENTS
    ),
    *((column, value) for column in ("twofa_last_step", "twofa_epoch") for value in NUMBERS),
    *(("twofa_failures", value) for value in COUNTS),
]
"""What SQLite lets stand there, whose columns take values of any kind."""

WORST = list({column: (column, value) for column, value in reversed(DAMAGE)}.values())
"""One of each column."""


def write(world: World, table: str, column: str, value: object, owner: int) -> None:
    key = "id" if table == "users" else "user_id"
    statement = text(f"UPDATE {table} SET {column} = :value WHERE {key} = :owner")
    with world.engine.connect() as connection:
        connection.execute(statement, {"value": value, "owner": owner})


def stored(world: World, table: str, column: str, owner: int) -> object:
    key = "id" if table == "users" else "user_id"
    with world.engine.connect() as connection:
        return connection.execute(text(f"SELECT {column} FROM {table} WHERE {key} = :owner"), {"owner": owner}).scalar()


def assert_closed_until_it_is_mended(world: World, column: str, value: object, log: pytest.LogCaptureFixture) -> None:
    victim = Victim(world)
    owner = victim.person.id
    whole = stored(world, "users", column, owner)
    roads = roads_of(victim)
    if (column, value) not in WORST:
        # Most kinds of damage on a few roads, for all roads read the row in the same way.
        roads = {road: roads[road] for road in ("session", "sign-in", "wrong code")}
    write(world, "users", column, value, owner)

    told = {road: slug_of(take()) for road, take in roads.items()}

    assert told == dict.fromkeys(roads, "unavailable")
    assert f"A stored value of user {owner} does not open: " in log.text
    assert column in log.text
    assert stored(world, "users", column, owner) == value
    write(world, "users", column, whole, owner)
    with world.engine.connect() as connection:
        connection.execute(text("DELETE FROM twofold_events WHERE kind = 'value_unreadable'"))
    victim.assert_unharmed()


def name_of(value: object) -> str | None:
    """A name for a value that would make a poor one."""
    names = {COUNTS[6]: "a count below none", COUNTS[-3]: "nested", COUNTS[-2]: "endless", "\x00": "NUL"}
    return names.get(value) if isinstance(value, str) else None


@pytest.mark.parametrize(("column", "value"), DAMAGE, ids=name_of)
def test_no_door_opens(world: World, column: str, value: object, caplog: pytest.LogCaptureFixture):
    """
    With a damaged column every road is closed and nothing is counted, spent or lost; mended, everything goes on.
    """
    assert_closed_until_it_is_mended(world, column, value, caplog)


@pytest.mark.parametrize(("column", "value"), ANYWHERE)
def test_no_door_opens_on_any_database(each_world: World, column: str, value: object, caplog: pytest.LogCaptureFixture):
    """
    What a server lets stand in a column is refused there as well.
    """
    assert_closed_until_it_is_mended(each_world, column, value, caplog)


@pytest.mark.parametrize(
    ("table", "column", "road"),
    [
        ("twofold_pending_sign_ins", "expires_at", "sign-in"),
        ("twofold_pending_sign_ins", "expires_at", "password"),
        ("twofold_sessions", "proved_at", "session"),
        ("twofold_sessions", "second_factor_at", "set-up"),
        ("twofold_events", "moment", "status"),
    ],
)
def test_no_door_opens_by_our_own_tables(world: World, table: str, column: str, road: str, caplog):
    """
    A damaged row of a table of ours is refused as a damaged column is, and the log says where it stands.
    """
    victim = Victim(world)
    take = roads_of(victim)[road]
    write(world, table, column, "soon", victim.person.id)

    assert slug_of(take()) == "unavailable"
    assert f"{table}.{column}" in caplog.text
    assert "not what belongs there" in caplog.text


@pytest.mark.parametrize(("column", "value"), [*WORST, ("totp_secret", "x"), ("twofa_backup_codes", "")])
def test_whatever_is_there_can_be_forgotten(world: World, column: str, value: object):
    """
    A user whose row is damaged can be forgotten: nothing is left, and he can enroll anew.
    """
    person = Victim(world).person
    write(world, "users", column, value, person.id)

    world.use(lambda auth: auth.forget(person.id))

    kept = person.kept()
    assert [kept[name] for name in kept if name.startswith("twofold_")] == [[]] * 5
    assert person.row()["totp_secret"] is None
    assert person.row()["twofa_failures"] is None
    assert person.enroll().assurance.aal == 2


NO_TEXT = ("totp_secret", b"\xff\x00")


@pytest.mark.parametrize(("column", "value"), [*WORST, NO_TEXT, ("totp_secret", "x")])
def test_whatever_is_there_can_be_reset(world: World, column: str, value: object):
    """
    A user whose row is damaged can be reset, as the doctor advises; every session ends, and he can enroll anew.
    """
    person = Victim(world).person
    epoch = person.row()["twofa_epoch"]
    write(world, "users", column, value, person.id)

    assert_reset_by_an_admin(world, person, column)
    assert column == "twofa_epoch" or person.row()["twofa_epoch"] == epoch + 2


@pytest.mark.parametrize(("column", "value"), ANYWHERE)
def test_whatever_is_there_can_be_reset_on_any_database(each_world: World, column: str, value: object):
    """
    What a server lets stand in a column is removed there as well.
    """
    person = Victim(each_world).person
    write(each_world, "users", column, value, person.id)

    assert_reset_by_an_admin(each_world, person, column)


def assert_reset_by_an_admin(world: World, person: Person, column: str) -> None:
    admin = world.admin()
    shown = look(admin, f"/users/{person.id}").json()
    assert shown["unreadable"] in ([column], [] if column == "totp_secret" else [column])
    assert (shown["account"], "value_unreadable" in str(shown["events"])) == (person.email, False)

    answer = reset(admin, person.id)

    assert answer.status_code == 200, answer.text
    assert person.get("/status").status_code == 401
    assert [person.kept()[name] for name in ("twofold_sessions", "twofold_pending_sign_ins")] == [[], []]
    row = person.row()
    assert (row["totp_secret"], row["twofa_failures"], bool(row["twofa_enabled"])) == (None, None, False)
    assert person.enroll().assurance.aal == 2


@pytest.mark.parametrize("step", [2**61, 2**40])
def test_a_step_of_a_far_future_accepts_no_code(each_world: World, step: int):
    """
    A last step beyond all time refuses every code and counts none; a backup code is still a way in.
    """
    victim = Victim(each_world)
    victim.person.set(twofa_last_step=step)
    failures = victim.person.row()["twofa_failures"]

    answer = victim.person.post("/step-up", {"code": victim.person.next_code()})

    assert slug_of(answer) == "code-already-used"
    assert victim.person.row()["twofa_failures"] == failures
    assert victim.person.post("/step-up", {"backup_code": victim.person.backup_codes[0]}).status_code == 200
