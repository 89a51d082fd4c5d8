"""A rotation's compare-and-swap on databases: whom it does not wait for, ids of any type, and values of no kind."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import CHAR, LargeBinary, String, TypeDecorator, Uuid, create_engine, insert, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeEngine

from tests.service.people import Person
from tests.store.hosts import Host, auth_of, held, host_on
from twofold import KeyRing
from twofold.core.enrollment import Enrollment
from twofold.core.rotation import Resealed
from twofold.core.sealing import UNSEALED, Purpose, Sealed
from twofold.service.keys import Rotated
from twofold.service.ports import UserId
from twofold.sqlalchemy import SqlAlchemyStore, TwoFactorMixin
from twofold.testing import StoppedClock

CHANGE = {Purpose.TOTP_SECRET: (Sealed("old"), Sealed("new"))}


@pytest.fixture(params=["postgresql", "mariadb"])
def host(request: pytest.FixtureRequest) -> Iterator[Host]:
    database = request.getfixturevalue(request.param).fresh_database()
    with host_on(database.sync_url) as host:
        yield host


def enrolled(store: SqlAlchemyStore, user_id: UserId, secret: str = "old") -> UserId:  # noqa: S107 - no secret
    store.transact(lambda tx: tx.save(replace(tx.lock(user_id), totp_secret=Sealed(secret))))
    return user_id


def secret_of(store: SqlAlchemyStore, user_id: UserId) -> str | None:
    found: Enrollment = store.read(lambda tx: tx.enrollment(user_id))
    return found.totp_secret


def test_who_is_busy_is_not_waited_for(host: Host):
    """
    A row that another transaction holds is left as it is, without waiting for it; all others are rewritten.
    """
    busy, free = (enrolled(host.store, host.add_user()) for _ in range(2))
    with held(host, busy):
        host.store.transact(lambda tx: tx.reseal([Resealed(busy, CHANGE), Resealed(free, CHANGE)]))

    assert [secret_of(host.store, user_id) for user_id in (busy, free)] == ["old", "new"]


def test_a_value_with_line_breaks_moves_no_other(host: Host):
    """
    A value of another application's may have line breaks in it: it is rewritten, and so is what stands beside it.
    """
    broken, plain = Sealed("a\nb\n"), Sealed("old")
    users = [host.add_user() for _ in range(3)]
    for user_id, secret in zip(users, (plain, broken, plain), strict=True):
        enrolled(host.store, user_id, secret)
    changes = [
        Resealed(user_id, {Purpose.TOTP_SECRET: (secret, Sealed(f"new {user_id}"))})
        for user_id, secret in zip(users, (plain, broken, plain), strict=True)
    ]

    host.store.transact(lambda tx: tx.reseal(changes))

    assert [secret_of(host.store, user_id) for user_id in users] == [f"new {user_id}" for user_id in users]


class Ticket(TypeDecorator[str]):
    """A key of a host's own kind: what Python calls `7` is `T-7` in the table."""

    impl = String(20)
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: object) -> Any:  # noqa: ARG002 - SQLAlchemy's words
        return None if value is None else f"T-{value}"

    def process_result_value(self, value: Any, dialect: object) -> Any:  # noqa: ARG002 - as well
        return None if value is None else value.removeprefix("T-")


OWN_KINDS: dict[str, tuple[TypeEngine[Any], list[UserId]]] = {
    "decorated": (Ticket(), ["7", "8"]),
    "uuid": (Uuid(), [UUID(int=7), UUID(int=8)]),
    "uuid-as-characters": (Uuid(native_uuid=False), [UUID(int=7), UUID(int=8)]),
    "filled-up": (CHAR(12), ["ann".ljust(12), " bob".ljust(12)]),
    "longer-than-said": (String(2), ["ann\n", "ann\\\"'"]),
    "bytes": (LargeBinary(), [b"\x00\xff", b"'"]),
}
"""Ids of the kinds that hosts have, as they are read."""


@pytest.mark.parametrize("kind", OWN_KINDS)
def test_ids_of_a_hosts_own_type(postgresql, kind):
    """
    Users whose ids are of a type of the host's own, or are other than its model says, are rewritten too.
    """
    key, ids = OWN_KINDS[kind]

    class Base(DeclarativeBase): ...

    class User(TwoFactorMixin, Base):
        __tablename__ = "users"
        id: Mapped[Any] = mapped_column(key, primary_key=True)
        email: Mapped[str]

    engine = create_engine(postgresql.fresh_database().sync_url)
    store = SqlAlchemyStore(engine, User)
    Base.metadata.create_all(engine)
    with engine.begin() as connection:
        if kind == "longer-than-said":
            connection.execute(text("ALTER TABLE users ALTER COLUMN id TYPE TEXT"))
        connection.execute(insert(User).values([{"id": user_id, "email": "ann@example.com"} for user_id in ids]))
    for user_id in ids:
        enrolled(store, user_id)
    found = store.read(lambda tx: tx.sealed_elsewhere("0" * 16, after=None, at_most=5))
    store.transact(lambda tx: tx.reseal([Resealed(row.user_id, CHANGE) for row in found]))

    assert {row.user_id for row in found} == set(ids)
    assert [secret_of(store, user_id) for user_id in ids] == ["new", "new"]
    store._engine.dispose()
    engine.dispose()


DAMAGES = ["x'00ff'", "CAST(x'ff41' AS TEXT)", "CAST(x'76312e61ff' AS TEXT)", "CAST(totp_secret AS BLOB)", "''"]
"""What SQLite lets stand in a column of texts."""


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_value_holds_no_rotation_up(make_host, damage):
    """
    Whatever stands in a column, all other values come under the new key; that one is counted, and stays.
    """
    host, clock = make_host("sqlite"), StoppedClock()
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    auth = auth_of(host, keys=KeyRing([old]), clock=clock)
    people = [Person(auth, clock, host.add_user()) for _ in range(3)]
    for person in people:
        person.enroll()
    with host.engine.begin() as connection:
        connection.execute(text(f"UPDATE users SET totp_secret = {damage} WHERE id = :id"), {"id": people[1].user_id})
    auth.keys = KeyRing([new, old])
    done = auth.keys_in_use.rotate()
    counts = {key.key_id: key.total for key in auth.keys_in_use.status().keys}

    assert done == Rotated(rows=3, done=3, unreadable=1, left=1)
    assert counts == {auth.keys.key_ids[0]: 5, auth.keys.key_ids[1]: 0, UNSEALED: 1}
