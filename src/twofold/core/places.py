"""Places as people write them down: addresses, networks, and what stands behind `://` in a URL."""

import re
from ipaddress import IPv4Network, ip_address
from urllib.parse import parse_qsl, urlsplit

from twofold.core.clients import network_as_is

# What stands behind `://` for a server: [user[:password]@][host][:port][/database][?parameters].
_SERVER = r"([^:/@]*(:[^@]*)?@)?(\[[^\]/?@]+\]|[^\[\]:/?@]*)(:(?P<port>[0-9]{1,5}))?(/[^?]*)?(\?.*)?"

USUAL_PORTS = {"https": 443, "http": 80}
LAST_PORT = 65_535


def plain_origin(text: str) -> str:
    """
    An origin as browsers write it: in lower case, and without the port that goes without saying.

    Raises:
        ValueError: It is none; a name beyond ASCII is written as browsers send it, `xn--...`.
    """
    found = re.fullmatch(r"(https?)://([a-z0-9._-]+)(?::([0-9]{1,5}))?/?", text.lower())
    if found is None:
        raise ValueError
    scheme, host, given = found.groups()
    port = USUAL_PORTS[scheme] if given is None else int(given)
    if not 0 < port <= LAST_PORT:
        raise ValueError
    return f"{scheme}://{host}" + ("" if port == USUAL_PORTS[scheme] else f":{port}")


def is_address(text: str) -> bool:
    """Whether this is an IP address."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def networks_of(text: str) -> list[str]:
    """
    An address or a network, and for IPv4 also how a socket for both kinds of IP writes it.

    Raises:
        ValueError: As `network_as_is`.
    """
    network = network_as_is(text)
    if isinstance(network, IPv4Network):
        return [str(network), f"::ffff:{network.network_address}/{96 + network.prefixlen}"]
    return [str(network)]


def leads_to_database(kind: str, rest: str) -> bool:
    """Whether what stands behind `://` has the form of a file, or of a database on a server."""
    if kind == "sqlite":
        return rest.startswith("/") or not rest
    return _leads_to_server(rest)


def leads_to_redis(rest: str) -> bool:
    """Whether what stands behind `://` names a host, perhaps a database's number, and beside that only needs of TLS."""
    try:
        parts = urlsplit(f"//{rest}")
    except ValueError:
        return False
    parameters = parse_qsl(parts.query, keep_blank_values=True)
    return (
        _leads_to_server(rest)
        and bool(parts.hostname and re.fullmatch("(/[0-9]{0,5})?", parts.path) and not parts.fragment)
        and all(name.startswith("ssl_") for name, _ in parameters)
    )


def _leads_to_server(rest: str) -> bool:
    match = re.fullmatch(_SERVER, rest)
    return match is not None and int(match["port"] or 1) in range(1, 65_536)
