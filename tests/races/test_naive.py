"""The races can be lost: a store that does not hold the row loses each of them, on every database."""

from collections.abc import Callable
from dataclasses import replace

from tests.races.bursts import (
    accepted_counters,
    answer_again_and_again,
    answer_with_a_copy,
    burn_nine,
    finish_with_one_code,
    guess,
    has_regressed,
    reset_by_many,
)
from tests.races.crew import Crew, told
from tests.races.people import KeyOwner, People, Person
from tests.races.place import Place

ROUNDS = 20
"""At most; the naive store loses most races at once."""


def test_a_naive_store_accepts_a_code_twice(crew: Crew, place: Place, people: People):
    """
    Without the row's lock one code opens several of forty sign-ins.
    """

    def lost(person: Person) -> bool:
        return told(finish_with_one_code(crew, replace(place, naive=True), person))["success"] > 1

    assert _ever(lost, people)


def test_a_naive_store_answers_too_many_guesses(crew: Crew, place: Place, people: People):
    """
    Without the row's lock more than five of sixty guesses are answered.
    """

    def lost(person: Person) -> bool:
        return told(guess(crew, replace(place, naive=True), person))["invalid-code"] > 5

    assert _ever(lost, people)


def test_a_naive_store_forgets_that_a_backup_code_was_used(crew: Crew, place: Place, people: People):
    """
    Without the row's lock fewer than nine of nine accepted backup codes are used up.
    """

    def lost(person: Person) -> bool:
        accepted = told(burn_nine(crew, replace(place, naive=True), person))["success"]
        return 10 - people.auth().enrollment.status(person.user_id).backup_codes_remaining < accepted

    assert _ever(lost, people)


def test_a_naive_store_resets_a_user_twice(crew: Crew, place: Place, people: People):
    """
    Without the row's lock more than one of twenty resets happens.
    """

    def lost(person: Person) -> bool:
        return told(reset_by_many(crew, replace(place, naive=True), person))["success"] > 1

    assert _ever(lost, people)


def test_a_naive_store_takes_a_challenge_twice(crew: Crew, place: Place, people: People):
    """
    Where a challenge is read and then deleted, several of fifty copies of one answer are accepted.
    """

    def lost(owner: KeyOwner) -> bool:
        return told(answer_again_and_again(crew, replace(place, naive=True), owner))["success"] > 1

    assert any(lost(people.with_key(counts=False)) for _ in range(ROUNDS))


def test_a_naive_store_accepts_a_copied_key(crew: Crew, place: Place, people: People):
    """
    Without the row's lock a key and its copy are accepted with the same counter.
    """

    def lost(owner: KeyOwner) -> bool:
        counters, outcomes = answer_with_a_copy(crew, replace(place, naive=True), owner)
        return has_regressed(accepted_counters(counters, outcomes))

    # On MariaDB the challenges, which are deleted one beside the other, mostly put the answers in line.
    assert any(lost(people.with_key()) for _ in range(ROUNDS * 4))


def _ever(lost: Callable[[Person], bool], people: People) -> bool:
    return any(lost(people.enrolled()) for _ in range(ROUNDS))
