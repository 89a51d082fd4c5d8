"""`POST /step-up`: the session that asks proves its second factor again."""

from typing import Annotated

from fastapi import APIRouter, Depends

from twofold.core.enrollment import Typed
from twofold.errors import InvalidRequest, NotEnabled, NotSignedIn, Unavailable
from twofold.fastapi.host import Caller, Host
from twofold.fastapi.openapi import CODE_REFUSED, problems
from twofold.fastapi.proofs import proof_of_caller
from twofold.fastapi.requests import TOTP_PARAMETER
from twofold.fastapi.schemas import StepUpAnswer


def add_step_up_routes(router: APIRouter, host: Host) -> None:
    """Add the route of step-up."""

    @router.post(
        "/step-up",
        summary="Confirm with the second factor",
        responses=problems(NotSignedIn, InvalidRequest, NotEnabled, *CODE_REFUSED, Unavailable),
        openapi_extra={"parameters": [TOTP_PARAMETER]},
    )
    async def step_up(
        proving: Annotated[tuple[Caller, Typed], Depends(proof_of_caller(host))],
    ) -> StepUpAnswer:
        """The same session and the same token, fresh again."""
        caller, typed = proving
        who = caller.signed_in
        proved = await host.use(caller, lambda auth: auth.step_up.prove(who.user_id, who.session_id, typed))
        assurance = proved.assurance
        return StepUpAnswer(aal=assurance.aal, amr=list(assurance.amr), second_factor_at=assurance.second_factor_at)
