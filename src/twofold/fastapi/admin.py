"""`two_factor_admin`: the routes of administration, behind an allow-list, a role and a fresh second factor."""

from collections.abc import Callable, Iterable
from typing import Any

from fastapi import APIRouter, Depends

from twofold.core.clients import AllowList, Networks, admin_networks, networks_in
from twofold.errors import ConfigurationError
from twofold.fastapi.admin_door import AdminDoor
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
    allowed = AllowList(_read("allowed_ips", admin_networks, allowed_ips), is_open_at_home=not production)
    trusted = _read("trusted_proxies", networks_in, trusted_proxies)
    door = AdminDoor(two_factor, allowed, trusted, is_admin)
    router = APIRouter(
        route_class=door.route_class,
        tags=["Administration"],
        # In the order in which they refuse; before them size, type and origin, behind them the request itself.
        dependencies=[Depends(door.allow_list), Depends(door.admin), Depends(two_factor.require_second_factor())],
    )
    add_user_routes(router, two_factor.host)
    add_everybodys_event_routes(router, two_factor.auth)
    return router


def _read(name: str, read: Callable[[Iterable[str]], Networks], entries: Iterable[str]) -> Networks:
    if isinstance(entries, str):  # whose every character would be an entry
        raise ConfigurationError(f'{name}: give a list, as in {name}=["192.0.2.0/24"].')
    try:
        return read(entries)
    except ValueError as error:
        wide = "; a list of everybody is none" if read is admin_networks else ""
        raise ConfigurationError(
            f"{name}: write IP addresses and networks like 10.0.0.0/8 or fd00::/8{wide}."
        ) from error
