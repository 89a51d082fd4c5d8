"""fastapi-users: every way to a token goes through the one strategy that asks for the second factor."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Annotated, Any

import jwt
import pytest
from fastapi import Depends
from fastapi_users import FastAPIUsers
from fastapi_users.authentication import AuthenticationBackend, BearerTransport, CookieTransport
from fastapi_users.authentication.transport import Transport
from sqlalchemy import func, select, update
from starlette.requests import Request

from tests.hosts.running import KINDS, PASSWORD, Browser, Host, Person, cookie, cookie_in
from tests.hosts.test_story import told
from twofold import PCI_DSS, ConfigurationError, TwoFactorAuth
from twofold.errors import SignInFailed
from twofold.fastapi.sessions import cannot_end_sessions, tokens_expire
from twofold.fastapi_users import guarded, two_factor_for

COOKIES = replace(KINDS["c"], carries=cookie, carried=cookie_in)


@pytest.fixture(scope="module")
def letter() -> str:
    return "c"


@pytest.fixture(scope="module")
def database() -> str:
    return "sqlite"


@pytest.fixture(scope="module")
def callback(running_host: Host) -> str:
    """
    The path of a route that signs people in as fastapi-users' OAuth callback does.

    Whoever came from the other side stands in the query; then it is `backend.login(strategy, user)`, as there.
    """
    module = running_host.module

    @running_host.app.post("/callback")
    async def callback(
        account: str,
        manager: Annotated[Any, Depends(module.get_user_manager)],
        strategy: Annotated[Any, Depends(module.backend.get_strategy)],
    ) -> Any:
        return await module.backend.login(strategy, await manager.get_by_email(account))

    return "/callback"


def tokens_of(person: Person) -> int:
    """How many tokens the application has written for somebody."""
    rows = person.host.metadata.tables["accesstoken"]
    number: int = person.host.execute(select(func.count()).where(rows.c.user_id == person.id))[0][0]
    return number


def test_registering(host: Host):
    """
    fastapi-users' own register and login routes work as before for who has no second factor.
    """
    browser = Browser(host)

    registered = browser.post("/auth/register", json={"email": "new@example.com", "password": PASSWORD})
    answer = browser.post("/auth/login", data={"username": "new@example.com", "password": PASSWORD})

    assert registered.status_code == 201
    assert answer.json() == {"access_token": answer.json()["access_token"], "token_type": "bearer"}
    assert browser.get("/me").json() == "new@example.com"


def test_signing_out(host: Host, ann: Person):
    """
    fastapi-users' own logout ends a session that the second factor began, and no other.
    """
    browser, other = ann.enrolled().strong_browser(), ann.strong_browser()

    answer = browser.post("/auth/logout")

    assert answer.status_code == 204
    assert not browser.is_signed_in()
    assert other.pays_out()


def test_who_comes_from_elsewhere(host: Host, ann: Person, callback: str):
    """
    A sign-in by another site's word writes a token for who has no second factor.
    """
    browser = Browser(host)

    answer = browser.post(callback, params={"account": ann.account})

    assert answer.status_code == 200
    assert browser.is_signed_in()


def test_who_comes_from_elsewhere_with_a_second_factor(host: Host, ann: Person, callback: str):
    """
    A sign-in by another site's word writes no token for who has a second factor; it is finished as any other.
    """
    ann.enrolled()
    before, browser = tokens_of(ann), Browser(host)

    answer = browser.post(callback, params={"account": ann.account})
    written = tokens_of(ann) - before
    finished = browser.finish(answer.json()["sign_in_token"], code=ann.phone.code())

    assert answer.status_code == 200
    assert answer.json()["status"] == "second_factor_required"
    assert answer.headers["cache-control"] == "no-store"
    assert written == 0
    assert (finished.status_code, tokens_of(ann) - before) == (200, 1)
    assert browser.pays_out()


def test_who_was_made_inactive_in_between(host: Host, ann: Person):
    """
    Who is made inactive after the password is refused at the second step, and gets no token.
    """
    token, before = ann.enrolled().sign_in_token(), tokens_of(ann)
    users = host.metadata.tables["user"]
    host.execute(update(users).where(users.c.id == ann.id).values(is_active=False))

    answer = Browser(host).finish(token, code=ann.phone.code())

    assert told(answer) == (401, "sign-in-failed")
    assert tokens_of(ann) == before


def test_cookies(variant: Callable[..., Host]):
    """
    With its cookie transport the cookie comes with every answer that starts a session, and with no other.
    """
    host = variant(
        "c",
        {
            'BearerTransport(tokenUrl="auth/login")': 'CookieTransport(cookie_name="session")',
            "import AuthenticationBackend, BearerTransport": "import AuthenticationBackend, CookieTransport",
        },
        kind=COOKIES,
    )
    ann = host.somebody()
    first = ann.browser()
    before = Browser(host, first.session)

    ann.enroll(first)
    browser = Browser(host)
    pending = browser.sign_in(ann)
    half = browser.session
    signed_in = browser.finish(pending.json()["sign_in_token"], code=ann.phone.code())
    in_one_go = Browser(host)
    answer = in_one_go.sign_in(ann, code=ann.phone.code())

    assert not before.is_signed_in()
    assert first.pays_out()
    assert half == {}
    assert (signed_in.status_code, signed_in.json()["aal"]) == (200, 2)
    assert "access_token" not in signed_in.json()
    assert signed_in.headers["set-cookie"].endswith("HttpOnly; Path=/; SameSite=lax; Secure")
    assert browser.pays_out()
    assert (answer.status_code, in_one_go.pays_out()) == (204, True)


OWN_STRATEGY = """
from fastapi_users.authentication import JWTStrategy
from fastapi_users.jwt import generate_jwt
from twofold.fastapi.sessions import tokens_expire


class OwnStrategy(JWTStrategy):
    async def write_token(self, user):
        claims = {"sub": str(user.id), "aud": self.token_audience, "jti": uuid.uuid4().hex, "role": "teller"}
        return generate_jwt(claims, self.encode_key, self.lifetime_seconds)
"""


@pytest.mark.parametrize("strategy", ["JWTStrategy", "OwnStrategy"])
def test_tokens_that_cannot_be_ended(variant: Callable[..., Host], strategy: str):
    """
    With its JWT strategy a token of before goes on until it expires, as the host has said; but it has proved nothing,
    though it be written within the same second. A strategy of the host's own writes its own claims.
    """
    host = variant(
        "c",
        {
            "import DatabaseStrategy\n": "import DatabaseStrategy\n" + OWN_STRATEGY,
            "guarded(auth, get_strategy)": f"guarded(auth, lambda: {strategy}('s' * 32, 900))",
            "end_all=end_all": "end_all=tokens_expire(minutes=15)",
        },
    )
    ann = host.somebody()
    browser, other = ann.browser(), ann.browser()

    ann.enroll(browser)
    token = browser.session["Authorization"].removeprefix("Bearer ")
    claims = jwt.decode(token, options={"verify_signature": False})

    assert browser.pays_out()
    assert other.is_signed_in()
    assert told(other.post("/payouts")) == (401, "step-up-required")
    assert claims.get("role") == {"JWTStrategy": None, "OwnStrategy": "teller"}[strategy]


def test_an_end_that_only_looks_synchronous(variant: Callable[..., Host]):
    """
    A lambda around an asynchronous `end_all` is awaited: the sessions do end.
    """
    host = variant("c", {"end_all=end_all": "end_all=lambda user_id: end_all(user_id)"})
    ann = host.somebody()
    browser, other = ann.browser(), ann.browser()

    ann.enroll(browser)

    assert browser.pays_out()
    assert not other.is_signed_in()


def test_a_guarded_backend_alone(host: Host, ann: Person):
    """
    A guarded backend that nobody has completed writes no token at all, and says what is missing.
    """
    get_strategy: Any = guarded(host.auth, host.module.get_strategy)
    strategy = get_strategy(Request({"type": "http", "headers": []}), None)

    with pytest.raises(
        ConfigurationError, match=r"guarded\(...\) has no two_factor_for\(auth, users, backend, end_all="
    ):
        host.call(strategy.write_token, ann)


@dataclass
class Parts:
    """What an application with fastapi-users has before it has a second factor."""

    module: ModuleType
    auth: TwoFactorAuth

    def backend(self, name: str, *, is_guarded: bool = True, transport: Transport | None = None) -> Any:
        own = self.module.get_strategy
        bearer = transport or BearerTransport(tokenUrl="login")
        return AuthenticationBackend(name, bearer, guarded(self.auth, own) if is_guarded else own)

    def put_together(
        self, backend: Any, *others: Any, auth: TwoFactorAuth | None = None, end_all: Any = print
    ) -> object:
        users = FastAPIUsers[Any, Any](self.module.get_user_manager, [backend, *others])
        return two_factor_for(auth or self.auth, users, backend, end_all=end_all)


@pytest.fixture
def parts(host: Host) -> Parts:
    return Parts(host.module, host.auth)


def test_a_backend_that_is_not_guarded(parts: Parts):
    """
    A backend that would write tokens for a password alone stops the application, and so does such a one beside it.
    """
    ours, other = parts.backend("db"), parts.backend("other", is_guarded=False)

    for backends in ([other], [ours, other]):
        with pytest.raises(
            ConfigurationError, match=r"The backend other .* Write AuthenticationBackend\(..., guarded\("
        ):
            parts.put_together(*backends)


def test_two_backends(parts: Parts):
    """
    Several backends may stand side by side, each guarded.
    """
    bearer, cookies = parts.backend("bearer"), parts.backend("cookies", transport=CookieTransport())

    assert parts.put_together(bearer, cookies)
    assert parts.put_together(cookies, bearer)


def test_the_use_cases_of_another(parts: Parts):
    """
    The strategy and the routes must count and lock in one place.
    """
    other = TwoFactorAuth(issuer="Other", keys=parts.auth.keys, store=parts.auth.store)

    with pytest.raises(ConfigurationError, match="The backend db is guarded by another TwoFactorAuth"):
        parts.put_together(parts.backend("db"), auth=other)


def test_a_transport_of_the_applications_own(parts: Parts):
    """
    A transport that is neither bearer nor cookie stops the application: nobody knows how its sessions start.
    """

    class Own(BearerTransport):
        pass

    class Strange:
        scheme = BearerTransport(tokenUrl="login").scheme

    strange: Any = Strange()

    assert parts.put_together(parts.backend("own", transport=Own(tokenUrl="login")))
    with pytest.raises(ConfigurationError, match="The transport of the backend strange is neither bearer nor cookie"):
        parts.put_together(parts.backend("strange", transport=strange))


@pytest.mark.parametrize("end_all", [cannot_end_sessions, tokens_expire(minutes=15)], ids=lambda value: value.said)
def test_sessions_that_must_end(parts: Parts, end_all: Any):
    """
    A profile that asks for sessions that end refuses an `end_all` that ends none.
    """
    strict = TwoFactorAuth(issuer="Acme", keys=parts.auth.keys, store=parts.auth.store, policy=PCI_DSS)

    with pytest.raises(ConfigurationError, match=f"{re.escape(end_all.said)}, and the profile pci_dss asks for"):
        replace(parts, auth=strict).put_together(replace(parts, auth=strict).backend("db"), end_all=end_all)


def test_a_locked_user_is_a_wrong_password(variant: Callable[..., Host]):
    """
    Where everything has one count, the right password of a user who waits is told what fastapi-users tells of a wrong
    one, and no token is written.
    """
    edits = {
        "from twofold import TwoFactorAuth": "from twofold import PCI_DSS, TwoFactorAuth",
        "store=SqlAlchemyStore(engine, User))": "store=SqlAlchemyStore(engine, User), policy=PCI_DSS)",
    }
    host = variant("c", edits)
    ann, browser = host.somebody(), Browser(host)
    for _ in range(10):
        with pytest.raises(SignInFailed):
            host.use(lambda auth: auth.sign_in.password_checked(ann.id, right=False))

    locked, wrong = browser.sign_in(ann), browser.sign_in(ann, password="wrong horse")

    assert (locked.status_code, locked.json()) == (wrong.status_code, wrong.json())
    assert locked.json() == {"detail": "LOGIN_BAD_CREDENTIALS"}
    assert tokens_of(ann) == 0
