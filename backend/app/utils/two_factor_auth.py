"""
The application's choices for its second factor, and nothing else: issuer, keys, policy, table, looks; its sessions.

The file is called so, and lies in `utils`, because the specification says so; the algorithms are the library's.
"""

import re
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request, Response
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, Field
from sqlalchemy import Row, delete, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from app.database import BACKEND, opened, read_one
from app.models.user import ADMIN, DEAD_SESSIONS, SESSION, User, UserSession, hashed, is_alive, live_sessions
from twofold import Assurance, ConfigurationError, KeyRing, TwoFactorAuth
from twofold.core.policy import CLOCK_GRACE, ROWS_AT_ONCE
from twofold.errors import NotSignedIn
from twofold.fastapi import SignedIn, TwoFactor
from twofold.fastapi.host import CurrentSession
from twofold.fastapi.openapi import extend
from twofold.fastapi.requests import client_address
from twofold.fastapi.sessions import by_policy
from twofold.service.ports import EventSink
from twofold.settings import Settings
from twofold.sqlalchemy import SqlAlchemyStore
from twofold.web import ListedSession, Look
from twofold.web.requests import refuse_foreign_site
from twofold.webauthn import RelyingParty

KEY_FILE = BACKEND / "var" / "encryption.key"  # Where one is made, for trying things out.
ROW_ID_MAX = 2**31 - 1
SEEN_EVERY = timedelta(minutes=1)  # How exactly the last request is known: each would otherwise be a write.
COOKIE = "__Host-session"  # So called, a browser takes it from this host alone, and only over TLS (RFC 6265bis, 4.1.3).
bearer = HTTPBearer(auto_error=False, description="The `access_token` of a sign-in.")
cookie = APIKeyCookie(
    name=COOKIE,
    auto_error=False,
    scheme_name="SessionCookie",
    description="The session of the pages; ignored where there is an `Authorization`.",
)


def make_store(engine: AsyncEngine) -> SqlAlchemyStore:
    """Where the second factor lives: in columns on `users`."""
    return SqlAlchemyStore(engine, User)


def make_two_factor_auth(
    settings: Settings, keys: KeyRing, store: SqlAlchemyStore, *, on_event: EventSink | None = None
) -> TwoFactorAuth:
    """
    The use cases of the second factor, for this application.

    Raises:
        ConfigurationError: The policy needs keys on offer, and `PUBLIC_URL` is no origin on which they can be.
    """
    return TwoFactorAuth(
        issuer=settings.issuer,
        keys=keys,
        policy=settings.policy,
        store=store,
        webauthn=relying_party(settings),
        on_event=on_event,
    )


def relying_party(settings: Settings) -> RelyingParty | None:
    """
    The site that keys are bound to; nothing where browsers let none be used there.

    Raises:
        ConfigurationError: The policy needs keys on offer.
    """
    try:
        return RelyingParty(settings.public_url)
    except ConfigurationError:
        if settings.policy.phishing_resistant:
            raise ConfigurationError(
                f"PUBLIC_URL: the profile {settings.policy.name} needs WebAuthn keys on offer: write the origin of "
                "your pages, https://name.example[:port], or http://localhost[:port] for trying things out."
            ) from None
        return None


def make_look(settings: Settings) -> Look:
    """
    How the pages look.

    Raises:
        ConfigurationError: A color that cannot be read, or a logo that no page shows.
    """
    variables = {"color": "TWOFA_COLOR", "logo": "TWOFA_LOGO"}
    given: dict[str, Any] = {name: value for name in variables if (value := getattr(settings, name))}
    try:
        return Look(templates=BACKEND / "app" / "templates", locale=BACKEND / "app" / "locale", **given)
    except ConfigurationError as error:
        # The library speaks of its argument, `Look(color=...): ...`; who sets a variable is told that one's name.
        name, _, why = str(error).removeprefix("Look(").partition("=...): ")
        raise ConfigurationError(f"{variables.get(name, name)}: {why}") from None


class Token(BaseModel):
    """A session, as its client knows it."""

    access_token: str = Field(repr=False)
    token_type: str = "bearer"  # noqa: S105 - a kind, not a token
    expires_at: datetime


async def user_session(
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
    kept: Annotated[str | None, Depends(cookie)],
) -> Row[Any]:
    """
    The live session of the bearer token, or of a page that asks.

    Raises:
        NotSignedIn: There is none; or a page's, where one would start whose token no script of a page is to see.
        Problem: It is a page's, and another site's page writes, a neighbor's under the same domain included.
    """
    if "authorization" in request.headers or starts_session(request.scope["route"]):
        return await _session_of(request, credentials.credentials if credentials else "")
    if kept is not None:
        refuse_foreign_site(request)
    return await _session_of(request, kept or "")


def starts_session(route: object) -> bool:
    """Whether a route answers with a new session."""
    answer = getattr(route, "response_model", None)
    return isinstance(answer, type) and issubclass(answer, Token)


def say_what_starts_sessions(app: FastAPI, two_factor: TwoFactor[Token]) -> None:
    """Let OpenAPI say of routes that start a session that no cookie opens them."""
    names = {getattr(route, "name", "") for route in two_factor.host.own_routes if starts_session(route)}

    def say(schema: dict[str, Any]) -> None:
        for operation in (each for operations in schema["paths"].values() for each in operations.values()):
            if operation["operationId"] in names and "security" in operation:
                operation["security"] = [{bearer.scheme_name: []}]

    extend(app, say)


async def _session_of(request: Request, token: str) -> Row[Any]:
    auth = request.app.state.two_factor.auth
    now, idle = auth.clock.now(), auth.policy.session_idle
    row = await read_one(request, SESSION, token_hash=hashed(token))
    if row is None or not is_alive(row, now, idle):
        raise NotSignedIn
    if now - row.last_seen_at >= SEEN_EVERY:
        async with opened(request.app) as db:
            await db.execute(update(UserSession).filter_by(id=row.id).values(last_seen_at=now))
            # Committed here: nothing of this request waits for a lock while it holds one.
            await db.commit()
    return row


CurrentRow = Annotated[Row[Any], Depends(user_session)]


async def current_session(row: CurrentRow) -> SignedIn:
    """Who is signed in, for the library."""
    return SignedIn(row.user_id, session_id=row.token_hash, owed=row.owed)


async def is_admin(row: CurrentRow) -> bool:
    """Whether who is signed in may administer: as the table says now, whatever it said when the session began."""
    return bool(row.role == ADMIN)


async def page_session(request: Request, kept: Annotated[str | None, Depends(cookie)]) -> SignedIn:
    """Who is signed in on a page, for the library: by the cookie alone, and not where there is an `Authorization`."""
    row = await _session_of(request, "" if "authorization" in request.headers else kept or "")
    return SignedIn(row.user_id, session_id=row.token_hash, account=row.email, owed=row.owed)


class StoredSessions:
    """Sessions by opaque tokens, of which the database knows only the hash."""

    idle = life = by_policy

    def __init__(self, request: Request) -> None:
        self.request = request

    async def begin(self, user_id: int) -> Token:
        """Store a new session."""
        auth, token = self.request.app.state.two_factor.auth, secrets.token_urlsafe(32)
        now, expires_at = auth.clock.now(), auth.clock.now() + auth.policy.session_life
        # Not every database takes a control character.
        client = "".join(filter(str.isprintable, self.request.headers.get("user-agent", "")))[:200]
        moments = {"created_at": now, "last_seen_at": now, "expires_at": expires_at}
        async with opened(self.request.app) as db:
            db.add(UserSession(token_hash=hashed(token), user_id=user_id, client=client, **moments))
            await db.commit()
        return Token(access_token=token, expires_at=expires_at)

    async def remove(self, user_id: int, **which: int | str) -> str | None:
        """Remove one session of a user; its name, or nothing where there was none, or somebody else was first."""
        own = {"user_id": user_id, **which}
        async with opened(self.request.app) as db:
            session_id: str | None = await db.scalar(select(UserSession.token_hash).filter_by(**own))
            ended: Any = await db.execute(delete(UserSession).filter_by(**own))
            await db.commit()
        return session_id if ended.rowcount else None

    async def end_all(self, user_id: int) -> None:
        """End every session of this user."""
        async with opened(self.request.app) as db:
            await db.execute(delete(UserSession).filter_by(user_id=user_id))
            await db.commit()


class TokenSessions(StoredSessions):
    """Sessions of whoever asks for JSON, and keeps a token."""

    async def start(self, user_id: int, assurance: Assurance) -> SignedIn[Token]:  # noqa: ARG002 - the library's port
        """Start a session; what it has proved, the library remembers."""
        token = await self.begin(user_id)
        return SignedIn(user_id, hashed(token.access_token), token)

    async def end_one(self, current: CurrentSession, **which: int | str) -> bool:
        """End one session of the user who asks; whether there was such a one, and nobody else was first."""
        session_id = await self.remove(current.user_id, **which)
        if session_id is None:
            return False
        host = self.request.app.state.two_factor.host
        await host.use(current, lambda auth: auth.sessions.ended(current.user_id, session_id))
        return True


class CookieSessions(StoredSessions):
    """Sessions of the pages: a cookie has the token, and no answer."""

    def __init__(self, request: Request, response: Response) -> None:
        super().__init__(request)
        self.response = response

    async def start(self, user_id: int, assurance: Assurance) -> SignedIn:  # noqa: ARG002 - the library's port
        """Start a session, in the cookie; the one that this browser was in ends (ASVS 5.0, 7.2.4)."""
        await self._end_before()
        token = await self.begin(user_id)
        # Without a date, so that it ends with the browser (NIST SP 800-63B-4, 5.1: session secrets are not persistent).
        self.response.set_cookie(COOKIE, token.access_token, secure=True, httponly=True, samesite="lax")
        return SignedIn(user_id, hashed(token.access_token))

    async def _end_before(self) -> None:
        name, auth = hashed(self.request.cookies.get(COOKIE, "")), self.request.app.state.two_factor.auth
        before = await read_one(self.request, SESSION, token_hash=name)
        if before is not None and await self.remove(before.user_id, token_hash=name):
            await auth.run(
                lambda auth: auth.sessions.ended(before.user_id, name), client_address=client_address(self.request)
            )

    async def end(self, signed_in: SignedIn[Any]) -> None:
        """End the session that asks; the library notes it."""
        await self.remove(signed_in.user_id, token_hash=signed_in.session_id)
        self.forget()

    def forget(self) -> None:
        """Take the cookie of a session that has ended from the browser."""
        self.response.delete_cookie(COOKIE, secure=True, httponly=True, samesite="lax")

    async def listed(self, signed_in: SignedIn[Any]) -> Sequence[ListedSession]:
        """The sessions of the user who asks that are alive, the newest first."""
        auth: TwoFactorAuth = self.request.app.state.two_factor.auth
        query = live_sessions(signed_in.user_id, auth.clock.now(), auth.policy.session_idle)
        async with opened(self.request.app) as db:
            found = (await db.scalars(query)).all()
        return [
            ListedSession(
                id=str(row.id),
                current=row.token_hash == signed_in.session_id,
                client=row.client,
                started_at=row.created_at,
                last_seen_at=row.last_seen_at,
                expires_at=row.expires_at,
            )
            for row in found
        ]

    async def end_listed(self, signed_in: SignedIn[Any], id: str) -> str | None:  # noqa: A002 - the library's port
        """End one session of the user who asks, by what `listed` calls it; its name, which the library notes."""
        number = int(id) if re.fullmatch("[0-9]{1,10}", id) else 0
        return await self.remove(signed_in.user_id, id=number) if 0 < number <= ROW_ID_MAX else None


async def maintain(app: FastAPI, goes_on: Callable[[], bool] = lambda: True) -> None:
    """
    Delete what nobody needs any more: the library's share of it, and our own dead sessions.

    Args:
        goes_on: Is asked between short transactions whether to go on.
    """
    auth: TwoFactorAuth = app.state.two_factor.auth
    done = await auth.run(lambda auth: auth.maintenance(goes_on))
    # By the moment that the library believes in, and a day later: a session is not dead by one clock alone.
    expired = done.at - CLOCK_GRACE
    dead = {"expired": expired, "idle": expired - auth.policy.session_idle, "at_most": ROWS_AT_ONCE}
    found: Sequence[int] = [0]
    while found and goes_on():
        async with opened(app) as db:
            found = (await db.scalars(DEAD_SESSIONS, {**dead, "after": found[-1]})).all()
            await db.rollback()  # While it looks it holds nothing, and what it then holds it finds by its key.
            dying = select(UserSession.id).where(UserSession.id.in_(found)).with_for_update(skip_locked=True)
            await db.execute(delete(UserSession).where(UserSession.id.in_((await db.scalars(dying)).all())))
            await db.commit()


async def token_sessions(request: Request) -> TokenSessions:
    """The same as a dependency; a class FastAPI would make in its thread pool, which takes longer than a statement."""
    return TokenSessions(request)


async def cookie_sessions(request: Request, response: Response) -> CookieSessions:
    """The same for the pages."""
    return CookieSessions(request, response)
