"""`GET /export`: all that is stored about one's own second factor, as a file (GDPR, Article 15)."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import StreamingResponse

from twofold.core.policy import EVENTS_AT_ONCE
from twofold.errors import InvalidRequest, NotSignedIn, StepUpRequired, Unavailable
from twofold.fastapi.guards import Guard
from twofold.fastapi.host import CurrentSession, Host
from twofold.fastapi.openapi import CODE_REFUSED, problems
from twofold.fastapi.schemas import EventItem, ExportAnswer, KeptBackupCodesItem, KeptFactorItem, KeptSessionItem
from twofold.service.events import EventPage
from twofold.service.export import Export, KeptSession

SAVED_AS = {"Content-Disposition": 'attachment; filename="two-factor-export.json"'}
"""A browser saves it, and shows it to nobody who looks over a shoulder."""

END = "]}"


def add_export_routes(router: APIRouter, host: Host, proved: Guard) -> None:
    """Add the route of the export; *proved* asks for a second factor of this session."""

    @router.get(
        "/export",
        summary="What is stored about one's own second factor",
        response_model=ExportAnswer,
        dependencies=[Depends(proved)],
        responses=problems(NotSignedIn, StepUpRequired, InvalidRequest, *CODE_REFUSED, Unavailable),
    )
    async def export(current: Annotated[CurrentSession, Depends(host.current)]) -> StreamingResponse:
        """Everything, as a file to save; a file that was cut short is no JSON."""
        session_id = current.signed_in.session_id
        found = await host.use(current, lambda auth: auth.export.everything(current.user_id, session_id))
        return StreamingResponse(_text_of(host, current, found), media_type="application/json", headers=SAVED_AS)


async def _text_of(host: Host, current: CurrentSession, found: Export) -> AsyncIterator[str]:
    yield head_of(found).model_dump_json().removesuffix(END)
    page, between = found.events, ""
    while True:
        for event in page.items:
            yield between + EventItem.model_validate(event).model_dump_json()
            between = ","
        if page.next_cursor is None:
            break
        page = await _page_before(host, current, page.next_cursor)
    yield END


async def _page_before(host: Host, current: CurrentSession, cursor: str) -> EventPage:
    user_id = current.user_id
    return await host.use(current, lambda auth: auth.events.page(user_id, cursor, at_most=EVENTS_AT_ONCE))


def head_of(found: Export) -> ExportAnswer:
    """Everything but the events."""
    codes = found.backup_codes
    return ExportAnswer(
        exported_at=found.exported_at,
        account=found.account,
        enabled=found.enabled,
        factors=[KeptFactorItem.model_validate(factor) for factor in found.factors],
        backup_codes=None if codes is None else KeptBackupCodesItem.model_validate(codes),
        set_up_until=found.set_up_until,
        failures=dict(found.failures),
        locked_until=found.locked_until,
        sessions=[_session(session) for session in found.sessions],
        pending_sign_ins=list(found.pending_sign_ins),
        challenges=list(found.challenges),
        unreadable=list(found.unreadable),
        events=[],
    )


def _session(session: KeptSession) -> KeptSessionItem:
    proved = session.assurance
    return KeptSessionItem(
        current=session.current,
        aal=proved.aal,
        amr=list(proved.amr),
        proved_at=proved.at,
        second_factor_at=proved.second_factor_at,
    )
