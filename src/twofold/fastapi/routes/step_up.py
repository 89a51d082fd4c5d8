"""`POST /step-up`: the session that asks proves its second factor again."""

from typing import Annotated

from fastapi import APIRouter, Depends

from twofold.errors import InvalidRequest, NotEnabled, NotSignedIn, Unavailable
from twofold.fastapi.host import CurrentSession, Host
from twofold.fastapi.openapi import CODE_REFUSED, problems
from twofold.fastapi.proofs import HeaderOrBody, proof_of
from twofold.fastapi.schemas import ProofRequest, StepUpAnswer


def add_step_up_routes(router: APIRouter, host: Host) -> None:
    """Add the route of step-up."""

    @router.post(
        "/step-up",
        summary="Confirm with the second factor",
        responses=problems(NotSignedIn, InvalidRequest, NotEnabled, *CODE_REFUSED, Unavailable),
    )
    async def step_up(
        current: Annotated[CurrentSession, Depends(host.current)],
        body: Annotated[ProofRequest, Depends(HeaderOrBody(ProofRequest))],
    ) -> StepUpAnswer:
        """The same session and the same token, fresh again."""
        typed, who = proof_of(host, body), current.signed_in
        proved = await host.use(current, lambda auth: auth.step_up.prove(who.user_id, who.session_id, typed))
        assurance = proved.assurance
        return StepUpAnswer(aal=assurance.aal, amr=list(assurance.amr), second_factor_at=assurance.second_factor_at)
