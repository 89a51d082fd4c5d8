"""In applications that are not ours: guards, sessions that end, and whose words an error is told in."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from tests.http.hosts import Running, cookie_host, token_host
from tests.http.problems import assert_private, problem_of, slug_of
from twofold.core.totp import TypedCode
from twofold.testing import Phone, enroll

FORM = {"username": "ann@example.com", "password": "a good one"}
LOGIN = {"email": "ann@example.com", "password": "a good one"}


class Client:
    """Ann's program, which keeps the token that it was given last."""

    def __init__(self, host: Running, http: TestClient) -> None:
        self.host = host
        self.http = http
        self.token = ""

    def __call__(self, method: str, path: str, *, code: str | None = None, **options: Any) -> Response:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        headers |= {} if code is None else {"X-TOTP-Code": code}
        answer: Response = self.http.request(method, path, headers=headers | options.pop("headers", {}), **options)
        if answer.headers["content-type"] == "application/json" and isinstance(answer.json(), dict):
            self.token = answer.json().get("access_token", self.token)
        return answer

    def signed_in(self) -> str:
        self("POST", "/token", data=FORM)
        return self.token

    def enrolled(self) -> Phone:
        phone, verified = enroll(
            self.http, "/2fa", clock=self.host.clock, headers={"Authorization": f"Bearer {self.signed_in()}"}
        )
        self.token = verified["access_token"]
        return phone


@pytest.fixture
def host(tmp_path: Path, key: str) -> Running:
    return token_host(tmp_path, key)


@pytest.fixture
def ann(host: Running) -> Iterator[Client]:
    with TestClient(host.app) as http:
        yield Client(host, http)


@pytest.fixture
def browser(tmp_path: Path, key: str) -> Iterator[Client]:
    """Ann's browser, signed in to the application with cookies."""
    host = cookie_host(tmp_path, key)
    with TestClient(host.app, base_url="https://testserver") as http:
        client = Client(host, http)
        client("POST", "/login", json=LOGIN)
        yield client


def test_a_sign_in_by_form(ann: Client):
    """
    Where the application's password check takes a form, the sign-in takes a form and nothing else.
    """
    by_form, by_json = ann("POST", "/token", data=FORM), ann("POST", "/token", json=FORM)

    assert by_form.json()["status"] == "signed_in"
    assert set(by_form.json()) == {"status", "access_token", "token_type", "aal", "amr"}
    assert_private(by_form)
    problem_of(by_json, "invalid-request", 415)


def test_both_steps_by_form_and_json(ann: Client):
    """
    The first step is the application's form, the second our JSON; and with the header the form does both.
    """
    phone = ann.enrolled()

    first = ann("POST", "/token", data=FORM).json()
    second = ann("POST", "/token/second-factor", json={"sign_in_token": first["sign_in_token"], "code": phone.code()})
    at_once = ann("POST", "/token", data=FORM, code=phone.code())

    assert first["status"] == "second_factor_required"
    assert (second.json()["aal"], at_once.json()["aal"]) == (2, 2)


def test_a_login_of_the_applications_own(ann: Client):
    """
    In a login route of its own the application gets its answer or the pending sign-in, and our errors as they are.
    """
    before = ann("POST", "/own-login", data=FORM)
    phone = ann.enrolled()

    pending = ann("POST", "/own-login", data=FORM)
    at_once = ann("POST", "/own-login", data=FORM, code=phone.code())
    wrong_code = ann("POST", "/own-login", data=FORM, code="000000")
    wrong_password = ann("POST", "/own-login", data=FORM | {"password": "wrong"})

    assert (before.json()["aal"], at_once.json()["aal"]) == (1, 2)
    assert set(pending.json()) == {"pending"}
    problem_of(wrong_code, "invalid-code")
    assert (wrong_password.status_code, wrong_password.json()) == (401, {"detail": "Wrong"})


def test_three_guards_and_one_header(ann: Client):
    """
    Of three guards of different ages on one route one claims the code, and the others find the session fresh.
    """
    phone = ann.enrolled()
    ann.host.clock.forward(minutes=20)

    asked = ann("POST", "/three")
    passed = ann("POST", "/three", code=phone.code())
    again = ann("POST", "/three")

    assert problem_of(asked, "step-up-required")["max_age"] == 600
    assert passed.status_code == 200
    assert passed.json() == again.json()
    assert ann.host.events().count("stepped_up") == 1


def test_three_guards_of_which_one_asks(ann: Client):
    """
    Where the session is fresh enough for two guards, the third asks, in its own words, and claims the code.
    """
    phone = ann.enrolled()
    ann.host.clock.forward(seconds=90)

    asked = ann("POST", "/three")
    passed = ann("POST", "/three", code=phone.code())

    assert problem_of(asked, "step-up-required")["max_age"] == 60
    assert 'max_age="60"' in asked.headers["www-authenticate"]
    assert passed.status_code == 200
    assert ann.host.events().count("stepped_up") == 1


def test_three_guards_and_a_fresh_session(ann: Client):
    """
    Where all guards are satisfied the code beside the request is not spent.
    """
    phone = ann.enrolled()
    code = phone.code()

    passed = ann("POST", "/three", code=code)
    spent = ann("POST", "/2fa/step-up", json={"code": code})

    assert (passed.status_code, spent.status_code) == (200, 200)


def test_what_a_guard_gives(ann: Client):
    """
    A guard gives what was proved, ready for a token.
    """
    phone = ann.enrolled()
    ann.host.clock.forward(minutes=20)
    at = int(ann.host.clock.now().timestamp())

    claims = ann("POST", "/three", code=phone.code()).json()

    assert claims == {"amr": ["pwd", "otp", "mfa"], "acr": "urn:twofold:aal2", "auth_time": at}


def test_a_guard_where_no_second_factor_is(ann: Client):
    """
    Whoever has no second factor is told to set one up, or let through where the guard says so.
    """
    ann.signed_in()

    guarded = ann("POST", "/payouts", json={"cents": 1}, code="123456")
    let_through = ann("POST", "/profile", code="nonsense")

    assert problem_of(guarded, "second-factor-not-set-up")["set_up"] is True
    assert (let_through.status_code, let_through.json()) == (200, 1)


def test_a_guard_that_lets_through_lets_nobody_through_who_has_one(ann: Client):
    """
    `if_enabled` lets only those through who have no second factor.
    """
    phone = ann.enrolled()
    ann.host.clock.forward(minutes=6)

    asked = ann("POST", "/profile")
    passed = ann("POST", "/profile", code=phone.code())

    problem_of(asked, "step-up-required")
    assert (passed.status_code, passed.json()) == (200, 2)


def test_guards_stand_before_the_route(ann: Client):
    """
    The application's own routes keep its own words for its own errors, behind guards too.
    """
    ann.enrolled()

    paid = ann("POST", "/payouts", json={"cents": 1})
    malformed = ann("POST", "/payouts", json={"cents": "much"})
    missing = ann("GET", "/nowhere")
    wrong_method = ann("GET", "/payouts")

    assert paid.json() == "1 to ann@example.com"
    assert (malformed.status_code, malformed.json()["detail"][0]["loc"]) == (422, ["body", "cents"])
    assert malformed.headers["content-type"] == "application/json"
    assert (missing.status_code, missing.json()) == (404, {"detail": "Not Found"})
    assert (wrong_method.status_code, wrong_method.json()) == (405, {"detail": "Method Not Allowed"})


OURS = [
    ("GET", "/2fa/status"),
    *(("POST", f"/2fa/{name}") for name in ("setup", "verify", "disable", "backup-codes", "step-up")),
]


@pytest.mark.parametrize(("method", "path"), OURS)
@pytest.mark.parametrize("token", ["", "dead", "dead.dead"])
def test_the_applications_401(ann: Client, method: str, path: str, token: str):
    """
    On our routes a 401 of the application's own dependencies is told as ours, and its headers go along.
    """
    ann.token = token

    answer = ann(method, path)

    assert set(problem_of(answer, "not-signed-in")) == {"type", "title", "status", "detail"}
    assert answer.headers["www-authenticate"] == ('Bearer realm="acme"' if token else "Bearer")


@pytest.mark.parametrize(("method", "path"), OURS)
def test_the_applications_403(ann: Client, method: str, path: str):
    """
    On our routes another refusal of the application's is told by its status, and its headers go along.
    """
    ann.signed_in()
    ann.host.user(active=False)

    answer = ann(method, path)

    assert problem_of(answer, "forbidden")["detail"] == "The account is closed"
    assert answer.headers["x-acme"] == "closed"


def test_the_applications_refusal_to_start_a_session(ann: Client):
    """
    An application that starts no session, because the account was closed meanwhile, says so in the sign-in.
    """
    phone = ann.enrolled()
    pending = ann("POST", "/token", data=FORM).json()["sign_in_token"]
    ann.host.user(active=False)

    first = ann("POST", "/token", data=FORM, code=phone.code())
    second = ann("POST", "/token/second-factor", json={"sign_in_token": pending, "code": phone.code()})

    assert [slug_of(answer) for answer in (first, second)] == ["forbidden"] * 2


def test_the_applications_own_401(ann: Client):
    """
    On the application's own routes its 401 stays its own.
    """
    answer = ann("GET", "/me", headers={"Authorization": "Bearer dead"})

    assert (answer.status_code, answer.json()) == (401, {"detail": "The token is not mine"})


def test_signed_tokens_end(ann: Client):
    """
    Setting up and turning off end every token of before, also on routes that we know nothing of.
    """
    old = ann.signed_in()
    phone = ann.enrolled()
    new = ann.token
    disabled = ann("POST", "/2fa/disable", json={"code": phone.code()})

    told = {
        name: ann("GET", "/me", headers={"Authorization": f"Bearer {token}"}).status_code
        for name, token in (("first", old), ("second", new), ("third", disabled.json()["access_token"]))
    }

    assert told == {"first": 401, "second": 401, "third": 200}
    assert ann.host.user().token_version == 2


def test_a_death_in_between_with_signed_tokens(ann: Client):
    """
    Where the process died before the tokens ended, the first request that we see ends them.
    """
    ann.signed_in()
    old = ann.token
    auth, user = ann.host.two_factor.auth, ann.host.user()
    phone = Phone(auth.totp.set_up(user.id).secret, ann.host.clock)
    auth.totp.confirm(user.id, TypedCode(phone.code()))

    answer = ann("GET", "/2fa/status")
    unseen = ann("GET", "/me", headers={"Authorization": f"Bearer {old}"})
    again = ann("POST", "/token", data=FORM, code=phone.code())

    problem_of(answer, "not-signed-in")
    assert unseen.status_code == 401
    assert ann.host.user().twofa_end_sessions == 0
    assert again.json()["aal"] == 2


def test_cookies_move_on(browser: Client):
    """
    With cookies no answer holds a token; a new cookie takes the place of the old one, which is dead.
    """
    before = browser.http.cookies["session"]
    phone, verified = enroll(browser.http, "/2fa", clock=browser.host.clock)
    after = browser.http.cookies["session"]
    paid = browser("POST", "/payouts")
    disabled = browser("POST", "/2fa/disable", json={"code": phone.code()})
    browser.http.cookies.clear()

    answers = [browser("GET", "/2fa/status", headers={"Cookie": f"session={cookie}"}) for cookie in (before, after)]

    assert set(verified) == {"enabled", "backup_codes", "aal", "amr"}
    assert paid.json()["acr"] == "urn:twofold:aal2"
    assert set(disabled.json()) == {"enabled", "aal", "amr"}
    assert before != after
    assert [slug_of(answer) for answer in answers] == ["not-signed-in"] * 2


def test_signing_in_with_cookies(browser: Client):
    """
    A pending sign-in sets no cookie; finishing it does.
    """
    phone, _ = enroll(browser.http, "/2fa", clock=browser.host.clock)
    browser.http.cookies.clear()

    pending = browser("POST", "/login", json=LOGIN)
    finished = browser(
        "POST", "/login/second-factor", json={"sign_in_token": pending.json()["sign_in_token"], "code": phone.code()}
    )

    assert "set-cookie" not in pending.headers
    assert finished.headers["set-cookie"].startswith("session=")
    assert set(finished.json()) == {"status", "aal", "amr"}
    assert browser("POST", "/payouts").status_code == 200


@pytest.mark.parametrize(
    ("headers", "refused"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, True),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "https://testserver"}, True),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "same-origin"}, False),
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"}, False),
        ({"Origin": "https://evil.example"}, True),
        ({"Origin": "https://testserver.evil.example"}, True),
        ({"Origin": "https://evil.example:testserver"}, True),
        ({"Origin": "https://testserver:8443"}, True),
        ({"Origin": "null"}, True),
        ({"Origin": ""}, True),
        ({"Origin": "https://["}, True),
        ({"Origin": "https://testserver"}, False),
        ({}, False),
        ({"Sec-Fetch-Site": "cross-site", "Authorization": "Bearer x"}, False),
        ({"Origin": "https://evil.example", "Authorization": "Bearer x"}, False),
    ],
)
def test_writes_from_another_site(browser: Client, headers: dict[str, str], refused: bool):
    """
    A write that a cookie would authenticate is refused from another site, by `Sec-Fetch-Site`, and by `Origin` where
    that is missing.
    """
    paths = [path for _, path in OURS if path != "/2fa/status"]

    told = [slug_of(browser("POST", path, json={"unknown": 1}, headers=headers)) for path in paths]

    assert told == ["cross-site-request" if refused else "invalid-request"] * len(paths)


def test_reading_from_another_site(browser: Client):
    """
    Reading changes nothing, and is not refused.
    """
    answer = browser("GET", "/2fa/status", headers={"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"})

    assert answer.status_code == 200


def test_the_order_of_refusals_with_cookies(browser: Client):
    """
    A write from another site is refused before the session, its freshness or the body are looked at.
    """
    enroll(browser.http, "/2fa", clock=browser.host.clock)
    foreign = {"Sec-Fetch-Site": "cross-site"}
    browser.host.clock.forward(minutes=6)

    stale = [slug_of(browser("POST", "/2fa/setup", json={"x": 1}, headers=headers)) for headers in (foreign, {})]
    dead = [
        slug_of(browser("POST", "/2fa/setup", content=b"{", headers=headers | {"Content-Type": "application/json"}))
        for headers in (foreign, {"Cookie": "session=dead"})
    ]

    assert stale == ["cross-site-request", "step-up-required"]
    assert dead == ["cross-site-request", "not-signed-in"]
