"""`two_factor_admin_pages`: the pages of administration, behind the same door as its JSON routes."""

from collections.abc import Callable, Iterable
from typing import Any

from twofold.fastapi.admin_door import admin_door
from twofold.web.page_routes import PagesRouter
from twofold.web.routes.users import add_user_pages


def two_factor_admin_pages(
    router: PagesRouter,
    *,
    is_admin: Callable[..., Any],
    allowed_ips: Iterable[str],
    trusted_proxies: Iterable[str] = (),
    production: bool = True,
) -> None:
    """
    Add the pages of administration, `/admin/2fa` below the prefix of the others, before the router is included.

    Args:
        router: What `two_factor_pages` returned.
        is_admin: As for `two_factor_admin`, for the sessions of pages; so the others, too.

    Raises:
        ConfigurationError: An address or a network is none, or is everybody.
    """
    door = admin_door(
        router.pages.two_factor,
        is_admin=is_admin,
        allowed_ips=allowed_ips,
        trusted_proxies=trusted_proxies,
        production=production,
    )
    add_user_pages(router, door)
