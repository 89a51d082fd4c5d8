"""A set-up that waits, for the session that began it: shown again, and told of a clock that is off."""

import pytest

from twofold.core.sealing import Purpose
from twofold.core.totp import PendingSecret, TimeStep, TotpSecret, time_step_at
from twofold.errors import ClockOff, InvalidCode, Locked, NoSetupPending

HERE, ELSEWHERE = "the session that began", "another session of the same user"


def test_the_session_that_began_sees_a_set_up_again(auth, newcomer, clock):
    """
    Whoever has seen the secret may see it once more, with the moment at which it ends.
    """
    first = newcomer.scan(session_id=HERE)
    clock.forward(minutes=1)
    again = auth.totp.begun(7, HERE)

    assert first == again


def test_a_tenant_sees_its_own_names_again(auth, newcomer):
    """
    Issuer and account may be given, as when it was begun.
    """
    newcomer.scan(session_id=HERE)
    again = auth.totp.begun(7, HERE, issuer="Acme Süd", account="ann")

    assert (again.issuer, again.account) == ("Acme Süd", "ann")


@pytest.mark.parametrize("session_id", [ELSEWHERE, "", HERE[:-1]])
def test_no_other_session_sees_a_set_up(auth, newcomer, session_id):
    """
    Another session of the same user does not see the secret: somebody else may be in it (G9).
    """
    newcomer.scan(session_id=HERE)

    with pytest.raises(NoSetupPending):
        auth.totp.begun(7, session_id)


def test_a_set_up_of_no_session_is_shown_to_none(auth, newcomer):
    """
    Where nobody said which session began, none is taken for it.
    """
    newcomer.scan()

    with pytest.raises(NoSetupPending):
        auth.totp.begun(7, HERE)


def test_a_live_secret_is_not_shown_again(auth, newcomer):
    """
    Once confirmed, the secret is shown to nobody, the session that began it included.
    """
    newcomer.enroll(session_id=HERE)

    with pytest.raises(NoSetupPending):
        auth.totp.begun(7, HERE)


def test_an_expired_set_up_is_not_shown_again(auth, newcomer, clock):
    """
    After ten minutes there is nothing left to show.
    """
    newcomer.scan(session_id=HERE)
    clock.forward(minutes=10)

    with pytest.raises(NoSetupPending):
        auth.totp.begun(7, HERE)


@pytest.mark.parametrize("seconds", [60, 90, 600, -60, -90, -600])
def test_a_clock_that_is_off_is_said(auth, newcomer, clock, seconds):
    """
    The session that began is told by how many seconds the phone is fast or slow; the code counts as a wrong one.
    """
    newcomer.scan(session_id=HERE)
    clock.forward(seconds=seconds)
    typed = newcomer.code()
    clock.forward(seconds=-seconds)

    with pytest.raises(ClockOff) as refusal:
        auth.totp.confirm(7, typed, session_id=HERE)

    assert seconds == refusal.value.seconds
    assert f"{abs(seconds)} seconds {'fast' if seconds > 0 else 'slow'}" in str(refusal.value)
    assert newcomer.row.attempts.failures == {"totp": 1}


@pytest.mark.parametrize("session_id", [ELSEWHERE, None])
def test_a_clock_that_is_off_is_said_to_nobody_else(auth, newcomer, clock, session_id):
    """
    Whoever has not seen the secret gets the generic answer: that a code will be right soon would be an oracle.
    """
    newcomer.scan(session_id=HERE)
    clock.forward(seconds=90)
    typed = newcomer.code()
    clock.forward(seconds=-90)

    with pytest.raises(InvalidCode) as refusal:
        auth.totp.confirm(7, typed, session_id=session_id)

    assert type(refusal.value) is InvalidCode


def test_a_code_of_no_near_time_is_only_wrong(auth, newcomer):
    """
    A code that is right at no time within ten minutes is a typo, and said so.
    """
    newcomer.scan(session_id=HERE)
    here = time_step_at(newcomer.clock.now(), newcomer.secret.period)
    near = {newcomer.secret.code_at(TimeStep(step)) for step in range(here - 20, here + 21)}
    wrong = next(text for text in map("{:06d}".format, range(1000)) if text not in near)

    with pytest.raises(InvalidCode) as refusal:
        auth.totp.confirm(7, auth.typed(wrong), session_id=HERE)

    assert type(refusal.value) is InvalidCode


def test_a_wait_says_nothing_of_the_clock(auth, newcomer, clock):
    """
    While codes wait none is looked at, so that nothing is said of it.
    """
    newcomer.scan(session_id=HERE)
    clock.forward(seconds=90)
    typed = newcomer.code()
    clock.forward(seconds=-90)
    for _ in range(5):
        with pytest.raises(ClockOff):
            auth.totp.confirm(7, typed, session_id=HERE)

    with pytest.raises(Locked):
        auth.totp.confirm(7, typed, session_id=HERE)


def test_a_code_of_the_future_is_not_accepted_for_it(auth, newcomer, clock):
    """
    What is said of the clock widens nothing: the phone's next right code is accepted, and the early one is not.
    """
    newcomer.scan(session_id=HERE)
    clock.forward(seconds=90)
    early = newcomer.code()
    clock.forward(seconds=-90)
    with pytest.raises(ClockOff):
        auth.totp.confirm(7, early, session_id=HERE)
    confirmed = auth.totp.confirm(7, newcomer.code(), session_id=HERE)

    assert confirmed.backup_codes is not None


def test_a_set_up_of_an_older_version_is_confirmed(auth, newcomer, keys, store):
    """
    A pending secret without a session, as an older version stored it, is read; it is shown to no session.
    """
    set_up = newcomer.scan(session_id=HERE)
    older = PendingSecret.from_bytes(set_up.secret.to_bytes())

    assert older == PendingSecret(set_up.secret, None)
    assert TotpSecret.from_bytes(PendingSecret(set_up.secret, "0" * 32).to_bytes()) == set_up.secret


def test_a_pending_secret_fits_its_column(keys):
    """
    With who began it, the longest sealed secret still has at most 255 characters.
    """
    secret = TotpSecret("A" * 52, "SHA512", 8, 86_400)
    sealed = keys.seal(PendingSecret(secret, "f" * 32).to_bytes(), Purpose.TOTP_PENDING_SECRET, "7")

    assert len(sealed) <= 255
