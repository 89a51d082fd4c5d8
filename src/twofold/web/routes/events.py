"""Recent activity, in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Response

from twofold.core.events import SUCCESS
from twofold.errors import InvalidRequest
from twofold.fastapi.guards import Guard
from twofold.fastapi.routes.events import CURSOR_CHARACTERS
from twofold.service.events import ListedEvent
from twofold.web.page_routes import PagesRouter
from twofold.web.rendering import Page
from twofold.web.words import event_words


@dataclass(frozen=True)
class ShownEvent:
    """
    One event as the page shows it.

    Args:
        words: What happened, in the page's language.
        is_refusal: Whether somebody was refused.
        reason: Why an operator did it, in that one's words.
    """

    words: str
    moment: datetime | None
    client_address: str | None
    is_refusal: bool
    reason: str | None


def shown_events(page: Page, events: Sequence[ListedEvent]) -> list[ShownEvent]:
    """Events in words."""
    return [
        ShownEvent(
            event_words(page.gettext, event),
            event.moment,
            event.client_address,
            event.outcome not in {None, SUCCESS},
            event.reason,
        )
        for event in events
    ]


def add_event_pages(router: PagesRouter, proved: Guard) -> None:
    """
    Add the page of a person's own events.

    Args:
        proved: The guard that asks for a second factor of this session, where there is one.
    """

    @router.page("/security/activity", "activity", dependencies=[Depends(proved)])
    async def activity_page(page: Annotated[Page, Depends(router.signed_in_page)]) -> Response:
        user_id, cursor = page.session.user_id, page.request.query_params.get("cursor")
        if cursor is not None and len(cursor) > CURSOR_CHARACTERS:
            raise InvalidRequest
        found = await page.use(lambda auth: auth.events.page(user_id, cursor))
        return await page.show(
            "events/list.html",
            events=shown_events(page, found.items),
            next_url=page.url("activity", cursor=found.next_cursor) if found.next_cursor else None,
            first_page=cursor is None,
        )
