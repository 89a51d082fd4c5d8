"""F: what a code is made of: types, digits, bodies. Nothing is a fault, and nothing malformed is counted."""

import json
from itertools import count
from typing import Any

import pytest
from httpx2 import Response

from tests.attacks.acts import failures_of, finish, told
from tests.attacks.roads import Route, routes_of
from tests.http.bodies import JSON, NO_CODES, OTHER_TYPES, SURROGATES, WRONG_TYPES, malformed, with_field
from tests.http.victim import FINISH, Victim
from tests.http.world import PREFIX, World


@pytest.fixture
def victim(world: World) -> Victim:
    """Somebody in the middle of everything, whom nothing malformed may touch."""
    return Victim(world)


def with_bodies(world: World) -> list[Route]:
    """Every route that takes a body."""
    return [route for route in routes_of(world) if route.schema]


def whole_body(route: Route, victim: Victim) -> dict[str, Any]:
    """A body that is right in form; with a code where the route takes one."""
    given = route.body(victim.person, sign_in_token=victim.sign_in_token)
    given |= {"code": victim.person.code()} if route.takes("code") else {}
    return given or {"replace": True}


def send(route: Route, victim: Victim, content: bytes, kind: str | None = "application/json") -> Response:
    headers = victim.person.bearer | ({} if kind is None else {"Content-Type": kind})
    return victim.world.request(route.method, route.path, content=content, headers=headers)


def test_f1_nothing_is_not_equal_to_nothing(world: World):
    """
    Where no secret is stored no code is right: not null, not an empty one, not none at all, and not any digits; also
    where the row says that a factor is on.
    """
    person = world.signed_in()
    proofs: list[dict[str, Any]] = [{}, {"code": None}, {"code": ""}, {"backup_code": None}, {"backup_code": ""}]
    digits: list[dict[str, Any]] = [{"code": "000000"}, {"code": "123456"}]

    without = [told(person.post(path, proof)) for path in ("/step-up", "/disable", "/verify") for proof in proofs]
    answers = [told(person.post(path, proof)) for path in ("/step-up", "/disable", "/verify") for proof in digits]
    person.set(twofa_enabled=True)
    token = person.sign_in_token()
    half = [told(finish(person, token, **proof)) for proof in proofs]
    wrong = {told(finish(person, token, **proof)) for proof in (*digits, {"backup_code": "0" * 24})}

    assert {*without, *half} == {"invalid-request"}
    assert answers == ["not-enabled"] * 4 + ["no-setup-pending"] * 2
    assert wrong == {"invalid-code"}


def test_f3_another_type_where_a_text_belongs(victim: Victim):
    """
    In every field of every route that is a text, whatever else JSON can say is malformed, and so is what it cannot.
    """
    bad, answers = WRONG_TYPES | SURROGATES, {}
    for route in with_bodies(victim.world):
        body = whole_body(route, victim)
        texts = {name for name, schema in route.schema["properties"].items() if schema.get("type") == "string"}
        for field in texts - {"backup_code"} if "code" in texts else texts:
            for name, text in bad.items():
                if field != "sign_in_token" or name not in SURROGATES:
                    answers[route.name, field, name] = send(route, victim, with_field(body, field, text)).status_code

    assert {case: status for case, status in answers.items() if status != 422} == {}
    assert {field for _, field, _ in answers} >= {"code", "email", "password", "new_password", "sign_in_token"}
    victim.assert_unharmed()


def test_f4_zeros_in_front(world: World):
    """
    A code that begins with zeros is right as a text, in the body and in the header; as a number, or without them, it is
    malformed and not counted.
    """
    person = world.enrolled()
    person.token = person.session()
    ahead = next(steps for steps in count(10) if person.code(steps).startswith("00"))
    world.clock.forward(seconds=30 * ahead)
    code, token = person.code(), person.sign_in_token()
    number = str(int(code))

    numbers = [number, f"{number}.0", code, f"-{number}", f'"{number}"']
    answers = [
        world.post(FINISH, content=with_field({"sign_in_token": token, "code": ""}, "code", text), headers=JSON)
        for text in numbers
    ]

    assert {told(answer) for answer in answers} == {"invalid-request"}
    assert failures_of(person) == {}
    assert told(finish(person, token, code=code)) == "success"


def test_f5_only_six_ascii_digits(victim: Victim):
    """
    Digits of other scripts, in other widths or raised are no digits, nor is anything else but six of ASCII's, on every
    road, in body and header: malformed, and not counted. Spaces around and one inside are forgiven.
    """
    answers: dict[tuple[str, ...], str] = {}
    routes = [route for route in with_bodies(victim.world) if route.takes("code")]
    for name, text in NO_CODES.items():
        raw = text.encode("latin-1", "replace") if text.isprintable() else b"x"
        for route in routes:
            body = with_field(whole_body(route, victim), "code", json.dumps(text, ensure_ascii=False))
            answers[route.name, name] = told(send(route, victim, body))
            if route.takes_header:
                headers = [*victim.raw_headers, (b"X-TOTP-Code", raw)]
                answers[route.name, name, "header"] = told(victim.world.ask(route.path, headers))
    victim.assert_unharmed()
    victim.person.secret = victim.new_secret
    code = victim.person.next_code()
    spaced = finish(victim.person, code=f"  {code[:3]} {code[3:]} ")

    assert {case: answer for case, answer in answers.items() if answer != "invalid-request"} == {}
    assert len(answers) >= 9 * len(NO_CODES)
    assert told(spaced) == "success"


def test_f8_only_one_json_object(victim: Victim):
    """
    On every route that takes a body only JSON is read, and of JSON only one object in which each known field stands
    once: a form is 415, the rest 422.
    """
    kinds, shapes = {}, {}
    for route in with_bodies(victim.world):
        body = whole_body(route, victim)
        content = json.dumps(body).encode()
        for name, kind in OTHER_TYPES.items():
            kinds[route.name, name] = send(route, victim, content, kind).status_code
        for name, shape in malformed(body).items():
            shapes[route.name, name] = send(route, victim, shape).status_code

    assert {case: status for case, status in kinds.items() if status != 415} == {}
    assert {case: status for case, status in shapes.items() if status != 422} == {}
    assert {route for route, _ in shapes} >= {f"POST {FINISH}", f"POST {PREFIX}/setup", "DELETE /api/auth/account"}
    victim.assert_unharmed()
