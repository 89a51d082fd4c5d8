"""The door of administration: allow-list, role, and what is written down of those who are refused."""

import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from fastapi.params import Depends as DependsOn
from starlette.exceptions import HTTPException

from twofold.core.clients import AllowList, Client, Networks, admin_networks, networks_in
from twofold.errors import (
    ConfigurationError,
    Forbidden,
    NotSignedIn,
    SecondFactorNotSetUp,
    StepUpRequired,
    TwofoldError,
)
from twofold.fastapi.errors import Problem, problem_of_http
from twofold.fastapi.host import CurrentSession
from twofold.fastapi.proxies import client_in
from twofold.fastapi.requests import Handler
from twofold.fastapi.two_factor import TwoFactor
from twofold.service.context import named

REFUSALS = frozenset(kind.slug for kind in (Forbidden, NotSignedIn, StepUpRequired, SecondFactorNotSetUp))
"""What is written down as a refusal; of a wrong code there is an event anyway."""

logger = logging.getLogger("twofold")


class AdminDoor:
    """
    The door of an application's routes of administration, those of JSON or the pages, for one process.

    Args:
        two_factor: The host's second factor.
        allowed: Who may come near.
        trusted: The proxies whose word is taken, where no middleware has looked.
        is_admin: The host's dependency.

    Attributes:
        allowed: Who may come near.
        trusted: The proxies that it trusts by itself.
        admin: A dependency: the session of an admin.
        dependencies: What each route stands behind, in the order in which they refuse.
    """

    def __init__(
        self, two_factor: TwoFactor[Any], allowed: AllowList, trusted: Networks, is_admin: Callable[..., Any]
    ) -> None:
        self._auth = two_factor.auth
        self._two_factor = two_factor
        self.allowed = allowed
        self.trusted = trusted
        self.admin = self._admin(is_admin)
        self.dependencies: list[DependsOn] = [
            # Before them size, type and origin, behind them the request itself.
            Depends(self.allow_list),
            Depends(self.admin),
            Depends(two_factor.require_second_factor()),
        ]

    async def allow_list(self, request: Request) -> None:
        """
        Let only those come near who stand in the list; nothing else has been looked at.

        Raises:
            Forbidden: Whoever asks does not, or nobody knows who that is.
        """
        # The one guard of S14.
        if not self._admits(request):
            raise Forbidden

    def _client(self, request: Request) -> Client:
        return client_in(request.scope, self.trusted)

    def _admits(self, request: Request) -> bool:
        try:
            return self.allowed.admits(self._client(request))
        except Exception:
            logger.exception("Whether an address may administer could not be told; it may not.")
            return False

    def _admin(self, is_admin: Callable[..., Any]) -> Callable[..., Awaitable[CurrentSession]]:
        async def signed_in(
            request: Request, current: Annotated[CurrentSession, Depends(self._two_factor.host.current)]
        ) -> CurrentSession:
            request.state.twofold_admin = current  # for what is written down
            return current

        async def admin(
            current: Annotated[CurrentSession, Depends(signed_in)], said: Annotated[Any, Depends(is_admin)]
        ) -> CurrentSession:
            # Whatever a host may return by mistake, a user or a coroutine, is no yes.
            if said is not True:
                raise Forbidden
            return current

        return admin

    def watched(self, handler: Handler) -> Handler:
        """*handler*, with that around it which writes down who is refused."""

        async def handle(request: Request) -> Response:
            try:
                return await handler(request)
            except (TwofoldError, Problem, HTTPException) as error:
                slug = _slug_of(error)
                if slug in REFUSALS:
                    await self.write_down(request, slug)
                raise

        return handle

    async def write_down(self, request: Request, slug: str) -> None:
        """Write down that somebody was refused; whatever fails, they stay refused."""
        current: CurrentSession | None = getattr(request.state, "twofold_admin", None)
        user_id, known = current.user_id if current else None, self._client(request).address
        address = str(known) if known else None
        logger.warning(
            "A route of administration was refused (%s) to %s; from %s.",
            slug,
            "a stranger" if current is None else f"user {named(user_id)}",
            address,
        )
        try:
            is_kept = self._auth.refusals_kept.takes(known, user_id, slug, self._auth.clock.now())
            await self._auth.run(
                lambda auth: auth.events.admin_refused(user_id, slug, is_kept=is_kept), client_address=address
            )
        except Exception:
            logger.exception("That refusal could not be recorded.")


def _slug_of(error: TwofoldError | Problem | HTTPException) -> str:
    """As what it is told; a 401 of the host's own means that nobody is signed in."""
    return problem_of_http(error, unauthenticated=NotSignedIn).slug if isinstance(error, HTTPException) else error.slug


def admin_door(
    two_factor: TwoFactor[Any],
    *,
    is_admin: Callable[..., Any],
    allowed_ips: Iterable[str],
    trusted_proxies: Iterable[str],
    production: bool,
) -> AdminDoor:
    """
    The door, as a host describes it.

    Raises:
        ConfigurationError: An address or a network is none, or is everybody.
    """
    allowed = AllowList(_read("allowed_ips", admin_networks, allowed_ips), is_open_at_home=not production)
    return AdminDoor(two_factor, allowed, _read("trusted_proxies", networks_in, trusted_proxies), is_admin)


def _read(name: str, read: Callable[[Iterable[str]], Networks], entries: Iterable[str]) -> Networks:
    if isinstance(entries, str):  # whose every character would be an entry
        raise ConfigurationError(f'{name}: give a list, as in {name}=["192.0.2.0/24"].')
    try:
        return read(entries)
    except ValueError as error:
        wide = "; a list of everybody is none" if read is admin_networks else ""
        raise ConfigurationError(
            f"{name}: write IP addresses and networks like 10.0.0.0/8 or fd00::/8{wide}."
        ) from error
