"""Setting up an authenticator app in three steps: scan, type the code, keep the backup codes."""

from typing import Annotated

from fastapi import Depends, Response

from twofold.core.factors import Factor
from twofold.errors import AlreadyEnabled, InvalidRequest, NoSetupPending
from twofold.fastapi.cores import on_a_core
from twofold.fastapi.guards import Guard
from twofold.service.enrollment import Status
from twofold.service.totp import SetUp
from twofold.web.page_routes import PagesRouter
from twofold.web.rendering import Page, Shown
from twofold.web.requests import REFUSALS, GivenForm
from twofold.web.routes.backup_codes import show_backup_codes


def add_totp_pages(router: PagesRouter, fresh: Guard) -> None:
    """
    Add the pages of an authenticator app.

    Args:
        fresh: The guard that asks for a fresh second factor where one is active.
    """
    _add_set_up(router, fresh)
    _add_verify(router, fresh)


def _add_set_up(router: PagesRouter, fresh: Guard) -> None:

    @router.page("/security/setup", "set_up", dependencies=[Depends(fresh)])
    async def set_up_page(page: Annotated[Page, Depends(router.signed_in_page)]) -> Response:
        # A set-up that waits is shown again to the session that began it, and to no other.
        try:
            return await show_set_up(page, await _begun(page))
        except NoSetupPending:
            status = await _status(page)
            replacing = Factor.TOTP in status.methods
            return await page.show("totp/begin.html", replacing=replacing, pending=status.pending)

    @router.form("/security/setup", "set_up_form", dependencies=[Depends(fresh)])
    async def set_up_form(page: Annotated[Page, Depends(router.signed_in_page)], form: GivenForm) -> Response:
        who, replace = page.session.signed_in, form.get("replace") == "1"
        try:
            set_up = await page.use(
                lambda auth: auth.totp.set_up(
                    who.user_id, replace=replace, session_id=who.session_id, issuer=who.issuer, account=who.account
                )
            )
        except AlreadyEnabled:
            return page.go("security", notice="already-on")
        return await show_set_up(page, set_up)


def _add_verify(router: PagesRouter, fresh: Guard) -> None:
    pages = router.pages

    @router.page("/security/setup/verify", "verify_set_up")
    async def verify_set_up_page(page: Annotated[Page, Depends(router.signed_in_page)]) -> Response:
        # Who comes back to the address of an answer that is not shown again.
        return page.go("set_up")

    @router.form("/security/setup/verify", "verify_set_up_form")
    async def verify_set_up_form(page: Annotated[Page, Depends(router.signed_in_page)], form: GivenForm) -> Response:
        who, replaced = page.session.signed_in, Factor.TOTP in (await _status(page)).methods
        try:
            if "code" not in form:
                raise InvalidRequest
            typed = pages.auth.typed(form["code"])
            confirmed = await page.use(lambda auth: auth.totp.confirm(who.user_id, typed, session_id=who.session_id))
        except NoSetupPending:
            return page.go("security", notice="no-set-up")
        except REFUSALS as error:
            # The secret is shown again: to whom the page of set-up would show it, and to nobody else.
            await fresh(page.session, None)
            return await _refused(page, error)
        await pages.host.start(page.session.sessions, confirmed.proved)
        if confirmed.backup_codes is None:
            return page.go("security", notice="app-replaced" if replaced else "app-added")
        return await show_backup_codes(page, confirmed.backup_codes, first=True)


async def show_set_up(page: Page, set_up: SetUp, problem: Shown | None = None) -> Response:
    """The page with the secret, for the session that began."""
    return await page.show(
        "totp/set_up.html",
        problem=problem,
        qr_code=await on_a_core(lambda: set_up.qr_code),
        secret=set_up.secret.base32,
        otpauth_uri=set_up.otpauth_uri,
        issuer=set_up.issuer,
        expires_at=set_up.expires_at,
        digits=set_up.secret.digits,
        replacing=Factor.TOTP in (await _status(page)).methods,
    )


async def _refused(page: Page, error: Shown) -> Response:
    try:
        return await show_set_up(page, await _begun(page), error)
    except NoSetupPending:
        # Another session began it: the secret is shown to that one alone.
        return page.go("set_up", notice="no-set-up")


async def _begun(page: Page) -> SetUp:
    who = page.session.signed_in
    return await page.use(
        lambda auth: auth.totp.begun(who.user_id, who.session_id, issuer=who.issuer, account=who.account)
    )


async def _status(page: Page) -> Status:
    user_id = page.session.user_id
    return await page.use(lambda auth: auth.enrollment.status(user_id))
