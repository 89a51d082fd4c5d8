"""G7: the live secret is always one that a phone knows, however set-ups cross."""

from collections.abc import Callable
from datetime import timedelta

from tests.races.crew import Crew, move, told, values
from tests.races.people import People, right_code
from tests.races.place import Place
from twofold import KeyRing, TwoFactorAuth
from twofold.core.backup_codes import typed_backup_code
from twofold.core.enrollment import Enrollment
from twofold.core.sealing import Purpose
from twofold.core.totp import TotpSecret
from twofold.service.totp import Confirmed
from twofold.testing.clock import NOON


def test_a_set_up_is_confirmed_once(crew: Crew, place: Place, people: People):
    """
    Of forty confirmations of one set-up with one code one succeeds, and the backup codes that it shows work.
    """
    user_id = people.somebody()
    code = right_code(people.auth().totp.set_up(user_id).secret)

    outcomes = crew.race(place, [move("totp.confirm", user_id, code)] * 40)
    (confirmed,) = values(outcomes)
    burned = crew.race(
        place, [move("backup_codes.burn", user_id, typed_backup_code(code)) for code in confirmed.backup_codes]
    )

    assert told(outcomes) == {"success": 1, "no-setup-pending": 39}
    assert told(burned) == {"success": 10}
    assert people.enrollment(user_id).epoch == 1


def test_a_set_up_beside_a_confirmation_weakens_nothing(crew: Crew, place: Place, people: People):
    """
    Where set-ups begin while another is confirmed, the live secret is the confirmed one or none, and the pending secret
    is one that was shown.
    """
    user_id = people.somebody()
    first = people.auth().totp.set_up(user_id).secret
    moves = [
        *(move("totp.confirm", user_id, right_code(first)) for _ in range(20)),
        *(move(_set_up, user_id) for _ in range(20)),
    ]

    outcomes = crew.race(place, moves)
    confirmed, shown = told(outcomes[:20])["success"], values(outcomes[20:])
    enrollment = people.enrollment(user_id)

    assert set(told(outcomes[20:])) == {"success"}
    assert confirmed <= 1
    assert enrollment.enabled == bool(confirmed)
    assert _live(place, enrollment) == (first if confirmed else None)
    assert _pending(place, enrollment) in [*shown, None]


def test_of_many_phones_the_last_one_told_so_is_live(crew: Crew, place: Place, people: People):
    """
    Where forty phones are set up and confirmed side by side, the live secret is the one that was confirmed last.
    """
    user_id = people.somebody()
    own_secret = people.auth(NOON - timedelta(minutes=5)).totp.set_up(user_id).secret
    people.auth(NOON - timedelta(minutes=5)).totp.confirm(user_id, right_code(own_secret, NOON - timedelta(minutes=5)))

    outcomes = crew.race(place, [move(_move_to_new_phone, user_id) for _ in range(40)])
    told_so = {confirmed.proved.epoch: secret for secret, confirmed in values(outcomes)}
    live = _live(place, people.enrollment(user_id))

    assert len(told_so) == told(outcomes)["success"]
    assert live == (told_so[max(told_so)] if told_so else own_secret)


def test_the_first_row_in_a_side_table_is_made_once(crew: Crew, aside: Place, people_of: Callable[[Place], People]):
    """
    Forty set-ups at one moment of a user who has no row in the side table yet all answer, and one of them is pending.
    """
    people = people_of(aside)
    user_id = people.somebody()

    outcomes = crew.race(aside, [move(_set_up, user_id) for _ in range(40)])

    assert told(outcomes) == {"success": 40}
    assert _pending(aside, people.enrollment(user_id)) in values(outcomes)


def test_rows_in_a_side_table_come_and_go(crew: Crew, aside: Place, people_of: Callable[[Place], People]):
    """
    Where twenty users are forgotten and begin a set-up again and again, two threads each, nobody hears of the deadlocks
    over their rows.
    """
    users = [people_of(aside).somebody() for _ in range(20)]

    outcomes = crew.race(aside, [move(_come_and_go, user_id) for user_id in users for _ in range(2)])

    assert told(outcomes) == {"success": 40}


def _come_and_go(auth: TwoFactorAuth, user_id: int) -> None:
    for _ in range(10):
        auth.totp.set_up(user_id)
        auth.forget(user_id)


def _set_up(auth: TwoFactorAuth, user_id: int) -> TotpSecret:
    return auth.totp.set_up(user_id, replace=True).secret


def _move_to_new_phone(auth: TwoFactorAuth, user_id: int) -> tuple[TotpSecret, Confirmed]:
    secret = _set_up(auth, user_id)
    return secret, auth.totp.confirm(user_id, right_code(secret, auth.clock.now()))


def _live(place: Place, enrollment: Enrollment) -> TotpSecret | None:
    return _opened(place, enrollment, enrollment.totp_secret, Purpose.TOTP_SECRET)


def _pending(place: Place, enrollment: Enrollment) -> TotpSecret | None:
    return _opened(place, enrollment, enrollment.pending_secret, Purpose.TOTP_PENDING_SECRET)


def _opened(place: Place, enrollment: Enrollment, sealed, purpose: Purpose) -> TotpSecret | None:
    if sealed is None:
        return None
    return TotpSecret.from_bytes(KeyRing([place.key]).open_sealed(sealed, purpose, enrollment.user_id))
