"""Setting up an authenticator app: what is shown, what proves it, and what it never weakens."""

import base64
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pyotp

from tests.http.problems import assert_private, problem_of, slug_of
from tests.http.test_sign_in import finish, sign_in
from tests.http.victim import FINISH, SESSION
from tests.http.world import Person, World
from twofold.testing.clock import NOON


def shown(person: Person, **body: Any) -> str:
    """Begin a set-up, and return the secret that is shown."""
    return str(person.post("/setup", body).json()["secret"])


def code_of(secret: str, world: World) -> str:
    return str(pyotp.TOTP(secret).at(world.clock.now()))


def test_what_a_set_up_shows(each_world: World):
    """
    A set-up shows what an authenticator app needs, in three forms that say the same.
    """
    person = each_world.signed_in()

    answer = person.post("/setup")

    set_up = answer.json()
    assert answer.status_code == 200
    assert_private(answer)
    uri = urlsplit(set_up["otpauth_uri"])
    png = base64.b64decode(set_up.pop("qr_code").removeprefix("data:image/png;base64,"), validate=True)
    secret = set_up.pop("secret")
    assert len(base64.b32decode(secret)) == 20
    assert (uri.scheme, uri.netloc, unquote(uri.path)) == ("otpauth", "totp", f"/Twofold:{person.email}")
    assert parse_qs(uri.query) == {
        "secret": [secret],
        "issuer": ["Twofold"],
        "algorithm": ["SHA1"],
        "digits": ["6"],
        "period": ["30"],
    }
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert set_up == {
        "otpauth_uri": set_up["otpauth_uri"],
        "issuer": "Twofold",
        "account": person.email,
        "algorithm": "SHA1",
        "digits": 6,
        "period": 30,
        "expires_at": "2030-01-01T12:10:00Z",
    }


def test_what_the_first_code_gives(each_world: World):
    """
    The first code turns the second factor on, shows ten backup codes and starts a session at AAL2.
    """
    person = each_world.signed_in()
    secret = shown(person)

    answer = person.post("/verify", {"code": code_of(secret, each_world)})

    enabled = answer.json()
    assert answer.status_code == 200
    assert_private(answer)
    assert set(enabled) == {
        "enabled",
        "backup_codes",
        "access_token",
        "token_type",
        "expires_at",
        "aal",
        "amr",
    }
    assert enabled["enabled"] is True
    assert len(set(enabled["backup_codes"])) == 10
    assert {len(code) for code in enabled["backup_codes"]} == {29}
    assert (enabled["aal"], enabled["amr"], enabled["token_type"]) == (2, ["pwd", "otp", "mfa"], "bearer")
    assert enabled["expires_at"] == "2030-01-02T12:00:00Z"


def test_nothing_is_on_before_the_first_code(each_world: World):
    """
    A set-up that waits for its code changes nothing: the password still opens a session.
    """
    person = each_world.signed_in()
    shown(person)

    signed_in = sign_in(person).json()
    status = person.get("/status").json()

    assert signed_in["status"] == "signed_in"
    assert (status["enabled"], status["pending"]) == (False, True)


def test_the_first_code_is_used_up(each_world: World):
    """
    The code that turned the second factor on signs nobody in (G1).
    """
    person = each_world.signed_in()
    secret = shown(person)
    code = code_of(secret, each_world)
    person.post("/verify", {"code": code})

    again = sign_in(person, code)
    each_world.clock.forward(seconds=30)
    next_one = sign_in(person, code_of(secret, each_world))

    problem_of(again, "code-already-used")
    assert next_one.json()["aal"] == 2


def test_a_new_set_up_replaces_a_pending_one(each_world: World):
    """
    Only the secret that was shown last can be confirmed, and no secret is shown twice.
    """
    person = each_world.signed_in()
    first, second = shown(person), shown(person)

    too_late = person.post("/verify", {"code": code_of(first, each_world)})
    right = person.post("/verify", {"code": code_of(second, each_world)})

    assert first != second
    problem_of(too_late, "invalid-code")
    assert right.status_code == 200


def test_a_set_up_expires(each_world: World):
    """
    A set-up waits ten minutes for its first code, and not a second longer (G7).
    """
    person, other = each_world.signed_in(), each_world.signed_in()
    secret, others = shown(person), shown(other)

    each_world.clock.moment = NOON + timedelta(minutes=10, microseconds=-1)
    in_time = person.post("/verify", {"code": code_of(secret, each_world)})
    each_world.clock.moment = NOON + timedelta(minutes=10)
    too_late = other.post("/verify", {"code": code_of(others, each_world)})

    assert in_time.status_code == 200
    problem_of(too_late, "no-setup-pending")
    assert other.get("/status").json()["pending"] is False
    assert other.row()["twofa_failures"] is None


def test_a_code_without_a_set_up(world: World):
    """
    Without a set-up there is nothing to confirm.
    """
    person = world.signed_in()

    answer = person.post("/verify", {"code": "123456"})

    problem_of(answer, "no-setup-pending")


def test_wrong_codes_are_counted(each_world: World):
    """
    Wrong codes for a set-up count and lock like any others (G4).
    """
    person = each_world.signed_in()
    person.secret = shown(person)

    told = [slug_of(person.post("/verify", {"code": person.wrong_code()})) for _ in range(6)]
    answer = person.post("/verify", {"code": person.code()})

    assert told == [*["invalid-code"] * 5, "locked"]
    assert problem_of(answer, "locked")["methods"] == []
    assert answer.headers["retry-after"] == "30"


def test_a_set_up_where_an_app_is_on(each_world: World):
    """
    A live secret is not replaced unasked: told to a fresh session, while a stale one must prove itself first (G7).
    """
    person = each_world.enrolled()
    before = person.row()

    fresh = person.post("/setup")
    forced = person.post("/setup", {"replace": False})
    each_world.clock.forward(minutes=5, seconds=1)
    stale = person.post("/setup")

    problem_of(fresh, "already-enabled")
    problem_of(forced, "already-enabled")
    problem_of(stale, "step-up-required")
    assert person.row() == before


def test_moving_to_a_new_phone(each_world: World):
    """
    The old phone works until the new one has proved itself, and never after that (G7).
    """
    person = each_world.enrolled()
    old, new = person.secret, shown(person, replace=True)

    while_pending = sign_in(person, code_of(old, each_world))
    not_yet = sign_in(person, code_of(new, each_world))
    moved = person.post("/verify", {"code": code_of(new, each_world)})
    each_world.clock.forward(seconds=30)
    old_phone = sign_in(person, code_of(old, each_world))
    new_phone = sign_in(person, code_of(new, each_world))

    assert while_pending.json()["aal"] == 2
    problem_of(not_yet, "invalid-code")
    assert (moved.status_code, moved.json()["backup_codes"]) == (200, None)
    problem_of(old_phone, "invalid-code")
    assert new_phone.json()["aal"] == 2


def test_backup_codes_survive_the_move(each_world: World):
    """
    Whoever moves to a new phone keeps the backup codes.
    """
    person = each_world.enrolled()
    secret = shown(person, replace=True)
    person.post("/verify", {"code": code_of(secret, each_world)})

    answer = finish(person, person.sign_in_token(), backup_code=person.backup_codes[9])

    assert answer.json()["backup_codes_remaining"] == 9


def test_a_move_that_is_not_finished(each_world: World):
    """
    A move to a new phone that is abandoned leaves the old one as it was.
    """
    person = each_world.enrolled()
    shown(person, replace=True)
    each_world.clock.forward(minutes=11)

    answer = sign_in(person, person.code())

    assert answer.json()["aal"] == 2
    assert person.get("/status").json()["pending"] is False


def test_a_set_up_needs_a_fresh_second_factor(each_world: World):
    """
    Where a factor is active, a session of a password alone sets nothing up (G8).
    """
    person = each_world.enrolled()
    person.token = person.session()
    before = person.kept()

    answers = [person.post("/setup"), person.post("/setup", {"replace": True})]

    assert [slug_of(answer) for answer in answers] == ["step-up-required"] * 2
    assert person.kept() == before


def test_a_set_up_with_the_code_beside_it(each_world: World):
    """
    `X-TOTP-Code` makes a stale session fresh, and so the set-up begins in one request.
    """
    person = each_world.enrolled()
    person.token = person.session()

    answer = person.post("/setup", {"replace": True}, code=person.code())

    assert answer.status_code == 200
    assert each_world.get(SESSION, headers=person.bearer).json()["aal"] == 2


def test_a_new_app_after_the_cap(each_world: World):
    """
    After a hundred failures a backup code leads to a new authenticator app, without asking to replace the dead one.
    """
    person = each_world.enrolled()
    person.set(twofa_failures='{"totp": 100}')
    token, code = person.sign_in_token(), person.backup_codes[0]
    answer = each_world.post(FINISH, json={"sign_in_token": token, "backup_code": code})
    person.token = answer.json()["access_token"]

    person.secret = shown(person)
    verified = person.post("/verify", {"code": person.code()})
    person.token = verified.json()["access_token"]

    assert verified.json()["backup_codes"] is None
    assert person.get("/status").json()["methods"] == ["totp", "backup_code"]
    assert sign_in(person, person.next_code()).json()["aal"] == 2


def test_a_secret_of_the_clients_choice(world: World):
    """
    Nobody brings a secret along.
    """
    person = world.signed_in()
    secret = pyotp.random_base32()

    set_up = person.post("/setup", {"secret": secret})
    verify = person.post("/verify", {"secret": secret, "code": code_of(secret, world)})

    problem_of(set_up, "invalid-request")
    problem_of(verify, "invalid-request")
    assert person.row()["totp_pending_secret"] is None
