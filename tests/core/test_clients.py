"""Who asks, and who may come near: addresses, networks, and what proxies say."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twofold.core.clients import (
    AllowList,
    Client,
    address_of,
    admin_networks,
    client_of,
    lies_in,
    networks_in,
    shared_by,
)

TRUSTED = networks_in(["10.0.0.0/24", "fd00::/8", "127.0.0.1"])
PROXY, STRANGER, OFFICE = "10.0.0.1", "198.51.100.9", "192.0.2.7"
NAMES = [
    *("Forwarded", "X-Forwarded-For", "X-Forwarded", "Forwarded-For", "X-Forward-For", "X-Original-Forwarded-For"),
    *("X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Client-Cert", "X_Forwarded_For", "Via", "X-BlueCoat-Via"),
    *("X-Real-IP", "X-Client-IP", "Client-IP", "True-Client-IP", "X-Cluster-Client-IP", "X-ProxyUser-Ip"),
    *("X-Remote-IP", "X-Remote-Addr", "X-Originating-IP", "X-Custom-IP-Authorization", "WL-Proxy-Client-IP"),
    *("CF-Connecting-IP", "CF-Connecting-IPv6", "CF-Pseudo-IPv4", "CF-Ray", "Fastly-Client-IP", "Fly-Client-IP"),
    *("X-Azure-ClientIP", "X-Azure-SocketIP", "X-Appengine-User-IP", "X-Envoy-External-Address", "CDN-Loop"),
    *("X-Vercel-Forwarded-For", "X-Railway-Edge", "X-Amzn-Trace-Id", "X-Original-Host", "X-Coming-From"),
]
USUAL = [
    *("Host", "Origin", "Referer", "User-Agent", "Accept", "Accept-Encoding", "Accept-Language", "Authorization"),
    *("Cookie", "Content-Type", "Content-Length", "Connection", "Cache-Control", "Sec-Fetch-Site", "Sec-CH-UA"),
    *("X-TOTP-Code", "X-Requested-With", "X-Request-ID", "Traceparent", "DNT", "Priority", "Idempotency-Key"),
]


def headers(*given: tuple[str, str | bytes]) -> list[tuple[bytes, bytes]]:
    return [
        (name.lower().encode(), value if isinstance(value, bytes) else value.encode("latin-1")) for name, value in given
    ]


def found(peer: str | None, *given: tuple[str, str | bytes]) -> tuple[str, bool]:
    """The address, and whether it is certain."""
    client = client_of(peer, headers(*given), TRUSTED)
    return str(client.address), client.is_certain


def hops(*values: str | bytes) -> list[tuple[str, str | bytes]]:
    return [("X-Forwarded-For", value) for value in values]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::FFFF:C000:0201", "192.0.2.1"),
        ("0:0:0:0:0:ffff:192.0.2.1", "192.0.2.1"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("::1", "::1"),
    ],
)
def test_one_address_however_it_is_written(text: str, address: str):
    """
    An address is the same however it is written, and IPv4 is IPv4 also where a socket writes it as IPv6.
    """
    assert ip_address(address) == address_of(text)


@pytest.mark.parametrize(
    "text",
    [
        *(None, "", " ", "unknown", "testclient", "/run/socket", "_hidden", "localhost", "\udc80", "١٢٧.0.0.1"),
        *("192.0.2.256", "192.0.2.01", "192.0.2.1 ", "192.0.2.1\n", "0x7f.1", "127.1", "2130706433", "192.0.2.1/32"),
        *("192.0.2.1:80", "[::1]", "::1/128", "fe80::1%eth0", "::1%1", "::ffff:127.0.0.1%lo", "1" * 100_000),
    ],
)
def test_what_is_no_address(text: str | None):
    """
    What is no address is nobody's: a name, a number, another system's spelling, and an address with a zone.
    """
    assert address_of(text) is None


@pytest.mark.parametrize(
    ("entry", "inside", "outside"),
    [
        ("192.0.2.0/24", ["192.0.2.0", "192.0.2.255", "::ffff:192.0.2.9"], ["192.0.3.0", "192.0.1.255", "::192.0.2.1"]),
        ("192.0.2.1", ["192.0.2.1", "::ffff:c000:201"], ["192.0.2.2", "::1"]),
        ("::ffff:192.0.2.0/120", ["192.0.2.9", "::ffff:192.0.2.9"], ["192.0.3.1", "2001:db8::1"]),
        ("::ffff:192.0.2.1", ["192.0.2.1", "::ffff:192.0.2.1"], ["192.0.2.2"]),
        ("2001:db8::/32", ["2001:db8::1", "2001:0DB8:FFFF::"], ["2001:db9::", "192.0.2.1", "::ffff:192.0.2.1"]),
        ("fd00::/8", ["fd12::1"], ["fe80::1", "127.0.0.1"]),
        ("::/16", ["::1"], ["127.0.0.1", "::ffff:127.0.0.1"]),
    ],
)
def test_a_network_holds_its_addresses(entry: str, inside: list[str], outside: list[str]):
    """
    A network holds the addresses from its first to its last and no other, in either way to write IPv4.
    """
    networks = networks_in(["203.0.113.77", entry])
    addresses = [(address_of(text), text in inside) for text in inside + outside]

    assert [lies for _, lies in addresses] == [
        address is not None and lies_in(address, networks) for address, _ in addresses
    ]


@given(st.ip_addresses(), st.integers(1, 128))
def test_an_address_and_its_network(address: IPv4Address | IPv6Address, prefix: int):
    """
    Every address lies in its own network of every size, and does not in another one that begins otherwise.
    """
    bits, normal = address.max_prefixlen, address_of(str(address))
    prefix = min(prefix, bits)
    first = int(address) >> (bits - prefix) << (bits - prefix)
    [network] = networks_in([f"{type(address)(first)}/{prefix}"])

    assert normal is not None
    # A network so wide that it spans more than all of IPv4 is one of IPv6 alone.
    assert lies_in(normal, (network,)) == (normal.version == network.version)
    if normal.version == network.version:
        other = int(normal) ^ 1 << (normal.max_prefixlen - 1 - (network.prefixlen - 1))
        assert not lies_in(type(normal)(other), (network,))


@pytest.mark.parametrize(
    "entry",
    ["", "*", "proxy.internal", "192.0.2.1/24", "192.0.2.0/33", "10.0.0.1:80", "fe80::1%eth0", "::ffff:10.1.1.1/104"],
)
def test_what_is_no_network(entry: str):
    """
    What is no network, or an address within one, is refused while it is read.
    """
    with pytest.raises(ValueError, match=r"."):
        networks_in(["192.0.2.0/24", entry])


@pytest.mark.parametrize(
    "entry",
    ["0.0.0.0/0", "::/0", "::ffff:0:0/96", "::ffff:0.0.0.0/96", "0.0.0.0/1", "128.0.0.0/1", "8.0.0.0/7", "2000::/3"],
)
def test_everybody_is_no_list(entry: str):
    """
    A network that is everybody, or half of them, is no list of who may administer, however it is written.
    """
    with pytest.raises(ValueError, match=r"."):
        admin_networks(["192.0.2.0/24", entry])


SHARED: dict[str, tuple[list[str], list[str], list[str]]] = {
    "the-same": (["192.0.2.1", "198.51.100.1"], ["192.0.2.1"], ["192.0.2.1/32"]),
    "within": (["10.0.0.0/8"], ["10.1.0.0/16"], ["10.0.0.0/8"]),
    "around": (["10.1.2.3"], ["10.0.0.0/8"], ["10.1.2.3/32"]),
    "written-as-ipv6": (["::ffff:10.1.2.3"], ["10.0.0.0/8"], ["10.1.2.3/32"]),
    "beside": (["10.0.0.0/8", "2001:db8::/32"], ["11.0.0.1", "2001:db9::1"], []),
    "of-the-other-kind": (["0.0.0.0/8"], ["::/8"], []),
}


@pytest.mark.parametrize("case", SHARED)
def test_what_two_lists_have_in_common(case: str):
    """
    A network is told where it has an address of the other list, however both are written.
    """
    one, other, shared = SHARED[case]

    assert shared_by(networks_in(one), networks_in(other)) == shared


def test_a_large_organization_is_a_list():
    """
    The largest networks that one organization has are a list.
    """
    entries = ["10.0.0.0/8", "fc00::/7", "::ffff:10.0.0.0/104"]

    assert [str(each) for each in admin_networks(entries)] == ["10.0.0.0/8", "fc00::/7", "10.0.0.0/8"]


@pytest.mark.parametrize(
    ("peer", "given", "address"),
    [
        (OFFICE, [], OFFICE),
        ("2001:db8::7", [], "2001:db8::7"),
        ("::ffff:192.0.2.7", [], OFFICE),
        ("127.0.0.2", [], "127.0.0.2"),
        (PROXY, [], PROXY),
        (PROXY, hops(OFFICE), OFFICE),
        ("::ffff:10.0.0.1", hops(OFFICE), OFFICE),
        ("fd12::1", hops("2001:DB8::7"), "2001:db8::7"),
        (PROXY, hops(f"{STRANGER}, {OFFICE}"), OFFICE),
        (PROXY, hops(STRANGER, OFFICE), OFFICE),
        (PROXY, hops(f"{OFFICE}, {STRANGER}"), STRANGER),
        (PROXY, hops(OFFICE, STRANGER), STRANGER),
        (PROXY, hops(f"{OFFICE}, {STRANGER}, 10.0.0.2", "fd00::5,::ffff:10.0.0.3"), STRANGER),
        (PROXY, hops("10.0.0.3, 10.0.0.2"), "10.0.0.3"),
        (PROXY, hops("127.0.0.1"), "127.0.0.1"),
        (PROXY, hops(f"127.0.0.1, {STRANGER}"), STRANGER),
        (PROXY, hops(f"garbage, {OFFICE}"), OFFICE),
        (PROXY, hops("1.2.3.4, " * 5000 + OFFICE), OFFICE),
        (PROXY, hops(f"{OFFICE}, " + "10.0.0.2, " * 5000), OFFICE),
        (PROXY, hops(f" ,{OFFICE}\t ,, "), OFFICE),
        (PROXY, hops(OFFICE, ""), OFFICE),
        (PROXY, hops(f"{OFFICE}:4711"), OFFICE),
        (PROXY, hops("[2001:db8::7]:4711"), "2001:db8::7"),
        (PROXY, hops("[2001:db8::7]"), "2001:db8::7"),
        (PROXY, hops("[::ffff:192.0.2.7]:1"), OFFICE),
        (PROXY, [*hops(OFFICE), ("X-Real-IP", STRANGER), ("Forwarded", f"for={STRANGER}")], OFFICE),
        (OFFICE, hops(STRANGER), OFFICE),
        (OFFICE, [("Via", "1.1 proxy.internal"), *hops("127.0.0.1, 10.0.0.1")], OFFICE),
        (OFFICE, [("X-Original-Forwarded-For", "192.0.2.77")], OFFICE),
    ],
)
def test_who_asks(peer: str, given: list[tuple[str, str | bytes]], address: str):
    """
    Who asks is who made the connection, whatever the headers say; of a proxy that is trusted, and of no other, the
    nearest hop that is not trusted, over all lines of the one header.
    """
    assert found(peer, *given) == (address, True)


GARBAGE = [
    *(
        "unknown",
        "_hidden",
        "192.0.2.256",
        "[::1",
        "::1]",
        "[192.0.2.7]",
        "192.0.2.7:",
        "192.0.2.7:x",
        "192.0.2.7:123456",
    ),
    *("192.0.2.7:+1", "[2001:db8::7]x", "[2001:db8::7]:x", "[]", "fe80::1%eth0", "[fe80::1%eth0]:1", "for=192.0.2.7"),
    *(
        '"192.0.2.7"',
        "192.0.2.7 192.0.2.7",
        "192.0.2.7;192.0.2.8",
        "a' OR 1=1 --",
        b"\xff" * 300,
        "1" * 60_000,
        "\u00b2",
    ),
]


@pytest.mark.parametrize("garbage", GARBAGE)
@pytest.mark.parametrize("before", [[], hops(OFFICE)])
def test_garbage_where_it_counts(garbage: str | bytes, before: list[tuple[str, str | bytes]]):
    """
    Where the hop that decides is no address nobody is known, and no hop behind it is taken in its place.
    """
    assert found(PROXY, *before, *hops(garbage)) == ("None", False)


@pytest.mark.parametrize("peer", [None, "", "testclient", "unknown", "/run/socket", "fe80::1%eth0"])
@pytest.mark.parametrize("given", [[], hops(OFFICE), hops("127.0.0.1")])
def test_a_connection_from_nowhere(peer: str | None, given: list[tuple[str, str | bytes]]):
    """
    Who comes over a socket of this machine, or from what is no address, is not known, whatever the headers say.
    """
    assert found(peer, *given) == ("None", False)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("peer", ["127.0.0.2", "::1", "::ffff:127.0.0.2"])
def test_nobody_on_this_machine_speaks_for_others(peer: str, name: str):
    """
    A request from this machine that bears any header of a proxy is not certain to be this machine's own.
    """
    known = client_of(peer, headers((name, "192.0.2.1")), TRUSTED)

    assert (known.is_certain, known.passed_on) == (False, True)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "X-Forwarded-For"])
def test_a_proxy_that_names_nobody(name: str):
    """
    A proxy that is trusted, and bears another header than the one in which it is heard, speaks for nobody who is known;
    an empty header names nobody either.
    """
    assert found(PROXY, (name, OFFICE)) == (PROXY, False)
    assert found(PROXY, (name, OFFICE), *hops("", " , ")) == (PROXY, False)
    assert found(PROXY, *hops("")) == (PROXY, False)


@pytest.mark.parametrize(
    "given",
    [
        hops(OFFICE),
        hops(f"{OFFICE}, {STRANGER}"),
        hops(f"{STRANGER}, {OFFICE}:4711"),
        [("Forwarded", f'for="{OFFICE}:4711";proto=https')],
        [("Forwarded", f"for={STRANGER}, for={OFFICE}")],
        [("X-Real-IP", "::ffff:192.0.2.7")],
        [("X-Forwarded-For", f"{STRANGER}, " * 4000 + OFFICE)],
    ],
)
def test_an_address_that_a_server_believed(given: list[tuple[str, str | bytes]]):
    """
    Where the connection's address stands in a header that came with it, somebody in front of us has believed the
    header, and nobody knows who made the connection.
    """
    assert found(OFFICE, *given) == (OFFICE, False)


@pytest.mark.parametrize(
    ("peer", "written"),
    [
        *(
            ("2001:db8:a::1", written)
            for written in ("2001:db8:a:0:0:0:0:1", "2001:0DB8:A::1", 'for="[2001:DB8:A::01]:80"')
        ),
        *(("192.0.2.7", written) for written in ("::ffff:c000:207", "for=192.0.2.7.", "[0:0:0:0:0:FFFF:192.0.2.7]")),
    ],
)
def test_a_believed_address_in_another_spelling(peer: str, written: str):
    """
    That address is the same however the header spells it; and another one is another.
    """
    assert found(peer, ("X-Forwarded-For", written)) == (peer, False)
    assert found("2001:db8:a::2", ("X-Forwarded-For", written)) == ("2001:db8:a::2", True)


def test_what_is_usual_is_no_proxy():
    """
    What browsers and programs send by themselves is no header of a proxy.
    """
    known = client_of("127.0.0.2", headers(*((name, "10.0.0.1") for name in USUAL)), TRUSTED)

    assert (known.is_certain, known.passed_on) == (True, False)


def client(address: str, *, is_certain: bool = True, passed_on: bool = False) -> Client:
    return Client(address_of(address), is_certain, passed_on)


@pytest.mark.parametrize("is_open_at_home", [False, True])
def test_a_list_admits_who_stands_in_it(is_open_at_home: bool):
    """
    A list admits who stands in it and is known for certain, and nobody else, at home neither.
    """
    allowed = AllowList(admin_networks(["192.0.2.0/24", "2001:db8::/32"]), is_open_at_home=is_open_at_home)
    asking = {
        client(OFFICE): True,
        client(OFFICE, passed_on=True): True,
        client("2001:db8::7"): True,
        client(STRANGER): False,
        client("127.0.0.1"): False,
        client("::1"): False,
        client(OFFICE, is_certain=False): False,
        Client(None, is_certain=True, passed_on=False): False,
    }

    assert asking == {each: allowed.admits(each) for each in asking}


def test_an_empty_list_admits_nobody():
    """
    An empty list admits nobody; where it is open at home, this machine itself, if no proxy may stand in between.
    """
    closed, at_home = AllowList(()), AllowList((), is_open_at_home=True)
    own = [client("127.0.0.1"), client("127.8.8.8"), client("::1"), client("::ffff:127.0.0.1")]
    others = [
        *(client(OFFICE), client("10.0.0.1"), client("0.0.0.0"), client("::"), client("garbage")),  # noqa: S104
        *(client("127.0.0.1", passed_on=True), client("127.0.0.1", is_certain=False)),
    ]

    assert [at_home.admits(each) for each in own] == [True] * 4
    assert not any(at_home.admits(each) for each in others)
    assert not any(closed.admits(each) for each in own + others)
