"""An application with a second factor, to which a test adds what the doctor is to find."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from cryptography.fernet import Fernet
from fastapi import Depends, FastAPI
from fastapi.security import OAuth2PasswordBearer
from pydantic import BaseModel

from twofold import RECOMMENDED, KeyRing, TwoFactorAuth
from twofold.core.diagnosis import Check, Finding
from twofold.core.policy import Policy
from twofold.fastapi import SignedIn, TwoFactor
from twofold.fastapi.doctor import examined
from twofold.fastapi.seen_routes import Before, seen
from twofold.testing import MemoryStore

KEYS = KeyRing([Fernet.generate_key().decode()])
bearer = OAuth2PasswordBearer("token")


class Token(BaseModel):
    access_token: str


class Login(BaseModel):
    email: str
    password: str


class Note(BaseModel):
    text: str


def get_db() -> str:
    return "a connection"


def get_user(token: Annotated[str, Depends(bearer)], db: Annotated[str, Depends(get_db)]) -> int:
    return len(token + db)


def current_session(user: Annotated[int, Depends(get_user)], db: Annotated[str, Depends(get_db)]) -> SignedIn:
    return SignedIn(user, db)


class Sessions:
    def start(self, user_id: Any, assurance: Any) -> SignedIn[Token]:  # noqa: ARG002 - the port
        return SignedIn(user_id, "1", Token(access_token="1"))

    def end_all(self, user_id: Any) -> None: ...


def check_password(body: Login) -> int:
    return len(body.password)


@dataclass
class Examined:
    """An application with a second factor, to which a test adds what it is about."""

    app: FastAPI
    two_factor: TwoFactor[Any]

    def before(self) -> dict[str, Before]:
        """What stands before the routes that are not the library's."""
        found = seen(self.app, self.two_factor).routes
        return {str(route): route.before for route in found if not route.path.startswith(("/2fa", "/docs", "/redoc"))}

    def findings(self, workers: int = 1) -> dict[Check, Finding]:
        found = asyncio.run(examined(self.app, self.two_factor, workers=workers))
        return {finding.check: finding for finding in found}

    def found(self, check: Check, **options: int) -> Finding:
        return self.findings(**options)[check]


def examined_app(
    sessions: type = Sessions, policy: Policy = RECOMMENDED, current: Callable[..., Any] = current_session
) -> Examined:
    app, auth = FastAPI(openapi_url=None), TwoFactorAuth(issuer="Acme", keys=KEYS, store=MemoryStore(), policy=policy)
    two_factor: TwoFactor[Any] = TwoFactor(auth, current_session=current, sessions=sessions)
    two_factor.install(app, prefix="/2fa")
    return Examined(app, two_factor)


def nothing() -> None:
    """An endpoint."""


def takes_a_model(body: Login) -> None: ...
