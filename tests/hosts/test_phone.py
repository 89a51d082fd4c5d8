"""The person with a phone in hand, as the tests of hosts use them."""

from datetime import timedelta

from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from twofold import KeyRing, TwoFactorAuth
from twofold.core.policy import RECOMMENDED
from twofold.core.totp import TimeStep, TotpSecret, time_step_at, window_at
from twofold.testing import MemoryStore, Phone, StoppedClock

KEYS = KeyRing([Fernet.generate_key().decode()])
SECRET = TotpSecret("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
PERIOD = 30

waits = st.lists(st.integers(min_value=-100, max_value=400), max_size=12)


def enrolled() -> tuple[TwoFactorAuth, Phone]:
    """An application, and somebody who set a phone up a moment ago."""
    store, clock = MemoryStore(), StoppedClock()
    store.add_user(7, "ann@example.com")
    auth = TwoFactorAuth(issuer="Acme", keys=KEYS, store=store, clock=clock)
    phone = Phone(auth.totp.set_up(7).secret, clock)
    auth.totp.confirm(7, auth.typed(phone.code()))
    return auth, phone


@given(waits=waits)
def test_every_code_is_accepted(waits: list[int]):
    """
    Whatever a test does to the clock, in both directions, the code that the phone shows next is accepted.
    """
    auth, phone = enrolled()

    accepted = []
    for seconds in waits:
        phone.clock.forward(seconds=seconds)
        accepted.append(auth.verify_totp_code(7, phone.code()))

    assert sorted(set(accepted)) == accepted


@given(waits=waits)
def test_no_code_is_shown_twice(waits: list[int]):
    """
    The phone shows each time step once, and the present one unless that has been shown.
    """
    phone, shown = Phone(SECRET, StoppedClock()), list[TimeStep]()
    step_of = {SECRET.code_at(step): step for step in steps_around(phone, waits)}

    for seconds in waits:
        phone.clock.forward(seconds=seconds)
        present = time_step_at(phone.clock.now(), PERIOD)
        step = step_of[phone.code()]
        assert step == max(present, *(before + 1 for before in shown), 0)
        shown.append(step)

    assert len(set(shown)) == len(waits)


def steps_around(phone: Phone, waits: list[int]) -> list[TimeStep]:
    """Every time step that may come to pass."""
    around = sum(abs(seconds) for seconds in waits) // PERIOD + len(waits) + 2
    present = time_step_at(phone.clock.now(), PERIOD)
    return [TimeStep(step) for step in range(present - around, present + around)]


@given(waits=waits)
def test_the_clock_moves_only_when_it_must(waits: list[int]):
    """
    The clock stands still where a code that nobody has used is acceptable; else it moves on to where one is, and no
    step further.
    """
    phone, last = Phone(SECRET, StoppedClock()), TimeStep(-1)

    for seconds in waits:
        phone.clock.forward(seconds=seconds)
        before = phone.clock.now()
        phone.code()
        moved = phone.clock.now() - before
        assert moved >= timedelta(0)
        assert moved % timedelta(seconds=PERIOD) == timedelta(0)
        if moved:
            one_less = window_at(phone.clock.now() - timedelta(seconds=PERIOD), PERIOD, RECOMMENDED.drift)
            assert max(one_less) <= last
        last = max(time_step_at(before, PERIOD), TimeStep(last + 1))


def test_what_a_phone_shows_of_itself():
    """
    Neither the secret nor a backup code stands in what a failing test prints of a phone.
    """
    phone = Phone(SECRET, StoppedClock(), ["9KE8-6NKM-SJGG-DFYG-42FD-QC4N"])

    assert SECRET.base32 not in repr(phone)
    assert "9KE8" not in repr(phone)
