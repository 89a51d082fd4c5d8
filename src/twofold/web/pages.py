"""`two_factor_pages`: all pages, for a host to mount."""

from collections.abc import Callable
from typing import Any

from twofold.fastapi.guards import second_factor_guard
from twofold.fastapi.two_factor import TwoFactor
from twofold.web.look import Look
from twofold.web.mounting import Pages
from twofold.web.page_routes import PagesRouter
from twofold.web.routes.assets import add_assets
from twofold.web.routes.backup_codes import add_backup_code_pages
from twofold.web.routes.enrollment import add_enrollment_pages
from twofold.web.routes.events import add_event_pages
from twofold.web.routes.sessions import add_session_pages
from twofold.web.routes.sign_in import add_register_pages, add_sign_in_pages, add_sign_out
from twofold.web.routes.step_up import add_step_up_pages
from twofold.web.routes.totp import add_totp_pages
from twofold.web.routes.webauthn import add_webauthn_pages


def two_factor_pages(
    two_factor: TwoFactor[Any],
    check_password: Callable[..., Any],
    *,
    register: Callable[..., Any] | None = None,
    look: Look | None = None,
    home: str | None = None,
    public_url: str = "",
) -> PagesRouter:
    """
    Pages for people: signing in, the second factor, and all that a person does about it.

    They take the use cases that the JSON routes take, and no request goes from one to the other. The sessions of
    *two_factor* must be such as a browser carries: in a cookie, `HttpOnly`, `Secure`, `SameSite=Lax`.

    Args:
        two_factor: Need not be installed, where the same application has JSON routes with other sessions.
        check_password: A dependency that takes the form fields `email` and `password` and returns whose they are, as
            for `TwoFactor.sign_in_router`.
        register: A dependency that takes the same fields and makes an account; without it there is no such page.
        look: Name, color, logo, templates and words, where they are not ours.
        home: The path where people go who have signed in; to the page of security where it is not given.
        public_url: The origin under which people use the pages: who reads one under another name is led there.

    Raises:
        ConfigurationError: Something in *look* cannot be used; the text says what to write.
    """
    pages = Pages(two_factor, look or Look(), home=home, public_url=public_url)
    router, policy = PagesRouter(pages), two_factor.auth.policy
    fresh_to_set_up = second_factor_guard(two_factor.host, policy.max_age, if_enabled=True, to_set_up=True)
    # Proved at any time in this session, as for the same things in JSON.
    life = int(policy.session_life.total_seconds())
    proved = two_factor.require_second_factor(max_age=life, if_enabled=True)
    add_assets(router)
    add_sign_in_pages(router, check_password)
    if register is not None:
        add_register_pages(router, register)
    if pages.can("end"):
        add_sign_out(router)
    add_enrollment_pages(router)
    add_step_up_pages(router)
    add_totp_pages(router, fresh_to_set_up)
    add_backup_code_pages(router)
    if two_factor.auth.offers_webauthn:
        add_webauthn_pages(router, fresh_to_set_up, two_factor.require_second_factor(if_enabled=True))
    if pages.can("listed") and pages.can("end_listed"):
        add_session_pages(router)
    add_event_pages(router, proved)
    two_factor.host.own_routes += router.routes
    return router
