"""What happened, as values: for the audit table, for mails, for metrics."""

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Self

from twofold.core.factors import Factor

SUCCESS = "success"
"""The outcome of what went well; any other outcome is the slug of an error."""

UNREADABLE = "unreadable"
"""What stands in place of its kind where a stored event cannot be read."""


class EventKind(StrEnum):
    """What happened, in the past tense."""

    SET_UP_STARTED = "set_up_started"
    FACTOR_ENROLLED = "factor_enrolled"
    SECOND_FACTOR_DISABLED = "second_factor_disabled"
    BACKUP_CODES_REGENERATED = "backup_codes_regenerated"
    PASSWORD_ACCEPTED = "password_accepted"  # noqa: S105 - the name of an event
    PASSWORD_REFUSED = "password_refused"  # noqa: S105 - the name of an event
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - the name of an event
    SIGNED_IN = "signed_in"
    STEPPED_UP = "stepped_up"
    SESSION_ENDED = "session_ended"
    KEY_RENAMED = "key_renamed"
    KEY_REMOVED = "key_removed"
    SIGN_COUNT_REGRESSED = "sign_count_regressed"
    SECOND_FACTOR_RESET = "second_factor_reset"
    SECRET_IMPORTED = "secret_imported"  # noqa: S105 - the name of an event
    UNLOCKED = "unlocked"
    ADMIN_REFUSED = "admin_refused"
    ROLE_GRANTED = "role_granted"
    ROLE_REVOKED = "role_revoked"
    CODE_ACCEPTED = "code_accepted"
    CODE_REFUSED = "code_refused"
    VALUE_UNREADABLE = "value_unreadable"


@dataclass(frozen=True)
class Event:
    """
    One thing that happened to one user's second factor. Holds no secret, code or digest.

    Args:
        user_id: Whom it happened to; nobody where a stranger was refused before it was known who asked.
        outcome: `success`, or the slug of the error that was told.
        factor: The factor that was proved or refused; nothing where none was looked at.
        client_address: The address it came from, where it came over the network.
        actor: Who did it, where that is somebody else: an admin's user id as text, or what an operator calls himself.
        reason: Why, in that one's words.
    """

    user_id: Hashable | None
    kind: EventKind
    moment: datetime
    outcome: str = SUCCESS
    factor: Factor | None = None
    client_address: str | None = None
    actor: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class RecordedEvent:
    """
    An event as it stands in the store; its words are texts, for another version may have written them.

    Args:
        number: Grows with each event of any user. Not to be shown: it tells how much others do.
        kind: `unreadable` where the row is damaged; nothing else is then told of it.
    """

    number: int
    kind: str
    moment: datetime | None = None
    outcome: str | None = None
    factor: str | None = None
    client_address: str | None = None
    actor: str | None = None
    reason: str | None = None
    user_id: Hashable | None = None

    @classmethod
    def of(cls, number: int, event: Event) -> Self:
        """An event that was recorded under this number."""
        factor = event.factor.value if event.factor else None
        return cls(
            number,
            event.kind.value,
            event.moment,
            event.outcome,
            factor,
            event.client_address,
            event.actor,
            event.reason,
            event.user_id,
        )
