"""Who asks: the address of a client, whose word is taken for it, and whether it stands in an allow-list."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from twofold.core.policy import WIDEST_ADMIN_NETWORK

Address = IPv4Address | IPv6Address
Networks = tuple[IPv4Network | IPv6Network, ...]
Headers = Sequence[tuple[bytes, bytes]]

X_FORWARDED_FOR = b"x-forwarded-for"
"""The one header in which a proxy that is trusted is heard."""

_MAPPED = IPv6Network("::ffff:0:0/96")
"""How a socket for both kinds of IP writes an IPv4 address."""

_LONGEST_ADDRESS = 45
"""Characters of an IPv6 address at most, the last part in the way of IPv4; what is longer is not even read."""

# With such a header proxies, or who wants to be taken for one, say for whom they speak, or that they do.
_PASSED_ON = re.compile(
    rb"(?m)forward|(^|-)via$|^cdn-loop$|^x-original-|^x-coming-from$|addr(ess)?$"
    rb"|(^|-)ip(v[46])?(-|$)|(client|proxy|real|remote|socket|source|user)ip$"
    rb"|^(akamai|cf|fastly|fly|x-amz-cf|x-amzn|x-appengine|x-azure|x-envoy|x-railway|x-varnish|x-vercel)-"
)


def address_of(text: str | None) -> Address | None:
    """
    *text* as an IP address; nothing where it is none.

    An IPv4 address that a socket for both kinds of IP writes as one of IPv6 is one of IPv4. An address with a zone is
    none: it means something to one machine alone.
    """
    if not text or len(text) > _LONGEST_ADDRESS or "%" in text:
        return None
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def network_as_is(text: str) -> IPv4Network | IPv6Network:
    """
    An address or a network, IPv4 however it is written.

    Raises:
        ValueError: It is neither; or an address within a network, of which nobody knows which was meant; or it has a
            zone, which means something to one machine alone; or it is everybody, which is never meant.
    """
    if "%" in text:
        raise ValueError("a zone")
    network = ip_network(text)
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        mapped = IPv4Address(int(network.network_address) & 0xFFFF_FFFF)
        network = IPv4Network((mapped, network.prefixlen - _MAPPED.prefixlen))
    if network.prefixlen == 0:
        raise ValueError("everybody")
    return network


def networks_in(entries: Iterable[str]) -> Networks:
    """Addresses and networks, however they are written; raises as `network_as_is`."""
    return tuple(network_as_is(entry) for entry in entries)


def lies_in(address: Address, networks: Networks) -> bool:
    """Whether an address lies in one of these networks; both as `address_of` and `networks_in` give them."""
    return any(address in network for network in networks)


def shared_by(networks: Networks, others: Networks) -> list[str]:
    """Those of *networks* that have an address in common with any of the *others*."""
    # `overlaps` knows no difference between the two kinds of IP.
    return [
        str(one) for one in networks if any(one.version == other.version and one.overlaps(other) for other in others)
    ]


def is_in(peer: str | None, networks: Networks) -> bool:
    """Whether *peer* is an address in one of these networks."""
    address = address_of(peer)
    return address is not None and lies_in(address, networks)


@dataclass(frozen=True)
class Client:
    """
    Who asks, as far as it is known.

    Args:
        address: The best that is known, for counts and for the record; nothing where it is no address.
        is_certain: Whether the address is good for deciding who may come in.
        passed_on: Whether the request bears a header of one who speaks for others.
    """

    address: Address | None
    is_certain: bool
    passed_on: bool


def client_of(peer: str | None, headers: Headers, trusted: Networks) -> Client:
    """
    Who asks: who made the connection; where that is a proxy that is trusted, the last hop that is none.

    Args:
        peer: Where the connection comes from, as the server has it; nothing for a socket of this machine.
        headers: Their names in lower case, as ASGI gives them.
        trusted: The trusted proxies: those whose `X-Forwarded-For` is believed.
    """
    connected = address_of(peer)
    if connected is not None and lies_in(connected, trusted):
        hops = [hop for name, value in headers if name == X_FORWARDED_FOR for hop in _hops_of(value)]
        if hops:
            last = _last_untrusted(hops, trusted)
            return Client(last, is_certain=last is not None, passed_on=True)
        # A proxy that says nothing of whom it speaks for; if it says anything else, it does speak for somebody.
        passed_on = _is_passed_on(headers)
        return Client(connected, is_certain=not passed_on, passed_on=passed_on)
    passed_on = _is_passed_on(headers)
    is_direct = connected is not None and not (passed_on and _may_be_another(connected, peer or "", headers))
    return Client(connected, is_certain=is_direct, passed_on=passed_on)


def _is_passed_on(headers: Headers) -> bool:
    """Whether there is a header of a proxy, also where somebody writes its name with `_`."""
    return _PASSED_ON.search(b"\n".join(name for name, _ in headers).replace(b"_", b"-")) is not None


def _may_be_another(connected: Address, peer: str, headers: Headers) -> bool:
    """Whether a connection of nobody who is trusted, with a header of a proxy, may not be the client's own."""
    # A proxy on this machine that nobody has declared: behind it every stranger comes from here.
    if connected.is_loopback:
        return True
    # The address stands in a header, however it was written there: then a server, or a middleware, has believed the
    # header before us, and who made the connection is not known any more.
    written = "|".join(re.escape(text.lower()) for text in {peer, str(connected)})
    named = re.compile(rf"(?<![0-9a-f.])({written})(?![0-9a-f.])".encode("latin-1", "replace"))
    values = [value for name, value in headers if _is_passed_on([(name, b"")])]
    return any(named.search(value.lower()) or connected in _addresses_in(value) for value in values)


def _addresses_in(value: bytes) -> Iterator[Address | None]:
    """Whatever may be read as an address in a header: a server writes one in its own way, whichever way it was sent."""
    for piece in re.findall(r"[0-9A-Fa-f:.]+", value.decode("latin-1")):
        yield from (address_of(piece), _address_of_hop(piece.strip(".")))


def _last_untrusted(hops: Sequence[str], trusted: Networks) -> Address | None:
    """From the nearest hop on the first whose word is not taken; where all are trusted, the farthest."""
    address = None
    for hop in reversed(hops):
        address = _address_of_hop(hop)
        if address is None or not lies_in(address, trusted):
            break
    return address


def _hops_of(value: bytes) -> list[str]:
    """One line of `X-Forwarded-For`; empty elements of a list are none (RFC 9110, 5.6.1.2)."""
    return [hop for part in value.decode("latin-1").split(",") if (hop := part.strip(" \t"))]


def _address_of_hop(hop: str) -> Address | None:
    """An address as proxies write it: also with a port, and that of IPv6 in brackets."""
    match = re.fullmatch(r"\[(?P<six>[0-9A-Fa-f]*:[0-9A-Fa-f:.]+)\](:[0-9]{1,5})?|(?P<four>[0-9.]+):[0-9]{1,5}", hop)
    return address_of((match["six"] or match["four"]) if match else hop)


@dataclass(frozen=True)
class AllowList:
    """
    Who may come near the routes of administration at all.

    Args:
        networks: From where; of an empty list nobody may.
        is_open_at_home: Whether an empty list lets this machine itself in.
    """

    networks: Networks
    is_open_at_home: bool = False

    def admits(self, client: Client) -> bool:
        """Whether this client may come near."""
        # The one guard of everything that is not known, or not for certain.
        if client.address is None or not client.is_certain:
            return False
        if self.networks:
            return lies_in(client.address, self.networks)
        return self.is_open_at_home and client.address.is_loopback and not client.passed_on


def admin_networks(entries: Iterable[str]) -> Networks:
    """
    The networks of an allow-list; raises as `networks_in`.

    Raises:
        ValueError: One is so wide that it is nearly everybody.
    """
    networks = networks_in(entries)
    if any(network.prefixlen < WIDEST_ADMIN_NETWORK[network.version] for network in networks):
        raise ValueError("nearly everybody")
    return networks
