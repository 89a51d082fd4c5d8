"""G1 and G6: a time step is accepted once, on all roads together; a sign-in token dies on success."""

from collections import Counter

from tests.races.bursts import ONE_OF_FORTY, finish_with_one_code
from tests.races.crew import Crew, move, told, values
from tests.races.people import STEP, People
from tests.races.place import Place
from twofold import Assurance, TwoFactorAuth
from twofold.testing.clock import NOON


def test_one_code_opens_one_of_forty_sign_ins(crew: Crew, place: Place, people: People):
    """
    Of forty sign-ins that are finished with one code at one moment exactly one succeeds, and nothing is counted.
    """
    person = people.enrolled()

    outcomes = finish_with_one_code(crew, place, person)

    assert told(outcomes) == ONE_OF_FORTY
    assert not person.enrollment.attempts.failures


def test_one_sign_in_token_opens_one_session(crew: Crew, place: Place, people: People):
    """
    A sign-in that is finished at one moment by ten right backup codes, four times each, starts one session, and uses up
    one of them.
    """
    person = people.enrolled()
    (token,) = person.sign_in_tokens(1)

    outcomes = crew.race(place, [move("sign_in.finish", token, code) for code in person.backup_codes * 4])

    assert told(outcomes) == {"success": 1, "sign-in-token-dead": 39}
    assert people.auth().enrollment.status(person.user_id).backup_codes_remaining == 9


def test_one_code_opens_one_of_all_roads(crew: Crew, place: Place, people: People):
    """
    A code that is typed on every road at one moment is accepted on exactly one of them, and nothing is counted.
    """
    person = people.enrolled()
    user_id, code = person.user_id, person.code()
    moves = [
        *(move("sign_in.finish", token, code) for token in person.sign_in_tokens(6)),
        *(move("sign_in.begin", user_id, code.text) for _ in range(6)),
        *(move("step_up.prove", user_id, f"session {number}", code) for number in range(6)),
        *(move(_require, user_id, f"other session {number}", code.text) for number in range(6)),
        *(move("backup_codes.regenerate", user_id, code) for _ in range(6)),
        *(move("verify_totp_code", user_id, code.text) for _ in range(6)),
    ]

    outcomes = crew.race(place, moves)

    assert told(outcomes) == {"success": 1, "code-already-used": 35}
    assert not person.enrollment.attempts.failures


def test_one_code_disables_or_does_something_else(crew: Crew, place: Place, people: People):
    """
    A code that disables the second factor does nothing else at that moment, and a code that did anything disables
    nothing.
    """
    person = people.enrolled()
    user_id, code = person.user_id, person.code()
    moves = [
        *(move("enrollment.disable", user_id, code) for _ in range(20)),
        *(move("sign_in.finish", token, code) for token in person.sign_in_tokens(5)),
        *(move("step_up.prove", user_id, f"session {number}", code) for number in range(5)),
        *(move("backup_codes.regenerate", user_id, code) for _ in range(5)),
        *(move("verify_totp_code", user_id, code.text) for _ in range(5)),
    ]

    outcomes = crew.race(place, moves)

    assert told(outcomes)["success"] == 1
    after_it = {"not-enabled", "sign-in-token-dead", "not-signed-in"}
    assert set(told(outcomes)) <= {"success", "code-already-used"} | after_it
    assert person.enrollment.enabled == (told(outcomes[:20])["success"] == 0)


def test_steps_only_grow(crew: Crew, place: Place, people: People):
    """
    Of the codes A, B, A, each typed in all processes at one moment, the first two are accepted once, the third never.
    """
    person = people.enrolled()
    a, b = person.code(NOON), person.code(NOON + STEP)

    accepted = [
        told(crew.race(place, [move("verify_totp_code", person.user_id, code.text)] * 40)) for code in (a, b, a)
    ]

    assert accepted == [ONE_OF_FORTY, ONE_OF_FORTY, Counter({"code-already-used": 40})]


def test_of_two_right_codes_at_one_moment_the_newer_is_accepted_once(crew: Crew, place: Place, people: People):
    """
    Of two right codes that are typed side by side the newer one is accepted once, the older one once or, after it, not.
    """
    person = people.enrolled()
    codes = [person.code(moment).text for moment in (NOON, NOON + STEP)]
    moves = [move("verify_totp_code", person.user_id, code) for code in codes for _ in range(20)]

    older, newer = (told(outcomes) for outcomes in _halves(crew.race(place, moves)))

    assert newer == {"success": 1, "code-already-used": 19}
    assert older["success"] <= 1
    assert told(crew.race(place, moves)) == {"code-already-used": 40}


def test_side_by_side_calls_of_one_session_share_its_code(crew: Crew, place: Place, people: People):
    """
    Of two sessions that send one code with twenty calls each, side by side, one passes with all its calls and the other
    with none.
    """
    person = people.enrolled()
    moves = [
        move(_require, person.user_id, session, person.code().text) for session in ("one", "other") for _ in range(20)
    ]

    outcomes = crew.race(place, moves)

    assert told(outcomes) == {"success": 20, "code-already-used": 20}
    assert {tuple(told(half)) for half in _halves(outcomes)} == {("success",), ("code-already-used",)}
    assert {assurance.aal for assurance in values(outcomes)} == {2}


def _require(auth: TwoFactorAuth, user_id: int, session_id: str, code: str) -> Assurance | None:
    return auth.step_up.require(user_id, session_id, code=code)


def _halves(outcomes):
    return outcomes[: len(outcomes) // 2], outcomes[len(outcomes) // 2 :]
