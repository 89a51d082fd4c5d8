"""`GET /status` and `POST /disable`: the whole second factor."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from twofold.errors import InvalidRequest, NotEnabled, NotSignedIn, Unavailable
from twofold.fastapi.host import CurrentSession, Host
from twofold.fastapi.openapi import CODE_REFUSED, problems
from twofold.fastapi.proofs import HeaderOrBody, proof_of
from twofold.fastapi.schemas import ProofRequest, StatusAnswer


def add_enrollment_routes(router: APIRouter, host: Host) -> None:
    """Add the routes of the whole second factor."""

    @router.get("/status", summary="Where the second factor stands", responses=problems(NotSignedIn, Unavailable))
    async def status(current: Annotated[CurrentSession, Depends(host.current)]) -> StatusAnswer:
        """Shows no secret and no code."""
        found = await host.use(current, lambda auth: auth.enrollment.status(current.user_id))
        return StatusAnswer(
            enabled=found.enabled,
            pending=found.pending,
            methods=list(found.methods),
            backup_codes_remaining=found.backup_codes_remaining,
            enabled_at=found.enabled_at,
            last_used_at=found.last_used_at,
        )

    @router.post(
        "/disable",
        summary="Turn two-factor authentication off",
        response_model=host.disabled_model,
        response_model_exclude_unset=True,
        responses=problems(NotSignedIn, InvalidRequest, NotEnabled, *CODE_REFUSED, Unavailable),
    )
    async def disable(
        current: Annotated[CurrentSession, Depends(host.current)],
        body: Annotated[ProofRequest, Depends(HeaderOrBody(ProofRequest))],
    ) -> Any:
        """Removes every factor and the backup codes. All sessions end, and a new one starts."""
        typed, who = proof_of(host, body), current.signed_in
        proved = await host.use(
            current, lambda auth: auth.enrollment.disable(who.user_id, typed, session_id=who.session_id)
        )
        return await host.started(current.sessions, proved, host.disabled_model, enabled=False)
