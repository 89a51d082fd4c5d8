"""Events: one for each state change, after its commit, and nothing secret in any of them."""

import asyncio
import logging
from dataclasses import fields, replace

import pytest

from tests.service.people import Person
from tests.service.roads import CASES, CODE_ROADS
from twofold import Event, EventKind, Factor, TwoFactorAuth
from twofold.core.backup_codes import digest_of, typed_backup_code
from twofold.errors import (
    AlreadyEnabled,
    CodeAlreadyUsed,
    InvalidCode,
    MalformedCode,
    NoSetupPending,
    ProofRefused,
    SignInTokenDead,
    StepUpRequired,
    Unavailable,
)
from twofold.service.context import token_hash

TOTP, BACKUP_CODE = Factor.TOTP, Factor.BACKUP_CODE
ACCEPTED = {
    "verify": (EventKind.CODE_ACCEPTED, TOTP),
    "verify_totp_code": (EventKind.CODE_ACCEPTED, TOTP),
    "begin": (EventKind.SIGNED_IN, TOTP),
    "prove": (EventKind.STEPPED_UP, TOTP),
    "require": (EventKind.STEPPED_UP, TOTP),
    "regenerate": (EventKind.BACKUP_CODES_REGENERATED, TOTP),
    "disable": (EventKind.SECOND_FACTOR_DISABLED, TOTP),
    "begin without a code": (EventKind.PASSWORD_ACCEPTED, None),
    "burn": (EventKind.CODE_ACCEPTED, BACKUP_CODE),
    "set_up": (EventKind.SET_UP_STARTED, None),
    "password_changed": (EventKind.PASSWORD_CHANGED, None),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_succeeds_leaves_one_event(person, told, store, name):
    """
    Each use case that succeeds leaves exactly one event, stored and told alike.
    """
    told.clear()
    before = len(store.events)
    CASES[name](person)
    kind, factor = ACCEPTED[name]

    assert [Event(7, kind, person.clock.now(), "success", factor)] == told
    assert tuple(told) == store.events[before:]


def test_a_sign_in_leaves_an_event_for_each_of_its_steps(person, told):
    """
    The password and the second factor each leave one event.
    """
    told.clear()
    CASES["finish"](person)

    assert [(event.kind, event.factor) for event in told] == [
        (EventKind.PASSWORD_ACCEPTED, None),
        (EventKind.SIGNED_IN, TOTP),
    ]


def test_enrolling_leaves_an_event_for_each_of_its_steps(newcomer, told):
    """
    The beginning of a set-up and its confirmation each leave one event.
    """
    newcomer.enroll()

    assert [(event.kind, event.factor) for event in told] == [
        (EventKind.SET_UP_STARTED, None),
        (EventKind.FACTOR_ENROLLED, TOTP),
    ]


def test_a_sign_in_without_a_second_factor_leaves_one_event(auth, newcomer, told):
    """
    Where the password is enough, signing in leaves one event without a factor.
    """
    auth.sign_in.begin(7)

    assert [Event(7, EventKind.SIGNED_IN, newcomer.clock.now())] == told


def typo(person):
    return person.wrong_code()


def replay(person):
    person.auth.totp.verify(7, person.code())
    return person.code()


def guessed(person, times):
    for _ in range(times):
        person.clock.moment = max(person.clock.now(), person.row.attempts.locked_until or person.clock.now())
        with pytest.raises(InvalidCode):
            person.auth.totp.verify(7, person.wrong_code())
    return person.code()


def capped(person):
    guessed(person, 100)
    person.clock.forward(minutes=30)
    return person.code()


REFUSED = {
    "invalid-code": typo,
    "code-already-used": replay,
    "locked": lambda person: guessed(person, 5),
    "factor-disabled": capped,
}


@pytest.mark.parametrize("road", CODE_ROADS)
@pytest.mark.parametrize("slug", REFUSED)
def test_a_refusal_leaves_one_event(person, told, store, road, slug):
    """
    Each refused proof leaves exactly one event, with the slug that is told, on every road.
    """
    typed = REFUSED[slug](person)
    told.clear()
    before = len(store.events)
    with pytest.raises(ProofRefused) as refusal:
        CODE_ROADS[road](person, typed)
    password = [Event(7, EventKind.PASSWORD_ACCEPTED, person.clock.now())] if road == "finish" else []

    assert slug == refusal.value.slug
    assert [*password, Event(7, EventKind.CODE_REFUSED, person.clock.now(), slug, TOTP)] == told
    assert tuple(told) == store.events[before:]


@pytest.mark.parametrize(
    ("use_case", "refusal"),
    [
        pytest.param(lambda auth: auth.totp.set_up(7), AlreadyEnabled, id="already enabled"),
        pytest.param(lambda auth: auth.totp.confirm(7, auth.typed("123456")), NoSetupPending, id="nothing pending"),
        pytest.param(lambda auth: auth.sign_in.begin(7, "12345"), MalformedCode, id="malformed"),
        pytest.param(lambda auth: auth.sign_in.finish("?", auth.typed("123456")), SignInTokenDead, id="dead sign-in"),
        pytest.param(lambda auth: auth.step_up.require(7, "a session"), StepUpRequired, id="step-up"),
        pytest.param(lambda auth: auth.totp.set_up(7, session_id="a session"), StepUpRequired, id="set-up"),
    ],
)
def test_what_changes_nothing_leaves_no_event(person, told, store, use_case, refusal):
    """
    Where a use case is refused before a proof was looked at, no event is left.
    """
    told.clear()
    before = store.events
    with pytest.raises(refusal):
        use_case(person.auth)

    assert told == []
    assert before == store.events


def test_looking_leaves_no_event(auth, person, told):
    """
    Reading the status or a session, and passing as a fresh session, leave no event.
    """
    person.sign_in("a session")
    told.clear()
    CASES["status"](person)
    CASES["state"](person)
    auth.step_up.require(7, "a session", code=person.shown())

    assert told == []


def a_whole_life(person) -> list[str]:
    """Everything that can happen to a person, and what of it is secret."""
    auth, typed = person.auth, []
    roads = {name: road for name, road in CODE_ROADS.items() if name != "disable"}
    for road in roads.values():
        wrong = person.wrong_code()
        with pytest.raises(InvalidCode):
            road(person, wrong)
        typed += [wrong.text, person.shown()]
        road(person, person.code())
        with pytest.raises(CodeAlreadyUsed):
            road(person, person.code())
        person.clock.forward(seconds=30)
    person.backup_codes = auth.backup_codes.regenerate(7, person.next_code())
    sealed = [value for value in vars(person.row).values() if isinstance(value, str)]
    digests = [digest_of(typed_backup_code(code), "7").hex() for code in person.backup_codes]
    auth.backup_codes.burn(7, person.backup_code())
    pending = person.begin()
    auth.sign_in.finish(pending.sign_in_token, person.next_code())
    person.clock.forward(seconds=30)
    person.sign_in("the name of a session")
    first_secret = person.secret.base32
    person.enroll(replace=True)
    CASES["disable"](person)
    tokens = [pending.sign_in_token, "the name of a session"]
    hashes = [token_hash(token) for token in tokens]
    return [*typed, *sealed, *digests, *tokens, *hashes, *person.backup_codes, first_secret, person.secret.base32]


def test_nothing_secret_stands_in_any_event(person, store, told):
    """
    Of a whole life with a second factor, no event holds a secret, a code, a backup code, a digest, a token, the name of
    a session or a sealed value.
    """
    secrets = a_whole_life(person)
    shown = repr(store.events) + repr(told)

    assert len(store.events) > 30
    assert len(secrets) > 40
    assert [secret for secret in secrets if secret in shown or secret.replace("-", "") in shown] == []


def test_nothing_secret_stands_in_any_log(person, caplog):
    """
    Of the same life, no log record holds any of it, at any level (G9).
    """
    caplog.set_level(logging.DEBUG)
    secrets = a_whole_life(person)
    logged = "".join(f"{record.getMessage()} {record.args!r} {record.exc_text}" for record in caplog.records)

    assert [secret for secret in secrets if secret in logged] == []


def test_an_event_has_no_field_for_a_secret():
    """
    What an event may say is fixed: who, what, when, with which outcome and factor, from where, by whom and why.
    """
    names = [field.name for field in fields(Event)]

    assert names == ["user_id", "kind", "moment", "outcome", "factor", "client_address", "actor", "reason"]


def test_an_event_tells_where_it_came_from(auth, person, told):
    """
    The client's address that a use case was given stands in its event.
    """
    told.clear()
    asyncio.run(auth.run(lambda auth: auth.totp.verify(7, person.code()), client_address="2001:db8::1"))
    auth.password_changed(7)

    assert [event.client_address for event in told] == ["2001:db8::1", None]


def test_a_listener_that_raises_changes_nothing(store, clock, keys, person, caplog):
    """
    What `on_event` raises is logged; the use case has its effect and its answer, and its event is stored.
    """

    def raises(event: Event) -> None:
        raise RuntimeError

    auth = TwoFactorAuth(issuer="Acme", keys=keys, store=store, clock=clock, on_event=raises)
    step = auth.totp.verify(7, person.code())
    with pytest.raises(InvalidCode):
        auth.totp.verify(7, person.wrong_code())

    assert person.row.last_step == step
    assert person.row.attempts.failures == {"totp": 1}
    assert [event.outcome for event in store.events[-2:]] == ["success", "invalid-code"]
    assert [record.getMessage() for record in caplog.records] == [
        "on_event failed for code_accepted; the event itself is stored",
        "on_event failed for code_refused; the event itself is stored",
    ]


def test_without_a_listener_events_are_stored_all_the_same(store, clock, keys, person):
    """
    `on_event` is an addition: without it nothing is lost.
    """
    auth = TwoFactorAuth(issuer="Acme", keys=keys, store=store, clock=clock)
    auth.totp.verify(7, person.code())

    assert EventKind.CODE_ACCEPTED is store.events[-1].kind


def test_events_are_told_after_their_commit(store, clock, keys, person):
    """
    Who is told of an event finds in the store what it tells of (G2).
    """
    seen = []

    def look(event: Event) -> None:
        row = store.read(lambda tx: tx.enrollment(7))
        seen.append((event.outcome, dict(row.attempts.failures), event in store.events))

    auth = TwoFactorAuth(issuer="Acme", keys=keys, store=store, clock=clock, on_event=look)
    with pytest.raises(InvalidCode):
        auth.totp.verify(7, person.wrong_code())

    assert seen == [("invalid-code", {"totp": 1}, True)]


class Breaking:
    """A store whose transactions break at the end, the first ones or all of them, as a database may break."""

    def __init__(self, store, times: float, *, again: bool) -> None:
        self._store = store
        self._left = times
        self._again = again

    def transact(self, work):
        while self._left:
            self._left -= 1
            with pytest.raises(Unavailable):
                self._store.transact(lambda tx: self._broken(work(tx)))
            if not self._again:
                raise Unavailable
        return self._store.transact(work)

    def _broken(self, _: object) -> None:
        raise Unavailable

    def read(self, work):
        return self._store.read(work)

    async def run(self, use_case):
        return use_case(self)


def over_a_breaking_store(person: Person, told: list[Event], *, again: bool) -> Person:
    """The same person, and the same application, over a store whose first transaction breaks."""
    auth, store = person.auth, Breaking(person.auth.store, 1, again=again)
    broken = TwoFactorAuth(issuer="Acme", keys=auth.keys, store=store, clock=person.clock, on_event=told.append)
    return replace(person, auth=broken)


STORING = [name for name in CASES if name not in {"state", "status"}]


@pytest.mark.parametrize("name", STORING)
@pytest.mark.parametrize("right", [True, False])
def test_nothing_is_told_that_was_not_stored(person, store, told, name, right):
    """
    Where the commit fails, neither success nor refusal is told, by answer or event, and nothing is kept (G2).
    """
    person.auth.totp.set_up(7, replace=True)
    if not right:
        person.auth.totp.verify(7, person.code())
    told.clear()
    before, events = person.row, store.events
    with pytest.raises(Unavailable):
        CASES[name](over_a_breaking_store(person, told, again=False))

    assert told == []
    assert (before, events) == (person.row, store.events)


@pytest.mark.parametrize("name", [name for name in STORING if name != "confirm"])
def test_work_that_ran_again_is_told_once(person, store, told, name):
    """
    Where the store had to run the work again, its event is stored and told once.
    """
    told.clear()
    before = store.events
    CASES[name](over_a_breaking_store(person, told, again=True))

    assert tuple(told) == store.events[len(before) :]
    assert len(told) == (2 if name == "finish" else 1)


def test_what_is_shown_is_what_was_stored_last(newcomer, told):
    """
    Where the work of a use case ran again, what is shown is of the run that was stored.
    """

    def auth() -> TwoFactorAuth:
        return over_a_breaking_store(newcomer, told, again=True).auth

    newcomer.secret = auth().totp.set_up(7).secret
    newcomer.backup_codes = auth().totp.confirm(7, newcomer.code()).backup_codes
    remaining = auth().backup_codes.burn(7, newcomer.backup_code())
    pending = auth().sign_in.begin(7)
    proved = auth().sign_in.finish(pending.sign_in_token, newcomer.next_code())
    newcomer.backup_codes = auth().backup_codes.regenerate(7, newcomer.next_code())

    assert (remaining, proved.assurance.aal) == (9, 2)
    assert auth().backup_codes.burn(7, newcomer.backup_code()) == 9
