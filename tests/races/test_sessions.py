"""G6 and G8: what was proved before a change of factor or password is worth nothing after it."""

from tests.races.crew import Crew, Move, move, told, values
from tests.races.people import STEP, People, Person
from tests.races.place import Place
from twofold import TwoFactorAuth
from twofold.core.backup_codes import TypedBackupCode
from twofold.service.sign_in import SecondFactorPending
from twofold.testing.clock import NOON

LATER = NOON + 2 * STEP


def test_no_sign_in_outlives_a_change_of_password(crew: Crew, place: Place, people: People):
    """
    Where sign-ins are finished and sessions start while the password changes, no session is AAL2 afterwards.
    """
    person = people.enrolled()

    outcomes = crew.race(place, [*_sign_ins(person), move("password_changed", person.user_id)])

    assert outcomes[-1].told == "success"
    assert _still_aal2(people, person) == []
    assert set(told(outcomes)) <= {"success", "code-already-used", "sign-in-token-dead"}


def test_no_sign_in_outlives_disabling(crew: Crew, place: Place, people: People):
    """
    Where sign-ins are finished and sessions start while the second factor is disabled, no session is AAL2 afterwards.
    """
    person = people.enrolled()

    outcomes = crew.race(place, [*_sign_ins(person), move("enrollment.disable", person.user_id, person.code())])

    assert outcomes[-1].told == "success"
    assert _still_aal2(people, person) == []
    assert set(told(outcomes)) <= {"success", "code-already-used", "sign-in-token-dead"}


def test_a_session_that_starts_beside_a_change_of_password_starts_before_it_or_not(
    crew: Crew, place: Place, people: People
):
    """
    Of ten people let in before their password changed, whoever's session starts only after the change is turned away,
    owes the end of all sessions, and none is AAL2 under the new password.
    """
    person = people.enrolled()
    people.auth().sessions.paid(person.user_id, person.enrollment.end_sessions)
    finishes = [
        move("sign_in.finish", token, code)
        for token, code in zip(person.sign_in_tokens(10), person.backup_codes, strict=True)
    ]
    proofs = values(crew.race(place, finishes))
    starts = [move("sessions.started", proved, f"session {number}") for number, proved in enumerate(proofs)]

    outcomes = crew.race(place, [*starts, move("password_changed", person.user_id), *starts])
    starts_told = told([*outcomes[:10], *outcomes[11:]])

    assert len(proofs) == 10
    assert outcomes[10].told == "success"
    assert set(starts_told) <= {"success", "sign-in-token-dead"}
    assert _still_aal2(people, person) == []
    assert bool(person.enrollment.end_sessions) == bool(starts_told["sign-in-token-dead"])


def test_of_many_changes_of_password_one_happens(crew: Crew, place: Place, people: People):
    """
    Of forty changes of a password that were decided on in the same epoch one happens.
    """
    person = people.enrolled()
    epoch = person.enrollment.epoch

    outcomes = crew.race(place, [move(_change_password, person.user_id, epoch) for _ in range(40)])

    assert told(outcomes) == {"success": 1, "not-signed-in": 39}
    assert person.enrollment.epoch == epoch + 1


def test_an_old_password_opens_nothing_beside_its_change(crew: Crew, place: Place, people: People):
    """
    Of forty people who typed the old password while it changed nobody can finish signing in.
    """
    person = people.enrolled()
    begin = move(_begin, person.user_id, person.enrollment.epoch)

    outcomes = crew.race(place, [*[begin] * 20, move("password_changed", person.user_id), *[begin] * 20])
    tokens = values(outcomes[:20]) + values(outcomes[21:])
    finished = crew.race(place, [move("sign_in.finish", token, person.code()) for token in tokens])

    assert outcomes[20].told == "success"
    assert set(told(outcomes)) <= {"success", "sign-in-token-dead"}
    assert set(told(finished)) <= {"sign-in-token-dead"}


def test_a_newer_debt_survives_the_payment_of_an_older_one(crew: Crew, place: Place, people: People):
    """
    Where the debt "end all sessions" is paid twenty times while a new one is incurred, the new one stands.
    """
    person = people.enrolled()
    debt = people.auth().password_changed(person.user_id, end_sessions=True)
    disable = move("enrollment.disable", person.user_id, person.code())

    crew.race(place, [*(move("sessions.paid", person.user_id, debt) for _ in range(20)), disable])

    assert debt > 0
    assert person.enrollment.end_sessions == debt + 1


def test_fifty_sign_ins_of_one_person_live_side_by_side(crew: Crew, place: Place, people: People):
    """
    Of eighty sign-ins that begin at one moment the fifty newest stay alive.
    """
    person = people.enrolled()

    outcomes = crew.race(place, [move(_begin_twice, person.user_id) for _ in range(40)])
    tokens = [token for pair in values(outcomes) for token in pair]
    code = person.code(LATER)

    alive = 0
    for first in range(0, len(tokens), 40):
        guesses = [move("sign_in.finish", token, code, at=LATER) for token in tokens[first : first + 40]]
        alive += sum(
            count for answer, count in told(crew.race(place, guesses)).items() if answer != "sign-in-token-dead"
        )

    assert len(tokens) == 80
    assert alive == 50


def _sign_ins(person: Person) -> list[Move]:
    """Thirty sign-ins that go on until the session has started, in ten ways that each work once."""
    tokens, codes = person.sign_in_tokens(30), [*person.backup_codes, *person.backup_codes, *person.backup_codes]
    return [
        move(_sign_in, token, code, f"session {number}")
        for number, (token, code) in enumerate(zip(tokens, codes, strict=True))
    ]


def _sign_in(auth: TwoFactorAuth, token: str, code: TypedBackupCode, session_id: str) -> None:
    auth.sessions.started(auth.sign_in.finish(token, code), session_id)


def _begin(auth: TwoFactorAuth, user_id: int, epoch: int) -> str:
    pending = auth.sign_in.begin(user_id, epoch=epoch)
    assert isinstance(pending, SecondFactorPending)
    return pending.sign_in_token


def _change_password(auth: TwoFactorAuth, user_id: int, epoch: int) -> None:
    auth.password_changed(user_id, epoch=epoch)


def _begin_twice(auth: TwoFactorAuth, user_id: int) -> list[str]:
    begun = [auth.sign_in.begin(user_id) for _ in range(2)]
    return [pending.sign_in_token for pending in begun if isinstance(pending, SecondFactorPending)]


def _still_aal2(people: People, person: Person) -> list[int]:
    """The numbers of the sessions that have proved a second factor, as a guard sees them."""
    book = people.auth().sessions
    return [number for number in range(30) if book.state(person.user_id, f"session {number}").assurance]
