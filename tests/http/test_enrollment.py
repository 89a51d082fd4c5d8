"""The whole second factor: where it stands, and turning it off."""

import pytest

from tests.http.problems import assert_private, problem_of, slug_of
from tests.http.test_sign_in import finish, sign_in
from tests.http.test_totp import code_of, shown
from tests.http.world import World

NOTHING = {
    "enabled": False,
    "pending": False,
    "methods": [],
    "backup_codes_remaining": 0,
    "enabled_at": None,
    "last_used_at": None,
    "required": False,
    "deadline": None,
}


def test_the_status_of_nothing(each_world: World):
    """
    Whoever has set nothing up is told so.
    """
    answer = each_world.signed_in().get("/status")

    assert (answer.status_code, answer.json()) == (200, NOTHING)
    assert_private(answer)


def test_the_status_in_the_course_of_things(each_world: World):
    """
    The status follows what happens: a set-up, its first code, a code later, a backup code, a move, the end.
    """
    person = each_world.signed_in()
    secret = shown(person)
    pending = person.get("/status").json()
    person.token = person.post("/verify", {"code": code_of(secret, each_world)}).json()["access_token"]
    enabled = person.get("/status").json()
    each_world.clock.forward(minutes=1)
    person.post("/step-up", {"code": code_of(secret, each_world)})
    used = person.get("/status").json()
    shown(person, replace=True)
    moving = person.get("/status").json()
    each_world.clock.forward(minutes=1)
    person.token = person.post("/disable", {"code": code_of(secret, each_world)}).json()["access_token"]

    ended = person.get("/status").json()

    noon = "2030-01-01T12:00:00Z"
    assert pending == NOTHING | {"pending": True}
    assert enabled == NOTHING | {
        "enabled": True,
        "methods": ["totp", "backup_code"],
        "backup_codes_remaining": 10,
        "enabled_at": noon,
        "last_used_at": noon,
    }
    assert used == enabled | {"last_used_at": "2030-01-01T12:01:00Z"}
    assert moving == used | {"pending": True}
    assert ended == NOTHING


def test_the_status_counts_backup_codes(each_world: World):
    """
    The status says how many backup codes are left; without any they are no method.
    """
    person = each_world.enrolled()
    left = []
    for code in person.backup_codes:
        finish(person, person.sign_in_token(), backup_code=code)
        left.append(person.get("/status").json()["backup_codes_remaining"])

    status = person.get("/status").json()

    assert left == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]
    assert status["methods"] == ["totp"]
    assert sign_in(person).json()["methods"] == ["totp"]


@pytest.mark.parametrize("proof", ["code", "backup_code"])
def test_turning_it_off(each_world: World, proof: str):
    """
    A code or a backup code turns the second factor off; nothing of it stays, and a session starts by what was proved.
    """
    person = each_world.enrolled()
    typed = person.code() if proof == "code" else person.backup_codes[0]

    answer = person.post("/disable", {proof: typed})

    disabled = answer.json()
    assert answer.status_code == 200
    assert_private(answer)
    assert set(disabled) == {"enabled", "access_token", "token_type", "expires_at", "aal", "amr"}
    assert (disabled["enabled"], disabled["aal"]) == (False, 2)
    row = person.row()
    assert (row["totp_secret"], row["twofa_backup_codes"], row["totp_pending_secret"]) == (None, None, None)
    assert not row["twofa_enabled"]
    assert sign_in(person).json()["status"] == "signed_in"


def test_what_is_off_proves_nothing(each_world: World):
    """
    After turning it off, its codes and backup codes are worth nothing, and a new set-up has a secret of its own.
    """
    person = each_world.enrolled()
    person.token = person.post("/disable", {"code": person.code()}).json()["access_token"]

    told = [
        slug_of(person.post("/step-up", {"code": person.next_code()})),
        slug_of(person.post("/step-up", {"backup_code": person.backup_codes[0]})),
        slug_of(person.post("/disable", {"backup_code": person.backup_codes[0]})),
        slug_of(person.post("/backup-codes", {"code": person.code()})),
    ]
    secret = shown(person)

    assert told == ["not-enabled"] * 4
    assert secret != person.secret


def test_turning_it_on_again(each_world: World):
    """
    Turned on again it begins anew: new backup codes, no old failure, and no old backup code.
    """
    person = each_world.enrolled()
    person.post("/step-up", {"code": person.wrong_code()})
    person.token = person.post("/disable", {"backup_code": person.backup_codes[0]}).json()["access_token"]
    person.secret = shown(person)

    again = person.post("/verify", {"code": person.code()}).json()

    assert len(again["backup_codes"]) == 10
    assert person.row()["twofa_failures"] is None
    old = finish(person, person.sign_in_token(), backup_code=person.backup_codes[1])
    problem_of(old, "invalid-code")


def test_turning_it_off_ends_a_pending_sign_in(each_world: World):
    """
    A sign-in that was begun before is dead: its password proved less than is now on record (G6).
    """
    person = each_world.enrolled()
    token = person.sign_in_token()
    person.post("/disable", {"code": person.code()})

    answer = finish(person, token, backup_code=person.backup_codes[0])

    problem_of(answer, "sign-in-token-dead")


def test_turning_it_off_with_a_wrong_code(each_world: World):
    """
    A wrong code turns nothing off, and counts.
    """
    person = each_world.enrolled()

    answers = [
        person.post("/disable", {"code": person.wrong_code()}),
        person.post("/disable", {"backup_code": "0" * 24}),
    ]

    assert [slug_of(answer) for answer in answers] == ["invalid-code"] * 2
    assert person.row()["twofa_failures"] == '{"totp": 1, "backup_code": 1}'
    assert person.get("/status").json()["enabled"] is True


def test_turning_off_what_is_not_on(world: World):
    """
    What is not on cannot be turned off.
    """
    answer = world.signed_in().post("/disable", {"code": "123456"})

    problem_of(answer, "not-enabled")
