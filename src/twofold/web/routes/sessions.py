"""The sessions of a person: which there are, and how to end them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Response

from twofold.fastapi.sessions import call
from twofold.service.sessions import Proved
from twofold.web.clients import client_words
from twofold.web.page_routes import PagesRouter
from twofold.web.rendering import Page
from twofold.web.sessions import ListedSession, ListsSessions

SESSIONS_SHOWN = 50
"""A person has far fewer; with more, whoever made them, the page stays a page."""


@dataclass(frozen=True)
class ShownSession:
    """
    One session as the page shows it.

    Args:
        client: In a few words.
    """

    session: ListedSession
    client: str


def add_session_pages(router: PagesRouter) -> None:
    """Add the page of sessions, where the host's class of sessions knows them all."""
    pages = router.pages

    async def listed(page: Page) -> Sequence[ListedSession]:
        sessions = cast("ListsSessions", page.session.sessions)
        found: Sequence[ListedSession] = await call(sessions.listed, page.session.signed_in)
        return found

    async def ended(page: Page, id: str) -> bool:  # noqa: A002 - as on the page
        who, sessions = page.session.signed_in, cast("ListsSessions", page.session.sessions)
        name: str | None = await call(sessions.end_listed, who, id)
        if name is None:
            return False
        await page.use(lambda auth: auth.sessions.ended(who.user_id, name))
        return True

    @router.page("/security/sessions", "sessions")
    async def sessions_page(page: Annotated[Page, Depends(router.signed_in_page)]) -> Response:
        found = await listed(page)
        shown = [
            ShownSession(session, client_words(page.gettext, session.client)) for session in found[:SESSIONS_SHOWN]
        ]
        return await page.show("sessions/list.html", sessions=shown, number=len(found))

    @router.form("/security/sessions/end-others", "end_other_sessions")
    async def end_other_sessions_form(page: Annotated[Page, Depends(router.signed_in_page)]) -> Response:
        current = page.session
        who = current.signed_in
        # All end and one starts, which has proved what this one had: as quick for thousands as for two.
        await call(current.sessions.end_all, who.user_id)
        await page.use(lambda auth: auth.sessions.ended(who.user_id, who.session_id))
        await pages.host.start(current.sessions, Proved(who.user_id, current.assurance, current.state.epoch))
        return page.go("sessions", notice="sessions-ended")

    @router.form("/security/sessions/{id}/end", "end_session")
    async def end_session_form(
        page: Annotated[Page, Depends(router.signed_in_page)],
        id: str,  # noqa: A002 - the name in the path
    ) -> Response:
        notice = "session-ended" if await ended(page, id) else "no-such-session"
        return page.go("sessions", notice=notice)
