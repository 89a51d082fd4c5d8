"""The four counts of a storm, from what clients were told and what the database says; see the package's docstring."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from soak.clock import FastClock
from soak.evidence import Happened, Row
from soak.journal import CHANGES, PROBE, Record
from twofold.core.attempts import wait_after
from twofold.core.backup_codes import digest_of, typed_backup_code
from twofold.core.events import SUCCESS
from twofold.core.policy import RECOMMENDED
from twofold.core.sealing import user_text

CODE, BACKUP_CODE = "totp", "backup_code"
WRONG = "invalid-code"
ENROLLED, DISABLED = CHANGES["verify"], CHANGES["disable"]
Rows = Mapping[int, Row]


def by_user(records: Iterable[Record]) -> dict[int, list[Record]]:
    """The records of each user, in the order in which they were sent."""
    found: dict[int, list[Record]] = defaultdict(list)
    for record in sorted(records, key=lambda record: record.sent):
        found[record.user].append(record)
    return found


def double_accepts(records: Sequence[Record], rows: Rows) -> list[str]:
    """What passed twice, or would."""
    accepted = [record for record in records if record.accepted and record.is_proof]
    found: dict[object, list[Record]] = defaultdict(list)
    for record in accepted:
        found[record.user, record.secret, record.step, record.backup_code].append(record)
    twice = [f"accepted twice: {_all(same)}" for same in found.values() for _ in same[1:]]
    return [*twice, *_backwards(accepted), *_forgotten(accepted, rows)]


def _all(records: Iterable[Record]) -> str:
    return "; ".join(map(str, records))


def _backwards(accepted: Sequence[Record]) -> Iterator[str]:
    """Steps that are older than one whose acceptance was told before they were sent."""
    secrets: dict[str, list[Record]] = defaultdict(list)
    for record in accepted:
        if record.secret:
            secrets[record.secret].append(record)
    for same in secrets.values():
        for late in same:
            before = [early for early in same if early.received < late.sent and early.step > late.step]
            if before:
                yield f"an older step after a newer one: {late}; {before[0]}"


def _forgotten(accepted: Sequence[Record], rows: Rows) -> Iterator[str]:
    """Acceptances that were told, and that the database does not know: the same would be accepted again."""
    for record in accepted:
        row = rows[record.user]
        if record.secret and record.secret == row.secret and record.step > row.last_step:
            yield f"accepted and forgotten: {record}; the last step is {row.last_step}"
        if record.backup_code and row.backup_codes is not None:
            code = row.backup_codes.matching(digest_of(typed_backup_code(record.backup_code), user_text(row.user)))
            if code is not None and code.used_at is None:
                yield f"accepted and forgotten: {record}"


def lost_failures(records: Sequence[Record], rows: Rows) -> list[str]:
    """Guesses that cost nothing."""
    told = Counter(record.user for record in records if record.told == WRONG)
    lost: list[str] = []
    for row in rows.values():
        known = sum(event.outcome == WRONG for event in row.events)
        lost += [f"user {row.user}: {told[row.user]} failures told, {known} in the database"] * (told[row.user] - known)
        counted = _failures_in_a_row(row.events)
        if counted != row.failures:
            lost.append(f"user {row.user}: counts {dict(row.failures)}, but by the events {counted}")
        lost += [f"user {row.user}: {fault}" for fault in _looked_at_too_soon(row.events)]
    return lost


def _failures_in_a_row(events: Iterable[Happened]) -> dict[str, int]:
    """The counts to which these events lead."""
    counts: dict[str, int] = {}
    for event in events:
        if event.outcome == WRONG and event.factor:
            counts[event.factor] = counts.get(event.factor, 0) + 1
        elif event.kind == DISABLED:
            counts = {}
        elif event.outcome == SUCCESS and event.factor:
            counts.pop(event.factor, None)
            if event.kind in {ENROLLED, "backup_codes_regenerated"}:
                counts.pop(BACKUP_CODE, None)
    return counts


def _looked_at_too_soon(events: Iterable[Happened]) -> Iterator[str]:
    """Guesses that were looked at during the wait which the ones before had set."""
    failures, last = 0, None
    for event in events:
        if event.kind == DISABLED or (event.factor == CODE and event.outcome == SUCCESS):
            failures, last = 0, None
        elif event.factor == CODE and event.outcome == WRONG:
            wait = wait_after(failures, RECOMMENDED)
            # Where there is no wait, the moments of two that stood in line may be in either order.
            if wait and last is not None and event.moment < last + wait:
                yield f"failure {failures + 1} looked at {event.moment - last} after the one before, within {wait}"
            failures, last = failures + 1, event.moment


def half_enabled(records: Sequence[Record], rows: Rows, clock: FastClock) -> list[str]:
    """States that are none, and states other than the one that was told."""
    told = by_user(record for record in records if record.road in CHANGES)
    faults = [f"user {row.user}: {fault}" for row in rows.values() for fault in _broken(row)]
    for user, changes in told.items():
        faults += [f"no event: {change}" for change in changes if not _has_event(change, rows[user], clock)]
        faults += [f"told otherwise: {fault}" for fault in _contradicted(changes, rows[user])]
    return faults


def _broken(row: Row) -> Iterator[str]:
    yield from (f"{purpose} does not open" for purpose in row.unreadable)
    if row.enabled != (row.secret is not None):
        yield f"enabled is {row.enabled}, and a secret is {'there' if row.secret else 'not there'}"
    if row.enabled != (row.backup_codes is not None):
        yield f"enabled is {row.enabled}, and backup codes are {'there' if row.backup_codes else 'not there'}"
    states = [event.kind for event in row.events if event.kind in {ENROLLED, DISABLED}]
    if states and row.enabled != (states[-1] == ENROLLED):
        yield f"enabled is {row.enabled}, and the last event {states[-1]}"


def _has_event(change: Record, row: Row, clock: FastClock) -> bool:
    """Whether a change that was told has left its event in the time between question and answer."""
    since, until = clock.at(change.sent) - timedelta(seconds=1), clock.at(change.received) + timedelta(seconds=1)
    kind = CHANGES[change.road]
    return not change.accepted or any(event.kind == kind and since <= event.moment <= until for event in row.events)


def _contradicted(changes: Sequence[Record], row: Row) -> Iterator[str]:
    """The last state that was told, if nothing that came later or at the same time can have changed it."""
    states = [change for change in changes if change.road != "password"]
    last = max((change for change in states if change.accepted), key=lambda change: change.received, default=None)
    if last is None:
        return
    state = (last.road, last.secret if last.road == "verify" else "")
    others = [
        change
        for change in states
        if change.received > last.sent
        and (change.unknown or change.accepted)
        and (change.road, change.secret if change.road == "verify" else "") != state
    ]
    if not others and (row.enabled, row.secret or "") != (last.road == "verify", state[1]):
        yield f"{last}; the database says enabled: {row.enabled}"


def old_sessions(records: Sequence[Record], rows: Rows, clock: FastClock, seeded: Mapping[str, int]) -> list[str]:
    """
    Sessions that should be dead and answered.

    Args:
        seeded: The users of the tokens that were there before the storm.
    """
    began = dict.fromkeys(seeded, 0.0) | {record.started: record.received for record in records if record.started}
    changes = by_user(record for record in records if record.road in CHANGES and record.accepted)
    over = max((record.received for record in records if record.road != PROBE), default=0.0)
    alive = []
    for probe in records:
        if probe.road != PROBE or not probe.accepted or probe.session not in began:
            continue
        since = began[probe.session]
        told = [each for each in changes.get(probe.user, ()) if since < each.sent and each.received < probe.sent]
        seen = [
            event
            for event in rows[probe.user].events
            if event.kind in CHANGES.values() and since < clock.monotonic_at(event.moment) and probe.sent > over
        ]
        if told or seen:
            alive.append(f"{probe} outlived {told[0] if told else seen[0]}")
    return alive


@dataclass(frozen=True)
class Verdict:
    """What a storm has shown: each list holds one line a finding."""

    double_accepts: Sequence[str]
    lost_failures: Sequence[str]
    half_enabled: Sequence[str]
    old_sessions: Sequence[str]

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """The four counts."""
        found = (self.double_accepts, self.lost_failures, self.half_enabled, self.old_sessions)
        return (len(found[0]), len(found[1]), len(found[2]), len(found[3]))

    @property
    def clean(self) -> bool:
        """Whether all four are zero."""
        return not any(self.counts)

    @property
    def findings(self) -> list[str]:
        """All of them, one a line."""
        named = vars(self)
        return [f"{name}: {finding}" for name, findings in named.items() for finding in findings]


def verdict(records: Sequence[Record], rows: Rows, clock: FastClock, seeded: Mapping[str, int]) -> Verdict:
    """Judge a storm."""
    return Verdict(
        double_accepts(records, rows),
        lost_failures(records, rows),
        half_enabled(records, rows, clock),
        old_sessions(records, rows, clock, seeded),
    )
