"""
Host (c): fastapi-users with its database strategy and bearer tokens.

Set DATABASE_URL (with an async driver), USERS_SECRET and ENCRYPTION_KEY, then: uvicorn with_fastapi_users:app
"""

import os
import uuid
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, FastAPI
from fastapi_users import BaseUserManager, FastAPIUsers, UUIDIDMixin, schemas
from fastapi_users.authentication import AuthenticationBackend, BearerTransport
from fastapi_users.authentication.strategy.db import DatabaseStrategy
from fastapi_users_db_sqlalchemy import SQLAlchemyBaseUserTableUUID, SQLAlchemyUserDatabase
from fastapi_users_db_sqlalchemy.access_token import SQLAlchemyAccessTokenDatabase, SQLAlchemyBaseAccessTokenTableUUID
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase

from twofold import TwoFactorAuth
from twofold.fastapi_users import guarded, two_factor_for
from twofold.settings import key_ring
from twofold.sqlalchemy import SqlAlchemyStore, TwoFactorMixin

engine = create_async_engine(os.environ["DATABASE_URL"])
app = FastAPI()


class Base(DeclarativeBase): ...


class User(TwoFactorMixin, SQLAlchemyBaseUserTableUUID, Base): ...


class AccessToken(SQLAlchemyBaseAccessTokenTableUUID, Base): ...


async def get_db() -> AsyncIterator[AsyncSession]:
    async with AsyncSession(engine, expire_on_commit=False) as db:
        yield db


Db = Annotated[AsyncSession, Depends(get_db)]


class UserManager(UUIDIDMixin, BaseUserManager[User, uuid.UUID]):
    reset_password_token_secret = verification_token_secret = os.environ["USERS_SECRET"]


async def get_user_manager(db: Db) -> AsyncIterator[UserManager]:
    yield UserManager(SQLAlchemyUserDatabase(db, User))


def get_strategy(db: Db) -> DatabaseStrategy[User, uuid.UUID, AccessToken]:
    return DatabaseStrategy(SQLAlchemyAccessTokenDatabase(db, AccessToken), lifetime_seconds=3600)


class UserRead(schemas.BaseUser[uuid.UUID]): ...


class UserCreate(schemas.BaseUserCreate): ...


# -- Twofold: what this application adds ------------------------------------------------------------------------------
auth = TwoFactorAuth(issuer="Acme", keys=key_ring(), store=SqlAlchemyStore(engine, User))
backend = AuthenticationBackend("db", BearerTransport(tokenUrl="auth/login"), guarded(auth, get_strategy))
users = FastAPIUsers[User, uuid.UUID](get_user_manager, [backend])


async def end_all(user_id: uuid.UUID) -> None:
    async with engine.begin() as connection:
        await connection.execute(delete(AccessToken).filter_by(user_id=user_id))


two_factor = two_factor_for(auth, users, backend, end_all=end_all)
two_factor.install(app, prefix="/api/auth/2fa")
app.include_router(two_factor.sign_in_router(path="/auth/login"))
# -- the application's own routes -------------------------------------------------------------------------------------

app.include_router(users.get_auth_router(backend), prefix="/auth")
app.include_router(users.get_register_router(UserRead, UserCreate), prefix="/auth")
CurrentUser = Annotated[User, Depends(users.current_user(active=True))]


@app.get("/me")
async def me(user: CurrentUser) -> str:
    return user.email


@app.post("/payouts", dependencies=[Depends(two_factor.require_second_factor(max_age=300))])
async def pay_out(user: CurrentUser) -> dict[str, str]:
    return {"paid": user.email}
