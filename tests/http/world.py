"""The reference backend on one database, with a clock that stands still, and people who use it."""

import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, TypeVar, cast

import pyotp
from fastapi import FastAPI
from httpx2 import Client, Response
from sqlalchemy import Engine, MetaData, create_engine, insert, select, update
from starlette.testclient import TestClient

from app.main import create_app
from app.models.user import ADMIN, PASSWORDS, User, UserSession, hashed
from tests.http.asgi import Asked, Headers, InProcess, ask, ask_side_by_side
from tests.pauses import for_ever
from twofold import TwoFactorAuth
from twofold.core.events import Event
from twofold.core.policy import RECOMMENDED, Policy
from twofold.core.totp import TypedCode
from twofold.fastapi.password_limits import PasswordLimits
from twofold.service.sessions import Proved
from twofold.settings import Settings
from twofold.sqlalchemy import SqlAlchemyStore
from twofold.testing import SecurityKey, StoppedClock
from twofold.testing.clock import NOON

T = TypeVar("T")

PREFIX = "/api/auth/2fa"
PASSWORD = "correct horse battery staple"
PASSWORD_HASH = PASSWORDS.hash(PASSWORD)
STEP = timedelta(seconds=30)
AT_HOME, ELSEWHERE = "192.0.2.0/24", "198.51.100.9"
"""From where admins are let in, and an address that is not there."""
ORIGIN = "https://accounts.example.com"
"""Of the pages that people use."""


@dataclass(frozen=True)
class Place:
    """One database, and the ways to reach it."""

    kind: str
    sync_url: str = field(repr=False)
    async_url: str = field(repr=False)

    def engine(self) -> Engine:
        """Looks in from outside, and always at what is committed."""
        return create_engine(self.sync_url, isolation_level="AUTOCOMMIT", hide_parameters=True)


def dump(engine: Engine) -> dict[str, list[dict[str, Any]]]:
    """Every table with every column, as the database itself names them."""
    metadata = MetaData()
    with engine.connect() as connection:
        metadata.reflect(connection)
        return {
            table.name: [dict(row._mapping) for row in connection.execute(select(table))]
            for table in metadata.sorted_tables
        }


class World:
    """
    The reference backend, running.

    Args:
        client: Talks to it.
        engine: Looks into its database from outside.
        call: Calls an asynchronous function on its event loop.
    """

    def __init__(self, app: FastAPI, client: Client, engine: Engine, call: Callable[..., Any]) -> None:
        self.app = app
        self.client = client
        self.engine = engine
        self._call = call
        self.clock = StoppedClock()
        self.events: list[Event] = []
        self.auth: TwoFactorAuth = app.state.two_factor.auth
        self.auth.clock = self.clock
        self.auth.on_event = self.events.append

    def begin(self) -> None:
        """A new test: noon again, and nothing has happened."""
        self.clock.moment = NOON
        self.events.clear()
        self.forget_wrong_passwords()

    def forget_wrong_passwords(self, **numbers: Any) -> None:
        """Nobody has typed one yet; and from now on these numbers of the policy are others."""
        self.app.state.password_limits = PasswordLimits(replace(self.auth.policy, **numbers), clock=self.clock)

    def use(self, use_case: Callable[[TwoFactorAuth], T]) -> T:
        """One use case past HTTP."""
        result: T = self._call(self.auth.run, use_case)
        return result

    def disconnect(self) -> None:
        """Close every connection that is not in use."""
        self.engine.dispose()
        self._call(self.app.state.engine.dispose)
        self._call(cast("SqlAlchemyStore", self.auth.store).close)

    def execute(self, statement: Any) -> Any:
        with self.engine.connect() as connection:
            result = connection.execute(statement)
            return result.all() if result.returns_rows else result.rowcount

    def dump(self) -> dict[str, list[dict[str, Any]]]:
        return dump(self.engine)

    def request(self, method: str, path: str, **options: Any) -> Response:
        return self.client.request(method, path, **options)

    def post(self, path: str, **options: Any) -> Response:
        return self.client.post(path, **options)

    def get(self, path: str, **options: Any) -> Response:
        return self.client.get(path, **options)

    def ask(self, path: str, headers: Headers, **others: Any) -> Response:
        """One request whose every byte is chosen."""
        answer: Response = self._call(ask, self.app, Asked(path, headers, **others))
        return answer

    def ask_side_by_side(self, asked: Iterable[Asked]) -> list[Response]:
        answers: list[Response] = self._call(ask_side_by_side, self.app, asked)
        return answers

    def stranger(self) -> str:
        """An address that nobody has."""
        return f"{secrets.token_hex(6)}@example.com"

    def registered(self) -> "Person":
        """Somebody with a password, not signed in."""
        person = Person(self, self.stranger())
        self.execute(insert(User).values(email=person.email, hashed_password=PASSWORD_HASH))
        [(person.id,)] = self.execute(select(User.id).filter_by(email=person.email))
        return person

    def signed_in(self) -> "Person":
        """Somebody in a session by password alone."""
        person = self.registered()
        person.token = person.session()
        return person

    def enrolled(self) -> "Person":
        """Somebody whose authenticator app was set up a moment ago, in the session that followed."""
        person = self.registered()
        proved = person.enroll()
        person.token = person.session(proved)
        return person

    def admin(self) -> "Person":
        """Somebody who may administer, and has proved a second factor a moment ago."""
        person = self.enrolled()
        person.set(role=ADMIN)
        return person


class Person:
    """
    Somebody with an account, perhaps with a session and a phone.

    Attributes:
        token: The access token of the session.
        secret: What the authenticator app knows, as base32.
        backup_codes: The sheet of paper.
    """

    def __init__(self, world: World, email: str) -> None:
        self.world = world
        self.email = email
        self.id = 0
        self.token = ""
        self.secret = ""
        self.backup_codes: tuple[str, ...] = ()

    @property
    def password(self) -> dict[str, str]:
        """What a sign-in begins with."""
        return {"email": self.email, "password": PASSWORD}

    @property
    def bearer(self) -> dict[str, str]:
        """What names the session."""
        return {"Authorization": f"Bearer {self.token}"}

    def enroll(self) -> Proved:
        """Set an authenticator app up with the code before the present one, which so stays unused."""
        begun = self.world.use(lambda auth: auth.totp.set_up(self.id))
        self.secret = begun.secret.base32
        first = TypedCode(self.code(-1))
        confirmed = self.world.use(lambda auth: auth.totp.confirm(self.id, first))
        self.backup_codes = confirmed.backup_codes or ()
        self.world.use(lambda auth: auth.sessions.paid(self.id, confirmed.proved.debt))
        return confirmed.proved

    def session(self, proved: Proved | None = None) -> str:
        """A new session of the backend, without its password check."""
        token, now, life = secrets.token_urlsafe(32), self.world.clock.now(), self.world.auth.policy.session_life
        row = {"user_id": self.id, "created_at": now, "last_seen_at": now, "expires_at": now + life}
        self.world.execute(insert(UserSession).values(token_hash=hashed(token), **row))
        if proved is not None:
            self.world.use(lambda auth: auth.sessions.started(proved, hashed(token)))
        return token

    def key(self, **kind: Any) -> SecurityKey:
        """A security key that is registered in this session, which begins anew."""
        key = SecurityKey(ORIGIN, **kind)
        options = self.post("/webauthn/register/options").json()
        registered = self.post("/webauthn/register", {"credential": key.create(options)})
        assert registered.status_code == 201, registered.text
        self.token = registered.json()["access_token"]
        self.backup_codes = tuple(registered.json()["backup_codes"] or self.backup_codes)
        return key

    def touched(self, key: SecurityKey, sign_in_token: str = "", **changes: Any) -> dict[str, Any]:
        """The answer of a key to options that are asked for now: in this session, or for a pending sign-in."""
        body = {"sign_in_token": sign_in_token} if sign_in_token else {}
        options = self.post("/webauthn/authenticate/options", body)
        assert options.status_code == 200, options.text
        return key.get(options.json(), **changes)

    def sign_in_token(self) -> str:
        """The handle of a pending sign-in: the password was right."""
        pending: Any = self.world.use(lambda auth: auth.sign_in.begin(self.id))
        return str(pending.sign_in_token)

    def code(self, steps: int = 0) -> str:
        """What the phone shows now, or so many time steps later."""
        return str(pyotp.TOTP(self.secret).at(self.world.clock.now() + steps * STEP))

    def next_code(self) -> str:
        """What the phone shows after a new code has appeared."""
        self.world.clock.moment += STEP
        return self.code()

    def wrong_code(self) -> str:
        """Six digits that the phone shows at no time near the present."""
        near = {self.code(steps) for steps in range(-3, 4)}
        return next(code for number in range(10) if (code := f"{number}" * 6) not in near)

    def post(self, path: str, json: Any = None, *, code: str | None = None, **options: Any) -> Response:
        """POST under the library's prefix, in this session; *code* goes into `X-TOTP-Code`."""
        return self.world.post(PREFIX + path, json={} if json is None else json, headers=self._headers(code), **options)

    def get(self, path: str, *, code: str | None = None) -> Response:
        """GET under the library's prefix, in this session."""
        return self.world.get(PREFIX + path, headers=self._headers(code))

    def _headers(self, code: str | None) -> dict[str, str]:
        return self.bearer if code is None else self.bearer | {"X-TOTP-Code": code}

    def row(self) -> dict[str, Any]:
        """The row of this user, column by column."""
        [row] = self.world.execute(select(User.__table__).filter_by(id=self.id))
        return dict(row._mapping)

    def set(self, **values: Any) -> None:
        """Write into the row of this user, past everything."""
        if values:
            self.world.execute(update(User).filter_by(id=self.id).values(**values))

    def kept(self) -> dict[str, list[dict[str, Any]]]:
        """Everything that the database keeps about this user, row by row."""
        return {
            table.name: [
                dict(row._mapping)
                for row in self.world.execute(
                    select(table)
                    .where((table.c.id if table is User.__table__ else table.c.user_id) == self.id)
                    .order_by(*table.primary_key)
                )
            ]
            for table in User.metadata.sorted_tables
        }


def settings_for(place: Place, key: str, *, policy: Policy = RECOMMENDED, **others: Any) -> Settings:
    at_home = {"admin_allowed_ips": (AT_HOME,), "public_url": ORIGIN} | others
    return Settings(database_url=place.async_url, encryption_key=(key,), policy=policy, **at_home)


@contextmanager
def in_process(place: Place, settings: Settings) -> Iterator[World]:
    """The backend without a server in between."""
    app, engine = create_app(settings, pause=for_ever), place.engine()
    try:
        with TestClient(app) as started:
            assert started.portal is not None
            transport = InProcess(app, started.portal.call)
            with Client(transport=transport, base_url="http://testserver") as client:
                yield World(app, client, engine, started.portal.call)
    finally:
        engine.dispose()
