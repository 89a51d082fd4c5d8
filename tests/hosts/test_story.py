"""The same story in every host of `examples/`, on every database."""

from dataclasses import replace

import jwt
import pytest
from httpx2 import Response
from sqlalchemy import func, select

from tests.hosts.running import PASSWORD, PREFIX, Browser, Host, Person
from twofold.testing import enroll

PROBLEM = "urn:twofold:problem:"
CHALLENGE = 'Bearer error="insufficient_user_authentication", acr_values="urn:twofold:aal2", max_age="300"'


def told(answer: Response) -> tuple[int, str]:
    """What an answer says: the status, and which problem of ours."""
    kind = answer.json().get("type", "") if answer.status_code >= 400 else ""
    return answer.status_code, kind.removeprefix(PROBLEM)


def wrong(code: str) -> str:
    """Six digits that are not these."""
    return f"{(int(code) + 500_000) % 1_000_000:06}"


def test_a_wrong_password(host: Host, ann: Person):
    """
    A wrong password and an unknown name are refused alike, and bring no session.
    """
    nobody = replace(ann, account="nobody@example.com")
    browser = Browser(host)

    answers = [browser.sign_in(ann, password=PASSWORD[:-1]), browser.sign_in(nobody)]

    assert [answer.status_code for answer in answers] == [host.kind.refused] * 2
    assert answers[0].json() == answers[1].json()
    assert not browser.is_signed_in()


def test_a_password_alone(host: Host, ann: Person):
    """
    Who has no second factor signs in by the password, and is told to set one up where it is asked for.
    """
    browser = ann.browser()

    answer = browser.post("/payouts")

    assert browser.is_signed_in()
    assert told(answer) == (403, "second-factor-not-set-up")
    assert answer.json()["set_up"] is True


def test_enrolling(host: Host, ann: Person):
    """
    Enrolling ends the session in which it happens and all others, and starts one that has proved both.
    """
    browser, other = ann.browser(), ann.browser()
    before = Browser(host, browser.session)

    verified = ann.enroll(browser)

    assert verified["enabled"] is True
    assert len(set(verified["backup_codes"])) == 10
    assert (verified["aal"], verified["amr"]) == (2, ["pwd", "otp", "mfa"])
    assert not before.is_signed_in()
    assert not other.is_signed_in()
    assert browser.is_signed_in()
    assert browser.pays_out()


def test_enrolling_a_stranger(host: Host):
    """
    Who is not signed in enrolls nothing, and the helper for tests shows the answer.
    """
    with pytest.raises(AssertionError, match=r"^401: .*urn:twofold:problem:not-signed-in"):
        enroll(Browser(host), clock=host.clock)


def test_signing_in_in_two_steps(host: Host, ann: Person):
    """
    After enrolling a password brings no session, only the second step, and that brings one that has proved both.
    """
    ann.enrolled()
    browser = Browser(host)

    first = browser.sign_in(ann)
    half = browser.session
    second = browser.finish(first.json()["sign_in_token"], code=ann.phone.code())

    assert first.status_code == second.status_code == 200
    assert first.json() == {
        "status": "second_factor_required",
        "sign_in_token": first.json()["sign_in_token"],
        "methods": ["totp", "backup_code"],
        "expires_at": "2030-01-01T12:05:30Z",
    }
    assert half == {}
    assert (second.json()["status"], second.json()["aal"]) == ("signed_in", 2)
    assert second.json()["amr"] == ["pwd", "otp", "mfa"]
    assert browser.pays_out()


def test_a_sign_in_token_opens_nothing(host: Host, ann: Person):
    """
    The token of a pending sign-in opens neither the application's routes nor any of ours, and survives the attempts.
    """
    token = ann.enrolled().sign_in_token()
    browser = Browser(host, host.kind.carries(token))

    ours = host.routes()
    answers = [browser.request(method, path, json={}) for method, path in ours]

    assert len(ours) == 8
    assert [told(answer) for answer in answers] == [(401, "not-signed-in")] * 8
    assert (browser.get("/me").status_code, browser.post("/payouts").status_code) == (401, 401)
    assert browser.finish(token, code=ann.phone.code()).status_code == 200


def test_typos_and_replays(host: Host, ann: Person):
    """
    The token survives a wrong code and dies with the right one; a code is right once.
    """
    token, code = ann.enrolled().sign_in_token(), ann.phone.code()
    browser = Browser(host)

    answers = [
        browser.finish(token, code=wrong(code)),
        browser.finish(token, code=code),
        browser.finish(token, code=ann.phone.code()),
        browser.finish(ann.sign_in_token(), code=code),
    ]

    assert [told(answer) for answer in answers] == [
        (400, "invalid-code"),
        (200, ""),
        (401, "sign-in-token-dead"),
        (400, "code-already-used"),
    ]


def test_growing_stale(host: Host, ann: Person):
    """
    A second factor is fresh for the seconds that the route names and no longer; then the answer says what to do.
    """
    browser = ann.enrolled().strong_browser()

    host.clock.forward(minutes=5)
    fresh = browser.pays_out()
    host.clock.forward(seconds=1)
    answer = browser.post("/payouts")

    assert fresh
    assert told(answer) == (401, "step-up-required")
    assert answer.headers["www-authenticate"] == CHALLENGE  # RFC 9470, section 3
    assert (answer.json()["max_age"], answer.json()["methods"]) == (300, ["totp", "backup_code"])
    assert browser.is_signed_in()


def test_a_code_in_the_header(host: Host, ann: Person):
    """
    A code in `X-TOTP-Code` makes its session fresh again, once, and no other.
    """
    browser, other = ann.enrolled().strong_browser(), ann.strong_browser()
    host.clock.forward(minutes=6)
    code = ann.phone.code()

    answers = [browser.post("/payouts", code=code), browser.post("/payouts"), other.post("/payouts", code=code)]

    assert [told(answer) for answer in answers] == [(200, ""), (200, ""), (400, "code-already-used")]


def test_signing_in_in_one_go(host: Host, ann: Person):
    """
    Password and `X-TOTP-Code` together are a whole sign-in; a wrong code beside the right password is none.
    """
    ann.enrolled()
    code, browser = ann.phone.code(), Browser(host)

    refused = browser.sign_in(ann, code=wrong(code))
    signed_in = browser.sign_in(ann, code=code)

    assert told(refused) == (400, "invalid-code")
    assert signed_in.status_code == 200
    assert browser.pays_out()


def test_a_backup_code(host: Host, ann: Person):
    """
    A backup code signs in once, in whatever case it is typed, and counts as a second factor.
    """
    ann.enrolled()
    backup_code, browser = ann.phone.backup_codes[0].lower(), Browser(host)

    first = browser.finish(ann.sign_in_token(), backup_code=backup_code)
    again = Browser(host).finish(ann.sign_in_token(), backup_code=backup_code)

    assert (first.json()["aal"], first.json()["amr"]) == (2, ["pwd", "mfa"])
    assert first.json()["backup_codes_remaining"] == 9
    assert browser.pays_out()
    assert told(again) == (400, "code-already-used")


def test_turning_it_off(host: Host, ann: Person):
    """
    Turning it off ends all sessions and starts one, which a password alone would have started.
    """
    browser, other = ann.enrolled().strong_browser(), ann.strong_browser()
    before = Browser(host, browser.session)

    answer = browser.twofold("/disable", code=ann.phone.code())

    assert answer.status_code == 200
    assert answer.json()["enabled"] is False
    assert browser.is_signed_in()
    assert not before.is_signed_in()
    assert not other.is_signed_in()
    assert told(browser.post("/payouts")) == (403, "second-factor-not-set-up")
    assert ann.browser().is_signed_in()


def test_forgetting(host: Host, ann: Person):
    """
    After `forget` nothing of ours is kept about a user, and a session of the host's has proved nothing.
    """
    browser = ann.enrolled().strong_browser()

    host.use(lambda auth: auth.forget(ann.id))

    ours = [table for table in host.metadata.sorted_tables if table.name.startswith("twofold_")]
    assert len(ours) == 5
    assert [host.execute(select(func.count()).where(table.c.user_id == ann.id)) for table in ours] == [[(0,)]] * 5
    assert told(browser.post("/payouts")) == (403, "second-factor-not-set-up")
    assert browser.get(f"{PREFIX}/status").json()["enabled"] is False


@pytest.mark.parametrize("letter", ["a"], indirect=True, scope="module")
def test_the_claims_of_a_token(host: Host, ann: Person):
    """
    The application's own tokens say what was proved and when, for others to read (RFC 8176, RFC 9470).
    """
    weak = ann.browser()
    strong = ann.enrolled().strong_browser()

    claims = [
        jwt.decode(browser.session["Authorization"].removeprefix("Bearer "), options={"verify_signature": False})
        for browser in (weak, strong)
    ]

    told = [(found["amr"], found["acr"], found["auth_time"]) for found in claims]
    assert told == [
        (["pwd"], "urn:twofold:aal1", 1_893_499_200),
        (["pwd", "otp", "mfa"], "urn:twofold:aal2", 1_893_499_230),
    ]
