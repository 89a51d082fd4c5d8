"""Sessions of the backend's pages: the cookie, signing out, the list, the password, leaving."""

from http.cookies import SimpleCookie

import pytest
from sqlalchemy import select

from app.models.user import UserSession, hashed
from app.utils.two_factor_auth import COOKIE
from tests.http.browser import Browser, notice_of, place_of
from tests.http.problems import slug_of
from tests.http.test_sessions import alive, interrupted, sessions_of
from tests.http.test_sign_in import sign_in
from tests.http.victim import SESSION
from tests.http.world import ORIGIN, PASSWORD, Person, World, in_process, settings_for

NEW_PASSWORD = "battery staple horse correct"


def events_of(person: Person) -> list[str]:
    events = sorted(person.world.dump()["twofold_events"], key=lambda row: row["id"])
    return [row["kind"] for row in events if row["user_id"] == person.id]


def signed_in(person: Person) -> Browser:
    """A browser in which this person has typed the password."""
    browser = Browser(person.world)
    assert place_of(browser.send("/login", person.password)) == "/security"
    return browser


def test_the_cookie_of_a_session(each_world: World):
    """
    A session of the pages stands in one cookie, for this host alone, over TLS, out of reach of scripts, and not sent
    along from other sites' forms; it goes with the browser, and no page shows what stands in it.
    """
    person = each_world.registered()
    browser = Browser(each_world)

    answer = browser.send("/login", person.password)
    page = browser.get("/security")

    [line] = [line for line in answer.headers.get_list("set-cookie") if line.startswith(COOKIE)]
    morsel = SimpleCookie(line)[COOKIE]
    told = {name: value for name, value in morsel.items() if value}
    assert told == {"httponly": True, "secure": True, "samesite": "lax", "path": "/"}
    assert len(morsel.value) == 43
    assert page.status_code == 200
    assert morsel.value not in page.text + answer.text
    [(stored,)] = each_world.execute(select(UserSession.token_hash).filter_by(user_id=person.id))
    assert stored == hashed(morsel.value)


def test_the_cookie_is_its_own_session(world: World):
    """
    The cookie's session is asked for the second factor like any other, and is the same one for JSON.
    """
    person = world.enrolled()
    browser = Browser(world)

    begun = browser.send("/login", person.password)
    before = browser.token
    finished = browser.post("/login/second-factor", code=person.code())
    session = world.get(SESSION, headers={"Cookie": f"{COOKIE}={browser.token}"}).json()

    assert (place_of(begun), before) == ("/login/second-factor", "")
    assert place_of(finished) == "/security"
    assert session["aal"] == 2
    assert session["user"]["email"] == person.email


@pytest.mark.parametrize("wrong", ["Bearer wrong", "Basic YW5uOmFubg==", ""])
def test_pages_ignore_the_cookie_beside_any_authorization(world: World, wrong: str):
    """
    Where there is an `Authorization`, no page knows a session: not by the cookie, and not by a bearer token.
    """
    person = world.signed_in()
    browser, bare = Browser(world, person), Browser(world)

    assert place_of(browser.get("/security", headers={"Authorization": wrong})) == "/login"
    assert place_of(bare.get("/security", headers=person.bearer)) == "/login"
    assert browser.get("/security").status_code == 200


def test_signing_out(each_world: World):
    """
    Signing out ends this session alone, takes its cookie from the browser, and is one event.
    """
    person = each_world.registered()
    here, there = signed_in(person), signed_in(person)
    ended = here.token
    before = events_of(person)

    answer = here.post("/logout")

    assert (place_of(answer), notice_of(answer)) == ("/login", "signed-out")
    assert here.token == ""
    assert [alive(person, token) for token in (ended, there.token)] == [False, True]
    assert events_of(person)[len(before) :] == ["session_ended"]


def test_signing_in_again(each_world: World):
    """
    Who signs in once more in a browser, or somebody else there, leaves no session behind that only its cookie knew.
    """
    person, other = each_world.registered(), each_world.registered()
    browser, elsewhere = signed_in(person), signed_in(person)
    before = browser.token

    browser.send("/login", other.password)

    assert [alive(person, token) for token in (before, elsewhere.token)] == [False, True]
    assert alive(other, browser.token)
    assert events_of(person)[-1] == "session_ended"


def test_the_page_of_sessions(each_world: World):
    """
    The page shows one's own live sessions of JSON and of pages alike, which of them asks, and nothing that opens one.
    """
    person, other = each_world.registered(), each_world.signed_in()
    each_world.post("/api/auth/login", json=person.password, headers={"User-Agent": "an old phone"})
    each_world.clock.forward(minutes=61)
    each_world.post("/api/auth/login", json=person.password, headers={"User-Agent": "a <b>script</b>"})
    browser = signed_in(person)

    page = browser.get("/security/sessions")

    rows = each_world.execute(select(UserSession).filter_by(user_id=person.id))
    assert "a &lt;b&gt;script&lt;/b&gt;" in page.text
    assert "an old phone" not in page.text
    assert page.text.count('/end"') == 1
    assert [row.token_hash for row in rows if row.token_hash in page.text] == []
    assert str(other.email) not in page.text


def test_ending_one_session(each_world: World):
    """
    One's own session is ended once, by a number of one's own; another user's, and what is no number, is none.
    """
    person, other = each_world.registered(), each_world.signed_in()
    browser, gone = signed_in(person), signed_in(person)
    ids = dict(each_world.execute(select(UserSession.token_hash, UserSession.id)).__iter__())
    before = events_of(person)
    wrong = [str(ids[hashed(other.token)]), "0", "-1", "99999999999", "2147483648", "\u0661", "1e3", "x"]

    refused = {notice_of(browser.post(f"/security/sessions/{each}/end")) for each in wrong}
    answers = [notice_of(browser.post(f"/security/sessions/{ids[hashed(gone.token)]}/end")) for _ in range(2)]

    assert refused == {"no-such-session"}
    assert answers == ["session-ended", "no-such-session"]
    assert [alive(person, token) for token in (browser.token, gone.token)] == [True, False]
    assert alive(other, other.token)
    assert events_of(person)[len(before) :] == ["session_ended"]


def test_ending_all_others(each_world: World):
    """
    All of one's other sessions end, which is one event; this one goes on under a new cookie, and so do those of others.
    """
    person, other = each_world.registered(), each_world.signed_in()
    tokens = [person.session(), signed_in(person).token, str(sign_in(person).json()["access_token"])]
    browser = signed_in(person)

    answer = browser.post("/security/sessions/end-others")

    assert notice_of(answer) == "sessions-ended"
    assert [alive(person, token) for token in tokens] == [False] * 3
    assert browser.get("/security").status_code == 200
    assert alive(other, other.token)
    assert events_of(person).count("session_ended") == 1


def test_a_dead_session_leads_to_the_sign_in(world: World):
    """
    Where the session is over, a page leads to the sign-in and from there back; it shows nothing.
    """
    person = world.signed_in()
    browser = Browser(world, person)
    world.clock.forward(minutes=60)

    answer = browser.get("/security/sessions")

    assert answer.headers["location"] == "/login?next=/security/sessions"
    assert answer.content == b""


def test_a_death_in_between(each_world: World):
    """
    Where the process died after factors changed and before sessions ended, a page ends them all before it answers.
    """
    person = each_world.enrolled()
    browser, other = Browser(each_world, person), person.session()
    interrupted(person)

    answer = browser.get("/security")

    assert place_of(answer) == "/login"
    assert sessions_of(person) == 0
    assert person.row()["twofa_end_sessions"] == 0
    assert not alive(person, other)


def test_changing_the_password(each_world: World):
    """
    With the password of now a new one takes its place: all sessions end, this one too, and its cookie goes.
    """
    person = each_world.registered()
    browser, other = signed_in(person), person.session()

    answer = browser.post("/security/password", current_password=PASSWORD, new_password=NEW_PASSWORD)

    assert (place_of(answer), notice_of(answer)) == ("/login", "password-changed")
    assert browser.token == ""
    assert not alive(person, other)
    assert slug_of(sign_in(person)) == "sign-in-failed"
    assert place_of(browser.post("/login", email=person.email, password=NEW_PASSWORD)) == "/security"
    assert "password_changed" in events_of(person)


@pytest.mark.parametrize(
    ("form", "status", "says"),
    [
        ({"current_password": "wrong", "new_password": NEW_PASSWORD}, 401, "That is not your password."),
        ({"current_password": PASSWORD, "new_password": "short"}, 422, "at least 8 characters"),
        ({"current_password": PASSWORD, "new_password": "password1"}, 422, "is one that is tried first"),
        ({"current_password": PASSWORD}, 422, "Fill this in."),
        ({"new_password": NEW_PASSWORD}, 422, "Fill this in."),
        ({"current_password": "x" * 1025, "new_password": NEW_PASSWORD}, 422, "at most 1024 characters"),
    ],
    ids=["wrong", "short", "common", "no-new-one", "no-old-one", "long"],
)
def test_a_password_that_is_not_changed(world: World, form: dict[str, str], status: int, says: str):
    """
    What is wrong is said on the form, nothing that was typed stands in it, and all stays as it was.
    """
    person = world.registered()
    browser = signed_in(person)
    before = person.kept()

    answer = browser.send("/security/password", form)

    assert answer.status_code == status
    assert says in answer.text
    assert [typed for typed in form.values() if f'value="{typed}"' in answer.text] == []
    assert person.kept()["users"] == before["users"]
    assert browser.get("/security").status_code == 200


def test_too_many_wrong_passwords(world: World):
    """
    Wrong passwords of somebody who is signed in are counted with all others, and the page says how long to wait.
    """
    person = world.registered()
    browser = signed_in(person)
    for _ in range(10):
        browser.post("/security/leave", password="wrong")

    answer = browser.post("/security/leave", password=PASSWORD)

    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
    assert place_of(browser.get("/security/leave")) == ""


def test_leaving(each_world: World):
    """
    With the password the account goes, with all that was kept about it, and its cookie.
    """
    person = each_world.registered()
    browser, other = signed_in(person), person.session()

    refused = browser.post("/security/leave", password="wrong")
    answer = browser.post("/security/leave", password=PASSWORD)

    assert refused.status_code == 401
    assert (place_of(answer), notice_of(answer)) == ("/login", "left")
    assert browser.token == ""
    assert not alive(person, other)
    assert {name: rows for name, rows in person.kept().items() if rows} == {}


@pytest.mark.parametrize("path", ["/security/password", "/security/leave"])
def test_a_second_factor_comes_first(each_world: World, path: str):
    """
    Where two-factor authentication is on, page and form ask for a fresh second factor, and lead on after it.
    """
    person = each_world.enrolled()
    person.token = person.session()
    browser = Browser(each_world, person)
    form = {"current_password": PASSWORD, "new_password": NEW_PASSWORD, "password": PASSWORD}
    before = person.kept()["users"]

    asked, refused = browser.get(path), browser.send(path, form)
    untouched = person.kept()["users"] == before
    confirmed = browser.post(f"/security/confirm?next={path}", code=person.code())

    assert [place_of(asked), place_of(refused)] == ["/security/confirm"] * 2
    assert untouched
    assert place_of(confirmed) == path
    assert browser.get(path).status_code == 200
    assert place_of(browser.send(path, form)) == "/login"


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_forms_of_other_sites(world: World, site: str):
    """
    A form that another site sends to a page of the backend's own changes nothing.
    """
    person = world.registered()
    browser = signed_in(person)
    form = {"current_password": PASSWORD, "new_password": NEW_PASSWORD, "password": PASSWORD}
    before = person.kept()

    answers = [
        browser.send(path, form, {"Sec-Fetch-Site": site})
        for path in ("/security/password", "/security/leave", "/logout", "/security/sessions/end-others")
    ]

    assert [answer.status_code for answer in answers] == [403] * 4
    assert person.kept() == before


def test_the_start_page(world: World):
    """
    `/` leads to the page of security, which leads whoever is not signed in to the sign-in.
    """
    browser = Browser(world)

    assert place_of(browser.get("/")) == "/security"
    assert place_of(browser.get("/security")) == "/login"


def test_another_name(world: World):
    """
    Who reads a page under another name than `PUBLIC_URL` is led there, before anything is shown or asked.
    """
    answer = Browser(world).get("/security?x=1", headers={"Host": "127.0.0.1:8000"})

    assert (answer.status_code, answer.headers["location"]) == (307, f"{ORIGIN}/security?x=1")


def test_in_production_nobody_registers(fresh_place, key):
    """
    In production there is no page for making an account, and none that leads to it.
    """
    with in_process(fresh_place("sqlite"), settings_for(fresh_place("sqlite"), key, production=True)) as world:
        browser = Browser(world)
        answers = [browser.get("/register"), browser.post("/register", email="ann@example.com", password=NEW_PASSWORD)]
        page = browser.get("/login")

    assert [answer.status_code for answer in answers] == [404, 404]
    assert page.status_code == 200
    assert "/register" not in page.text
