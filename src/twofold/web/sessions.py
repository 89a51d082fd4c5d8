"""What a host's sessions may offer beyond starting and ending, so that there are pages for it."""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from twofold.fastapi.sessions import SignedIn


@dataclass(frozen=True)
class ListedSession:
    """
    One session of a user, as the page of sessions shows it.

    Args:
        id: What names it in the address of a form, without a slash; never what opens it.
        current: Whether it is the one that asks.
        client: What the client called itself.
    """

    id: str
    current: bool
    client: str
    started_at: datetime
    last_seen_at: datetime | None = None
    expires_at: datetime | None = None


class EndsSessions(Protocol):
    """A host's class of sessions that can end the one that asks: then people can sign out. It may be async."""

    def end(self, signed_in: SignedIn[Any]) -> "Awaitable[None] | None":
        """End this session, and take its cookie away."""


class ListsSessions(Protocol):
    """A host's class of sessions that knows them all: then there is a page of them. It may be async."""

    def listed(self, signed_in: SignedIn[Any]) -> "Sequence[ListedSession] | Awaitable[Sequence[ListedSession]]":
        """Every session of this user that lives, the newest first."""

    def end_listed(self, signed_in: SignedIn[Any], id: str) -> "Awaitable[str | None] | str | None":  # noqa: A002 - as on the page
        """End one of this user's sessions; its name, as `SignedIn` has it, or nothing where there was no such one."""
