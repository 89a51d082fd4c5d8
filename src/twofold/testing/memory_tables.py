"""What a store in memory keeps, and what an operator asks of it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from twofold.clock import SystemClock
from twofold.core.assurance import ProvedSession
from twofold.core.enrollment import Enrollment
from twofold.core.events import Event, EventKind
from twofold.core.rotation import Resealed, SealedRow
from twofold.core.sealing import SEALED, Purpose, Sealed, key_id_of, user_text
from twofold.core.sign_in import PendingSignIn
from twofold.core.survey import FoundEnrollment
from twofold.core.users import Adoption, ListedUser
from twofold.core.webauthn import Challenge
from twofold.errors import UnknownUser
from twofold.service.ports import Clock, UserId

FIELDS = {
    Purpose.TOTP_SECRET: "totp_secret",
    Purpose.TOTP_PENDING_SECRET: "pending_secret",
    Purpose.BACKUP_CODES: "backup_codes",
    Purpose.WEBAUTHN_KEYS: "webauthn_keys",
}
"""Where an enrollment has its sealed values."""


@dataclass
class Tables:
    """
    The tables; what stands in them are values, and never changes.

    Args:
        time: Where the store looks for the time.
    """

    time: Clock = field(default_factory=SystemClock)
    accounts: dict[UserId, str] = field(default_factory=dict)
    enrollments: dict[UserId, Enrollment] = field(default_factory=dict)
    pending: dict[str, PendingSignIn] = field(default_factory=dict)
    sessions: dict[str, ProvedSession] = field(default_factory=dict)
    challenges: dict[str, Challenge] = field(default_factory=dict)
    credentials: dict[str, UserId] = field(default_factory=dict)
    events: dict[int, Event] = field(default_factory=dict)
    recorded: int = 0

    def copy(self) -> "Tables":
        """The tables anew."""
        return Tables(
            self.time,
            dict(self.accounts),
            dict(self.enrollments),
            dict(self.pending),
            dict(self.sessions),
            dict(self.challenges),
            dict(self.credentials),
            dict(self.events),
            self.recorded,
        )

    def enrollment(self, user_id: UserId) -> Enrollment:
        """The enrollment of this user, who may have none yet."""
        return self.enrollments.get(user_id, Enrollment(user_id=user_id))


class OperatorReading:
    """What only an operator asks of a transaction."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def user_of(self, text: str) -> UserId:
        found = {*self.named(text), self.id_of(text)} - {None}
        if len(found) != 1:
            raise UnknownUser
        return found.pop()

    def user_by_id(self, text: str) -> UserId:
        user_id = self.id_of(text)
        if user_id is None:
            raise UnknownUser
        return user_id

    def named(self, account: str) -> Sequence[UserId]:
        return [user_id for user_id, name in self._tables.accounts.items() if name == account]

    def last_recorded(self, user_id: UserId, kinds: Sequence[EventKind]) -> datetime | None:
        own = [event for event in self._tables.events.values() if event.user_id == user_id and event.kind in kinds]
        return max((event.moment for event in own), default=None)

    def id_of(self, text: str) -> UserId | None:
        return next((user_id for user_id in self._tables.accounts if user_text(user_id) == text), None)

    def users(self, *, q: str | None, enabled: bool | None, after: UserId | None, at_most: int) -> Sequence[ListedUser]:
        found = []
        for user_id, account in self._tables.accounts.items():
            one = self._tables.enrollment(user_id)
            if (q is None or q.lower() in account.lower()) and enabled in {None, one.enabled}:
                has = {"totp": one.totp_secret is not None, "webauthn": one.webauthn_keys is not None}
                found.append(
                    ListedUser(
                        user_id,
                        account,
                        one.enabled,
                        one.enabled_at,
                        one.attempts.locked_until,
                        ListedUser.methods_of(**has),
                        one.pending_until,
                    )
                )
        found.sort(key=_by_id)
        return [one for one in found if after is None or _text(one.user_id) > _text(after)][:at_most]

    def adoption(self, at: datetime) -> Adoption:
        rows = [self._tables.enrollment(user_id) for user_id in self._tables.accounts]
        return Adoption(
            users=len(rows),
            enabled=sum(one.enabled for one in rows),
            totp=sum(one.enabled and one.totp_secret is not None for one in rows),
            webauthn=sum(one.enabled and one.webauthn_keys is not None for one in rows),
            pending=sum(
                one.pending_secret is not None and one.pending_until is not None and one.pending_until > at
                for one in rows
            ),
            locked=sum(one.attempts.locked_until is not None and one.attempts.locked_until > at for one in rows),
            without_factor=sum(one.enabled and not one.has_factor for one in rows),
        )

    def rows_per_key(self) -> Mapping[Purpose, Mapping[str, int]]:
        rows = [_sealed(one) for one in self._tables.enrollments.values()]
        return {
            purpose: Counter(key_id_of(row.values[purpose]) for row in rows if purpose in row.values)
            for purpose in SEALED
        }

    def sealed_elsewhere(self, key_id: str, *, after: UserId | None, at_most: int) -> Sequence[SealedRow]:
        rows = [_sealed(one) for one in sorted(self._tables.enrollments.values(), key=_by_id)]
        return [
            row
            for row in rows
            if any(key_id_of(value) != key_id for value in row.values.values())
            and (after is None or _text(row.user_id) > _text(after))
        ][:at_most]

    def count_elsewhere(self, key_id: str) -> int:
        return len(self.sealed_elsewhere(key_id, after=None, at_most=len(self._tables.enrollments)))

    def clock(self) -> datetime:
        return self._tables.time.now()

    def missing(self) -> Sequence[str]:
        return ()

    def enrollments(self, *, after: UserId | None, at_most: int) -> Sequence[FoundEnrollment]:
        rows = sorted(self._tables.enrollments.values(), key=_by_id)
        return [
            FoundEnrollment(one.user_id, one)
            for one in rows
            if (one.enabled or _sealed(one).values) and (after is None or _text(one.user_id) > _text(after))
        ][:at_most]

    def reseal(self, rows: Sequence[Resealed]) -> None:
        for row in rows:
            one = self._tables.enrollment(row.user_id)
            still: dict[str, Any] = {
                FIELDS[each]: new for each, (old, new) in row.changes.items() if getattr(one, FIELDS[each]) == old
            }
            self._tables.enrollments[row.user_id] = replace(one, **still)


def _sealed(one: Enrollment) -> SealedRow:
    values: dict[Purpose, Sealed | None] = {purpose: getattr(one, name) for purpose, name in FIELDS.items()}
    return SealedRow(one.user_id, {purpose: value for purpose, value in values.items() if value is not None})


def _text(user_id: UserId) -> str:
    """Ids of any type in an order of their own."""
    return user_text(user_id)


def _by_id(one: ListedUser | Enrollment) -> str:
    return _text(one.user_id)
