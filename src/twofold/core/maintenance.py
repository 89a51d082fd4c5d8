"""What nobody needs any more: which kinds there are, and since when each is overdue."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import pairwise

from twofold.core.policy import CLOCK_DOUBTED, CLOCK_GRACE, Policy


class Kind(StrEnum):
    """A kind of thing that is not kept for ever."""

    EVENT = "event"
    ADDRESS = "address"
    PENDING_SIGN_IN = "pending_sign_in"
    SESSION = "session"
    CHALLENGE = "challenge"


@dataclass(frozen=True)
class Overdue:
    """
    One thing that nobody needs any more.

    Args:
        key: Its primary key in the store.
    """

    key: int | str = field(repr=False)
    user_id: Hashable


def overdue_before(at: datetime, policy: Policy) -> dict[Kind, datetime]:
    """Before which moment a thing of each kind must have been recorded, have expired or have been proved."""
    return {
        Kind.EVENT: at - policy.events_kept,
        Kind.ADDRESS: at - policy.addresses_kept,
        # A sign-in that another host has just begun, by a clock that is behind ours, is not expired to it.
        Kind.PENDING_SIGN_IN: at - CLOCK_GRACE,
        Kind.SESSION: at - policy.assurance_kept,
        Kind.CHALLENGE: at - CLOCK_GRACE,
    }


def believed(at: datetime, recorded: Sequence[datetime]) -> datetime:
    """
    The moment by which things are overdue: *at*, or an earlier one where what was recorded speaks against that (G17).

    A clock that is ahead would take for old what is young, and nothing brings back what it deleted. So it is believed
    only where the last event is not much older; and where the clocks of several hosts contradict each other, where not
    even the oldest of the last events is. Otherwise that event's moment is the moment.

    Args:
        recorded: The moments of the last events of anybody, in the order in which they were recorded, the last first.
    """
    if not recorded:
        return at
    contradicted = any(before - after > CLOCK_DOUBTED for after, before in pairwise(recorded))
    witness = min(recorded) if contradicted else recorded[0]
    return witness if at - witness > CLOCK_DOUBTED else at
