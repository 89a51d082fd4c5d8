"""Proxies in front: an ASGI middleware that believes those which are trusted, and nobody else."""

from collections.abc import Iterable

from starlette.types import ASGIApp, Receive, Scope, Send

from twofold.core.clients import Client, Networks, client_of, is_in, networks_in

CLIENT = "twofold.client"
"""Where in the scope of a request it stands who asks, once somebody has looked."""


class TrustedProxies:
    """
    Puts the client in place of the proxy, for all who ask for its address later.

    uvicorn's own middleware would do for counting. It is not made for deciding who may come in: where a proxy that is
    trusted names nobody it leaves the proxy's address, as if the proxy itself asked; it takes an address with a zone,
    and one with garbage behind it; and it forgets who made the connection, so that nobody can tell afterwards whether
    an address is one that the kernel saw or one that somebody wrote.

    Args:
        trusted_proxies: Addresses and networks of the proxies whose `X-Forwarded-For` is believed.
    """

    def __init__(self, app: ASGIApp, trusted_proxies: Iterable[str]) -> None:
        self.app = app
        self.trusted = networks_in(trusted_proxies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on, with its client."""
        # Who is not trusted speaks for himself; what that is worth whoever decides by it looks for himself.
        if scope["type"] == "http" and is_in(_peer_of(scope), self.trusted):
            client = scope[CLIENT] = _look(scope, self.trusted)
            # Its port nobody knows. What is no address nobody gets to see, not even in the server's log.
            scope["client"] = (str(client.address or "unknown"), 0)
        await self.app(scope, receive, send)


def client_in(scope: Scope, trusted: Networks) -> Client:
    """Who asks, as the middleware found; where there is none, from here."""
    found = scope.get(CLIENT)
    return found if isinstance(found, Client) else _look(scope, trusted)


def _look(scope: Scope, trusted: Networks) -> Client:
    return client_of(_peer_of(scope), scope["headers"], trusted)


def _peer_of(scope: Scope) -> str | None:
    peer = scope.get("client")
    return str(peer[0]) if peer else None
