"""Making new backup codes."""

from tests.http.asgi import Asked
from tests.http.problems import assert_private, problem_of, slug_of
from tests.http.test_sign_in import finish
from tests.http.victim import BACKUP_CODES, FINISH, SESSION
from tests.http.world import World


def test_a_new_set(each_world: World):
    """
    A code makes ten new backup codes, shown this once; the whole old set is dead (G5).
    """
    person = each_world.enrolled()

    answer = person.post("/backup-codes", {"code": person.code()})

    codes = answer.json()["backup_codes"]
    assert answer.status_code == 200
    assert_private(answer)
    assert set(answer.json()) == {"backup_codes"}
    assert len(set(codes)) == 10
    assert set(codes).isdisjoint(person.backup_codes)
    old = [slug_of(finish(person, person.sign_in_token(), backup_code=code)) for code in person.backup_codes]
    new = [finish(person, person.sign_in_token(), backup_code=code).status_code for code in codes]
    assert old == ["invalid-code"] * 10
    assert new == [200] * 10


def test_a_new_set_ends_no_session(each_world: World):
    """
    Making new backup codes ends no session and no pending sign-in: they are a way out, no factor.
    """
    person = each_world.enrolled()
    other, token = person.session(), person.sign_in_token()

    person.post("/backup-codes", {"code": person.code()})

    assert each_world.get(SESSION, headers=person.bearer).json()["aal"] == 2
    assert each_world.get(SESSION, headers={"Authorization": f"Bearer {other}"}).status_code == 200
    assert finish(person, token, code=person.next_code()).status_code == 200


def test_a_new_set_with_a_used_code(each_world: World):
    """
    A wrong or used code makes nothing, and the old set lives.
    """
    person = each_world.enrolled()
    code = person.code()
    person.post("/step-up", {"code": code})

    told = [slug_of(person.post("/backup-codes", {"code": typed})) for typed in (code, person.wrong_code())]

    assert told == ["code-already-used", "invalid-code"]
    assert finish(person, person.sign_in_token(), backup_code=person.backup_codes[0]).status_code == 200


def test_a_new_set_without_a_second_factor(world: World):
    """
    Whoever has no second factor has no backup codes to make.
    """
    answer = world.signed_in().post("/backup-codes", {"code": "123456"})

    problem_of(answer, "not-enabled")


def test_one_code_makes_one_set(each_world: World):
    """
    Of ten requests at one moment with one code one makes a set, and that set is the living one.
    """
    person = each_world.enrolled()
    headers = [(b"Authorization", f"Bearer {person.token}".encode()), (b"X-TOTP-Code", person.code().encode())]

    answers = each_world.ask_side_by_side([Asked(BACKUP_CODES, headers, [])] * 10)

    (made,) = [answer.json()["backup_codes"] for answer in answers if answer.status_code == 200]
    assert [slug_of(answer) for answer in answers if answer.status_code != 200] == ["code-already-used"] * 9
    assert finish(person, person.sign_in_token(), backup_code=made[0]).status_code == 200


def test_nine_codes_at_once(each_world: World):
    """
    Nine different backup codes at one moment all work, and each of them once (G5).
    """
    person = each_world.enrolled()
    asked = [
        Asked(
            FINISH,
            [(b"Content-Type", b"application/json")],
            [b'{"sign_in_token": "%s", "backup_code": "%s"}' % (person.sign_in_token().encode(), code.encode())],
        )
        for code in person.backup_codes[:9] * 2
    ]

    answers = each_world.ask_side_by_side(asked)

    assert sorted(answer.status_code for answer in answers) == [200] * 9 + [400] * 9
    assert sorted(answer.json().get("backup_codes_remaining", 0) for answer in answers)[-9:] == list(range(1, 10))
