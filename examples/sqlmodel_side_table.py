"""
Host (d): SQLModel, and a users table that may not be altered: our columns stand in a table beside it.

Set JWT_SECRET, DATABASE_URL and ENCRYPTION_KEY, then: uvicorn sqlmodel_side_table:app
"""

import os
from collections.abc import Iterator
from typing import Annotated
from uuid import UUID, uuid4

import jwt
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pwdlib import PasswordHash
from pydantic import BaseModel
from sqlmodel import Field, Session, SQLModel, create_engine, select

from twofold import Assurance, TwoFactorAuth
from twofold.fastapi import SignedIn, TwoFactor
from twofold.settings import key_ring
from twofold.sqlalchemy import SqlAlchemyStore

SECRET = os.environ["JWT_SECRET"]
engine = create_engine(os.environ["DATABASE_URL"])
passwords = PasswordHash.recommended()
NOBODY = passwords.hash(uuid4().hex)  # an unknown name takes as long as a known one
bearer = HTTPBearer()
app = FastAPI()


class User(SQLModel, table=True):
    __tablename__ = "users"
    id: UUID = Field(default_factory=uuid4, primary_key=True)
    username: str = Field(unique=True, max_length=200)
    hashed_password: str = Field(max_length=255)


class LoginSession(SQLModel, table=True):
    __tablename__ = "login_sessions"
    id: UUID = Field(default_factory=uuid4, primary_key=True)
    user_id: UUID = Field(foreign_key="users.id")


class Token(BaseModel):
    access_token: str


class Login(BaseModel):
    username: str
    password: str


def get_db() -> Iterator[Session]:
    with Session(engine) as db:
        yield db


Db = Annotated[Session, Depends(get_db)]


def login_session(credentials: Annotated[HTTPAuthorizationCredentials, Depends(bearer)], db: Db) -> LoginSession:
    try:
        sid = UUID(jwt.decode(credentials.credentials, SECRET, algorithms=["HS256"])["sid"])
    except jwt.InvalidTokenError:
        raise HTTPException(401) from None
    row = db.get(LoginSession, sid)
    if row is None:
        raise HTTPException(401)
    return row


# -- Twofold: what this application adds ------------------------------------------------------------------------------
def current_session(row: Annotated[LoginSession, Depends(login_session)]) -> SignedIn:
    return SignedIn(row.user_id, session_id=str(row.id))


class Sessions:
    def __init__(self, db: Db) -> None:
        self.db = db

    def start(self, user_id: UUID, assurance: Assurance) -> SignedIn[Token]:
        sid = uuid4()
        self.db.add(LoginSession(id=sid, user_id=user_id))
        self.db.commit()
        return SignedIn(user_id, str(sid), Token(access_token=jwt.encode({"sid": str(sid)}, SECRET)))

    def end_all(self, user_id: UUID) -> None:
        for row in self.db.exec(select(LoginSession).where(LoginSession.user_id == user_id)):
            self.db.delete(row)
        self.db.commit()


def check_password(body: Login, db: Db) -> UUID:
    user = db.exec(select(User).where(User.username == body.username)).first()
    if not passwords.verify(body.password, user.hashed_password if user else NOBODY) or user is None:
        raise HTTPException(401)
    return user.id


store = SqlAlchemyStore(engine, User, account="username", side_table="user_two_factor")
auth = TwoFactorAuth(issuer="Acme", keys=key_ring(), store=store)
two_factor = TwoFactor(auth, current_session=current_session, sessions=Sessions)
two_factor.install(app, prefix="/api/auth/2fa")
app.include_router(two_factor.sign_in_router(check_password))
# -- the application's own routes -------------------------------------------------------------------------------------


@app.get("/me")
def me(db: Db, row: Annotated[LoginSession, Depends(login_session)]) -> str:
    return db.get_one(User, row.user_id).username


@app.post("/payouts", dependencies=[Depends(two_factor.require_second_factor(max_age=300))])
def pay_out(row: Annotated[LoginSession, Depends(login_session)]) -> dict[str, str]:
    return {"paid": str(row.user_id)}
