"""Proving the second factor again, in the body or in `X-TOTP-Code`."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.http.asgi import Asked
from tests.http.bodies import JSON
from tests.http.problems import assert_private, problem_of, slug_of
from tests.http.running import ServedWorld
from tests.http.test_sign_in import as_bearer, finish
from tests.http.victim import HEADERS, SESSION, SETUP, STEP_UP, VERIFY, Victim
from tests.http.world import PREFIX, Person, World


def stale(world: World) -> Person:
    """Somebody whose session was fresh until a moment ago."""
    person = world.enrolled()
    world.clock.forward(minutes=5, seconds=1)
    return person


def test_stepping_up_with_a_code(each_world: World):
    """
    A code makes the same session fresh, under the same token.
    """
    person = stale(each_world)

    answer = person.post("/step-up", {"code": person.code()})

    assert answer.status_code == 200
    assert_private(answer)
    assert answer.json() == {"aal": 2, "amr": ["pwd", "otp", "mfa"], "second_factor_at": "2030-01-01T12:05:01Z"}
    assert each_world.get(SESSION, headers=person.bearer).json()["second_factor_at"] == "2030-01-01T12:05:01Z"
    problem_of(person.post("/setup"), "already-enabled")


def test_stepping_up_with_a_backup_code(each_world: World):
    """
    A backup code makes the session fresh too, and is used up.
    """
    person = stale(each_world)

    answer = person.post("/step-up", {"backup_code": person.backup_codes[0]})

    assert answer.json() == {"aal": 2, "amr": ["pwd", "mfa"], "second_factor_at": "2030-01-01T12:05:01Z"}
    assert person.get("/status").json()["backup_codes_remaining"] == 9


def test_stepping_up_from_a_password_alone(each_world: World):
    """
    A session of a password alone comes to AAL2.
    """
    person = each_world.enrolled()
    person.token = person.session()

    answer = person.post("/step-up", {"code": person.code()})

    assert answer.json()["aal"] == 2


def test_stepping_up_without_a_second_factor(world: World):
    """
    Whoever has no second factor cannot prove it.
    """
    person = world.signed_in()

    answers = [person.post("/step-up", {"code": "123456"}), person.post("/step-up", {"backup_code": "0" * 24})]

    assert [slug_of(answer) for answer in answers] == ["not-enabled"] * 2


def test_only_this_session_is_fresh(each_world: World):
    """
    What one session has proved counts for no other.
    """
    person = stale(each_world)
    other = person.session()
    person.post("/step-up", {"code": person.code()})

    person.token = other
    answer = person.post("/setup")

    problem_of(answer, "step-up-required")


def test_five_minutes(each_world: World):
    """
    A second factor is fresh for five minutes, and not a second longer.
    """
    person = each_world.enrolled()

    each_world.clock.forward(minutes=5)
    fresh = person.post("/setup")
    each_world.clock.forward(seconds=0.001)
    not_any_more = person.post("/setup")

    problem_of(fresh, "already-enabled")
    problem_of(not_any_more, "step-up-required")


def test_what_asks_for_a_second_factor(each_world: World):
    """
    A stale session is told what is missing, in the words of RFC 9470, and what would do.
    """
    person = stale(each_world)

    answer = person.post("/setup")

    problem = problem_of(answer, "step-up-required")
    assert answer.headers["www-authenticate"] == (
        'Bearer error="insufficient_user_authentication", acr_values="urn:twofold:aal2", max_age="300"'
    )
    assert problem["max_age"] == 300
    assert problem["methods"] == ["totp", "backup_code"]


@pytest.mark.parametrize("path", HEADERS)
def test_the_header_in_place_of_the_code(each_world: World, path: str):
    """
    Where a proof is taken `X-TOTP-Code` is the code: with an empty object, and with no body at all.
    """
    with_object, without = Victim(each_world), Victim(each_world)

    answers = [
        victim.send(path, body, JSON | {"X-TOTP-Code": victim.body(path)["code"]})
        for victim, body in ((with_object, b"{}"), (without, b""))
    ]

    assert [answer.status_code for answer in answers] == [200, 200]


@pytest.mark.parametrize("path", HEADERS)
def test_the_header_and_the_body(each_world: World, path: str):
    """
    A proof in the header and one in the body are one too many, and neither is spent.
    """
    victim = Victim(each_world)
    code = victim.body(path)["code"]
    bodies = [{"code": code}, {"code": ""}]
    bodies += [] if path == VERIFY else [{"backup_code": victim.person.backup_codes[0]}]

    answers = [
        victim.world.post(path, json=body, headers=victim.person.bearer | {"X-TOTP-Code": code}) for body in bodies
    ]

    assert [slug_of(answer) for answer in answers] == ["invalid-request"] * len(bodies)
    victim.assert_unharmed()


@pytest.mark.parametrize("path", HEADERS)
def test_a_wrong_code_in_the_header(each_world: World, path: str):
    """
    A wrong code in the header is a wrong code, and counts.
    """
    victim = Victim(each_world)

    answer = victim.send(path, b"{}", JSON | {"X-TOTP-Code": victim.person.wrong_code()})

    problem_of(answer, "invalid-code")
    assert victim.person.row()["twofa_failures"] == '{"totp": 2}'


def test_a_fresh_session_spends_no_header(each_world: World):
    """
    A session that is fresh ignores the header: the code in it still works afterwards, and a wrong one counts nothing.
    """
    person = each_world.enrolled()
    before = person.row()

    ignored = [
        person.post("/setup", code=person.code()),
        person.post("/setup", code=person.wrong_code()),
        person.post("/setup", code="nonsense"),
    ]
    unchanged = person.row()
    spent = person.post("/step-up", {"code": person.code()})

    assert [slug_of(answer) for answer in ignored] == ["already-enabled"] * 3
    assert unchanged == before
    assert spent.status_code == 200


def test_a_stale_session_spends_the_header_once(each_world: World):
    """
    A stale session claims the header's code once; the session then counts as fresh, and needs none.
    """
    person = stale(each_world)
    code = person.code()

    told = [
        slug_of(person.post("/setup", code=code)),
        slug_of(person.post("/setup", code=code)),
        slug_of(person.post("/setup")),
        slug_of(person.post("/step-up", {"code": code})),
    ]

    assert told == ["already-enabled"] * 3 + ["code-already-used"]
    events = [(event["kind"], event["factor"]) for event in person.kept()["twofold_events"]]
    assert events.count(("stepped_up", "totp")) == 1


def test_the_header_from_another_session(each_world: World):
    """
    The code that one session has claimed opens no other session's guarded route.
    """
    person = stale(each_world)
    first, second, code = person.token, person.session(), person.code()

    told = []
    for person.token in (first, second):
        told.append(slug_of(person.post("/setup", code=code)))

    assert told == ["already-enabled", "code-already-used"]


def test_the_header_on_a_guarded_route(each_world: World):
    """
    From a stale session the header's code is judged as anywhere: wrong, too often wrong, used, of an app switched off.
    """
    person = stale(each_world)

    wrong = [slug_of(person.post("/setup", code=person.wrong_code())) for _ in range(5)]
    locked = person.post("/setup", code=person.code())
    person.set(twofa_failures='{"totp": 100}', twofa_locked_until=None)
    disabled = person.post("/setup", code=person.code())

    assert wrong == ["invalid-code"] * 5
    assert problem_of(locked, "locked")["methods"] == ["backup_code"]
    problem_of(disabled, "factor-disabled")


def test_calls_side_by_side(each_world: World):
    """
    Calls that one session makes side by side with one code all pass, and the code is claimed once.
    """
    person = stale(each_world)
    headers = [(name.encode(), value.encode()) for name, value in (person.bearer | JSON).items()]
    asked = Asked(SETUP, [*headers, (b"X-TOTP-Code", person.code().encode())], [b'{"replace": true}'])

    answers = each_world.ask_side_by_side([asked] * 5)

    assert [answer.status_code for answer in answers] == [200] * 5
    events = [event["kind"] for event in person.kept()["twofold_events"]]
    assert events.count("stepped_up") == 1


def test_calls_side_by_side_of_two_sessions(each_world: World):
    """
    Of two sessions that use one code side by side one passes with all of its calls, and the other with none.
    """
    person = stale(each_world)
    tokens, code = [person.token, person.session()], person.code().encode()
    asked = [
        Asked(SETUP, [(b"Authorization", f"Bearer {token}".encode()), (b"X-TOTP-Code", code)], [b""])
        for token in tokens * 5
    ]

    told = [slug_of(answer) for answer in each_world.ask_side_by_side(asked)]

    assert sorted([set(told[0::2]).pop(), set(told[1::2]).pop()]) == ["already-enabled", "code-already-used"]
    assert len(set(told[0::2])) == len(set(told[1::2])) == 1


def test_calls_side_by_side_over_a_server(served_world: ServedWorld):
    """
    The same through a server, from clients of their own.
    """
    person = stale(served_world)
    headers = [(b"Authorization", f"Bearer {person.token}".encode()), (b"X-TOTP-Code", person.code().encode())]
    json = (b"Content-Type", b"application/json")

    def call(_: int) -> int:
        return served_world.raw(SETUP, [*headers, json], b'{"replace": true}').status_code

    with ThreadPoolExecutor(5) as clients:
        statuses = list(clients.map(call, range(5)))

    assert statuses == [200] * 5


def test_one_code_in_many_sign_ins_at_once(each_world: World):
    """
    Of forty sign-ins finished at one moment with one code, one opens a session (G1).
    """
    person = each_world.enrolled()
    body = b'{"sign_in_token": "%s", "code": "%s"}'
    asked = [
        Asked(
            "/api/auth/login/second-factor",
            [(b"Content-Type", b"application/json")],
            [body % (person.sign_in_token().encode(), person.code().encode())],
        )
        for _ in range(40)
    ]

    answers = each_world.ask_side_by_side(asked)

    assert sorted(answer.status_code for answer in answers) == [200, *[400] * 39]


def test_guesses_at_once(each_world: World):
    """
    Of forty wrong codes sent at one moment on several roads five are counted, and the rest are told to wait (G2).
    """
    person = each_world.enrolled()
    headers = [(b"Authorization", f"Bearer {person.token}".encode()), (b"Content-Type", b"application/json")]
    body = b'{"code": "%s"}' % person.wrong_code().encode()
    paths = [STEP_UP, f"{PREFIX}/disable", f"{PREFIX}/backup-codes"]

    answers = each_world.ask_side_by_side([Asked(paths[number % 3], headers, [body]) for number in range(40)])

    told = [slug_of(answer) for answer in answers]
    assert (told.count("invalid-code"), told.count("locked")) == (5, 35)
    assert person.row()["twofa_failures"] == '{"totp": 5}'


def test_the_code_after_signing_in_with_it(world: World):
    """
    The code that opened a session is used up for stepping up, too.
    """
    person = world.enrolled()
    code = person.code()
    token = finish(person, person.sign_in_token(), code=code).json()["access_token"]

    answer = world.post(STEP_UP, json={"code": code}, headers=as_bearer(token))

    problem_of(answer, "code-already-used")
