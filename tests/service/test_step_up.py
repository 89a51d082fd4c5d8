"""Step-up: a session that proves more, and one code for calls side by side."""

from datetime import timedelta

import pytest

from twofold import TwoFactorAuth
from twofold.errors import (
    CodeAlreadyUsed,
    InvalidCode,
    Locked,
    MalformedCode,
    NotEnabled,
    SecondFactorNotSetUp,
    StepUpRequired,
)


def test_a_fresh_session_passes(auth, person):
    """
    A session that signed in with its second factor within the last 300 s passes, and learns what it has proved.
    """
    signed_in = person.sign_in("a session")
    assurance = auth.step_up.require(7, "a session")

    assert signed_in.assurance == assurance


def test_a_fresh_session_spends_nothing(auth, person):
    """
    A fresh session does not look at the code that comes along, be it right, wrong or malformed.
    """
    person.sign_in("a session")
    before = person.row
    for code in (person.shown(), person.wrong_code().text, "no code at all"):
        auth.step_up.require(7, "a session", code=code)

    assert before == person.row
    assert auth.totp.verify(7, person.code()) == person.row.last_step


def passes(auth, **options) -> bool:
    try:
        auth.step_up.require(7, "a session", **options)
    except StepUpRequired:
        return False
    return True


@pytest.mark.parametrize(("seconds", "fresh"), [(0, True), (300, True), (300.000001, False), (301, False)])
def test_freshness_ends_after_300_seconds(auth, person, clock, seconds, fresh):
    """
    A second factor is fresh for 300 s, to the microsecond.
    """
    clock.moment = person.sign_in("a session").assurance.at + timedelta(seconds=seconds)

    assert fresh == passes(auth)


@pytest.mark.parametrize(("max_age", "fresh"), [(0, False), (29, False), (30, True), (10**6, True)])
def test_a_route_may_ask_for_another_age(auth, person, max_age, fresh):
    """
    The age that a route asks for counts in place of the policy's.
    """
    person.sign_in("a session")

    assert fresh == passes(auth, max_age=timedelta(seconds=max_age))


def test_a_stale_session_must_step_up(auth, person, clock):
    """
    A session whose second factor is too old is asked for it, with the methods that the user has.
    """
    person.sign_in("a session")
    clock.forward(minutes=5)
    with pytest.raises(StepUpRequired) as refusal:
        auth.step_up.require(7, "a session")

    assert (refusal.value.max_age, refusal.value.methods) == (300, ("totp", "backup_code"))


def test_a_session_that_only_knew_the_password_must_step_up(auth, person):
    """
    A session of which nothing is known has proved no second factor.
    """
    with pytest.raises(StepUpRequired):
        auth.step_up.require(7, "a session of before")

    assert auth.sessions.state(7, "a session of before").assurance is None


def test_a_stale_session_claims_its_code_once(auth, person, clock):
    """
    Calls of one session with one code all pass, though the code is spent once: the first claims it, the others find
    the session fresh.
    """
    person.sign_in("a session")
    clock.forward(minutes=5)
    code = person.shown()
    answers = [auth.step_up.require(7, "a session", code=code) for _ in range(3)]
    with pytest.raises(CodeAlreadyUsed):
        auth.totp.verify(7, person.code())

    assert [(clock.now(), 2)] * 3 == [(answer.second_factor_at, answer.aal) for answer in answers]


class Overtaken:
    """A store in which something else happens just before a use case takes the lock."""

    def __init__(self, store, meanwhile) -> None:
        self._store = store
        self._meanwhile = meanwhile

    def read(self, work):
        return self._store.read(work)

    def transact(self, work):
        self._meanwhile()
        return self._store.transact(work)

    async def run(self, use_case):
        return use_case(self)


@pytest.mark.parametrize(("other_session", "passes"), [("a session", True), ("another session", False)])
def test_of_calls_side_by_side_with_one_code_those_of_one_session_pass(auth, person, other_session, passes):
    """
    A call that found its session stale looks again under the lock: where another call of the same session has claimed
    the code meanwhile it passes, where another session has, it does not.
    """
    code = person.shown()
    store = Overtaken(auth.store, lambda: auth.step_up.require(7, other_session, code=code))
    overtaken = TwoFactorAuth(issuer="Acme", keys=auth.keys, store=store, clock=person.clock)
    try:
        passed = overtaken.step_up.require(7, "a session", code=code) is not None
    except CodeAlreadyUsed:
        passed = False

    assert passes == passed
    assert person.row.attempts.failures == {}


def test_another_session_cannot_use_the_same_code(auth, person, clock):
    """
    What one session has claimed is used up for every other session of the same user.
    """
    auth.step_up.require(7, "a session", code=person.shown())
    with pytest.raises(CodeAlreadyUsed):
        auth.step_up.require(7, "another session", code=person.shown())

    assert auth.sessions.state(7, "another session").assurance is None


def test_a_wrong_code_steps_nobody_up(auth, person):
    """
    A wrong code on a guarded route is counted, and the session stays as it was.
    """
    for _ in range(5):
        with pytest.raises(InvalidCode):
            auth.step_up.require(7, "a session", code=person.wrong_code().text)
    with pytest.raises(Locked):
        auth.step_up.require(7, "a session", code=person.shown())

    assert person.row.attempts.failures == {"totp": 5}
    assert auth.sessions.state(7, "a session").assurance is None


@pytest.mark.parametrize("code", ["", "12345", "12345a", "\u0661\u0662\u0663\u0664\u0665\u0666", "1" * 10**6])
def test_a_malformed_code_is_not_counted(auth, person, code):
    """
    What cannot be a code is refused where it would be looked at, and nothing is counted (G13).
    """
    before = person.row
    with pytest.raises(MalformedCode):
        auth.step_up.require(7, "a session", code=code)

    assert before == person.row


def test_proving_makes_the_same_session_fresh(auth, person, clock):
    """
    After a step-up the session that proved passes, and no other.
    """
    proved = auth.step_up.prove(7, "a session", person.code())
    with pytest.raises(StepUpRequired):
        auth.step_up.require(7, "another session")

    assert proved.assurance == auth.step_up.require(7, "a session")
    assert clock.now() == proved.assurance.second_factor_at


def test_a_backup_code_steps_up(auth, person):
    """
    A backup code makes a session fresh too, and tells how many are left.
    """
    proved = auth.step_up.prove(7, "a session", person.backup_code())

    assert proved.backup_codes_remaining == 9
    assert auth.step_up.require(7, "a session").amr == ("pwd", "mfa")


def test_stepping_up_changes_no_factor(auth, person):
    """
    A step-up ends no session and owes nothing.
    """
    before = person.row
    proved = auth.step_up.prove(7, "a session", person.code())

    assert (proved.epoch, proved.debt) == (before.epoch, 0)
    assert before.epoch == person.row.epoch


def test_what_one_user_proved_counts_for_no_other(auth, person, somebody_else):
    """
    A session's name under another user has proved nothing.
    """
    auth.step_up.prove(7, "a session", person.code())
    with pytest.raises(StepUpRequired):
        auth.step_up.require(8, "a session")

    assert auth.step_up.require(7, "a session") is not None


def test_a_guarded_route_is_closed_to_who_has_no_second_factor(auth, newcomer):
    """
    Where a second factor is asked for, a user without one is told to set one up, whatever code comes along.
    """
    for code in (None, "123456"):
        with pytest.raises(SecondFactorNotSetUp):
            auth.step_up.require(7, "a session", code=code)

    assert newcomer.row.attempts.failures == {}


def test_a_route_may_let_those_pass_who_have_none(auth, newcomer):
    """
    With `if_enabled` a user without a second factor passes, and has proved nothing.
    """
    assert auth.step_up.require(7, "a session", if_enabled=True) is None
    assert auth.step_up.require(7, "a session", if_enabled=True, code="123456") is None


def test_a_route_that_lets_those_pass_asks_everybody_else(auth, person):
    """
    With `if_enabled` a user with a second factor is asked for it all the same.
    """
    with pytest.raises(StepUpRequired):
        auth.step_up.require(7, "a session", if_enabled=True)

    assert auth.step_up.require(7, "a session", if_enabled=True, code=person.shown()).aal == 2


def test_who_has_no_second_factor_cannot_prove_one(auth, newcomer):
    """
    Without a factor there is nothing to step up with.
    """
    with pytest.raises(NotEnabled):
        auth.step_up.prove(7, "a session", auth.typed("123456"))

    assert newcomer.row.attempts.failures == {}


def test_a_proof_from_the_future_is_not_fresh(auth, person, clock):
    """
    When the clock has moved back, what was proved ahead of it counts no more.
    """
    person.sign_in("a session")
    clock.forward(minutes=-5)
    with pytest.raises(StepUpRequired):
        auth.step_up.require(7, "a session")

    assert auth.sessions.state(7, "a session").assurance is not None
