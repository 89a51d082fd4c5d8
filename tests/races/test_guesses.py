"""G2 and G4: of any burst of guesses exactly as many have an effect as the policy allows."""

from collections import Counter

from tests.races.bursts import FIVE_OF_SIXTY, guess
from tests.races.crew import Crew, move, told, values
from tests.races.people import People
from tests.races.place import Place
from twofold import PCI_DSS, TwoFactorAuth, TwofoldError
from twofold.core.backup_codes import TypedBackupCode, new_backup_codes, typed_backup_code
from twofold.core.policy import RECOMMENDED, Policy
from twofold.testing.clock import NOON


def test_five_of_sixty_guesses_are_answered(crew: Crew, place: Place, people: People):
    """
    Of sixty wrong codes at one moment over a dozen sign-ins five are told so and counted; then a right code must wait,
    and a backup code is the way out.
    """
    person = people.enrolled()
    right, way_out = person.sign_in_tokens(2)

    outcomes = guess(crew, place, person)
    waiting, let_in = (
        crew.race(place, [move("sign_in.finish", token, typed)])
        for token, typed in ((right, person.code()), (way_out, person.backup_codes[0]))
    )

    assert told(outcomes) == FIVE_OF_SIXTY
    assert told(waiting) == {"locked": 1}
    assert told(let_in) == {"success": 1}
    assert person.enrollment.attempts.failures == {"totp": 5}


def test_five_guesses_are_answered_on_all_roads_together(crew: Crew, place: Place, people: People):
    """
    Wrong codes on every road at one moment are told so five times in all.
    """
    person = people.enrolled()
    user_id, wrong = person.user_id, person.wrong_codes(40)
    moves = [
        *(move("sign_in.finish", token, wrong.pop()) for token in person.sign_in_tokens(8)),
        *(move("sign_in.begin", user_id, wrong.pop().text) for _ in range(8)),
        *(move("step_up.prove", user_id, "session", wrong.pop()) for _ in range(6)),
        *(move("backup_codes.regenerate", user_id, wrong.pop()) for _ in range(6)),
        *(move("enrollment.disable", user_id, wrong.pop()) for _ in range(6)),
        *(move("verify_totp_code", user_id, wrong.pop().text) for _ in range(6)),
    ]

    outcomes = crew.race(place, moves)

    assert told(outcomes) == {"invalid-code": 5, "locked": 35}
    assert person.enrollment.attempts.failures == {"totp": 5}


def test_one_attempt_is_free_after_a_wait(crew: Crew, place: Place, people: People):
    """
    Of forty wrong codes at one moment after a wait one is told so, and sets a wait twice as long.
    """
    person = people.enrolled()
    after = NOON + RECOMMENDED.first_wait
    guess(crew, place, person)

    outcomes = crew.race(
        place, [move("verify_totp_code", person.user_id, wrong.text, at=after) for wrong in person.wrong_codes(40)]
    )

    assert told(outcomes) == {"invalid-code": 1, "locked": 39}
    assert person.enrollment.attempts.locked_until == after + 2 * RECOMMENDED.first_wait


def test_one_count_over_all_factors(crew: Crew, place: Place, people: People):
    """
    Where the policy has one count, wrong codes of both kinds at one moment are told so ten times in all.
    """
    person = people.enrolled()
    moves = [
        *(move("verify_totp_code", person.user_id, code.text, policy=PCI_DSS) for code in person.wrong_codes(20)),
        *(move("backup_codes.burn", person.user_id, code, policy=PCI_DSS) for code in _wrong_backup_codes(20)),
    ]

    outcomes = crew.race(place, moves)

    assert told(outcomes) == {"invalid-code": 10, "locked": 30}
    assert person.enrollment.attempts.failures == {"all": 10}


def test_passwords_have_the_same_count(crew: Crew, place: Place, people: People):
    """
    Where the policy has one count, of wrong passwords and wrong codes at one moment ten are told so in all, and of the
    passwords behind them not even the right ones.
    """
    person = people.enrolled()
    moves = [
        *(move(_check, person.user_id, False, policy=PCI_DSS) for _ in range(20)),
        *(move("verify_totp_code", person.user_id, code.text, policy=PCI_DSS) for code in person.wrong_codes(20)),
    ]
    crew.race(place, moves)

    late = crew.race(place, [move(_check, person.user_id, True, policy=PCI_DSS) for _ in range(8)])

    assert person.enrollment.attempts.failures["all"] == 10
    assert told(late) == {"sign-in-failed": 8}


def _check(auth: TwoFactorAuth, user_id: int, right: bool) -> None:
    auth.sign_in.password_checked(user_id, right=right)


def test_the_cap_is_reached_once(crew: Crew, place: Place, people: People):
    """
    Of a hundred and twenty wrong backup codes a hundred are told so; the others find the factor switched off.
    """
    person = people.enrolled()
    guesses = _wrong_backup_codes(120)

    outcomes = crew.race(
        place, [move(_burn_all, person.user_id, guesses[first : first + 3]) for first in range(0, 120, 3)]
    )

    assert sum(values(outcomes), Counter()) == {"invalid-code": 100, "factor-disabled": 20}
    assert person.enrollment.attempts.failures == {"backup_code": 100}


def _wrong_backup_codes(number: int) -> list[TypedBackupCode]:
    one_set = Policy(name="one set", backup_codes=number)
    return [typed_backup_code(code) for code in new_backup_codes(one_set)]


def _burn_all(auth: TwoFactorAuth, user_id: int, codes: list[TypedBackupCode]) -> Counter[str]:
    answers: Counter[str] = Counter()
    for code in codes:
        try:
            auth.backup_codes.burn(user_id, code)
        except TwofoldError as error:
            answers[error.slug] += 1
    return answers
