"""The pages that are not the library's: where one begins, the password, leaving; and what people type to sign in."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from fastapi import Depends, Form, Response, params

from app.routes.account import PASSWORD_MAX, GivenPasswords
from app.utils.two_factor_auth import CookieSessions, cookie_sessions
from twofold.errors import InvalidRequest, RateLimited, SignInFailed, TwofoldError
from twofold.fastapi.sessions import CheckedPassword
from twofold.web.page_routes import PagesRouter
from twofold.web.rendering import Page
from twofold.web.requests import GivenForm

EmailField = Annotated[str, Form(max_length=1024)]
PasswordField = Annotated[str, Form(max_length=PASSWORD_MAX)]
Ours = Annotated[CookieSessions, Depends(cookie_sessions)]
REFUSALS = (InvalidRequest, SignInFailed, RateLimited)
"""What a form is shown again for."""


async def check_form_password(passwords: GivenPasswords, email: EmailField, password: PasswordField) -> CheckedPassword:
    """Whose credentials these are, for the library."""
    return await passwords.check_credentials(email, password)


async def register_form(passwords: GivenPasswords, email: EmailField, password: PasswordField) -> None:
    """Make an account, for the library."""
    await passwords.register(email, password)


def add_account_pages(router: PagesRouter) -> None:
    """Add the pages of the application's own to the library's."""
    pages = router.pages
    ask = [Depends(pages.two_factor.require_second_factor(if_enabled=True))]
    _add_password(router, ask)
    _add_leaving(router, ask)

    @router.page("/", "start")
    async def start_page(page: Annotated[Page, Depends(router.open_page)]) -> Response:
        return page.go("security")


def _add_password(router: PagesRouter, ask: Sequence[params.Depends]) -> None:
    host = router.pages.host

    # Asked for before the page, too: nobody types a password and is told only then that a code is missing.
    @router.page("/security/password", "password", dependencies=ask)
    async def password_page(page: Annotated[Page, Depends(router.signed_in_page)]) -> Response:
        return await page.show("account/password.html")

    @router.form("/security/password", "password_form", dependencies=ask)
    async def password_form(
        page: Annotated[Page, Depends(router.signed_in_page)],
        form: GivenForm,
        passwords: GivenPasswords,
        sessions: Ours,
    ) -> Response:
        try:
            old, new = typed_password(form, "current_password"), typed_password(form, "new_password")
            await passwords.change(host, page.session, old, new)
        except REFUSALS as error:
            return await page.show("account/password.html", problem=of_own_password(error))
        sessions.forget()
        return page.go("login", notice="password-changed")


def _add_leaving(router: PagesRouter, ask: Sequence[params.Depends]) -> None:
    host = router.pages.host

    @router.page("/security/leave", "leave", dependencies=ask)
    async def leave_page(page: Annotated[Page, Depends(router.signed_in_page)]) -> Response:
        return await page.show("account/leave.html")

    @router.form("/security/leave", "leave_form", dependencies=ask)
    async def leave_form(
        page: Annotated[Page, Depends(router.signed_in_page)],
        form: GivenForm,
        passwords: GivenPasswords,
        sessions: Ours,
    ) -> Response:
        try:
            await passwords.leave(host, page.session, typed_password(form, "password"))
        except REFUSALS as error:
            return await page.show("account/leave.html", problem=of_own_password(error))
        sessions.forget()
        return page.go("login", notice="left")


def typed_password(form: Mapping[str, str], field: str) -> str:
    """
    A password as it was typed.

    Raises:
        InvalidRequest: Nothing was, or more than any password has.
    """
    typed = form.get(field, "")
    if not typed:
        raise InvalidRequest(errors=[{"field": field, "message": "Fill this in."}])
    if len(typed) > PASSWORD_MAX:
        raise InvalidRequest(errors=[{"field": field, "message": f"A password has at most {PASSWORD_MAX} characters."}])
    return typed


def of_own_password(error: TwofoldError) -> TwofoldError:
    """What went wrong, said to somebody who is signed in: there is no address that could be wrong."""
    return SignInFailed("That is not your password. Type it once more.") if isinstance(error, SignInFailed) else error
