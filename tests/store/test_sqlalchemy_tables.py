"""The tables: what may carry a second factor, which columns there are, and what is left of a user."""

import asyncio
import secrets
from datetime import timedelta

import pytest
from sqlalchemy import create_engine, delete, func, inspect, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tests.store.hosts import DATABASES, OURS, SERVERS, Host, auth_of, enrolled, users_of
from twofold import ConfigurationError
from twofold.core.webauthn import Binding, Challenge, ChallengePurpose
from twofold.errors import UnknownUser
from twofold.service.ports import Transaction
from twofold.sqlalchemy import SqlAlchemyStore, TwoFactorMixin
from twofold.testing.clock import NOON


class Unmapped:
    """Nothing that SQLAlchemy knows."""


def composite() -> type:
    class Base(DeclarativeBase): ...

    class Member(TwoFactorMixin, Base):
        __tablename__ = "members"
        tenant: Mapped[int] = mapped_column(primary_key=True)
        number: Mapped[int] = mapped_column(primary_key=True)
        email: Mapped[str]

    return Member


@pytest.mark.parametrize(
    ("users", "options", "words"),
    [
        pytest.param(
            Unmapped, {}, ["Unmapped", "is not a mapped class; give it the class of your users"], id="unmapped"
        ),
        pytest.param(
            users_of(int, mixin=False),
            {},
            [
                "User has no column totp_secret. Write class User(TwoFactorMixin, ...)",
                'SqlAlchemyStore(..., side_table="user_two_factor")',
            ],
            id="no columns",
        ),
        pytest.param(
            users_of(int),
            {"account": "username"},
            ['User has no column "username"', 'SqlAlchemyStore(..., account="username")'],
            id="unknown account",
        ),
        pytest.param(
            composite(),
            {},
            ["Member has a composite primary key", "Give a class whose one key names the user"],
            id="composite key",
        ),
    ],
)
def test_what_cannot_carry_a_second_factor_is_refused_with_what_to_write(users, options, words):
    """
    Users that cannot carry a second factor as they are, are refused at once, with words that say what to write.
    """
    engine = create_engine("sqlite://")
    with pytest.raises(ConfigurationError) as refusal:
        SqlAlchemyStore(engine, users, **options)

    assert str(refusal.value).startswith("SqlAlchemyStore: ")
    assert [one for one in words if one not in str(refusal.value)] == []


def test_another_database_is_refused():
    """
    A database on which the guarantees were not proved is refused by its name.
    """
    engine = create_engine("sqlite:///never-opened.db")
    engine.dialect.name = "duckdb"
    with pytest.raises(ConfigurationError) as refusal:
        SqlAlchemyStore(engine, users_of(int))

    assert str(refusal.value) == "SqlAlchemyStore: duckdb is not SQLite, PostgreSQL or MariaDB."


@pytest.mark.parametrize("database", DATABASES)
def test_the_columns_of_the_specification_are_on_users(make_host, database):
    """
    `users` has `totp_secret` VARCHAR(255), `twofa_enabled` BOOLEAN DEFAULT FALSE and `twofa_backup_codes` TEXT, and our
    other columns beside them.
    """
    host = make_host(database)
    user_id = host.add_user()
    with host.engine.connect() as connection:
        found = inspect(connection)
        columns = {column["name"]: column for column in found.get_columns("users")}
        row = connection.execute(select(host.users.__table__).where(host.users.id == user_id)).one()

    assert columns["totp_secret"]["type"].length == 255
    assert (columns["totp_secret"]["nullable"], columns["twofa_enabled"]["nullable"]) == (True, True)
    assert (row.totp_secret, row.twofa_enabled, row.twofa_backup_codes) == (None, False, None)
    for name in ("twofa_backup_codes", "twofa_webauthn_keys"):
        assert columns[name]["type"].__visit_name__ in {"TEXT", "text"}
    assert set(columns) == {"id", "email", *TwoFactorMixin.__annotations__}


@pytest.mark.parametrize("database", DATABASES)
def test_a_side_table_leaves_users_alone(make_host, database):
    """
    With `side_table=` nothing is added to `users`, and everything of ours points at the side table.
    """
    host = make_host(database, side_table="user_two_factor")
    with host.engine.connect() as connection:
        found = inspect(connection)
        columns = [column["name"] for column in found.get_columns("users")]
        pointed_at = {
            name: {key["referred_table"] for key in found.get_foreign_keys(name)} for name in found.get_table_names()
        }

    assert columns == ["id", "email"]
    assert pointed_at == {
        "users": set(),
        "user_two_factor": {"users"},
        **{name: {"user_two_factor"} for name in OURS},
    }


def test_two_stores_stand_on_one_metadata(make_host):
    """
    A second store on the same users finds our tables laid out already, and the same rows.
    """
    host = make_host("sqlite")
    person = enrolled(host)
    second = SqlAlchemyStore(host.engine, host.users)
    row = second.read(lambda tx: tx.enrollment(person.user_id))
    asyncio.run(second.close())

    assert person.row == row


def rows_of(host: Host, user_id: object) -> dict[str, int]:
    """How many rows of ours there are of a user, by table."""
    names = [*OURS, host.side_table] if host.side_table else OURS
    with host.engine.connect() as connection:
        return {
            name: connection.execute(
                select(func.count()).select_from(host.table(name)).where(host.table(name).c.user_id == user_id)
            ).scalar_one()
            for name in names
        }


def with_a_key(tx: Transaction, user_id: object) -> None:
    """What is kept of a WebAuthn key beside the row, and a challenge that waits."""
    binding = Binding(ChallengePurpose.SIGN_IN, "a handle")
    tx.add_challenge(
        Challenge(secrets.token_hex(32), user_id, 1, binding, NOON), at=NOON - timedelta(minutes=1), keep=1
    )
    tx.add_credential(secrets.token_hex(32), user_id)


@pytest.mark.parametrize("side_table", [None, "user_two_factor"])
@pytest.mark.parametrize("database", DATABASES)
def test_forgetting_leaves_no_row(make_host, database, side_table):
    """
    After `forget` no table of ours has a row by the user's id, and the host's own row has our defaults.
    """
    host = make_host(database, side_table=side_table)
    person, other = enrolled(host), enrolled(host)
    for one in (person, other):
        one.sign_in("a session of " + str(one.user_id))
        one.begin()
        one.auth.store.transact(lambda tx, one=one: with_a_key(tx, one.user_id))
    before = rows_of(host, person.user_id)
    person.auth.forget(person.user_id)
    users = host.users.__table__
    with host.engine.connect() as connection:
        row = connection.execute(select(users).where(users.c.id == person.user_id)).one()._mapping

    assert 0 not in before.values()
    assert set(rows_of(host, person.user_id).values()) == {0}
    assert 0 not in rows_of(host, other.user_id).values()
    assert {value for name, value in row.items() if name not in {"id", "email", "twofa_epoch"}} <= {None, 0}


@pytest.mark.parametrize("side_table", [None, "user_two_factor"])
@pytest.mark.parametrize("database", SERVERS)
def test_the_host_can_delete_a_user(make_host, database, side_table):
    """
    Deleting a user the host's own way takes everything of ours along, and forgetting afterwards is no error.
    """
    host = make_host(database, side_table=side_table)
    person = enrolled(host)
    person.sign_in("a session")
    person.begin()
    person.auth.store.transact(lambda tx: with_a_key(tx, person.user_id))
    users = host.users.__table__
    with host.engine.begin() as connection:
        connection.execute(delete(users).where(users.c.id == person.user_id))
    person.auth.forget(person.user_id)
    with pytest.raises(UnknownUser):
        person.auth.enrollment.status(person.user_id)

    assert set(rows_of(host, person.user_id).values()) == {0}


@pytest.mark.parametrize("database", DATABASES)
def test_a_long_client_address_is_cut(make_host, database):
    """
    Whatever a proxy writes in place of an address, the event is stored.
    """
    host = make_host(database)
    user_id = host.add_user()
    asyncio.run(auth_of(host).run(lambda auth: auth.sign_in.begin(user_id), client_address="x" * 10_000))

    assert [event.client_address for event in host.events_of(user_id)] == ["x" * 64]
