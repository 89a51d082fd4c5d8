"""The order of refusals: of several faults in one request the earliest in the table is told."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import combinations
from typing import Any

import pytest
from httpx2 import Response

from tests.http.bodies import JSON, TOO_LARGE
from tests.http.problems import slug_of
from tests.http.victim import (
    ACCOUNT,
    BACKUP_CODES,
    DISABLE,
    FINISH,
    HEADERS,
    LOGIN,
    LOGOUT,
    PASSWORD_CHANGE,
    REGISTER,
    SESSION,
    SETUP,
    STATUS,
    STEP_UP,
    VERIFY,
    Victim,
    method_of,
)
from tests.http.world import World

CONFLICTS = {
    SETUP: "already-enabled",
    VERIFY: "no-setup-pending",
    DISABLE: "not-enabled",
    BACKUP_CODES: "not-enabled",
    STEP_UP: "not-enabled",
}


@dataclass
class Request:
    """One request that would succeed, until faults are put into it."""

    victim: Victim
    path: str
    body: dict[str, Any]
    headers: dict[str, str]
    row: dict[str, Any] = field(default_factory=dict)
    padding: int = 0

    def too_large(self) -> None:
        self.padding = TOO_LARGE

    def not_json(self) -> None:
        self.headers["Content-Type"] = "text/plain"

    def cross_site(self) -> None:
        self.headers |= {"Cookie": "session=x", "Sec-Fetch-Site": "cross-site"}
        self.headers.pop("Authorization", None)

    def not_signed_in(self) -> None:
        self.headers["Authorization"] = "Bearer dead"

    def stale(self) -> None:
        self.victim.world.clock.forward(minutes=5, seconds=1)

    def malformed(self) -> None:
        self.body["unknown"] = 1

    def wrong_password(self) -> None:
        self.body["current_password" if self.path == PASSWORD_CHANGE else "password"] = "a wrong one"

    def dead_token(self) -> None:
        self.body["sign_in_token"] = "dead"

    def in_conflict(self) -> None:
        self.body.pop("replace", None)
        self.row |= {"totp_pending_secret": None} if self.path == VERIFY else {}
        self.row |= {"twofa_enabled": False, "totp_secret": None} if CONFLICTS[self.path] == "not-enabled" else {}

    def malformed_header(self) -> None:
        self.headers["X-TOTP-Code"] = "12345"

    def locked(self) -> None:
        # The count may already stand at the cap.
        self.row = {"twofa_failures": '{"totp": 5}'} | self.row
        self.row["twofa_locked_until"] = self.victim.world.clock.now() + timedelta(minutes=1)

    def capped(self) -> None:
        self.row["twofa_failures"] = '{"totp": 100}'

    def wrong_code(self) -> None:
        wrong = self.victim.person.wrong_code()
        if "code" in self.body:
            self.body["code"] = wrong
        else:
            self.headers["X-TOTP-Code"] = wrong

    def send(self) -> Response:
        text = json.dumps(self.body).encode()
        content = text[:-1] + b" " * max(0, self.padding - len(text)) + text[-1:]
        self.victim.person.set(**self.row)
        return self.victim.world.request(method_of(self.path), self.path, content=content, headers=self.headers)


Fault = Callable[[Request], None]

DOORS: list[tuple[str, Fault]] = [
    ("invalid-request 413", Request.too_large),
    ("invalid-request 415", Request.not_json),
    ("cross-site-request 403", Request.cross_site),
]
SIGNED_IN: list[tuple[str, Fault]] = [*DOORS, ("not-signed-in 401", Request.not_signed_in)]
MALFORMED: list[tuple[str, Fault]] = [("invalid-request 422", Request.malformed)]
STALE: tuple[str, Fault] = ("step-up-required 401", Request.stale)
WRONG_PASSWORD: tuple[str, Fault] = ("sign-in-failed 401", Request.wrong_password)
CODE: list[tuple[str, Fault]] = [
    ("locked 429", Request.locked),
    ("factor-disabled 403", Request.capped),
    ("invalid-code 400", Request.wrong_code),
]


def conflict(path: str) -> list[tuple[str, Fault]]:
    return [(f"{CONFLICTS[path]} 409", Request.in_conflict)]


ORDERS: dict[str, list[tuple[str, Fault]]] = {
    REGISTER: [*DOORS, *MALFORMED],
    LOGIN: [
        *DOORS,
        *MALFORMED,
        WRONG_PASSWORD,
        # The header is looked at only after the right password.
        ("invalid-request 422", Request.malformed_header),
        *CODE,
    ],
    FINISH: [*DOORS, *MALFORMED, ("sign-in-token-dead 401", Request.dead_token), *CODE],
    SETUP: [*SIGNED_IN, STALE, *MALFORMED, *conflict(SETUP)],
    # A new secret is the way out of the cap, which therefore does not hold it back.
    VERIFY: [*SIGNED_IN, *MALFORMED, *conflict(VERIFY), CODE[0], CODE[2]],
    DISABLE: [*SIGNED_IN, *MALFORMED, *conflict(DISABLE), *CODE],
    BACKUP_CODES: [*SIGNED_IN, *MALFORMED, *conflict(BACKUP_CODES), *CODE],
    STEP_UP: [*SIGNED_IN, *MALFORMED, *conflict(STEP_UP), *CODE],
    PASSWORD_CHANGE: [*SIGNED_IN, STALE, *MALFORMED, WRONG_PASSWORD],
    ACCOUNT: [*SIGNED_IN, STALE, *MALFORMED, WRONG_PASSWORD],
    LOGOUT: SIGNED_IN,
}
"""Of each route, everything that it can refuse for, in the order in which it is told."""


@pytest.fixture
def victim(world: World) -> Victim:
    return Victim(world)


def request(victim: Victim, path: str, *faults: Fault, in_header: bool = False) -> Request:
    victim.world.begin()
    before: dict[str, Any] = victim.before[0]["users"][0]
    victim.person.set(**before)
    body, headers = victim.body(path), victim.person.bearer | JSON
    if path == LOGIN:
        headers["X-TOTP-Code"] = victim.person.code()
    elif in_header:
        headers["X-TOTP-Code"] = body.pop("code")
    asked = Request(victim, path, body, headers)
    # The last first: where two faults sit in one place, the earlier one is there to be told.
    for fault in reversed(faults):
        fault(asked)
    return asked


def told(answer: Response) -> str:
    return f"{slug_of(answer)} {answer.status_code}"


@pytest.mark.parametrize("path", ORDERS)
def test_each_refusal_alone(victim: Victim, path: str):
    """
    Each fault alone is told as what it is, and without any the request succeeds.
    """
    alone = [told(request(victim, path, fault).send()) for _, fault in ORDERS[path]]
    whole = request(victim, path).send()

    assert alone == [name for name, _ in ORDERS[path]]
    assert whole.is_success


@pytest.mark.parametrize("path", ORDERS)
def test_the_earlier_of_two_refusals(victim: Victim, path: str):
    """
    Of two faults the earlier in the table is told.
    """
    pairs = list(combinations(ORDERS[path], 2))

    answers = [told(request(victim, path, first, second).send()) for (_, first), (_, second) in pairs]

    assert answers == [name for (name, _), _ in pairs]


@pytest.mark.parametrize("path", HEADERS)
def test_the_earlier_of_two_refusals_with_the_code_in_the_header(victim: Victim, path: str):
    """
    The order is the same where `X-TOTP-Code` gives the code.
    """
    pairs = list(combinations(ORDERS[path], 2))

    answers = [told(request(victim, path, first, second, in_header=True).send()) for (_, first), (_, second) in pairs]

    assert answers == [name for (name, _), _ in pairs]


@pytest.mark.parametrize("path", ORDERS)
def test_all_refusals_at_once(victim: Victim, path: str):
    """
    Of everything that can be wrong at once the first in the table is told, and nothing is counted or written.
    """
    asked = request(victim, path, *(fault for _, fault in ORDERS[path] if fault is not Request.not_signed_in))
    asked.victim.person.set(**asked.row)
    before = victim.person.kept()

    answer = asked.send()

    assert told(answer) == ORDERS[path][0][0]
    assert victim.person.kept() == before


@pytest.mark.parametrize("path", [SESSION, STATUS])
def test_reading_needs_a_session(victim: Victim, path: str):
    """
    A reading route asks for a session, after the doors that every request passes.
    """
    text, large = {"Content-Type": "text/plain"}, b" " * TOO_LARGE

    answers = [
        victim.world.request("GET", path, content=content, headers=headers)
        for content, headers in ((large, text), (b"x", text), (b"", {}))
    ]

    assert [told(answer) for answer in answers] == ["invalid-request 413", "invalid-request 415", "not-signed-in 401"]


@pytest.mark.parametrize("path", [path for path in ORDERS if path not in {REGISTER, LOGIN, FINISH}])
def test_strangers_learn_nothing_of_the_body(victim: Victim, path: str):
    """
    Whoever is not signed in is told so, whatever the body is: malformed, empty or right.
    """
    bodies = [b"{", b"[]", b"", b"\xff", json.dumps(victim.body(path)).encode()]

    answers = [victim.world.request(method_of(path), path, content=body, headers=JSON) for body in bodies]

    assert [slug_of(answer) for answer in answers] == ["not-signed-in"] * len(bodies)
    assert len({answer.content for answer in answers}) == 1
