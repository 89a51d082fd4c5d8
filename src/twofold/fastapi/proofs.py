"""How a proof is read: from the body, or from `X-TOTP-Code` in its place."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Generic, TypeVar

from fastapi import Depends, Request

from twofold.core.enrollment import Typed
from twofold.core.totp import TypedCode
from twofold.core.webauthn import given_credential
from twofold.errors import InvalidRequest
from twofold.fastapi.host import Caller, Host
from twofold.fastapi.requests import JsonBody, totp_code_in, totp_header
from twofold.fastapi.schemas import CodeOrKeyRequest, CodeRequest, ProofRequest

C = TypeVar("C", bound=CodeRequest)
PROOFS = ("code", "backup_code", "credential")


class HeaderOrBody(Generic[C]):
    """A dependency: the body, in which `X-TOTP-Code` stands as `code`."""

    def __init__(self, model: type[C]) -> None:
        self.model = model
        self._body = JsonBody(model)

    async def __call__(self, request: Request, header: Annotated[str | None, Depends(totp_header)]) -> C:
        """
        Read the body, or the header in its place.

        Raises:
            InvalidRequest: The body is malformed, or both give a proof.
        """
        given = await self._body(request)
        if header is None:
            return given
        if given.model_fields_set.intersection(PROOFS):
            raise InvalidRequest("X-TOTP-Code and the body both give a proof; send one of them.")
        return self.model.model_validate({**given.model_dump(exclude_unset=True), "code": header})


def code_of(host: Host, body: CodeRequest) -> TypedCode:
    """
    The code that was typed.

    Raises:
        InvalidRequest: There is none, or it cannot be a code.
    """
    if "code" not in body.model_fields_set:
        raise InvalidRequest(errors=[{"field": "code", "message": "Give a code."}])
    return host.auth.typed(body.code)


def proof_of(host: Host, body: CodeOrKeyRequest) -> Typed:
    """
    The one proof that was given.

    Raises:
        InvalidRequest: There is not exactly one, or it cannot be one.
    """
    given = [name for name in PROOFS if name in body.model_fields_set]
    if len(given) != 1:
        possible = [name for name in PROOFS if name in type(body).model_fields]
        raise InvalidRequest(f"Give exactly one proof: {' or '.join(possible)}.")
    if given == ["credential"]:
        return given_credential(body.credential)
    if isinstance(body, ProofRequest) and given == ["backup_code"]:
        return host.auth.typed_backup_code(body.backup_code)
    return code_of(host, body)


def proof_of_caller(host: Host) -> Callable[..., Awaitable[tuple[Caller, Typed]]]:
    """
    A dependency: who asks, and the one proof that was typed; the use case looks itself at what the session owes.

    It spares each step-up a transaction.
    """
    body = HeaderOrBody(ProofRequest)

    async def proof(request: Request, caller: Annotated[Caller, Depends(host.caller)]) -> tuple[Caller, Typed]:
        try:
            return caller, proof_of(host, await body(request, totp_code_in(request)))
        except InvalidRequest:
            # A session that is to end is told so, and nothing of its mistakes.
            await host.settled(caller)
            raise

    proof.model = body.model  # type: ignore[attr-defined]  # For OpenAPI.
    return proof
