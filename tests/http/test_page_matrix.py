"""Every page against every kind of session, as the last tables of `docs/access-matrix.md` say."""

import json
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from fastapi.routing import iter_route_contexts
from httpx2 import Response

from tests.attacks.test_g_disclosure import kept_secrets
from tests.http.administration import REASON
from tests.http.browser import SIGN_IN_COOKIE, Browser, notice_of, place_of
from tests.http.test_matrix import (
    ADMIN_CASES,
    CASES,
    Case,
    every_cell,
    is_page,
    key_id,
    registration,
    session_id,
)
from tests.http.world import PASSWORD, Person, World

KINDS: dict[str, Callable[[World], Case]] = {
    "none": CASES["none"],
    "pending sign-in": CASES["none"],
    **{kind: CASES[kind] for kind in ("AAL1", "AAL1, 2FA on", "stale AAL2", "fresh AAL2", "another user")},
}
ADMIN_KINDS = {kind: case for kind, case in ADMIN_CASES.items() if kind != "sign-in token"}


def is_admins(route: str) -> bool:
    """Whether a page is one of administration."""
    return route.split()[1].startswith("/admin")


def pages_of(world: World) -> list[str]:
    """Every route of the pages, as FastAPI knows them."""
    return [
        f"{method} {route.path}"
        for route in iter_route_contexts(world.app.routes)
        if (route.name or "").startswith("twofold_")
        for method in sorted(route.methods or ())
    ]


def page_cells() -> list[tuple[str, str, str]]:
    """Those of the matrix that are about pages."""
    return [cell for cell in every_cell() if is_page(cell[0])]


def browser_of(case: Case, kind: str) -> Browser:
    signed_in = None if kind in {"none", "pending sign-in"} else case.person
    browser = Browser(case.person.world, signed_in, client=case.client)
    if kind == "pending sign-in":
        browser.cookies[SIGN_IN_COOKIE] = case.sign_in_token
    return browser


def ask(route: str, kind: str, case: Case) -> Response:
    """A request that is right in all but, perhaps, who sends it."""
    method, path = route.split()
    owner = case.other if kind == "another user" else case.person
    if is_admins(route):
        path = path.replace("{id}", str(somebody_who_waits(case.person.world).id))
        return browser_of(case, kind).request(method, path, {"reason": REASON} if method == "POST" else None)
    if "/keys" in path:
        path = path.replace("{id}", key_id(owner))
    forms: dict[str, Callable[[], dict[str, str]]] = {
        "/register": lambda: {"email": case.person.world.stranger(), "password": PASSWORD},
        "/login": lambda: case.person.password,
        "/security/password": lambda: {"current_password": PASSWORD, "new_password": PASSWORD[::-1]},
        "/security/leave": lambda: {"password": PASSWORD},
        "/security/keys": lambda: {"credential": json.dumps(registration(case)["credential"])},
        **dict.fromkeys(("/logout", "/security/setup", "/security/keys/new"), dict),
    }
    other: Callable[[], dict[str, str]] = dict if "{id}" in route or "others" in path else lambda: {"code": case.code()}
    form = {"name": "At home"} if path.endswith("/rename") else forms.get(path, other)()
    if "{id}" in path:
        path = path.replace("{id}", str(session_id(owner, case)))
    path = path.replace("{name}", "style.css")
    return browser_of(case, kind).request(method, path, form if method == "POST" else None)


def somebody_who_waits(world: World) -> Person:
    """Somebody with a second factor, after too many wrong codes."""
    person = world.enrolled()
    person.set(twofa_failures=json.dumps({"totp": 5}), twofa_locked_until=world.clock.now() + timedelta(minutes=30))
    return person


def told(answer: Response) -> str:
    """The status, where the answer leads, and the word of what is said there."""
    place = re.sub(r"(?<=/users/)[0-9]+", "{id}", place_of(answer))
    return " ".join(filter(None, [str(answer.status_code), place, notice_of(answer)]))


@pytest.mark.parametrize(("route", "kind", "expected"), page_cells())
def test_a_page_gives_each_session_what_the_matrix_says(world: World, route: str, kind: str, expected: str):
    """
    A request that is right in all but who sends it gets the status of its cell, and leads where the cell says.
    """
    assert told(ask(route, kind, (ADMIN_KINDS if is_admins(route) else KINDS)[kind](world))) == expected


def test_no_page_shows_what_is_kept(world: World):
    """
    No page, and no answer to a form, holds the live secret, a backup code of before, a token, a sealed value or a hash.
    """
    found = {}
    for route in pages_of(world):
        kind = "admin, fresh AAL2" if is_admins(route) else "fresh AAL2"
        case = (KINDS | ADMIN_KINDS)[kind](world)
        secrets = kept_secrets(case.person) | {case.person.token}
        answer = ask(route, kind, case)
        found[route] = [secret for secret in secrets if secret in answer.text + str(answer.headers)]

    assert {route: secrets for route, secrets in found.items() if secrets} == {}
    assert len(found) > 30


def test_the_matrix_has_every_page(world: World):
    """
    The matrix has one row for each route of the pages, and no other; no cell is empty but where nobody can ask for
    another user's things.
    """
    rows = {route for route, _, _ in page_cells()}
    filled = {(route, kind) for route, kind, _ in page_cells()}
    kinds = KINDS.keys() - {"another user"}
    others = {(route, "another user") for route in rows if "{id}" in route and not is_admins(route)}
    of_admins = {(route, kind) for route in rows if is_admins(route) for kind in ADMIN_KINDS}

    assert rows == set(pages_of(world))
    assert filled == {(route, kind) for route in rows if not is_admins(route) for kind in kinds} | others | of_admins
