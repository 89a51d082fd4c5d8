"""An application that people come to from another one, as `--app tests.cli.import_host:make` finds it."""

import os
from typing import Any

from sqlalchemy import Engine, String, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from twofold import KeyRing, TwoFactorAuth
from twofold.sqlalchemy import SqlAlchemyStore, TwoFactorMixin
from twofold.testing import StoppedClock

URL, KEY = "IMPORT_HOST_URL", "IMPORT_HOST_KEY"


class Base(DeclarativeBase): ...


class User(TwoFactorMixin, Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(120))
    otp_key: Mapped[str | None] = mapped_column(String(500))
    otp_on: Mapped[bool | None]


class OldBase(DeclarativeBase): ...


class OldUser(OldBase):
    """A user of an application that had columns of our names, and keeps ours in a side table."""

    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(120))
    totp_secret: Mapped[str] = mapped_column(String(500), server_default="")
    twofa_enabled: Mapped[bool] = mapped_column(default=False)


def careless(engine: Engine) -> Engine:
    """A host that asks SQLite for a write-ahead log, and for no wiping of what it deletes."""

    def on_connect(connection: Any, _: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA secure_delete = OFF")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.close()

    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", on_connect)
    return engine


def engine_of(url: str) -> Engine | AsyncEngine:
    if not make_url(url).get_dialect().is_async:
        return careless(create_engine(url))
    engine = create_async_engine(url)
    careless(engine.sync_engine)
    return engine


def make_auth(engine: Engine | AsyncEngine, key: str, users: type = User, **options: Any) -> TwoFactorAuth:
    store = SqlAlchemyStore(engine, users, **options)
    return TwoFactorAuth(issuer="Acme", keys=KeyRing(key.split(",")), store=store, clock=StoppedClock())


def make() -> TwoFactorAuth:
    return make_auth(engine_of(os.environ[URL]), os.environ[KEY])


def make_aside() -> TwoFactorAuth:
    return make_auth(engine_of(os.environ[URL]), os.environ[KEY], OldUser, side_table="user_two_factor")
