"""`/webauthn`: the user's keys, and the two ceremonies of WebAuthn."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from twofold.core.webauthn import given_credential
from twofold.errors import (
    AlreadyRegistered,
    InvalidKey,
    InvalidRequest,
    LastFactor,
    Locked,
    NotEnabled,
    NotFound,
    NotSignedIn,
    SignInTokenDead,
    StepUpRequired,
    TooManyKeys,
    Unavailable,
)
from twofold.fastapi.errors import PRIVATE_HEADERS
from twofold.fastapi.guards import Guard
from twofold.fastapi.host import CurrentSession, Host
from twofold.fastapi.openapi import CODE_REFUSED, problems
from twofold.fastapi.requests import Handler, JsonBody, TwofoldRoute, client_address, strict_json
from twofold.fastapi.schemas import KeyItem, KeyNameRequest, KeyOptionsRequest, KeyRequest, KeysAnswer

Options = dict[str, Any]
CREATION_EXAMPLE = {
    "rp": {"id": "example.com", "name": "Acme"},
    "user": {"id": "3q2-7w...", "name": "ann@example.com", "displayName": "ann@example.com"},
    "challenge": "Lm9q...",
    "pubKeyCredParams": [{"type": "public-key", "alg": -7}],
    "timeout": 300_000,
    "excludeCredentials": [],
    "authenticatorSelection": {"residentKey": "discouraged", "userVerification": "preferred"},
    "attestation": "none",
}
REQUEST_EXAMPLE = {
    "rpId": "example.com",
    "challenge": "Lm9q...",
    "timeout": 300_000,
    "allowCredentials": [{"type": "public-key", "id": "uTmT3xrfbX0", "transports": ["usb"]}],
    "userVerification": "preferred",
}


def add_webauthn_routes(router: APIRouter, host: Host, fresh_to_set_up: Guard, fresh: Guard) -> None:
    """
    Add the routes of WebAuthn keys.

    Args:
        fresh_to_set_up: The guard of whoever wants to set up a factor.
        fresh: The guard that asks for a fresh second factor where one is active.
    """
    _add_list(router, host, fresh)
    _add_registration(router, host, fresh_to_set_up)
    _add_authentication(router, host)


def _add_list(router: APIRouter, host: Host, fresh: Guard) -> None:
    @router.get("/webauthn", summary="The user's keys", responses=problems(NotSignedIn, Unavailable))
    async def webauthn_keys(current: Annotated[CurrentSession, Depends(host.current)]) -> KeysAnswer:
        """Names and moments; nothing with which anybody else could ask for them."""
        found = await host.use(current, lambda auth: auth.webauthn.keys(current.user_id))
        return KeysAnswer(items=[KeyItem.model_validate(key) for key in found])

    @router.patch(
        "/webauthn/{id}",
        summary="Give a key another name",
        dependencies=[Depends(fresh)],
        responses=problems(NotSignedIn, StepUpRequired, NotFound, InvalidRequest, *CODE_REFUSED, Unavailable),
    )
    async def rename_key(
        id: str,  # noqa: A002 - the name on the wire
        current: Annotated[CurrentSession, Depends(host.current)],
        body: Annotated[KeyNameRequest, Depends(JsonBody(KeyNameRequest))],
    ) -> KeyItem:
        """Sessions stay as they are."""
        who = current.signed_in
        key = await host.use(current, lambda auth: auth.webauthn.rename(who.user_id, who.session_id, id, body.name))
        return KeyItem.model_validate(key)

    @router.delete(
        "/webauthn/{id}",
        summary="Remove a key",
        dependencies=[Depends(fresh)],
        response_model=host.removed_model,
        response_model_exclude_unset=True,
        responses=problems(NotSignedIn, StepUpRequired, NotFound, LastFactor, *CODE_REFUSED, Unavailable),
    )
    async def remove_key(
        id: str,  # noqa: A002 - the name on the wire
        current: Annotated[CurrentSession, Depends(host.current)],
    ) -> Any:
        """All sessions end, and a new one starts. The last second factor is not removed, but disabled."""
        who = current.signed_in
        proved = await host.use(current, lambda auth: auth.webauthn.remove(who.user_id, who.session_id, id))
        return await host.started(current.sessions, proved, host.removed_model, enabled=True)


def _add_registration(router: APIRouter, host: Host, fresh_to_set_up: Guard) -> None:
    @router.post(
        "/webauthn/register/options",
        summary="Begin to register a key",
        dependencies=[Depends(fresh_to_set_up)],
        responses=_told(CREATION_EXAMPLE)
        | problems(NotSignedIn, StepUpRequired, InvalidRequest, TooManyKeys, *CODE_REFUSED, Unavailable),
    )
    async def registration_options(current: Annotated[CurrentSession, Depends(host.current)]) -> Options:
        """
        `PublicKeyCredentialCreationOptionsJSON`: for `PublicKeyCredential.parseCreationOptionsFromJSON()`, and then
        `navigator.credentials.create()`. The challenge is for this session, once, for five minutes.
        """
        who = current.signed_in
        return dict(
            await host.use(
                current,
                lambda auth: auth.webauthn.registration_options(
                    who.user_id, who.session_id, issuer=who.issuer, account=who.account
                ),
            )
        )

    @router.post(
        "/webauthn/register",
        summary="Register a key by its answer",
        status_code=201,
        response_model=host.registered_model,
        response_model_exclude_unset=True,
        responses=problems(
            NotSignedIn, InvalidRequest, AlreadyRegistered, TooManyKeys, Locked, InvalidKey, Unavailable
        ),
    )
    async def register_key(
        current: Annotated[CurrentSession, Depends(host.current)],
        body: Annotated[KeyRequest, Depends(JsonBody(KeyRequest))],
    ) -> Any:
        """
        Turns two-factor authentication on where it is off, and then shows the backup codes this once (`null` where
        the user keeps an older set). All sessions end, and a new one starts.
        """
        given, who = given_credential(body.credential), current.signed_in
        registered = await host.use(
            current, lambda auth: auth.webauthn.register(who.user_id, who.session_id, given, body.name)
        )
        codes = None if registered.backup_codes is None else list(registered.backup_codes)
        key = KeyItem.model_validate(registered.key)
        return await host.started(
            current.sessions, registered.proved, host.registered_model, key=key, backup_codes=codes
        )


def _add_authentication(router: APIRouter, host: Host) -> None:
    body = JsonBody(KeyOptionsRequest)

    async def of_a_pending_sign_in(request: Request) -> None:
        """Before the session is asked for: whoever names a pending sign-in has none."""
        if not _names_a_sign_in(await request.body()):
            return
        token = (await body(request)).sign_in_token
        options = await host.auth.run(
            lambda auth: auth.webauthn.sign_in_options(token), client_address=client_address(request)
        )
        raise _Answered(dict(options))

    async def authentication_options(
        current: Annotated[CurrentSession, Depends(host.current)],
        _: Annotated[KeyOptionsRequest, Depends(body)],
    ) -> Options:
        """
        `PublicKeyCredentialRequestOptionsJSON`: for `PublicKeyCredential.parseRequestOptionsFromJSON()`, and then
        `navigator.credentials.get()`. With a `sign_in_token` nobody need be signed in; without one it is for the
        session, for step-up, to disable, or to make new backup codes. The challenge is for that, once, for five
        minutes.
        """
        who = current.signed_in
        return dict(await host.use(current, lambda auth: auth.webauthn.session_options(who.user_id, who.session_id)))

    router.add_api_route(
        "/webauthn/authenticate/options",
        authentication_options,
        methods=["POST"],
        summary="Begin to prove a key",
        responses=_told(REQUEST_EXAMPLE)
        | problems(NotSignedIn, SignInTokenDead, InvalidRequest, NotEnabled, Unavailable),
        dependencies=[Depends(of_a_pending_sign_in)],
        route_class_override=_SignedInOrPending,
    )


def _told(example: Options) -> dict[int | str, dict[str, Any]]:
    return {200: {"content": {"application/json": {"example": example}}}}


class _Answered(Exception):
    """A dependency has the answer, and nothing behind it is to be asked."""

    def __init__(self, content: Options) -> None:
        super().__init__()
        self.content = content


class _SignedInOrPending(TwofoldRoute):
    """A route for whoever is signed in, and for a pending sign-in, by what the body says: of dependencies all run."""

    def get_route_handler(self) -> Handler:
        """FastAPI's handler, but for the answer of a dependency."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await handler(request)
            except _Answered as answered:
                return JSONResponse(answered.content, headers=PRIVATE_HEADERS)

        return handle


def _names_a_sign_in(body: bytes) -> bool:
    try:
        return "sign_in_token" in strict_json(body)
    except InvalidRequest:
        return False
