"""`POST /setup` and `POST /verify`: enroll an authenticator app."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from twofold.errors import (
    AlreadyEnabled,
    InvalidCode,
    InvalidRequest,
    Locked,
    NoSetupPending,
    NotSignedIn,
    StepUpRequired,
    Unavailable,
)
from twofold.fastapi.cores import on_a_core
from twofold.fastapi.guards import Guard
from twofold.fastapi.host import CurrentSession, Host
from twofold.fastapi.openapi import CODE_REFUSED, problems
from twofold.fastapi.proofs import HeaderOrBody, code_of
from twofold.fastapi.requests import JsonBody
from twofold.fastapi.schemas import CodeRequest, SetUpAnswer, SetUpRequest
from twofold.service.totp import SetUp


def add_totp_routes(router: APIRouter, host: Host, fresh: Guard) -> None:
    """
    Add the routes of an authenticator app.

    Args:
        fresh: The guard that asks for a fresh second factor where one is active.
    """

    @router.post(
        "/setup",
        summary="Begin to set up an authenticator app",
        dependencies=[Depends(fresh)],
        responses=problems(NotSignedIn, StepUpRequired, InvalidRequest, AlreadyEnabled, *CODE_REFUSED, Unavailable),
    )
    async def set_up(
        current: Annotated[CurrentSession, Depends(host.current)],
        body: Annotated[SetUpRequest, Depends(JsonBody(SetUpRequest))],
    ) -> SetUpAnswer:
        """
        Makes a new secret and shows it once, as text and as a QR code. Nothing changes before `/verify` proves that the
        app has it; a set-up that is not finished expires. A new one replaces it.
        """
        who = current.signed_in
        begun = await host.use(
            current,
            lambda auth: auth.totp.set_up(
                who.user_id, replace=body.replace, session_id=who.session_id, issuer=who.issuer, account=who.account
            ),
        )
        return await on_a_core(lambda: _shown(begun))

    @router.post(
        "/verify",
        summary="Finish the set-up with the first code",
        response_model=host.enabled_model,
        response_model_exclude_unset=True,
        responses=problems(NotSignedIn, InvalidRequest, NoSetupPending, Locked, InvalidCode, Unavailable),
    )
    async def verify(
        current: Annotated[CurrentSession, Depends(host.current)],
        body: Annotated[CodeRequest, Depends(HeaderOrBody(CodeRequest))],
    ) -> Any:
        """
        Turns two-factor authentication on, and shows the backup codes this once (`null` where the user keeps an older
        set). All sessions end, and a new one starts. If the answer is lost: sign in, then `/backup-codes`.
        """
        typed = code_of(host, body)
        confirmed = await host.use(current, lambda auth: auth.totp.confirm(current.user_id, typed))
        codes = None if confirmed.backup_codes is None else list(confirmed.backup_codes)
        return await host.started(
            current.sessions, confirmed.proved, host.enabled_model, enabled=True, backup_codes=codes
        )


def _shown(begun: SetUp) -> SetUpAnswer:
    """A set-up as it is shown, with its QR code drawn."""
    return SetUpAnswer(
        secret=begun.secret.base32,
        otpauth_uri=begun.otpauth_uri,
        qr_code=begun.qr_code,
        issuer=begun.issuer,
        account=begun.account,
        algorithm=begun.secret.algorithm,
        digits=begun.secret.digits,
        period=begun.secret.period,
        expires_at=begun.expires_at,
    )
