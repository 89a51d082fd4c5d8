"""Every error of an application as a page where a browser asks; elsewhere as it was told before."""

from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any, cast

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from twofold.errors import TwofoldError
from twofold.fastapi.errors import Problem
from twofold.web.accept import prefers_html
from twofold.web.page_routes import PagesRouter
from twofold.web.rendering import Page, Shown

Teller = Callable[[Request, Exception], Response | Awaitable[Response]]


def install_error_pages(app: FastAPI, router: PagesRouter) -> None:
    """
    Tell every error as a page of *router* where `Accept` prefers HTML; elsewhere it is told as before.

    To be called after whatever else tells errors was installed: `TwoFactor.install`, `install_problem_details`.
    """
    for kind in (TwofoldError, Problem, HTTPException, RequestValidationError, Exception):
        if before := app.exception_handlers.get(kind):
            app.add_exception_handler(kind, _teller(router, cast("Teller", before)))


def _teller(router: PagesRouter, before: Teller) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def told(request: Request, error: Exception) -> Response:
        if prefers_html(request.headers.get("accept")):
            known: Any = error if isinstance(error, Shown) else TwofoldError()
            return await Page(router.pages, request, Response()).error(known)
        answer = before(request, error)
        return await answer if isawaitable(answer) else answer

    return told
