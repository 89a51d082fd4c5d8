"""`judge`: what is accepted, what is counted, what is refused unseen; and the row as a value."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twofold.core.attempts import Attempts
from twofold.core.backup_codes import (
    BackupCodes,
    new_backup_codes,
    stored_backup_codes,
    typed_backup_code,
)
from twofold.core.enrollment import Accepted, BackupCodeProof, Enrollment, SetUpProof, TotpProof, judge
from twofold.core.events import Event, EventKind
from twofold.core.factors import Authenticator, Factor
from twofold.core.policy import AAL2, PCI_DSS, RECOMMENDED
from twofold.core.sealing import Sealed
from twofold.core.totp import TimeStep, TotpSecret, TypedCode, time_step_at
from twofold.errors import ClockMovedBack, CodeAlreadyUsed, FactorDisabled, InvalidCode, Locked, ProofRefused
from twofold.testing.clock import NOON

SECRET = TotpSecret("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
STEP = time_step_at(NOON, 30)
CODES = new_backup_codes(RECOMMENDED)
LIVE = Enrollment(
    user_id=7,
    totp_secret=Sealed("the live secret"),
    enabled=True,
    backup_codes=Sealed("the backup codes"),
    last_step=TimeStep(STEP - 100),
    epoch=3,
    enabled_at=NOON - timedelta(days=1),
)
LATER = NOON + timedelta(days=30)  # Beyond the waits of a hundred failures.
PATIENT = replace(RECOMMENDED, first_wait_at=10**6, cap=10**6)


def code(steps_away: int = 0) -> TypedCode:
    """The code of a step that many steps from noon."""
    return TypedCode(SECRET.code_at(TimeStep(STEP + steps_away)))


def wrong_code() -> TypedCode:
    near = {SECRET.code_at(TimeStep(STEP + away)) for away in range(-40, 40)}
    return TypedCode(next(text for text in map("{:06d}".format, range(100)) if text not in near))


RIGHT, WRONG = TotpProof(code(), SECRET), TotpProof(wrong_code(), SECRET)
CONFIRMING, MISTYPED = SetUpProof(code(), SECRET), SetUpProof(wrong_code(), SECRET)


def backup_proof(typed: str = CODES[0], codes: BackupCodes | None = None) -> BackupCodeProof:
    return BackupCodeProof(typed_backup_code(typed), codes or stored_backup_codes(CODES, "7"))


WRONG_BACKUP_CODE = backup_proof("0" * 24)


def after_failures(number: int, policy=RECOMMENDED, proof=WRONG, at=NOON) -> Enrollment:
    """The row after failures in a row, each at the end of the wait before it."""
    enrollment = LIVE
    for _ in range(number):
        at = max(at, enrollment.attempts.locked_until or at)
        enrollment = judge(enrollment, proof, at=at, policy=policy).enrollment
    return enrollment


def failures(enrollment: Enrollment, factor=Factor.TOTP, policy=RECOMMENDED) -> int:
    return enrollment.attempts.failures_of(factor, policy)


def test_a_right_code_is_accepted_and_its_step_is_claimed():
    """
    A right code proves its time step, which is from now on the newest that was accepted.
    """
    judgement = judge(LIVE, RIGHT, at=NOON, policy=RECOMMENDED)

    assert Accepted(Authenticator.TOTP, Factor.TOTP, STEP) == judgement.outcome()
    assert judgement.accepted
    assert replace(LIVE, last_step=STEP) == judgement.enrollment
    assert Event(7, EventKind.CODE_ACCEPTED, NOON, "success", Factor.TOTP) == judgement.event


@given(drift=st.integers(-20, 20), tolerance=st.integers(0, 5))
def test_a_code_is_accepted_exactly_when_its_step_is_within_the_drift(drift, tolerance):
    """
    RFC 6238, section 5.2: the drift of the policy to each side, and no step more.
    """
    policy = replace(RECOMMENDED, drift=tolerance)
    judgement = judge(LIVE, TotpProof(code(drift), SECRET), at=NOON, policy=policy)

    assert (abs(drift) <= tolerance) == judgement.accepted
    assert judgement.accepted or isinstance(judgement.verdict, InvalidCode)


@given(tries=st.lists(st.tuples(st.integers(-60, 60), st.integers(-2, 2)), max_size=30))
def test_steps_only_grow(tries):
    """
    RFC 6238, section 5.2: "The verifier MUST NOT accept the second attempt of the OTP after the successful validation
    has been issued for the first OTP", for any sequence of codes and moments, with a clock that jumps both ways.
    """
    enrollment, accepted = LIVE, [LIVE.last_step]
    for now, away in tries:
        typed = TotpProof(code(now + away), SECRET)
        judgement = judge(enrollment, typed, at=NOON + timedelta(seconds=30 * now), policy=PATIENT)
        enrollment = judgement.enrollment
        accepted += [judgement.outcome().step] if judgement.accepted else []

    assert sorted(set(accepted)) == accepted
    assert accepted[-1] == enrollment.last_step


def test_a_b_a_fails():
    """
    After code A and then code B, code A is refused although it is in the window.
    """
    a, b = TotpProof(code(0), SECRET), TotpProof(code(1), SECRET)
    after_a = judge(LIVE, a, at=NOON, policy=RECOMMENDED)
    after_b = judge(after_a.enrollment, b, at=NOON, policy=RECOMMENDED)
    again = judge(after_b.enrollment, a, at=NOON, policy=RECOMMENDED)

    assert [after_a.accepted, after_b.accepted] == [True, True]
    assert isinstance(again.verdict, CodeAlreadyUsed)


@pytest.mark.parametrize("away", [-1, 0])
def test_a_step_before_the_newest_counts_as_used(away):
    """
    Once the code of the step ahead was accepted, the earlier ones are used up, even those nobody ever typed.
    """
    ahead = judge(LIVE, TotpProof(code(1), SECRET), at=NOON, policy=RECOMMENDED).enrollment
    judgement = judge(ahead, TotpProof(code(away), SECRET), at=NOON, policy=RECOMMENDED)

    assert type(judgement.verdict) is CodeAlreadyUsed


def test_a_replay_is_not_counted():
    """
    A right code again is refused, changes nothing in the row, and is told as what it is.
    """
    used = judge(LIVE, RIGHT, at=NOON, policy=RECOMMENDED).enrollment
    again = judge(used, RIGHT, at=NOON, policy=RECOMMENDED)

    assert used == again.enrollment
    assert Event(7, EventKind.CODE_REFUSED, NOON, "code-already-used", Factor.TOTP) == again.event
    with pytest.raises(CodeAlreadyUsed):
        again.outcome()


def test_where_codes_coincide_the_newest_step_is_claimed():
    """
    A code that two steps of the window share claims the newer one, so that it cannot come again.
    """
    policy = replace(RECOMMENDED, drift=2000)
    window = range(STEP - 2000, STEP + 2001)
    texts = [SECRET.code_at(TimeStep(step)) for step in window]
    twice = TotpProof(TypedCode(next(text for text in texts if texts.count(text) > 1)), SECRET)
    judgement = judge(replace(LIVE, last_step=TimeStep(0)), twice, at=NOON, policy=policy)
    again = judge(judgement.enrollment, twice, at=NOON, policy=policy)

    assert max(step for step, text in zip(window, texts, strict=True) if text == twice.code.text) == (
        judgement.outcome().step
    )
    assert not again.accepted


def test_a_wrong_code_is_counted_and_nothing_else_happens():
    """
    A wrong code costs one failure of its factor; the rest of the row is as before.
    """
    judgement = judge(LIVE, WRONG, at=NOON, policy=RECOMMENDED)

    assert replace(LIVE, attempts=Attempts({"totp": 1})) == judgement.enrollment
    assert Event(7, EventKind.CODE_REFUSED, NOON, "invalid-code", Factor.TOTP) == judgement.event
    with pytest.raises(InvalidCode):
        judgement.outcome()


@pytest.mark.parametrize("proof", [WRONG, MISTYPED], ids=["sign-in", "set-up"])
@pytest.mark.parametrize(("policy", "at_failure"), [(RECOMMENDED, 5), (AAL2, 5), (PCI_DSS, 10)])
def test_the_first_wait_comes_with_the_failure_that_the_policy_names(proof, policy, at_failure):
    """
    The fifth wrong code in a row (PCI DSS: the tenth) is still answered, and sets the wait.
    """
    before = after_failures(at_failure - 1, policy, proof)
    last = judge(before, proof, at=NOON, policy=policy)

    assert before.attempts.locked_until is None
    assert isinstance(last.verdict, InvalidCode)
    assert NOON + policy.first_wait == last.enrollment.attempts.locked_until


@pytest.mark.parametrize("proof", [RIGHT, WRONG, CONFIRMING, MISTYPED])
def test_while_locked_nothing_is_looked_at_and_nothing_counts(proof):
    """
    During a wait right and wrong codes get the same answer, and the row stays as it is.
    """
    locked = after_failures(5)
    at = NOON + timedelta(seconds=29)
    judgement = judge(locked, proof, at=at, policy=RECOMMENDED)

    assert locked == judgement.enrollment
    assert isinstance(judgement.verdict, Locked)
    assert (NOON + timedelta(seconds=30), 1) == (judgement.verdict.until, judgement.verdict.retry_after)
    assert Event(7, EventKind.CODE_REFUSED, at, "locked", Factor.TOTP) == judgement.event


def test_while_locked_a_used_code_is_not_told_as_used():
    """
    A wait tells a guesser nothing about codes, not even which were right once.
    """
    locked = replace(after_failures(5), last_step=STEP)
    judgement = judge(locked, RIGHT, at=NOON, policy=RECOMMENDED)

    assert isinstance(judgement.verdict, Locked)


@given(early=st.timedeltas(timedelta(microseconds=1), timedelta(seconds=30)))
def test_the_told_seconds_are_enough(early):
    """
    Whoever waits the whole seconds that were told is let in, and nobody is told to wait a second more.
    """
    at = NOON + timedelta(seconds=30) - early
    verdict = judge(after_failures(5), RIGHT, at=at, policy=RECOMMENDED).verdict

    assert isinstance(verdict, Locked)
    assert verdict.until <= at + timedelta(seconds=verdict.retry_after) < verdict.until + timedelta(seconds=1)


def test_after_the_wait_a_right_code_is_accepted_and_ends_the_row_of_failures():
    """
    When the wait is over a right code is accepted, and the count begins again.
    """
    at = NOON + timedelta(seconds=30)
    judgement = judge(after_failures(5), TotpProof(code(1), SECRET), at=at, policy=RECOMMENDED)

    assert judgement.accepted
    assert Attempts() == judgement.enrollment.attempts


def test_a_success_resets_its_own_count_only():
    """
    A backup code leaves the failures and the wait of the app, a code of the app those of the backup codes.
    """
    failed = after_failures(5)
    failed = judge(failed, WRONG_BACKUP_CODE, at=NOON, policy=RECOMMENDED).enrollment
    by_backup_code = judge(failed, backup_proof(), at=NOON, policy=RECOMMENDED)
    later = NOON + timedelta(seconds=30)
    by_app = judge(failed, TotpProof(code(1), SECRET), at=later, policy=RECOMMENDED)

    assert [by_backup_code.accepted, by_app.accepted] == [True, True]
    assert Attempts({"totp": 5}, later) == by_backup_code.enrollment.attempts
    assert Attempts({"backup_code": 1}) == by_app.enrollment.attempts


@pytest.mark.parametrize("policy", [RECOMMENDED, AAL2, PCI_DSS], ids=lambda policy: policy.name)
def test_a_capped_factor_stays_dead(policy):
    """
    After 100 failures in a row the right code is refused for ever, and trying changes nothing.
    """
    capped = after_failures(100, policy)
    right_then = TotpProof(TypedCode(SECRET.code_at(time_step_at(LATER, 30))), SECRET)
    judgement = judge(capped, right_then, at=LATER, policy=policy)

    assert failures(after_failures(99, policy), policy=policy) == 99
    assert isinstance(judgement.verdict, FactorDisabled)
    assert capped == judgement.enrollment
    assert judgement.event.outcome == "factor-disabled"
    assert not capped.has_usable_totp(policy)


@pytest.mark.parametrize(("policy", "refused"), [(RECOMMENDED, False), (AAL2, False), (PCI_DSS, True)])
def test_the_cap_of_the_app_leaves_the_backup_codes(policy, refused):
    """
    A backup code is the way out of a capped app, but in PCI DSS, where the cap is the user's.
    """
    judgement = judge(after_failures(100, policy), backup_proof(), at=LATER, policy=policy)

    assert refused == isinstance(judgement.verdict, FactorDisabled)
    assert refused != judgement.accepted


@pytest.mark.parametrize("policy", [RECOMMENDED, AAL2, PCI_DSS], ids=lambda policy: policy.name)
def test_a_pending_set_up_may_be_confirmed_beyond_the_cap(policy):
    """
    A new secret is the way back: its first code is accepted, and the count begins again.
    """
    right_then = SetUpProof(TypedCode(SECRET.code_at(time_step_at(LATER, 30))), SECRET)
    judgement = judge(after_failures(100, policy), right_then, at=LATER, policy=policy)

    assert judgement.accepted
    assert failures(judgement.enrollment, policy=policy) == 0


def test_guesses_at_a_pending_set_up_wait_beyond_the_cap_too():
    """
    Beyond the cap a wrong first code still counts and still costs the longest wait.
    """
    judgement = judge(after_failures(100), MISTYPED, at=LATER, policy=RECOMMENDED)

    assert failures(judgement.enrollment) == 101
    assert LATER + timedelta(minutes=30) == judgement.enrollment.attempts.locked_until


def test_the_first_code_of_a_new_secret_knows_no_history():
    """
    A new secret begins anew: the steps that were accepted of the old one do not count against it.
    """
    judgement = judge(replace(LIVE, last_step=TimeStep(STEP + 1000)), CONFIRMING, at=NOON, policy=RECOMMENDED)

    assert Accepted(Authenticator.TOTP, Factor.TOTP, STEP) == judgement.outcome()


@pytest.mark.parametrize("proof", [CONFIRMING, MISTYPED])
def test_the_code_of_a_set_up_is_compared_with_the_pending_secret_alone(proof):
    """
    A set-up is confirmed by its own secret; the live one cannot confirm it.
    """
    other = replace(proof, secret=TotpSecret("MFRGGZDFMZTWQ2LKMFRGGZDFMZTWQ2LK"))
    judgement = judge(LIVE, other, at=NOON, policy=RECOMMENDED)

    assert isinstance(judgement.verdict, InvalidCode)


@pytest.mark.parametrize(("ahead", "moved"), [(0, False), (1, False), (2, True), (10**6, True)])
def test_a_clock_that_moved_back_is_told_as_such(ahead, moved):
    """
    Where codes from beyond the window were accepted, a right code is refused with words about the clock (G17).
    """
    jumped = replace(LIVE, last_step=TimeStep(STEP + ahead))
    judgement = judge(jumped, RIGHT, at=NOON, policy=RECOMMENDED)

    assert (ClockMovedBack if moved else CodeAlreadyUsed) is type(judgement.verdict)
    assert moved == ("clock" in str(judgement.verdict))
    assert jumped == judgement.enrollment
    assert judgement.event.outcome == "code-already-used"


def test_a_clock_that_moved_back_catches_up():
    """
    When the time of the jump has come the app works again, with a code that was never accepted.
    """
    jumped = replace(LIVE, last_step=TimeStep(STEP + 10))
    at = NOON + timedelta(seconds=30 * 11)
    judgement = judge(jumped, TotpProof(code(11), SECRET), at=at, policy=RECOMMENDED)

    assert judgement.accepted


def test_a_wrong_code_is_counted_whatever_the_clock_did():
    """
    A clock that moved back does not make guesses free.
    """
    jumped = replace(LIVE, last_step=TimeStep(STEP + 10))
    judgement = judge(jumped, WRONG, at=NOON, policy=RECOMMENDED)

    assert isinstance(judgement.verdict, InvalidCode)
    assert failures(judgement.enrollment) == 1


def test_a_backup_code_is_accepted_and_burned():
    """
    A right backup code proves itself, and comes back as a set in which it is used and nine are not.
    """
    judgement = judge(LIVE, backup_proof(), at=NOON, policy=RECOMMENDED)
    accepted = judgement.outcome()

    assert (accepted.factor, accepted.step) == (Factor.BACKUP_CODE, None)
    assert [one.used_at for one in accepted.backup_codes.codes] == [NOON] + [None] * 9
    assert judgement.enrollment == LIVE
    assert Event(7, EventKind.CODE_ACCEPTED, NOON, "success", Factor.BACKUP_CODE) == judgement.event


@given(st.lists(st.sampled_from(CODES), max_size=30))
def test_each_backup_code_works_once(typed):
    """
    In any order, each of the ten is accepted the first time and never again, and none costs another.
    """
    stored, accepted, refused = stored_backup_codes(CODES, "7"), [], []
    for one in typed:
        judgement = judge(LIVE, backup_proof(one, stored), at=NOON, policy=RECOMMENDED)
        if judgement.accepted:
            stored = judgement.outcome().backup_codes
        (accepted if judgement.accepted else refused).append(one)

    assert list(dict.fromkeys(typed)) == accepted
    assert len(typed) - len(set(typed)) == len(refused)
    assert 10 - len(set(typed)) == stored.remaining


def test_a_used_backup_code_is_not_counted():
    """
    A used backup code is told as used, and costs no failure.
    """
    used = judge(LIVE, backup_proof(), at=NOON, policy=RECOMMENDED).outcome().backup_codes
    again = judge(LIVE, backup_proof(codes=used), at=NOON, policy=RECOMMENDED)

    assert type(again.verdict) is CodeAlreadyUsed
    assert again.enrollment == LIVE


def test_a_wrong_backup_code_is_counted_on_its_own():
    """
    A wrong backup code costs a failure of the backup codes and never a wait.
    """
    enrollment = after_failures(50, proof=WRONG_BACKUP_CODE)
    codes_of_the_app = judge(enrollment, RIGHT, at=NOON, policy=RECOMMENDED)

    assert Attempts({"backup_code": 50}) == enrollment.attempts
    assert codes_of_the_app.accepted


def test_a_backup_code_of_another_user_is_wrong():
    """
    A set that was copied to another user's row matches nothing there.
    """
    judgement = judge(replace(LIVE, user_id=8), backup_proof(), at=NOON, policy=RECOMMENDED)

    assert isinstance(judgement.verdict, InvalidCode)


@given(
    happenings=st.lists(
        st.tuples(
            st.sampled_from([RIGHT, WRONG, CONFIRMING, MISTYPED, backup_proof(), WRONG_BACKUP_CODE]),
            st.integers(0, 600),
        ),
        max_size=40,
    ),
    policy=st.sampled_from([RECOMMENDED, PCI_DSS]),
)
def test_only_wrong_codes_are_counted(happenings, policy):
    """
    For any history: the row changes by a wrong code's failure or by a success, and by no other refusal.
    """
    enrollment, at, broken = LIVE, NOON, []
    for proof, seconds in happenings:
        at += timedelta(seconds=seconds)
        judgement = judge(enrollment, proof, at=at, policy=policy)
        before, after = (failures(row, proof.factor, policy) for row in (enrollment, judgement.enrollment))
        match judgement.verdict:
            case Accepted():
                kept = after == 0
            case InvalidCode():
                kept = after == before + 1
            case _:
                kept = enrollment == judgement.enrollment
        broken += [] if kept else [(proof, judgement)]
        enrollment = judgement.enrollment

    assert broken == []


@given(gaps=st.lists(st.integers(0, 100), max_size=200))
def test_guesses_have_the_effect_that_the_policy_allows(gaps):
    """
    However wrong codes are spread over time, as many are looked at as the table of waits allows, and no more.
    """
    enrollment, at, looked_at, free_at = LIVE, NOON, 0, NOON
    expected = 0
    for gap in gaps:
        at += timedelta(seconds=gap)
        judgement = judge(enrollment, WRONG, at=at, policy=RECOMMENDED)
        looked_at += isinstance(judgement.verdict, InvalidCode)
        enrollment = judgement.enrollment
        if at >= free_at and expected < 100:
            expected += 1
            free_at = at + timedelta(seconds=min(30 * 2 ** (expected - 5), 1800)) if expected >= 5 else at

    assert expected == looked_at == failures(enrollment)


@pytest.mark.parametrize(
    ("enrollment", "at", "waits"),
    [
        (Enrollment(user_id=7), NOON, False),
        (Enrollment(user_id=7).with_pending(Sealed("s"), NOON), NOON - timedelta(microseconds=1), True),
        (Enrollment(user_id=7).with_pending(Sealed("s"), NOON), NOON, False),
        (Enrollment(user_id=7).with_pending(Sealed("s"), NOON), NOON - timedelta(seconds=630), True),
        (Enrollment(user_id=7).with_pending(Sealed("s"), NOON), NOON - timedelta(seconds=631), False),
        (Enrollment(user_id=7, pending_until=NOON), NOON - timedelta(seconds=1), False),
        (Enrollment(user_id=7, pending_secret=Sealed("s")), NOON, False),
    ],
)
def test_a_set_up_waits_until_its_moment(enrollment, at, waits):
    """
    A set-up is pending until the moment at which it expires, and not at it; nor where it was begun by a clock that was
    further ahead than that of another host may be.
    """
    assert waits == enrollment.has_pending(at, RECOMMENDED)


def test_a_new_set_up_leaves_everything_else():
    """
    A set-up replaces a pending one and nothing else: setting up never weakens (G7).
    """
    once = LIVE.with_pending(Sealed("first"), NOON)
    twice = once.with_pending(Sealed("second"), NOON + timedelta(minutes=1))

    assert replace(LIVE, pending_secret="second", pending_until=NOON + timedelta(minutes=1)) == twice
    assert replace(once, pending_secret=None, pending_until=None) == LIVE


def test_a_confirmed_secret_is_live_from_its_step_on():
    """
    Confirming puts the new secret in place of the old one, keeps the backup codes, and owes the end of all sessions.
    """
    confirmed = LIVE.with_pending(Sealed("new"), NOON).with_totp(Sealed("new"), STEP, at=NOON)

    assert replace(LIVE, totp_secret="new", last_step=STEP, epoch=4, end_sessions=4) == confirmed


def test_a_first_factor_is_enabled_from_then_on():
    """
    The moment since when a factor is active is that of the first one, and stays when it is replaced.
    """
    first = Enrollment(user_id=7).with_totp(Sealed("a"), STEP, at=NOON)
    second = first.with_totp(Sealed("b"), STEP, at=NOON + timedelta(days=1))

    assert (first.enabled, first.enabled_at) == (True, NOON)
    assert second.enabled_at == NOON


def test_disabling_leaves_nothing_but_the_epoch():
    """
    Without factors nothing of them is left, and whatever was handed out before has been outlived.
    """
    bare = after_failures(5).with_pending(Sealed("new"), NOON).without_factors()

    assert Enrollment(user_id=7, epoch=4, end_sessions=4) == bare


def test_what_outlives_ends_pending_set_ups():
    """
    A change of password raises the epoch and ends a set-up begun before; the factors stay, and no debt is incurred.
    """
    outlived = LIVE.with_pending(Sealed("new"), NOON).outlived()

    assert replace(LIVE, epoch=4) == outlived


@given(
    st.lists(
        st.sampled_from(
            [
                Enrollment.outlived,
                Enrollment.changed,
                Enrollment.without_factors,
                lambda row: row.with_totp(Sealed("s"), STEP, at=NOON),
            ]
        ),
        max_size=10,
    )
)
def test_the_epoch_grows_with_every_change(changes):
    """
    Each change of factor or password raises the epoch by one, so that no earlier one ever comes back.
    """
    epochs = [LIVE.epoch]
    enrollment = LIVE
    for change in changes:
        enrollment = change(enrollment)
        epochs.append(enrollment.epoch)

    assert list(range(3, 4 + len(changes))) == epochs
    assert enrollment.end_sessions in {0, *epochs}


def test_nothing_secret_shows_in_a_repr():
    """
    Whatever of a proof and its judgement is printed, neither code, secret, digest nor sealed value stands in it.
    """
    row = LIVE.with_pending(Sealed("the pending secret"), NOON)
    proofs = [RIGHT, CONFIRMING, backup_proof()]
    judgements = [judge(row, proof, at=NOON, policy=RECOMMENDED) for proof in proofs]
    shown = f"{row} {proofs} {judgements} {[one.verdict for one in judgements]}"
    digests = [one.digest for one in stored_backup_codes(CODES, "7").codes]

    for secret in (row.totp_secret, row.pending_secret, row.backup_codes, SECRET.base32, code().text, *CODES):
        assert secret not in shown
        assert secret.replace("-", "") not in shown
    for digest in digests:
        assert digest.hex() not in shown
        assert repr(digest) not in shown


def test_a_refusal_says_nothing_of_what_was_typed():
    """
    No refusal's text holds a code.
    """
    rows = [LIVE, after_failures(5), after_failures(100), replace(LIVE, last_step=STEP)]
    verdicts = [judge(row, RIGHT, at=NOON, policy=RECOMMENDED).verdict for row in rows]
    refusals = [verdict for verdict in verdicts if isinstance(verdict, ProofRefused)]

    assert len(refusals) == 3
    assert [refusal for refusal in refusals if code().text in str(refusal)] == []


WEAK_SECRET = TotpSecret("JBSWY3DPEHPK3PXP", from_elsewhere=True)


def weak_proof(steps_away: int = 0) -> TotpProof:
    return TotpProof(TypedCode(WEAK_SECRET.code_at(TimeStep(STEP + steps_away))), WEAK_SECRET)


def test_the_first_accepted_code_of_a_weak_secret_is_the_last():
    """
    NIST SP 800-63B-4, 3.1.4.1: a key of fewer than 112 bits signs in once more; in the same row it is gone.
    """
    judgement = judge(LIVE, weak_proof(), at=NOON, policy=RECOMMENDED)

    assert judgement.accepted
    assert replace(LIVE, totp_secret=None, last_step=STEP) == judgement.enrollment


@pytest.mark.parametrize("policy", [RECOMMENDED, PCI_DSS])
def test_a_wrong_code_leaves_a_weak_secret_where_it_is(policy):
    """
    Only a code that is accepted spends a weak secret: nobody takes it away by guessing; the guess is counted.
    """
    judgement = judge(LIVE, TotpProof(WRONG.code, WEAK_SECRET), at=NOON, policy=policy)

    assert LIVE.totp_secret == judgement.enrollment.totp_secret
    assert failures(judgement.enrollment, policy=policy) == 1


def test_an_old_code_leaves_a_weak_secret_where_it_is():
    """
    A step that was claimed before is refused for a weak secret too, and does not spend it.
    """
    judgement = judge(replace(LIVE, last_step=STEP), weak_proof(), at=NOON, policy=RECOMMENDED)

    assert isinstance(judgement.verdict, CodeAlreadyUsed)
    assert replace(LIVE, last_step=STEP) == judgement.enrollment


def test_a_backup_code_leaves_a_weak_secret_where_it_is():
    """
    Whoever signs in with a backup code has not used the weak secret yet.
    """
    judgement = judge(LIVE, backup_proof(), at=NOON, policy=RECOMMENDED)

    assert judgement.accepted
    assert LIVE.totp_secret == judgement.enrollment.totp_secret


def test_a_strong_secret_stays():
    """
    A secret of 112 bits and more stays live after its code was accepted, whoever made it.
    """
    strong = TotpSecret("JBSWY3DPEHPK3PXPJBSWY3D", from_elsewhere=True)
    proof = TotpProof(TypedCode(strong.code_at(STEP)), strong)

    judgement = judge(LIVE, proof, at=NOON, policy=RECOMMENDED)

    assert judgement.accepted
    assert LIVE.totp_secret == judgement.enrollment.totp_secret
