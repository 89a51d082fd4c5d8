"""The allow-list of the admin API (S14): who is not in it is told nothing, whatever the headers say."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import product
from typing import Any

import pytest
from httpx2 import Response
from sqlalchemy import Engine, event

from tests.http.administration import REASON, ROUTES, body_of, path_of, refused_events
from tests.http.asgi import Headers
from tests.http.bodies import JSON
from tests.http.problems import everything, problem_of
from tests.http.running import ServedWorld, served
from tests.http.world import AT_HOME, ELSEWHERE, Place, World, in_process, settings_for
from twofold.core.places import networks_of

HOME = "192.0.2.1"
PROXY, NEAR_PROXY = "10.0.0.1", "10.0.0.2"
TRUSTED = tuple(network for each in ("10.0.0.0/24", "fd00::/8") for network in networks_of(each))
BY_LIST = (AT_HOME, "2001:db8:a::/48", "127.0.0.0/8", "::1")
FORBIDDEN = {
    "type": "urn:twofold:problem:forbidden",
    "title": "Forbidden",
    "status": 403,
    "detail": "This is not allowed.",
}
HEADERS = [
    *("X-Forwarded-For", "Forwarded", "X-Real-IP", "True-Client-IP", "CF-Connecting-IP", "X-Client-IP", "Client-IP"),
    *("X-Cluster-Client-IP", "X-Forwarded", "Forwarded-For", "X-Original-Forwarded-For", "X-ProxyUser-Ip", "Via"),
    *("X-Remote-IP", "X-Remote-Addr", "X-Originating-IP", "Fastly-Client-IP", "X-Forwarded-Host", "X_Forwarded_For"),
]
"""The usual ones with which a client claims to be somebody else."""


@pytest.fixture(scope="module")
def behind_on(fresh_place: Callable[[str], Place], key: str) -> Iterator[Callable[..., World]]:
    """The backend with these settings; one for all tests."""
    worlds: dict[str, World] = {}
    with ExitStack() as stack:

        def behind_on(**settings: Any) -> World:
            name = repr(settings)
            if name not in worlds:
                place = fresh_place("sqlite")
                worlds[name] = stack.enter_context(in_process(place, settings_for(place, key, **settings)))
            worlds[name].begin()
            return worlds[name]

        yield behind_on


@pytest.fixture
def behind(behind_on: Callable[..., World]) -> World:
    """The backend behind proxies that it trusts, with a list in which this machine stands too."""
    return behind_on(trusted_proxies=TRUSTED, admin_allowed_ips=BY_LIST)


def named(name: str, *values: str) -> Headers:
    return [(name.encode(), value.encode("latin-1")) for value in values]


class Asking:
    """
    An admin with somebody to administer, in requests that are right in all but where they come from.

    Args:
        world: Where.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.admin, self.user = world.admin(), world.enrolled()

    def ask(self, route: tuple[str, str], client: str, headers: Headers = ()) -> Response:
        """One request."""
        method, path = route
        body = json.dumps(body_of(method)["json"]).encode() if method == "POST" else b""
        given = [*((name.encode(), value.encode()) for name, value in (self.admin.bearer | JSON).items()), *headers]
        return self.world.ask(path_of(path, self.user.id), given, chunks=[body], method=method, client=client)

    def told(self, client: str, headers: Headers = ()) -> set[int]:
        """With what every route answers."""
        return {self.ask(route, client, headers).status_code for route in ROUTES}


INSIDE = [
    (HOME, []),
    ("::ffff:192.0.2.1", []),
    ("2001:db8:a::1", []),
    ("2001:0DB8:000A:1::1", []),
    (PROXY, named("X-Forwarded-For", HOME)),
    ("::ffff:10.0.0.1", named("X-Forwarded-For", "::ffff:192.0.2.1")),
    ("fd00::1", named("X-Forwarded-For", "[2001:db8:a::1]:4711")),
    (PROXY, named("X-Forwarded-For", f"{ELSEWHERE}, {HOME}")),
    (PROXY, named("X-Forwarded-For", ELSEWHERE, HOME)),
    (PROXY, named("X-Forwarded-For", f"{HOME}, {NEAR_PROXY}")),
    (PROXY, [*named("X-Forwarded-For", HOME), *named("X-Real-IP", ELSEWHERE), *named("Forwarded", f"for={ELSEWHERE}")]),
    (HOME, named("X-Forwarded-For", ELSEWHERE)),
    ("127.0.0.1", []),
    ("::1", []),
]


@pytest.mark.parametrize(("client", "headers"), INSIDE)
def test_inside(behind: World, client: str, headers: Headers):
    """
    Whoever comes from an address in the list is let in, over a proxy that is trusted too, however it is written.
    """
    assert Asking(behind).told(client, headers) == {200}


OUTSIDE = [
    (ELSEWHERE, []),
    ("192.0.3.1", []),
    ("::192.0.2.1", []),
    ("::ffff:198.51.100.9", []),
    ("2001:db8:b::1", []),
    ("64:ff9b::192.0.2.1", []),
    ("192.0.2.1:80", []),
    ("", []),
    ("unix", []),
    ("fe80::1%eth0", []),
    ("2001:db8:a::1%eth0", []),
    (PROXY, []),
    (PROXY, named("X-Forwarded-For", ELSEWHERE)),
    (PROXY, named("X-Forwarded-For", f"{HOME}, {ELSEWHERE}")),
    (PROXY, named("X-Forwarded-For", HOME, ELSEWHERE)),
    (PROXY, named("X-Forwarded-For", f"{HOME}, {HOME}", f"{HOME},{ELSEWHERE}")),
    (PROXY, named("X-Forwarded-For", f"127.0.0.1, {ELSEWHERE}, {NEAR_PROXY}")),
    (PROXY, named("X-Forwarded-For", f"{HOME}, unknown")),
    (PROXY, named("X-Forwarded-For", f"{HOME}, {HOME}/24")),
    (PROXY, named("X-Forwarded-For", f"{HOME} {ELSEWHERE}")),
    (PROXY, named("X-Forwarded-For", f'"{HOME}"')),
    (PROXY, named("X-Forwarded-For", f"[{HOME}]")),
    (PROXY, named("X-Forwarded-For", f"{HOME}:x")),
    (PROXY, named("X-Forwarded-For", "2001:db8:a::1%eth0")),
    (PROXY, named("X-Forwarded-For", "\xb2")),
    (PROXY, named("X-Forwarded-For", "")),
    (PROXY, named("X-Forwarded-For", f"{HOME}, " * 5000 + ELSEWHERE)),
    (PROXY, named("X-Forwarded-For", "10.0.0.2, " * 5000)),
    ("127.0.0.1", named("X-Forwarded-For", HOME)),
    ("127.0.0.1", named("X-Forwarded-For", "127.0.0.1")),
    ("::1", named("X-Forwarded-For", "::1")),
    ("::ffff:127.0.0.1", named("Via", "1.1 proxy.internal")),
    (HOME, named("X-Forwarded-For", HOME)),
    (HOME, named("Forwarded", f'for="{HOME}:4711"')),
]


@pytest.mark.parametrize(("client", "headers"), OUTSIDE)
def test_outside(behind: World, client: str, headers: Headers):
    """
    Whoever comes from elsewhere, or from nobody knows where, is refused on every route: the hop behind a proxy that is
    trusted counts, nothing that stands before it, and garbage is nobody.
    """
    asking = Asking(behind)

    assert asking.told(client, headers) == {403}
    assert asking.ask(ROUTES[0], client, headers).json() == FORBIDDEN
    assert asking.user.row()["twofa_enabled"]


@pytest.mark.parametrize("name", HEADERS)
def test_no_header_helps(behind: World, name: str):
    """
    From outside no header opens any route, single, double or behind a proxy that is trusted; from this machine any of
    them closes it, for somebody may stand in between.
    """
    asking = Asking(behind)
    values = [HOME, "127.0.0.1", "::1", f"for={HOME}", f"{HOME}, {HOME}", "localhost", ""]
    ways: list[tuple[str, Headers]] = [
        *((ELSEWHERE, named(name, value)) for value in values),
        *((ELSEWHERE, named(name, value, value)) for value in values),
        *(("127.0.0.1", named(name, value)) for value in values),
        *((PROXY, [*named(name, value), *named("X-Forwarded-For", ELSEWHERE)]) for value in values),
        *((PROXY, [*named("X-Forwarded-For", ELSEWHERE), *named(name, ELSEWHERE)]) for value in values),
    ]
    if name != "X-Forwarded-For":
        ways += [(PROXY, named(name, value)) for value in values]
        ways += [(PROXY, [*named(name, value), *named("X-Forwarded-For", HOME, ELSEWHERE)]) for value in values]

    assert {(client, str(headers)): asking.told(client, headers) for client, headers in ways} == {
        (client, str(headers)): {403} for client, headers in ways
    }


def requests_of(world: World) -> Iterator[tuple[str, str, bytes, dict[str, str]]]:
    """Whatever may be right or wrong with a request, on every route."""
    admin, plain, enrolled = world.admin(), world.signed_in(), world.enrolled()
    enrolled.token = enrolled.session()
    people = [{}, {"Authorization": "Bearer dead"}, {"Authorization": "Basic eDp5"}, plain.bearer, enrolled.bearer]
    bodies = [json.dumps({"reason": REASON}).encode(), b"{", b"{}", b'{"reason": 1}', b""]
    for method, path in ROUTES:
        for user_id, headers in product([enrolled.id, admin.id, "2147483647", "x" * 300], [*people, admin.bearer]):
            for body in bodies if method == "POST" else [b""]:
                yield method, path_of(path, user_id), body, headers
    for method, path in product(["GET"], ["/users?cursor=x", "/users?enabled=x", "/events?cursor=x", "/events?user=x"]):
        yield method, path_of(path, ""), b"", admin.bearer


def test_one_answer_outside(behind: World):
    """
    From outside every route gives one and the same answer, whoever asks and whatever is wrong: nothing shows of
    sessions, roles, users or what the request should have been.
    """
    answers = []
    for method, path, body, headers in requests_of(behind):
        given = [(name.encode(), value.encode()) for name, value in (headers | JSON).items()]
        answers.append(behind.ask(path, given, chunks=[body], method=method, client=ELSEWHERE))

    assert len(answers) > 200
    assert {str(everything(answer)) for answer in answers} == {str(everything(answers[0]))}
    assert problem_of(answers[0], "forbidden") == FORBIDDEN


def test_nothing_is_looked_up_outside(behind: World):
    """
    Outside nothing is read: the first of a network is written down, of the others the database is not even asked.
    """
    asked: list[str] = []
    asking = Asking(behind)
    behind.clock.forward(minutes=9)

    def note(_: object, __: object, statement: str, *___: object) -> None:
        asked.append(" ".join(statement.split()[:3]))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        told = [asking.told(ELSEWHERE) for _ in range(3)]
    finally:
        event.remove(Engine, "before_cursor_execute", note)

    assert told == [{403}] * 3
    assert [each for each in asked if not each.startswith(("PRAGMA", "BEGIN"))] == ["INSERT INTO twofold_events"]


@pytest.mark.parametrize("client", ["127.0.0.1", "127.0.0.2", "::1", "::ffff:127.0.0.1"])
def test_an_empty_list_at_home(behind_on: Callable[..., World], client: str):
    """
    An empty list lets this machine itself in where it is no production, and only without a header of a proxy, also of
    one that is trusted.
    """
    asking = Asking(behind_on(admin_allowed_ips=()))

    assert asking.told(HOME) == {403}
    assert {name: asking.told(client, named(name, client)) for name in HEADERS} == {name: {403} for name in HEADERS}
    assert asking.told(client) == {200}


def test_an_empty_list_behind_a_proxy(behind_on: Callable[..., World]):
    """
    A proxy that is trusted, on this machine, makes nobody this machine of whom it speaks, whatever it says.
    """
    asking = Asking(behind_on(admin_allowed_ips=(), trusted_proxies=("127.0.0.1/32",)))

    for value in ("127.0.0.1", "::1", "127.0.0.2", HOME, "", "unknown"):
        assert asking.told("127.0.0.1", named("X-Forwarded-For", value)) == {403}
    assert asking.told("127.0.0.1") == {200}


def test_an_empty_list_in_production(behind_on: Callable[..., World]):
    """
    An empty list lets nobody in where it is production.
    """
    asking = Asking(behind_on(admin_allowed_ips=(), production=True))

    assert [asking.told(client) for client in ("127.0.0.1", "::1", HOME, ELSEWHERE)] == [{403}] * 4


def test_the_address_of_a_refusal(behind: World):
    """
    Of a stranger who was refused the address is kept that decided, and nothing that a client made up.
    """
    asking, before = Asking(behind), len(refused_events(behind))
    behind.clock.forward(minutes=10)

    asking.told(PROXY, named("X-Forwarded-For", f"{HOME}, 203.0.113.77"))
    asking.told(PROXY, named("X-Forwarded-For", f"{HOME}, a' OR 1=1 --"))

    kept = refused_events(behind)[before:]
    assert [(row["user_id"], row["outcome"], row["client_address"]) for row in kept] == [
        (None, "forbidden", "203.0.113.77"),
        (None, "forbidden", None),
    ]


SERVERS = [("h11", "asyncio"), ("httptools", "uvloop")]


@pytest.fixture(scope="module", params=SERVERS, ids=[http for http, _ in SERVERS])
def real(request: pytest.FixtureRequest, fresh_place: Callable[[str], Place], key: str) -> Iterator[ServedWorld]:
    """The backend behind a real server that listens for both kinds of IP, as far as there are both here."""
    place, (http, loop) = fresh_place("sqlite"), request.param
    settings = settings_for(
        place, key, trusted_proxies=("127.0.0.8/32",), admin_allowed_ips=(AT_HOME, "127.0.0.9", "::1")
    )
    with served(place, settings, http=http, loop=loop, both=socket.has_dualstack_ipv6()) as world:
        world.begin()
        yield world


class Connecting(Asking):
    """The same over real connections."""

    world: ServedWorld

    def ask(self, route: tuple[str, str], client: str, headers: Headers = ()) -> Response:
        """One request, from and to this address."""
        method, path = route
        body = json.dumps(body_of(method)["json"]).encode() if method == "POST" else b""
        given = [*((name.encode(), value.encode()) for name, value in (self.admin.bearer | JSON).items()), *headers]
        return self.world.raw(path_of(path, self.user.id), given, body, method=method.encode(), host=client)


def test_a_real_server(real: ServedWorld):
    """
    Behind a real server who connects from an address in the list is let in, and who connects from another is not;
    over a proxy that is trusted the hop behind it decides, and every header of the usual ones changes nothing.
    """
    connecting = Connecting(real)

    assert connecting.told("127.0.0.9") == {200}
    assert connecting.told("127.0.0.1") == {403}
    assert connecting.told("127.0.0.8") == {403}
    assert Connecting(real).told("127.0.0.8", named("X-Forwarded-For", HOME)) == {200}
    assert Connecting(real).told("127.0.0.8", named("X-Forwarded-For", ELSEWHERE, HOME)) == {200}
    assert connecting.told("127.0.0.8", named("X-Forwarded-For", HOME, ELSEWHERE)) == {403}
    for name in HEADERS:
        assert connecting.told("127.0.0.1", named(name, HOME)) == {403}
        assert connecting.told("127.0.0.1", named(name, "127.0.0.9", "127.0.0.9")) == {403}
        assert connecting.told("127.0.0.9", named(name, "127.0.0.9")) == {403}
        assert connecting.told("127.0.0.8", [*named(name, HOME), *named("X-Forwarded-For", ELSEWHERE)]) == {403}


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="There is no IPv6 here.")
def test_a_real_server_for_both_kinds_of_ip(real: ServedWorld):
    """
    A socket for both kinds of IP sees IPv4 as IPv6, and IPv6 as it is: the list holds for both.
    """
    connecting = Connecting(real)

    assert connecting.told("::1", named("X-Forwarded-For", HOME)) == {403}
    assert connecting.told("::1") == {200}
