"""The door of administration: allow-list, role, and what is written down of those who are refused."""

import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import IPv6Address, ip_network
from typing import Annotated, Any

from fastapi import Depends, Request, Response

from twofold.core.clients import Address, AllowList, Client, Networks
from twofold.core.policy import REFUSED_A_MINUTE, STRANGERS_A_MINUTE, STRANGERS_IPV6_NETWORK
from twofold.errors import Forbidden, NotSignedIn, SecondFactorNotSetUp, StepUpRequired, TwofoldError
from twofold.fastapi.errors import Problem
from twofold.fastapi.host import CurrentSession
from twofold.fastapi.proxies import client_in
from twofold.fastapi.requests import Handler, TwofoldRoute
from twofold.fastapi.two_factor import TwoFactor
from twofold.service.context import named
from twofold.service.ports import UserId

REFUSALS = frozenset(kind.slug for kind in (Forbidden, NotSignedIn, StepUpRequired, SecondFactorNotSetUp))
"""What is written down as a refusal; of a wrong code there is an event anyway."""

logger = logging.getLogger("twofold")


@dataclass
class RefusalsKept:
    """
    Which refusals are stored: one of each stranger's network a minute, and so many of all of them; few of each user.

    Nobody can fill the table, from outside or inside, and whoever tries is in it: of strangers those who come first in
    that minute. The log tells of each.
    """

    minute: int = 0
    networks: set[str] = field(default_factory=set)
    users: Counter[tuple[UserId, str]] = field(default_factory=Counter)

    def takes(self, address: Address | None, user_id: UserId | None, slug: str, at: datetime) -> bool:
        """Whether this one is stored; it then is one of its minute."""
        minute = int(at.timestamp()) // 60
        if minute != self.minute:
            self.minute, self.networks, self.users = minute, set(), Counter()
        if user_id is not None:
            self.users[user_id, slug] += 1
            return self.users[user_id, slug] <= REFUSED_A_MINUTE
        network = _network_of(address)
        if network in self.networks or len(self.networks) >= STRANGERS_A_MINUTE:
            return False
        self.networks.add(network)
        return True


def _network_of(address: Address | None) -> str:
    """What is counted as one stranger; together all who have no address."""
    if isinstance(address, IPv6Address):
        return str(ip_network((address, STRANGERS_IPV6_NETWORK), strict=False))
    return str(address)


class AdminDoor:
    """
    The door of one application's routes of administration, for one process.

    Args:
        two_factor: The host's second factor.
        allowed: Who may come near.
        trusted: The proxies whose word is taken, where no middleware has looked.
        is_admin: The host's dependency.

    Attributes:
        allowed: Who may come near.
        trusted: The proxies that it trusts by itself.
        admin: A dependency: the session of an admin.
        route_class: For a router whose every refusal is written down.
    """

    def __init__(
        self, two_factor: TwoFactor[Any], allowed: AllowList, trusted: Networks, is_admin: Callable[..., Any]
    ) -> None:
        self._auth = two_factor.auth
        self._two_factor = two_factor
        self.allowed = allowed
        self.trusted = trusted
        self._kept = RefusalsKept()
        self.admin = self._admin(is_admin)
        self.route_class = self._route_class()

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

    def _route_class(self) -> type[TwofoldRoute]:
        door = self

        class AdminRoute(TwofoldRoute):
            """A route of administration: whoever is refused is written down."""

            def get_route_handler(self) -> Handler:
                """The handler of all our routes, with that around it."""
                handler = super().get_route_handler()

                async def handle(request: Request) -> Response:
                    try:
                        return await handler(request)
                    except (TwofoldError, Problem) as error:
                        if error.slug in REFUSALS:
                            await door.write_down(request, error.slug)
                        raise

                return handle

        return AdminRoute

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
            is_kept = self._kept.takes(known, user_id, slug, self._auth.clock.now())
            await self._auth.run(
                lambda auth: auth.events.admin_refused(user_id, slug, is_kept=is_kept), client_address=address
            )
        except Exception:
            logger.exception("That refusal could not be recorded.")
