"""The application, put together; and its start."""

import asyncio
import logging.config
import secrets
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from importlib.metadata import version

import uvicorn
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from sqlalchemy import or_, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.types import ASGIApp

from app.database import BACKEND, make_engine, migrate
from app.logs import RequestLog, configuration
from app.models.user import User
from app.routes.auth import auth_routes
from app.routes.health import Readiness, drained, health
from app.routes.pages import add_account_pages, check_form_password, register_form
from app.utils.two_factor_auth import (
    KEY_FILE,
    cookie_sessions,
    current_session,
    is_admin,
    maintain,
    make_look,
    make_store,
    make_two_factor_auth,
    page_session,
    relying_party,
    say_what_starts_sessions,
    token_sessions,
)
from twofold import ConfigurationError, TwoFactorAuth
from twofold.core.sealing import SEALED
from twofold.fastapi import TwoFactor
from twofold.fastapi.admin import two_factor_admin
from twofold.fastapi.errors import install_problem_details
from twofold.fastapi.password_limits import PasswordLimits
from twofold.fastapi.proxies import TrustedProxies
from twofold.prometheus import Latency, Metrics
from twofold.prometheus.folder import shared_folder
from twofold.settings import Settings, make_key_file, share_metrics
from twofold.sqlalchemy.silence import cut_when_silent
from twofold.web import install_error_pages, two_factor_admin_pages, two_factor_pages

MAINTENANCE_SECONDS = 3600  # What is overdue goes within an hour.
FIRST_MAINTENANCE_SECONDS = 300  # At most; workers that start together begin at random moments within.
LAST_BATCH_SECONDS = 5  # How long the end waits for a batch that has begun.
LAST_REQUEST_SECONDS = 15  # How long the end waits for requests; with the two others less than platforms wait.
WORKER_SECONDS = 60  # How long a worker may be silent before it is replaced; on a busy machine it is while it starts.
Pause = Callable[[asyncio.Event, float], Awaitable[None]]
logger = logging.getLogger("app")


async def until(stopping: asyncio.Event, seconds: float) -> None:
    """Wait so long, or until the application stops."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stopping.wait(), seconds)


def create_app(settings: Settings | None = None, *, pause: Pause = until) -> FastAPI:
    """
    The application.

    Args:
        pause: Waits between two runs of maintenance.

    Raises:
        ConfigurationError: A setting is missing or malformed.
    """
    settings = settings or Settings.from_environment()
    engine = make_engine(settings.database_url)
    store = make_store(engine)
    metrics = Metrics(folder=settings.metrics_folder)
    auth = make_two_factor_auth(settings, settings.key_ring(KEY_FILE), store, on_event=metrics)
    metrics.watch_keys(auth)
    limits = PasswordLimits(settings.policy, redis_url=settings.redis_url, clock=auth.clock)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await started(engine)
        cut_when_silent(engine.sync_engine)  # Only now: to bring tables up to date may take long.
        stopping = asyncio.Event()
        maintaining = asyncio.create_task(keep_maintained(app, stopping, pause))
        with drained(app.state.readiness, settings.drain_seconds):
            yield
        stopping.set()
        await asyncio.wait({maintaining}, timeout=LAST_BATCH_SECONDS)
        await metrics.close()
        await limits.close()
        await store.close()
        await engine.dispose()

    # A redirect would be made of the Host header, which the client chooses.
    app = Application(
        title=f"{settings.issuer} accounts",
        description="Sign in with a password and a second factor. Every error is problem details (RFC 9457).",
        version=version("twofold"),
        lifespan=lifespan,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
    )
    two_factor = TwoFactor(auth, current_session=current_session, sessions=token_sessions)
    app.state.settings, app.state.engine, app.state.two_factor = settings, engine, two_factor
    app.state.password_limits, app.state.metrics = limits, metrics
    # On MariaDB it would be two statements more; and on a connection that broke meanwhile, an error that SQLAlchemy
    # does not know for one of the database's, and a connection that nobody gives back.
    by_itself = {} if engine.dialect.name in {"mysql", "mariadb"} else {"isolation_level": "AUTOCOMMIT"}
    app.state.reader = engine.execution_options(**by_itself)
    install_problem_details(app)
    two_factor.install(app, prefix="/api/auth/2fa")
    say_what_starts_sessions(app, two_factor)
    app.include_router(auth_routes(two_factor), prefix="/api/auth")
    app.include_router(
        two_factor_admin(
            two_factor,
            is_admin=is_admin,
            allowed_ips=settings.admin_allowed_ips,
            production=settings.production,
        ),
        prefix="/api/admin/2fa",
    )
    app.include_router(health)
    _add_pages(app, auth, settings)
    app.state.readiness = Readiness(app.state.reader, auth.keys)
    app.add_middleware(Latency, metrics=metrics)
    _add_middleware(app, settings)
    return app


def _add_pages(app: FastAPI, auth: TwoFactorAuth, settings: Settings) -> None:
    """Add the pages, whose sessions are others than those of the JSON routes."""
    router = two_factor_pages(
        TwoFactor(auth, current_session=page_session, sessions=cookie_sessions),
        check_form_password,
        register=None if settings.production else register_form,
        look=make_look(settings),
        public_url=settings.public_url,
    )
    add_account_pages(router)
    two_factor_admin_pages(
        router, is_admin=is_admin, allowed_ips=settings.admin_allowed_ips, production=settings.production
    )
    app.include_router(router)
    install_error_pages(app, router)


class Application(FastAPI):
    """FastAPI, with the log of requests around all else: also around what tells of an unexpected error."""

    def build_middleware_stack(self) -> ASGIApp:
        """Build it once, before the first request."""
        return RequestLog(super().build_middleware_stack())


async def started(engine: AsyncEngine) -> None:
    """
    Bring the tables up to date, and tell in one line why not.

    Raises:
        ConfigurationError: They cannot be.
    """
    try:
        await migrate(engine)
    except ConfigurationError as error:
        # Without what led to it, of which the server would write down every word.
        logger.error("This worker does not start. %s", error)  # noqa: TRY400
        raise error from None


def _add_middleware(app: FastAPI, settings: Settings) -> None:
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["*"],
            allow_headers=["Authorization", "Content-Type", "X-TOTP-Code"],
            expose_headers=["WWW-Authenticate", "Retry-After", "RateLimit-Policy", "RateLimit", "X-Request-ID"],
        )
    if settings.trusted_proxies:
        # Outside of all else: who asks is known before anything is looked at.
        app.add_middleware(TrustedProxies, trusted_proxies=settings.trusted_proxies)


async def keep_maintained(app: FastAPI, stopping: asyncio.Event, pause: Pause) -> None:
    """Run maintenance soon, and then each hour, until the application stops; what fails is tried the next time."""
    await pause(stopping, secrets.SystemRandom().uniform(1, FIRST_MAINTENANCE_SECONDS))
    while not stopping.is_set():
        try:
            await maintain(app, lambda: not stopping.is_set())
        except Exception as error:  # noqa: BLE001 - whatever it is, the application goes on
            # Without a trace: the library and the database's module have told what there is to tell.
            logger.error("Maintenance failed, and will be tried again (%s).", type(error).__name__)  # noqa: TRY400
        await pause(stopping, MAINTENANCE_SECONDS)


async def prepare(settings: Settings) -> None:
    """
    Bring the tables up to date; make a key where there is none, but only for trying things out.

    Raises:
        ConfigurationError: A key is missing, and making one would be wrong.
    """
    makes_key = not settings.encryption_key and settings.may_make_key and not KEY_FILE.exists()
    if not makes_key:
        settings.key_ring(KEY_FILE)
    engine = make_engine(settings.database_url)
    try:
        await migrate(engine)
        if makes_key:
            columns = (getattr(User, purpose.value) for purpose in SEALED)
            sealed = select(User.id).where(or_(*(column.is_not(None) for column in columns))).limit(1)
            async with engine.connect() as connection:
                if (await connection.execute(sealed)).first():
                    raise ConfigurationError("ENCRYPTION_KEY is missing, and values are sealed under it: set it.")
            make_key_file(KEY_FILE)
            logger.warning("ENCRYPTION_KEY is not set: made %s, for trying things out on this machine.", KEY_FILE)
    finally:
        await engine.dispose()


def ensure_it_can_listen(settings: Settings) -> None:
    """
    Try whether there is such a host, and a free port.

    Raises:
        ConfigurationError: There is not.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        socket.create_server((settings.host, settings.port), family=family).close()
    except OSError as error:
        why = str(error.strerror).partition(" (")[0]  # without the address
        raise ConfigurationError(f"HOST, PORT: cannot listen there ({why}). Choose others.") from error


@contextmanager
def counted_together(settings: Settings) -> Iterator[None]:
    """A folder in which several workers count, so that whichever is asked tells of all; it goes with them."""
    if settings.workers == 1:
        yield
        return
    with shared_folder() as folder:
        share_metrics(folder)
        yield


def main() -> None:
    """Start the server, or say in one line why not."""
    try:
        settings = Settings.from_environment()
        logging.config.dictConfig(configuration(settings.log_format))
        ensure_it_can_listen(settings)
        asyncio.run(prepare(settings))
        if settings.counts_alone:
            logger.warning(
                "WEB_CONCURRENCY is %d and REDIS_URL is not set: each worker counts wrong passwords alone, so that so "
                "many times as many are looked at. Set REDIS_URL.",
                settings.workers,
            )
        make_look(settings)
        if relying_party(settings) is None:
            logger.warning(
                "No WebAuthn keys are on offer: PUBLIC_URL is neither https://name.example nor http://localhost. Set "
                "it to the origin of your pages."
            )
    except ConfigurationError as error:
        sys.exit(f"Twofold does not start. {error}")
    except (SQLAlchemyError, OSError) as error:
        where = f"DATABASE_URL and ENCRYPTION_KEY, or a folder {BACKEND / 'var'} that can be written"
        sys.exit(f"Twofold does not start. It needs {where} ({type(error).__name__}).")
    # uvicorn ends in good order and then raises the signal again: being asked to stop is no failure.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    with counted_together(settings):
        serve(settings)


def serve(settings: Settings) -> None:
    """Serve until asked to stop."""
    uvicorn.run(
        "app.main:create_app",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        # By default uvicorn believes this machine; the application believes TRUSTED_PROXIES, and nobody else.
        proxy_headers=False,
        server_header=False,
        log_config=configuration(settings.log_format),
        # Its lines have paths, with what clients put into them, and addresses; so has what it says of WebSockets, of
        # which there are none here.
        access_log=False,
        ws="none",
        timeout_graceful_shutdown=LAST_REQUEST_SECONDS,
        timeout_worker_healthcheck=WORKER_SECONDS,
    )


if __name__ == "__main__":
    main()
