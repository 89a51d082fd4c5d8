"""Routes of pages: what is refused before anything else, and what went wrong as a page."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from twofold.errors import NotSignedIn, SignInFailed, SignInTokenDead, StepUpRequired, TwofoldError
from twofold.fastapi.errors import Problem
from twofold.fastapi.host import CurrentSession
from twofold.fastapi.requests import Handler, read_body
from twofold.web.accept import prefers_html
from twofold.web.mounting import ROUTE_PREFIX, Pages
from twofold.web.rendering import Page, Shown, known_problem
from twofold.web.requests import refuse_foreign_site, refuse_foreign_type

Again = Callable[[Page, Shown], Awaitable[Response]]
"""Shows a form once more, with what was wrong with it."""

Watch = Callable[[Handler], Handler]

UNAUTHENTICATED = 401


class PagesRouter(APIRouter):
    """
    The routes of all pages of one mounting.

    Args:
        pages: What they share.

    Attributes:
        open_page: A dependency: the page of one request.
        signed_in_page: A dependency: the same, for the session that asks.
    """

    def __init__(self, pages: Pages) -> None:
        super().__init__(include_in_schema=False, route_class=page_route(pages))
        self.pages = pages
        self.open_page = _open_page(pages)
        self.signed_in_page = _signed_in_page(pages, self.open_page)

    def page(
        self,
        path: str,
        name: str,
        *,
        again: Again | None = None,
        watched: Watch | None = None,
        method: str = "GET",
        **options: Any,
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """
        Decorate a function that answers a request for a page.

        Args:
            name: What it is called in links.
            again: Shows the form once more where it was refused before the function was reached.
            watched: Stands around what answers, and sees each refusal that is no matter of the request itself.
            options: Those of FastAPI's routes.
        """

        def add(function: Callable[..., Any]) -> Callable[..., Any]:
            route_class = page_route(self.pages, again, watched)
            self.add_api_route(
                path,
                function,
                methods=[method],
                name=ROUTE_PREFIX + name,
                response_model=None,
                route_class_override=route_class,
                **options,
            )
            return function

        return add

    def form(
        self, path: str, name: str, *, again: Again | None = None, **options: Any
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Decorate a function that takes a form; the rest as `page`."""
        return self.page(path, name, again=again, method="POST", **options)


def _open_page(pages: Pages) -> Callable[..., Awaitable[Page]]:
    async def open_page(request: Request, response: Response) -> Page:
        return Page(pages, request, response)

    return open_page


def _signed_in_page(pages: Pages, open_page: Callable[..., Awaitable[Page]]) -> Callable[..., Awaitable[Page]]:
    async def signed_in_page(
        page: Annotated[Page, Depends(open_page)], current: Annotated[CurrentSession, Depends(pages.host.current)]
    ) -> Page:
        page.current = current
        return page

    return signed_in_page


def page_route(pages: Pages, again: Again | None = None, watched: Watch | None = None) -> type[APIRoute]:
    """The class of a route of *pages*."""

    class PageRoute(APIRoute):
        two_factor = pages.two_factor  # For the doctor, which may know the application by another one.

        def get_route_handler(self) -> Handler:
            handler = super().get_route_handler()
            handler = handler if watched is None else watched(handler)

            async def handle(request: Request) -> Response:
                page = Page(pages, request, Response())
                try:
                    return await _answered(page, handler)
                except (TwofoldError, Problem, HTTPException, RequestValidationError) as error:
                    return await _refused(page, error, again)

            return handle

    return PageRoute


async def _answered(page: Page, handler: Handler) -> Response:
    await read_body(page.request)
    refuse_foreign_type(page.request)
    refuse_foreign_site(page.request, page.pages.public_url)
    return page.pages.elsewhere(page.request) or await handler(page.request)


async def _refused(page: Page, error: Shown, again: Again | None) -> Response:
    """What a browser is shown; whoever else asks is told the problem as everywhere."""
    if again is not None and not _of_the_request(error):
        # Where somebody signs in or registers, a 401 of the host's means that the credentials are wrong.
        return await again(page, SignInFailed() if _is_bare_401(error) else error)
    if isinstance(error, StepUpRequired):
        return page.to_confirm()
    if isinstance(error, SignInTokenDead):
        page.forget_sign_in()
        return page.to_begin_anew()
    if isinstance(error, NotSignedIn) or _is_bare_401(error):
        return page.to_sign_in()
    if prefers_html(page.request.headers.get("accept")):
        return await page.error(error)
    raise error


def _is_bare_401(error: Shown) -> bool:
    return isinstance(error, HTTPException) and error.status_code == UNAUTHENTICATED


def _of_the_request(error: Shown) -> bool:
    """Whether nothing in the form would mend it: its size, its type, or where it came from."""
    return isinstance(error, Problem) and known_problem(error).status in {403, 413, 415}
