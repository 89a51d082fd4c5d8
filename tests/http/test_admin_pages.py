"""The pages of administration: the same doors as before its JSON routes, what is shown, done, and told to whom."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from html import unescape
from itertools import combinations
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from httpx2 import Response
from sqlalchemy import Engine, event, insert, text

from app.models.user import User
from app.utils.two_factor_auth import COOKIE
from tests.http.administration import REASON, look, refused_events
from tests.http.bodies import TOO_LARGE
from tests.http.browser import FORM, SENT, Browser, notice_of, place_of
from tests.http.test_page_matrix import is_admins, pages_of, somebody_who_waits, told
from tests.http.world import ELSEWHERE, PASSWORD, Person, Place, World, in_process, settings_for
from tests.web.visitor import words_in
from twofold.core.policy import USERS_A_PAGE
from twofold.web.routes.users import EVENTS_SHOWN

HOME = "/admin/2fa"
ROUTES = [
    ("GET", HOME),
    ("GET", f"{HOME}/users/{{id}}"),
    ("GET", f"{HOME}/users/{{id}}/reset"),
    ("POST", f"{HOME}/users/{{id}}/reset"),
    ("GET", f"{HOME}/users/{{id}}/unlock"),
    ("POST", f"{HOME}/users/{{id}}/unlock"),
]
FORMS = [route for route in ROUTES if route[0] == "POST"]
HOSTILE = '"><svg/onload=alert(1)><!--{{7*7}}%(name)s'


def test_these_are_all(world: World):
    """
    The pages of this file are all there are.
    """
    assert {f"{method} {path}" for method, path in ROUTES} == {route for route in pages_of(world) if is_admins(route)}


@dataclass
class Request:
    """One request of an admin about somebody whose codes wait, that would succeed until faults are put into it."""

    world: World
    method: str
    path: str
    client: str = "192.0.2.1"
    padding: str = ""
    query: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    reason: str = REASON

    def __post_init__(self) -> None:
        self.admin, self.user = self.world.admin(), somebody_who_waits(self.world)
        self.user_id: object = self.user.id
        self.headers = SENT | {"Cookie": f"{COOKIE}={self.admin.token}"} | (FORM if self.method == "POST" else {})

    def too_large(self) -> None:
        self.padding = "x" * TOO_LARGE

    def no_form(self) -> None:
        self.headers["Content-Type"] = "application/json"

    def cross_site(self) -> None:
        self.headers["Sec-Fetch-Site"] = "cross-site"

    def outside(self) -> None:
        self.client = ELSEWHERE

    def not_signed_in(self) -> None:
        self.headers["Cookie"] = f"{COOKIE}=dead"

    def no_admin(self) -> None:
        self.admin.set(role="user")

    def stale(self) -> None:
        self.world.clock.forward(minutes=5, seconds=1)
        self.user.set(twofa_locked_until=self.world.clock.now() + timedelta(minutes=30))

    def without_factor(self) -> None:
        self.admin.set(twofa_enabled=False, totp_secret=None)

    def malformed(self) -> None:
        self.reason = "two\nlines"
        self.query = "?cursor=x&enabled=perhaps"

    def nobody(self) -> None:
        self.user_id = 2**31 - 1

    def oneself(self) -> None:
        self.user_id = self.admin.id

    def nothing_there(self) -> None:
        self.user.set(twofa_enabled=False, totp_secret=None, twofa_backup_codes=None)

    def send(self) -> Response:
        content = urlencode({"reason": self.reason, "more": self.padding}).encode() if self.method == "POST" else b""
        path = self.path.replace("{id}", str(self.user_id)) + self.query
        given = [(name.encode(), value.encode()) for name, value in self.headers.items()]
        return self.world.ask(path, given, chunks=[content], method=self.method, client=self.client)


Fault = tuple[str, Callable[[Request], None]]
TAKES_A_FORM: list[Fault] = [
    ("413", Request.too_large),
    ("415", Request.no_form),
    ("403 This came from another site", Request.cross_site),
]
AT_THE_DOOR: list[Fault] = [
    ("403 This is not allowed", Request.outside),
    ("303 /login", Request.not_signed_in),
    ("403 This is not allowed", Request.no_admin),
    ("303 /security/confirm", Request.stale),
]
MALFORMED: Fault = ("422", Request.malformed)
NOBODY: Fault = ("404", Request.nobody)
ORDER: dict[tuple[str, str], list[Fault]] = {
    ROUTES[0]: [*AT_THE_DOOR, MALFORMED],
    ROUTES[1]: [*AT_THE_DOOR, NOBODY, MALFORMED],
    ROUTES[2]: [*AT_THE_DOOR, NOBODY],
    # Whoever is not there has no page on which the form could be shown again.
    ROUTES[3]: [*TAKES_A_FORM, *AT_THE_DOOR, NOBODY, MALFORMED, ("303 /admin/2fa/users/{id}", Request.nothing_there)],
    ROUTES[4]: [*AT_THE_DOOR, NOBODY],
    ROUTES[5]: [*TAKES_A_FORM, *AT_THE_DOOR, NOBODY, MALFORMED],
}


def pairs() -> list[tuple[tuple[str, str], Fault, Fault]]:
    return [(route, *pair) for route, faults in ORDER.items() for pair in combinations(faults, 2)]


def heading_of(answer: Response) -> str:
    found = re.search(r"<h1[^>]*>(.*?)</h1>", answer.text, re.DOTALL)
    return unescape(found[1]) if found else ""


@pytest.mark.parametrize(("route", "first", "second"), pairs())
def test_of_two_faults_the_earlier_is_told(world: World, route: tuple[str, str], first: Fault, second: Fault):
    """
    Size, type, origin, list, session, role, second factor, user, form, state: of any two faults in one request the
    earlier is told.
    """
    request = Request(world, *route)
    first[1](request)
    second[1](request)

    answer = request.send()

    assert f"{told(answer)} {heading_of(answer)}".startswith(first[0])


@pytest.mark.parametrize(
    ("fault", "outcome", "is_known"),
    [
        (Request.outside, "forbidden", False),
        (Request.not_signed_in, "not-signed-in", False),
        (Request.no_admin, "forbidden", True),
        (Request.stale, "step-up-required", True),
        (Request.without_factor, "second-factor-not-set-up", True),
    ],
)
@pytest.mark.parametrize("route", ROUTES)
def test_a_refusal_is_an_event(
    world: World, route: tuple[str, str], fault: Callable[[Request], None], outcome: str, is_known: bool
):
    """
    Whoever is refused is in the table, as at the JSON routes, and told to whoever listens; nobody is changed.
    """
    world.clock.forward(minutes=len(refused_events(world)) + 20)
    request = Request(world, *route)
    before = len(refused_events(world))
    fault(request)
    row = request.user.row()

    answer = request.send()

    [kept] = refused_events(world)[before:]
    expected = (request.admin.id if is_known else None, outcome, request.client)
    assert answer.status_code in {303, 403}
    assert (kept["user_id"], kept["outcome"], kept["client_address"]) == expected
    assert [one.outcome for one in world.events if one.kind == "admin_refused"] == [outcome]
    assert request.user.row() == row


def test_pages_and_json_store_refusals_together(world: World):
    """
    One refusal of a stranger's network a minute is stored of both together, not one of each.
    """
    world.clock.forward(minutes=7000 + len(refused_events(world)))
    before = len(refused_events(world))

    for path in (HOME, f"/api{HOME}/users", f"{HOME}/users/1"):
        assert Browser(world, client=ELSEWHERE).get(path).status_code == 403

    assert len(refused_events(world)) - before == 1


def refused(world: World) -> list[Response]:
    """What everybody is told who may not come near: from outside, an admin too, and inside without the role."""
    admin, user = world.admin(), world.enrolled()
    who = [
        Browser(world, admin, client=ELSEWHERE),
        Browser(world, client=ELSEWHERE),
        Browser(world, user),
    ]
    forms = {"GET": None, "POST": {"reason": ""}}
    paths = [(method, path.replace("{id}", each)) for method, path in ROUTES for each in (str(user.id), "x", "0")]
    return [browser.request(method, path, forms[method]) for browser in who for method, path in paths]


def test_one_answer_tells_nothing(world: World):
    """
    Whoever may not come near gets the same page whoever they are and whatever they asked for.
    """
    answers = refused(world)

    assert {(answer.status_code, answer.text) for answer in answers} == {(403, answers[0].text)}
    assert heading_of(answers[0]) == "This is not allowed"
    assert HOME not in answers[0].text


def test_nothing_is_looked_up_outside(world: World):
    """
    From outside no session, role or user is read: the database is not even asked.
    """
    asked: list[str] = []
    browser = Browser(world, world.admin(), client=ELSEWHERE)
    browser.get(HOME)

    def note(_: object, __: object, statement: str, *___: object) -> None:
        asked.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        answers = [browser.request(method, path.replace("{id}", "1")) for method, path in ROUTES]
    finally:
        event.remove(Engine, "before_cursor_execute", note)

    assert {answer.status_code for answer in answers} == {403}
    assert asked == []


def test_programs_are_told_as_everywhere(world: World):
    """
    Who asks for no page is told the problem.
    """
    answer = Browser(world, world.enrolled()).get(HOME, {"Accept": "application/json"})

    assert (answer.status_code, answer.json()["type"]) == (403, "urn:twofold:problem:forbidden")


def test_a_role_counts_from_now(each_world: World):
    """
    A role that is taken away, or given, counts for the next page of a session of before.
    """
    admin, user = each_world.admin(), each_world.enrolled()
    browsers = Browser(each_world, admin), Browser(each_world, user)
    before = [browser.get(HOME).status_code for browser in browsers]

    admin.set(role="user")
    user.set(role="admin")

    assert before == [200, 403]
    assert [browser.get(HOME).status_code for browser in browsers] == [403, 200]


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_stale_factor_is_confirmed_on_the_way(world: World, method: str, path: str):
    """
    Whose second factor is stale is led to confirm it, and then to where they were; a form is filled in once more, and
    nothing was done.
    """
    request = Request(world, method, path)
    request.stale()
    row = request.user.row()
    browser = Browser(world, request.admin)

    asked = browser.get(urlsplit(request.send().headers["location"]).geturl())
    action = unescape(re.findall(r'action="(/security/confirm[^"]*)"', asked.text)[0])
    back = browser.post(action, code=request.admin.next_code())
    world.clock.forward(seconds=1)
    page = browser.get(back.headers["location"])

    assert place_of(back) == path.replace("{id}", str(request.user.id))
    assert (page.status_code, request.user.row()) == (200, row)


def test_an_admin_without_a_second_factor(world: World):
    """
    An admin without a second factor is told to set one up, and the page leads there.
    """
    admin = world.signed_in()
    admin.set(role="admin")

    page = Browser(world, admin).get(HOME)

    assert (page.status_code, heading_of(page)) == (403, "Two-factor authentication is not set up")
    assert 'href="/security"' in page.text


@pytest.mark.parametrize(("method", "path"), FORMS)
@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}], ids=str)
def test_forms_of_another_site(world: World, method: str, path: str, headers: dict[str, str]):
    """
    A form that another site sent in an admin's browser changes nothing.
    """
    request = Request(world, method, path)
    request.headers |= headers
    row = request.user.row()

    assert request.send().status_code == 403
    assert request.user.row() == row


def test_the_way_to_it(world: World):
    """
    The pages of administration lead to each other; no other page speaks of them, to an admin neither.
    """
    admin, user = world.admin(), world.enrolled()
    browser = Browser(world, admin)
    pages = [browser.get(path) for path in (HOME, f"{HOME}/users/{user.id}", f"{HOME}/users/{user.id}/reset")]

    assert [page.text.count(">Administration</a>") for page in pages] == [1, 1, 1]
    assert HOME not in browser.get("/security").text


def accounts_in(page: Response) -> list[str]:
    """Who stands in the list."""
    return [unescape(name) for name in re.findall(r"<h3><a [^>]*>([^<]*)</a>", page.text)]


def test_find_a_user(each_world: World):
    """
    Users are found by a part of their name, and by whether they have a second factor; the form keeps what was asked.
    """
    admin, user, without = each_world.admin(), each_world.enrolled(), each_world.registered()
    browser = Browser(each_world, admin)

    def found(**query: str) -> list[str]:
        return accounts_in(browser.get(f"{HOME}?{urlencode(query)}"))

    assert found(q=user.email.upper()[2:]) == [user.email]
    assert found(q=user.email, enabled="false") == found(q=without.email, enabled="true") == []
    assert found(q=without.email, enabled="false") == [without.email]
    assert found(q=user.email, enabled="") == [user.email]
    kept = browser.get(f"{HOME}?{urlencode({'q': user.email, 'enabled': 'true'})}").text
    assert f'value="{user.email}"' in kept
    assert '<option value="true" selected>' in kept
    nobody = browser.get(f"{HOME}?q=nobody-is-called-so")
    assert "There is no such account." in words_in(nobody)


def test_the_state_of_each(each_world: World):
    """
    The list says of each whether they have a second factor, which, whether a set-up waits, and who waits for how long;
    above it stands how many have one.
    """
    admin, waiting, beginning = each_world.admin(), somebody_who_waits(each_world), each_world.signed_in()
    beginning.key()
    beginning.post("/setup")
    browser, without = Browser(each_world, admin), each_world.registered()
    adoption = look(admin, "/adoption").json()

    def line(person: Person) -> str:
        [item] = re.findall(r"<li>.*?</li>", browser.get(f"{HOME}?q={person.email}").text, re.DOTALL)
        return " ".join(unescape(re.sub(r"<[^>]*>", " ", item)).split())

    assert line(waiting) == (
        f"{waiting.email} On Authenticator app. On since 1 January 2030. "
        "Typed codes wait until 1 January 2030, 12:30 UTC ."
    )
    assert line(beginning).startswith(f"{beginning.email} On Key. On since 1 January 2030. A set-up waits")
    assert line(without).endswith("Off The password alone signs in.")
    assert "On You" in line(admin)
    counted = "Accounts with a second factor: {enabled} of {users}".format(**adoption)
    assert counted in words_in(browser.get(HOME))


def test_many_users(each_world: World):
    """
    More users than a page holds come page by page, each once, with the same search.
    """
    admin, mark = each_world.admin(), each_world.stranger()
    rows = [{"email": f"{number}.{mark}", "hashed_password": ""} for number in range(USERS_A_PAGE + 1)]
    each_world.execute(insert(User).values(rows))
    browser = Browser(each_world, admin)

    first = browser.get(f"{HOME}?q={mark}&enabled=false")
    [more] = re.findall(r'href="([^"]*)">More accounts<', first.text)
    second = browser.get(unescape(more))

    names = [name for page in (first, second) for name in accounts_in(page)]
    assert [len(accounts_in(page)) for page in (first, second)] == [USERS_A_PAGE, 1]
    assert sorted(names) == sorted(row["email"] for row in rows)
    assert "More accounts" not in second.text
    assert "Accounts with a second factor" not in second.text


@pytest.mark.parametrize(
    ("query", "field_error"),
    [
        ({"q": "x" * 255}, True),
        ({"q": "a\x00b"}, True),
        ({"q": "a\nb"}, True),
        ({"enabled": "perhaps"}, False),
        ({"cursor": "no id"}, False),
        ({"cursor": "1" * 256}, False),
        ({"cursor": "\x00"}, False),
    ],
)
def test_what_cannot_be_asked(each_world: World, query: dict[str, str], field_error: bool):
    """
    A search that no database takes and a cursor that no page gave are told above the form, which is there to try anew.
    """
    page = Browser(each_world, each_world.admin()).get(f"{HOME}?{urlencode(query)}")

    assert page.status_code == 422
    assert ('id="q-error"' in page.text) is field_error
    assert accounts_in(page) == []
    assert 'role="alert"' in page.text
    assert 'name="q"' in page.text


@pytest.mark.parametrize("sought", ["'; DROP TABLE users; --", "%", "_", "\\", HOSTILE, "{{7*7}}", "\u202e"])
def test_a_hostile_search(each_world: World, sought: str):
    """
    What has a meaning to a database, or in a page, has none in a search.
    """
    page = Browser(each_world, each_world.admin()).get(f"{HOME}?{urlencode({'q': sought})}")

    assert page.status_code in {200, 422}
    assert accounts_in(page) == []
    assert "<svg/onload" not in page.text
    assert "49" not in re.findall(r'name="q"[^>]*', page.text)[0]


def test_one_user(each_world: World):
    """
    Of one user an admin sees what each factor is, since when, how many backup codes are left, who waits, and what
    happened, told of somebody else; and is led to help.
    """
    admin, user = each_world.admin(), each_world.enrolled()
    user.sign_in_token()
    user.post("/step-up", {"backup_code": user.backup_codes[0]})
    user.set(twofa_locked_until=each_world.clock.now() + timedelta(minutes=30))

    page = Browser(each_world, admin).get(f"{HOME}/users/{user.id}")
    said = words_in(page).partition(user.email)[2].partition("We never ask")[0]

    assert heading_of(page) == user.email
    for sentence in (
        "Two-factor authentication is on On since 1 January 2030.",
        "after too many wrong ones.",
        "Authenticator app Set up on 1 January 2030.",
        "9 of 10 are left.",
        "Confirmed once more with a backup code. From 192.0.2.1",
        "Somebody who knows the password was asked for a second factor.",
        "An authenticator app was set up.",
    ):
        assert sentence in said
    assert not re.search(r"\b[Yy]ours?\b|\b[Yy]ou\b", said)
    assert {f'href="{HOME}/users/{user.id}/{verb}"' in page.text for verb in ("reset", "unlock")} == {True}


def test_events_page_by_page(world: World):
    """
    What happened to somebody comes page by page, the newest first.
    """
    admin, user = world.admin(), world.registered()
    row = {"user_id": user.id, "kind": "signed_in", "moment": world.clock.now(), "outcome": "success"}
    world.execute(insert(User.metadata.tables["twofold_events"]).values([row] * (EVENTS_SHOWN + 1)))
    browser = Browser(world, admin)

    first = browser.get(f"{HOME}/users/{user.id}")
    [older] = re.findall(r'href="([^"]*)">Older<', first.text)
    second = browser.get(unescape(older))

    assert [page.text.count("Signed in with the password alone.") for page in (first, second)] == [EVENTS_SHOWN, 1]
    assert "Older" not in second.text
    assert browser.get(f"{HOME}/users/{user.id}?cursor=x").status_code == 422


def test_a_damaged_event_hides_no_other(fresh_place: Callable[[str], Place], key: str):
    """
    An event that cannot be read is said to be so, to the admin and to its user, and the others are there.
    """
    place = fresh_place("sqlite")
    with in_process(place, settings_for(place, key)) as world:
        admin, user = world.admin(), world.enrolled()
        damaged = f"UPDATE twofold_events SET moment = 'garbage' WHERE user_id = {user.id} AND kind = 'set_up_started'"
        world.execute(text(damaged))

        pages = [
            Browser(world, admin).get(f"{HOME}/users/{user.id}"),
            Browser(world, user).get("/security/activity"),
            Browser(world, user).get("/security"),
        ]

    assert [page.status_code for page in pages] == [200] * 3
    for page in pages:
        assert "This entry cannot be read." in words_in(page)
        assert "An authenticator app was set up." in words_in(page)


def test_a_user_whose_codes_do_not_open(world: World):
    """
    A user whose stored values do not open is shown all the same, with what could not be read, and can be reset.
    """
    admin, user = world.admin(), world.enrolled()
    user.set(twofa_backup_codes="v1.0011223344556677.AAAA")
    browser = Browser(world, admin)

    shown = browser.get(f"{HOME}/users/{user.id}")
    answer = browser.post(f"{HOME}/users/{user.id}/reset", reason=REASON)

    assert "cannot be read: backup_codes." in words_in(shown)
    assert notice_of(answer) == "reset"


@pytest.mark.parametrize(
    "user_id", ["0", "-1", "2147483647", "9" * 30, "007", "1e3", "ann@example.com", "%00", "..%2F"]
)
def test_nobody_of_that_id(world: World, user_id: str):
    """
    What is nobody's id is a page that is not there.
    """
    browser = Browser(world, world.admin())
    forms = {"GET": None, "POST": {"reason": REASON}}

    answers = [browser.request(method, path.replace("{id}", user_id), forms[method]) for method, path in ROUTES[1:]]

    assert {answer.status_code for answer in answers} == {404}


def sent(world: World, admin: Person, user: Person, verb: str, reason: str = REASON) -> Response:
    return Browser(world, admin).post(f"{HOME}/users/{user.id}/{verb}", reason=reason)


def test_reset(each_world: World):
    """
    A reset asks first; then every factor is gone, all sessions of the user have ended, the admin's has not, and the
    user reads why on the own page, and not by whom.
    """
    admin, user = each_world.admin(), each_world.enrolled()
    browser, victims = Browser(each_world, admin), Browser(each_world, user)
    page = browser.get(f"{HOME}/users/{user.id}/reset")
    untouched = user.row()["twofa_enabled"]

    answer = browser.post(f"{HOME}/users/{user.id}/reset", reason=REASON)
    shown = browser.get(answer.headers["location"])

    assert heading_of(page) == f"Remove the second factor of “{user.email}”?"
    assert untouched
    assert told(answer) == "303 /admin/2fa/users/{id} reset"
    assert "The second factor is removed." in words_in(shown)
    assert f"An administrator removed the second factor. {REASON} By {admin.id}" in words_in(shown)
    assert user.row()["twofa_enabled"] is False
    assert user.row()["twofa_end_sessions"] == 0
    assert place_of(victims.get("/security")) == "/login"
    assert browser.get(HOME).status_code == 200
    again = Browser(each_world)
    assert place_of(again.send("/login", user.password)) == "/security"
    own = words_in(again.get("/security/activity"))
    assert f"An administrator removed your second factor. {REASON}" in own
    assert f"By {admin.id}" not in own
    assert notice_of(browser.post(f"{HOME}/users/{user.id}/reset", reason=REASON)) == "nothing-to-reset"
    assert told(browser.get(f"{HOME}/users/{user.id}/reset")) == "303 /admin/2fa/users/{id}"


def test_unlock(each_world: World):
    """
    Unlocking ends the wait, keeps the counts, and is told to the user with the reason.
    """
    admin, user = each_world.admin(), somebody_who_waits(each_world)
    browser = Browser(each_world, admin)
    page = browser.get(f"{HOME}/users/{user.id}/unlock")

    answer = browser.post(f"{HOME}/users/{user.id}/unlock", reason=REASON)

    assert heading_of(page) == f"End the wait of “{user.email}”?"
    assert told(answer) == "303 /admin/2fa/users/{id} unlocked"
    assert user.row()["twofa_locked_until"] is None
    assert json.loads(user.row()["twofa_failures"]) == {"totp": 5}
    assert user.post("/step-up", {"code": user.code()}).status_code == 200
    assert REASON in words_in(Browser(each_world, user).get("/security/activity"))
    assert told(browser.get(f"{HOME}/users/{user.id}/unlock")) == "303 /admin/2fa/users/{id}"


@pytest.mark.parametrize("verb", ["reset", "unlock"])
def test_nobody_administers_themselves(each_world: World, verb: str):
    """
    An admin's own page offers no help and says who can; a form sent all the same is refused, changes nothing, and is
    written down.
    """
    admin = each_world.admin()
    admin.set(twofa_locked_until=each_world.clock.now() + timedelta(minutes=30))
    browser = Browser(each_world, admin)
    page = browser.get(f"{HOME}/users/{admin.id}")
    asked = browser.get(f"{HOME}/users/{admin.id}/{verb}")
    row, before = admin.row(), len(refused_events(each_world))

    answer = sent(each_world, admin, admin, verb)

    assert "only another administrator can help here" in words_in(page)
    assert f"/{verb}" not in page.text
    assert told(asked) == "303 /admin/2fa/users/{id}"
    assert (answer.status_code, heading_of(answer)) == (403, "This is not allowed")
    assert admin.row() == row
    assert [one["outcome"] for one in refused_events(each_world)[before:]] == ["forbidden"]


@pytest.mark.parametrize("reason", ["", "  \t ", "x" * 256, "a\nb", "a\x00", HOSTILE + "\nx"])
@pytest.mark.parametrize("verb", ["reset", "unlock"])
def test_why(world: World, verb: str, reason: str):
    """
    Without a reason that can be read the form is shown again, with what was typed and what to do, and nothing is done.
    """
    admin, user = world.admin(), somebody_who_waits(world)
    row = user.row()

    page = sent(world, admin, user, verb, reason)

    assert (page.status_code, user.row()) == (422, row)
    assert 'aria-describedby="reason-error reason-hint"' in page.text
    assert "Say why, in 1 to 255 characters" in words_in(page)
    assert "<svg/onload" not in page.text
    assert f'action="{HOME}/users/{user.id}/{verb}"' in page.text


def test_what_forms_may_not_hold(world: World):
    """
    A field that is given twice is no form; whatever else stands in it changes nothing of whom it is about.
    """
    admin, user, other = world.admin(), world.enrolled(), world.enrolled()
    browser = Browser(world, admin)
    cookie = {"Cookie": f"{COOKIE}={admin.token}"}
    headers = [(name.encode(), value.encode()) for name, value in (SENT | FORM | cookie).items()]

    twice = world.ask(f"{HOME}/users/{user.id}/reset", headers, chunks=[b"reason=a&reason=b"])
    more = browser.post(f"{HOME}/users/{user.id}/reset", reason=REASON, id=str(other.id), actor="me", by="0")

    assert twice.status_code == 422
    assert (notice_of(more), user.row()["twofa_enabled"], other.row()["twofa_enabled"]) == ("reset", False, True)


def test_names_are_escaped(world: World):
    """
    Whatever somebody is called, or gave as a reason, it is text on every page.
    """
    admin, user = world.admin(), somebody_who_waits(world)
    user.set(email=HOSTILE)
    sent(world, admin, user, "unlock", HOSTILE)
    user.set(twofa_locked_until=world.clock.now() + timedelta(minutes=30))
    browser = Browser(world, admin)

    paths = [f"{HOME}?q=svg", *(path.replace("{id}", str(user.id)) for method, path in ROUTES[1:] if method == "GET")]
    pages = [browser.get(path) for path in paths]

    assert [page.status_code for page in pages] == [200] * 4
    assert [page.request for page in pages if "<svg/onload" in page.text] == []
    assert all(HOSTILE in unescape(page.text) for page in pages)


def test_nothing_secret_is_shown(world: World):
    """
    No page of administration holds a secret, a backup code, a token, a digest or a sealed value of anybody.
    """
    admin, user = world.admin(), somebody_who_waits(world)
    user.key()
    user.sign_in_token()
    browser = Browser(world, admin)
    forms = {"GET": None, "POST": {"reason": REASON}}
    answers = [browser.request(method, path.replace("{id}", str(user.id)), forms[method]) for method, path in ROUTES]
    texts = [answer.text for answer in answers]
    columns = ("hashed_password", "totp_secret", "twofa_backup_codes", "twofa_webauthn_keys")
    secret: list[Any] = [user.secret, *user.backup_codes, user.token, admin.token, PASSWORD, admin.secret]
    secret += [row[column] for row in world.dump()["users"] for column in columns]

    assert [value for value in secret if value and any(str(value) in text for text in texts)] == []


def test_back_to_where_one_was(world: World):
    """
    Who is not signed in is led to sign in, and from there to the page that was asked for.
    """
    answer = Browser(world).get(f"{HOME}?q=ann")

    assert place_of(answer) == "/login"
    assert parse_qs(urlsplit(answer.headers["location"]).query)["next"] == [f"{HOME}?q=ann"]
