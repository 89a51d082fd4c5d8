"""The reference backend, in which something was done otherwise: one fault each."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from cryptography.fernet import Fernet
from fastapi import Depends, FastAPI, Request
from fastapi.middleware.cors import CORSMiddleware
from pydantic import BaseModel

from app.main import create_app
from app.utils.two_factor_auth import TokenSessions, current_session
from twofold import PCI_DSS, KeyRing, TwoFactorAuth
from twofold.clock import SystemClock
from twofold.core.policy import Policy
from twofold.fastapi import TwoFactor
from twofold.settings import Settings
from twofold.testing import MemoryStore


class OffClock:
    """A clock that is 70 seconds ahead."""

    def now(self) -> datetime:
        return SystemClock().now() + timedelta(seconds=70)


def clock_is_off() -> FastAPI:
    app = create_app()
    app.state.twofold.auth.clock = OffClock()
    return app


class Token(BaseModel):
    access_token: str


def route_issues_tokens() -> FastAPI:
    app = create_app()

    @app.post("/api/legacy/token")
    def legacy() -> Token:
        return Token(access_token="")

    return app


def password_behind_a_sign_in() -> FastAPI:
    app = create_app()
    app.post("/api/legacy/password", dependencies=[Depends(current_session)])(lambda: None)
    return app


def cors_without_the_header() -> FastAPI:
    app = create_app()
    app.add_middleware(CORSMiddleware, allow_origins=["https://shop.example"], allow_headers=["Authorization"])
    return app


def wrapped() -> CORSMiddleware:
    """An application behind a middleware, as a server is given it."""
    return CORSMiddleware(create_app(), allow_origins=["https://shop.example"], allow_headers=["Authorization"])


def __getattr__(name: str) -> CORSMiddleware:
    """`ready` is the same, as a module has it that makes it by itself."""
    if name != "ready":
        raise AttributeError(name)
    return wrapped()


def with_policy(policy: Policy) -> FastAPI:
    return create_app(replace(Settings.from_environment(), policy=policy))


def pci_dss_of_an_hour() -> FastAPI:
    """A policy that contradicts the standard whose name it bears."""
    return with_policy(replace(PCI_DSS, session_idle=timedelta(minutes=60)))


class LongSessions(TokenSessions):
    """Sessions that say that they live for longer than PCI DSS lets them."""

    idle = timedelta(minutes=60)  # type: ignore[assignment]


async def long_sessions(request: Request) -> LongSessions:
    return LongSessions(request)


def pci_dss_with_sessions_of_an_hour() -> FastAPI:
    app = with_policy(PCI_DSS)
    app.state.twofold.host.sessions = long_sessions
    return app


def use_cases() -> TwoFactorAuth:
    """Without the application around them."""
    auth: TwoFactorAuth = create_app().state.twofold.auth
    return auth


def second_factor() -> TwoFactor[Any]:
    """Without the application that it is in."""
    two_factor: TwoFactor[Any] = create_app().state.twofold
    return two_factor


def chosen_ids() -> TwoFactorAuth:
    """Users who have chosen their ids themselves."""
    store, eve = MemoryStore(), "\x1b]0;owned\x07\x9b31m:key:"
    store.add_user(eve, "eve@example.com")
    auth = TwoFactorAuth(issuer="Acme", keys=KeyRing([Fernet.generate_key().decode()]), store=store)
    auth.totp.set_up(eve)
    return auth


def breaks() -> FastAPI:
    """An application that fails while it is built."""
    raise KeyError("hidden")
