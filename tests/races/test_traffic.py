"""G2 under traffic: many people on all roads, and no deadlock comes to the surface."""

from collections import Counter
from collections.abc import Callable
from random import Random

import pytest

from tests.races.crew import Crew, move, values
from tests.races.people import STEP, People, right_code
from tests.races.place import Place
from twofold import TwoFactorAuth, TwofoldError
from twofold.core.backup_codes import TypedBackupCode
from twofold.core.totp import TotpSecret, TypedCode
from twofold.service.sessions import Proved
from twofold.testing import StoppedClock

STEPS_OF_A_WALK = 13  # every road once

Phone = tuple[int, TotpSecret, tuple[TypedBackupCode, ...]]
Told = Counter[tuple[str, str]]


@pytest.mark.parametrize("where", ["place", "aside"])
def test_thirty_people_on_all_roads(
    request: pytest.FixtureRequest, crew: Crew, place: Place, people_of: Callable[[Place], People], where: str
):
    """
    Where forty threads take thirty people over all roads in any order, every road is open and nobody hears of
    deadlocks.
    """
    place = request.getfixturevalue(where)
    everybody = [people_of(place).enrolled() for _ in range(30)]
    phones: list[Phone] = [(person.user_id, person.secret, person.backup_codes) for person in everybody]

    walks: list[Told] = values(crew.race(place, [move(_walk, number, phones) for number in range(40)]))
    heard = sum(walks, Counter())

    assert len(walks) == 40
    assert {road for road, answer in heard if answer == "success"} == {road.__name__ for road in ROADS}
    assert [(road, answer) for road, answer in heard if answer == "unavailable"] == []


def _walk(auth: TwoFactorAuth, number: int, phones: list[Phone]) -> Told:
    """What one thread is told that takes anybody over one road after the other."""
    chance, told, clock = Random(number), Told(), StoppedClock(auth.clock.now())
    auth.clock = clock
    for step in range(STEPS_OF_A_WALK):
        road = ROADS[(number + step) % len(ROADS)]
        user_id, secret, backup_codes = chance.choice(phones)
        clock.moment += chance.choice([0, 1, 2]) * STEP
        try:
            road(auth, user_id, right_code(secret, clock.moment), chance.choice(backup_codes))
            told[road.__name__, "success"] += 1
        except TwofoldError as error:
            told[road.__name__, error.slug] += 1
    return told


def sign_in(auth: TwoFactorAuth, user_id: int, code: TypedCode, _: TypedBackupCode) -> None:
    _finish(auth, user_id, code)


def sign_in_by_backup_code(auth: TwoFactorAuth, user_id: int, _: TypedCode, backup_code: TypedBackupCode) -> None:
    _finish(auth, user_id, backup_code)


def _finish(auth: TwoFactorAuth, user_id: int, typed: TypedCode | TypedBackupCode) -> None:
    begun = auth.sign_in.begin(user_id)
    proved = begun if isinstance(begun, Proved) else auth.sign_in.finish(begun.sign_in_token, typed)
    auth.sessions.paid(user_id, proved.debt)
    auth.sessions.started(proved, f"session of {user_id}")


def sign_in_by_header(auth: TwoFactorAuth, user_id: int, code: TypedCode, _: TypedBackupCode) -> None:
    auth.sign_in.begin(user_id, code.text)


def step_up(auth: TwoFactorAuth, user_id: int, code: TypedCode, _: TypedBackupCode) -> None:
    auth.step_up.prove(user_id, f"session of {user_id}", code)


def guard(auth: TwoFactorAuth, user_id: int, code: TypedCode, _: TypedBackupCode) -> None:
    auth.step_up.require(user_id, f"session of {user_id}", code=code.text)


def verify(auth: TwoFactorAuth, user_id: int, code: TypedCode, _: TypedBackupCode) -> None:
    auth.verify_totp_code(user_id, code.text)


def burn(auth: TwoFactorAuth, user_id: int, _: TypedCode, backup_code: TypedBackupCode) -> None:
    auth.backup_codes.burn(user_id, backup_code)


def regenerate(auth: TwoFactorAuth, user_id: int, code: TypedCode, _: TypedBackupCode) -> None:
    auth.backup_codes.regenerate(user_id, code)


def move_to_new_phone(auth: TwoFactorAuth, user_id: int, _: TypedCode, __: TypedBackupCode) -> None:
    secret = auth.totp.set_up(user_id, replace=True).secret
    auth.totp.confirm(user_id, right_code(secret, auth.clock.now()))


def change_password(auth: TwoFactorAuth, user_id: int, _: TypedCode, __: TypedBackupCode) -> None:
    auth.password_changed(user_id)


def look(auth: TwoFactorAuth, user_id: int, _: TypedCode, __: TypedBackupCode) -> None:
    auth.enrollment.status(user_id)
    auth.sessions.state(user_id, f"session of {user_id}")


def disable(auth: TwoFactorAuth, user_id: int, code: TypedCode, _: TypedBackupCode) -> None:
    auth.enrollment.disable(user_id, code)


def forget(auth: TwoFactorAuth, user_id: int, _: TypedCode, __: TypedBackupCode) -> None:
    auth.forget(user_id)


ROADS = (
    sign_in,
    sign_in_by_backup_code,
    sign_in_by_header,
    step_up,
    guard,
    verify,
    burn,
    regenerate,
    move_to_new_phone,
    change_password,
    look,
    disable,
    forget,
)
