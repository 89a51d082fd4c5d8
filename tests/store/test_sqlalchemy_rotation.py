"""A rotation's compare-and-swap on databases: whom it does not wait for, and ids of any type."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import String, TypeDecorator, create_engine, insert
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tests.store.hosts import Host, held, host_on
from twofold.core.enrollment import Enrollment
from twofold.core.rotation import Resealed
from twofold.core.sealing import Purpose, Sealed
from twofold.service.ports import UserId
from twofold.sqlalchemy import SqlAlchemyStore, TwoFactorMixin

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


def test_ids_of_a_hosts_own_type(postgresql):
    """
    Users whose ids are of a type of the host's own are rewritten too.
    """

    class Base(DeclarativeBase): ...

    class User(TwoFactorMixin, Base):
        __tablename__ = "users"
        id: Mapped[str] = mapped_column(Ticket, primary_key=True)
        email: Mapped[str]

    engine = create_engine(postgresql.fresh_database().sync_url)
    store = SqlAlchemyStore(engine, User)
    Base.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(insert(User).values([{"id": "7", "email": "ann"}, {"id": "8", "email": "bob"}]))
    for user_id in ("7", "8"):
        enrolled(store, user_id)
    store.transact(lambda tx: tx.reseal([Resealed(user_id, CHANGE) for user_id in ("7", "8")]))

    assert [secret_of(store, user_id) for user_id in ("7", "8")] == ["new", "new"]
    store._engine.dispose()
    engine.dispose()
