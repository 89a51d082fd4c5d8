"""Behind real servers: bytes that no client library would send."""

import json
import logging
from collections.abc import Iterator
from itertools import product

import pytest
from httpx2 import Response

from tests.http.problems import problem_of, slug_of
from tests.http.running import ServedWorld
from tests.http.victim import FINISH, HEADERS, LOGIN, SESSION, SETUP, STATUS, STEP_UP, Victim

NO_CODES = {
    "empty": b"",
    "spaces": b"   ",
    "five-digits": b"12345",
    "seven-digits": b"1234567",
    "full-width": "１２３４５６".encode(),  # noqa: RUF001 - the point of it
    "superscript-latin-1": b"\xb9\xb2\xb3\xb9\xb2\xb3",
    "superscript-among-digits": b"12345\xb2",
    "not-UTF-8": b"\xff\xfe\xfd",
    "no-break-space": b"\xa0123456",
    "next-line": b"123456\x85",
    "sign": b"+123456",
    "two": b"123456, 234567",
    "twice-the-same": b"123456,123456",
    "quoted": b'"123456"',
    "encoded-word": b"=?utf-8?q?123456?=",
    "percent": b"%31%32%33%34%35%36",
    "scheme": b"Bearer 123456",
    "long": b"1" * 10_000,
}
NO_SESSIONS = {
    "empty": b"",
    "no-token": b"Bearer",
    "empty-token": b"Bearer ",
    "no-scheme": b"%s",
    "other-scheme": b"Basic %s",
    "token-scheme": b"Token %s",
    "colon": b"Bearer: %s",
    "two-schemes": b"Bearer Bearer %s",
    "two-tokens": b"Bearer %s %s",
    "comma": b"Bearer %s, Bearer %s",
    "not-UTF-8": b"Bearer \xff\xfe\xfd",
    "latin-1-after": b"Bearer %s\xe9",
    "full-width-scheme": "Ｂｅａｒｅｒ %s".encode(),  # noqa: RUF001 - the point of it
    "long": b"Bearer " + b"x" * 10_000,
    "SQL": b"Bearer ' OR '1'='1",
}
JSON = (b"Content-Type", b"application/json")


def bearer(victim: Victim) -> tuple[bytes, bytes]:
    return b"Authorization", b"Bearer " + victim.person.token.encode()


@pytest.fixture
def victim(served_world: ServedWorld, caplog: pytest.LogCaptureFixture) -> Iterator[Victim]:
    """Somebody whom nothing harms that a test of this file does, and of which no error is logged."""
    victim = Victim(served_world)
    yield victim
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("path", HEADERS)
def test_a_header_that_is_no_code(served_world: ServedWorld, victim: Victim, path: str):
    """
    Bytes in `X-TOTP-Code` that are not six ASCII digits are refused where it stands in place of the code (G13).
    """
    answers = {
        name: served_world.raw(path, [bearer(victim), JSON, (b"X-TOTP-Code", given)])
        for name, given in NO_CODES.items()
    }

    assert {name: slug_of(answer) for name, answer in answers.items()} == dict.fromkeys(NO_CODES, "invalid-request")
    victim.assert_unharmed()


def test_a_header_that_is_no_code_at_sign_in(served_world: ServedWorld, victim: Victim):
    """
    After the right password such a header is refused; after a wrong one it is not looked at.
    """
    right = json.dumps(victim.person.password).encode()
    wrong = json.dumps({**victim.person.password, "password": "wrong"}).encode()

    told = {}
    for name, given in NO_CODES.items():
        served_world.forget_wrong_passwords()
        headers = [JSON, (b"X-TOTP-Code", given)]
        told[name] = [slug_of(served_world.raw(LOGIN, headers, body)) for body in (right, wrong)]

    assert told == {name: ["invalid-request", "sign-in-failed"] for name in NO_CODES}
    victim.assert_unharmed()


def test_a_header_that_is_no_code_before_a_guard(served_world: ServedWorld, victim: Victim):
    """
    Before a guarded route such a header is refused from a stale session, and ignored from a fresh one.
    """
    fresh = {
        name: served_world.raw(SETUP, [bearer(victim), JSON, (b"X-TOTP-Code", given)], b'{"replace": true, "x": 1}')
        for name, given in NO_CODES.items()
    }
    victim.world.clock.forward(minutes=5, seconds=1)

    stale = {
        name: served_world.raw(SETUP, [bearer(victim), JSON, (b"X-TOTP-Code", given)], b'{"replace": true, "x": 1}')
        for name, given in NO_CODES.items()
    }

    # Both are 422, but only the body's names a field.
    assert {(slug_of(answer), answer.json()["errors"][0]["field"]) for answer in fresh.values()} == {
        ("invalid-request", "")
    }
    assert {(slug_of(answer), answer.json()["errors"][0]["field"]) for answer in stale.values()} == {
        ("invalid-request", "code")
    }


@pytest.mark.parametrize("path", HEADERS)
def test_a_header_given_twice(served_world: ServedWorld, victim: Victim, path: str):
    """
    Two headers are no code, whichever of them is right.
    """
    right = (b"X-TOTP-Code", victim.body(path)["code"].encode())
    wrong = (b"x-totp-code", victim.person.wrong_code().encode())

    answers = [
        served_world.raw(path, [bearer(victim), JSON, *given])
        for given in ([right, wrong], [wrong, right], [right] * 2)
    ]

    assert [slug_of(answer) for answer in answers] == ["invalid-request"] * 3
    victim.assert_unharmed()


@pytest.mark.parametrize("path", HEADERS)
def test_a_header_with_blanks_around(served_world: ServedWorld, victim: Victim, path: str):
    """
    Spaces around the value of a header are none of the value.
    """
    code = victim.body(path)["code"].encode()

    answer = served_world.raw(path, [bearer(victim), JSON, (b"X-TOTP-Code", b"   " + code + b"  ")])

    assert answer.status_code == 200


@pytest.mark.parametrize("path", [SESSION, STATUS])
def test_a_header_that_names_no_session(served_world: ServedWorld, victim: Victim, path: str):
    """
    Bytes in `Authorization` that are not a bearer token of ours name no session.
    """
    token = victim.person.token.encode()

    answers = {
        name: served_world.raw(path, [(b"Authorization", given.replace(b"%s", token))], b"", method=b"GET")
        for name, given in NO_SESSIONS.items()
    }

    assert {name: slug_of(answer) for name, answer in answers.items()} == dict.fromkeys(NO_SESSIONS, "not-signed-in")
    assert [name for name, answer in answers.items() if "www-authenticate" not in answer.headers] == []
    victim.assert_unharmed()


@pytest.mark.parametrize("scheme", [b"Bearer", b"bearer", b"BEARER"])
def test_the_scheme_in_capitals_or_not(served_world: ServedWorld, victim: Victim, scheme: bytes):
    """
    The name of the scheme is the same in capitals and small letters (RFC 9110, 11.1).
    """
    answer = served_world.raw(
        STATUS, [(b"Authorization", scheme + b" " + victim.person.token.encode())], b"", method=b"GET"
    )

    assert answer.status_code == 200


def test_two_sessions_in_one_request(served_world: ServedWorld, victim: Victim):
    """
    A second `Authorization` changes nothing about the first.
    """
    dead = (b"Authorization", b"Bearer dead")

    first, second = (
        served_world.raw(STATUS, given, b"", method=b"GET")
        for given in ([dead, bearer(victim)], [bearer(victim), dead])
    )

    problem_of(first, "not-signed-in")
    assert second.status_code == 200


def test_bytes_that_no_header_may_hold(served_world: ServedWorld, victim: Victim):
    """
    Control characters in a header are refused by the server or by us, and reach nothing.
    """
    names, values = (
        (b"X-TOTP-Code", b"Authorization", b"Content-Type", b"Cookie"),
        (b"a\x00b", b"a\nb", b"a\rb", b"a\x0bb"),
    )

    answers = {
        (name, value): served_world.raw(STEP_UP, [bearer(victim), JSON, (name, value)], b'{"code": "12345"}')
        for name, value in product(names, values)
    }

    assert {key: answer.status_code for key, answer in answers.items() if answer.status_code // 100 != 4} == {}
    victim.assert_unharmed()


def test_strange_bytes_in_other_headers(served_world: ServedWorld, victim: Victim):
    """
    Whatever stands in a header that we look at, the answer is a refusal, or what it would have been.
    """
    names = (b"Content-Type", b"Cookie", b"Origin", b"Sec-Fetch-Site", b"Host", b"Accept")
    values = (b"\xff\xfe", "\uff11".encode(), b"x" * 10_000, b"", b"http://[", b"http://[::1", b"//", b"null", b":0")

    answers = {
        (name, value): served_world.raw(
            FINISH,
            [(name, value), JSON, (b"Cookie", b"a=b"), (b"Origin", b"null")],
            b'{"sign_in_token": "x", "code": "123456"}',
        )
        for name, value in product(names, values)
    }

    statuses = {key: answer.status_code for key, answer in answers.items()}
    assert {key: status for key, status in statuses.items() if status not in {400, 401, 403, 415}} == {}
    victim.assert_unharmed()


def lies(victim: Victim) -> dict[str, bytes]:
    body = json.dumps(victim.body(STEP_UP)).encode()
    name, value = bearer(victim)
    head = b"POST %s HTTP/1.1\r\nHost: localhost\r\n%s: %s\r\n" % (STEP_UP.encode(), name, value)
    head += b"Content-Type: application/json\r\n"
    return {
        "shorter": head + b"Content-Length: 5\r\n\r\n" + body,
        "nothing": head + b"Content-Length: 0\r\n\r\n" + body,
        "none": head + b"\r\n" + body,
        "negative": head + b"Content-Length: -1\r\n\r\n" + body,
        "signed": head + b"Content-Length: +%d\r\n\r\n" % len(body) + body,
        "superscript": head + b"Content-Length: \xb2\r\n\r\n" + body,
        "hexadecimal": head + b"Content-Length: 0x10\r\n\r\n" + body,
        "beyond-bounds": head + b"Content-Length: " + b"9" * 40 + b"\r\n\r\n" + body,
        "a-gigabyte": head + b"Content-Length: 1000000000\r\n\r\n" + body,
        "two-lengths": head + b"Content-Length: 5\r\nContent-Length: %d\r\n\r\n" % len(body) + body,
        "bad-chunk": head + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + body,
        "negative-chunk": head + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n" + body,
        "huge-chunk": head + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 40 + b"\r\n" + body,
        "unknown-coding": head + b"Transfer-Encoding: gzip\r\n\r\n" + body,
        "no-version": head.replace(b" HTTP/1.1", b"") + b"\r\n" + body,
        "other-version": head.replace(b" HTTP/1.1", b" HTTP/9.9") + b"\r\n" + body,
        "no-method": b"\x00\x01\x02\x03\r\n\r\n",
    }


def test_lies_about_the_body(served_world: ServedWorld, victim: Victim):
    """
    Whatever is said about a body that is not so, the request is refused.
    """
    answers = {name: served_world.server.send(request) for name, request in lies(victim).items()}

    told = {name: answer.status_code for name, answer in answers.items()}
    assert told == dict.fromkeys(told, 400) | {name: status for name, status in told.items() if status in {413, 422}}
    victim.assert_unharmed()


def test_a_body_that_never_comes(served_world: ServedWorld, victim: Victim):
    """
    A client that announces a body and leaves costs nobody anything.
    """
    name, value = bearer(victim)
    head = b"POST %s HTTP/1.1\r\nHost: localhost\r\n%s: %s\r\n" % (STEP_UP.encode(), name, value)

    for part in (b"", b'{"code"'):
        with pytest.raises((ConnectionError, OSError)):
            served_world.server.send(head + b"Content-Length: 100\r\n\r\n" + part, ends=True)

    victim.assert_unharmed()


@pytest.mark.parametrize("announced", [True, False])
def test_megabytes(served_world: ServedWorld, victim: Victim, announced: bool):
    """
    A body of megabytes is answered before it has been read, whether its length was announced or not.
    """
    name, value = bearer(victim)
    head = b"POST %s HTTP/1.1\r\nHost: localhost\r\n%s: %s\r\n" % (STEP_UP.encode(), name, value)
    head += b"Content-Type: application/json\r\n"
    head += b"Content-Length: 100000000\r\n\r\n" if announced else b"Transfer-Encoding: chunked\r\n\r\n"
    piece = b"[" * 65_536 if announced else b"10000\r\n" + b"[" * 65_536 + b"\r\n"

    answer: Response = served_world.server.send(head, *[piece] * 2)

    problem_of(answer, "invalid-request", 413)
    victim.assert_unharmed()


def test_two_requests_in_one(served_world: ServedWorld, victim: Victim):
    """
    A body that looks like a second request is a body.
    """
    inner = b"POST /api/auth/logout HTTP/1.1\r\nHost: localhost\r\n%s: %s\r\n\r\n" % bearer(victim)

    answer = served_world.raw(STEP_UP, [bearer(victim), JSON], inner)

    problem_of(answer, "invalid-request")
    victim.assert_unharmed()
