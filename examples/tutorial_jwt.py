"""
Host (a): FastAPI's security tutorial, sync SQLAlchemy, stateless tokens by PyJWT.

Set JWT_SECRET, DATABASE_URL and ENCRYPTION_KEY, then: uvicorn tutorial_jwt:app
"""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import uuid4

import jwt
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import OAuth2PasswordBearer, OAuth2PasswordRequestForm
from pwdlib import PasswordHash
from pydantic import BaseModel
from sqlalchemy import String, create_engine, select, update
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from twofold import Assurance, TwoFactorAuth
from twofold.fastapi import SignedIn, TwoFactor
from twofold.settings import key_ring
from twofold.sqlalchemy import SqlAlchemyStore, TwoFactorMixin

SECRET = os.environ["JWT_SECRET"]
engine = create_engine(os.environ["DATABASE_URL"])
passwords = PasswordHash.recommended()
NOBODY = passwords.hash(uuid4().hex)  # an unknown address takes as long as a known one
oauth2_scheme = OAuth2PasswordBearer(tokenUrl="token")
app = FastAPI()


class Base(DeclarativeBase): ...


class User(TwoFactorMixin, Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    hashed_password: Mapped[str] = mapped_column(String(255))
    token_version: Mapped[int] = mapped_column(default=0)


class Token(BaseModel):
    access_token: str
    token_type: str = "bearer"  # noqa: S105


def get_db() -> Iterator[Session]:
    with Session(engine) as db:
        yield db


Db = Annotated[Session, Depends(get_db)]
unauthorized = HTTPException(401, "Could not validate credentials", {"WWW-Authenticate": "Bearer"})


def token_claims(token: Annotated[str, Depends(oauth2_scheme)]) -> dict[str, Any]:
    try:
        claims: dict[str, Any] = jwt.decode(token, SECRET, algorithms=["HS256"])
    except jwt.InvalidTokenError:
        raise unauthorized from None
    return claims


Claims = Annotated[dict[str, Any], Depends(token_claims)]


def get_current_user(claims: Claims, db: Db) -> User:
    user = db.get(User, int(claims["sub"]))
    if user is None or user.token_version != claims["ver"]:
        raise unauthorized
    return user


CurrentUser = Annotated[User, Depends(get_current_user)]


# -- Twofold: what this application adds ------------------------------------------------------------------------------
def current_session(user: CurrentUser, claims: Claims) -> SignedIn:
    return SignedIn(user.id, session_id=claims["sid"])


class Sessions:
    def __init__(self, db: Db) -> None:
        self.db = db

    def start(self, user_id: int, assurance: Assurance) -> SignedIn[Token]:
        user, sid = self.db.get_one(User, user_id), uuid4().hex
        claims = {"sub": str(user.id), "ver": user.token_version, "sid": sid}
        claims |= assurance.claims | {"exp": datetime.now(UTC) + timedelta(minutes=30)}
        return SignedIn(user_id, sid, Token(access_token=jwt.encode(claims, SECRET)))

    def end_all(self, user_id: int) -> None:
        self.db.execute(update(User).where(User.id == user_id).values(token_version=User.token_version + 1))
        self.db.commit()


def check_password(form: Annotated[OAuth2PasswordRequestForm, Depends()], db: Db) -> int:
    user = db.scalar(select(User).where(User.email == form.username))
    if not passwords.verify(form.password, user.hashed_password if user else NOBODY) or user is None:
        raise HTTPException(401, "Incorrect username or password")
    return user.id


auth = TwoFactorAuth(issuer="Acme", keys=key_ring(), store=SqlAlchemyStore(engine, User))
two_factor = TwoFactor(auth, current_session=current_session, sessions=Sessions)
two_factor.install(app, prefix="/api/auth/2fa")
app.include_router(two_factor.sign_in_router(check_password, path="/token"))
# -- the application's own routes -------------------------------------------------------------------------------------


@app.get("/me")
def me(user: CurrentUser) -> str:
    return user.email


@app.post("/payouts", dependencies=[Depends(two_factor.require_second_factor(max_age=300))])
def pay_out(user: CurrentUser) -> dict[str, str]:
    return {"paid": user.email}
