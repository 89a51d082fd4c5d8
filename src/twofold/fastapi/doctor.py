"""What `twofold doctor` finds out about an application: its routes, its CORS, its sessions and limits."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from fastapi.middleware.cors import CORSMiddleware
from starlette.middleware import Middleware
from starlette.types import ASGIApp

from twofold.core import host_diagnosis as diagnosis
from twofold.core.clients import shared_by
from twofold.core.diagnosis import Check, Finding, Light, not_looked_at
from twofold.core.host_diagnosis import Cors, Limits, Routes
from twofold.errors import TwofoldError
from twofold.fastapi.admin_door import AdminDoor
from twofold.fastapi.password_limits import PasswordLimits
from twofold.fastapi.proxies import TrustedProxies
from twofold.fastapi.requests import TOTP_HEADER
from twofold.fastapi.seen_routes import Before, Seen, SeenRoute, layers, seen
from twofold.fastapi.sessions import SessionsStay, class_of, lives_of
from twofold.fastapi.sign_in_words import last_word, plain
from twofold.fastapi.token_routes import CannotLookInto, fields_taken, sign_of_a_token
from twofold.fastapi.two_factor import TwoFactor

T = TypeVar("T")

READ_BY_PAGES = ("WWW-Authenticate", "Retry-After")
"""Headers of ours that a page of another origin reads only where CORS exposes them."""

WEIGHTY_WORDS = ("password", "email")
"""What a sign-in stands on: who changes it holds the account (OWASP ASVS 5.0, 7.5.1)."""

OWN_PAGES = {"account", "me", "profile"}
"""How the paths end on which people change what is theirs."""


async def examined(app: ASGIApp, two_factor: TwoFactor[Any], *, workers: int) -> list[Finding]:
    """
    What is found about an application; a check that fails is a finding, too.

    Args:
        workers: How many processes serve it on this host.
    """
    policy, counts = two_factor.auth.policy, await _limits_of(app)
    return [
        *sessions_examined(two_factor),
        _found(Check.PASSWORD_LIMITS, lambda: diagnosis.password_limits(counts, workers, policy)),
        _found(Check.ROUTES, lambda: _routes(seen(app, two_factor))),
        _found(Check.TOKENS, lambda: _tokens(seen(app, two_factor))),
        _found(Check.CORS, lambda: diagnosis.cors(_cors_of(seen(app, two_factor)))),
    ]


def sessions_examined(two_factor: TwoFactor[Any]) -> list[Finding]:
    """What is found about a host's sessions."""
    policy, given = two_factor.auth.policy, two_factor.host.sessions

    def end_all() -> Finding:
        stay = class_of(given, policy).end_all
        said, at_most = (stay.said, stay.at_most) if isinstance(stay, SessionsStay) else (None, None)
        return diagnosis.end_all(said, at_most, policy)

    return [
        _found(Check.SESSIONS, lambda: diagnosis.sessions(*lives_of(class_of(given, policy), policy), policy)),
        _found(Check.END_ALL, end_all),
    ]


def _found(check: Check, examine: Callable[[], Finding]) -> Finding:
    try:
        return examine()
    except Exception as error:  # noqa: BLE001 - an application may be anything; the other checks go on
        # By its name: what a host's error says may be anything, too.
        why = str(error) if isinstance(error, TwofoldError) else type(error).__name__
        return not_looked_at(check, why, light=Light.RED)


async def _limits_of(app: ASGIApp) -> Limits | None:
    """The limits before the password, where the application keeps them in its state."""
    state = layers(app)[-1].state
    kept = (state[name] for name in state)
    limits = next((each for each in kept if isinstance(each, PasswordLimits)), None)
    if limits is None:
        return None
    try:
        return Limits(limits.are_shared, answers=await limits.are_in_reach())
    finally:
        await limits.close()  # on the loop on which they were asked


def _routes(found: Seen) -> Finding:
    """What stands before the routes; those that the library made, and those that say why not, need nothing."""
    of = {before: [route for route in found.routes if route.before is before] for before in Before}
    writing = [route for route in of[Before.SIGN_IN] if route.writes and route.why_not is None]
    weighty = [route for route in writing if _is_weighty(route)]
    unseen = [route for route in of[Before.UNSEEN] if route.writes]
    seen_routes = Routes(
        ours=len(of[Before.OURS]),
        guarded=len(of[Before.GUARD]),
        signed_in=len(of[Before.SIGN_IN]),
        opened=len(of[Before.NOTHING]),
        unseen=_names(unseen),
        writing=_names([route for route in writing if route not in weighty]),
        weighty=_names(weighty),
        waived=[f"{route} ({why})" for route in found.routes if (why := route.why_not)],
        overridden=found.overridden,
        proxies=sorted({each for route in of[Before.GUARD] for each in _proxies_let_in(route)}),
    )
    return diagnosis.routes(seen_routes)


def _proxies_let_in(route: SeenRoute) -> list[str]:
    """What of the allow-list before a route of administration is a trusted proxy's."""
    doors = [getattr(each.call, "__self__", None) for each in route.dependants]
    door = next((each for each in doors if isinstance(each, AdminDoor)), None)
    if door is None:
        return []
    around = (made for each in route.around if (made := _made_of(each, TrustedProxies)))
    return shared_by(door.allowed.networks, (*door.trusted, *(one for made in around for one in made.trusted)))


def _is_weighty(route: SeenRoute) -> bool:
    """Whether a route changes what a sign-in stands on."""
    taken: set[str] = set()
    with suppress(CannotLookInto):
        taken = {plain(name) for name in fields_taken(route)}
    own = last_word(route.path) in OWN_PAGES
    # An address may be anybody's; in what is one's own it is one's own.
    in_body = any("password" in name or (own and "email" in name) for name in taken)
    return in_body or any(word in plain(route.path) for word in WEIGHTY_WORDS) or (own and "DELETE" in route.methods)


def _tokens(found: Seen) -> Finding:
    issuing: list[str] = []
    waived: list[str] = []
    unsure: list[str] = []
    for route in found.routes:
        # Behind a guard a second factor was proved; the library's own routes ask for it by themselves.
        if route.before in {Before.OURS, Before.GUARD}:
            continue
        try:
            sign, told = sign_of_a_token(route), issuing
        except CannotLookInto as error:
            sign, told = str(error), unsure
        if sign and route.why_not is not None:
            sign, told = route.why_not, waived
        if sign:
            told.append(f"{route} ({sign})")
    return diagnosis.tokens(issuing, waived, unsure)


def _names(routes: list[SeenRoute]) -> list[str]:
    return [str(route) for route in routes]


def _cors_of(found: Seen) -> list[Cors]:
    """What stands around the routes that read our header, or say that they want it; elsewhere it need not pass."""
    ours = [route for route in found.routes if route.before in {Before.OURS, Before.GUARD}]
    around = {id(each): each for route in ours for each in route.around}.values()
    every = (made for each in around if (made := _made_of(each, CORSMiddleware)))
    return [_cors(made) for made in every if _lets_anybody_in(made)]


def _made_of(around: object, kind: type[T]) -> T | None:
    """A middleware of that kind, as it stands or as it is to be made; nothing where it is another."""
    if not isinstance(around, Middleware):
        return around if isinstance(around, kind) else None
    made: Any = around.cls
    is_one = isinstance(made, type) and issubclass(made, kind)
    return made(_nothing, *around.args, **around.kwargs) if is_one else None


def _lets_anybody_in(made: CORSMiddleware) -> bool:
    """Whether there is any other origin that it is for."""
    return bool(made.allow_origins) or made.allow_origin_regex is not None


def _cors(made: CORSMiddleware) -> Cors:
    """What one lets pass, as Starlette has read its arguments."""
    exposed = made.simple_headers.get("Access-Control-Expose-Headers", "")
    readable = {name.strip().lower() for name in exposed.split(",")}
    # With credentials a star is a header's name like any other (Fetch, "CORS-safelisted response-header name").
    reads_all = "*" in readable and not made.allow_credentials
    unsent = not made.allow_all_headers and TOTP_HEADER.lower() not in made.allow_headers
    unread = [name for name in READ_BY_PAGES if not reads_all and name.lower() not in readable]
    return Cors([TOTP_HEADER] if unsent else [], unread)


async def _nothing(*_: Any) -> None:
    """An application that is never asked."""
