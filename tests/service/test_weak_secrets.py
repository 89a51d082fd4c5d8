"""A weak secret: it signs in once more, on whichever road, and is gone; and how its user goes on."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.service.people import Person
from tests.service.roads import CODE_ROADS, CodeRoad
from twofold import PCI_DSS, InvalidCode, TwoFactorAuth
from twofold.core.diagnosis import Check, Light
from twofold.core.imports import Outcome
from twofold.core.sealing import Purpose
from twofold.core.totp import TotpSecret
from twofold.errors import AlreadyEnabled, StepUpRequired, Unavailable
from twofold.testing import MemoryStore

WEAK = TotpSecret("JBSWY3DPEHPK3PXP", from_elsewhere=True)
LIFE = timedelta(hours=24)
LASTING = {name: road for name, road in CODE_ROADS.items() if name != "disable"}
"""The roads after which the user has a second factor still."""


@pytest.fixture
def visitor(newcomer: Person) -> Person:
    """Somebody who came along with a weak secret, and has not used it here."""
    newcomer.bring(WEAK)
    return newcomer


@pytest.fixture
def spent(visitor: Person) -> Person:
    """Somebody whose weak secret has signed in for the last time a moment ago, into the session `one`."""
    visitor.sign_in("one")
    return visitor


@pytest.mark.parametrize("road", CODE_ROADS.values(), ids=CODE_ROADS)
def test_a_weak_secret_is_gone_after_its_first_code(visitor: Person, road: CodeRoad):
    """
    On every road the first code of a weak secret is accepted, and nothing of the secret is left in the row.
    """
    road(visitor, visitor.code())

    assert visitor.row.totp_secret is None
    assert visitor.row.pending_secret is None


@pytest.mark.parametrize("road", LASTING.values(), ids=LASTING)
@pytest.mark.parametrize("again", LASTING.values(), ids=LASTING)
def test_a_weak_secret_is_accepted_on_one_road_alone(visitor: Person, road: CodeRoad, again: CodeRoad):
    """
    Neither the same code again nor the next one is accepted on any road; the user still needs a second factor.
    """
    code = visitor.code()
    road(visitor, code)

    for typed in (code, visitor.next_code()):
        with pytest.raises(InvalidCode):
            again(visitor, typed)
    assert visitor.row.enabled


def test_a_wrong_code_costs_what_it_always_does(visitor: Person):
    """
    A wrong code is counted, and takes no weak secret away.
    """
    with pytest.raises(InvalidCode):
        visitor.auth.totp.verify(visitor.user_id, visitor.wrong_code())

    assert visitor.row.attempts.failures == {"totp": 1}
    assert visitor.auth.totp.verify(visitor.user_id, visitor.code())


def test_a_code_of_the_old_application_is_no_use(newcomer: Person):
    """
    What was shown when the secret was imported may have been used there, and is refused; it spends nothing.
    """
    newcomer.bring(WEAK)
    newcomer.clock.forward(seconds=-60)

    with pytest.raises(Exception, match="used already"):
        newcomer.auth.totp.verify(newcomer.user_id, newcomer.code())

    assert newcomer.row.totp_secret is not None


def test_what_the_user_is_told(spent: Person):
    """
    The user is enabled, and has no method: a front end sees that an app must be set up.
    """
    status = spent.auth.enrollment.status(spent.user_id)

    assert (status.enabled, status.methods, status.backup_codes_remaining) == (True, (), 0)
    assert spent.begin().methods == ()


@pytest.mark.parametrize("age", [timedelta(0), timedelta(minutes=6), timedelta(hours=23)])
def test_the_session_that_signed_in_may_set_up(spent: Person, age: timedelta):
    """
    As long as a session lives, the one that the weak secret has opened begins a set-up; it ends with a strong secret,
    backup codes, and a second factor that can be proved again.
    """
    spent.clock.moment += age

    confirmed = spent.enroll(session_id="one")

    assert len(confirmed.backup_codes or ()) == 10
    assert not spent.secret.is_weak
    assert spent.auth.totp.verify(spent.user_id, spent.code())


def test_a_session_that_is_too_old_may_not(spent: Person):
    """
    Beyond the life of a session its proof counts for nothing.
    """
    spent.clock.moment += LIFE + timedelta(seconds=1)

    with pytest.raises(StepUpRequired) as refusal:
        spent.scan(session_id="one")

    assert refusal.value.methods == ()


def test_another_session_may_not(spent: Person):
    """
    Only the session that the weak secret has opened may: nobody who knows the password alone.
    """
    with pytest.raises(StepUpRequired):
        spent.scan(session_id="two")


def test_whoever_can_prove_something_proves_it(person: Person):
    """
    With a live app, or with backup codes, an old session does not suffice for a set-up.
    """
    person.sign_in("one")
    person.clock.forward(minutes=6)

    with pytest.raises(StepUpRequired) as refusal:
        person.scan(session_id="one", replace=True)

    assert refusal.value.methods == ("totp", "backup_code")


def test_an_app_that_is_capped_is_no_way_in(person: Person):
    """
    Somebody whose app was switched off by guesses has a secret still: an old session sets nothing up.
    """
    person.sign_in("one")
    person.clock.forward(minutes=6)
    row = replace(person.row, backup_codes=None, attempts=replace(person.row.attempts, failures={"totp": 100}))
    person.auth.store.transact(lambda tx: tx.save(row))

    with pytest.raises(StepUpRequired) as refusal:
        person.scan(session_id="one")

    assert refusal.value.methods == ()


def test_regenerating_with_a_weak_secret_leaves_a_way_out(visitor: Person):
    """
    `/backup-codes` takes the one code of a weak secret: then the backup codes sign in, and an app is set up with them.
    """
    visitor.backup_codes = visitor.auth.backup_codes.regenerate(visitor.user_id, visitor.code())

    assert visitor.begin().methods == ("backup_code",)
    proved = visitor.auth.sign_in.finish(visitor.begin().sign_in_token, visitor.backup_code())
    visitor.auth.sessions.started(proved, "one")
    visitor.clock.forward(minutes=6)
    with pytest.raises(StepUpRequired):
        visitor.scan(session_id="one")
    visitor.auth.step_up.prove(visitor.user_id, "one", visitor.backup_code(1))
    assert visitor.enroll(session_id="one").backup_codes is None


def test_disabling_with_a_weak_secret_ends_everything(visitor: Person):
    """
    Whoever disables is without a second factor, and may set one up as anybody may.
    """
    visitor.auth.enrollment.disable(visitor.user_id, visitor.code())

    assert not visitor.row.enabled
    assert visitor.enroll().backup_codes is not None


def test_a_weak_secret_is_never_the_secret_of_a_set_up(newcomer: Person):
    """
    A secret that waits for its first code is of our own making: a weak one in its column is damage, and refused.
    """
    sealed = newcomer.auth.keys.seal(WEAK.to_bytes(), Purpose.TOTP_PENDING_SECRET, newcomer.user_id)
    row = newcomer.row.with_pending(sealed, newcomer.clock.now() + timedelta(minutes=10))
    newcomer.auth.store.transact(lambda tx: tx.save(row))
    newcomer.secret = WEAK

    with pytest.raises(Unavailable):
        newcomer.auth.totp.confirm(newcomer.user_id, newcomer.code())


def test_an_older_version_may_have_left_a_weak_secret(newcomer: Person):
    """
    A bare secret of 80 bits in our own column, sealed by a rotation of the keys, signs in once more.
    """
    sealed = newcomer.auth.keys.seal(b"JBSWY3DPEHPK3PXP", Purpose.TOTP_SECRET, newcomer.user_id)
    row = replace(newcomer.row, totp_secret=sealed, enabled=True)
    newcomer.auth.store.transact(lambda tx: tx.save(row))
    newcomer.secret = WEAK

    assert newcomer.auth.totp.verify(newcomer.user_id, newcomer.code())
    assert newcomer.row.totp_secret is None


def test_a_weak_secret_does_not_come_back(spent: Person):
    """
    The import is run again: whoever has signed in with a weak secret is not given it back.
    """
    assert spent.bring(WEAK).outcome is Outcome.KEPT
    assert spent.row.totp_secret is None


def test_with_one_count_guesses_at_nothing_are_not_counted(store: MemoryStore, visitor: Person):
    """
    In `PCI_DSS` a code for an app that is gone is wrong, and keeps nobody out: there is nothing to guess.
    """
    auth = TwoFactorAuth(issuer="Acme", keys=visitor.auth.keys, store=store, policy=PCI_DSS, clock=visitor.clock)
    auth.totp.verify(visitor.user_id, visitor.code())

    for _ in range(20):
        with pytest.raises(InvalidCode):
            auth.totp.verify(visitor.user_id, visitor.next_code())

    assert visitor.row.attempts.failures == {}
    assert not auth.totp.set_up(visitor.user_id).secret.is_weak


def test_with_an_app_on_a_set_up_asks_for_replace(visitor: Person):
    """
    Before the weak secret was used, it is a live app as any other.
    """
    with pytest.raises(AlreadyEnabled):
        visitor.scan()


def test_a_weak_secret_is_no_damage(visitor: Person):
    """
    The doctor does not take a weak secret, nor the step up to which its codes are used, for something that is wrong.
    """
    found = {finding.check: finding.light for finding in visitor.auth.doctor.examined()}

    assert (found[Check.SEALED_VALUES], found[Check.LAST_STEPS]) == (Light.GREEN, Light.GREEN)
