"""Who is counted as one when passwords are guessed, and under which name: addresses, accounts, windows of time."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Self

from twofold.core.policy import Policy

IPV6_NETWORK = 64
"""Bits of an IPv6 address that name one client (RFC 6177: a site gets at least one /64, and chooses within it)."""


@dataclass(frozen=True)
class Window:
    """
    A stretch of time within which wrong passwords are counted; the next begins where it ends.

    Args:
        number: Its number since 1970.
        seconds: How long it is.
        left: The whole seconds until it ends, at least one.
    """

    number: int
    seconds: int
    left: int

    @classmethod
    def at(cls, moment: datetime, policy: Policy) -> Self:
        """The window of *moment*."""
        seconds = int(policy.password_window.total_seconds())
        number, passed = divmod(int(moment.timestamp()), seconds)
        return cls(number, seconds, seconds - passed)

    def key(self, kind: str, value: str) -> str:
        """
        The name of a count in this window.

        It tells nothing that can be read, and bears the window, so that what is given back after a window has ended
        meets no count of the next.

        Args:
            kind: `address` or `account`.
            value: Whose it is.
        """
        named = sha256()
        for part in (kind, str(self.number), value):
            # Not every text that a client may send is Unicode; the length keeps two parts from being read as others.
            encoded = part.encode(errors="surrogatepass")
            named.update(len(encoded).to_bytes(8) + encoded)
        return named.hexdigest()


def plain_address(text: str | None) -> str | None:
    """*text* as an IP address, one way to write each; nothing where it is none, as a proxy may pass on anything."""
    address = _address(text)
    return None if address is None else str(address)


def network_of(text: str | None) -> str:
    """What is counted as one client: an IPv4 address, the /64 of an IPv6 address, and together all that is neither."""
    address = _address(text)
    if isinstance(address, IPv6Address):
        return str(IPv6Address(int(address) >> IPV6_NETWORK << IPV6_NETWORK))
    return "" if address is None else str(address)


def _address(text: str | None) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text or "")
    except ValueError:
        return None
    if isinstance(address, IPv4Address):
        return address
    # The interface behind `%` may be any text.
    return address.ipv4_mapped or IPv6Address(int(address))
