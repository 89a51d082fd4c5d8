"""What cannot be right is refused before anything is looked at: told the same way, never repeated, never counted."""

import json
from collections.abc import Iterable

import pytest

from tests.http import bodies as given
from tests.http.bodies import TOO_LARGE, malformed, with_field
from tests.http.problems import problem_of, slug_of
from tests.http.victim import (
    BACKUP_CODES,
    BODIES,
    CODES,
    DISABLE,
    FALLBACKS,
    FINISH,
    LOGIN,
    LOGOUT,
    PASSWORD_CHANGE,
    REGISTER,
    SESSION,
    SETUP,
    STATUS,
    STEP_UP,
    TEXTS,
    VERIFY,
    Victim,
    method_of,
)
from tests.http.world import PREFIX, World
from twofold.errors import InvalidRequest
from twofold.fastapi.requests import strict_json

INVALID = "invalid-request 422"


def everywhere(told: str, names: Iterable[str]) -> dict[str, str]:
    return dict.fromkeys(names, told)


@pytest.fixture
def victim(world: World) -> Victim:
    return Victim(world)


@pytest.mark.parametrize("path", BODIES)
def test_the_victims_requests_would_succeed(victim: Victim, path: str):
    """
    What the tests of this file damage is whole before.
    """
    answer = victim.send(path, json.dumps(victim.body(path)).encode())

    assert answer.is_success


@pytest.mark.parametrize("path", FALLBACKS)
def test_the_victims_backup_code_would_succeed(victim: Victim, path: str):
    """
    What the tests of this file damage is whole before, with a backup code too.
    """
    answer = victim.send(path, json.dumps(victim.backup_body(path)).encode())

    assert answer.is_success


@pytest.mark.parametrize(
    ("path", "field"),
    [*TEXTS, (FINISH, "sign_in_token")],
)
def test_a_text_of_another_type(victim: Victim, path: str, field: str):
    """
    Where a text belongs, every other JSON value and everything that is none is refused.
    """
    bad = {name: with_field(victim.body(path), field, text) for name, text in given.WRONG_TYPES.items()}

    told = victim.told(path, bad)

    assert everywhere(INVALID, bad) == told
    victim.assert_unharmed()


@pytest.mark.parametrize(
    ("path", "field", "expected"),
    [*((path, field, INVALID) for path, field in TEXTS), (FINISH, "sign_in_token", "sign-in-token-dead 401")],
)
def test_half_a_character(victim: Victim, path: str, field: str, expected: str):
    """
    A surrogate that has lost its other half upsets nothing: such a text is malformed, such a token unknown.
    """
    bad = {name: with_field(victim.body(path), field, text) for name, text in given.SURROGATES.items()}

    told = victim.told(path, bad)

    assert everywhere(expected, bad) == told
    victim.assert_unharmed()


@pytest.mark.parametrize("path", FALLBACKS)
def test_a_backup_code_of_another_type(victim: Victim, path: str):
    """
    Where a backup code belongs, every other JSON value and everything that is none is refused.
    """
    bad = {name: with_field(victim.backup_body(path), "backup_code", text) for name, text in given.WRONG_TYPES.items()}

    told = victim.told(path, bad)

    assert everywhere(INVALID, bad) == told
    victim.assert_unharmed()


def test_a_flag_of_another_type(victim: Victim):
    """
    Where true or false belongs, everything else is refused.
    """
    bad = {name: with_field({}, "replace", text) for name, text in given.NO_BOOLEANS.items()}

    told = victim.told(SETUP, bad)

    assert everywhere(INVALID, bad) == told
    victim.assert_unharmed()


@pytest.mark.parametrize("path", CODES)
def test_a_text_that_is_no_code(victim: Victim, path: str):
    """
    Anything but six ASCII digits, with what is forgiven around and inside, is refused uncounted (G13).
    """
    bad = {name: with_field(victim.body(path), "code", json.dumps(text)) for name, text in given.NO_CODES.items()}

    told = victim.told(path, bad)

    assert everywhere(INVALID, bad) == told
    victim.assert_unharmed()


@pytest.mark.parametrize("path", FALLBACKS)
def test_a_text_that_is_no_backup_code(victim: Victim, path: str):
    """
    Anything but 24 of the letters and digits, with what is forgiven, is refused uncounted (G13).
    """
    bad = {
        name: with_field(victim.backup_body(path), "backup_code", json.dumps(text))
        for name, text in given.NO_BACKUP_CODES.items()
    }

    told = victim.told(path, bad)

    assert everywhere(INVALID, bad) == told
    victim.assert_unharmed()


@pytest.mark.parametrize("path", BODIES)
def test_a_body_that_is_not_the_one_object(victim: Victim, path: str):
    """
    A body that is no JSON, or not one object of known fields each named once, is refused.
    """
    bad = malformed(victim.body(path))

    told = victim.told(path, bad)

    assert everywhere(INVALID, bad) == told
    victim.assert_unharmed()


@pytest.mark.parametrize("text", ['{"a": NaN}', '{"a": Infinity}', '{"a": [-Infinity]}', '{"a": {"b": 1, "b": 1}}'])
def test_what_is_not_json(text: str):
    """
    What Python takes for JSON and RFC 8259 does not is refused by itself, also where no field would take it.
    """
    with pytest.raises(InvalidRequest, match="not one JSON object"):
        strict_json(text.encode())


@pytest.mark.parametrize("path", [path for path in BODIES if path != SETUP])
def test_a_body_with_nothing_in_it(victim: Victim, path: str):
    """
    No body at all, and an object without fields, lack what the route is for.
    """
    told = victim.told(path, {"no-bytes": b"", "no-fields": b"{}"})

    assert told == {"no-bytes": INVALID, "no-fields": INVALID}
    victim.assert_unharmed()


@pytest.mark.parametrize("path", [*BODIES, LOGOUT])
def test_a_body_of_another_type(victim: Victim, path: str):
    """
    Only what calls itself JSON is read as JSON, so that no form of another site can send it.
    """
    content = json.dumps(victim.body(path)).encode()

    told = {
        name: victim.told(path, {name: content}, {} if kind is None else {"Content-Type": kind})[name]
        for name, kind in given.OTHER_TYPES.items()
    }

    assert everywhere("invalid-request 415", given.OTHER_TYPES) == told
    victim.assert_unharmed()


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/problem+json"])
def test_a_body_that_calls_itself_json(victim: Victim, kind: str):
    """
    JSON is JSON with parameters, in capitals, and as a type that is built on it.
    """
    answer = victim.send(STEP_UP, json.dumps(victim.body(STEP_UP)).encode(), {"Content-Type": kind})

    assert answer.status_code == 200


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data"])
def test_a_form(victim: Victim, path: str, kind: str):
    """
    A form of the right fields is refused.
    """
    fields = {name: str(value) for name, value in victim.body(path).items()}
    form = {"data": fields} if "urlencoded" in kind else {"files": {key: (None, fields[key]) for key in fields}}

    answer = victim.world.request(method_of(path), path, headers=victim.person.bearer, **form)

    assert answer.request.headers["content-type"].startswith(kind)
    assert problem_of(answer, "invalid-request", 415)["errors"] == []
    victim.assert_unharmed()


@pytest.mark.parametrize("path", [*BODIES, LOGOUT])
def test_a_body_that_is_too_large(victim: Victim, path: str):
    """
    One byte too many is too many, and so are megabytes, whether the length was announced or not (G13).
    """
    text = json.dumps(victim.body(path)).encode()
    large = {f"{size} bytes": text[:-1] + b" " * (size - len(text)) + b"}" for size in (TOO_LARGE, 5_000_000)}

    announced = victim.told(path, large)
    chunked = {
        name: victim.world.ask(
            path, victim.raw_headers, method=method_of(path), chunks=[content[:9999], content[9999:]]
        )
        for name, content in large.items()
    }

    assert everywhere("invalid-request 413", large) == announced
    assert [problem_of(answer, "invalid-request", 413)["errors"] for answer in chunked.values()] == [[], []]
    victim.assert_unharmed()


@pytest.mark.parametrize("path", BODIES)
def test_the_largest_body(victim: Victim, path: str):
    """
    A body of exactly the largest size is read.
    """
    text = json.dumps(victim.body(path)).encode()

    answer = victim.send(path, text[:-1] + b" " * (TOO_LARGE - 1 - len(text)) + b"}")

    assert answer.is_success


@pytest.mark.parametrize("length", [b"", b"-1", b"+1", b"1.5", b"1e3", b"0x10", b" ", b"\xb2", b"\xb9\xb2", b"9" * 400])
def test_a_length_that_is_no_number(victim: Victim, length: bytes):
    """
    A Content-Length that is no number, or one beyond all bounds, is refused, should a server let it through.
    """
    answer = victim.world.ask(STEP_UP, [*victim.raw_headers, (b"Content-Length", length)])

    problem_of(answer, "invalid-request", 413)
    victim.assert_unharmed()


@pytest.mark.parametrize("path", BODIES)
def test_a_client_that_hangs_up(victim: Victim, path: str):
    """
    A request that ends before its body does is refused, and is no fault of the application.
    """
    whole = json.dumps(victim.body(path)).encode()

    answers = [
        victim.world.ask(path, victim.raw_headers, method=method_of(path), chunks=chunks, hangs_up=True)
        for chunks in ([], [b""], [whole[:-1]], [whole[:5], whole[5:]])
    ]

    assert [slug_of(answer) for answer in answers] == ["invalid-request"] * 4
    victim.assert_unharmed()


@pytest.mark.parametrize(("path", "field"), [(path, field) for path, field in TEXTS if field != "code"])
def test_a_text_longer_than_any_address_or_password(victim: Victim, path: str, field: str):
    """
    Addresses and passwords have at most 1024 characters.
    """
    bad = {
        str(size): with_field(victim.body(path), field, json.dumps("x@" + "y" * (size - 2))) for size in (1025, 60_000)
    }

    told = victim.told(path, bad)

    assert everywhere(INVALID, bad) == told
    victim.assert_unharmed()


def test_strange_sign_in_tokens(victim: Victim):
    """
    A token of any form and length that was never given out is as dead as one that has ended.
    """
    strange = {
        name: with_field(victim.body(FINISH), "sign_in_token", json.dumps(text))
        for name, text in (given.STRANGE_STRINGS | given.NO_BACKUP_CODES).items()
    }

    told = victim.told(FINISH, strange)

    assert everywhere("sign-in-token-dead 401", strange) == told
    victim.assert_unharmed()


@pytest.mark.parametrize("field", ["email", "password"])
def test_strange_credentials(victim: Victim, field: str):
    """
    An address or password of any form does not go together with what somebody else has.
    """
    strange = {
        name: with_field(victim.body(LOGIN), field, json.dumps(text)) for name, text in given.STRANGE_STRINGS.items()
    }

    told: dict[str, str] = {}
    for name, body in strange.items():
        victim.world.forget_wrong_passwords()
        told |= victim.told(LOGIN, {name: body})

    assert everywhere("sign-in-failed 401", strange) == told
    victim.assert_unharmed()


@pytest.mark.parametrize(
    "email", ["", " ", "nobody", "@", "a@", "@b", "a@b@c", "a b@c", "a@b\nc", "a\x00@b", "a\u200b@b", f"a@{'b' * 253}"]
)
def test_what_is_no_address(victim: Victim, email: str):
    """
    Nobody registers under what cannot be an address.
    """
    answer = victim.send(REGISTER, json.dumps(victim.body(REGISTER) | {"email": email}).encode())

    assert [error["field"] for error in problem_of(answer, "invalid-request")["errors"]] == ["email"]
    victim.assert_unharmed()


@pytest.mark.parametrize(("path", "field"), [(REGISTER, "password"), (PASSWORD_CHANGE, "new_password")])
def test_passwords_that_are_guessed_first(victim: Victim, path: str, field: str):
    """
    Nobody takes a password that is too short or that everybody tries first.
    """
    guessed = ("", "short", "7 chars", "password", "PASSWORD", "12345678")

    answers = [victim.send(path, json.dumps(victim.body(path) | {field: password}).encode()) for password in guessed]

    errors = [problem_of(answer, "invalid-request")["errors"] for answer in answers]
    assert [[error["field"] for error in each] for each in errors] == [[field]] * len(guessed)
    victim.assert_unharmed()


@pytest.mark.parametrize("path", BODIES)
def test_nothing_that_was_sent_comes_back(victim: Victim, path: str):
    """
    A refusal repeats neither names nor values of what was sent.
    """
    body = victim.body(path)
    bad = [
        *(with_field(body, field, '["marker-in-array"]') for field in body),
        *(with_field(body, field, '{"marker-name": "marker-value"}') for field in body),
        with_field(body, "marker-field", '"marker-value"'),
        with_field(body, "code", '"marker-code"') if "code" in body else b"marker-body",
        b'{"marker-truncated',
        b'["marker-array"]',
        b'"marker-text"',
        b"marker-number",
        b"\xffmarker-bytes",
    ]

    answers = [victim.send(path, content) for content in bad]

    assert ["invalid-request"] * len(bad) == [slug_of(answer) for answer in answers]
    assert [answer.text for answer in answers if "marker" in answer.text + str(answer.headers)] == []
    victim.assert_unharmed()


@pytest.mark.parametrize("path", [DISABLE, STEP_UP, FINISH])
@pytest.mark.parametrize("proofs", [["code", "backup_code"], []])
def test_not_exactly_one_proof(victim: Victim, path: str, proofs: list[str]):
    """
    Two proofs at once are refused as is none, and neither is spent.
    """
    both = victim.body(path) | victim.backup_body(path)
    body = {name: value for name, value in both.items() if name in [*proofs, "sign_in_token"]}

    answer = victim.send(path, json.dumps(body).encode())

    problem_of(answer, "invalid-request")
    victim.assert_unharmed()


@pytest.mark.parametrize("path", [VERIFY, BACKUP_CODES])
def test_a_backup_code_where_none_is_taken(victim: Victim, path: str):
    """
    A backup code sets no phone up and makes no backup codes, and is not spent by trying.
    """
    answer = victim.send(path, json.dumps({"backup_code": victim.person.backup_codes[0]}).encode())

    problem_of(answer, "invalid-request")
    victim.assert_unharmed()


@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
def test_a_method_that_would_be_another(victim: Victim, header: str):
    """
    The method is the request's own, whatever a header says.
    """
    asked = {("GET", DISABLE): "POST", ("GET", SETUP): "POST", ("POST", STATUS): "GET", ("GET", STATUS): "POST"}

    told = {
        (method, path): victim.world.request(method, path, headers=victim.person.bearer | {header: other}).status_code
        for (method, path), other in asked.items()
    }

    assert told == {("GET", DISABLE): 405, ("GET", SETUP): 405, ("POST", STATUS): 405, ("GET", STATUS): 200}
    victim.assert_unharmed()


@pytest.mark.parametrize("path", [DISABLE, SETUP, LOGOUT])
def test_a_method_in_the_query(victim: Victim, path: str):
    """
    No query makes a reading request a writing one.
    """
    answer = victim.world.get(path, params={"_method": "POST", "code": "123456"}, headers=victim.person.bearer)

    assert answer.headers["allow"] == "POST"
    problem_of(answer, "method-not-allowed")
    victim.assert_unharmed()


@pytest.mark.parametrize("path", [SESSION, STATUS])
def test_a_reading_request_with_a_body(victim: Victim, path: str):
    """
    A body where none belongs is ignored where it is small JSON, and refused where it is neither.
    """
    sent = {
        "json": (b'{"code": 1}', "application/json"),
        "form": (b"code=1", "application/x-www-form-urlencoded"),
        "large": (b" " * TOO_LARGE, "application/json"),
    }

    told = {
        name: victim.world.request(
            "GET", path, content=content, headers=victim.person.bearer | {"Content-Type": kind}
        ).status_code
        for name, (content, kind) in sent.items()
    }

    assert told == {"json": 200, "form": 415, "large": 413}
    victim.assert_unharmed()


@pytest.mark.parametrize("path", [f"{PREFIX}/setup/", f"{PREFIX}//setup", f"{PREFIX}/SETUP", f"{PREFIX}/setup%2f"])
def test_a_path_that_is_almost_right(victim: Victim, path: str):
    """
    A path is right or not there; nothing is forwarded to where the Host header points.
    """
    answer = victim.world.post(path, json={}, headers=victim.person.bearer | {"Host": "evil.example"})

    problem_of(answer, "not-found")
    victim.assert_unharmed()
