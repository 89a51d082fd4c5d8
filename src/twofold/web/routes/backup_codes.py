"""Backup codes: shown once, and a new set in place of the old one."""

import base64
from collections.abc import Sequence
from typing import Annotated

from fastapi import Depends, Response

from twofold.core.factors import Factor
from twofold.errors import NotEnabled
from twofold.web.page_routes import PagesRouter
from twofold.web.proving import asks_for_key, proving, show_touch_of_session
from twofold.web.rendering import Page, Shown
from twofold.web.requests import REFUSALS, GivenForm, method_of, typed_of


async def show_backup_codes(page: Page, codes: Sequence[str], *, first: bool) -> Response:
    """
    The page with a new set, this once.

    Args:
        first: They came with the first factor.
    """
    text = "\n".join(codes) + "\n"
    return await page.show(
        "backup_codes/show.html",
        codes=codes,
        text=text,
        # In the page itself: from an address of its own it could be fetched again.
        file_url=f"data:text/plain;charset=utf-8;base64,{base64.b64encode(text.encode()).decode()}",
        first=first,
        made_at=page.pages.auth.clock.now(),
        next_url=page.url("security"),
    )


def add_backup_code_pages(router: PagesRouter) -> None:
    """Add the pages of backup codes."""
    pages = router.pages
    host = pages.host

    @router.page("/security/backup-codes", "backup_codes")
    async def backup_codes_page(page: Annotated[Page, Depends(router.signed_in_page)]) -> Response:
        return await show_regenerate(page)

    @router.form("/security/backup-codes", "backup_codes_form")
    async def backup_codes_form(
        page: Annotated[Page, Depends(router.signed_in_page)],
        form: GivenForm,
    ) -> Response:
        who = page.session.signed_in
        try:
            if asks_for_key(form):
                return await show_touch_of_session(page)
            typed = typed_of(host, form)
            codes = await page.use(
                lambda auth: auth.backup_codes.regenerate(who.user_id, typed, session_id=who.session_id)
            )
        except NotEnabled:
            return page.go("security", notice="not-on")
        except REFUSALS as error:
            return await show_regenerate(page, error, method_of(form))
        return await show_backup_codes(page, codes, first=False)


async def show_regenerate(page: Page, problem: Shown | None = None, method: str | None = None) -> Response:
    """The page that asks for a proof before the old set is replaced."""
    user_id = page.session.user_id
    status = await page.use(lambda auth: auth.enrollment.status(user_id))
    if not status.enabled:
        return page.go("security", notice="not-on")
    asked = proving(page, "backup_codes", status.methods, status.locked_until, without=[Factor.BACKUP_CODE])
    remaining = status.backup_codes_remaining
    return await page.show(
        "backup_codes/regenerate.html", problem=problem, method=method, proving=asked, remaining=remaining
    )
