"""Confirming with the second factor that it is still the same person, before something that matters."""

from typing import Annotated

from fastapi import Depends, Response

from twofold.errors import NotEnabled
from twofold.web.page_routes import PagesRouter
from twofold.web.proving import asks_for_key, proving, show_touch_of_session
from twofold.web.rendering import Page, Shown
from twofold.web.requests import REFUSALS, GivenForm, method_of, typed_of


def add_step_up_pages(router: PagesRouter) -> None:
    """Add the page to which everybody is led who needs a fresher second factor; it leads on."""
    pages = router.pages
    host = pages.host

    @router.page("/security/confirm", "confirm")
    async def confirm_page(page: Annotated[Page, Depends(router.signed_in_page)]) -> Response:
        return await show_confirm(page)

    @router.form("/security/confirm", "confirm_form")
    async def confirm_form(
        page: Annotated[Page, Depends(router.signed_in_page)],
        form: GivenForm,
    ) -> Response:
        who = page.session.signed_in
        try:
            if asks_for_key(form):
                return await show_touch_of_session(page)
            typed = typed_of(host, form)
            await page.use(lambda auth: auth.step_up.prove(who.user_id, who.session_id, typed))
        except NotEnabled:
            return page.go("security", notice="not-on")
        except REFUSALS as error:
            return await show_confirm(page, error, method_of(form))
        return page.go(page.onward or "security", notice="confirmed")


async def show_confirm(page: Page, problem: Shown | None = None, method: str | None = None) -> Response:
    """The page that asks who it is."""
    user_id = page.session.user_id
    status = await page.use(lambda auth: auth.enrollment.status(user_id))
    if not status.enabled:
        return page.go("security", notice="not-on")
    asked = proving(page, "confirm", status.methods, status.locked_until)
    back_url = page.url("security")
    return await page.show("step_up/confirm.html", problem=problem, method=method, proving=asked, back_url=back_url)
