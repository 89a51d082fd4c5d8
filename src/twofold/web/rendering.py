"""How the page of one request is made."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.exceptions import HTTPException
from starlette.routing import NoMatchFound

from twofold.errors import NotSignedIn, TwofoldError, Unauthenticated
from twofold.fastapi.errors import Problem, problem_of, problem_of_http, problem_of_validation
from twofold.fastapi.host import CurrentSession
from twofold.fastapi.requests import SAFE_METHODS, client_address
from twofold.service.two_factor_auth import TwoFactorAuth
from twofold.web.languages import Language
from twofold.web.mounting import ROUTE_PREFIX, Pages
from twofold.web.notices import WARNINGS, notice_words
from twofold.web.requests import local_path, path_of
from twofold.web.words import Told, error_words, told

T = TypeVar("T")
Shown = TwofoldError | Problem | HTTPException | RequestValidationError
"""What a page may have to say went wrong."""

SIGN_IN_COOKIE = "__Host-twofold-sign-in"
"""Holds the token of a pending sign-in: it opens nothing but the second factor (G6)."""

NOTICE_COOKIE = "__Host-twofold-notice"
NOTICE_SECONDS = 60
# A QR code stands in its page (`data:`): an address of its own would show the secret again.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
PAGE_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "publickey-credentials-create=(self), publickey-credentials-get=(self)",
    # Without it Chromium sends `Origin: null` with the page's own forms; stricter would be `no-referrer`.
    "Referrer-Policy": "same-origin",
    "Vary": "Accept-Language, Cookie",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",  # For browsers that do not know frame-ancestors.
}
"""On every page: what is in it is for one person, here, once."""

COOKIE: dict[str, Any] = {"path": "/", "secure": True, "httponly": True, "samesite": "lax"}
QUERY = ("next", "use", "q", "enabled", "cursor", "cookies")
"""What an address of ours may have behind its question mark."""

NO_COOKIES = "none"
"""In the query of the page of signing in: the browser has dropped the cookies that a sign-in had set."""


@dataclass(frozen=True)
class Offers:
    """What there are pages for here."""

    keys: bool
    sessions: bool
    register: bool
    sign_out: bool
    password: bool
    leave: bool


@dataclass(frozen=True)
class Brand:
    """Whose pages they are: a name, and perhaps the address of a logo."""

    name: str
    logo: str | None


class Page:
    """
    The page of one request.

    Args:
        injected: FastAPI's response of this request, on which the host's sessions set their cookies.

    Attributes:
        current: The session that asks; nothing before signing in.
    """

    def __init__(self, pages: Pages, request: Request, injected: Response) -> None:
        self.pages = pages
        self.request = request
        self.injected = injected
        self.current: CurrentSession | None = None

    @cached_property
    def language(self) -> Language:
        """The language that the browser asks for."""
        return self.pages.languages.of(self.request.headers.get("accept-language"))

    def gettext(self, text: str) -> str:
        """A text in the page's language."""
        return self.language.translations.gettext(text)

    @property
    def session(self) -> CurrentSession:
        """
        The session that asks.

        Raises:
            NotSignedIn: There is none.
        """
        if self.current is None:
            raise NotSignedIn
        return self.current

    @property
    def client_address(self) -> str | None:
        """Where the request came from."""
        return client_address(self.request)

    @property
    def onward(self) -> str | None:
        """Where the person was on the way to, as `?next=` says; a path of this host."""
        return local_path(self.request.query_params.get("next"))

    @property
    def here(self) -> str:
        """The path that was asked for, with its query."""
        return path_of(self.request)

    async def use(self, use_case: Callable[[TwoFactorAuth], T]) -> T:
        """One use case, for the session that asks; raises as the host's `use`."""
        return await self.pages.host.use(self.session, use_case)

    def url(self, route: str, **parameters: str) -> str:
        """
        The path of a page.

        Args:
            parameters: Those of the path, and those of the query, of which what is empty is left out.
        """
        query = "&".join(f"{name}={quote(value, safe='/')}" for name in QUERY if (value := parameters.pop(name, "")))
        path = self.pages.path(self.request.app, route, parameters)
        root: str = self.request.scope.get("root_path", "")
        return root + path + (f"?{query}" if query else "")

    def onward_or_home(self) -> str:
        """Where the person goes who has signed in."""
        return self.onward or self.pages.home or self.url("security")

    async def show(
        self, template: str, *, problem: Shown | None = None, method: str | None = None, **variables: object
    ) -> Response:
        """
        The page.

        Args:
            template: Its file, below the folder of templates.
            problem: What went wrong; it gives the status.
            method: What was to be proved, where that made the problem.
            variables: Those of the template.
        """
        known = None if problem is None else known_problem(problem)
        shown = None if problem is None else told(self.gettext, _in_words(problem), method)
        template_here = self.pages.environment(self.language).get_template(template)
        html = template_here.render(await self._shared(shown) | variables)
        response = HTMLResponse(html, 200 if known is None else known.status)
        if known is not None:
            response.headers.update(known.all_headers)
        response.headers["Content-Language"] = self.language.tag
        return self._sent(response)

    async def _shared(self, shown: Told | None) -> dict[str, object]:
        """What every template is given."""
        if NOTICE_COOKIE in self.request.cookies:
            self.injected.delete_cookie(NOTICE_COOKIE, **COOKIE)
        return {
            "url": self.url,
            "look": Brand(self.pages.look.name or self.pages.auth.issuer, self._asset("logo")),
            "style_url": self._asset("style.css"),
            "script_url": self._asset("pages.js"),
            "icon_url": self._asset("icon.svg"),
            "lang": self.language.tag,
            "account": await self._account(),
            "notice": notice_words(self.language.translations, self.request.cookies.get(NOTICE_COOKIE)),
            "notice_warns": self.request.cookies.get(NOTICE_COOKIE) in WARNINGS,
            "problem": shown,
            "offers": self._offers(),
            "here": getattr(self.request.scope.get("route"), "name", "")
            .removeprefix(ROUTE_PREFIX)
            .removesuffix("_form"),
        }

    async def error(self, problem: Shown) -> Response:
        """A page of its own for what went wrong."""
        title, text = error_words(self.gettext, _in_words(problem))
        actions = [(self.gettext("Go to the start page"), self.url("security"))]
        status = known_problem(problem).status
        return await self.show("error.html", problem=problem, status=status, title=title, text=text, actions=actions)

    def go(self, to: str, notice: str | None = None, **parameters: str) -> Response:
        """
        On to another page.

        Args:
            to: The name of a page, or a path of this host.
            notice: A word of the table of notices, which that page then says.
        """
        if notice is not None:
            self.injected.set_cookie(NOTICE_COOKIE, notice, max_age=NOTICE_SECONDS, **COOKIE)
        path = to if to.startswith("/") else self.url(to, **parameters)
        return self._sent(RedirectResponse(path, 303))

    def to_sign_in(self) -> Response:
        """On to the page of signing in, and from there back."""
        reading = self.request.method in SAFE_METHODS
        onward, notice = (self.here, None) if reading else ("", "signed-out")
        return self.go("login", next=onward, cookies=self._dropped(), notice=notice)

    def _dropped(self) -> str:
        """What is said to whoever comes from signing in without any cookie: in silence it would go on for ever."""
        before = urlsplit(self.request.headers.get("referer", "")).path
        dropped = not self.request.cookies and before in {self.url("login"), self.url("second_factor")}
        return NO_COOKIES if dropped else ""

    def to_begin_anew(self) -> Response:
        """On to the page of signing in, where a sign-in has ended."""
        return self.go("login", cookies=self._dropped(), notice="sign-in-ended")

    def to_confirm(self) -> Response:
        """On to the page that asks for the second factor, and from there back; a form is filled in once more."""
        return self.go("confirm", next=self.here)

    @property
    def sign_in_token(self) -> str:
        """The token of the sign-in that waits in this browser; empty where none does."""
        return self.request.cookies.get(SIGN_IN_COOKIE, "")

    def keep_sign_in(self, token: str) -> None:
        """Let this browser finish the sign-in."""
        seconds = int(self.pages.auth.policy.sign_in_life.total_seconds())
        self.injected.set_cookie(SIGN_IN_COOKIE, token, max_age=seconds, **COOKIE)

    def forget_sign_in(self) -> None:
        """The sign-in has ended, one way or the other."""
        self.injected.delete_cookie(SIGN_IN_COOKIE, **COOKIE)

    def has(self, route: str) -> bool:
        """Whether there is a page of this name."""
        try:
            self.url(route)
        except NoMatchFound:
            return False
        return True

    def _asset(self, name: str) -> str | None:
        if name not in self.pages.assets:
            return None
        return f"{self.url('asset', name=name)}?v={self.pages.versions[name]}"

    def _offers(self) -> Offers:
        pages = self.pages
        return Offers(
            keys=pages.auth.offers_webauthn,
            sessions=pages.can("listed") and pages.can("end_listed"),
            register=pages.registers,
            sign_out=pages.can("end"),
            password=self.has("password"),
            leave=self.has("leave"),
        )

    async def _account(self) -> str | None:
        if self.current is None:
            return None
        user_id = self.current.user_id
        return self.current.signed_in.account or await self.use(lambda auth: auth.enrollment.account(user_id))

    def _sent(self, response: Response) -> Response:
        """The answer, with the cookies that were set on the way to it."""
        response.headers.update(PAGE_HEADERS)
        response.raw_headers += [each for each in self.injected.raw_headers if each[0] == b"set-cookie"]
        return response


def known_problem(error: Shown, unauthenticated: type[Unauthenticated] = NotSignedIn) -> Problem:
    """What went wrong, as a row of the one table from errors to HTTP."""
    match error:
        case Problem():
            return error
        case TwofoldError():
            return problem_of(error)
        case HTTPException():
            return problem_of_http(error, unauthenticated=unauthenticated)
        case RequestValidationError():
            return problem_of_validation(error)


def _in_words(error: Shown) -> TwofoldError | Problem:
    return error if isinstance(error, TwofoldError) else known_problem(error)
