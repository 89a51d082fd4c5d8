"""`judge` on the answers of WebAuthn keys: what is accepted, what tells of a copy, and whose failures are counted."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.test_webauthn import KEY, KEYS
from twofold.core.attempts import Attempts
from twofold.core.enrollment import Enrollment, WebAuthnProof, judge
from twofold.core.events import Event, EventKind
from twofold.core.factors import Authenticator, Factor
from twofold.core.policy import AAL2, PCI_DSS, RECOMMENDED
from twofold.core.sealing import Sealed
from twofold.core.webauthn import Asserted, WebAuthnKeys
from twofold.errors import FactorDisabled, InvalidKey, KeyCopied, Locked
from twofold.testing.clock import NOON

LIVE = Enrollment(
    user_id=7,
    totp_secret=Sealed("the live secret"),
    enabled=True,
    webauthn_keys=Sealed("the keys"),
    epoch=3,
    enabled_at=NOON - timedelta(days=1),
)
RIGHT = Asserted(8, backup_eligible=False, backed_up=False, user_verified=False)
NOT_THIS_KEY, NOT_RIGHT = WebAuthnProof(KEYS), WebAuthnProof(KEYS, KEY)
COPIED = WebAuthnProof(KEYS, KEY, replace(RIGHT, sign_count=7))
FLIPPED = WebAuthnProof(KEYS, KEY, replace(RIGHT, backup_eligible=True))
REFUSED = pytest.mark.parametrize("proof", [NOT_THIS_KEY, NOT_RIGHT, COPIED, FLIPPED])


def proof(key=KEY, **changes) -> WebAuthnProof:
    return WebAuthnProof(WebAuthnKeys(KEYS.user_handle, (key,)), key, replace(RIGHT, **changes))


def judged(proof, policy=RECOMMENDED, enrollment=LIVE):
    return judge(enrollment, proof, at=NOON, policy=policy)


def test_a_right_answer_is_accepted_and_changes_its_key_alone():
    """
    A right answer proves its key, and comes back as the keys in which this one has been used; the row is as before.
    """
    judgement = judged(WebAuthnProof(KEYS, KEY, RIGHT))
    accepted = judgement.outcome()

    assert (accepted.authenticator, accepted.factor, accepted.step) == (
        Authenticator.HARDWARE_KEY,
        Factor.WEBAUTHN,
        None,
    )
    assert KEYS.with_key(replace(KEY, sign_count=8, last_used_at=NOON)) == accepted.keys
    assert judgement.enrollment == LIVE
    assert Event(7, EventKind.CODE_ACCEPTED, NOON, "success", Factor.WEBAUTHN) == judgement.event


@pytest.mark.parametrize(
    ("backup_eligible", "user_verified", "proved"),
    [
        (False, False, Authenticator.HARDWARE_KEY),
        (True, False, Authenticator.SOFTWARE_KEY),
        (False, True, Authenticator.VERIFIED_HARDWARE_KEY),
        (True, True, Authenticator.VERIFIED_SOFTWARE_KEY),
    ],
)
@pytest.mark.parametrize("before", [False, True])
def test_what_was_verified_is_what_this_answer_says(backup_eligible, user_verified, proved, before):
    """
    Whether the person was verified is told by the answer at hand, not by one of before.
    """
    key = replace(KEY, backup_eligible=backup_eligible, user_verified=before)
    judgement = judged(proof(key, backup_eligible=backup_eligible, user_verified=user_verified))

    assert proved is judgement.outcome().authenticator


@given(counts=st.lists(st.integers(0, 12), max_size=20))
def test_an_accepted_counter_only_grows(counts):
    """
    For any row of answers: once a counter was told, each accepted one is greater than every one before it.
    """
    key, accepted = replace(KEY, sign_count=0), []
    for count in counts:
        judgement = judged(proof(key, sign_count=count))
        if judgement.accepted:
            key = judgement.outcome().keys.keys[0]
            accepted.append(count)

    told = accepted[next((place for place, count in enumerate(accepted) if count), len(accepted)) :]
    assert sorted(set(told)) == told


def test_a_counter_that_went_back_is_told_as_a_copy():
    """
    WebAuthn Level 3, 6.1.1: a counter that did not grow is refused, as an event of its own and in words of its own.
    """
    judgement = judged(COPIED)

    assert judgement.enrollment == LIVE
    assert Event(7, EventKind.SIGN_COUNT_REGRESSED, NOON, "invalid-code", Factor.WEBAUTHN) == judgement.event
    with pytest.raises(KeyCopied, match="its counter went back"):
        judgement.outcome()


@pytest.mark.parametrize("backup_eligible", [False, True])
def test_a_key_does_not_change_its_kind(backup_eligible):
    """
    WebAuthn Level 3, 6.1.3: "the backup eligibility of a credential is determined at creation time" and never changes;
    an answer that tells otherwise is refused, and is no sign of a copy.
    """
    key = replace(KEY, backup_eligible=backup_eligible)
    kept, flipped = (judged(proof(key, backup_eligible=told)) for told in (backup_eligible, not backup_eligible))

    assert kept.accepted
    assert type(flipped.verdict) is InvalidKey
    assert flipped.event.kind is EventKind.CODE_REFUSED


@pytest.mark.parametrize("backed_up", [False, True])
def test_a_key_may_come_to_be_backed_up(backed_up):
    """
    NIST SP 800-63B-4, B.3: whether a key is backed up at the moment decides nothing.
    """
    assert judged(proof(replace(KEY, backup_eligible=True), backup_eligible=True, backed_up=backed_up)).accepted


@pytest.mark.parametrize("policy", [RECOMMENDED, AAL2], ids=lambda policy: policy.name)
@REFUSED
def test_a_wrong_answer_is_an_event_and_no_failure(proof, policy):
    """
    Nobody guesses what a key signs: a wrong answer changes nothing in the row.
    """
    assert judged(proof, policy).enrollment == LIVE


@REFUSED
def test_pci_dss_counts_wrong_answers(proof):
    """
    PCI DSS 4.0.1, 8.3.4: each invalid attempt counts, whichever the factor, and the tenth locks the user.
    """
    enrollment = LIVE
    for _ in range(10):
        enrollment = judged(proof, PCI_DSS, enrollment).enrollment

    assert Attempts({"all": 10}, NOON + timedelta(minutes=30)) == enrollment.attempts
    assert isinstance(judged(WebAuthnProof(KEYS, KEY, RIGHT), PCI_DSS, enrollment).verdict, Locked)


@pytest.mark.parametrize(("policy", "held"), [(RECOMMENDED, False), (AAL2, False), (PCI_DSS, True)])
def test_a_wait_holds_keys_back_in_pci_dss_alone(policy, held):
    """
    While typed codes wait, a key is the owner's way in (G4); PCI DSS locks the user.
    """
    waiting = replace(LIVE, attempts=Attempts({"totp": 20, "all": 20}, NOON + timedelta(minutes=10)))

    assert isinstance(judged(WebAuthnProof(KEYS, KEY, RIGHT), policy, waiting).verdict, Locked) == held


def test_a_success_of_a_key_ends_no_wait_of_codes():
    """
    Who signs in with a key gives a guesser of codes no fresh start.
    """
    waiting = replace(LIVE, attempts=Attempts({"totp": 20}, NOON + timedelta(minutes=10)))

    assert waiting == judged(WebAuthnProof(KEYS, KEY, RIGHT), RECOMMENDED, waiting).enrollment


def test_a_capped_key_is_dead_in_pci_dss():
    """
    Where there is one count, its cap is that of keys too.
    """
    capped = replace(LIVE, attempts=Attempts({"all": 100}))

    assert isinstance(judged(WebAuthnProof(KEYS, KEY, RIGHT), PCI_DSS, capped).verdict, FactorDisabled)
    assert not capped.has_usable_keys(PCI_DSS)


def test_one_generic_answer_for_whatever_is_wrong():
    """
    That there is no such key, that the challenge was none, and that the answer is wrong read the same (G12).
    """
    told = {str(judged(one).verdict) for one in (NOT_THIS_KEY, NOT_RIGHT, FLIPPED)}

    assert len(told) == 1


def test_keys_come_and_go_as_factors_do():
    """
    A key that is registered or removed is a change of factor: the epoch grows, and all sessions are to end (G8).
    """
    first = Enrollment(user_id=7, epoch=3).with_keys(Sealed("keys"), at=NOON)
    none = LIVE.with_pending(Sealed("new"), NOON).with_keys(None, at=NOON)

    assert Enrollment(user_id=7, webauthn_keys="keys", enabled=True, enabled_at=NOON, epoch=4, end_sessions=4) == first
    assert replace(LIVE, webauthn_keys=None, epoch=4, end_sessions=4) == none
    assert [first.has_factor, none.has_factor, replace(none, totp_secret=None).has_factor] == [True, True, False]


def test_nothing_secret_shows_in_a_judgement():
    """
    Whatever of an answer and its judgement is printed, no public key, handle or sealed value stands in it.
    """
    shown = " ".join(f"{one} {judged(one)} {judged(one).verdict}" for one in (WebAuthnProof(KEYS, KEY, RIGHT), COPIED))

    for secret in ("public key", "handle", "the keys", "the live secret"):
        assert secret not in shown
