"""The users, for an admin: find them, look at one, reset, unlock, count."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query

from twofold.core.policy import SEARCH_CHARACTERS
from twofold.core.sealing import user_text
from twofold.core.users import ListedUser, checked_reason, checked_search
from twofold.errors import NotEnabled, NotFound
from twofold.fastapi.admin_schemas import (
    ID_CHARACTERS,
    AdoptionAnswer,
    ReasonRequest,
    UserAnswer,
    UserItem,
    UsersAnswer,
)
from twofold.fastapi.host import CurrentSession, Host
from twofold.fastapi.openapi import ADMIN_REFUSED, problems
from twofold.fastapi.requests import JsonBody
from twofold.fastapi.routes.everybodys_events import events_answer, id_item
from twofold.fastapi.routes.export import head_of
from twofold.service.ports import UserId
from twofold.service.two_factor_auth import TwoFactorAuth

IdText = Annotated[str, Path(description="The user's id.", examples=["17"])]
Search = Annotated[
    str | None, Query(max_length=SEARCH_CHARACTERS, description="A part of the account name, in whatever case.")
]
Enabled = Annotated[bool | None, Query(description="Only those with a second factor, or without one.")]
Cursor = Annotated[str | None, Query(max_length=ID_CHARACTERS, description="The `next_cursor` of the page before.")]
GivenReason = Annotated[ReasonRequest, Depends(JsonBody(ReasonRequest))]


def add_user_routes(router: APIRouter, host: Host) -> None:
    """Add the routes of administration that are about users."""
    _add_looking_routes(router, host)
    _add_changing_routes(router, host)


def _add_looking_routes(router: APIRouter, host: Host) -> None:
    Current = Annotated[CurrentSession, Depends(host.current)]  # noqa: N806 - a type

    @router.get("/users", summary="Find users", responses=problems(*ADMIN_REFUSED))
    async def users(q: Search = None, enabled: Enabled = None, cursor: Cursor = None) -> UsersAnswer:
        """In the order of their ids, fifty a page."""
        wanted = None if q is None else checked_search(q)
        page = await host.auth.run(lambda auth: auth.users.page(q=wanted, enabled=enabled, cursor=cursor))
        return UsersAnswer(items=[_item(user) for user in page.items], next_cursor=page.next_cursor)

    @router.get("/users/{id}", summary="One user", responses=problems(*ADMIN_REFUSED, NotFound))
    async def user(current: Current, id: IdText) -> UserAnswer:  # noqa: A002 - the name on the wire
        """Where their second factor stands, and what happened; no secret, no code."""
        return await _shown(current, host, lambda auth: auth.users.by_id(id))

    @router.get("/adoption", summary="How many have a second factor", responses=problems(*ADMIN_REFUSED))
    async def adoption() -> AdoptionAnswer:
        """Counts alone."""
        return AdoptionAnswer.model_validate(await host.auth.run(lambda auth: auth.users.adoption()))


def _add_changing_routes(router: APIRouter, host: Host) -> None:
    Current = Annotated[CurrentSession, Depends(host.current)]  # noqa: N806 - a type

    @router.post(
        "/users/{id}/reset",
        summary="Remove a user's second factor",
        responses=problems(*ADMIN_REFUSED, NotFound, NotEnabled),
    )
    async def reset(current: Current, body: GivenReason, id: IdText) -> UserAnswer:  # noqa: A002 - the name on the wire
        """Of one who has lost it; be sure who asks. All their sessions end; the next sign-in is by password alone."""
        user_id = await reset_user(host, current, id, body.reason)
        return await _shown(current, host, lambda _: user_id)

    @router.post("/users/{id}/unlock", summary="End a user's wait", responses=problems(*ADMIN_REFUSED, NotFound))
    async def unlock(current: Current, body: GivenReason, id: IdText) -> UserAnswer:  # noqa: A002 - the name on the wire
        """The counts stay, so that the next wrong code sets a wait again; what was switched off stays so."""
        user_id = await unlock_user(host, current, id, body.reason)
        return await _shown(current, host, lambda _: user_id)


async def reset_user(host: Host, current: CurrentSession, text: str, why: str) -> UserId:
    """
    Remove the second factor of the user of this id, for the admin who asks, and end their sessions.

    Raises:
        InvalidRequest: *why* says nothing; the rest as the use case.
    """
    reason, by = checked_reason(why), current.user_id

    def use_case(auth: TwoFactorAuth) -> tuple[UserId, int]:
        user_id = auth.users.by_id(text)
        return user_id, auth.users.reset(user_id, reason=reason, actor=user_text(by), by=by)

    user_id, debt = await host.auth.run(use_case, client_address=current.client_address)
    await host.end_sessions(current.sessions, user_id, debt)
    return user_id


async def unlock_user(host: Host, current: CurrentSession, text: str, why: str) -> UserId:
    """
    End the wait of the user of this id, for the admin who asks.

    Raises:
        InvalidRequest: *why* says nothing; the rest as the use case.
    """
    reason, by = checked_reason(why), current.user_id

    def use_case(auth: TwoFactorAuth) -> UserId:
        user_id = auth.users.by_id(text)
        auth.users.unlock(user_id, reason=reason, actor=user_text(by), by=by)
        return user_id

    return await host.auth.run(use_case, client_address=current.client_address)


async def _shown(current: CurrentSession, host: Host, use_case: Callable[[TwoFactorAuth], UserId]) -> UserAnswer:
    """What an admin sees of a user, after the use case that says of whom."""
    session_id = current.signed_in.session_id

    def look(auth: TwoFactorAuth) -> UserAnswer:
        user_id = use_case(auth)
        found, events = auth.export.legible(user_id, session_id), auth.events.of_everybody(only=user_id)
        known: dict[str, Any] = dict(head_of(found)) | {"events": events_answer(events)}
        return UserAnswer(**known, id=id_item(user_id), enabled_at=found.enabled_at)

    return await host.auth.run(look, client_address=current.client_address)


def _item(user: ListedUser) -> UserItem:
    return UserItem(
        id=id_item(user.user_id),
        account=user.account,
        enabled=user.enabled,
        enabled_at=user.enabled_at,
        locked_until=user.locked_until,
    )
