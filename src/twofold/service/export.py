"""All that is stored about one user's second factor, in words (GDPR, Article 15): no secret, no digest, no hash."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from twofold.core.assurance import Assurance, ProvedSession
from twofold.core.enrollment import Enrollment
from twofold.core.factors import Factor
from twofold.core.policy import EVENTS_AT_ONCE
from twofold.core.sign_in import PendingSignIn
from twofold.core.webauthn import Challenge
from twofold.errors import CannotOpen
from twofold.service.context import Context, Scope, token_hash
from twofold.service.events import EventPage, page_of
from twofold.service.ports import UserId

T = TypeVar("T")


@dataclass(frozen=True)
class KeptFactor:
    """
    One factor of a user.

    Args:
        switched_off: Whether too many failures have switched it off.
        name, transports, backed_up, user_verified: What is kept of a WebAuthn key beside its public key.
    """

    factor: str
    enabled_at: datetime | None
    last_used_at: datetime | None
    switched_off: bool
    name: str | None = None
    transports: tuple[str, ...] = ()
    backed_up: bool | None = None
    user_verified: bool | None = None


@dataclass(frozen=True)
class KeptBackupCodes:
    """A set of backup codes: how many were made, and when each of those was used that were."""

    made: int
    remaining: int
    used_at: tuple[datetime, ...]
    switched_off: bool


@dataclass(frozen=True)
class KeptSession:
    """What one session has proved, and whether it is the one that asks."""

    current: bool
    assurance: Assurance


@dataclass(frozen=True)
class Export:
    """
    What is stored about a user's second factor.

    Args:
        account: The name that people see in their authenticator app.
        set_up_until: Until when a set-up waits, or waited, for its first code.
        failures: Failures in a row, by what is counted together.
        locked_until: The end of the last wait.
        challenges: When each challenge expires that waits for a key.
        unreadable: The names of those parts that cannot be read; they are empty.
        events: The newest events; the others come with its cursor.
    """

    exported_at: datetime
    account: str
    enabled: bool
    factors: tuple[KeptFactor, ...]
    backup_codes: KeptBackupCodes | None
    set_up_until: datetime | None
    failures: Mapping[str, int]
    locked_until: datetime | None
    sessions: tuple[KeptSession, ...]
    pending_sign_ins: tuple[datetime, ...]
    challenges: tuple[datetime, ...]
    unreadable: tuple[str, ...]
    events: EventPage

    @property
    def enabled_at(self) -> datetime | None:
        """Since when there has been any of the factors that are there now."""
        return min((one.enabled_at for one in self.factors if one.enabled_at), default=None)


@dataclass
class _Reading:
    """One reading of everything; what cannot be read is noted, and stops nothing."""

    faults: dict[str, CannotOpen] = field(default_factory=dict)

    def part(self, name: str, read: Callable[[], T], otherwise: T) -> T:
        try:
            return read()
        except CannotOpen as error:
            self.faults[name] = error
            return otherwise


@dataclass(frozen=True)
class ExportCases:
    """The use case of a user who wants to know what is stored."""

    context: Context

    def everything(self, user_id: UserId, session_id: str) -> Export:
        """
        What is stored about this user, in one transaction; of the events the newest.

        The others are read page by page: nobody holds a transaction while a slow client reads, and however many there
        are, only some are in memory.

        Raises:
            UnknownUser: There is no such user.
            CannotOpen: The enrollment itself cannot be read.
        """
        readings: list[_Reading] = []

        def work(scope: Scope) -> Export:
            readings.append(_Reading())
            return _export_of(scope, readings[-1], scope.enrollment(user_id), token_hash(session_id))

        export = self.context.read(work)
        for error in readings[-1].faults.values():
            self.context.tell_unreadable(user_id, error)
        return export

    def legible(self, user_id: UserId, session_id: str) -> Export:
        """
        The same for an operator, who may be looking for what is wrong: nothing is recorded by it.

        What cannot be read of the enrollment itself is empty too, and *unreadable* has the names of its columns.

        Raises:
            UnknownUser: There is no such user.
        """
        readings: list[_Reading] = []

        def work(scope: Scope) -> Export:
            readings.append(_Reading())
            enrollment, damaged = scope.tx.legible(user_id)
            readings[-1].faults.update(dict.fromkeys(damaged, _unreadable(damaged)))
            return _export_of(scope, readings[-1], enrollment, token_hash(session_id))

        export = self.context.look(work)
        for error in dict.fromkeys(readings[-1].faults.values()):
            self.context.log_unreadable(user_id, error)
        return export


def _unreadable(columns: Sequence[str]) -> CannotOpen:
    error = CannotOpen()
    error.__cause__ = ValueError(f"{', '.join(columns)}: not what belongs there")
    return error


def _export_of(scope: Scope, reading: _Reading, enrollment: Enrollment, asking: str) -> Export:
    tx, user_id = scope.tx, enrollment.user_id
    codes = reading.part("backup_codes", lambda: _backup_codes_of(scope, enrollment), None)
    proved: Sequence[ProvedSession] = reading.part("sessions", lambda: tx.sessions(user_id), ())
    pending: Sequence[PendingSignIn] = reading.part("pending_sign_ins", lambda: tx.pending_sign_ins(user_id), ())
    factors = _factors_of(scope, reading, enrollment)
    challenges: Sequence[Challenge] = reading.part("challenges", lambda: tx.challenges(user_id), ())
    return Export(
        exported_at=scope.at,
        account=tx.account(user_id),
        enabled=enrollment.enabled,
        factors=factors,
        backup_codes=codes,
        set_up_until=enrollment.pending_until,
        failures=dict(enrollment.attempts.failures),
        locked_until=enrollment.attempts.locked_until,
        sessions=tuple(KeptSession(session.session_hash == asking, session.assurance) for session in proved),
        pending_sign_ins=tuple(one.expires_at for one in pending),
        challenges=tuple(one.expires_at for one in challenges),
        unreadable=tuple(reading.faults),
        events=page_of(scope, user_id, None, EVENTS_AT_ONCE),
    )


def _factors_of(scope: Scope, reading: _Reading, enrollment: Enrollment) -> tuple[KeptFactor, ...]:
    return (*_apps_of(scope, reading, enrollment), *_keys_of(scope, reading, enrollment))


def _apps_of(scope: Scope, reading: _Reading, enrollment: Enrollment) -> tuple[KeptFactor, ...]:
    if enrollment.totp_secret is None:
        return ()
    switched_off = enrollment.attempts.capped(Factor.TOTP, scope.context.policy)
    last_used_at = reading.part("last_used_at", lambda: scope.tx.last_accepted(enrollment.user_id, Factor.TOTP), None)
    return (KeptFactor(Factor.TOTP.value, enrollment.enabled_at, last_used_at, switched_off),)


def _keys_of(scope: Scope, reading: _Reading, enrollment: Enrollment) -> tuple[KeptFactor, ...]:
    keys = reading.part("webauthn_keys", lambda: scope.webauthn_keys(enrollment), None)
    switched_off = enrollment.attempts.capped(Factor.WEBAUTHN, scope.context.policy)
    return tuple(
        KeptFactor(
            Factor.WEBAUTHN.value,
            key.created_at,
            key.last_used_at,
            switched_off,
            key.name,
            key.transports,
            key.backed_up,
            key.user_verified,
        )
        for key in (keys.keys if keys else ())
    )


def _backup_codes_of(scope: Scope, enrollment: Enrollment) -> KeptBackupCodes | None:
    if enrollment.backup_codes is None:
        return None
    found = scope.backup_codes(enrollment)
    used_at = sorted(code.used_at for code in found.codes if code.used_at is not None)
    switched_off = enrollment.attempts.capped(Factor.BACKUP_CODE, scope.context.policy)
    return KeptBackupCodes(len(found.codes), found.remaining, tuple(used_at), switched_off)
