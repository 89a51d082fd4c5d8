"""`two_factor_admin`: the routes of administration, behind an allow-list, a role and a fresh second factor."""

from collections.abc import Callable, Iterable
from typing import Any

from fastapi import APIRouter

from twofold.fastapi.admin_door import admin_door
from twofold.fastapi.requests import Handler, TwofoldRoute
from twofold.fastapi.routes.everybodys_events import add_everybodys_event_routes
from twofold.fastapi.routes.users import add_user_routes
from twofold.fastapi.two_factor import TwoFactor


def two_factor_admin(
    two_factor: TwoFactor[Any],
    *,
    is_admin: Callable[..., Any],
    allowed_ips: Iterable[str],
    trusted_proxies: Iterable[str] = (),
    production: bool = True,
) -> APIRouter:
    """
    The routes of administration, to be included under a prefix of their own, for example `/api/admin/2fa`.

    Whoever asks must come from an address in *allowed_ips*, be signed in, be an admin, and have proved a second factor
    in the last five minutes, in this order. From elsewhere nothing but 403 is told, and nothing is looked up.

    Run the server without its own handling of proxies (`uvicorn --no-proxy-headers`), and name yours here: where it has
    believed a header before us, nobody is let in.

    Args:
        is_admin: The host's dependency that says whether who is signed in is an admin; whatever is not `True` is no.
        allowed_ips: Addresses and networks, IPv4 and IPv6. Of an empty list nobody is let in.
        trusted_proxies: Addresses and networks of those whose `X-Forwarded-For` is believed; not needed where the
            middleware `TrustedProxies` stands in front.
        production: Where this is false an empty list lets this machine itself in, if no proxy may stand in between.

    Raises:
        ConfigurationError: An address or a network is none, or is everybody.
    """
    door = admin_door(
        two_factor,
        is_admin=is_admin,
        allowed_ips=allowed_ips,
        trusted_proxies=trusted_proxies,
        production=production,
    )

    class AdminRoute(TwofoldRoute):
        """A route of administration: whoever is refused is written down."""

        def get_route_handler(self) -> Handler:
            """The handler of all our routes, with that around it."""
            return door.watched(super().get_route_handler())

    router = APIRouter(route_class=AdminRoute, tags=["Administration"], dependencies=door.dependencies)
    add_user_routes(router, two_factor.host)
    add_everybodys_event_routes(router, two_factor.auth)
    return router
