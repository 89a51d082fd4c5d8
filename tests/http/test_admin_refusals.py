"""Who is refused at the admin API: in which order, and what is written down of it."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import pytest
from httpx2 import Response
from sqlalchemy import event

from tests.http.administration import ADMIN, REASON, ROUTES, look, path_of, refused_events, reset
from tests.http.asgi import Asked
from tests.http.bodies import JSON, TOO_LARGE
from tests.http.problems import problem_of, slug_of
from tests.http.world import ELSEWHERE, World
from twofold.core.events import Event
from twofold.core.policy import REFUSED_A_MINUTE, STRANGERS_A_MINUTE


@dataclass
class Request:
    """One request of an admin that would succeed, until faults are put into it."""

    world: World
    method: str
    path: str
    client: str = "192.0.2.1"
    padding: int = 0
    query: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.admin, self.user = self.world.admin(), self.world.enrolled()
        self.user_id: object = self.user.id
        self.headers = self.admin.bearer | JSON
        self.body = {"reason": REASON} if self.method == "POST" else {}

    def too_large(self) -> None:
        self.padding = TOO_LARGE

    def not_json(self) -> None:
        self.headers["Content-Type"] = "text/plain"

    def cross_site(self) -> None:
        self.headers |= {"Cookie": "session=x", "Sec-Fetch-Site": "cross-site"}
        self.headers.pop("Authorization", None)

    def outside(self) -> None:
        self.client = ELSEWHERE

    def not_signed_in(self) -> None:
        if "Authorization" in self.headers:
            self.headers["Authorization"] = "Bearer dead"

    def no_admin(self) -> None:
        self.admin.set(role="user")

    def stale(self) -> None:
        self.world.clock.forward(minutes=5, seconds=1)

    def without_factor(self) -> None:
        self.admin.set(twofa_enabled=False, totp_secret=None)

    def malformed(self) -> None:
        self.body["reason"] = "two\nlines"
        self.query = f"?cursor={'x' * 101}"

    def oneself(self) -> None:
        self.user_id = self.admin.id

    def nobody(self) -> None:
        self.user_id = 2**31 - 1

    def nothing_there(self) -> None:
        self.user.set(twofa_enabled=False, totp_secret=None, twofa_backup_codes=None)

    def send(self) -> Response:
        text = json.dumps(self.body).encode() if self.method == "POST" else b""
        content = text[:-1] + b" " * max(0, self.padding - len(text)) + text[-1:]
        given = [(name.encode(), value.encode()) for name, value in self.headers.items()]
        path = path_of(self.path, self.user_id) + self.query
        return self.world.ask(path, given, chunks=[content], method=self.method, client=self.client)


Fault = tuple[str, Callable[[Request], None]]
TAKES_A_BODY: list[Fault] = [
    ("invalid-request 413", Request.too_large),
    ("invalid-request 415", Request.not_json),
    ("cross-site-request 403", Request.cross_site),
]
AT_THE_DOOR: list[Fault] = [
    ("forbidden 403", Request.outside),
    ("not-signed-in 401", Request.not_signed_in),
    ("forbidden 403", Request.no_admin),
    ("step-up-required 401", Request.stale),
]
MALFORMED: Fault = ("invalid-request 422", Request.malformed)
NOBODY: Fault = ("not-found 404", Request.nobody)
ORDER: dict[tuple[str, str], list[Fault]] = {
    ("GET", "/users"): [*AT_THE_DOOR, MALFORMED],
    ("GET", "/users/{id}"): [*AT_THE_DOOR, NOBODY],
    ("POST", "/users/{id}/reset"): [
        *(*TAKES_A_BODY, *AT_THE_DOOR, MALFORMED, NOBODY, ("not-enabled 409", Request.nothing_there))
    ],
    ("POST", "/users/{id}/unlock"): [*TAKES_A_BODY, *AT_THE_DOOR, MALFORMED, NOBODY],
    ("GET", "/events"): [*AT_THE_DOOR, MALFORMED],
    ("GET", "/adoption"): AT_THE_DOOR,
}


def pairs() -> list[tuple[tuple[str, str], Fault, Fault]]:
    return [(route, *pair) for route, faults in ORDER.items() for pair in combinations(faults, 2)]


def test_every_route_has_an_order():
    """
    Every route of administration is told which refusals come in which order.
    """
    assert list(ORDER) == ROUTES


@pytest.mark.parametrize(("route", "first", "second"), pairs())
def test_of_two_faults_the_earlier_is_told(world: World, route: tuple[str, str], first: Fault, second: Fault):
    """
    Size, type, origin, list, session, role, second factor, form, user, state: of any two faults in one request the
    earlier is told.
    """
    request = Request(world, *route)
    first[1](request)
    second[1](request)

    answer = request.send()

    assert f"{slug_of(answer)} {answer.status_code}" == first[0]


@pytest.mark.parametrize("route", ROUTES)
def test_an_admin_without_a_second_factor(world: World, route: tuple[str, str]):
    """
    An admin without a second factor is told to set one up, before anything of the request is looked at.
    """
    request = Request(world, *route)
    request.without_factor()
    request.malformed()

    problem_of(request.send(), "second-factor-not-set-up")


@pytest.mark.parametrize("verb", ["reset", "unlock"])
@pytest.mark.parametrize("wrong", [Request.malformed, Request.oneself])
def test_oneself_comes_after_the_form(world: World, verb: str, wrong: Callable[[Request], None]):
    """
    Who names themselves is told so after a malformed request is, and before anything else about the user.
    """
    request = Request(world, "POST", f"/users/{{id}}/{verb}")
    request.oneself()
    request.nothing_there()
    wrong(request)

    assert slug_of(request.send()) == ("forbidden" if wrong is Request.oneself else "invalid-request")


KEPT = ("kind", "outcome", "client_address", "factor", "actor", "reason")


@pytest.mark.parametrize(
    ("fault", "outcome", "is_known"),
    [
        (Request.outside, "forbidden", False),
        (Request.not_signed_in, "not-signed-in", False),
        (Request.no_admin, "forbidden", True),
        (Request.stale, "step-up-required", True),
        (Request.without_factor, "second-factor-not-set-up", True),
        (Request.oneself, "forbidden", True),
    ],
)
@pytest.mark.parametrize("route", [ROUTES[2], ROUTES[3]])
def test_a_refusal_is_an_event(
    each_world: World, route: tuple[str, str], fault: Callable[[Request], None], outcome: str, is_known: bool
):
    """
    Whoever is refused is in the table, and told to whoever listens: when, why, from where, and who, if that was known.
    """
    # Another minute than any test before has seen.
    each_world.clock.forward(minutes=len(refused_events(each_world)) + 20)
    request = Request(each_world, *route)
    before = len(refused_events(each_world))
    each_world.events.clear()
    fault(request)

    slug = slug_of(request.send())

    who = request.admin.id if is_known else None
    [kept] = refused_events(each_world)[before:]
    assert slug == outcome
    assert [kept[name] for name in KEPT] == ["admin_refused", outcome, request.client, None, None, None]
    assert kept["user_id"] == who
    [told] = each_world.events
    assert (told.user_id, told.kind, told.outcome, told.client_address) == (
        who,
        "admin_refused",
        outcome,
        request.client,
    )
    own = [one["outcome"] for one in request.admin.kept()["twofold_events"] if one["kind"] == "admin_refused"]
    assert own == ([outcome] if is_known else [])


def test_what_is_no_refusal_is_none(world: World):
    """
    A malformed request, an unknown user and a conflict are no refusals, nor is what succeeds.
    """
    admin, user = world.admin(), world.signed_in()
    before = len(refused_events(world))

    problem_of(reset(admin, user.id), "not-enabled")
    problem_of(reset(admin, 0), "not-found")
    problem_of(reset(admin, user.id, reason=""), "invalid-request", 422)
    look(admin, "/users")

    assert refused_events(world)[before:] == []


def strangers(world: World, clients: list[str]) -> list[Response]:
    return world.ask_side_by_side(Asked(f"{ADMIN}/users", [], [b""], "GET", client=client) for client in clients)


@pytest.fixture
def fresh_minute(world: World) -> World:
    """The backend in a minute in which nobody was refused yet."""
    world.clock.forward(minutes=5000 + len(refused_events(world)))
    return world


def test_a_stranger_is_written_down_once_a_minute(fresh_minute: World, caplog: pytest.LogCaptureFixture):
    """
    Of one client network one refusal a minute is stored, however many there are at once and whatever addresses of the
    network they come from; each is told, and has its line in the log.
    """
    world, before = fresh_minute, len(refused_events(fresh_minute))
    clients = [*["203.0.113.5"] * 20, *["::ffff:203.0.113.5"] * 20, *(f"2001:db8:b:{each:x}::1" for each in range(40))]

    answers = strangers(world, clients)

    assert {answer.status_code for answer in answers} == {403}
    assert len(refused_events(world)) - before == 2
    assert len(world.events) == len(clients)
    lines = [record.getMessage() for record in caplog.records if "administration" in record.getMessage()]
    assert len(lines) == len(clients)
    assert lines[0] == "A route of administration was refused (forbidden) to a stranger; from 203.0.113.5."
    world.clock.forward(minutes=1)
    strangers(world, clients)
    assert len(refused_events(world)) - before == 4


def test_strangers_do_not_fill_the_table(fresh_minute: World):
    """
    Of any number of networks at most a hundred refusals a minute are stored, and the next minute as many again; who
    is known is written down all the same.
    """
    world, before = fresh_minute, len(refused_events(fresh_minute))
    clients = [f"198.51.{each // 250}.{each % 250}" for each in range(STRANGERS_A_MINUTE + 50)]

    strangers(world, clients)

    assert len(refused_events(world)) - before == STRANGERS_A_MINUTE
    assert len(world.events) == len(clients)
    user = world.enrolled()
    for _ in range(3):
        problem_of(look(user, "/users"), "forbidden")
    assert len(refused_events(world)) - before == STRANGERS_A_MINUTE + 3
    world.clock.forward(minutes=1)
    strangers(world, clients)
    assert len(refused_events(world)) - before == 2 * STRANGERS_A_MINUTE + 3


def test_a_user_does_not_fill_the_table(fresh_minute: World):
    """
    Of one user, too, few refusals of a kind are stored each minute, and of another one as many; each is told, and has
    its line in the log.
    """
    world, before = fresh_minute, len(refused_events(fresh_minute))
    users = [world.enrolled(), world.enrolled()]

    for user in users:
        for _ in range(4 * REFUSED_A_MINUTE):
            problem_of(look(user, "/users"), "forbidden")

    kept = [row["user_id"] for row in refused_events(world)[before:]]
    assert kept == [user.id for user in users for _ in range(REFUSED_A_MINUTE)]
    assert len(world.events) >= 8 * REFUSED_A_MINUTE


def test_whoever_asks_without_a_session_is_a_stranger(fresh_minute: World):
    """
    Inside the list, too, who has no session fills no table.
    """
    world, before = fresh_minute, len(refused_events(fresh_minute))

    for _ in range(5):
        problem_of(world.get(f"{ADMIN}/events"), "not-signed-in")

    assert len(refused_events(world)) - before == 1


def test_a_refusal_that_cannot_be_recorded(fresh_minute: World, caplog: pytest.LogCaptureFixture):
    """
    Where the refusal cannot be recorded, because the table is full or whoever listens fails, it is a refusal all the
    same, with the same answer.
    """
    world, told = fresh_minute, []
    user, store = world.enrolled(), world.auth.store
    engine = store._engine  # type: ignore[attr-defined]

    def fail(*arguments: Any) -> None:
        if arguments[2].startswith("INSERT INTO twofold_events"):
            raise OSError("No space left on device")

    def on_event(event: Event) -> None:
        told.append(event)
        raise ValueError("from the one who listens")

    world.auth.on_event = on_event
    event.listen(engine, "before_cursor_execute", fail)
    try:
        outside = strangers(world, [ELSEWHERE])[0]
        inside = look(user, "/users")
    finally:
        event.remove(engine, "before_cursor_execute", fail)
        world.auth.on_event = world.events.append

    assert [problem_of(answer, "forbidden")["detail"] for answer in (outside, inside)] == ["This is not allowed."] * 2
    assert [one.user_id for one in told] == [None, user.id]
    assert user.email not in caplog.text


def test_no_name_in_the_log(fresh_minute: World, caplog: pytest.LogCaptureFixture):
    """
    The log says which user was refused by the number, and no e-mail address, token or reason.
    """
    world = fresh_minute
    user, admin = world.enrolled(), world.admin()

    reset(user, admin.id)
    reset(admin, admin.id)
    reset(admin, user.id)

    assert f"refused (forbidden) to user {user.id}; from 192.0.2.1." in caplog.text
    assert not [one for one in (user.email, admin.email, user.token, admin.token, REASON) if one in caplog.text]
