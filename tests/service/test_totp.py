"""Setting up an authenticator app, and what stays as it was until that is done."""

from dataclasses import replace
from datetime import timedelta

import pyotp
import pytest

from tests.service.roads import CASES
from twofold import PCI_DSS, TwoFactorAuth
from twofold.core.totp import TimeStep, time_step_at
from twofold.errors import (
    AlreadyEnabled,
    CodeAlreadyUsed,
    ConfigurationError,
    FactorDisabled,
    InvalidCode,
    Locked,
    NoSetupPending,
    NotEnabled,
    StepUpRequired,
    UnknownUser,
)
from twofold.testing.clock import NOON


def test_a_set_up_gives_what_an_app_needs(newcomer):
    """
    A set-up shows a fresh secret with issuer and account, as text and as a QR code, for ten minutes.
    """
    set_up = newcomer.scan()
    read = pyotp.parse_uri(set_up.otpauth_uri)

    assert (read.secret, read.issuer, read.name) == (set_up.secret.base32, "Acme", "ann@example.com")
    assert set_up.qr_code.startswith("data:image/png;base64,")
    assert NOON + timedelta(minutes=10) == set_up.expires_at


def test_issuer_and_account_may_be_given(newcomer):
    """
    Where tenants differ, a set-up shows the issuer and account that it was given.
    """
    read = pyotp.parse_uri(newcomer.scan(issuer="Acme Süd", account="ann").otpauth_uri)

    assert (read.issuer, read.name) == ("Acme Süd", "ann")


def test_an_issuer_that_apps_cannot_show_is_refused_before_anything_happens(newcomer):
    """
    A tenant's issuer is held to the same rules as the application's, and nothing is stored.
    """
    with pytest.raises(ConfigurationError):
        newcomer.scan(issuer="a:b")

    assert newcomer.row.pending_secret is None


def test_beginning_enables_nothing(auth, newcomer):
    """
    Before its first code a set-up is pending, and no second factor is asked for or accepted.
    """
    newcomer.scan()
    status = auth.enrollment.status(7)

    assert (status.enabled, status.pending, status.methods) == (False, True, ())
    assert auth.sign_in.begin(7).assurance.aal == 1
    with pytest.raises(NotEnabled):
        auth.totp.verify(7, newcomer.code())


def test_the_first_code_enables(auth, newcomer):
    """
    The first code confirms the set-up: the factor is on, ten backup codes are shown, and all sessions are to end.
    """
    newcomer.scan()
    confirmed = auth.totp.confirm(7, newcomer.code())
    status = auth.enrollment.status(7)

    assert (status.enabled, status.pending, status.methods) == (True, False, ("totp", "backup_code"))
    assert (status.enabled_at, status.last_used_at, status.backup_codes_remaining) == (NOON, NOON, 10)
    assert len(set(confirmed.backup_codes)) == 10
    assert (confirmed.proved.assurance.aal, confirmed.proved.epoch, confirmed.proved.debt) == (2, 1, 1)


def test_a_set_up_lives_ten_minutes(auth, newcomer, clock):
    """
    Until its last moment a set-up can be confirmed.
    """
    newcomer.scan()
    clock.forward(minutes=10, seconds=-0.000001)
    auth.totp.confirm(7, newcomer.code())

    assert auth.enrollment.status(7).enabled


def test_after_ten_minutes_a_set_up_is_gone(auth, newcomer, clock):
    """
    After ten minutes there is nothing to confirm, the right code counts nothing, and one begins anew.
    """
    newcomer.scan()
    clock.forward(minutes=10)
    with pytest.raises(NoSetupPending):
        auth.totp.confirm(7, newcomer.code())
    gone = newcomer.row
    newcomer.enroll()

    assert gone.attempts.failures == {}
    assert not gone.enabled
    assert newcomer.row.enabled


def test_nobody_confirms_what_was_not_begun(auth, newcomer):
    """
    Without a set-up there is nothing to confirm.
    """
    with pytest.raises(NoSetupPending):
        auth.totp.confirm(7, newcomer.code())

    assert newcomer.row.attempts.failures == {}


def test_a_confirmed_set_up_is_confirmed_once(auth, person):
    """
    After a set-up was confirmed nothing is pending any more.
    """
    with pytest.raises(NoSetupPending):
        auth.totp.confirm(7, person.code())

    assert person.row.enabled


def test_a_new_set_up_takes_the_place_of_a_pending_one(auth, newcomer):
    """
    The code of the set-up before counts as wrong; the new one is confirmed by its own.
    """
    newcomer.scan()
    of_the_first = newcomer.code()
    newcomer.scan()
    with pytest.raises(InvalidCode):
        auth.totp.confirm(7, of_the_first)
    confirmed = auth.totp.confirm(7, newcomer.code())

    assert confirmed.backup_codes is not None


def test_typos_leave_a_set_up_pending_and_count(auth, newcomer):
    """
    Four wrong first codes are told so and counted, and the right one is accepted all the same.
    """
    newcomer.scan()
    for _ in range(4):
        with pytest.raises(InvalidCode):
            auth.totp.confirm(7, newcomer.wrong_code())
    counted = newcomer.row.attempts.failures
    auth.totp.confirm(7, newcomer.code())

    assert counted == {"totp": 4}
    assert newcomer.row.attempts.failures == {}


def test_the_fifth_wrong_first_code_makes_a_set_up_wait(auth, newcomer, clock):
    """
    Guessing at a set-up meets the same wait as guessing anywhere, and names no method that the user has not.
    """
    newcomer.scan()
    for _ in range(5):
        with pytest.raises(InvalidCode):
            auth.totp.confirm(7, newcomer.wrong_code())
    with pytest.raises(Locked) as refusal:
        auth.totp.confirm(7, newcomer.code())

    assert NOON + timedelta(seconds=30) == refusal.value.until
    assert refusal.value.methods == ()


def test_where_an_app_is_on_another_needs_to_be_asked_for(auth, person):
    """
    A set-up where an app is on is refused without `replace`, and nothing has changed.
    """
    before = person.row
    with pytest.raises(AlreadyEnabled):
        auth.totp.set_up(7)

    assert before == person.row


def test_an_abandoned_replacement_changes_nothing(auth, person, clock):
    """
    After a replacement was begun, even guessed at, and left alone, everything is as before (G7).
    """
    before, old = person.row, person.secret
    person.scan(replace=True)
    for _ in range(2):
        with pytest.raises(InvalidCode):
            auth.totp.confirm(7, person.wrong_code())
    clock.forward(minutes=10)
    with pytest.raises(NoSetupPending):
        auth.totp.confirm(7, person.code())
    person.secret = old
    auth.totp.verify(7, person.code())
    after = person.row

    assert (before.totp_secret, before.backup_codes, before.epoch) == (
        after.totp_secret,
        after.backup_codes,
        after.epoch,
    )
    assert (before.enabled_at, before.end_sessions) == (after.enabled_at, after.end_sessions)


def test_the_live_secret_works_until_its_replacement_is_proved(auth, person):
    """
    While a replacement is pending the old app works and the new one does not; once it is proved, the other way round.
    """
    old, code_of_the_old = person.secret, person.code()
    person.scan(replace=True)
    with pytest.raises(InvalidCode):
        auth.totp.verify(7, person.code())
    step = auth.totp.verify(7, code_of_the_old)
    auth.totp.confirm(7, person.code())
    new, person.secret = person.secret, old
    with pytest.raises(InvalidCode):
        auth.totp.verify(7, person.next_code())
    person.secret = new
    newer = auth.totp.verify(7, person.code())

    assert step < newer


def test_replacing_keeps_the_backup_codes(auth, person):
    """
    A new phone keeps the set of backup codes, shows none, and the old ones work.
    """
    before = person.row.backup_codes
    confirmed = person.enroll(replace=True)
    remaining = auth.backup_codes.burn(7, person.backup_code())

    assert confirmed.backup_codes is None
    assert before is not None
    assert remaining == 9


def test_replacing_ends_all_sessions(auth, person, clock):
    """
    A new phone raises the epoch, owes the end of all sessions, and ends what was handed out.
    """
    person.sign_in("a session")
    before = person.row
    confirmed = person.enroll(replace=True, session_id="a session")
    state = auth.sessions.state(7, "a session")

    assert before.epoch + 1 == person.row.epoch == confirmed.proved.debt
    assert state.assurance is None


def test_a_new_secret_begins_with_its_own_steps(auth, person):
    """
    A step that was used with the old phone can be used with the new one, and once only.
    """
    auth.totp.verify(7, person.code())
    person.scan(replace=True)
    auth.totp.confirm(7, person.code())
    with pytest.raises(CodeAlreadyUsed):
        auth.totp.verify(7, person.code())

    assert time_step_at(person.clock.now(), 30) == person.row.last_step


def test_a_set_up_needs_a_fresh_second_factor_where_there_is_one(auth, person, clock):
    """
    A session whose second factor is missing or too old cannot begin a set-up where a factor is on.
    """
    person.sign_in("a session")
    fresh = person.scan(replace=True, session_id="a session")
    clock.forward(seconds=300)
    for session_id in ("a session", "another session"):
        with pytest.raises(StepUpRequired) as refusal:
            auth.totp.set_up(7, replace=True, session_id=session_id)

        assert (refusal.value.max_age, refusal.value.methods) == (300, ("totp", "backup_code"))
    assert fresh.secret.base32


def test_a_newcomer_needs_no_second_factor_to_set_one_up(auth, newcomer):
    """
    Where there is no factor yet, any session may begin.
    """
    set_up = newcomer.scan(session_id="a session")

    assert set_up.account == "ann@example.com"


def test_after_the_cap_a_backup_code_leads_to_a_new_app(auth, person, clock):
    """
    At a hundred failures the app is dead and leaves the methods; signed in by a backup code one sets up a new one
    without `replace`, and keeps the backup codes.
    """
    for _ in range(100):
        clock.moment = max(clock.moment, person.row.attempts.locked_until or clock.moment)
        with pytest.raises(InvalidCode):
            auth.totp.verify(7, person.wrong_code())
    clock.forward(minutes=30)
    with pytest.raises(FactorDisabled):
        auth.totp.verify(7, person.code())
    capped = auth.enrollment.status(7)
    proved = auth.sign_in.finish(person.begin().sign_in_token, person.backup_code())
    auth.sessions.started(proved, "a session")
    person.enroll(session_id="a session")
    status = auth.enrollment.status(7)

    assert (capped.enabled, capped.methods) == (True, ("backup_code",))
    assert (status.methods, status.backup_codes_remaining) == (("totp", "backup_code"), 9)
    assert person.row.attempts.failures == {}


def test_verifying_tells_the_claimed_step(auth, person):
    """
    A right code outside of any session gives the time step that it claimed.
    """
    step = auth.totp.verify(7, person.code())

    assert time_step_at(person.clock.now(), 30) == step
    assert TimeStep(step) == person.row.last_step


def test_a_wait_names_what_is_open_meanwhile(auth, person):
    """
    While typed codes wait, the refusal says until when, for how many seconds, and that backup codes are open.
    """
    for _ in range(5):
        with pytest.raises(InvalidCode):
            auth.totp.verify(7, person.wrong_code())
    with pytest.raises(Locked) as refusal:
        auth.totp.verify(7, person.code())
    remaining = auth.backup_codes.burn(7, person.backup_code())

    assert person.clock.now() + timedelta(seconds=30) == refusal.value.until
    assert (refusal.value.retry_after, refusal.value.methods) == (30, ("backup_code",))
    assert remaining == 9


def test_in_pci_dss_nothing_is_open_meanwhile(store, keys, clock, person):
    """
    With the profile of PCI DSS the tenth failure of any kind closes everything for half an hour.
    """
    auth = TwoFactorAuth(issuer="Acme", keys=keys, store=store, clock=clock, policy=PCI_DSS)
    wrong_backup_code = auth.typed_backup_code("0" * 24)
    for place in range(10):
        with pytest.raises(InvalidCode):
            auth.totp.verify(7, person.wrong_code()) if place % 2 else auth.backup_codes.burn(7, wrong_backup_code)
    with pytest.raises(Locked) as of_the_app:
        auth.totp.verify(7, person.code())
    with pytest.raises(Locked) as of_backup_codes:
        auth.backup_codes.burn(7, person.backup_code())

    assert (of_the_app.value.retry_after, of_the_app.value.methods) == (1800, ())
    assert (of_backup_codes.value.retry_after, of_backup_codes.value.methods) == (1800, ())


@pytest.mark.parametrize("name", CASES)
def test_nobody_is_enrolled_whom_the_store_does_not_know(auth, person, store, name):
    """
    Every use case says of an unknown user that there is none, and leaves nothing behind.
    """
    stranger, before = replace(person, user_id=99), store.events
    with pytest.raises(UnknownUser):
        CASES[name](stranger)

    assert before == store.events


def test_digits_of_the_policy_are_those_of_the_code(store, keys, clock, person):
    """
    With a policy of eight digits a set-up speaks of eight, and six cannot be a code.
    """
    auth = TwoFactorAuth(
        issuer="Acme", keys=keys, store=store, clock=clock, policy=replace(PCI_DSS, digits=8, name="eight")
    )
    other = auth.totp.set_up(8)

    assert "&digits=8&" in other.otpauth_uri
    assert len(other.secret.code_at(TimeStep(1))) == 8
