"""`GET /events`: a person's own view of what happened."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from twofold.errors import InvalidRequest, NotSignedIn, StepUpRequired, Unavailable
from twofold.fastapi.guards import Guard
from twofold.fastapi.host import CurrentSession, Host
from twofold.fastapi.openapi import CODE_REFUSED, problems
from twofold.fastapi.schemas import EVENT_ID_EXAMPLE, EventItem, EventsAnswer

OWN_VIEW_REFUSED = (NotSignedIn, StepUpRequired, InvalidRequest, *CODE_REFUSED, Unavailable)
"""How a person's own view may be refused: the code in `X-TOTP-Code`, too, where the session has proved none."""

CURSOR_CHARACTERS = 100
"""A cursor has far fewer; more is not even looked at."""

Cursor = Annotated[
    str | None,
    Query(
        max_length=CURSOR_CHARACTERS, description="The `next_cursor` of the page before.", examples=[EVENT_ID_EXAMPLE]
    ),
]


def add_event_routes(router: APIRouter, host: Host, proved: Guard) -> None:
    """Add the route of the user's own events; *proved* asks for a second factor of this session."""

    @router.get(
        "/events",
        summary="What happened to one's own second factor",
        dependencies=[Depends(proved)],
        responses=problems(*OWN_VIEW_REFUSED),
    )
    async def events(current: Annotated[CurrentSession, Depends(host.current)], cursor: Cursor = None) -> EventsAnswer:
        """The newest first, fifty a page, and nobody else's."""
        page = await host.use(current, lambda auth: auth.events.page(current.user_id, cursor))
        items = [EventItem.model_validate(event) for event in page.items]
        return EventsAnswer(items=items, next_cursor=page.next_cursor)
