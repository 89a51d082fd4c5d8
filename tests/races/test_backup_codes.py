"""G5: a backup code works once, different ones work side by side, and regenerating kills the old set at once."""

from tests.races.bursts import ONE_OF_FORTY, burn_nine
from tests.races.crew import Crew, Outcome, move, told, values
from tests.races.people import STEP, People
from tests.races.place import Place
from twofold.core.backup_codes import typed_backup_code
from twofold.testing.clock import NOON


def test_nine_different_backup_codes_work_at_one_moment(crew: Crew, place: Place, people: People):
    """
    Nine different backup codes at one moment all work, and one remains.
    """
    person = people.enrolled()

    outcomes = burn_nine(crew, place, person)

    assert told(outcomes) == {"success": 9}
    assert sorted(values(outcomes)) == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert people.auth().enrollment.status(person.user_id).backup_codes_remaining == 1


def test_one_backup_code_works_once(crew: Crew, place: Place, people: People):
    """
    One backup code that finishes forty sign-ins at one moment finishes exactly one.
    """
    person = people.enrolled()
    code = person.backup_codes[0]

    outcomes = crew.race(place, [move("sign_in.finish", token, code) for token in person.sign_in_tokens(40)])

    assert told(outcomes) == ONE_OF_FORTY
    assert people.auth().enrollment.status(person.user_id).backup_codes_remaining == 9


def test_one_code_regenerates_one_set(crew: Crew, place: Place, people: People):
    """
    Of twenty regenerations with one code one succeeds, no old code works after it, and of the old codes that were used
    beside it none worked twice.
    """
    person = people.enrolled()
    moves = [
        *(move("backup_codes.regenerate", person.user_id, person.code()) for _ in range(20)),
        *(move("backup_codes.burn", person.user_id, code) for code in person.backup_codes for _ in range(2)),
    ]

    outcomes = crew.race(place, moves)
    regenerations, burns = outcomes[:20], outcomes[20:]
    (new_codes,) = values(regenerations)

    assert told(regenerations) == {"success": 1, "code-already-used": 19}
    assert all(told(pair)["success"] <= 1 for pair in zip(burns[::2], burns[1::2], strict=True))
    assert set(told(burns)) <= {"success", "code-already-used", "invalid-code"}
    assert told(_burn(crew, place, person.user_id, person.backup_codes)) == {"invalid-code": 10}
    assert told(_burn(crew, place, person.user_id, map(typed_backup_code, new_codes))) == {"success": 10}


def test_the_last_of_several_sets_lives(crew: Crew, place: Place, people: People):
    """
    Of regenerations with codes of different steps at one moment the set of the newest step lives, and no other.
    """
    person = people.enrolled()
    moments = [NOON + step * STEP for step in range(20)]
    moves = [move("backup_codes.regenerate", person.user_id, person.code(at), at=at) for at in moments]

    outcomes = crew.race(place, moves)
    *dead, live = [map(typed_backup_code, codes) for codes in values(outcomes)]

    assert outcomes[-1].told == "success"
    assert told(_burn(crew, place, person.user_id, live)) == {"success": 10}
    for codes in dead:
        assert told(_burn(crew, place, person.user_id, codes)) == {"invalid-code": 10}


def _burn(crew: Crew, place: Place, user_id: int, codes) -> list[Outcome]:
    return crew.race(place, [move("backup_codes.burn", user_id, code) for code in codes])
