"""G: what is said to whom: secrets in answers and logs, who has a second factor, and what happened."""

import re
from base64 import b64decode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from httpx2 import Response

from tests.attacks.acts import events_of, finish, log_in, told
from tests.attacks.roads import Route, routes_of
from tests.http.administration import ADMIN
from tests.http.administration import ROUTES as ADMIN_ROUTES
from tests.http.keys import new_key, put_key
from tests.http.problems import everything
from tests.http.test_disclosure import STATUSES, Story, everything_logged
from tests.http.victim import Victim
from tests.http.world import PASSWORD, PREFIX, Person, World

COUNTED_BY = {
    f"GET {PREFIX}/export",
    *(f"{method} {ADMIN}{path}" for method, path in ADMIN_ROUTES if "{id}" in path),
}
"""The routes that count backup codes, under their name."""

SHOWN_BY = {
    "secret": {f"POST {PREFIX}/setup"},
    "otpauth_uri": {f"POST {PREFIX}/setup"},
    "qr_code": {f"POST {PREFIX}/setup"},
    "backup_codes": {
        *(f"POST {PREFIX}/{name}" for name in ("verify", "backup-codes", "webauthn/register")),
        *COUNTED_BY,
    },
    "sign_in_token": {"POST /api/auth/login"},
    "access_token": {
        "POST /api/auth/login",
        "POST /api/auth/login/second-factor",
        f"POST {PREFIX}/verify",
        f"POST {PREFIX}/disable",
        f"POST {PREFIX}/webauthn/register",
        f"DELETE {PREFIX}/webauthn/{{id}}",
    },
}
"""The names of what is secret in an answer, and the only routes that may have it there."""

FREE = {"user": {"id", "email"}, "failures": {"totp"}}
"""Fields of which OpenAPI says that their names are free, and the names that they have."""


def answered(route: Route, victim: Victim) -> Response:
    """One request in a session in which everything is open."""
    body: dict[str, Any] = {"code": victim.person.code()} if route.takes("code") else {}
    if route.path == f"{PREFIX}/verify":
        body = {"code": victim.new_code}
    if route.takes("replace"):
        body = {"replace": True}
    if "/webauthn" in route.path:
        put_key(victim.person)
        body = {"name": "At home"} if route.method == "PATCH" else {}
    if route.path.endswith("/webauthn/register"):
        body = new_key(victim.person)
    return route.ask(victim.person, victim.person.bearer, body)


def kept_secrets(person: Person) -> set[str]:
    """Every sealed value and every hash that the database keeps about somebody, and what is behind them."""
    rows = [row for table, rows in person.kept().items() if table != "twofold_events" for row in rows]
    stored = {value for row in rows for name, value in row.items() if isinstance(value, str) and name != "email"}
    return {value for value in stored if len(value) > 20} | {person.secret, *person.backup_codes}


@dataclass(frozen=True)
class Walked:
    """What one route answered, and what must not stand in it."""

    route: Route
    answer: Response
    secrets: set[str]


@pytest.fixture(scope="module")
def walk(world_on: Callable[[str], World]) -> list[Walked]:
    """Every route, each asked by somebody for whom it is open."""
    world, walk = world_on("sqlite"), []
    for route in routes_of(world):
        victim = Victim(world)
        secrets = kept_secrets(victim.person) | {victim.new_secret}
        walk.append(Walked(route, answered(route, victim), secrets))
    return walk


def test_g1_no_answer_has_a_secret(walk: list[Walked]):
    """
    After a set-up no answer of any route holds the live secret, a backup code, a sealed value or a hash.
    """
    found = {
        each.route.name: [secret for secret in each.secrets if secret in each.answer.text + str(each.answer.headers)]
        for each in walk
    }

    assert {name: secrets for name, secrets in found.items() if secrets} == {}
    assert all(len(each.secrets) > 15 for each in walk)
    assert [each.route.name for each in walk if PREFIX in each.route.path and not each.answer.is_success] == []


def names_in(schema: Any, schemas: dict[str, Any]) -> Iterator[str]:
    """The names of all fields that a schema has, however deep."""
    if isinstance(schema, list):
        for each in schema:
            yield from names_in(each, schemas)
    elif isinstance(schema, dict):
        yield from schema.get("properties", {})
        if "$ref" in schema:
            yield from names_in(schemas[schema["$ref"].rpartition("/")[2]], schemas)
        for name, each in schema.items():
            if name not in {"examples", "example", "required", "enum"}:
                yield from names_in(each, schemas)


def keys_in(value: Any) -> Iterator[str]:
    """The names of all fields that an answer has, however deep."""
    if isinstance(value, dict):
        yield from value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from keys_in(each)


def test_g2_an_answer_is_what_its_schema_names(world: World, walk: list[Walked]):
    """
    Every answer has the fields that OpenAPI names and no other; none is called as a column is, and a secret stands in
    the answers of those routes alone that show it.
    """
    schemas = world.app.openapi()["components"]["schemas"]
    columns = {column for column in world.registered().row() if column not in {"id", "email"}}
    wrong = {}
    for route, answer in ((each.route, each.answer) for each in walk):
        responses = [route.operation["responses"].get(status) for status in ("200", "201")]
        named = set(names_in(responses, schemas))
        # Where nothing is named every name is free: whether it is alive.
        keys = set(keys_in(answer.json())) if named and answer.is_success and answer.content else set()
        free = {name for field, names in FREE.items() if field in named for name in names}
        leaking = {name for name in named | keys if route.name not in SHOWN_BY.get(name, {route.name})}
        wrong[route.name] = (keys - named - free) | leaking | (named | keys) & columns

    assert {name: fields for name, fields in wrong.items() if fields} == {}


def test_g3_no_log_has_a_secret(world: World, key: str, capfd: Any):
    """
    Over a whole life with a second factor, errors and faults included, with every logger as talkative as it can be, no
    secret, code, token, password, `otpauth` text or key is logged or printed.
    """
    story = Story(world)

    with everything_logged() as log:
        statuses = story.told()
    text = log.text + "".join(capfd.readouterr())

    assert statuses == STATUSES
    assert {line.split(".")[0].split()[0] for line in log.lines} >= {"twofold", "sqlalchemy", "aiosqlite"}
    assert story.found_in(text) == []
    assert [each for each in (key, "otpauth:", story.person.token) if each in text] == []


def test_g4_the_picture_comes_from_nowhere_else(world: World):
    """
    A set-up names no address to fetch anything from: its QR code is a PNG within the answer, which no cache keeps.
    """
    answer = world.signed_in().post("/setup")

    kind, _, picture = answer.json()["qr_code"].partition(",")
    assert kind == "data:image/png;base64"
    assert b64decode(picture).startswith(b"\x89PNG\r\n")
    assert re.findall(r"(?:https?:)?//[\w.]+", answer.text.replace(picture, "")) == ["//totp"]
    assert (answer.headers["cache-control"], answer.headers["referrer-policy"]) == ("no-store", "no-referrer")


def locked(world: World) -> Person:
    person = world.enrolled()
    for _ in range(5):
        finish(person, code=person.wrong_code())
    return person


def test_g8_nobody_sees_who_has_a_second_factor(world: World):
    """
    A wrong password gets the same answer, in status, headers and every byte, whoever it is for: nobody, somebody
    without a second factor, with one, or who must wait; with a code beside it or not.
    """
    everybody = [Person(world, world.stranger()), world.registered(), world.enrolled(), locked(world)]
    answers = []
    for person in everybody:
        for code in (None, "123456", person.code() if person.secret else "000000", "no code"):
            world.forget_wrong_passwords()
            answers.append(log_in(person, code, password="a wrong one"))

    assert {told(answer) for answer in answers} == {"sign-in-failed"}
    assert len({str(everything(answer)) for answer in answers}) == 1


def test_g11_a_change_is_one_audit_row(world: World):
    """
    Each change of state, and each proof, is exactly one audit row.
    """
    person = world.signed_in()

    def set_up(**body: Any) -> None:
        person.secret = person.post("/setup", body).json()["secret"]

    def taking_session(answer: Response) -> None:
        person.token = answer.json().get("access_token", person.token)

    def verify() -> None:
        taking_session(person.post("/verify", {"code": person.next_code()}))

    passwords = {"current_password": PASSWORD, "new_password": PASSWORD[::-1]}
    acts: list[tuple[str, Callable[[], object]]] = [
        ("set_up_started", set_up),
        ("factor_enrolled", verify),
        ("backup_codes_regenerated", lambda: person.post("/backup-codes", {"code": person.next_code()})),
        ("stepped_up", lambda: person.post("/step-up", {"code": person.next_code()})),
        ("code_refused", lambda: person.post("/step-up", {"code": person.wrong_code()})),
        ("set_up_started", lambda: set_up(replace=True)),
        ("factor_enrolled", verify),
        ("password_accepted", lambda: log_in(person)),
        ("signed_in", lambda: log_in(person, person.next_code())),
        ("second_factor_disabled", lambda: taking_session(person.post("/disable", {"code": person.next_code()}))),
        ("password_changed", lambda: world.post("/api/auth/password", json=passwords, headers=person.bearer)),
    ]

    told_of = []
    for _, act in acts:
        before = len(events_of(person))
        act()
        told_of.append([kind for kind, _ in events_of(person)[before:]])

    assert told_of == [[kind] for kind, _ in acts]
