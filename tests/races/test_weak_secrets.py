"""A weak secret signs in once, and an import takes each person over once, whatever races."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from tests.races.crew import Crew, Move, move, told, values
from tests.races.people import EARLIER, STEP, People, right_code
from tests.races.place import Place
from twofold import TwoFactorAuth
from twofold.core.imports import Brought, Outcome
from twofold.core.totp import TotpSecret
from twofold.service.imports import Found
from twofold.testing.clock import NOON

WEAK = TotpSecret("JBSWY3DPEHPK3PXP", from_elsewhere=True)
ROUNDS = 20
"""At most; the naive store loses most races at once."""


def taken(auth: TwoFactorAuth, user_id: int, secret: TotpSecret) -> Outcome:
    """Import a secret of a user."""
    found = Found("line 1", lambda: Brought(secret), user_id=user_id)
    return auth.imports.take(found, origin="imported for a race", actor="tester").outcome


def visitor(people: People) -> int:
    """A user whose weak secret was imported some minutes ago."""
    user_id, auth = people.somebody(), people.auth(EARLIER)
    assert taken(auth, user_id, WEAK) is Outcome.IMPORTED
    auth.sessions.paid(user_id, people.enrollment(user_id).end_sessions)
    return user_id


def every_road(user_id: int, *steps: int) -> Sequence[Move]:
    """Forty threads that use the codes of some steps on several roads."""
    codes = [right_code(WEAK, NOON + step * STEP) for step in steps]
    roads = ("totp.verify", "backup_codes.regenerate")
    moves = [move(road, user_id, code) for code in codes for road in roads]
    moves += [move("sign_in.begin", user_id, code.text) for code in codes]
    moves += [move("step_up.prove", user_id, "a session", code) for code in codes]
    return (moves * 40)[:40]


def test_one_code_of_a_weak_secret_signs_in_once(crew: Crew, place: Place, people: People):
    """
    Of forty who use one code of a weak secret at one moment, on several roads, one succeeds; the secret is gone.
    """
    user_id = visitor(people)

    outcomes = told(crew.race(place, every_road(user_id, 0)))

    assert outcomes == Counter({"success": 1, "invalid-code": 39})
    assert people.enrollment(user_id).totp_secret is None


def test_of_several_codes_of_a_weak_secret_one_signs_in(crew: Crew, place: Place, people: People):
    """
    Two codes that are both right at one moment are not two sign-ins: the second finds no secret.
    """
    user_id = visitor(people)

    outcomes = told(crew.race(place, every_road(user_id, 0, 1)))

    assert outcomes == Counter({"success": 1, "invalid-code": 39})
    assert people.enrollment(user_id).enabled


def test_in_a_side_table_it_is_no_other(crew: Crew, aside: Place, people_of):
    """
    The same with the second factor's columns in a table of their own.
    """
    user_id = visitor(people_of(aside))

    outcomes = told(crew.race(aside, every_road(user_id, 0, 1)))

    assert outcomes == Counter({"success": 1, "invalid-code": 39})


def test_a_naive_store_lets_a_weak_secret_sign_in_twice(crew: Crew, place: Place, people: People):
    """
    Without the row's lock several of forty succeed.
    """

    def lost() -> bool:
        moves = every_road(visitor(people), 0, 1)
        return told(crew.race(replace(place, naive=True), moves))["success"] > 1

    assert any(lost() for _ in range(ROUNDS))


def test_several_imports_at_once(crew: Crew, place: Place, people: People):
    """
    Several imports that run side by side take each person over once, and the first one counts.
    """
    user_id = people.somebody()
    secrets = [TotpSecret("A" * 32), TotpSecret("B" * 32)]

    outcomes = Counter(values(crew.race(place, [move(taken, user_id, secrets[n % 2]) for n in range(20)])))

    assert outcomes == Counter({Outcome.IMPORTED: 1, Outcome.ALREADY_THERE: 9, Outcome.KEPT: 10})
    assert people.enrollment(user_id).epoch == 1
