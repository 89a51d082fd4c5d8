"""
Pages: CPU of a page as it is served, against the same template rendered bare.

Served is what a page costs beyond a route that answers with nothing: its language is chosen, the shared variables are
put together, the links are made, the template is rendered, and its bytes leave with all headers. So one request goes
into the reference backend, in this process and without a network or a database, and one to a route of the same kind
with an empty answer; the second is taken from the first. Bare is `template.render` of the very same variables, whose
links are ready strings. What is shown is made up, and the same on both sides. The figure is that of the page that does
worst; beside it stands what the empty answer costs, routing and logging.
"""

import asyncio
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
from types import SimpleNamespace
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Response
from starlette.types import Message

from app.main import create_app
from app.routes.pages import check_form_password, register_form
from app.utils.two_factor_auth import cookie_sessions, page_session
from benchmarks.measure import Figure, against_each_other
from twofold.core.qr_code import qr_code_data_uri
from twofold.core.sealing import KEY_BYTES
from twofold.fastapi import TwoFactor
from twofold.service.enrollment import Status
from twofold.settings import Settings
from twofold.web import ListedSession, two_factor_pages
from twofold.web.page_routes import PagesRouter
from twofold.web.proving import Proving
from twofold.web.rendering import Page
from twofold.web.routes.events import ShownEvent
from twofold.web.routes.sessions import ShownSession
from twofold.web.routes.webauthn import name_field

ROUNDS = 5
REQUESTS = 100
WARM_UP = 20
TARGET = 3.0
NOTHING = "nothing"
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
URI = "otpauth://totp/Twofold:ann%40example.com?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Twofold"
PROVING = Proving(
    action="/login/second-factor?use=totp",
    methods=("totp", "webauthn", "backup_code"),
    shown="totp",
    links={name: f"/login/second-factor?use={name}" for name in ("totp", "webauthn", "backup_code")},
    locked_for=0,
    digits=6,
)
KEYS = [
    SimpleNamespace(id=f"{n}", name=f"Key {n}", created_at=NOON, last_used_at=NOON, backup_eligible=True)
    for n in range(3)
]
EVENTS = [
    ShownEvent("You signed in with your authenticator app.", NOON - timedelta(hours=n), "192.0.2.1", n % 5 == 0, None)
    for n in range(50)
]
SESSIONS = [
    ShownSession(ListedSession(f"{n}", n == 0, "Mozilla/5.0", NOON, NOON, NOON), "Chrome on Linux") for n in range(4)
]
CODES = [f"{n:04d}-AAAA-BBBB-CCCC-DDDD-EEEE" for n in range(10)]
PAGES: dict[str, dict[str, Any]] = {
    "sign_in/password.html": {
        "email": "",
        "action": "/login",
        "register_url": "/register",
        "no_cookies": False,
        "account": None,
    },
    "sign_in/second_factor.html": {"proving": PROVING, "start_again_url": "/login", "account": None},
    "enrollment/security.html": {
        "status": Status(
            enabled=True,
            pending=False,
            methods=("totp", "webauthn"),
            backup_codes_remaining=8,
            enabled_at=NOON,
            last_used_at=NOON,
            locked_until=None,
            app_switched_off=False,
        ),
        "keys": KEYS,
        "activity": EVENTS[:5],
    },
    "totp/set_up.html": {
        "qr_code": qr_code_data_uri(URI),
        "secret": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
        "otpauth_uri": URI,
        "issuer": "Twofold",
        "expires_at": NOON,
        "replacing": False,
        "digits": 6,
    },
    "backup_codes/show.html": {
        "codes": CODES,
        "text": "\n".join(CODES),
        "file_url": "data:text/plain;base64,QUFBQQ==",
        "first": True,
        "made_at": NOON,
        "next_url": "/security",
    },
    "webauthn/keys.html": {
        "keys": KEYS,
        "suggested": "Key 4",
        "at_most": 10,
        "fields": [*(name_field(key.id) for key in KEYS), "name"],
        "name_field": name_field,
        "new_names": {},
    },
    "sessions/list.html": {"sessions": SESSIONS, "number": len(SESSIONS)},
    "events/list.html": {"events": EVENTS, "next_url": "/security/activity?cursor=1", "first_page": True},
    "error.html": {"status": 404, "title": "There is no such page", "text": "Go on.", "actions": [("Start", "/")]},
}
"""Each with what a route of ours would hand to it, beside what all of them share."""

HEADERS = [
    (b"host", b"localhost:8000"),
    (b"accept", b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    (b"accept-language", b"en-US,en;q=0.9"),
    (b"cookie", b"__Host-session=0000000000000000000000000000000000000000000"),
    (b"sec-fetch-site", b"same-origin"),
    (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0"),
]


def run() -> Figure:
    """Measure, page by page, the two in turn."""
    with asyncio.Runner() as runner:
        served = Served(runner.run)
        nothing = served.page(NOTHING)
        ratios, notes = {}, []
        for name in PAGES:
            bare = bare_render(served, name)
            page = served.page(name)
            for one in (page, nothing, bare):
                one(WARM_UP)
            ratios[name], ours, theirs = against_each_other(
                ROUNDS, partial(beyond, page, nothing), partial(bare, REQUESTS)
            )
            notes.append(f"{name} {1e3 * ours:.2f} against {1e3 * theirs:.2f} ms")
        notes.append(f"an empty answer {1e3 * nothing(REQUESTS):.2f} ms")
    worst = max(ratios.values(), key=lambda values: sorted(values)[ROUNDS // 2])
    return Figure("pages", "a page, CPU against its bare template", worst, TARGET, notes="; ".join(notes))


def beyond(page: Callable[[int], float], nothing: Callable[[int], float]) -> float:
    """CPU seconds of a page beyond those of an empty answer."""
    return page(REQUESTS) - nothing(REQUESTS)


class Served:
    """The reference backend, with a route for each page that hands it what is made up."""

    def __init__(self, wait_for: Callable[[Coroutine[Any, Any, None]], None]) -> None:
        key = urlsafe_b64encode(bytes(range(KEY_BYTES))).decode()
        self.app: FastAPI = create_app(
            Settings(database_url="sqlite+aiosqlite://", encryption_key=(key,), public_url="http://localhost:8000")
        )
        self.contexts: dict[str, dict[str, Any]] = {}
        self.pages = two_factor_pages(
            TwoFactor(self.app.state.two_factor.auth, current_session=page_session, sessions=cookie_sessions),
            check_form_password,
            register=register_form,
        ).pages
        self._wait_for = wait_for
        router = PagesRouter(self.pages)

        @router.page("/made-up/{folder}/{file}", "made_up")
        @router.page("/made-up/{file}", "made_up")
        async def made_up(page: Annotated[Page, Depends(router.open_page)], file: str, folder: str = "") -> Response:
            name = f"{folder}/{file}".removeprefix("/")
            if name == NOTHING:
                return Response()
            if name not in self.contexts:
                self.contexts[name] = {**await page._shared(None), "account": "ann@example.com", **PAGES[name]}  # noqa: SLF001 - what is measured
            return await page.show(name, **({"account": "ann@example.com"} | PAGES[name]))

        self.app.include_router(router)

    def page(self, name: str) -> Callable[[int], float]:
        """CPU seconds of one, of so many."""

        def measured(number: int) -> float:
            before = time.process_time()
            self._wait_for(self._ask(f"/made-up/{name}", number))
            return (time.process_time() - before) / number

        return measured

    async def _ask(self, path: str, number: int) -> None:
        for _ in range(number):
            sent: list[Message] = []

            async def send(message: Message, sent: list[Message] = sent) -> None:
                sent.append(message)

            await self.app(self._scope(path), receive, send)
            assert sent[0]["status"] == HTTPStatus.OK, sent

    def _scope(self, path: str) -> dict[str, Any]:
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": HEADERS,
            "client": ("192.0.2.1", 40_000),
            "server": ("localhost", 8000),
        }


async def receive() -> Message:
    """A request without a body."""
    return {"type": "http.request", "body": b"", "more_body": False}


def bare_render(served: Served, name: str) -> Callable[[int], float]:
    """CPU seconds of the template alone, of so many, with links that are ready."""
    served.page(name)(1)
    context, links = dict(served.contexts[name]), dict[Any, str]()
    template = served.pages.environment(served.pages.languages.english).get_template(name)
    make = context["url"]

    def ready(route: str, **parameters: str) -> str:
        known = (route, *parameters.items())
        if known not in links:
            links[known] = make(route, **parameters)
        return links[known]

    context["url"] = ready

    def measured(number: int) -> float:
        before = time.process_time()
        for _ in range(number):
            template.render(context)
        return (time.process_time() - before) / number

    return measured
