"""What the doctor finds out about an application beside its routes: CORS, sessions and limits."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from fastapi import Depends, FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware
from starlette.middleware import Middleware
from starlette.routing import Mount, Router
from starlette.types import ASGIApp

from tests.http.examined import Examined, Sessions, examined_app, nothing
from twofold import PCI_DSS, RECOMMENDED
from twofold.core.diagnosis import Check, Light
from twofold.core.policy import Policy
from twofold.fastapi.admin import two_factor_admin
from twofold.fastapi.doctor import examined
from twofold.fastapi.password_limits import PasswordLimits
from twofold.fastapi.proxies import TrustedProxies
from twofold.fastapi.sessions import by_policy, cannot_end_sessions, tokens_expire


@pytest.fixture
def world() -> Examined:
    return examined_app()


ALL = ["WWW-Authenticate", "Retry-After"]
CORS: dict[str, tuple[dict[str, Any], Light]] = {
    "whole": ({"allow_headers": ["X-TOTP-Code"], "expose_headers": ALL}, Light.GREEN),
    "in-other-letters": (
        {"allow_headers": ["x-totp-code"], "expose_headers": ["www-authenticate, RETRY-AFTER"]},
        Light.GREEN,
    ),
    "stars": ({"allow_headers": ["*"], "expose_headers": ["*"]}, Light.GREEN),
    "without-the-header": ({"allow_headers": ["Authorization"], "expose_headers": ALL}, Light.RED),
    "with-nothing": ({}, Light.RED),
    "unread": ({"allow_headers": ["*"], "expose_headers": ["Retry-After"]}, Light.AMBER),
    "a-star-with-credentials": (
        {"allow_headers": ["*"], "expose_headers": ["*"], "allow_credentials": True},
        Light.AMBER,
    ),
}


@pytest.mark.parametrize("case", CORS)
def test_cors_lets_the_header_through(world, case):
    """
    CORS that does not allow `X-TOTP-Code` is red, one that hides what is asked for amber; without CORS there is one
    origin.
    """
    options, light = CORS[case]
    before = world.found(Check.CORS).light
    world.app.add_middleware(CORSMiddleware, allow_origins=["https://app.example"], **options)

    assert (before, world.found(Check.CORS).light) == (Light.GREEN, light)


def test_the_cors_of_a_mounted_application_counts(world):
    """
    A mounted application's CORS is looked at too, and one that its author derived.
    """

    class OurCors(CORSMiddleware): ...

    inner = guarded(world)
    inner.add_middleware(OurCors, allow_origins=["https://app.example"])
    world.app.mount("/inner", inner)

    assert world.found(Check.CORS).light is Light.RED


def guarded(world: Examined) -> FastAPI:
    """An application with a route behind a guard, to be mounted."""
    inner = FastAPI(openapi_url=None)
    inner.post("/pay", dependencies=[Depends(world.two_factor.require_second_factor())])(nothing)
    return inner


SHORT: dict[str, Any] = {"allow_origins": ["https://shop.example"], "allow_headers": ["Authorization"]}
AROUND: dict[str, Callable[[Examined], ASGIApp]] = {
    "the-application": lambda world: CORSMiddleware(world.app, **SHORT),
    "below-another": lambda world: GZipMiddleware(CORSMiddleware(world.app, **SHORT)),
    "what-is-mounted": lambda world: _with(world, Mount("/inner", CORSMiddleware(guarded(world), **SHORT))),
    "the-mount": lambda world: _with(
        world, Mount("/inner", guarded(world), middleware=[Middleware(CORSMiddleware, **SHORT)])
    ),
    "a-router": lambda world: _with(
        world, Mount("/in", Router(guarded(world).routes, middleware=[Middleware(CORSMiddleware, **SHORT)]))
    ),
    "by-a-pattern": lambda world: CORSMiddleware(world.app, allow_origin_regex="https://.*"),
}


def _with(world: Examined, mount: Mount) -> ASGIApp:
    world.app.router.routes.append(mount)
    return world.app


@pytest.mark.parametrize("case", AROUND)
def test_cors_counts_wherever_it_stands_around_a_route_of_ours(world, case):
    """
    CORS is found around the application from outside, around what is mounted, and where a mount or a router has it.
    """
    app = AROUND[case](world)

    assert {one.check: one.light for one in asyncio.run(examined(app, world.two_factor, workers=1))}[
        Check.CORS
    ] is Light.RED


def public() -> FastAPI:
    """An application without anything of ours, open to all origins."""
    inner = FastAPI(openapi_url=None)
    inner.get("/prices")(nothing)
    inner.add_middleware(CORSMiddleware, allow_origins=["*"])
    return inner


HARMLESS: dict[str, Callable[[Examined], object]] = {
    "for-no-origin": lambda world: world.app.add_middleware(CORSMiddleware, allow_origins=[]),
    "around-nothing-of-ours": lambda world: world.app.mount("/public", public()),
}


@pytest.mark.parametrize("case", HARMLESS)
def test_cors_that_concerns_nothing_of_ours_is_green(world, case):
    """
    CORS for no origin does nothing, and a public interface of the host's need not let our header pass.
    """
    HARMLESS[case](world)

    assert world.found(Check.CORS).light is Light.GREEN


def is_admin() -> bool:
    return True


PROXY, OFFICE = "192.0.2.1", "198.51.100.0/24"
PROXIES: dict[str, Callable[[Examined], ASGIApp]] = {
    "the-router's": lambda world: _administered(world, trusted_proxies=[PROXY]),
    "the-middleware's": lambda world: _added(world, _administered(world)),
    "from-outside": lambda world: TrustedProxies(_administered(world), [PROXY]),
}


def _administered(world: Examined, **options: Any) -> FastAPI:
    given = {"allowed_ips": [OFFICE, "192.0.2.0/24"]} | options
    world.app.include_router(two_factor_admin(world.two_factor, is_admin=is_admin, **given), prefix="/admin")
    return world.app


def _added(world: Examined, app: FastAPI, *trusted: str) -> ASGIApp:
    app.add_middleware(TrustedProxies, trusted_proxies=trusted or [PROXY])
    return world.app


@pytest.mark.parametrize("case", PROXIES)
def test_a_trusted_proxy_in_the_allow_list_of_administration_is_amber(world, case):
    """
    Where a proxy is trusted and its address may administer, what it sends for nobody would be an admin's.
    """
    app = PROXIES[case](world)
    found = {one.check: one for one in asyncio.run(examined(app, world.two_factor, workers=1))}[Check.ROUTES]

    assert found.light is Light.AMBER
    assert "a trusted proxy may administer: 192.0.2.0/24 in the allow-list" in found.found


def test_proxies_and_admins_apart_are_green(world):
    """
    An allow-list without the trusted proxies is as it should be; so are proxies where nobody administers.
    """
    _added(world, world.app)
    before = world.found(Check.ROUTES).light
    _administered(world, allowed_ips=[OFFICE])

    assert (before, world.found(Check.ROUTES).light) == (Light.GREEN, Light.GREEN)


def sessions_with(**attributes: Any) -> type:
    return type("Sessions", (Sessions,), attributes)


AN_HOUR, A_DAY = timedelta(minutes=60), timedelta(hours=24)
LIVES: dict[str, tuple[dict[str, Any], Policy, Light]] = {
    "not-said": ({}, RECOMMENDED, Light.GREEN),
    "not-said-in-pci-dss": ({}, PCI_DSS, Light.AMBER),
    "by-policy": ({"idle": by_policy, "life": by_policy}, PCI_DSS, Light.GREEN),
    "an-hour-idle-in-pci-dss": ({"idle": AN_HOUR, "life": A_DAY}, PCI_DSS, Light.RED),
    "a-short-token": ({"end_all": tokens_expire(minutes=15)}, RECOMMENDED, Light.GREEN),
    "a-token-for-a-week": ({"end_all": tokens_expire(minutes=7 * 24 * 60)}, RECOMMENDED, Light.RED),
    "no-length": ({"idle": 3600}, RECOMMENDED, Light.RED),
}


@pytest.mark.parametrize("case", LIVES)
def test_how_long_sessions_live_is_compared_with_the_policy(case):
    """
    A class may say how long its sessions live, and is compared with the profile; what it says wrongly is red.
    """
    attributes, policy, light = LIVES[case]

    assert examined_app(sessions_with(**attributes), policy).found(Check.SESSIONS).light is light


def test_sessions_that_stay_are_found():
    """
    A host that has opted out of ending its sessions is told so.
    """
    found = examined_app(sessions_with(end_all=staticmethod(cannot_end_sessions))).found(Check.END_ALL)

    assert found.light is Light.AMBER
    assert found.found.startswith("end_all = cannot_end_sessions")


def test_limits_are_found_in_the_state(world):
    """
    `PasswordLimits` in the application's state are found under whatever name; four workers need Redis.
    """
    before = world.found(Check.PASSWORD_LIMITS, workers=4).light
    world.app.state.anything = PasswordLimits(RECOMMENDED)
    lights = [world.found(Check.PASSWORD_LIMITS, workers=workers).light for workers in (1, 4)]

    assert [before, *lights] == [Light.AMBER, Light.GREEN, Light.RED]


def test_redis_is_asked(world, redis):
    """
    With Redis four workers count together; where it does not answer that is said.
    """
    world.app.state.limits = PasswordLimits(RECOMMENDED, redis_url=redis.url)
    there = world.found(Check.PASSWORD_LIMITS, workers=4).light
    world.app.state.limits = PasswordLimits(RECOMMENDED, redis_url="redis://127.0.0.1:1")
    away = [world.found(Check.PASSWORD_LIMITS, workers=workers).light for workers in (1, 4)]

    assert (there, away) == (Light.GREEN, [Light.AMBER, Light.RED])


def test_a_check_that_fails_is_red_and_the_others_go_on(world):
    """
    Whatever an application makes of being looked at, that check is red, and the others are there; its words are not.
    """

    class Breaks(CORSMiddleware):
        def __init__(self, *_: Any, **__: Any) -> None:
            raise RuntimeError("a secret")

    world.app.add_middleware(Breaks)
    found = world.findings()

    assert (found[Check.CORS].light, found[Check.CORS].found) == (Light.RED, "not looked at: RuntimeError")
    assert len(found) == 6
