"""What a session has proved: level, names, freshness."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twofold.core.assurance import Assurance, ProvedSession, password_assurance, second_factor_assurance
from twofold.core.factors import Authenticator
from twofold.testing.clock import NOON

FIVE_MINUTES = timedelta(seconds=300)


def test_a_password_alone_is_aal1():
    """
    NIST SP 800-63B-4, 2.1: a password alone proves AAL1, and there is no second factor to be fresh.
    """
    assurance = password_assurance(NOON)

    assert (assurance.aal, assurance.amr, assurance.second_factor_at) == (1, ("pwd",), None)
    assert not assurance.is_fresh(NOON, FIVE_MINUTES)


@pytest.mark.parametrize(
    ("proved", "amr"),
    [
        (Authenticator.TOTP, ("pwd", "otp", "mfa")),
        (Authenticator.BACKUP_CODE, ("pwd", "mfa")),
        (Authenticator.HARDWARE_KEY, ("pwd", "hwk", "user", "mfa")),
        (Authenticator.SOFTWARE_KEY, ("pwd", "swk", "user", "mfa")),
        (Authenticator.VERIFIED_HARDWARE_KEY, ("pwd", "hwk", "user", "mfa")),
        (Authenticator.VERIFIED_SOFTWARE_KEY, ("pwd", "swk", "user", "mfa")),
    ],
)
def test_a_password_with_a_factor_is_aal2(proved, amr):
    """
    NIST SP 800-63B-4, 2.2.1: a password and one physical authenticator prove AAL2, named as in RFC 8176.
    """
    assurance = second_factor_assurance(proved, NOON)

    assert (2, amr, NOON, NOON) == (assurance.aal, assurance.amr, assurance.at, assurance.second_factor_at)


@pytest.mark.parametrize("proved", [each for each in Authenticator if each is not Authenticator.PASSWORD])
def test_every_factor_says_what_it_proves(proved):
    """
    No factor is without its names, and none claims to know how a key verified its user.
    """
    amr = second_factor_assurance(proved, NOON).amr

    assert amr[0] == "pwd"
    assert amr[-1] == "mfa"
    assert not {"pin", "fpt", "face"} & set(amr)


@pytest.mark.parametrize(
    ("assurance", "claims"),
    [
        (password_assurance(NOON), {"amr": ["pwd"], "acr": "urn:twofold:aal1", "auth_time": 1893499200}),
        (
            second_factor_assurance(Authenticator.TOTP, NOON + timedelta(microseconds=999_999)),
            {"amr": ["pwd", "otp", "mfa"], "acr": "urn:twofold:aal2", "auth_time": 1893499200},
        ),
    ],
)
def test_claims_are_ready_for_a_token(assurance, claims):
    """
    RFC 9068, 2.2.1: `auth_time` in whole seconds since 1970, `acr` and `amr` beside it.
    """
    assert claims == assurance.claims


@given(age=st.timedeltas(timedelta(days=-1), timedelta(days=1)), max_age=st.timedeltas(timedelta(0), timedelta(days=1)))
def test_a_proof_is_fresh_from_its_moment_until_it_is_too_old(age, max_age):
    """
    A second factor is fresh while it is at most so old, and never when it comes from the future.
    """
    fresh = second_factor_assurance(Authenticator.TOTP, NOON).is_fresh(NOON + age, max_age)

    assert (timedelta(0) <= age <= max_age) == fresh


def test_freshness_is_that_of_the_second_factor():
    """
    A password that was typed again makes no second factor fresh.
    """
    assurance = Assurance(("pwd", "otp", "mfa"), NOON, NOON - timedelta(seconds=301))

    assert not assurance.is_fresh(NOON, FIVE_MINUTES)


def test_freshness_knows_time_zones():
    """
    A moment told in another time zone is the same moment.
    """
    elsewhere = datetime.fromisoformat("2030-01-01T17:30:00+05:30")

    assert second_factor_assurance(Authenticator.TOTP, elsewhere).is_fresh(NOON, timedelta(0))


def test_the_name_of_a_session_does_not_show_in_a_repr():
    """
    Not even the hash of the host's name for a session stands in a repr.
    """
    session = ProvedSession("the hash of a session", 7, 3, password_assurance(NOON))

    assert "the hash of a session" not in f"{session!r} {session}"
