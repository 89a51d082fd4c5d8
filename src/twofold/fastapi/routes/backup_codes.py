"""`POST /backup-codes`: a new set in place of the old one."""

from typing import Annotated

from fastapi import APIRouter, Depends

from twofold.errors import InvalidRequest, NotEnabled, NotSignedIn, Unavailable
from twofold.fastapi.host import CurrentSession, Host
from twofold.fastapi.openapi import CODE_REFUSED, problems
from twofold.fastapi.proofs import HeaderOrBody, proof_of
from twofold.fastapi.schemas import BackupCodesAnswer, CodeOrKeyRequest


def add_backup_code_routes(router: APIRouter, host: Host) -> None:
    """Add the route of backup codes."""

    @router.post(
        "/backup-codes",
        summary="Make new backup codes",
        responses=problems(NotSignedIn, InvalidRequest, NotEnabled, *CODE_REFUSED, Unavailable),
    )
    async def regenerate(
        current: Annotated[CurrentSession, Depends(host.current)],
        body: Annotated[CodeOrKeyRequest, Depends(HeaderOrBody(CodeOrKeyRequest))],
    ) -> BackupCodesAnswer:
        """Shows the new set this once; the whole old set is dead. Sessions stay as they are."""
        typed, who = proof_of(host, body), current.signed_in
        codes = await host.use(
            current, lambda auth: auth.backup_codes.regenerate(who.user_id, typed, session_id=who.session_id)
        )
        return BackupCodesAnswer(backup_codes=list(codes))
