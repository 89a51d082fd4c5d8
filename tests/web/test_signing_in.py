"""Signing in on pages: the password, the second factor, and where one goes from there."""

import re
from collections.abc import Callable

import pytest
from sqlalchemy import update

from tests.hosts.running import Host
from tests.web.visitor import Visitor, heading_of, place_of, words_in

SESSION, SIGN_IN = "__Host-shop", "__Host-twofold-sign-in"


def test_who_is_not_signed_in_is_led_to_the_password_and_back(ann: Visitor):
    """
    A page behind a session leads a stranger to the password, and from there to where they wanted to go.
    """
    led = ann.get("/security/activity")
    back = ann.sign_in(led.headers["location"])

    assert (place_of(led), place_of(back)) == ("/account/login", "/account/security/activity")
    assert heading_of(ann.get(back.headers["location"])) == "Activity"


def test_a_wrong_password(ann: Visitor):
    """
    It is told with its status and what to do; the address stays in its field, and nobody is signed in.
    """
    answer = ann.post("/login", email=ann.person.account, password="wrong")

    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert "That address and password do not go together. Look at both and try again." in words_in(answer)
    assert f'value="{ann.person.account}"' in answer.text
    assert SESSION not in ann.cookies


def test_the_second_factor(half_way: Visitor):
    """
    After the password a code is asked for; a wrong one is told so, and the right one signs in.
    """
    asked = half_way.get("/login/second-factor")
    wrong = half_way.post("/login/second-factor", code="000000")
    before = dict(half_way.cookies)
    right = half_way.post("/login/second-factor", code=half_way.person.phone.code())

    assert asked.status_code == 200
    assert "one-time-code" in asked.text
    assert (wrong.status_code, SESSION in before) == (400, False)
    assert "That code is not right." in words_in(wrong)
    assert (place_of(right), SESSION in half_way.cookies, SIGN_IN in half_way.cookies) == ("/", True, False)


def test_a_code_pasted_with_a_space(half_way: Visitor):
    """
    A code is taken as apps show it: in two groups.
    """
    code = half_way.person.phone.code()
    answer = half_way.post("/login/second-factor", code=f" {code[:3]} {code[3:]} ")

    assert place_of(answer) == "/"


def test_a_backup_code(half_way: Visitor):
    """
    A backup code signs in, and the next page says how many are left.
    """
    answer = half_way.post(
        "/login/second-factor?next=/account/security", backup_code=half_way.person.phone.backup_codes[0]
    )
    page = half_way.follow(answer)

    assert "9 are left." in words_in(page)
    assert "9 are left." not in words_in(half_way.get("/security"))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"code": ""},
        {"code": "12345"},
        {"code": "\uff11\uff12\uff13\uff14\uff15\uff16"},
        {"code": "123456", "backup_code": "x"},
        {"credential": "{}"},
    ],
    ids=str,
)
def test_what_cannot_be_a_proof(half_way: Visitor, fields: dict[str, str]):
    """
    It is told, and counts nothing (G13).
    """
    answer = half_way.request("POST", "/login/second-factor", data=fields)

    assert answer.status_code == 422
    assert half_way.host.use(lambda auth: auth.enrollment.status(half_way.person.id)).locked_until is None
    assert half_way.host.use(lambda auth: auth.events.page(half_way.person.id)).items[0].kind == "password_accepted"


def test_five_wrong_codes(half_way: Visitor):
    """
    The wait is told in seconds, for the page to count down; a backup code is shown as the way out, and works.
    """
    for _ in range(5):
        half_way.post("/login/second-factor", code="000000")
    waits = half_way.post("/login/second-factor?use=totp", code=half_way.person.phone.code())
    page = half_way.get("/login/second-factor")
    out = half_way.post("/login/second-factor", backup_code=half_way.person.phone.backup_codes[0])

    assert (waits.status_code, waits.headers["retry-after"]) == (429, "30")
    assert 'data-seconds="30"' in waits.text
    assert 'name="backup_code"' in page.text
    assert place_of(out) == "/"


def test_where_everything_has_one_count(variant: Callable[[dict[str, str]], Host]):
    """
    Where everything waits, every way says for how long, and none is shown as the way out.
    """
    host = variant(
        {
            "keys=key_ring(),": "keys=key_ring(), policy=PCI_DSS,",
            "from twofold import Assurance,": "from twofold import PCI_DSS, Assurance,",
        }
    )
    person = Visitor(host, host.somebody())
    person.sign_in()
    person.set_up()
    person.cookies.clear()
    person.sign_in()
    wrong = [person.post("/login/second-factor?use=totp", code="000000") for _ in range(10)]
    pages = [person.get("/login/second-factor"), person.get("/login/second-factor?use=backup_code")]
    tried = person.post("/login/second-factor?use=backup_code", backup_code=person.person.phone.backup_codes[0])

    assert {answer.status_code for answer in wrong} == {400}
    assert ['name="code"' in page.text for page in pages] == [True, False]
    assert [re.findall(r'data-seconds="(\d+)"', page.text) for page in pages] == [["1800"], ["1800"]]
    assert tried.status_code == 429
    assert "another method" not in words_in(tried)


def test_the_last_wrong_code(half_way: Visitor):
    """
    With the code that reaches the cap the app is switched off, and is what is told of; backup codes are the way out.
    """
    person = half_way.person
    users = half_way.host.metadata.tables["users"]
    half_way.host.execute(update(users).values(twofa_failures='{"totp": 99}').where(users.c.id == person.id))
    last = half_way.post("/login/second-factor?use=totp", code="000000")
    half_way.host.clock.forward(minutes=31)
    half_way.sign_in()
    told = half_way.post("/login/second-factor?use=totp", code="000000")
    out = half_way.post("/login/second-factor", backup_code=person.phone.backup_codes[0])

    assert [last.status_code, told.status_code] == [400, 403]
    assert "ackup code is not right" not in words_in(last)
    assert "This method was switched off" in words_in(told)
    assert "Backup codes were switched off" not in words_in(told)
    assert 'name="backup_code"' in told.text
    assert place_of(out) == "/"


def test_a_half_way_session_opens_nothing(half_way: Visitor):
    """
    What stands in the browser after the password opens no page but the second factor (G6).
    """
    read = ["/security", "/security/setup", "/security/sessions", "/security/disable", "/security/backup-codes"]
    led = [half_way.get(path) for path in read]
    led += [half_way.post(path, code=half_way.person.phone.code()) for path in read if path not in read[:3:2]]

    assert {place_of(answer) for answer in led} == {"/account/login"}


@pytest.mark.parametrize("token", ["", "x" * 43])
def test_a_sign_in_that_has_gone(half_way: Visitor, token: str):
    """
    Without the cookie, or with another one, there is nothing to finish: the password is asked for, and why is said.
    """
    half_way.cookies = {SIGN_IN: token} if token else {}
    answer = half_way.post("/login/second-factor", code=half_way.person.phone.code())

    assert place_of(answer) == "/account/login"
    page = half_way.follow(answer)
    assert "Start again with your password." in words_in(page)
    assert 'class="notice warns"' in page.text
    assert SESSION not in half_way.cookies


def test_a_browser_that_keeps_no_cookie(ann: Visitor):
    """
    Who is asked for the password again because the browser dropped the cookies is told so; who just comes is not.
    """
    ann.sign_in()
    ann.cookies.clear()
    come = ann.get("/security")
    led = ann.get("/security", headers={"Referer": "https://testserver/account/login"})
    half = ann.get("/login/second-factor", headers={"Referer": "https://testserver/account/login?next=/"})
    ann.cookies.clear()
    pages = [ann.get(answer.headers["location"]) for answer in (come, led, half)]

    assert {answer.status_code for answer in (come, led, half)} == {303}
    assert ["let this site set cookies" in words_in(page) for page in pages] == [False, True, True]


def test_a_finished_sign_in_does_not_come_again(half_way: Visitor):
    """
    The cookie of a sign-in that was finished opens nothing, whoever kept it.
    """
    kept = dict(half_way.cookies)
    half_way.post("/login/second-factor", code=half_way.person.phone.code())
    half_way.cookies = kept

    assert place_of(half_way.post("/login/second-factor", code=half_way.person.phone.code())) == "/account/login"


@pytest.mark.parametrize(
    "onward",
    [
        "https://evil.test/", "//evil.test/", "/\\evil.test", "\\\\evil.test", "javascript:alert(1)", "/%0d%0aX: y",
        "evil", " /", "/\t/evil.test", "",
    ],
)  # fmt: skip
def test_nobody_is_led_elsewhere(ann: Visitor, onward: str):
    """
    A link to the page of signing in leads on to a path of this host, or home, and never to another site.
    """
    answer = ann.request(
        "POST",
        "/login",
        params={"next": onward},
        data={"email": ann.person.account, "password": "correct horse battery staple"},
    )
    location = answer.headers["location"]

    assert answer.status_code == 303
    assert location == "/" or (location == onward and location.startswith("/%0d"))


def test_signing_out(signed_in: Visitor):
    """
    The session has ended, its cookie is gone, and an event tells of it; the page says so.
    """
    kept = dict(signed_in.cookies)
    answer = signed_in.post("/logout")
    said = words_in(signed_in.follow(answer))
    gone = dict(signed_in.cookies)
    signed_in.cookies = kept
    after = signed_in.get("/security")
    person = signed_in.person

    assert "You are signed out." in said
    assert SESSION not in gone
    assert place_of(after) == "/account/login"
    assert signed_in.host.use(lambda auth: auth.events.page(person.id)).items[0].kind == "session_ended"


def test_a_session_that_is_owed_its_end(enrolled: Visitor):
    """
    A session that should have ended with a change elsewhere opens no page (G8).
    """
    person = enrolled.person
    enrolled.host.use(lambda auth: auth.enrollment.end_sessions(person.id))

    assert place_of(enrolled.get("/security")) == "/account/login"
    assert place_of(enrolled.post("/security/backup-codes", code=person.phone.code())) == "/account/login"
