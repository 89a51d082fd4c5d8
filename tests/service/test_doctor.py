"""What the doctor finds in a store, and that nothing it is there to find stops it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

import pytest
from cryptography.fernet import Fernet

from twofold import ConfigurationError, KeyRing, TwoFactorAuth, Unavailable
from twofold.core.diagnosis import Check, Finding, Light
from twofold.core.enrollment import Enrollment
from twofold.core.policy import ENROLLMENTS_AT_ONCE
from twofold.core.sealing import Purpose
from twofold.core.survey import FoundEnrollment
from twofold.core.totp import TimeStep, time_step_at
from twofold.service.ports import Clock, Transaction, UserId
from twofold.testing import MemoryStore, StoppedClock

T = TypeVar("T")


@pytest.fixture
def database_clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
def store(database_clock: StoppedClock) -> MemoryStore:
    store = MemoryStore(clock=database_clock)
    store.add_user(7, "ann@example.com")
    store.add_user(8, "bob@example.com")
    return store


def found_by(auth: TwoFactorAuth) -> dict[Check, Finding]:
    return {finding.check: finding for finding in auth.doctor.examined()}


def not_green(auth: TwoFactorAuth) -> dict[Check, Light]:
    return {check: finding.light for check, finding in found_by(auth).items() if finding.light is not Light.GREEN}


def test_a_store_in_which_all_is_well_is_green(auth, person, somebody_else, clock, database_clock):
    """
    With two clocks in step, one key and users who have all their codes, nothing is to be done.
    """
    database_clock.moment = clock.moment

    assert not_green(auth) == {}
    assert found_by(auth)[Check.SEALED_VALUES].found == "4 values opened, all that have their key"


@pytest.mark.parametrize(("seconds", "light"), [(70, Light.RED), (-70, Light.RED), (10, Light.AMBER), (1, None)])
def test_the_clocks_are_compared(auth, clock, database_clock, seconds, light):
    """
    An application whose clock is 70 s off the database's is told so, and nothing else is wrong.
    """
    clock.moment = database_clock.moment + timedelta(seconds=seconds)

    assert not_green(auth) == ({Check.CLOCK: light} if light else {})


class SlowClock:
    """A clock that goes on by so much at each look: what is asked in between takes that long."""

    def __init__(self, clock: StoppedClock, seconds: float) -> None:
        self.clock, self.seconds = clock, seconds

    def now(self) -> datetime:
        self.clock.forward(seconds=self.seconds)
        return self.clock.now()


def test_a_slow_database_is_not_a_wrong_clock(auth, database_clock):
    """
    What the way to the database takes is not taken for a difference of the clocks.
    """
    auth.clock = SlowClock(StoppedClock(), 20)
    database_clock.moment += timedelta(seconds=30)

    assert found_by(auth)[Check.CLOCK].light is Light.GREEN


def test_each_fault_of_a_row_turns_its_own_check(auth, person, somebody_else, clock, database_clock):
    """
    A value that was moved, codes that are used up, and a code from tomorrow are told by one check each.
    """
    database_clock.moment, store = clock.moment, auth.store
    ann, bob = person.row, somebody_else.row
    for place in range(8):
        auth.backup_codes.burn(8, somebody_else.backup_code(place))
    tomorrow = TimeStep(time_step_at(clock.moment, 30) + 2880)
    store.transact(lambda tx: tx.save(replace(tx.lock(8), last_step=tomorrow)))
    before = not_green(auth)
    store.transact(lambda tx: tx.save(replace(ann, totp_secret=bob.totp_secret)))

    assert before == {Check.BACKUP_CODES: Light.AMBER, Check.LAST_STEPS: Light.RED}
    assert not_green(auth) == before | {Check.SEALED_VALUES: Light.RED}
    assert found_by(auth)[Check.LAST_STEPS].found.startswith("the last accepted code is from the future, by up to 24 h")


def test_a_missing_key_is_told_once(auth, person, clock, database_clock):
    """
    Where the key of old rows is missing, that is told of the rows per key, and of nothing else.
    """
    database_clock.moment = clock.moment
    auth.keys = KeyRing([Fernet.generate_key().decode()])

    assert not_green(auth) == {Check.ROWS_PER_KEY: Light.RED}


class Batches(MemoryStore):
    """A store with many enrollments, all of whom have signed in a moment before they are read; and time goes on."""

    def __init__(self, clock: StoppedClock, count: int, keys: KeyRing) -> None:
        super().__init__(clock=clock)
        self.clock, self.count, self.keys, self.asked = clock, count, keys, 0

    def enrollment(self, user_id: int) -> Enrollment:
        secret = self.keys.seal(b"A" * 32, Purpose.TOTP_SECRET, user_id)
        step = time_step_at(self.clock.now(), 30)
        return Enrollment(user_id=user_id, enabled=True, totp_secret=secret, last_step=step)

    def read(self, work: Callable[[Transaction], T]) -> T:
        return super().read(lambda tx: work(_Batched(tx, self)))  # type: ignore[arg-type]


class _Batched:
    def __init__(self, tx: Transaction, store: Batches) -> None:
        self._tx, self._store = tx, store

    def __getattr__(self, name: str) -> object:
        return getattr(self._tx, name)

    def enrollments(self, *, after: UserId | None, at_most: int) -> Sequence[FoundEnrollment]:
        store, begin = self._store, 0 if after is None else int(str(after)) + 1
        store.asked = max(store.asked, at_most)
        store.clock.forward(seconds=300)
        ids = range(begin, min(begin + at_most, store.count))
        return [FoundEnrollment(one, store.enrollment(one)) for one in ids]


@pytest.mark.parametrize("count", [0, ENROLLMENTS_AT_ONCE, 2 * ENROLLMENTS_AT_ONCE + 7])
def test_however_many_there_are_few_are_read_at_once(clock, keys, count):
    """
    Enrollments are read in batches, and how far it has come is told; who signs in meanwhile is not from the future.
    """
    store, told = Batches(clock, count, keys), []
    auth = TwoFactorAuth(issuer="Acme", keys=keys, store=store, clock=clock)
    found = {finding.check: finding for finding in auth.doctor.examined(told.append)}

    assert store.asked == ENROLLMENTS_AT_ONCE
    assert told[-1] == count
    assert found[Check.SET_UPS].found.endswith(f"beside {count:,} enrollments")
    assert found[Check.LAST_STEPS].light is Light.GREEN


class Faulty(MemoryStore):
    """A store on a database in which something raises, or is missing."""

    def __init__(self, clock: Clock, *, at: str, raises: Exception, missing: Sequence[str] = ()) -> None:
        super().__init__(clock=clock)
        self.at, self.raises, self.lacks = at, raises, missing

    def read(self, work: Callable[[Transaction], T]) -> T:
        return super().read(lambda tx: work(_Raising(tx, self)))  # type: ignore[arg-type]


class _Raising:
    def __init__(self, tx: Transaction, store: Faulty) -> None:
        self._tx, self._store = tx, store

    def __getattr__(self, name: str) -> object:
        if name == self._store.at:
            raise self._store.raises
        return getattr(self._tx, name)

    def missing(self) -> Sequence[str]:
        return self._store.lacks


@pytest.mark.parametrize("error", [Unavailable(), ConfigurationError("say so"), RuntimeError("secret")])
def test_a_store_that_is_away_is_one_red_finding(clock, keys, error):
    """
    A database that cannot be used is red, whatever its driver raises, and what it hides is amber; of a driver's error
    only the name is told.
    """
    store = Faulty(clock, at="clock", raises=error)
    auth = TwoFactorAuth(issuer="Acme", keys=keys, store=store, clock=clock)
    found = found_by(auth)

    assert found.pop(Check.DATABASE).light is Light.RED
    assert {finding.light for finding in found.values()} == {Light.AMBER}
    assert len(found) == 8
    assert "secret" not in str(auth.doctor.examined())


@pytest.mark.parametrize("at", ["rows_per_key", "enrollments"])
@pytest.mark.parametrize("missing", [(), ("there is no table users",)])
def test_rows_that_cannot_be_read_are_red_unless_that_is_explained(clock, keys, at, missing):
    """
    Where the rows cannot be read one check is red: that of the tables, where they are the reason.
    """
    store = Faulty(clock, at=at, raises=Unavailable(), missing=missing)
    auth = TwoFactorAuth(issuer="Acme", keys=keys, store=store, clock=clock)
    lights = not_green(auth)

    assert [check for check, light in lights.items() if light is Light.RED] == [
        Check.TABLES if missing else Check.ROWS_PER_KEY
    ]
    assert len(lights) == (7 if missing else 6)


def test_nothing_is_changed(auth, person, store, told):
    """
    Whoever asks what is wrong leaves every row as it was, and no event.
    """
    row, events, heard = person.row, store.events, list(told)
    auth.doctor.examined()

    assert (row, events, heard) == (person.row, store.events, told)
