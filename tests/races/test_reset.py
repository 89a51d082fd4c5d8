"""A reset beside all that its user may do at the same moment: it happens once, and nothing of before outlives it."""

from datetime import timedelta

import pytest

from tests.races.bursts import reset_by_many
from tests.races.crew import Crew, Move, move, told
from tests.races.people import People, Person, right_code
from tests.races.place import Place
from twofold import TwoFactorAuth
from twofold.core.backup_codes import TypedBackupCode
from twofold.core.events import EventKind
from twofold.core.totp import TypedCode
from twofold.errors import SignInTokenDead
from twofold.testing.clock import NOON

WHY = "Lost phone, ticket 4711"


def test_many_admins_reset_once(crew: Crew, place: Place, people: People):
    """
    Of twenty resets of one user at one moment one happens and is one event; the others find nothing to remove.
    """
    person = people.enrolled()

    outcomes = reset_by_many(crew, place, person)

    assert told(outcomes) == {"success": 1, "not-enabled": 19}
    assert resets_of(people, person) == 1
    assert person.enrollment.epoch == 2


@pytest.mark.parametrize("round_", range(3))
def test_nothing_of_before_outlives_a_reset(crew: Crew, place: Place, people: People, round_: int):
    """
    Whoever signs in, steps up, confirms a new phone, burns or regenerates backup codes at the moment of a reset is
    before it or after it: no factor is left, no session has proved one, and no proof starts one any more.
    """
    person, auth = people.enrolled(), people.auth()
    pending = auth.totp.set_up(person.user_id, replace=True).secret
    tokens = person.sign_in_tokens(24)
    sessions = [f"{person.user_id} {number}" for number in range(24)]
    moves: list[Move] = [
        *(move(_sign_in, token, person.code(), name) for token, name in zip(tokens[:12], sessions[:12], strict=True)),
        *(
            move(_sign_in, token, code, name)
            for token, code, name in zip(tokens[12:20], person.backup_codes[:8], sessions[12:20], strict=True)
        ),
        *(
            move("step_up.prove", person.user_id, name, code)
            for name, code in zip(sessions[20:22], person.backup_codes[8:], strict=True)
        ),
        *(move("totp.confirm", person.user_id, right_code(pending)) for _ in range(4)),
        *(move("backup_codes.regenerate", person.user_id, person.code(NOON + timedelta(seconds=30))) for _ in range(2)),
        *(move(_reset, person.user_id) for _ in range(2)),
    ]

    outcomes = crew.race(place, moves[round_:] + moves[:round_])

    enrollment = people.enrollment(person.user_id)
    assert told(outcomes)["success"] >= 1
    assert "unavailable" not in told(outcomes)
    assert resets_of(people, person) == 1
    assert (enrollment.enabled, enrollment.totp_secret, enrollment.pending_secret, enrollment.backup_codes) == (
        *(False, None, None, None),
    )
    assert enrollment.end_sessions
    assert {auth.sessions.state(person.user_id, name).assurance for name in sessions} == {None}
    assert people.store.read(lambda tx: list(tx.sessions(person.user_id))) == []
    assert people.store.read(lambda tx: list(tx.pending_sign_ins(person.user_id))) == []


def _sign_in(auth: TwoFactorAuth, token: str, code: TypedCode | TypedBackupCode, session_id: str) -> None:
    proved = auth.sign_in.finish(token, code)
    try:
        auth.sessions.started(proved, session_id)
    except SignInTokenDead:
        return


def _reset(auth: TwoFactorAuth, user_id: int) -> int:
    return auth.users.reset(user_id, reason=WHY, actor="1")


def resets_of(people: People, person: Person) -> int:
    events = people.auth().events.of_everybody(only=person.user_id, at_most=1000).items
    return sum(event.kind == EventKind.SECOND_FACTOR_RESET for event in events)
