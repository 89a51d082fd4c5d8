"""`POST /login` and `POST /login/second-factor`: the host's password check, then the second factor."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.routing import NoMatchFound

from twofold.errors import InvalidRequest, RateLimited, SignInFailed, SignInTokenDead, Unavailable, UnknownUser
from twofold.fastapi.errors import PRIVATE_HEADERS
from twofold.fastapi.host import Host
from twofold.fastapi.openapi import CODE_REFUSED, add_schema, extend, problems
from twofold.fastapi.proofs import proof_of
from twofold.fastapi.requests import TOTP_PARAMETER, JsonBody, TwofoldRoute, client_address, totp_header
from twofold.fastapi.schemas import FinishRequest, SecondFactorRequired
from twofold.fastapi.sessions import CheckedPassword
from twofold.service.sessions import Proved
from twofold.service.sign_in import SecondFactorPending


class _PasswordRoute(TwofoldRoute):
    """A route on which a 401 of the host's means that the credentials are wrong."""

    unauthenticated = SignInFailed


class SecondFactorNeeded(Exception):
    """A password route of somebody else's came as far as the second factor; told with 200, as our own does."""

    def __init__(self, pending: SecondFactorPending) -> None:
        super().__init__()
        self.pending = pending


def install_second_factor_needed(app: FastAPI, routes: Sequence[str]) -> None:
    """
    Tell `SecondFactorNeeded`.

    Args:
        routes: The names of the password routes of somebody else's, whose descriptions do not know of it.
    """

    async def told(_: Request, needed: Exception) -> JSONResponse:
        answer = second_factor_required(needed.pending) if isinstance(needed, SecondFactorNeeded) else None
        content = answer.model_dump(mode="json", exclude_unset=True) if answer else {}
        return JSONResponse(content, headers=PRIVATE_HEADERS)

    app.add_exception_handler(SecondFactorNeeded, told)
    extend(app, lambda schema: _describe(app, schema, routes))


def _describe(app: FastAPI, schema: dict[str, Any], routes: Sequence[str]) -> None:
    """Say of password routes what they may answer now, and what they may be given."""
    for name in routes:
        with suppress(NoMatchFound):  # the application has left it out
            for operation in schema["paths"].get(app.url_path_for(name), {}).values():
                ok = operation["responses"].setdefault("200", {"description": "Successful Response"})
                json = ok.setdefault("content", {}).setdefault("application/json", {})
                answers = [json["schema"]] if json.get("schema") else []
                json["schema"] = {"anyOf": [*answers, add_schema(schema, SecondFactorRequired)]}
                operation.setdefault("parameters", []).append(TOTP_PARAMETER)


def sign_in_routes(host: Host, check_password: Callable[..., Any] | None, path: str) -> APIRouter:
    """The routes of signing in; without *check_password* only the second step."""
    router = APIRouter(route_class=_PasswordRoute, tags=["Sign-in"])
    if check_password is not None:
        _add_first_step(router, host, check_password, path)
    _add_second_step(router, host, path)
    host.own_routes += router.routes
    return router


def sign_in_dependency(host: Host, check_password: Callable[..., Any]) -> Callable[..., Awaitable[BaseModel]]:
    """A dependency: from the right password to a session, or to the second factor."""

    async def sign_in(
        request: Request,
        response: Response,
        checked: Annotated[Any, Depends(check_password)],
        sessions: Annotated[Any, Depends(host.sessions)],
        code: Annotated[str | None, Depends(totp_header)],
    ) -> BaseModel:
        # On a route of the host's own too.
        response.headers.update(PRIVATE_HEADERS)
        begun = await begin_sign_in(host, checked, code, client_address(request))
        if isinstance(begun, SecondFactorPending):
            return second_factor_required(begun)
        return await _signed_in(host, sessions, begun)

    host.sign_ins.append(sign_in)
    return sign_in


async def begin_sign_in(
    host: Host, checked: Any, code: str | None, address: str | None
) -> Proved | SecondFactorPending:
    """
    Go on after the right password.

    Args:
        checked: What the host's password check returned: a user's id, or a `CheckedPassword`.
        code: A TOTP code that came along.
        address: Where the request came from.

    Raises:
        SignInFailed: The user is gone.
    """
    known = isinstance(checked, CheckedPassword)
    user_id, epoch = (checked.user_id, checked.epoch) if known else (checked, None)
    try:
        return await host.auth.run(lambda auth: auth.sign_in.begin(user_id, code, epoch=epoch), client_address=address)
    except UnknownUser:
        raise SignInFailed from None


def _add_first_step(router: APIRouter, host: Host, check_password: Callable[..., Any], path: str) -> None:
    @router.post(
        path,
        summary="Sign in with a password",
        response_model=host.signed_in_model | SecondFactorRequired,
        response_model_exclude_unset=True,
        responses=problems(SignInFailed, InvalidRequest, RateLimited, *CODE_REFUSED, Unavailable),
    )
    async def login(answer: Annotated[Any, Depends(sign_in_dependency(host, check_password))]) -> Any:
        """
        Signs in where the password is enough. Otherwise answers with a `sign_in_token` for the second step, unless
        `X-TOTP-Code` came along: then one request does both.
        """
        return answer


def _add_second_step(router: APIRouter, host: Host, path: str) -> None:
    @router.post(
        f"{path}/second-factor",
        summary="Finish signing in with the second factor",
        response_model=host.signed_in_model,
        response_model_exclude_unset=True,
        responses=problems(SignInTokenDead, InvalidRequest, *CODE_REFUSED, Unavailable),
    )
    async def finish(
        request: Request,
        body: Annotated[FinishRequest, Depends(JsonBody(FinishRequest))],
        sessions: Annotated[Any, Depends(host.sessions)],
    ) -> Any:
        """The token survives typos; it ends with success, after its time, or when factor or password change."""
        typed, token = proof_of(host, body), body.sign_in_token
        proved = await host.auth.run(
            lambda auth: auth.sign_in.finish(token, typed), client_address=client_address(request)
        )
        return await _signed_in(host, sessions, proved)


async def _signed_in(host: Host, sessions: Any, proved: Proved) -> BaseModel:
    left = proved.backup_codes_remaining
    values = {"status": "signed_in"} if left is None else {"status": "signed_in", "backup_codes_remaining": left}
    return await host.started(sessions, proved, host.signed_in_model, **values)


def second_factor_required(pending: SecondFactorPending) -> SecondFactorRequired:
    """The answer for a right password whose second factor is still to come."""
    locked = {} if pending.locked_until is None else {"locked_until": pending.locked_until}
    return SecondFactorRequired(
        status="second_factor_required",
        sign_in_token=pending.sign_in_token,
        methods=list(pending.methods),
        expires_at=pending.expires_at,
        **locked,
    )
