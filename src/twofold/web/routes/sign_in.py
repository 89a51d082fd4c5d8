"""Signing in with a password, then with the second factor; signing out; making an account."""

from collections.abc import Callable
from typing import Annotated, Any, cast

from fastapi import Depends, Response

from twofold.fastapi.routes.sign_in import begin_sign_in
from twofold.fastapi.sessions import call
from twofold.service.sign_in import SecondFactorPending
from twofold.web.notices import CODES_LEFT
from twofold.web.page_routes import PagesRouter
from twofold.web.proving import asks_for_key, proving, show_touch
from twofold.web.rendering import NO_COOKIES, Page, Shown
from twofold.web.requests import REFUSALS, GivenForm, method_of, typed_before, typed_of
from twofold.web.sessions import EndsSessions


def add_sign_in_pages(router: PagesRouter, check_password: Callable[..., Any]) -> None:
    """
    Add the pages of signing in.

    Args:
        check_password: The host's dependency that takes a form and returns whose password it is, or raises.
    """
    _add_password(router, check_password)
    _add_second_factor(router)


def _add_password(router: PagesRouter, check_password: Callable[..., Any]) -> None:
    pages = router.pages
    host = pages.host

    @router.page("/login", "login")
    async def login_page(page: Annotated[Page, Depends(router.open_page)]) -> Response:
        return await show_login(page)

    @router.form("/login", "login_form", again=show_login)
    async def login_form(
        page: Annotated[Page, Depends(router.open_page)],
        checked: Annotated[Any, Depends(check_password)],
        sessions: Annotated[Any, Depends(host.sessions)],
    ) -> Response:
        begun = await begin_sign_in(host, checked, None, page.client_address)
        if isinstance(begun, SecondFactorPending):
            page.keep_sign_in(begun.sign_in_token)
            return page.go("second_factor", next=page.onward or "")
        await host.start(sessions, begun)
        page.forget_sign_in()
        return page.go(page.onward_or_home())


def _add_second_factor(router: PagesRouter) -> None:
    pages = router.pages
    host = pages.host

    @router.page("/login/second-factor", "second_factor")
    async def second_factor_page(page: Annotated[Page, Depends(router.open_page)]) -> Response:
        return await show_second_factor(page)

    @router.form("/login/second-factor", "second_factor_form")
    async def second_factor_form(
        page: Annotated[Page, Depends(router.open_page)],
        form: GivenForm,
        sessions: Annotated[Any, Depends(host.sessions)],
    ) -> Response:
        token, address, here = page.sign_in_token, page.client_address, page.here
        if asks_for_key(form):
            options = await host.auth.run(lambda auth: auth.webauthn.sign_in_options(token), client_address=address)
            return await show_touch(page, "get", options, action=here, back_url=here)
        try:
            typed = typed_of(host, form)
            proved = await host.auth.run(lambda auth: auth.sign_in.finish(token, typed), client_address=address)
        except REFUSALS as error:
            return await show_second_factor(page, error, method_of(form))
        await host.start(sessions, proved)
        page.forget_sign_in()
        left = proved.backup_codes_remaining
        return page.go(page.onward_or_home(), notice=None if left is None else f"{CODES_LEFT}{left}")


def add_sign_out(router: PagesRouter) -> None:
    """Add what a button leads to that ends the session, where the host's class of sessions can end one."""

    @router.form("/logout", "logout")
    async def logout_form(page: Annotated[Page, Depends(router.signed_in_page)]) -> Response:
        who, sessions = page.session.signed_in, cast("EndsSessions", page.session.sessions)
        await call(sessions.end, who)
        await page.use(lambda auth: auth.sessions.ended(who.user_id, who.session_id))
        return page.go("login", notice="signed-out")


def add_register_pages(router: PagesRouter, register: Callable[..., Any]) -> None:
    """
    Add the pages of making an account.

    Args:
        register: The host's dependency that takes a form and makes the account, or raises.
    """
    pages = router.pages
    pages.registers = True

    @router.page("/register", "register")
    async def register_page(page: Annotated[Page, Depends(router.open_page)]) -> Response:
        return await show_register(page)

    @router.form("/register", "register_form", again=show_register, dependencies=[Depends(register)])
    async def register_form(page: Annotated[Page, Depends(router.open_page)]) -> Response:
        return page.go("login", notice="registered", next=page.onward or "")


async def show_login(page: Page, problem: Shown | None = None) -> Response:
    """The page that asks for the password."""
    onward = page.onward or ""
    return await page.show(
        "sign_in/password.html",
        problem=problem,
        email=await typed_before(page.request, "email"),
        action=page.url("login", next=onward),
        no_cookies=page.request.query_params.get("cookies") == NO_COOKIES,
        register_url=page.url("register", next=onward) if page.pages.registers else None,
    )


async def show_second_factor(page: Page, problem: Shown | None = None, method: str | None = None) -> Response:
    """The page that asks for the second factor of the sign-in that waits in this browser."""
    host = page.pages.host
    token = page.sign_in_token
    pending = await host.auth.run(lambda auth: auth.sign_in.waiting(token), client_address=page.client_address)
    asked = proving(page, "second_factor", pending.methods, pending.locked_until)
    return await page.show(
        "sign_in/second_factor.html",
        problem=problem,
        method=method,
        proving=asked,
        start_again_url=page.url("login", next=page.onward or ""),
    )


async def show_register(page: Page, problem: Shown | None = None) -> Response:
    """The page that asks for what an account begins with."""
    login_url, email = page.url("login", next=page.onward or ""), await typed_before(page.request, "email")
    return await page.show("account/register.html", problem=problem, email=email, login_url=login_url)
