"""Maintenance: nothing is kept for longer than the policy says, and nothing goes before."""

import asyncio
from datetime import timedelta

import pytest

from twofold import Event, EventKind
from twofold.core.maintenance import Kind
from twofold.core.policy import CLOCK_GRACE, ROWS_AT_ONCE
from twofold.core.webauthn import Binding, Challenge, ChallengePurpose
from twofold.service.maintenance import Maintained
from twofold.testing.clock import NOON

DAY = timedelta(days=1)


def record(store, moment, *, user_id=7, address="192.0.2.1"):
    event = Event(user_id, EventKind.SIGNED_IN, moment, client_address=address)
    store.transact(lambda tx: tx.record(event))
    return event


def nothing(at):
    return Maintained(at, 0, 0, 0, 0, 0)


def test_an_event_is_kept_as_long_as_the_policy_says(auth, store, clock):
    """
    An event goes when it is older than the policy keeps events, and not a moment before; its address goes earlier.
    """
    policy = auth.policy
    record(store, NOON)
    seen = []
    for age in (policy.addresses_kept, policy.addresses_kept + DAY, policy.events_kept, policy.events_kept + DAY):
        clock.moment = NOON + age
        latest = record(store, clock.moment, address=None)
        auth.maintenance()
        seen.append([event.client_address for event in store.events if event.moment == NOON])
    auth.maintenance()

    assert seen == [["192.0.2.1"], [None], [None], []]
    assert latest in store.events


def test_what_was_done_is_counted_and_done_once(auth, person, store, clock):
    """
    A run tells how much of each kind it has cleared; a second run finds nothing more.
    """
    person.sign_in("a session")
    person.begin()
    binding = Binding(ChallengePurpose.SIGN_IN, "a handle")
    challenge = Challenge("its hash", 7, 1, binding, NOON + timedelta(minutes=5))
    store.transact(lambda tx: tx.add_challenge(challenge, at=NOON, keep=1))
    events = len(store.events)
    clock.moment += auth.policy.events_kept + DAY
    record(store, clock.moment)  # otherwise, who would believe the clock?
    first, second = auth.maintenance(), auth.maintenance()

    assert Maintained(clock.moment, events=events, addresses=0, pending_sign_ins=1, sessions=1, challenges=1) == first
    assert nothing(clock.moment) == second
    assert len(store.events) == 1


def test_what_is_in_use_stays(auth, person, store):
    """
    Maintenance touches no factor, no pending sign-in that may be finished, and nothing that a live session has proved.
    """
    person.sign_in("a session")
    pending, row, events = person.begin(), person.row, store.events
    maintained = auth.maintenance()

    assert nothing(person.clock.now()) == maintained
    assert (row, events) == (person.row, store.events)
    assert auth.sessions.state(7, "a session").assurance is not None
    auth.sign_in.finish(pending.sign_in_token, person.code())


def test_a_sign_in_that_expired_lately_stays_for_a_day(auth, person, store):
    """
    An expired sign-in is deleted a day later: to a host whose clock is behind it may be alive.
    """
    pending = person.begin()
    person.clock.moment = pending.expires_at + CLOCK_GRACE
    on_the_day = auth.maintenance().pending_sign_ins
    person.clock.forward(seconds=1)

    assert [on_the_day, auth.maintenance().pending_sign_ins] == [0, 1]


def test_more_than_a_batch_goes_batch_by_batch(auth, store):
    """
    However much there is, all of it goes, in transactions of a bounded size.
    """
    for _ in range(2 * ROWS_AT_ONCE + 1):
        record(store, NOON - 400 * DAY)
    record(store, NOON)
    asked = []

    assert auth.maintenance(lambda: asked.append(True) or True).events == 2 * ROWS_AT_ONCE + 1
    assert len(asked) == 3 + len(Kind)  # three batches, and that there are no more, of each kind


def test_a_run_that_is_cut_short_is_finished_by_the_next(auth, store):
    """
    Between two batches a run can be stopped; what is left the next run clears.
    """
    for _ in range(2 * ROWS_AT_ONCE):
        record(store, NOON - 400 * DAY)
    record(store, NOON)
    answers = iter([True])

    assert auth.maintenance(lambda: next(answers, False)).events == ROWS_AT_ONCE
    assert auth.maintenance().events == ROWS_AT_ONCE


@pytest.mark.parametrize("ahead", [31, 400, 4000])
def test_a_clock_that_is_ahead_deletes_nothing_young(auth, person, store, caplog, ahead):
    """
    Where the clock is far ahead of what was recorded last, nothing young is deleted, and the operator is told (G17).
    """
    person.sign_in("a session")
    pending, events = person.begin(), store.events
    person.clock.forward(seconds=ahead * DAY.total_seconds())
    maintained = auth.maintenance()

    assert nothing(events[-1].moment) == maintained
    assert events == store.events
    assert store.read(lambda tx: tx.pending_sign_ins(7))[0].expires_at == pending.expires_at
    assert f"{ahead} days ago by the clock" in caplog.text


def test_hosts_whose_clocks_disagree_delete_nothing_young(auth, person, store, clock):
    """
    Where one host of several is ahead and records events, no host deletes what is young, itself included (G17).
    """
    events = [record(store, NOON), record(store, NOON + 4000 * DAY), record(store, NOON)]
    before = len(store.events)
    clock.moment = NOON + 4000 * DAY
    by_the_one = auth.maintenance()
    clock.moment = NOON + DAY
    by_the_others = auth.maintenance()

    assert (by_the_one.events, by_the_others.events, len(store.events)) == (0, 0, before)
    assert set(events) <= set(store.events)


def test_what_is_long_past_goes_whatever_the_clock_says(auth, store, clock):
    """
    Behind a clock that is not believed, what is old by the last events goes all the same.
    """
    record(store, NOON - 400 * DAY)
    record(store, NOON)
    clock.moment = NOON + 4000 * DAY

    assert auth.maintenance().events == 1


def test_a_job_of_the_hosts_calls_it(auth, store):
    """
    From an event loop it is called as any other use case.
    """
    record(store, NOON - 400 * DAY)
    record(store, NOON)

    assert asyncio.run(auth.run(lambda auth: auth.maintenance())).events == 1
