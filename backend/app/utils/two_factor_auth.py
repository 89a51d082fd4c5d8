"""
The application's choices for its second factor, and nothing else: issuer, keys, policy, table; and its sessions.

The file is called so, and lies in `utils`, because the specification says so; the algorithms are the library's.
"""

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, Field
from sqlalchemy import Row, delete, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from app.database import BACKEND, opened, read_one
from app.models.user import ADMIN, DEAD_SESSIONS, SESSION, User, UserSession, hashed, is_alive
from twofold import Assurance, ConfigurationError, KeyRing, TwoFactorAuth
from twofold.core.policy import CLOCK_GRACE, ROWS_AT_ONCE
from twofold.errors import NotSignedIn
from twofold.fastapi import SignedIn
from twofold.fastapi.host import CurrentSession
from twofold.fastapi.sessions import by_policy
from twofold.service.ports import EventSink
from twofold.settings import Settings
from twofold.sqlalchemy import SqlAlchemyStore
from twofold.webauthn import RelyingParty

KEY_FILE = BACKEND / "var" / "encryption.key"  # Where one is made, for trying things out.
SEEN_EVERY = timedelta(minutes=1)  # How exactly the last request is known: each would otherwise be a write.
bearer = HTTPBearer(auto_error=False, description="The `access_token` of a sign-in.")


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


class Token(BaseModel):
    """A session, as its client knows it."""

    access_token: str = Field(repr=False)
    token_type: str = "bearer"  # noqa: S105 - a kind, not a token
    expires_at: datetime


async def user_session(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
) -> Row[Any]:
    """The live session of the bearer token; `NotSignedIn` where there is none."""
    auth = request.app.state.two_factor.auth
    now, idle = auth.clock.now(), auth.policy.session_idle
    token_hash = hashed(credentials.credentials if credentials else "")
    row = await read_one(request, SESSION, token_hash=token_hash)
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


class TokenSessions:
    """Sessions by opaque bearer tokens, of which the database knows only the hash."""

    idle = life = by_policy

    def __init__(self, request: Request) -> None:
        self.request = request

    async def start(self, user_id: int, assurance: Assurance) -> SignedIn[Token]:  # noqa: ARG002 - the library's port
        """Start a session; what it has proved, the library remembers."""
        auth, token = self.request.app.state.two_factor.auth, secrets.token_urlsafe(32)
        now, expires_at = auth.clock.now(), auth.clock.now() + auth.policy.session_life
        # Not every database takes a control character.
        client = "".join(filter(str.isprintable, self.request.headers.get("user-agent", "")))[:200]
        moments = {"created_at": now, "last_seen_at": now, "expires_at": expires_at}
        async with opened(self.request.app) as db:
            db.add(UserSession(token_hash=hashed(token), user_id=user_id, client=client, **moments))
            await db.commit()
        return SignedIn(user_id, hashed(token), Token(access_token=token, expires_at=expires_at))

    async def end_one(self, current: CurrentSession, which: int) -> bool:
        """End one session of the user who asks; whether there was such a one, and nobody else was first."""
        own = {"user_id": current.user_id, "id": which}
        async with opened(self.request.app) as db:
            session_id = await db.scalar(select(UserSession.token_hash).filter_by(**own))
            ended: Any = await db.execute(delete(UserSession).filter_by(**own))
            await db.commit()
        if session_id is None or not ended.rowcount:
            return False
        host = self.request.app.state.two_factor.host
        await host.use(current, lambda auth: auth.sessions.ended(current.user_id, session_id))
        return True

    async def end_all(self, user_id: int) -> None:
        """End every session of this user."""
        async with opened(self.request.app) as db:
            await db.execute(delete(UserSession).filter_by(user_id=user_id))
            await db.commit()


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
