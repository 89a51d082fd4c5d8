"""The arithmetic of factors, cell by cell."""

from itertools import combinations_with_replacement

import pytest

from twofold.core.assurance import amr_of
from twofold.core.factors import TYPES, Authenticator, Factor, aal_of

PASSWORD, TOTP, BACKUP_CODE, KEY, VERIFIED_KEY = Authenticator

LEVELS = {
    (PASSWORD,): 1,
    (TOTP,): 1,
    (BACKUP_CODE,): 1,
    (KEY,): 1,
    (VERIFIED_KEY,): 2,
    (PASSWORD, PASSWORD): 1,
    (PASSWORD, TOTP): 2,
    (PASSWORD, BACKUP_CODE): 2,
    (PASSWORD, KEY): 2,
    (PASSWORD, VERIFIED_KEY): 2,
    (TOTP, TOTP): 1,
    (TOTP, BACKUP_CODE): 1,
    (TOTP, KEY): 1,
    (TOTP, VERIFIED_KEY): 2,
    (BACKUP_CODE, BACKUP_CODE): 1,
    (BACKUP_CODE, KEY): 1,
    (BACKUP_CODE, VERIFIED_KEY): 2,
    (KEY, KEY): 1,
    (KEY, VERIFIED_KEY): 2,
    (VERIFIED_KEY, VERIFIED_KEY): 2,
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
    assert [aal_of(), aal_of(TOTP, BACKUP_CODE, KEY)] == [1, 1]


@pytest.mark.parametrize("proved", [cell for cell in LEVELS if not {KEY, VERIFIED_KEY} & set(cell)], ids=name_of)
def test_mfa_is_claimed_where_there_are_two_types(proved):
    """
    RFC 8176, 2: `mfa` says that several factors were proved, and goes with AAL2 alone.
    """
    assert ("mfa" in amr_of(*proved)) == (LEVELS[proved] == 2)


@pytest.mark.parametrize("factor", Factor)
def test_every_second_factor_makes_two_with_a_password(factor):
    """
    What the library calls a second factor is one: of another type than the password.
    """
    assert aal_of(PASSWORD, Authenticator.of(factor)) == 2
