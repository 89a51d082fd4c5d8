"""The races that are run in several houses: on every host's engine, asynchronously, and over the naive store."""

from collections import Counter

from tests.races.crew import Crew, Outcome, move
from tests.races.people import SESSION, KeyOwner, Person
from tests.races.place import Place
from twofold import TwoFactorAuth
from twofold.core.events import SUCCESS

ONE_OF_FORTY = Counter({"success": 1, "code-already-used": 39})
ONE_OF_FIFTY = Counter({"success": 1, "invalid-code": 49})
FIVE_OF_SIXTY = Counter({"invalid-code": 5, "locked": 55})


def finish_with_one_code(crew: Crew, place: Place, person: Person) -> list[Outcome]:
    """Forty sign-ins of one person, finished with one code."""
    return crew.race(place, [move("sign_in.finish", token, person.code()) for token in person.sign_in_tokens(40)])


def guess(crew: Crew, place: Place, person: Person) -> list[Outcome]:
    """Sixty wrong codes over a dozen sign-ins of one person."""
    tokens = person.sign_in_tokens(12)
    guesses = enumerate(person.wrong_codes(60))
    return crew.race(place, [move("sign_in.finish", tokens[number % 12], wrong) for number, wrong in guesses])


def burn_nine(crew: Crew, place: Place, person: Person) -> list[Outcome]:
    """Nine different backup codes of one person."""
    return crew.race(place, [move("backup_codes.burn", person.user_id, code) for code in person.backup_codes[:9]])


def reset_by_many(crew: Crew, place: Place, person: Person) -> list[Outcome]:
    """Twenty resets of one person, by as many admins."""
    return crew.race(place, [move(_reset, person.user_id, str(admin)) for admin in range(20)])


def answer_again_and_again(crew: Crew, place: Place, owner: KeyOwner) -> list[Outcome]:
    """Fifty copies of one answer of a key."""
    given = owner.answer()
    return crew.race(place, [move("step_up.prove", owner.user_id, SESSION, given)] * 50)


def answer_with_a_copy(crew: Crew, place: Place, owner: KeyOwner) -> tuple[list[int], list[Outcome]]:
    """Twenty-five answers of a key and as many of its copy, with the same counters; each to a challenge of its own."""
    first, copy = owner.key.sign_count + 1, owner.device.copied()
    counters = [count for count in range(first, first + 25) for _ in range(2)]
    devices = [owner.device, copy] * 25
    answers = [owner.answer(device, sign_count=count) for device, count in zip(devices, counters, strict=True)]
    return counters, crew.race(place, [move("step_up.prove", owner.user_id, SESSION, given) for given in answers])


def accepted_counters(counters: list[int], outcomes: list[Outcome]) -> list[int]:
    """The counters of the answers that were accepted."""
    return [count for count, outcome in zip(counters, outcomes, strict=True) if outcome.told == SUCCESS]


def has_regressed(accepted: list[int]) -> bool:
    """Whether one counter was accepted twice."""
    return len(set(accepted)) < len(accepted)


def _reset(auth: TwoFactorAuth, user_id: int, actor: str) -> int:
    return auth.users.reset(user_id, reason="Lost phone", actor=actor)
