"""Security at a glance, and turning two-factor authentication off."""

from typing import Annotated, Any

from fastapi import Depends, Response

from twofold.errors import NotEnabled
from twofold.web.page_routes import PagesRouter
from twofold.web.proving import asks_for_key, proving, show_touch_of_session
from twofold.web.rendering import Page, Shown
from twofold.web.requests import REFUSALS, GivenForm, method_of, typed_of
from twofold.web.routes.events import ShownEvent, shown_events

GLANCE = 5
"""So many of the last events stand on the page of security."""


def add_enrollment_pages(router: PagesRouter) -> None:
    """Add the pages of the whole second factor."""
    pages = router.pages
    host = pages.host

    @router.page("/security", "security")
    async def security_page(page: Annotated[Page, Depends(router.signed_in_page)]) -> Response:
        user_id = page.session.user_id
        status = await page.use(lambda auth: auth.enrollment.status(user_id))
        keys: Any = []
        if pages.auth.offers_webauthn:
            keys = await page.use(lambda auth: auth.webauthn.keys(user_id))
        return await page.show("enrollment/security.html", status=status, keys=keys, activity=await last_events(page))

    @router.page("/security/disable", "disable")
    async def disable_page(page: Annotated[Page, Depends(router.signed_in_page)]) -> Response:
        return await show_disable(page)

    @router.form("/security/disable", "disable_form")
    async def disable_form(
        page: Annotated[Page, Depends(router.signed_in_page)],
        form: GivenForm,
    ) -> Response:
        who = page.session.signed_in
        try:
            if asks_for_key(form):
                return await show_touch_of_session(page)
            typed = typed_of(host, form)
            proved = await page.use(lambda auth: auth.enrollment.disable(who.user_id, typed, session_id=who.session_id))
        except NotEnabled:
            return page.go("security", notice="not-on")
        except REFUSALS as error:
            return await show_disable(page, error, method_of(form))
        await host.start(page.session.sessions, proved)
        return page.go("security", notice="disabled")


async def last_events(page: Page) -> list[ShownEvent] | None:
    """The last of them, where the session has proved what the page of activity asks for."""
    state, user_id = page.session.state, page.session.user_id
    if state.enabled and state.assurance is None:
        return None
    found = await page.use(lambda auth: auth.events.page(user_id, at_most=GLANCE))
    return shown_events(page, found.items)


async def show_disable(page: Page, problem: Shown | None = None, method: str | None = None) -> Response:
    """The page that asks for a proof before everything is turned off."""
    user_id = page.session.user_id
    status = await page.use(lambda auth: auth.enrollment.status(user_id))
    if not status.enabled:
        return page.go("security", notice="not-on")
    asked = proving(page, "disable", status.methods, status.locked_until)
    return await page.show("enrollment/disable.html", problem=problem, method=method, proving=asked)
