"""Registering and signing in: what goes over the wire, and how long what is handed out lives."""

from datetime import timedelta
from typing import Any

import pytest
from httpx2 import Response

from tests.http.problems import assert_private, headers_of, problem_of, slug_of
from tests.http.victim import FINISH, LOGIN, LOGOUT, REGISTER, SESSION, STATUS
from tests.http.world import PASSWORD, Person, World
from twofold.testing.clock import NOON

SIGNED_IN = {"status", "access_token", "token_type", "expires_at", "aal", "amr"}
TOMORROW = "2030-01-02T12:00:00Z"


def sign_in(person: Person, code: str | None = None) -> Response:
    headers = {} if code is None else {"X-TOTP-Code": code}
    return person.world.post(LOGIN, json=person.password, headers=headers)


def finish(person: Person, token: str, **proof: str) -> Response:
    return person.world.post(FINISH, json={"sign_in_token": token, **proof})


def as_bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_registering(each_world: World):
    """
    Whoever registers is told the address as it is stored, and signs in with it however it is written.
    """
    address = each_world.stranger()

    answer = each_world.post(REGISTER, json={"email": f" {address.upper()}\t", "password": PASSWORD})
    signed_in = each_world.post(LOGIN, json={"email": f"\n{address.title()} ", "password": PASSWORD})

    assert answer.status_code == 201
    assert answer.json() == {"email": address}
    assert_private(answer)
    assert signed_in.json()["status"] == "signed_in"


def test_an_address_in_use(each_world: World):
    """
    Registering an address that is in use answers the same, and changes nothing of it.
    """
    person = each_world.enrolled()
    before = person.kept()

    answer = each_world.post(REGISTER, json={"email": person.email, "password": "another one entirely"})
    free = each_world.post(REGISTER, json={"email": each_world.stranger(), "password": "another one entirely"})

    assert (answer.status_code, answer.json()) == (201, {"email": person.email})
    assert headers_of(answer) == headers_of(free) | {"content-length": answer.headers["content-length"]}
    assert person.kept() == before


def test_addresses_that_differ_a_little_are_two(each_world: World):
    """
    An accent or another letter makes another address, on every database.
    """
    address = each_world.stranger()
    each_world.post(REGISTER, json={"email": address, "password": PASSWORD})

    other = each_world.post(LOGIN, json={"email": address.replace("e", "é"), "password": PASSWORD})

    problem_of(other, "sign-in-failed")


def test_signing_in_with_a_password_alone(each_world: World):
    """
    Without a second factor the password opens a session at AAL1.
    """
    person = each_world.registered()

    answer = sign_in(person)

    signed_in = answer.json()
    assert answer.status_code == 200
    assert_private(answer)
    assert set(signed_in) == SIGNED_IN
    assert signed_in | {"access_token": ""} == {
        "status": "signed_in",
        "access_token": "",
        "token_type": "bearer",
        "expires_at": TOMORROW,
        "aal": 1,
        "amr": ["pwd"],
    }


def test_the_header_where_no_second_factor_is(world: World):
    """
    Without a second factor `X-TOTP-Code` is not looked at.
    """
    answer = sign_in(world.registered(), "nonsense")

    assert answer.json()["status"] == "signed_in"


def test_the_first_step(each_world: World):
    """
    With a second factor the password gives a token for the second step, and nothing else.
    """
    answer = sign_in(each_world.enrolled())

    pending = answer.json()
    assert answer.status_code == 200
    assert_private(answer)
    assert len(pending.pop("sign_in_token")) >= 43
    assert pending == {
        "status": "second_factor_required",
        "methods": ["totp", "backup_code"],
        "expires_at": "2030-01-01T12:05:00Z",
    }


def test_the_second_step_with_a_code(each_world: World):
    """
    A code finishes the sign-in at AAL2.
    """
    person = each_world.enrolled()
    token = sign_in(person).json()["sign_in_token"]

    answer = finish(person, token, code=person.code())

    signed_in = answer.json()
    assert answer.status_code == 200
    assert_private(answer)
    assert set(signed_in) == SIGNED_IN
    assert signed_in["aal"] == 2
    assert signed_in["amr"] == ["pwd", "otp", "mfa"]
    assert signed_in["token_type"] == "bearer"
    assert signed_in["expires_at"] == TOMORROW


def test_the_second_step_with_a_backup_code(each_world: World):
    """
    A backup code finishes the sign-in at AAL2, and the answer says how many are left.
    """
    person = each_world.enrolled()
    token = sign_in(person).json()["sign_in_token"]

    answer = finish(person, token, backup_code=person.backup_codes[3])

    signed_in = answer.json()
    assert set(signed_in) == SIGNED_IN | {"backup_codes_remaining"}
    assert signed_in["backup_codes_remaining"] == 9
    assert signed_in["aal"] == 2
    assert signed_in["amr"] == ["pwd", "mfa"]


def test_backup_codes_as_people_type_them(world: World):
    """
    Case, spaces, hyphens and the letters that look like digits do not matter.
    """
    person = world.enrolled()
    first, second, third, fourth, *_ = person.backup_codes
    typed = [
        first.lower(),
        second.replace("-", ""),
        third.replace("-", " ").replace("0", "O").replace("1", "l"),
        f"  {fourth.replace('1', 'i').replace('0', 'o')}  ",
    ]

    answers = [finish(person, person.sign_in_token(), backup_code=code) for code in typed]

    assert [answer.json().get("backup_codes_remaining") for answer in answers] == [9, 8, 7, 6]


@pytest.mark.parametrize("form", ["{0}{1} ", " {0}{1}", "{0} {1}", "{0}-{1}"])
def test_codes_as_people_type_them(world: World, form: str):
    """
    Spaces around, and one space or hyphen inside, are forgiven.
    """
    person = world.enrolled()
    code = person.code()

    answer = finish(person, person.sign_in_token(), code=form.format(code[:3], code[3:]))

    assert answer.status_code == 200


def test_signing_in_in_one_go(each_world: World):
    """
    With `X-TOTP-Code` beside the password one request does both steps.
    """
    person = each_world.enrolled()

    answer = sign_in(person, person.code())

    assert answer.status_code == 200
    assert set(answer.json()) == SIGNED_IN
    assert answer.json()["aal"] == 2


def test_the_session(each_world: World):
    """
    A session says whose it is, what it has proved and when, and until when it lives.
    """
    person = each_world.enrolled()
    each_world.clock.forward(minutes=1)
    signed_in = sign_in(person, person.code()).json()
    each_world.clock.forward(minutes=2)

    answer = each_world.get(SESSION, headers=as_bearer(signed_in["access_token"]))

    assert answer.json() == {
        "user": {"id": person.id, "email": person.email},
        "aal": 2,
        "amr": ["pwd", "otp", "mfa"],
        "authenticated_at": "2030-01-01T12:01:00Z",
        "second_factor_at": "2030-01-01T12:01:00Z",
        "expires_at": "2030-01-02T12:01:00Z",
    }
    assert_private(answer)


def test_the_session_of_a_password_alone(world: World):
    """
    A session at AAL1 has no moment of a second factor.
    """
    person = world.signed_in()

    session = world.get(SESSION, headers=person.bearer).json()

    assert session["aal"] == 1
    assert session["amr"] == ["pwd"]
    assert session["second_factor_at"] is None
    assert session["authenticated_at"] == "2030-01-01T12:00:00Z"


def test_a_password_alone_stays_at_its_level(world: World):
    """
    A session that was there before the second factor proves no more than it did.
    """
    person = world.registered()
    person.enroll()
    person.token = person.session()

    session = world.get(SESSION, headers=person.bearer).json()

    assert (session["aal"], session["amr"], session["second_factor_at"]) == (1, ["pwd"], None)


def test_the_token_survives_typos(each_world: World):
    """
    A pending sign-in outlives wrong and malformed codes and dies on success (G6).
    """
    person = each_world.enrolled()
    token, code = person.sign_in_token(), person.code()

    told = [
        slug_of(finish(person, token, code=person.wrong_code())),
        slug_of(finish(person, token, code="12345")),
        slug_of(finish(person, token, backup_code="0" * 24)),
        finish(person, token, code=code).status_code,
        slug_of(finish(person, token, code=code)),
        slug_of(finish(person, token, code=person.next_code())),
    ]

    assert told == [
        "invalid-code",
        "invalid-request",
        "invalid-code",
        200,
        "sign-in-token-dead",
        "sign-in-token-dead",
    ]


def test_the_token_expires(each_world: World):
    """
    A pending sign-in lives five minutes, and not a second longer (G6).
    """
    person = each_world.enrolled()
    first, second = person.sign_in_token(), person.sign_in_token()

    each_world.clock.moment = NOON + timedelta(minutes=5, microseconds=-1)
    in_time = finish(person, first, code=person.code())
    each_world.clock.moment = NOON + timedelta(minutes=5)
    too_late = finish(person, second, backup_code=person.backup_codes[0])

    assert in_time.status_code == 200
    problem_of(too_late, "sign-in-token-dead")


@pytest.mark.parametrize(("method", "path"), [("GET", SESSION), ("GET", STATUS), ("POST", LOGOUT)])
def test_the_token_opens_nothing(world: World, method: str, path: str):
    """
    What is handed out before the second factor opens no other route (G6).
    """
    person = world.enrolled()

    answer = world.request(method, path, headers=as_bearer(person.sign_in_token()))

    problem_of(answer, "not-signed-in")


@pytest.mark.parametrize("route", ["/setup", "/verify", "/disable", "/backup-codes", "/step-up"])
def test_the_token_changes_no_factor(world: World, route: str):
    """
    What is handed out before the second factor neither sets one up nor turns it off (G6).
    """
    person = world.enrolled()
    person.token = person.sign_in_token()
    before = person.kept()

    answer = person.post(route, {"code": person.code()})

    problem_of(answer, "not-signed-in")
    assert person.kept() == before


def test_somebody_elses_code(each_world: World):
    """
    One person's code and backup code finish no other person's sign-in, and are not spent by trying.
    """
    ann, bob = each_world.enrolled(), each_world.enrolled()
    token = ann.sign_in_token()

    told = [
        slug_of(finish(ann, token, code=bob.code())),
        slug_of(finish(ann, token, backup_code=bob.backup_codes[0])),
        finish(bob, bob.sign_in_token(), code=bob.code()).status_code,
        finish(bob, bob.sign_in_token(), backup_code=bob.backup_codes[0]).status_code,
    ]

    assert told == ["invalid-code", "invalid-code", 200, 200]


def test_a_code_opens_one_session(each_world: World):
    """
    A code that signed somebody in does not do it again: not with the next password, nor in one go (G1).
    """
    person = each_world.enrolled()
    tokens = [person.sign_in_token(), person.sign_in_token()]
    code = person.code()

    told = [
        finish(person, tokens[0], code=code).status_code,
        slug_of(finish(person, tokens[1], code=code)),
        slug_of(sign_in(person, code)),
        slug_of(person.post("/step-up", {"code": code})),
        slug_of(person.post("/disable", {"code": code})),
        slug_of(person.post("/backup-codes", {"code": code})),
    ]

    assert told == [200, *["code-already-used"] * 5]
    assert person.row()["twofa_failures"] is None


def test_a_backup_code_opens_one_session(each_world: World):
    """
    A backup code that was used is told as used, and counts as no failure (G5).
    """
    person = each_world.enrolled()
    code = person.backup_codes[0]

    told = [
        finish(person, person.sign_in_token(), backup_code=code).status_code,
        slug_of(finish(person, person.sign_in_token(), backup_code=code)),
        slug_of(person.post("/step-up", {"backup_code": code})),
    ]

    assert told == [200, "code-already-used", "code-already-used"]
    assert person.row()["twofa_failures"] is None


def lock(person: Person) -> None:
    for _ in range(5):
        assert slug_of(person.post("/step-up", {"code": person.wrong_code()})) == "invalid-code"


def test_signing_in_while_locked(each_world: World):
    """
    While typed codes wait the password is still answered, with the moment from which they are looked at again.
    """
    person = each_world.enrolled()
    lock(person)

    answer = sign_in(person)

    pending = answer.json()
    assert answer.status_code == 200
    assert pending["status"] == "second_factor_required"
    assert pending["locked_until"] == "2030-01-01T12:00:30Z"
    assert pending["methods"] == ["totp", "backup_code"]


def test_codes_while_locked(each_world: World):
    """
    While typed codes wait none is looked at on any road, right or wrong, and nothing is counted.
    """
    person = each_world.enrolled()
    lock(person)
    before = person.row()
    token = person.sign_in_token()
    each_world.clock.forward(seconds=12.5)

    answers = [
        sign_in(person, person.code()),
        sign_in(person, person.wrong_code()),
        finish(person, token, code=person.code()),
        finish(person, token, code=person.wrong_code()),
        *(person.post(route, {"code": person.code()}) for route in ("/step-up", "/disable", "/backup-codes")),
    ]

    for answer in answers:
        problem = problem_of(answer, "locked")
        assert answer.headers["retry-after"] == "18"
        assert problem["locked_until"] == "2030-01-01T12:00:30Z"
        assert problem["methods"] == ["backup_code"]
    assert person.row() == before


def test_the_way_out_of_a_wait(each_world: World):
    """
    While typed codes wait a backup code signs the owner in (G4).
    """
    person = each_world.enrolled()
    lock(person)

    answer = finish(person, sign_in(person).json()["sign_in_token"], backup_code=person.backup_codes[0])

    assert answer.json()["aal"] == 2


def test_after_a_wait(each_world: World):
    """
    After a wait one code is looked at: a wrong one doubles the wait, a right one ends the count.
    """
    person = each_world.enrolled()
    lock(person)

    each_world.clock.forward(seconds=30)
    wrong = sign_in(person, person.wrong_code())
    doubled = sign_in(person, person.code())
    each_world.clock.forward(seconds=60)
    right = sign_in(person, person.code())

    problem_of(wrong, "invalid-code")
    assert doubled.headers["retry-after"] == "60"
    assert right.json()["aal"] == 2
    assert person.row()["twofa_failures"] is None


def test_an_authenticator_app_that_was_switched_off(each_world: World):
    """
    At a hundred failures in a row the app is no method any more, and its codes are refused for good (G4).
    """
    person = each_world.enrolled()
    person.set(twofa_failures='{"totp": 99}')
    hundredth = person.post("/step-up", {"code": person.wrong_code()})
    each_world.clock.forward(minutes=30)

    pending: dict[str, Any] = sign_in(person).json()
    answers = [
        sign_in(person, person.code()),
        finish(person, pending["sign_in_token"], code=person.code()),
        *(person.post(route, {"code": person.code()}) for route in ("/step-up", "/disable", "/backup-codes")),
    ]

    problem_of(hundredth, "invalid-code")
    assert pending["methods"] == ["backup_code"]
    assert [slug_of(answer) for answer in answers] == ["factor-disabled"] * 5
    assert "locked_until" not in pending


def test_logging_out(each_world: World):
    """
    Logging out ends this session and no other.
    """
    person = each_world.signed_in()
    other = person.session()

    answer = each_world.post(LOGOUT, headers=person.bearer)

    assert (answer.status_code, answer.content) == (204, b"")
    assert_private(answer)
    problem_of(each_world.get(SESSION, headers=person.bearer), "not-signed-in")
    problem_of(each_world.post(LOGOUT, headers=person.bearer), "not-signed-in")
    assert each_world.get(SESSION, headers=as_bearer(other)).status_code == 200


def test_fifty_sign_ins_side_by_side(world: World):
    """
    Up to fifty pending sign-ins of one person live side by side; the oldest goes first.
    """
    person = world.enrolled()
    tokens = []
    for _ in range(51):
        world.clock.forward(seconds=1)
        tokens.append(person.sign_in_token())

    oldest = finish(person, tokens[0], code=person.code())
    second = finish(person, tokens[1], code=person.code())

    problem_of(oldest, "sign-in-token-dead")
    assert second.status_code == 200
