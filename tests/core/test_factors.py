"""The arithmetic of factors, cell by cell."""

from itertools import combinations_with_replacement

import pytest

from twofold.core.assurance import amr_of
from twofold.core.factors import TYPES, Authenticator, aal_of

PASSWORD, TOTP, BACKUP_CODE, HARDWARE_KEY, SOFTWARE_KEY, VERIFIED_HARDWARE_KEY, VERIFIED_SOFTWARE_KEY = Authenticator

LEVELS = {
    (PASSWORD,): 1,
    (TOTP,): 1,
    (BACKUP_CODE,): 1,
    (HARDWARE_KEY,): 1,
    (SOFTWARE_KEY,): 1,
    (VERIFIED_HARDWARE_KEY,): 2,
    (VERIFIED_SOFTWARE_KEY,): 2,
    (PASSWORD, PASSWORD): 1,
    (PASSWORD, TOTP): 2,
    (PASSWORD, BACKUP_CODE): 2,
    (PASSWORD, HARDWARE_KEY): 2,
    (PASSWORD, SOFTWARE_KEY): 2,
    (PASSWORD, VERIFIED_HARDWARE_KEY): 2,
    (PASSWORD, VERIFIED_SOFTWARE_KEY): 2,
    (TOTP, TOTP): 1,
    (TOTP, BACKUP_CODE): 1,
    (TOTP, HARDWARE_KEY): 1,
    (TOTP, SOFTWARE_KEY): 1,
    (TOTP, VERIFIED_HARDWARE_KEY): 2,
    (TOTP, VERIFIED_SOFTWARE_KEY): 2,
    (BACKUP_CODE, BACKUP_CODE): 1,
    (BACKUP_CODE, HARDWARE_KEY): 1,
    (BACKUP_CODE, SOFTWARE_KEY): 1,
    (BACKUP_CODE, VERIFIED_HARDWARE_KEY): 2,
    (BACKUP_CODE, VERIFIED_SOFTWARE_KEY): 2,
    (HARDWARE_KEY, HARDWARE_KEY): 1,
    (HARDWARE_KEY, SOFTWARE_KEY): 1,
    (HARDWARE_KEY, VERIFIED_HARDWARE_KEY): 2,
    (HARDWARE_KEY, VERIFIED_SOFTWARE_KEY): 2,
    (SOFTWARE_KEY, SOFTWARE_KEY): 1,
    (SOFTWARE_KEY, VERIFIED_HARDWARE_KEY): 2,
    (SOFTWARE_KEY, VERIFIED_SOFTWARE_KEY): 2,
    (VERIFIED_HARDWARE_KEY, VERIFIED_HARDWARE_KEY): 2,
    (VERIFIED_HARDWARE_KEY, VERIFIED_SOFTWARE_KEY): 2,
    (VERIFIED_SOFTWARE_KEY, VERIFIED_SOFTWARE_KEY): 2,
}
"""NIST SP 800-63B-4, 2.2.1, read by hand: a multi-factor authenticator, or something one has beside a password."""


def name_of(value):
    return "+".join(each.name for each in value) if isinstance(value, tuple) else None


@pytest.mark.parametrize(("proved", "level"), LEVELS.items(), ids=name_of)
def test_each_cell(proved, level):
    """
    Each authenticator alone and each pair, in either order, proves the level that the standard gives it.
    """
    assert [aal_of(*proved), aal_of(*reversed(proved))] == [level, level]


def test_no_cell_is_missing():
    """
    The table has every authenticator alone and every pair.
    """
    pairs = [*((one,) for one in Authenticator), *combinations_with_replacement(Authenticator, 2)]

    assert set(LEVELS) == set(pairs)
    assert set(TYPES) == set(Authenticator)


def test_nothing_proves_nothing():
    """
    Who has proved nothing is not at AAL2, and a third thing of one type adds nothing to two.
    """
    assert [aal_of(), aal_of(TOTP, BACKUP_CODE, HARDWARE_KEY, SOFTWARE_KEY)] == [1, 1]


@pytest.mark.parametrize("proved", LEVELS, ids=name_of)
def test_mfa_is_claimed_where_there_are_two_types(proved):
    """
    RFC 8176, 2: `mfa` says that several factors were proved, and goes with AAL2 alone.
    """
    assert ("mfa" in amr_of(*proved)) == (LEVELS[proved] == 2)


@pytest.mark.parametrize("proved", list(Authenticator)[1:], ids=lambda proved: proved.name)
def test_every_second_factor_makes_two_with_a_password(proved):
    """
    What the library calls a second factor is one: of another type than the password.
    """
    assert aal_of(PASSWORD, proved) == 2


@pytest.mark.parametrize(
    ("backup_eligible", "user_verified", "proved"),
    [
        (False, False, HARDWARE_KEY),
        (True, False, SOFTWARE_KEY),
        (False, True, VERIFIED_HARDWARE_KEY),
        (True, True, VERIFIED_SOFTWARE_KEY),
    ],
)
def test_a_key_proves_what_its_flags_say(backup_eligible, user_verified, proved):
    """
    A key that may be on several devices is software, and one that verified who touched it is two factors of its own.
    """
    assert proved is Authenticator.of_key(backup_eligible=backup_eligible, user_verified=user_verified)
