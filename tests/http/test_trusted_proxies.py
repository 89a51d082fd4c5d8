"""Whose word is taken for a client's address: that of TRUSTED_PROXIES, from the nearest hop on, and nobody else's."""

from collections.abc import Callable, Iterator

import pytest

from tests.http.asgi import Headers
from tests.http.test_password_limits import asked, told
from tests.http.world import PASSWORD, Place, World, in_process, settings_for
from twofold.core.places import networks_of

PROXY = "10.0.0.1"
TRUSTED = tuple(network for each in ("10.0.0.0/24", "fd00::/8") for network in networks_of(each))


@pytest.fixture(scope="module")
def started(fresh_place: Callable[[str], Place], key: str) -> Iterator[World]:
    place = fresh_place("sqlite")
    with in_process(place, settings_for(place, key, trusted_proxies=TRUSTED)) as world:
        yield world


@pytest.fixture
def behind(started: World) -> World:
    """The backend behind proxies that it trusts."""
    started.begin()
    return started


def forwarded(*values: bytes) -> Headers:
    return [(b"X-Forwarded-For", value) for value in values]


@pytest.mark.parametrize(
    ("client", "values", "address"),
    [
        (PROXY, [b"203.0.113.1"], "203.0.113.1"),
        (PROXY, [b"203.0.113.1, 203.0.113.2"], "203.0.113.2"),
        (PROXY, [b"203.0.113.1", b"203.0.113.2"], "203.0.113.2"),
        (PROXY, [b"203.0.113.1, 203.0.113.2, 10.0.0.2"], "203.0.113.2"),
        (PROXY, [b"203.0.113.1,203.0.113.2", b"10.0.0.3 ,10.0.0.2"], "203.0.113.2"),
        (PROXY, [b"10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        (PROXY, [b"2001:db8::1, fd00::2"], "2001:db8::1"),
        (PROXY, [b"[2001:DB8::1]:4711"], "2001:db8::1"),
        (PROXY, [b"203.0.113.1:4711"], "203.0.113.1"),
        (PROXY, [b"::ffff:203.0.113.1"], "203.0.113.1"),
        ("::ffff:10.0.0.1", [b"203.0.113.1"], "203.0.113.1"),
        (PROXY, [], PROXY),
        (PROXY, [b""], PROXY),
        ("192.0.2.66", [b"203.0.113.1"], "192.0.2.66"),
        ("192.0.2.66", [b"203.0.113.1, 10.0.0.2"], "192.0.2.66"),
        ("10.0.1.1", [b"203.0.113.1"], "10.0.1.1"),
        ("127.0.0.1", [b"203.0.113.1"], "127.0.0.1"),
        *[
            (PROXY, [b"203.0.113.1, " + garbage], None)
            for garbage in (
                b"unknown",
                b"_hidden",
                b"203.0.113.256",
                b"a' OR 1=1 --",
                b"[::1",
                b"\xff" * 300,
            )
        ],
    ],
)
def test_who_asks(behind: World, client: str, values: list[bytes], address: str | None):
    """
    From a proxy that is trusted the last hop that is not is the client, over all header lines; from anybody else it is
    the connection. What is no IP address is written down as nothing.
    """
    person = behind.registered()

    assert told(behind, [asked(person.email, PASSWORD, client=client, more=forwarded(*values))]) == {"signed in": 1}
    assert {event["client_address"] for event in person.kept()["twofold_events"]} == {address}


@pytest.mark.parametrize("name", [b"Forwarded", b"X-Real-IP", b"X-Client-IP", b"True-Client-IP", b"X-Forwarded"])
def test_one_header_is_read(behind: World, name: bytes):
    """
    A proxy that is trusted is heard in `X-Forwarded-For` alone; other headers pass it as a client wrote them.
    """
    person = behind.registered()
    headers = [(name, b"for=203.0.113.1"), (name, b"203.0.113.1")]

    assert told(behind, [asked(person.email, PASSWORD, client=PROXY, more=headers)]) == {"signed in": 1}
    assert {event["client_address"] for event in person.kept()["twofold_events"]} == {PROXY}


def test_each_client_has_its_own_count(behind: World):
    """
    Clients behind one proxy are counted apart, by the hop that the proxy saw: what a client itself wrote before it
    gives nobody another count, and garbage gives all who send it one together.
    """
    behind.forget_wrong_passwords(address_failures=10)

    def guesses(*hops: bytes) -> dict[str, int]:
        number = iter(range(1000))
        return told(behind, [asked(f"{next(number)}@example.com", client=PROXY, more=forwarded(each)) for each in hops])

    assert guesses(*(b"198.51.100.%d, 203.0.113.1" % each for each in range(11))) == {
        "sign-in-failed": 10,
        "rate-limited": 1,
    }
    assert guesses(b"203.0.113.2", b"198.51.100.1") == {"sign-in-failed": 2}
    assert guesses(*(b"made up %d" % each for each in range(11))) == {"sign-in-failed": 10, "rate-limited": 1}
