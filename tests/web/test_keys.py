"""Keys on pages: the options stand in the page, and the answer comes in a form."""

import json
import re
from html import unescape
from typing import Any

import pytest
from httpx2 import Response

from tests.web.visitor import Visitor, codes_in, heading_of, place_of, words_in
from twofold.testing import SecurityKey

ORIGIN = "http://localhost:8000"


@pytest.fixture
def key() -> SecurityKey:
    return SecurityKey(ORIGIN)


def options_in(answer: Response) -> dict[str, Any]:
    """What the page hands to the browser."""
    found = re.search(r"data-options='([^']*)'", answer.text)
    assert found, answer.text
    options: dict[str, Any] = json.loads(unescape(found[1]))
    return options


def register(visitor: Visitor, key: SecurityKey, name: str = "Blue key", **changes: Any) -> Response:
    options = options_in(visitor.post("/security/keys/new", name=name))
    return visitor.post("/security/keys", name=name, credential=json.dumps(key.create(options, **changes)))


def touch(visitor: Visitor, path: str, key: SecurityKey, **changes: Any) -> Response:
    """Ask for the key on this page, and touch it."""
    options = options_in(visitor.post(path, key="ask"))
    return visitor.post(path, credential=json.dumps(key.get(options, **changes)))


def id_in(answer: Response) -> str:
    """The key that the page lists."""
    found = re.search(r"/security/keys/([^/]+)/rename", answer.text)
    assert found, answer.text
    return found[1]


def test_the_first_key(signed_in: Visitor, key: SecurityKey):
    """
    A key as the first factor brings the backup codes, once; it is listed under its name.
    """
    answer = register(signed_in, key)
    listed = signed_in.get("/security/keys")

    assert (answer.status_code, len(codes_in(answer))) == (200, 10)
    assert "Blue key" in words_in(listed)
    assert codes_in(listed) == []


def test_a_second_key(signed_in: Visitor, key: SecurityKey):
    """
    Another key keeps the backup codes, and the page says that all other sessions have ended.
    """
    register(signed_in, key)
    answer = register(signed_in, SecurityKey(ORIGIN), "Red key")
    said = words_in(signed_in.follow(answer))

    assert place_of(answer) == "/account/security/keys"
    assert "The key is registered." in said
    assert "Red key" in said


def test_signing_in_with_a_key(signed_in: Visitor, key: SecurityKey):
    """
    After the password a key may answer: it is asked for first where there is no app.
    """
    register(signed_in, key)
    signed_in.cookies.clear()
    asked = signed_in.follow(signed_in.sign_in())
    answer = touch(signed_in, "/login/second-factor", key)

    assert 'name="key"' in asked.text
    assert place_of(answer) == "/"
    assert signed_in.get("/security").status_code == 200


@pytest.mark.parametrize(
    "changes", [{"origin": "https://evil.test"}, {"rp_id": "evil.test"}, {"crossOrigin": True}, {"flags": 0}], ids=str
)
def test_an_answer_that_is_not_right(signed_in: Visitor, key: SecurityKey, changes: dict[str, Any]):
    """
    It is told in words on the same page, and opens nothing.
    """
    register(signed_in, key)
    signed_in.cookies.clear()
    signed_in.sign_in()
    answer = touch(signed_in, "/login/second-factor", key, **changes)

    assert answer.status_code == 400
    assert "That key was not accepted." in words_in(answer)
    assert "__Host-shop" not in signed_in.cookies


def test_an_answer_does_not_count_twice(signed_in: Visitor, key: SecurityKey):
    """
    The answer of a form that is sent once more is refused (G16).
    """
    register(signed_in, key)
    options = options_in(signed_in.post("/security/confirm", key="ask"))
    credential = json.dumps(key.get(options))
    answers = [signed_in.post("/security/confirm", credential=credential) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [303, 400]


def test_a_key_that_is_registered_already(signed_in: Visitor, key: SecurityKey):
    """
    The page of keys says so.
    """
    register(signed_in, key)
    answer = register(signed_in, key, "Again")

    assert answer.status_code == 409
    assert "This key is registered already." in words_in(answer)


def test_another_name(signed_in: Visitor, key: SecurityKey):
    """
    A key gets its name; one that is none is told at the form, and a foreign key is not there.
    """
    register(signed_in, key)
    which = id_in(signed_in.get("/security/keys"))
    renamed = signed_in.post(f"/security/keys/{which}/rename", name="<b>Green</b>")
    page = signed_in.follow(renamed)
    empty = signed_in.post(f"/security/keys/{which}/rename", name="")
    foreign = signed_in.post("/security/keys/x/rename", name="Mine")

    assert "&lt;b&gt;Green" in page.text
    assert "<b>Green" not in page.text
    assert (empty.status_code, foreign.status_code) == (422, 404)


def test_a_name_that_is_none(signed_in: Visitor, key: SecurityKey):
    """
    It is told at the field in which it was typed, which keeps it and has the focus; not at the one of a new key.
    """
    register(signed_in, key)
    which = id_in(signed_in.get("/security/keys"))
    answer = signed_in.post(f"/security/keys/{which}/rename", name="x" * 65)
    typed, new = re.findall(r"<input id=\"(?:name-[^\"]+|name)\"[^>]*>", answer.text)

    assert ("x" * 65 in typed, "autofocus" in typed, f'aria-describedby="name-{which}-error"' in typed) == (True,) * 3
    assert f'id="name-{which}-error"' in answer.text
    assert "aria-invalid" not in new


def test_removing_a_key(enrolled: Visitor, key: SecurityKey):
    """
    It is asked once more, and then the key is gone; as the last factor it stays, and the page says what to do.
    """
    register(enrolled, key)
    which = id_in(enrolled.get("/security/keys"))
    asked = enrolled.get(f"/security/keys/{which}/remove")
    done = enrolled.follow(enrolled.post(f"/security/keys/{which}/remove"))
    gone = enrolled.get(f"/security/keys/{which}/remove")

    assert "Blue key" in words_in(asked)
    assert "The key is removed." in words_in(done)
    assert gone.status_code == 404


def test_the_last_key(signed_in: Visitor, key: SecurityKey):
    """
    The last factor is not removed.
    """
    register(signed_in, key)
    answer = signed_in.post(f"/security/keys/{id_in(signed_in.get('/security/keys'))}/remove")

    assert answer.status_code == 409
    assert "This is your last second factor." in words_in(answer)


@pytest.mark.parametrize("path", ["/security/confirm", "/security/backup-codes", "/security/disable"])
def test_a_key_wherever_a_code_is_taken(signed_in: Visitor, key: SecurityKey, path: str):
    """
    Each page that asks for a code takes a key.
    """
    register(signed_in, key)
    answer = touch(signed_in, path, key)

    assert len(codes_in(answer)) == 10 if path == "/security/backup-codes" else place_of(answer)


def test_a_key_asks_for_a_fresh_factor(signed_in: Visitor, key: SecurityKey):
    """
    After five minutes whatever changes keys asks who it is first, and leads back to the page of keys (G8).
    """
    register(signed_in, key)
    which = id_in(signed_in.get("/security/keys"))
    signed_in.host.clock.forward(minutes=6)
    led = [
        signed_in.post("/security/keys/new", name="Another"),
        signed_in.post(f"/security/keys/{which}/rename", name="Another"),
        signed_in.post(f"/security/keys/{which}/remove"),
    ]
    back = touch(signed_in, led[0].headers["location"], key)

    assert {place_of(answer) for answer in led} == {"/account/security/confirm"}
    assert heading_of(signed_in.follow(back)) == "Keys"
    assert "Blue key" in words_in(signed_in.get("/security/keys"))


def test_the_challenge_of_one_is_none_for_another(signed_in: Visitor, key: SecurityKey):
    """
    What was handed out to confirm with does not sign in, nor the other way round (G16).
    """
    register(signed_in, key)
    confirming = options_in(signed_in.post("/security/confirm", key="ask"))
    other = Visitor(signed_in.host, signed_in.person)
    other.sign_in()
    signing_in = options_in(other.post("/login/second-factor", key="ask"))
    answers = [
        other.post("/login/second-factor", credential=json.dumps(key.get(confirming))),
        signed_in.post("/security/confirm", credential=json.dumps(key.get(signing_in))),
    ]

    assert [answer.status_code for answer in answers] == [400, 400]


def test_a_name_is_told_before_the_touch(signed_in: Visitor):
    """
    Nobody touches a key for a name that is none.
    """
    answer = signed_in.post("/security/keys/new", name="x" * 65)

    assert answer.status_code == 422
    assert "Give the key a name" in words_in(answer)
