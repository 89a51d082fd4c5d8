"""E: setting up, switching off, backup codes."""

import json
from base64 import b32decode
from collections import Counter
from datetime import timedelta

import pyotp

from tests.attacks.acts import enroll, events_of, finish, log_in, told
from tests.attacks.roads import routes_of
from tests.attacks.workers import Asking, Workers
from tests.http.administration import reset
from tests.http.world import PREFIX, World

OWN_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def test_e1_a_second_set_up_overwrites_nothing(world: World):
    """
    Where an app is on, another set-up is refused and the old code works; a set-up that was begun before, in another
    session, cannot be finished after it.
    """
    person = world.signed_in()
    earlier = person.post("/setup").json()["secret"]
    person.secret = person.post("/setup").json()["secret"]
    person.token = person.post("/verify", {"code": person.code()}).json()["access_token"]
    before = person.kept()["users"]

    again = person.post("/setup")
    late = person.post("/verify", {"code": pyotp.TOTP(earlier).at(world.clock.now())})

    assert [told(again), told(late)] == ["already-enabled", "no-setup-pending"]
    assert person.kept()["users"] == before
    assert told(finish(person, code=person.next_code())) == "success"


def test_e3_nobody_brings_a_secret_along(world: World):
    """
    A secret of the client's own is refused in the body and overlooked elsewhere, and its codes confirm nothing.
    """
    person = world.signed_in()
    own_code = pyotp.TOTP(OWN_SECRET).at(world.clock.now())
    names = ("secret", "totp_secret", "otpauth_uri", "key")

    refused = [person.post("/setup", {name: OWN_SECRET}) for name in names]
    begun = person.post("/setup", params=dict.fromkeys(names, OWN_SECRET))
    refused += [person.post("/verify", {"code": own_code, name: OWN_SECRET}) for name in names]
    confirmed = person.post("/verify", {"code": own_code}, params=dict.fromkeys(names, OWN_SECRET))

    assert {told(answer) for answer in refused} == {"invalid-request"}
    assert begun.json()["secret"] != OWN_SECRET
    assert told(confirmed) == "invalid-code"


def test_e4_an_abandoned_secret_is_no_use(world: World):
    """
    A set-up that was abandoned leaves no secret behind: the next one has another, and the old one's codes are wrong.
    """
    person = world.signed_in()
    abandoned = person.post("/setup").json()["secret"]
    world.clock.forward(minutes=11)
    expired = person.post("/verify", {"code": pyotp.TOTP(abandoned).at(world.clock.now())})
    person.secret = person.post("/setup").json()["secret"]

    old = person.post("/verify", {"code": pyotp.TOTP(abandoned).at(world.clock.now())})

    assert [told(expired), told(old)] == ["no-setup-pending", "invalid-code"]
    assert person.secret != abandoned
    assert told(person.post("/verify", {"code": person.code()})) == "success"


def test_e7_a_method_is_what_it_is(world: World):
    """
    No header, query or field makes one method another: where a route does not know the method, it stays 405.
    """
    person = enroll(world)
    known: dict[str, set[str]] = {}
    for route in routes_of(world):
        known.setdefault(route.path.replace("{id}", "1"), set()).add(route.method)
    before = person.kept()

    answers = {}
    for path, methods in known.items():
        for method in {"GET", "POST", "PUT"} - methods:
            for other in methods:
                headers = dict.fromkeys(("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"), other)
                query = {"_method": other, "method": other}
                answers[method, path, other] = world.request(
                    method, path, json={"_method": other}, params=query, headers=person.bearer | headers
                ).status_code

    assert set(answers.values()) == {405}
    assert {path for _, path, _ in answers} == set(known)
    assert person.kept() == before


def test_e11_a_secret_has_160_bits(world: World):
    """
    A secret has at least 160 bits and is another each time; a backup code has 24 characters of 32.
    """
    person = world.signed_in()

    secrets = [person.post("/setup").json()["secret"] for _ in range(5)]
    person.secret = secrets[-1]
    codes = person.post("/verify", {"code": person.code()}).json()["backup_codes"]

    assert len(set(secrets)) == 5
    assert all(len(b32decode(secret)) * 8 >= 160 for secret in secrets)
    assert {len(code.replace("-", "")) for code in codes} == {24}
    assert len(set(codes)) == 10


def test_e12_one_set_lives(workers: Workers, served_world: World):
    """
    Of twenty regenerations at one moment, by two right codes, each code has made one set at most; the newer one's set
    lives, and no code of any other, the old set among them.
    """
    person = served_world.enrolled()
    bearer = ("Authorization", f"Bearer {person.token}")
    codes = [person.code(), person.code(1)]
    askings = [Asking(f"{PREFIX}/backup-codes", json.dumps({"code": code}).encode(), (bearer,)) for code in codes * 10]

    answers = workers.ask(askings)
    older, newer = answers[::2], answers[1::2]
    [live] = [answer.json()["backup_codes"] for answer in newer if answer.is_success]
    dead = [answer.json()["backup_codes"] for answer in older if answer.is_success] + [person.backup_codes]

    assert Counter(map(told, newer)) == {"success": 1, "code-already-used": 9}
    assert len(dead) <= 2
    assert {told(finish(person, backup_code=code)) for codes in dead for code in codes[:3]} == {"invalid-code"}
    assert {told(finish(person, backup_code=code)) for code in live[:3]} == {"success"}


def test_e16_after_a_reset_one_begins_anew(world: World):
    """
    After a reset by an admin the columns are empty, and not an empty text, the set-up that waited is gone, and so is
    every wait: the user signs in by password, sets up anew, and signs in with the new app; the old one is dead.
    """
    admin, person = world.admin(), enroll(world)
    old, row = person.secret, person.row()
    person.set(twofa_failures='{"totp": 100}', twofa_locked_until=world.clock.now() + timedelta(minutes=30))
    world.use(lambda auth: auth.totp.set_up(person.id, replace=True))

    reset(admin, person.id)
    emptied = person.row()
    signed_in = log_in(person, world=world).json()
    person.token = signed_in["access_token"]
    status = person.get("/status").json()
    person.secret = person.post("/setup").json()["secret"]
    again = told(person.post("/verify", {"code": person.code()}))

    assert signed_in["status"] == "signed_in"
    assert (status["enabled"], status["pending"], status["methods"]) == (False, False, [])
    nullable = ("totp_secret", "totp_pending_secret", "totp_pending_until", "twofa_backup_codes", "twofa_failures")
    assert [emptied[name] for name in (*nullable, "twofa_locked_until", "twofa_enabled_at")] == [None] * 7
    assert emptied["twofa_epoch"] > row["twofa_epoch"]
    assert again == "success"
    world.clock.forward(minutes=1)
    assert told(finish(person, code=str(pyotp.TOTP(old).at(world.clock.now())))) == "invalid-code"
    assert told(finish(person, code=person.code())) == "success"


def test_e17_an_admin_proves_a_second_factor_and_resets_others(world: World):
    """
    An admin who has no second factor, has not proved it, or proved it long ago, resets nobody; no admin resets
    themselves. A reset ends the user's sessions and tells the user.
    """
    fresh, person = world.admin(), world.enrolled()
    without, unproved, stale = world.signed_in(), world.admin(), world.admin()
    without.set(role="admin")
    unproved.token = unproved.session()

    own = told(reset(fresh, fresh.id))
    refused = [told(reset(admin, person.id)) for admin in (without, unproved)]
    other = told(reset(fresh, person.id))
    world.clock.forward(minutes=5, seconds=1)
    refused.append(told(reset(stale, unproved.id)))

    assert own == "forbidden"
    assert refused == ["second-factor-not-set-up", "step-up-required", "step-up-required"]
    assert fresh.row()["twofa_enabled"]
    assert unproved.row()["twofa_enabled"]
    assert other == "success"
    assert told(person.get("/status")) == "not-signed-in"
    assert ("second_factor_reset", "success") in events_of(person)


def test_e18_no_flag_takes_a_live_app_over(world: World):
    """
    No flag of a client's makes a set-up that touches a live secret: unknown ones are refused, and elsewhere overlooked.
    """
    person = world.enrolled()
    flags = {"force": True, "overwrite": True, "reset": True, "admin": True}
    before = person.kept()["users"]

    refused = [person.post("/setup", {name: True}) for name in flags]
    overlooked = person.post("/setup", params=flags)
    beside = person.post("/setup", {"replace": False, "force": True})

    assert {told(answer) for answer in (*refused, beside)} == {"invalid-request"}
    assert told(overlooked) == "already-enabled"
    assert person.kept()["users"] == before
