"""G16: a challenge is answered once, a key is registered to one, and a counter only grows, whatever happens at once."""

from tests.races.bursts import (
    ONE_OF_FIFTY,
    accepted_counters,
    answer_again_and_again,
    answer_with_a_copy,
    has_regressed,
)
from tests.races.crew import Crew, move, told, values
from tests.races.people import SESSION, People
from tests.races.place import ORIGIN, Place
from twofold.core.webauthn import given_credential
from twofold.testing import SecurityKey


def test_one_answer_is_accepted_once(crew: Crew, place: Place, people: People):
    """
    Of fifty copies of one answer at one moment exactly one is accepted, of a key without a counter too.
    """
    counting, silent = people.with_key(), people.with_key(counts=False)

    outcomes = [answer_again_and_again(crew, place, owner) for owner in (counting, silent)]

    assert list(map(told, outcomes)) == [ONE_OF_FIFTY] * 2


def test_one_answer_finishes_one_sign_in(crew: Crew, place: Place, people: People):
    """
    Of fifty sign-ins of one user only the one whose challenge was answered is finished, and once.
    """
    owner = people.with_key(counts=False)
    begin = people.auth().sign_in.begin
    tokens = [begin(owner.user_id).sign_in_token for _ in range(10)]  # type: ignore[union-attr]
    given = given_credential(owner.device.get(people.auth().webauthn.sign_in_options(tokens[0])))

    outcomes = crew.race(place, [move("sign_in.finish", tokens[0], given)] * 50)
    others = crew.race(place, [move("sign_in.finish", token, given) for token in tokens[1:]])

    assert told(outcomes) == {"success": 1, "sign-in-token-dead": 49}
    assert told(others) == {"invalid-code": 9}


def test_one_key_is_registered_by_one_user(crew: Crew, place: Place, people: People):
    """
    Of forty users who register one key at one moment exactly one has it, and nobody else has any.
    """
    device, users = SecurityKey(ORIGIN), [people.somebody() for _ in range(40)]
    created = [people.created(user_id, device) for user_id in users]

    outcomes = crew.race(
        place,
        [
            move("webauthn.register", user_id, SESSION, given, None)
            for user_id, given in zip(users, created, strict=True)
        ],
    )
    (registered,) = values(outcomes)
    owners = [user_id for user_id in users if people.auth().webauthn.keys(user_id)]

    assert told(outcomes) == {"success": 1, "already-registered": 39}
    assert owners == [registered.proved.user_id]


def test_one_registration_is_made_once(crew: Crew, place: Place, people: People):
    """
    Of forty copies of one registration at one moment exactly one is made, and its backup codes are shown once.
    """
    user_id = people.somebody()
    given = people.created(user_id, SecurityKey(ORIGIN))

    outcomes = crew.race(place, [move("webauthn.register", user_id, SESSION, given, None)] * 40)
    (registered,) = values(outcomes)

    assert told(outcomes) == {"success": 1, "invalid-code": 39}
    assert people.auth().webauthn.keys(user_id) == (registered.key,)
    assert people.enrollment(user_id).epoch == 1


def test_a_counter_is_accepted_once(crew: Crew, place: Place, people: People):
    """
    Of a key and its copy that answer side by side no counter is accepted twice, and the greatest one is kept.
    """
    owner = people.with_key()

    counters, outcomes = answer_with_a_copy(crew, place, owner)
    accepted = accepted_counters(counters, outcomes)

    assert not has_regressed(accepted)
    assert owner.key.sign_count == max(accepted) == max(counters)


def test_of_two_keys_at_one_moment_none_gets_lost(crew: Crew, place: Place, people: People):
    """
    Two answers of different keys that are accepted side by side are both kept: no state of a key is lost to another's.
    """
    owner = people.with_key()
    second = SecurityKey(ORIGIN)
    auth = people.auth()
    assert auth.step_up.prove(owner.user_id, SESSION, owner.answer()).assurance.aal == 2
    registered = auth.webauthn.register(owner.user_id, SESSION, people.created(owner.user_id, second), None)
    auth.sessions.paid(owner.user_id, registered.proved.debt)
    answers = [owner.answer(device, sign_count=100) for device in (owner.device, second)]

    outcomes = crew.race(place, [move("step_up.prove", owner.user_id, SESSION, given) for given in answers])

    assert told(outcomes) == {"success": 2}
    assert [key.sign_count for key in auth.webauthn.keys(owner.user_id)] == [100, 100]
