"""What is found while all enrollments are gone through."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.fernet import Fernet

from twofold.core.backup_codes import BackupCode, BackupCodes
from twofold.core.diagnosis import Users
from twofold.core.enrollment import Enrollment
from twofold.core.policy import FEW_BACKUP_CODES, RECOMMENDED, USERS_SHOWN
from twofold.core.sealing import KeyRing, Purpose, Sealed
from twofold.core.survey import FoundEnrollment, Survey
from twofold.core.totp import TimeStep, new_totp_secret, time_step_at
from twofold.testing.clock import NOON

OLD_ENTRY, ENTRY, LOST_ENTRY = (Fernet.generate_key().decode() for _ in range(3))
KEYS, OLD, LOST = KeyRing([ENTRY, OLD_ENTRY]), KeyRing([OLD_ENTRY]), KeyRing([LOST_ENTRY])
ANN, NOBODY = 7, Users()
NOW = time_step_at(NOON, RECOMMENDED.period)


def codes(left: int, of: int = 10) -> bytes:
    used = [BackupCode(bytes([number]) * 32, NOON if number >= left else None) for number in range(of)]
    return BackupCodes(tuple(used)).to_bytes()


def enrolled(user_id: object = ANN, *, left: int = 10, keys: KeyRing = KEYS, period: int = 30) -> Enrollment:
    """Somebody whose authenticator app was accepted a moment ago."""
    secret = replace(new_totp_secret(RECOMMENDED), period=period)
    return Enrollment(
        user_id=str(user_id),
        totp_secret=keys.seal(secret.to_bytes(), Purpose.TOTP_SECRET, str(user_id)),
        enabled=True,
        backup_codes=keys.seal(codes(left), Purpose.BACKUP_CODES, str(user_id)),
        last_step=time_step_at(NOON, period),
    )


def survey_of(enrollments: Iterable[Enrollment], keys: KeyRing = KEYS) -> Survey:
    survey = Survey(keys, RECOMMENDED)
    for one in enrollments:
        survey.look_at(FoundEnrollment(one.user_id, one), NOON)
    return survey


def test_what_is_well_is_nobody():
    """
    Users whose values open under any key of the ring, with enough codes left, are counted and not named.
    """
    survey = survey_of([enrolled(), enrolled(keys=OLD), Enrollment(user_id="9")])

    assert (survey.enrolled, survey.opened, survey.expired) == (2, 4, 0)
    assert {each.users for each in (survey.closed, survey.few, survey.bare, survey.impossible, survey.beyond)} == {
        NOBODY
    }


DAMAGES = {
    "moved": lambda one: replace(one, totp_secret=enrolled("8").totp_secret),
    "in-another-column": lambda one: replace(one, totp_secret=one.backup_codes),
    "flipped": lambda one: replace(one, backup_codes=Sealed(one.backup_codes[:-3] + "AAA")),
    "no-text": lambda one: replace(one, totp_secret=b"v1."),
    "pending": lambda one: replace(one, pending_secret=one.totp_secret),
    "no-secret-in-it": lambda one: replace(one, totp_secret=KEYS.seal(b"{}", Purpose.TOTP_SECRET, one.user_id)),
    "no-codes-in-it": lambda one: replace(one, backup_codes=KEYS.seal(b"7", Purpose.BACKUP_CODES, one.user_id)),
    "fernet-that-is-not-read": lambda one: replace(one, totp_secret=Sealed(Fernet(ENTRY).encrypt(b"A" * 32).decode())),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_value_that_does_not_open_is_told_with_its_user(damage):
    """
    A value that was changed, moved, or holds nothing of its kind is found, and the others are looked at all the same.
    """
    survey = survey_of([DAMAGES[damage](enrolled()), enrolled("8", left=1)])

    assert survey.closed.users == Users(1, ("7",))
    assert survey.few.users == Users(1, ("8",))
    assert survey.enrolled == 2


def test_a_row_that_cannot_be_read_is_told_with_its_user():
    """
    Whose row cannot even be read has values that do not open.
    """
    survey = Survey(KEYS, RECOMMENDED)
    survey.look_at(FoundEnrollment(ANN, None), NOON)

    assert survey.closed.users == Users(1, ("7",))


def test_a_missing_key_is_not_told_row_by_row():
    """
    Values whose key is missing are told of the rows per key, and count nowhere else: not as codes that are used up.
    """
    survey = survey_of([enrolled(keys=LOST, left=0)])

    assert (survey.closed.users, survey.few.users, survey.opened) == (NOBODY, NOBODY, 0)


def test_values_of_an_older_version_are_opened_where_they_may_be_read():
    """
    A Fernet value is no fault while it may be read.
    """
    one = replace(enrolled(), totp_secret=Sealed(Fernet(ENTRY).encrypt(b"A" * 32).decode()))
    survey = survey_of([one], KeyRing([ENTRY], read_fernet=True))

    assert (survey.closed.users, survey.opened) == (NOBODY, 2)


@pytest.mark.parametrize("left", range(FEW_BACKUP_CODES + 2))
def test_who_has_few_backup_codes_left_is_told(left):
    """
    Who has two unused codes, one, or none is told; three are enough.
    """
    survey = survey_of([enrolled(left=left)])

    assert survey.few.count == (left <= FEW_BACKUP_CODES)


def test_who_has_no_authenticator_app_left_is_told():
    """
    Who is asked for a second factor and has no app is told, once: not as one who is short of backup codes, too.
    """
    bare = [replace(enrolled(left=left), totp_secret=None) for left in (10, 0)]
    survey = survey_of([*bare, enrolled("8"), Enrollment(user_id="9")])

    assert survey.bare.users == Users(2, ("7", "7"))
    assert survey.few.users == NOBODY


def test_who_never_had_backup_codes_is_told():
    """
    A user with a second factor and no set of backup codes has none left; without a second factor nobody needs one.
    """
    survey = survey_of([replace(enrolled(), backup_codes=None), Enrollment(user_id="8")])

    assert survey.few.users == Users(1, ("7",))


@pytest.mark.parametrize(("seconds", "expired", "impossible"), [(-1, 1, 0), (0, 1, 0), (600, 0, 0), (660, 0, 1)])
def test_set_ups_expire_and_end_when_they_can(seconds, expired, impossible):
    """
    A set-up whose time has passed is expired, one that ends later than it can was begun by a clock that was ahead.
    """
    pending = KEYS.seal(new_totp_secret(RECOMMENDED).to_bytes(), Purpose.TOTP_PENDING_SECRET, "7")
    until = NOON + timedelta(seconds=seconds)
    survey = survey_of([Enrollment(user_id="7", pending_secret=pending, pending_until=until)])

    assert (survey.expired, survey.impossible.count) == (expired, impossible)


@pytest.mark.parametrize(("steps", "beyond"), [(0, 0), (2, 0), (3, 1), (2880, 1)])
def test_a_code_from_the_future_is_one_beyond_phone_and_clocks(steps, beyond):
    """
    A last step may be ahead by the drift of a phone and by as much of another host's clock; one of a day ahead is told
    with its distance.
    """
    survey = survey_of([replace(enrolled(), last_step=TimeStep(NOW + steps))])

    assert survey.beyond.count == beyond
    assert survey.furthest == (timedelta(seconds=30 * steps) if beyond else timedelta(0))


@pytest.mark.parametrize("period", [15, 60])
def test_steps_are_counted_by_the_period_of_their_secret(period):
    """
    A secret with a period of its own, as an import brings it, is not taken for one from the future.
    """
    well = enrolled(period=period)
    ahead = replace(well, last_step=TimeStep(well.last_step + 10))

    assert survey_of([well]).beyond.count == 0
    assert survey_of([ahead]).furthest == timedelta(seconds=10 * period)


def test_a_last_step_without_an_authenticator_app_holds_nobody_back():
    """
    Who has switched the second factor off begins anew with the next secret, whatever stands in the row.
    """
    assert survey_of([Enrollment(user_id="7", last_step=TimeStep(NOW + 2880))]).beyond.count == 0


def test_memory_does_not_grow_with_users():
    """
    However many users are found, so many are named, and an id cannot end a line.
    """
    survey = survey_of([enrolled(f"{number}\n", left=0) for number in range(USERS_SHOWN + 2)])

    assert survey.few.users == Users(USERS_SHOWN + 2, tuple(f"{number}\\n" for number in range(USERS_SHOWN)))
