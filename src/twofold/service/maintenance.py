"""What has to be done from time to time: nothing is kept for longer than the policy says."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from twofold.core.maintenance import Kind, Overdue, believed, overdue_before
from twofold.core.policy import CLOCK_WITNESSES, ROWS_AT_ONCE
from twofold.service.context import Context, logger

GoesOn = Callable[[], bool]
"""Is asked before each transaction whether to go on."""


@dataclass(frozen=True)
class Maintained:
    """
    What one run of maintenance has done.

    Args:
        at: The moment by which things were overdue; earlier than the clock's where the clock was not believed (G17).
        events: How many were deleted.
        addresses: How many events have lost their client address.
        pending_sign_ins: How many were deleted, long after they had expired.
        sessions: How many sessions were deleted whose last proof is too old to count for anything.
        challenges: How many were deleted, long after they had expired.
    """

    at: datetime
    events: int
    addresses: int
    pending_sign_ins: int
    sessions: int
    challenges: int


@dataclass(frozen=True)
class Maintenance:
    """The one use case for all that is periodic; however often it runs, and wherever at once, it does no harm."""

    context: Context

    def run(self, goes_on: GoesOn = lambda: True) -> Maintained:
        """
        Delete what is overdue.

        In short transactions, each of which holds the rows of some users, and waits for none: who is busy is left for
        the next time.

        Raises:
            Unavailable: The store is out of reach; what was done so far stays done.
        """
        at = self._moment()
        before = overdue_before(at, self.context.policy)
        done = {kind: self._cleared(kind, before[kind], goes_on) for kind in Kind}
        return Maintained(at, *(done[kind] for kind in Kind))

    def _moment(self) -> datetime:
        now = self.context.clock.now()
        recorded = self.context.store.read(lambda tx: tx.recorded_lately(CLOCK_WITNESSES))
        at = believed(now, recorded)
        if at != now:
            logger.warning(
                "Maintenance takes for old what is old by the last events, %d days ago by the clock: either nothing "
                "has happened since, or the clock of this host is ahead. Look after the clock.",
                (now - at).days,
            )
        return at

    def _cleared(self, kind: Kind, before: datetime, goes_on: GoesOn) -> int:
        """Clear everything of one kind that is overdue, batch by batch; how much there was."""
        cleared, after = 0, None
        while goes_on() and (found := self._overdue(kind, before, after)):
            batch = found
            # Looked at once more in there: a session may have proved something since.
            cleared += self.context.store.transact(lambda tx: tx.clear(kind, batch, before))  # noqa: B023 - run at once
            after = found[-1].key
        return cleared

    def _overdue(self, kind: Kind, before: datetime, after: int | str | None) -> "tuple[Overdue, ...]":
        # In a transaction of its own, which holds nothing while it looks through a table.
        found = self.context.store.read(lambda tx: tx.overdue(kind, before, after=after, at_most=ROWS_AT_ONCE))
        return tuple(found)
