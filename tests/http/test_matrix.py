"""Every route against every kind of session, as `docs/access-matrix.md` says."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from httpx2 import Response

from tests.http.administration import ADMIN
from tests.http.bodies import JSON
from tests.http.keys import put_key
from tests.http.world import ELSEWHERE, ORIGIN, PASSWORD, PREFIX, Person, World
from twofold.testing import SecurityKey

MATRIX = Path(__file__).parents[2] / "docs" / "access-matrix.md"


def every_cell() -> list[tuple[str, str, str]]:
    """Route, kind of session and what it gets, of every cell that is not empty."""
    found, columns = [], list[str]()
    for line in MATRIX.read_text().splitlines():
        first, *row = [cell.strip().strip("`") for cell in line.strip("|").split("|")]
        if first == "route":
            columns = row
        elif line.startswith("| `"):
            found += [(first, column, cell) for column, cell in zip(columns, row, strict=True) if cell]
    return found


def is_page(route: str) -> bool:
    """Whether a route is one of the pages."""
    return not route.split()[1].startswith(("/api", "/healthz", "/readyz", "/metrics"))


def cells() -> list[tuple[str, str, str]]:
    """Those of JSON."""
    return [cell for cell in every_cell() if not is_page(cell[0])]


@dataclass
class Case:
    """A person of one kind, with all that a request of theirs may need."""

    person: Person
    headers: dict[str, str]
    sign_in_token: str
    other: Person
    client: str = "192.0.2.1"

    def code(self) -> str:
        return self.person.code() if self.person.secret else "000000"


def none(world: World) -> Case:
    person = world.enrolled()
    return Case(person, {}, person.sign_in_token(), world.signed_in())


def sign_in_token(world: World) -> Case:
    case = none(world)
    case.headers = {"Authorization": f"Bearer {case.sign_in_token}"}
    return case


def password_only(world: World) -> Case:
    person = world.signed_in()
    person.secret = world.post(f"{PREFIX}/setup", headers=person.bearer).json()["secret"]
    return Case(person, person.bearer, "no such token", world.signed_in())


def password_only_with_factor(world: World) -> Case:
    person = world.enrolled()
    person.token = person.session()
    return Case(person, person.bearer, person.sign_in_token(), world.signed_in())


def stale(world: World) -> Case:
    case = fresh(world)
    world.clock.forward(seconds=301)
    case.sign_in_token = case.person.sign_in_token()
    return case


def fresh(world: World) -> Case:
    person = world.enrolled()
    return Case(person, person.bearer, person.sign_in_token(), world.signed_in())


def admin(case: Callable[[World], Case]) -> Callable[[World], Case]:
    """The same as an admin."""

    def made(world: World) -> Case:
        made = case(world)
        made.person.set(role="admin")
        return made

    return made


def outside(world: World) -> Case:
    case = admin(fresh)(world)
    case.client = ELSEWHERE
    return case


CASES: dict[str, Callable[[World], Case]] = {
    "none": none,
    "sign-in token": sign_in_token,
    "AAL1": password_only,
    "AAL1, 2FA on": password_only_with_factor,
    "stale AAL2": stale,
    "fresh AAL2": fresh,
    "another user": fresh,
}
ADMIN_CASES: dict[str, Callable[[World], Case]] = {
    "none": none,
    "sign-in token": sign_in_token,
    "admin, AAL1": admin(password_only),
    "admin, AAL1, 2FA on": admin(password_only_with_factor),
    "admin, stale AAL2": admin(stale),
    "admin, fresh AAL2": admin(fresh),
    "no role": fresh,
    "outside": outside,
}


def session_id(person: Person, case: Case) -> int:
    """The id of a session of this person's, as the list of sessions shows it."""
    other = Person(person.world, person.email)
    other.id = person.id
    other.token = other.session()
    answer: Any = case.person.world.get("/api/auth/sessions", headers=other.bearer).json()
    return int(answer["items"][0]["id"])


def key_id(person: Person) -> str:
    """The name of a key of this person's, made past everything; of nobody's, where there is no second factor."""
    if not person.row()["twofa_enabled"]:
        return "nobodys"
    put_key(person, "theirs")
    return "theirs"


def registration(case: Case) -> dict[str, Any]:
    """The answer of a new key, to options where they are to be had."""
    nobodys = {"challenge": "", "rp": {"id": ""}, "user": {"id": ""}}
    options = case.person.world.post(f"{PREFIX}/webauthn/register/options", json={}, headers=case.headers)
    return {"credential": SecurityKey(ORIGIN).create(options.json() if options.is_success else nobodys)}


def ask(route: str, kind: str, case: Case) -> Response:
    """A request that is right in all but, perhaps, who sends it."""
    method, path = route.split()
    if path.startswith(ADMIN):
        return asked_as_admin(method, path, case)
    owner = case.other if kind == "another user" else case.person
    if "/webauthn" in path:
        path = path.replace("{id}", key_id(owner))
    bodies: dict[str, Callable[[], Any]] = {
        "POST /api/auth/register": lambda: {"email": case.person.world.stranger(), "password": PASSWORD},
        "POST /api/auth/login": lambda: case.person.password,
        "POST /api/auth/login/second-factor": lambda: {"sign_in_token": case.sign_in_token, "code": case.code()},
        "POST /api/auth/password": lambda: {"current_password": PASSWORD, "new_password": "another horse battery"},
        "DELETE /api/auth/account": lambda: {"password": PASSWORD},
        "POST /api/auth/2fa/setup": dict,
        **{
            f"POST {PREFIX}/{name}": lambda: {"code": case.code()}
            for name in ("verify", "disable", "backup-codes", "step-up")
        },
        f"PATCH {PREFIX}/webauthn/{{id}}": lambda: {"name": "At home"},
        f"POST {PREFIX}/webauthn/register/options": dict,
        f"POST {PREFIX}/webauthn/register": lambda: registration(case),
        f"POST {PREFIX}/webauthn/authenticate/options": lambda: {"sign_in_token": case.sign_in_token},
    }
    if "{id}" in path:
        path = path.replace("{id}", str(session_id(owner, case)))
    options = {"json": bodies[route]()} if route in bodies else {}
    return case.person.world.request(method, path, headers=case.headers, **options)


def asked_as_admin(method: str, path: str, case: Case) -> Response:
    """A request of administration about somebody with a second factor."""
    world = case.person.world
    body = json.dumps({"reason": "Lost phone"}).encode() if method == "POST" else b""
    headers = [(name.encode(), value.encode()) for name, value in (case.headers | JSON).items()]
    path = path.replace("{id}", str(world.enrolled().id))
    return world.ask(path, headers, chunks=[body], method=method, client=case.client)


@pytest.mark.parametrize(("route", "kind", "expected"), cells())
def test_a_route_gives_each_session_what_the_matrix_says(world, route, kind, expected):
    """
    A request that is right in all but who sends it gets the status of its cell, and for an error its slug.
    """
    response = ask(route, kind, (ADMIN_CASES if ADMIN in route else CASES)[kind](world))

    slug = "" if response.is_success else re.sub(".*:", " ", response.json()["type"])
    assert expected == f"{response.status_code}{slug}"


def test_the_matrix_has_every_route(world):
    """
    The matrix has one row for each route of OpenAPI, and no other.
    """
    paths = world.app.openapi()["paths"]
    routes = [f"{method.upper()} {path}" for path, operations in paths.items() for method in operations]

    assert sorted(routes) == sorted({route for route, _, _ in cells()})


def test_a_row_has_every_kind_of_session():
    """
    No cell of the matrix is empty but of those routes on which nobody can ask for another user's things.
    """
    filled = {(route, kind) for route, kind, _ in cells()}
    routes, kinds = {route for route, _ in filled if ADMIN not in route}, CASES.keys() - {"another user"}
    of_admins = {route for route, _ in filled if ADMIN in route}

    assert {(route, kind) for route in routes for kind in kinds} <= filled
    others = {route for route, kind in filled if kind == "another user"}
    assert {route for route in routes if "{" in route} == others
    assert {(route, kind) for route in of_admins for kind in ADMIN_CASES} == {
        each for each in filled if ADMIN in each[0]
    }
