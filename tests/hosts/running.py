"""The hosts in `examples/`, each file as it stands, on a database of its own; and the people who use them."""

import importlib.util
import itertools
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from types import ModuleType
from typing import Any, Self, TypeVar
from uuid import uuid4

import pytest
from fastapi import FastAPI
from httpx2 import Response
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import Engine, MetaData, create_engine, insert, select
from sqlmodel import SQLModel
from starlette.testclient import TestClient

from twofold import TwoFactorAuth
from twofold.core.totp import TypedCode
from twofold.fastapi import TwoFactor
from twofold.testing import Phone, StoppedClock, enroll
from twofold.testing.clock import NOON

T = TypeVar("T")
Headers = dict[str, str]

EXAMPLES = Path(__file__).parents[2] / "examples"
PREFIX = "/api/auth/2fa"
PASSWORD = "correct horse battery staple"
# As right as any other, and hashed a thousand times as fast.
PASSWORD_HASH = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),)).hash(PASSWORD)

# A session is a header of the browser that is in it, cookie or not; the client keeps none.
NO_COOKIES = DefaultCookiePolicy(allowed_domains=[])

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Place:
    """One database, and the ways to reach it."""

    kind: str
    sync_url: str = field(repr=False)
    async_url: str = field(repr=False)


def bearer(token: str) -> Headers:
    return {"Authorization": f"Bearer {token}"}


def bearer_in(answer: Response) -> str | None:
    found = answer.json() if answer.content else None
    return found.get("access_token") if isinstance(found, dict) else None


def cookie(token: str) -> Headers:
    return {"Cookie": f"session={token}"}


def cookie_in(answer: Response) -> str | None:
    return answer.cookies.get("session")


def form(account: str, password: str) -> dict[str, Any]:
    return {"data": {"username": account, "password": password}}


@dataclass(frozen=True)
class Kind:
    """
    How one of the examples is talked to.

    Args:
        file: Its name.
        sign_in: The path of its password route.
        credentials: What that route takes, as options of a request.
        refused: What it answers to a wrong password.
        account: The column of its users that names them.
        carries: The headers that carry a session.
        carried: What an answer gives to carry.
    """

    file: str
    sign_in: str
    credentials: Callable[[str, str], dict[str, Any]] = form
    refused: int = 401
    account: str = "email"
    carries: Callable[[str], Headers] = bearer
    carried: Callable[[Response], str | None] = bearer_in
    asynchronous: bool = False


KINDS = {
    "a": Kind("tutorial_jwt.py", "/token"),
    "b": Kind(
        "cookie_sessions.py",
        "/login",
        lambda account, password: {"json": {"email": account, "password": password}},
        carries=cookie,
        carried=cookie_in,
        asynchronous=True,
    ),
    "c": Kind("with_fastapi_users.py", "/auth/login", refused=400, asynchronous=True),
    "d": Kind(
        "sqlmodel_side_table.py",
        "/login",
        lambda account, password: {"json": {"username": account, "password": password}},
        account="username",
    ),
}
"""The four hosts, under the letters that their captions give them."""


class Host:
    """
    One of the examples, running.

    Args:
        module: The file, as it was imported for this database.
        engine: Looks into its database from outside.
    """

    def __init__(self, kind: Kind, module: ModuleType, client: TestClient, engine: Engine) -> None:
        self.kind = kind
        self.module = module
        self.client = client
        self.engine = engine
        self.app: FastAPI = module.app
        self.two_factor: TwoFactor[Any] = module.two_factor
        self.auth: TwoFactorAuth = module.auth
        self.clock = StoppedClock()
        self.auth.clock = self.clock
        self.metadata: MetaData = module.User.metadata
        self._users = module.User.__table__

    def begin(self) -> None:
        """A new test: noon again."""
        self.clock.moment = NOON

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call an asynchronous function on the event loop of the host."""
        assert self.client.portal is not None
        return self.client.portal.call(function, *arguments)

    def use(self, use_case: Callable[[TwoFactorAuth], T]) -> T:
        """One use case past HTTP."""
        result: T = self.call(self.auth.run, use_case)
        return result

    def execute(self, statement: Any) -> Any:
        with self.engine.connect() as connection:
            result = connection.execute(statement)
            return result.all() if result.returns_rows else result.rowcount

    def somebody(self) -> "Person":
        """Somebody with a password, who has not signed in."""
        account = f"{secrets.token_hex(6)}@example.com"
        values: dict[str, Any] = {self.kind.account: account, "hashed_password": PASSWORD_HASH}
        if self.kind is KINDS["d"]:
            values["id"] = uuid4()  # SQLModel makes ids, and its tables do not.
        self.execute(insert(self._users).values(values))
        [(user_id,)] = self.execute(select(self._users.c.id).where(self._users.c[self.kind.account] == account))
        return Person(self, user_id, account)

    def routes(self) -> list[tuple[str, str]]:
        """Every route of ours under the prefix, as method and path."""
        paths = self.app.openapi()["paths"]
        return [(method.upper(), path) for path in paths if path.startswith(PREFIX) for method in paths[path]]


class Browser:
    """A client of a host, in one session at most: in the one that an answer brought last."""

    def __init__(self, host: Host, session: Headers | None = None) -> None:
        self.host = host
        self.session = session or {}

    def request(self, method: str, path: str, *, code: str | None = None, **options: Any) -> Response:
        """One request; *code* goes into `X-TOTP-Code`."""
        headers = self.session | ({} if code is None else {"X-TOTP-Code": code})
        answer = self.host.client.request(method, path, headers=headers, **options)
        self.session = self._session_in(answer) or self.session
        return answer

    def _session_in(self, answer: Response) -> Headers:
        carried = self.host.kind.carried(answer) if answer.is_success else None
        return self.host.kind.carries(carried) if carried else {}

    def get(self, path: str, **options: Any) -> Response:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> Response:
        return self.request("POST", path, **options)

    def twofold(self, path: str, **body: Any) -> Response:
        """POST to a route of ours."""
        return self.post(PREFIX + path, json=body)

    def sign_in(self, person: "Person", *, password: str = PASSWORD, code: str | None = None) -> Response:
        """The password, with a code beside it or not."""
        kind = self.host.kind
        return self.post(kind.sign_in, code=code, **kind.credentials(person.account, password))

    def finish(self, sign_in_token: str, **proof: str) -> Response:
        """The second factor."""
        return self.post(f"{self.host.kind.sign_in}/second-factor", json={"sign_in_token": sign_in_token, **proof})

    def is_signed_in(self) -> bool:
        """Whether the session opens the application, as far as a password does."""
        return self.get("/me").status_code == 200

    def pays_out(self) -> bool:
        """Whether the session opens what asks for a second factor."""
        return self.post("/payouts").status_code == 200


@dataclass
class Person:
    """Somebody with an account, and with a phone once it is enrolled."""

    host: Host
    id: Any
    account: str
    phone: Phone = field(init=False, repr=False)

    def browser(self) -> Browser:
        """A browser in which the password was typed; that is a session where there is no second factor."""
        browser = Browser(self.host)
        assert browser.sign_in(self).is_success
        return browser

    def enrolled(self) -> Self:
        """With a phone, whose first code was shown a step ago; past HTTP, and no session is there."""
        begun = self.host.use(lambda auth: auth.totp.set_up(self.id))
        self.phone = Phone(begun.secret, self.host.clock)
        first = TypedCode(self.phone.code())
        confirmed = self.host.use(lambda auth: auth.totp.confirm(self.id, first))
        self.host.use(lambda auth: auth.sessions.paid(self.id, confirmed.proved.debt))
        self.phone.backup_codes = list(confirmed.backup_codes or ())
        self.host.clock.forward(seconds=30)
        return self

    def enroll(self, browser: Browser) -> Any:
        """Set the phone up in this browser; the answer of `/verify`."""
        self.phone, verified = enroll(browser, clock=self.host.clock)
        return verified

    def sign_in_token(self) -> str:
        """The password was right, and the second factor is to come; past HTTP, since a password is costly to check."""
        pending: Any = self.host.use(lambda auth: auth.sign_in.begin(self.id))
        return str(pending.sign_in_token)

    def strong_browser(self) -> Browser:
        """A browser in which both were typed."""
        browser = Browser(self.host)
        assert browser.finish(self.sign_in_token(), code=self.phone.code()).status_code == 200
        return browser


def edited(file: str, edits: Mapping[str, str], folder: Path, name: str | None = None) -> Path:
    """An example in which its author did a few things otherwise, under its name or another."""
    text = (EXAMPLES / file).read_text()
    for before, after in edits.items():
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    path = folder / (name or file)
    path.write_text(text)
    return path


def load(path: Path, environment: Mapping[str, str]) -> ModuleType:
    """Import a host as it stands, once more, in this environment."""
    name = f"{path.stem}_{next(_numbers)}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in environment.items():
            patch.setenv(variable, value)
        # Where annotations are looked up while the classes are made.
        patch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
    return module


def environment(url: str, key: str) -> dict[str, str]:
    """What the examples are told."""
    return {"DATABASE_URL": url, "ENCRYPTION_KEY": key, "JWT_SECRET": "j" * 32, "USERS_SECRET": "u" * 32}


@contextmanager
def running(kind: Kind, place: Place, key: str, path: Path | None = None) -> Iterator[Host]:
    """
    One of the examples on this database, as a server runs it: all requests on one event loop.

    Args:
        path: The file in its place, where that is another.
    """
    SQLModel.metadata.clear()  # One for the whole process: the tables of a host that has ended stand in it.
    url = place.async_url if kind.asynchronous else place.sync_url
    module = load(path or EXAMPLES / kind.file, environment(url, key))
    engine = create_engine(place.sync_url, isolation_level="AUTOCOMMIT")
    module.User.metadata.create_all(engine)
    with TestClient(module.app, base_url="https://testserver") as client:
        client.cookies.jar.set_policy(NO_COOKIES)
        host = Host(kind, module, client, engine)
        yield host
        host.call(module.auth.store.close)
        if kind.asynchronous:
            host.call(module.engine.dispose)
        else:
            module.engine.dispose()
    engine.dispose()
