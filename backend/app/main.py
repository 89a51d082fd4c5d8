"""The application, put together; and its start."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from cryptography.fernet import Fernet
from fastapi import APIRouter, FastAPI, Request
from fastapi.middleware.cors import CORSMiddleware
from sqlalchemy import inspect, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.database import BACKEND, make_engine, migrate
from app.routes.auth import TokenSessions, auth_routes, current_session
from app.utils.two_factor_auth import make_store, make_two_factor_auth
from twofold import ConfigurationError, KeyRing, Unavailable
from twofold.fastapi import TwoFactor
from twofold.fastapi.errors import install_problem_details
from twofold.settings import Settings

KEY_FILE = BACKEND / "var" / "encryption.key"
logger = logging.getLogger("uvicorn.error")


def create_app(settings: Settings | None = None) -> FastAPI:
    """
    The application.

    Raises:
        ConfigurationError: A setting is missing or malformed.
    """
    settings = settings or Settings.from_environment()
    engine = make_engine(settings.database_url)
    store = make_store(engine)
    auth = make_two_factor_auth(settings, key_ring_of(settings), store)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await migrate(engine)
        yield
        await store.close()
        await engine.dispose()

    # A redirect would be made of the Host header, which the client chooses.
    app = FastAPI(title=f"{settings.issuer} accounts", lifespan=lifespan, redirect_slashes=False)
    two_factor = TwoFactor(auth, current_session=current_session, sessions=TokenSessions)
    app.state.settings, app.state.engine, app.state.two_factor = settings, engine, two_factor
    install_problem_details(app)
    two_factor.install(app, prefix="/api/auth/2fa")
    app.include_router(auth_routes(two_factor), prefix="/api/auth")
    app.include_router(health)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["*"],
            allow_headers=["Authorization", "Content-Type", "X-TOTP-Code"],
            expose_headers=["WWW-Authenticate", "Retry-After"],
        )
    return app


health = APIRouter(tags=["Health"])


@health.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process is alive."""
    return {"status": "alive"}


@health.get("/readyz")
async def readyz(request: Request) -> dict[str, str]:
    """The database answers."""
    try:
        async with request.app.state.engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
    except (SQLAlchemyError, OSError) as error:
        raise Unavailable from error
    return {"status": "ready"}


def key_ring_of(settings: Settings) -> KeyRing:
    """
    The keys: from the environment, or else the one that was made here for trying things out.

    Raises:
        ConfigurationError: There is none, or it is malformed.
    """
    if settings.encryption_key or settings.production or not settings.is_loopback or not KEY_FILE.exists():
        return settings.key_ring()
    return KeyRing([KEY_FILE.read_text().strip()], read_fernet=settings.read_fernet)


async def prepare(settings: Settings) -> None:
    """
    Make a key where there is none and none is needed to read what is stored; only for trying things out.

    Raises:
        ConfigurationError: A key is missing, and making one would be wrong.
    """
    engine = make_engine(settings.database_url)
    try:
        if not settings.encryption_key and not KEY_FILE.exists():
            await make_key(settings, engine)
        key_ring_of(settings)
        await migrate(engine)
    finally:
        await engine.dispose()


async def make_key(settings: Settings, engine: AsyncEngine) -> None:
    """Make a key in a file that only its owner can read, and say so."""
    if settings.production or not settings.is_loopback:
        raise ConfigurationError("ENCRYPTION_KEY is missing: set it to 32 random bytes as url-safe base64.")
    if await has_sealed_rows(engine):
        raise ConfigurationError("ENCRYPTION_KEY is missing, and the database holds values sealed under it: set it.")
    KEY_FILE.parent.mkdir(exist_ok=True)
    with os.fdopen(os.open(KEY_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(Fernet.generate_key().decode() + "\n")
    logger.warning("ENCRYPTION_KEY is not set: made one in %s, for trying things out on this machine.", KEY_FILE)


async def has_sealed_rows(engine: AsyncEngine) -> bool:
    """Whether any user has a secret that a key is needed for."""
    sealed = ("totp_secret", "totp_pending_secret", "twofa_backup_codes")
    async with engine.connect() as connection:
        if not await connection.run_sync(lambda sync: inspect(sync).has_table("users")):
            return False
        columns = await connection.run_sync(
            lambda sync: {column["name"] for column in inspect(sync).get_columns("users")}
        )
        conditions = " OR ".join(f"{name} IS NOT NULL" for name in sealed if name in columns)
        if not conditions:
            return False
        found = await connection.execute(text(f"SELECT 1 FROM users WHERE {conditions} LIMIT 1"))  # noqa: S608 - our names
        return found.first() is not None


def main() -> None:
    """Start the server, or say in one line why not."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s:     %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        settings = Settings.from_environment()
        asyncio.run(prepare(settings))
    except ConfigurationError as error:
        sys.exit(f"Twofold does not start. {error}")
    except (SQLAlchemyError, OSError) as error:
        sys.exit(f"Twofold does not start. DATABASE_URL: the database cannot be used ({type(error).__name__}).")
    # uvicorn ends in good order and then raises the signal again: being asked to stop is no failure.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    uvicorn.run(
        "app.main:create_app",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        # Forwarding headers are believed from nobody: by default uvicorn believes this machine.
        proxy_headers=False,
        server_header=False,
    )


if __name__ == "__main__":
    main()
