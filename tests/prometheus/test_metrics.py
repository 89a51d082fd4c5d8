"""What happens is counted, by words that nobody can choose."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from tests.prometheus.told import counted, samples_in, told, values_of_labels
from tests.service.people import Person
from twofold import Event, TwoFactorAuth
from twofold.core.events import EventKind
from twofold.core.factors import Factor
from twofold.core.sealing import Sealed
from twofold.errors import ConfigurationError, Locked, ProofRefused, TwofoldError
from twofold.prometheus import Metrics
from twofold.prometheus.labels import FACTORS, OUTCOMES
from twofold.testing import MemoryStore

MOMENT = datetime(2030, 1, 1, tzinfo=UTC)
MARK = "mark<\"'\\\n>7"


def refused(act: Callable[[], object]) -> None:
    with suppress(TwofoldError):
        act()


def test_a_life_is_counted(person: Person, auth: TwoFactorAuth, metrics: Metrics):
    """
    Each attempt is counted once, by its factor and outcome; sign-ins, set-ups, resets and ended waits beside it.
    """
    person.sign_in("one")
    used = person.code()
    auth.totp.verify(person.user_id, used)
    refused(lambda: auth.totp.verify(person.user_id, used))
    auth.backup_codes.burn(person.user_id, person.backup_code())
    for _ in range(5):
        refused(lambda: auth.totp.verify(person.user_id, person.wrong_code()))
    refused(lambda: auth.totp.verify(person.user_id, person.code()))
    auth.users.unlock(person.user_id, reason="asked by telephone", actor="desk")
    auth.users.reset(person.user_id, reason="phone lost", actor="desk")
    auth.sign_in.begin(person.user_id)

    assert counted(samples_in(metrics.text())) == {
        "attempts totp success": 3,
        "attempts totp code-already-used": 1,
        "attempts backup_code success": 1,
        "attempts totp invalid-code": 5,
        "attempts totp locked": 1,
        "sign_ins totp": 1,
        "sign_ins none": 1,
        "enrollments totp": 1,
        "locked totp": 1,
        "unlocks": 1,
        "resets": 1,
    }


def test_a_value_that_does_not_open_is_counted(
    person: Person, auth: TwoFactorAuth, metrics: Metrics, store: MemoryStore
):
    """
    A stored value that does not open is counted, and is no attempt.
    """
    before = counted(samples_in(metrics.text()))
    with suppress(TwofoldError):
        store.transact(lambda tx: tx.save(damaged(tx.lock(person.user_id))))
    refused(lambda: auth.totp.verify(person.user_id, person.code()))

    after = counted(samples_in(metrics.text()))
    assert after == before | {"unreadable_values": 1}


def damaged(enrollment: Any) -> Any:
    return type(enrollment)(**{**vars(enrollment), "totp_secret": Sealed(enrollment.totp_secret[:-4])})


def test_imports_and_refused_admins_are_counted(metrics: Metrics):
    """
    A secret that was imported is no attempt, though it has a factor; a stranger who is refused needs no user.
    """
    metrics(Event(7, EventKind.SECRET_IMPORTED, MOMENT, factor=Factor.TOTP, actor=MARK))
    metrics(Event(None, EventKind.ADMIN_REFUSED, MOMENT, "forbidden", client_address="192.0.2.7"))

    assert counted(samples_in(metrics.text())) == {"imports": 1, "admin_refusals": 1}


def test_what_will_be_counted_stands_at_zero(metrics: Metrics):
    """
    Before anything has happened each factor with each outcome is told as none, so that the first one is seen.
    """
    samples = samples_in(metrics.text())

    attempts = {labels for name, labels in samples if name == "twofold_attempts_total"}
    assert attempts == {frozenset({("factor", f), ("outcome", o)}) for f in FACTORS for o in OUTCOMES}
    assert told(samples, "twofold_sign_ins_total", factor="totp") == 0
    assert told(samples, "twofold_resets_total") == 0


@pytest.mark.parametrize("kind", list(EventKind))
def test_no_label_has_a_word_that_came_from_outside(kind: EventKind, metrics: Metrics):
    """
    Whatever stands in an event, each label has a value of a short list: an unknown word is `other`, and user, actor,
    reason and address are never told.
    """
    given: Any = {"outcome": MARK, "factor": MARK, "client_address": MARK, "actor": MARK, "reason": MARK}

    metrics(Event(MARK, kind, MOMENT, **given))
    metrics(Event(MARK, kind, MOMENT, **given | {"factor": None}))

    text = metrics.text()
    assert b"mark" not in text
    assert values_of_labels(samples_in(text)) <= FACTORS | OUTCOMES | {"other", "none"}


def test_the_outcomes_are_those_of_proofs():
    """
    The outcomes that are told apart are success, and the slug of each error for a proof that was refused.
    """

    def below(kind: type[TwofoldError]) -> set[str]:
        return {kind.slug, *(slug for each in kind.__subclasses__() for slug in below(each))}

    assert {"success", *below(ProofRefused)} - {ProofRefused.slug} == OUTCOMES
    assert Locked.slug in OUTCOMES
    assert ConfigurationError.slug not in OUTCOMES


def test_two_applications_do_not_mix(person: Person, metrics: Metrics):
    """
    Two applications in one process count apart, and a registry of the host's own keeps its own metrics.
    """
    registry = CollectorRegistry()
    other = Metrics(registry)
    person.sign_in("one")

    assert told(samples_in(metrics.text()), "twofold_sign_ins_total", factor="totp") == 1
    assert told(samples_in(other.text()), "twofold_sign_ins_total", factor="totp") == 0
    assert registry.get_sample_value("twofold_sign_ins_total", {"factor": "totp"}) == 0
