"""Ids of users as their texts, whatever type the host's model gives them."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import String, Uuid, insert
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tests.servers import Server
from tests.store.hosts import KEYS
from twofold import TwoFactorAuth
from twofold.errors import InvalidRequest, TwofoldError, UnknownUser
from twofold.sqlalchemy import SqlAlchemyStore, TwoFactorMixin

GIVEN = "0b0b0b0b-0000-4000-8000-00000000000a"
ASKED: dict[str, Callable[[TwoFactorAuth], object]] = {
    "a cursor that cannot be sent": lambda auth: auth.users.page(cursor="\x00").items,
    "an id that cannot be sent": lambda auth: auth.users.by_id("\x00"),
    "an id of nobody": lambda auth: auth.users.by_id("x"),
    "an id": lambda auth: auth.users.by_id(GIVEN),
    "an account": lambda auth: auth.users.find("ann@example.com"),
    "a cursor": lambda auth: auth.users.page(cursor=GIVEN).items,
}


@pytest.mark.parametrize("kind", [String(36), Uuid(as_uuid=False)])
def test_a_text_that_is_no_id(postgresql: Server, kind: Any):
    """
    Where ids are texts, or UUIDs as texts, what cannot be one is nobody's, and never sent to the database.
    """

    class Base(DeclarativeBase):
        pass

    class User(TwoFactorMixin, Base):
        __tablename__ = "users"
        id: Mapped[str] = mapped_column(kind, primary_key=True)
        email: Mapped[str] = mapped_column(String(120))

    engine = create_async_engine(postgresql.fresh_database().async_url)
    store = SqlAlchemyStore(engine, User)
    auth = TwoFactorAuth(issuer="Acme", keys=KEYS, store=store)

    async def told(use: Callable[[TwoFactorAuth], object]) -> object:
        try:
            return await auth.run(use)
        except TwofoldError as error:
            return type(error)

    async def host() -> list[object]:
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
            await connection.execute(insert(User).values(id=GIVEN, email="ann@example.com"))
        answers = [await told(use) for use in ASKED.values()]
        await store.close()
        await engine.dispose()
        return answers

    assert asyncio.run(host()) == [InvalidRequest, UnknownUser, UnknownUser, GIVEN, GIVEN, ()]
