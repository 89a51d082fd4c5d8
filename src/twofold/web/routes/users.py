"""Users, for an admin: how many have a second factor, who has which, and the two ways to help."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Response

from twofold.core.events import SUCCESS, RecordedEvent
from twofold.core.policy import REASON_CHARACTERS
from twofold.core.sealing import user_text
from twofold.core.users import Adoption, ListedUser, checked_search
from twofold.errors import InvalidRequest, NotEnabled
from twofold.fastapi.admin_door import AdminDoor
from twofold.fastapi.admin_schemas import ID_CHARACTERS
from twofold.fastapi.routes.users import reset_user, unlock_user
from twofold.service.export import Export
from twofold.service.two_factor_auth import TwoFactorAuth
from twofold.service.users import UserPage
from twofold.web.page_routes import PagesRouter
from twofold.web.rendering import Page, Shown
from twofold.web.requests import GivenForm
from twofold.web.words import event_words_of_others, method_words

T = TypeVar("T")

EVENTS_SHOWN = 20
"""So many of the last events stand on the page of a user."""

FILTERS = {"": None, "true": True, "false": False}
"""The values of `?enabled=`, as the form sends them."""


@dataclass(frozen=True)
class ShownUser:
    """
    One user as the list shows it.

    Args:
        methods: What is set up, in words.
        waits_until: Until when typed codes wait, where they do now.
        set_up_waits: Whether a set-up waits for its first code.
        is_oneself: Whether it is the admin who looks.
    """

    url: str
    account: str
    enabled: bool
    enabled_at: datetime | None
    methods: list[str]
    waits_until: datetime | None
    set_up_waits: bool
    is_oneself: bool


@dataclass(frozen=True)
class SeenEvent:
    """
    One event of a user as an admin sees it.

    Args:
        words: What happened, told of somebody else.
        actor: Who did it, where that is not the user.
    """

    words: str
    moment: datetime | None
    client_address: str | None
    is_refusal: bool
    actor: str | None
    reason: str | None


def add_user_pages(router: PagesRouter, door: AdminDoor) -> None:
    """
    Add the pages of administration.

    Args:
        door: What they stand behind.
    """
    behind: dict[str, Any] = {"dependencies": door.dependencies, "watched": door.watched}
    _add_looking(router, behind)
    for route, change in CHANGES.items():
        _add_change(router, behind, route, change)


def _add_looking(router: PagesRouter, behind: dict[str, Any]) -> None:

    @router.page("/admin/2fa", "users", **behind)
    async def users_page(page: Annotated[Page, Depends(router.signed_in_page)]) -> Response:
        try:
            found, adoption = await _looked_for(page)
        except InvalidRequest as error:
            return await _show_users(page, UserPage((), None), problem=error)
        return await _show_users(page, found, adoption)

    @router.page("/admin/2fa/users/{id}", "user", **behind)
    async def user_page(
        page: Annotated[Page, Depends(router.signed_in_page)],
        id: str,  # noqa: A002 - the name in the path
    ) -> Response:
        cursor = page.request.query_params.get("cursor")
        found, events = await _run(
            page,
            lambda auth: (
                _export(page, auth, id),
                auth.events.of_everybody(cursor, only=auth.users.by_id(id), at_most=EVENTS_SHOWN),
            ),
        )
        own_url = user_url(page, "user", id)
        return await page.show(
            "users/show.html",
            user=found,
            waits=_waits(page, found.locked_until),
            set_up_waits=_waits(page, found.set_up_until),
            resettable=_has_anything(found),
            is_oneself=_is_oneself(page, id),
            reset_url=user_url(page, "reset_user", id),
            unlock_url=user_url(page, "unlock_user", id),
            events=[_seen(page, event) for event in events.items],
            newest_url=own_url if cursor else None,
            older_url=f"{own_url}?cursor={events.next_cursor}" if events.next_cursor else None,
        )


async def _looked_for(page: Page) -> tuple[UserPage, Adoption | None]:
    """
    The users that the query asks for; on the first page of them also how many have what.

    Raises:
        InvalidRequest: It cannot be asked for.
    """
    asked = page.request.query_params
    enabled, cursor = asked.get("enabled", ""), asked.get("cursor")
    if enabled not in FILTERS or len(cursor or "") > ID_CHARACTERS:
        raise InvalidRequest
    q, only = checked_search(asked.get("q", "")), FILTERS[enabled]
    return await _run(
        page,
        lambda auth: (
            auth.users.page(q=q or None, enabled=only, cursor=cursor),
            auth.users.adoption() if cursor is None else None,
        ),
    )


async def _show_users(
    page: Page, found: UserPage, adoption: Adoption | None = None, *, problem: Shown | None = None
) -> Response:
    asked = page.request.query_params
    q, enabled = asked.get("q", ""), asked.get("enabled", "")
    next_url = page.url("users", q=q, enabled=enabled, cursor=found.next_cursor) if found.next_cursor else None
    return await page.show(
        "users/list.html",
        problem=problem,
        adoption=adoption,
        users=[_shown(page, user) for user in found.items],
        q=q,
        enabled=enabled,
        first_page="cursor" not in asked,
        first_url=page.url("users", q=q, enabled=enabled),
        next_url=next_url,
    )


def _shown(page: Page, user: ListedUser) -> ShownUser:
    name = user_text(user.user_id)
    return ShownUser(
        url=user_url(page, "user", name),
        account=user.account,
        enabled=user.enabled,
        enabled_at=user.enabled_at,
        methods=[method_words(page.gettext, method) for method in user.methods],
        waits_until=_waits(page, user.locked_until),
        set_up_waits=_waits(page, user.set_up_until) is not None,
        is_oneself=_is_oneself(page, name),
    )


def _seen(page: Page, event: RecordedEvent) -> SeenEvent:
    return SeenEvent(
        event_words_of_others(page.gettext, event.kind, event.outcome, event.factor),
        event.moment,
        event.client_address,
        event.outcome not in {None, SUCCESS},
        event.actor,
        event.reason,
    )


@dataclass(frozen=True)
class Change:
    """
    What an admin does to somebody else, after saying why.

    Args:
        template: The page that asks.
        notice: What is said afterwards.
        act: Does it.
        fits: Whether there is anything to do.
    """

    path: str
    template: str
    notice: str
    act: Callable[..., Awaitable[Any]]
    fits: Callable[[Page, Export], bool]


def _add_change(router: PagesRouter, behind: dict[str, Any], route: str, change: Change) -> None:
    pages = router.pages

    # A page of its own: it asks once more, and whoever had to confirm comes back to it.
    @router.page(change.path, route, **behind)
    async def change_page(
        page: Annotated[Page, Depends(router.signed_in_page)],
        id: str,  # noqa: A002 - the name in the path
    ) -> Response:
        found = await _run(page, lambda auth: _export(page, auth, id))
        if _is_oneself(page, id) or not change.fits(page, found):
            return page.go(user_url(page, "user", id))
        return await _show_change(page, change, route, id, found)

    @router.form(change.path, f"{route}_form", **behind)
    async def change_form(
        page: Annotated[Page, Depends(router.signed_in_page)],
        form: GivenForm,
        id: str,  # noqa: A002 - the name in the path
    ) -> Response:
        reason, back = form.get("reason", ""), user_url(page, "user", id)
        try:
            await change.act(pages.host, page.session, id, reason)
        except InvalidRequest as error:
            found = await _run(page, lambda auth: _export(page, auth, id))
            return await _show_change(page, change, route, id, found, reason=reason, problem=error)
        except NotEnabled:
            return page.go(back, notice="nothing-to-reset")
        return page.go(back, notice=change.notice)


async def _show_change(
    page: Page,
    change: Change,
    route: str,
    text: str,
    found: Export,
    *,
    reason: str = "",
    problem: Shown | None = None,
) -> Response:
    return await page.show(
        change.template,
        problem=problem,
        user=found,
        reason=reason,
        at_most=REASON_CHARACTERS,
        action=user_url(page, route, text),
        back_url=user_url(page, "user", text),
    )


def user_url(page: Page, route: str, text: str) -> str:
    """The address of a page of the user of this id."""
    return page.url(route, id=text)


async def _run(page: Page, use_case: Callable[[TwoFactorAuth], T]) -> T:
    """A use case about somebody else: that there is no such user says nothing of the session that asks."""
    return await page.pages.host.auth.run(use_case, client_address=page.session.client_address)


def _export(page: Page, auth: TwoFactorAuth, text: str) -> Export:
    return auth.export.legible(auth.users.by_id(text), page.session.signed_in.session_id)


def _is_oneself(page: Page, text: str) -> bool:
    return user_text(page.session.user_id) == text


def _waits(page: Page, until: datetime | None) -> datetime | None:
    """A moment that is still to come."""
    return until if until is not None and until > page.pages.auth.clock.now() else None


def _has_anything(found: Export) -> bool:
    """Whether there is anything that a reset would remove."""
    return bool(found.enabled or found.factors or found.backup_codes or found.set_up_until or found.unreadable)


CHANGES = {
    "reset_user": Change(
        "/admin/2fa/users/{id}/reset", "users/reset.html", "reset", reset_user, lambda _, found: _has_anything(found)
    ),
    "unlock_user": Change(
        "/admin/2fa/users/{id}/unlock",
        "users/unlock.html",
        "unlocked",
        unlock_user,
        lambda page, found: _waits(page, found.locked_until) is not None,
    ),
}
