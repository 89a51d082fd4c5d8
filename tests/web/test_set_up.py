"""Setting up, replacing and turning off, on pages; and what is shown once."""

import pytest

from tests.web.visitor import Visitor, codes_in, heading_of, place_of, secret_in, words_in
from twofold.core.totp import TotpSecret
from twofold.errors import ProofRefused
from twofold.testing import Phone


def elsewhere(visitor: Visitor) -> Visitor:
    """The same person in another browser, in a session of its own."""
    other = Visitor(visitor.host, visitor.person, visitor.below)
    other.sign_in()
    return other


def test_three_steps(signed_in: Visitor):
    """
    The picture, the secret in groups and a link to tap; then a code; then ten backup codes to copy, load and print.
    """
    shown = signed_in.post("/security/setup")
    secret = secret_in(shown)
    groups = " ".join(secret[place : place + 4] for place in range(0, len(secret), 4))
    signed_in.person.phone = Phone(TotpSecret(secret), signed_in.host.clock)
    answer = signed_in.post("/security/setup/verify", code=signed_in.person.phone.code())

    assert shown.status_code == 200
    assert "data:image/png;base64," in shown.text
    assert groups in words_in(shown)
    assert (answer.status_code, len(codes_in(answer))) == (200, 10)
    assert "download=" in answer.text
    assert "Two-factor authentication is on" in words_in(signed_in.get("/security"))


def test_a_mistyped_code_shows_the_picture_again(signed_in: Visitor):
    """
    The session that began sees the same secret again, beside what is wrong.
    """
    first = secret_in(signed_in.post("/security/setup"))
    again = signed_in.post("/security/setup/verify", code="000000")
    reloaded = signed_in.get("/security/setup")

    assert again.status_code == 400
    assert "That code is not right." in words_in(again)
    assert [first, first] == [secret_in(again), secret_in(reloaded)]


def test_another_session_sees_nothing_of_a_set_up(signed_in: Visitor):
    """
    In another browser the same person may begin anew, and does not see the secret, by a wrong code neither (G9).
    """
    secret = secret_in(signed_in.post("/security/setup"))
    other = elsewhere(signed_in)
    seen = [other.get("/security/setup"), other.follow(other.post("/security/setup/verify", code="000000"))]

    assert [page.status_code for page in seen] == [200, 200]
    assert all(secret not in page.text and "otpauth" not in page.text for page in seen)


def test_a_clock_that_is_off(signed_in: Visitor):
    """
    At enrollment a phone that is fast is said to be; in another session it is a wrong code and nothing more.
    """
    phone = Phone(TotpSecret(secret_in(signed_in.post("/security/setup"))), signed_in.host.clock)
    signed_in.host.clock.forward(seconds=90)
    early = phone.code()
    signed_in.host.clock.forward(seconds=-90)
    here = signed_in.post("/security/setup/verify", code=early)
    there = elsewhere(signed_in)
    led = there.post("/security/setup/verify", code=early)

    assert "Your phone's clock is about 90 seconds fast." in words_in(here)
    assert "seconds fast" not in words_in(there.follow(led))


def test_backup_codes_are_shown_once(signed_in: Visitor):
    """
    Neither the address of the answer, nor the form sent once more, nor any page shows the codes again (G9).
    """
    codes = codes_in(signed_in.set_up())
    again = signed_in.post("/security/setup/verify", code=signed_in.person.phone.code())
    pages = ["/security", "/security/setup/verify", "/security/backup-codes", "/security/activity", "/security/setup"]
    seen = [signed_in.follow(signed_in.get(path)).text for path in pages]

    assert (len(codes), place_of(again)) == (10, "/account/security")
    assert not [code for code in codes if any(code in text for text in seen)]


def test_a_live_secret_is_not_shown_again(enrolled: Visitor):
    """
    Once the app is on, no page shows its secret (G9).
    """
    secret = enrolled.person.phone.secret.base32
    pages = [enrolled.follow(enrolled.get(path)) for path in ("/security", "/security/setup", "/security/setup/verify")]

    assert all(secret not in page.text for page in pages)


def test_new_backup_codes(enrolled: Visitor):
    """
    New ones come after a code from the app, not after a backup code; the old ones are dead.
    """
    old = enrolled.person.phone.backup_codes
    refused = enrolled.post("/security/backup-codes", backup_code=old[0])
    new = codes_in(enrolled.post("/security/backup-codes", code=enrolled.person.phone.code()))
    dead = enrolled.post("/security/confirm", backup_code=old[0])

    assert refused.status_code == 422
    assert len(new) == 10
    assert not set(old) & set(new)
    assert dead.status_code == 400


def test_another_phone(enrolled: Visitor):
    """
    The old phone works until the new one has proved itself, and the backup codes stay.
    """
    old = enrolled.person.phone
    shown = enrolled.post("/security/setup", replace="1")
    works = enrolled.post("/security/confirm", code=old.code())
    phone = Phone(TotpSecret(secret_in(shown)), enrolled.host.clock)
    done = enrolled.post("/security/setup/verify", code=phone.code())
    said = words_in(enrolled.follow(done))
    gone = enrolled.post("/security/confirm", code=old.code())

    assert place_of(works) == place_of(done) == "/account/security"
    assert "Your backup codes stay as they are." in said
    assert gone.status_code == 400


def test_replacing_must_be_asked_for(enrolled: Visitor):
    """
    A form that did not say so, from a page of before, changes nothing.
    """
    answer = enrolled.post("/security/setup")

    assert place_of(answer) == "/account/security"
    assert "is on already" in words_in(enrolled.follow(answer))


def test_what_changes_a_factor_asks_anew(enrolled: Visitor):
    """
    After five minutes a set-up asks for the second factor first, and leads back to where one was (G8).
    """
    enrolled.host.clock.forward(minutes=6)
    led = [enrolled.get("/security/setup"), enrolled.post("/security/setup", replace="1")]
    confirmed = enrolled.post(led[0].headers["location"], code=enrolled.person.phone.code())

    assert [place_of(answer) for answer in led] == ["/account/security/confirm"] * 2
    assert place_of(confirmed) == "/account/security/setup"
    assert heading_of(enrolled.follow(confirmed)) == "Move to another phone or app"


def test_turning_off(enrolled: Visitor):
    """
    It takes a proof; then it is off, this browser stays signed in, and every other is not.
    """
    other = elsewhere(enrolled)
    other.post("/login/second-factor", code=enrolled.person.phone.code())
    wrong = enrolled.post("/security/disable", code="000000")
    off = enrolled.post("/security/disable", code=enrolled.person.phone.code())

    assert wrong.status_code == 400
    assert "Two-factor authentication is off." in words_in(enrolled.follow(off))
    assert place_of(other.get("/security")) == "/account/login"


@pytest.mark.parametrize("path", ["/security/disable", "/security/backup-codes", "/security/confirm"])
def test_who_has_no_second_factor_is_led_to_the_overview(signed_in: Visitor, path: str):
    """
    Pages about a second factor lead whoever has none to where it begins, and say so.
    """
    answers = [signed_in.get(path), signed_in.post(path, code="123456")]

    assert [place_of(answer) for answer in answers] == ["/account/security"] * 2
    assert "Set it up first." in words_in(signed_in.follow(answers[0]))


def test_sessions(enrolled: Visitor):
    """
    Every session is listed, one can be ended, and all others at once; somebody else's is not there.
    """
    others = [elsewhere(enrolled) for _ in range(2)]
    for other in others:
        other.post("/login/second-factor", code=enrolled.person.phone.code())
    stranger = Visitor(enrolled.host, enrolled.host.somebody())
    stranger.sign_in()
    foreign = next(value for name, value in stranger.cookies.items() if name == "__Host-shop")
    listed = enrolled.get("/security/sessions")
    ended = enrolled.follow(enrolled.post("/security/sessions/end-others"))
    unknown = enrolled.post(f"/security/sessions/{enrolled.host.module.hashed(foreign)[:16]}/end")

    assert listed.text.count('/end"') == 2
    assert "3 sessions" in words_in(listed)
    assert "All other sessions have ended." in words_in(ended)
    assert "had ended already" in words_in(enrolled.follow(unknown))
    assert {place_of(other.get("/security")) for other in others} == {"/account/login"}
    assert stranger.get("/security").status_code == 200
    assert enrolled.get("/security/activity").status_code == 200  # What this one had proved it still has.


def test_activity(enrolled: Visitor):
    """
    What happened stands there in words; more than a page leads on.
    """
    for _ in range(51):
        enrolled.post("/security/disable", code="000000")
    first = enrolled.get("/security/activity")
    link = first.text.split("cursor=")[1].split('"')[0]
    second = enrolled.get(f"/security/activity?cursor={link}")
    forged = enrolled.get("/security/activity?cursor=x")

    assert "wrong code" in words_in(first)
    assert "An authenticator app was set up." in words_in(second)
    assert forged.status_code == 422


@pytest.mark.parametrize("code", ["000000", "no code"])
def test_a_wrong_code_in_a_session_that_is_no_longer_fresh(enrolled: Visitor, code: str):
    """
    Where the second factor is too old for the page of a set-up, a wrong code does not show its secret either.
    """
    secret = secret_in(enrolled.post("/security/setup", replace="1"))
    enrolled.host.clock.forward(minutes=6)
    answer = enrolled.post("/security/setup/verify", code=code)
    enrolled.host.clock.forward(seconds=30)
    confirmed = enrolled.post(answer.headers["location"], code=enrolled.person.phone.code())

    assert place_of(answer) == "/account/security/confirm"
    assert secret not in answer.text
    assert secret in enrolled.follow(confirmed).text


def test_an_app_that_was_switched_off(enrolled: Visitor):
    """
    After the last wrong code the page of security says that the app is off, and what to do; a backup code leads there.
    """
    for _ in range(enrolled.host.auth.policy.cap):
        enrolled.host.clock.forward(minutes=31)
        with pytest.raises(ProofRefused):
            enrolled.host.use(lambda auth: auth.totp.verify(enrolled.person.id, auth.typed("000000")))
    fresh = Visitor(enrolled.host, enrolled.person)
    fresh.sign_in()
    fresh.post("/login/second-factor", backup_code=enrolled.person.phone.backup_codes[0])

    assert "Switched off after too many wrong codes." in words_in(fresh.get("/security"))
    assert heading_of(fresh.follow(fresh.post("/security/setup"))) == "Set up your authenticator app"
