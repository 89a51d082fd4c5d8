"""What stands before each route of an application: every route, those of routers and mounted applications too."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_dependant
from fastapi.routing import RouteContext, iter_route_contexts
from fastapi.security.base import SecurityBase
from starlette.applications import Starlette
from starlette.routing import Host, Mount, Router
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from twofold.fastapi.guards import NoSecondFactor, NoSecondFactorWithin
from twofold.fastapi.openapi import all_of
from twofold.fastapi.requests import SAFE_METHODS
from twofold.fastapi.two_factor import TwoFactor


class Before(StrEnum):
    """What stands before a route."""

    OURS = "ours"
    GUARD = "guard"
    SIGN_IN = "sign_in"
    NOTHING = "nothing"
    UNSEEN = "unseen"


@dataclass(frozen=True)
class SeenRoute:
    """
    One route.

    Args:
        path: As it is asked for, with the prefixes of all that it is in.
        route: What FastAPI knows of it.
        before: What stands before it.
        around: The middlewares around all that it is in, from outside to inside, as far as they are seen.
    """

    path: str
    route: RouteContext
    before: Before
    around: Sequence[object] = ()

    def __str__(self) -> str:
        other = "MOUNT" if self.is_mount else "WEBSOCKET"
        return " ".join([",".join(sorted(self.methods - {"HEAD"})) or other, self.path])

    @property
    def is_mount(self) -> bool:
        """Whether it is an application of somebody else's, of which no route is known."""
        return isinstance(self.route.original_route, Mount | Host)

    @cached_property
    def methods(self) -> set[str]:
        """How it may be asked; nothing for a websocket."""
        return self.route.methods or set()

    @property
    def writes(self) -> bool:
        """Whether it may change something."""
        return not self.methods or bool(self.methods - SAFE_METHODS)

    @property
    def dependants(self) -> Sequence[Dependant]:
        """Its dependencies, and theirs."""
        dependant = dependant_of(self.route)
        return [] if dependant is None else list(all_of(dependant))

    @property
    def why_not(self) -> str | None:
        """Why it needs no second factor, where the host says so."""
        calls = [*(each.call for each in self.dependants), *self.around]
        said = (each.because for each in calls if isinstance(each, NoSecondFactor | NoSecondFactorWithin))
        return next(said, None)


@dataclass(frozen=True)
class Seen:
    """
    An application, looked through.

    Args:
        overridden: How many dependencies of this second factor something else stands in for.
    """

    routes: Sequence[SeenRoute]
    overridden: int


def seen(app: ASGIApp, two_factor: TwoFactor[Any]) -> Seen:
    """Every route of an application, by what this second factor has before it."""
    applications = list[Starlette]()
    found = list(_walked(app, "", (), applications))
    classes = _Classes(_of_one_auth(two_factor, (route for _, route, _ in found)))
    routes = [SeenRoute(path, route, classes.of(route), around) for path, route, around in found]
    overrides = [call for each in applications for call in getattr(each, "dependency_overrides", {})]
    return Seen(routes, len(classes.ours & _ids(overrides)))


def layers(app: ASGIApp) -> list[Any]:
    """The middlewares around an application, as far as they keep it where Starlette's do, and what they are around."""
    found: list[Any] = [app]
    while not isinstance(found[-1], Starlette | Router) and hasattr(found[-1], "app"):
        found.append(found[-1].app)
    return found


def _walked(
    app: ASGIApp, prefix: str, around: tuple[object, ...], applications: list[Starlette]
) -> Iterator[tuple[str, RouteContext, tuple[object, ...]]]:
    """The routes within, each with its path and what is around it; an application is gone through once."""
    *outer, inner = layers(app)
    around = (*around, *outer)
    if isinstance(inner, Starlette):
        if any(inner is one for one in applications):
            return  # mounted in itself, or twice
        applications.append(inner)
        around = (*around, *inner.user_middleware)
    router = inner.router if isinstance(inner, Starlette) else inner
    around = (*around, *layers(router.middleware_stack)[:-1])
    for route in iter_route_contexts(router.routes):
        path, mount = prefix + (route.path or ""), isinstance(route.original_route, Mount | Host)
        within = layers(route.app) if mount else [None]
        if isinstance(within[-1], Starlette | Router):
            yield from _walked(route.app, path, around, applications)
        elif not isinstance(within[-1], StaticFiles):
            yield path, route, (*around, *within[:-1])


def dependant_of(route: RouteContext) -> Dependant | None:
    """What a route depends on, as far as FastAPI knows."""
    found = getattr(route, "dependant", None)
    return found if isinstance(found, Dependant) else None


def _of_one_auth(two_factor: TwoFactor[Any], routes: Iterable[RouteContext]) -> list[TwoFactor[Any]]:
    """This second factor, and what routes say to be theirs over the same use cases: pages, by other sessions."""
    found = [two_factor]
    for route in routes:
        other = getattr(route.original_route, "two_factor", None)
        if isinstance(other, TwoFactor) and other.auth is two_factor.auth and other not in found:
            found.append(other)
    return found


class _Classes:
    """Which dependencies say what, by their identity: those over other use cases are not taken for ours."""

    def __init__(self, all_of_ours: Iterable[TwoFactor[Any]]) -> None:
        self._own, self._sign_ins, self._strategies, self._guards = set[int](), set[int](), set[int](), set[int]()
        sessions, self._signed_in = set[int](), set[int]()
        for each in all_of_ours:
            host = each.host
            self._own |= _ids(host.own_routes)
            self._sign_ins |= _ids(host.sign_ins)
            self._strategies |= _ids(host.strategies)
            self._guards |= _ids(each.guards)
            sessions |= _ids((host.caller, host.current, each.signed_in, each.assurance))
            self._signed_in |= _ids(_identifying(host.current_session))
        self._signed_in |= sessions
        self.ours = self._guards | self._sign_ins | sessions

    def of(self, route: RouteContext) -> Before:
        """What stands before *route*."""
        dependant = dependant_of(route)
        if id(route.original_route) in self._own:
            return Before.OURS
        if dependant is None:
            return Before.UNSEEN
        calls = _ids(each.call for each in all_of(dependant))
        # A strategy that stands below another dependency only reads who is signed in.
        if calls & self._sign_ins or _ids(each.call for each in dependant.dependencies) & self._strategies:
            return Before.OURS
        if calls & self._guards:
            return Before.GUARD
        return Before.SIGN_IN if calls & self._signed_in else Before.NOTHING


def _ids(things: Iterable[object]) -> set[int]:
    return {id(thing) for thing in things}


def _identifying(current_session: Callable[..., Any]) -> list[object]:
    """
    The host's dependencies that say who asks: its *current_session*, and those below it that read a token or a cookie.

    A connection to the database stands below it, too, and says nothing.
    """
    found = all_of(get_dependant(path="", call=current_session))
    return [current_session, *(each.call for each in found if any(map(_reads_a_token, all_of(each))))]


def _reads_a_token(dependant: Dependant) -> bool:
    call: Any = dependant.call
    headers = {field.alias.lower() for field in dependant.header_params}
    return isinstance(call, SecurityBase) or bool(dependant.cookie_params) or "authorization" in headers
