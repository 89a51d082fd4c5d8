"""`GET /events` of administration: what happened to everybody."""

from typing import Annotated

from fastapi import APIRouter, Query

from twofold.core.sealing import user_text
from twofold.errors import NotFound
from twofold.fastapi.admin_schemas import ID_CHARACTERS, AdminEventItem, AdminEventsAnswer
from twofold.fastapi.openapi import ADMIN_REFUSED, problems
from twofold.fastapi.routes.events import CURSOR_CHARACTERS
from twofold.service.events import RecordedPage
from twofold.service.ports import UserId
from twofold.service.two_factor_auth import TwoFactorAuth

Cursor = Annotated[str | None, Query(max_length=CURSOR_CHARACTERS, description="The `next_cursor` of the page before.")]
UserText = Annotated[str | None, Query(max_length=ID_CHARACTERS, description="Only those of the user of this id.")]


def add_everybodys_event_routes(router: APIRouter, auth: TwoFactorAuth) -> None:
    """Add the route of everybody's events."""

    @router.get("/events", summary="What happened to everybody", responses=problems(*ADMIN_REFUSED, NotFound))
    async def everybodys_events(user: UserText = None, cursor: Cursor = None) -> AdminEventsAnswer:
        """The newest first, fifty a page; refusals at these routes among them."""

        def page(auth: TwoFactorAuth) -> RecordedPage:
            only = None if user is None else auth.users.by_id(user)
            return auth.events.of_everybody(cursor, only=only)

        return events_answer(await auth.run(page))


def events_answer(page: RecordedPage) -> AdminEventsAnswer:
    """A page of events, in the words of the wire."""
    items = [
        AdminEventItem(
            id=str(event.number),
            user_id=None if event.user_id is None else id_item(event.user_id),
            kind=event.kind,
            moment=event.moment,
            outcome=event.outcome,
            factor=event.factor,
            client_address=event.client_address,
            actor=event.actor,
            reason=event.reason,
        )
        for event in page.items
    ]
    return AdminEventsAnswer(items=items, next_cursor=page.next_cursor)


def id_item(user_id: UserId) -> int | str:
    """A user id as JSON has it: a number where it is one, otherwise its text."""
    return user_id if isinstance(user_id, int) else user_text(user_id)
