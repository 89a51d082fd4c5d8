"""The statements of the store, built once, and how rows become values."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Column, Delete, Insert, Row, Select, Update, bindparam, delete, func, insert, or_, select, update

from twofold.core.assurance import Assurance, ProvedSession
from twofold.core.attempts import Attempts
from twofold.core.enrollment import Enrollment
from twofold.core.events import SUCCESS, UNREADABLE, Event, RecordedEvent
from twofold.core.maintenance import Kind
from twofold.core.sign_in import PendingSignIn
from twofold.core.totp import TimeStep
from twofold.core.webauthn import Binding, Challenge, ChallengePurpose
from twofold.errors import CannotOpen
from twofold.sqlalchemy.operator_statements import OperatorStatements
from twofold.sqlalchemy.tables import ENROLLMENT_COLUMNS, Tables

CLIENT_ADDRESS_CHARACTERS = 64
NUMBERS = range(2**62)
"""What a time step or an epoch may be; more could not be counted on, or stored."""
BEFORE_ALL_EVENTS, BEYOND_ALL_EVENTS = -(2**63), 2**63 - 1
"""Numbers between which those of all events are."""
EVENT_WORDS = ("kind", "outcome", "factor", "client_address", "actor", "reason")


class Statements:
    """
    The constant statements over one set of tables; parameters begin with `p_`.

    Args:
        tables: Where things are.
    """

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self._of_enrollments(tables)
        self._of_pending_sign_ins(tables)
        self._of_sessions(tables)
        self._of_keys(tables)
        self._of_events(tables)
        self._of_maintenance(tables)
        self.operator = OperatorStatements(tables)

    def _of_enrollments(self, tables: Tables) -> None:
        rows, user = tables.enrollments, tables.key == bindparam("p_user")
        columns = [tables.key.label("user_id"), *(rows.c[name] for name in ENROLLMENT_COLUMNS)]
        self.enrollment: Select[Any] = select(*columns).where(user)
        # The one guard of G2: the row is held from reading to deciding to writing.
        # Not against rows of the host's that refer to the user: the key never changes.
        self.lock: Select[Any] = self.enrollment.with_for_update(key_share=True)
        self.hold: Select[Any] = self.lock.with_only_columns(tables.key.label("user_id"))
        self.epoch: Select[Any] = self.enrollment.with_only_columns(rows.c.twofa_epoch)
        values: dict[str, Any] = {name: bindparam(f"p_{name}") for name in ENROLLMENT_COLUMNS}
        self.save: Update = update(rows).where(user).values(values)
        self.pay_debt: Update = (
            update(rows).where(user, rows.c.twofa_end_sessions == bindparam("p_debt")).values(twofa_end_sessions=0)
        )
        known = select(tables.user_id.label("user_id"), tables.account.label("account"))
        self.account: Select[Any] = known.where(tables.user_id == bindparam("p_user"))
        self.add_enrollment: Insert = insert(rows).values({tables.key.name: bindparam("p_user")})
        self.drop_enrollment: Delete = delete(rows).where(user)
        self.known_users: Select[Any] = select(tables.key).where(tables.key.in_(bindparam("p_users", expanding=True)))
        # Nobody is waited for, so that whoever holds a row may wait for ours.
        self.hold_users: Select[Any] = self.known_users.with_for_update(key_share=True, skip_locked=True)

    def _of_pending_sign_ins(self, tables: Tables) -> None:
        rows = tables.pending_sign_ins
        handle, user = rows.c.token_hash == bindparam("p_handle"), rows.c.user_id == bindparam("p_user")
        self.pending_sign_in: Select[Any] = select(rows).where(handle)
        self.pending_sign_ins_of: Select[Any] = select(rows).where(user).order_by(rows.c.expires_at.desc())
        self.add_pending_sign_in: Insert = insert(rows)
        self.drop_pending_sign_in: Delete = delete(rows).where(handle)
        self.drop_pending_sign_ins_of: Delete = delete(rows).where(user)

    def _of_sessions(self, tables: Tables) -> None:
        rows, enrollments = tables.sessions, tables.enrollments
        session = (rows.c.session_hash == bindparam("p_handle")) & (rows.c.user_id == tables.key)
        proved = [rows.c.session_hash, rows.c.epoch, rows.c.amr, rows.c.proved_at, rows.c.second_factor_at]
        joined = enrollments.outerjoin(rows, session)
        self.session: Select[Any] = self.enrollment.add_columns(*proved).select_from(joined)
        self.add_session: Insert = insert(rows)
        kept = ("user_id", "epoch", "amr", "proved_at", "second_factor_at")
        self.save_session: Update = (
            update(rows)
            .where(rows.c.session_hash == bindparam("p_session_hash"))
            .values({name: bindparam(f"p_{name}") for name in kept})
        )
        user = rows.c.user_id == bindparam("p_user")
        self.sessions_of: Select[Any] = select(rows).where(user).order_by(rows.c.proved_at.desc())
        self.drop_sessions_of: Delete = delete(rows).where(user)
        self.drop_session: Delete = self.drop_sessions_of.where(rows.c.session_hash == bindparam("p_handle"))

    def _of_keys(self, tables: Tables) -> None:
        rows, credentials = tables.challenges, tables.credentials
        handle = rows.c.challenge_hash == bindparam("p_handle")
        user = rows.c.user_id == bindparam("p_user")
        self.challenge: Select[Any] = select(rows).where(handle)
        self.challenges_of: Select[Any] = select(rows).where(user).order_by(rows.c.expires_at.desc())
        self.add_challenge: Insert = insert(rows)
        self.drop_challenge: Delete = delete(rows).where(handle)
        self.drop_challenges_of: Delete = delete(rows).where(user)
        self.add_credential: Insert = insert(credentials)
        self.drop_credential: Delete = delete(credentials).where(credentials.c.credential_hash == bindparam("p_handle"))
        self.drop_credentials_of: Delete = delete(credentials).where(credentials.c.user_id == bindparam("p_user"))

    def _of_events(self, tables: Tables) -> None:
        rows = tables.events
        user = rows.c.user_id == bindparam("p_user")
        self.add_event: Insert = insert(rows).inline()  # Nobody asks for the number of an event.
        # The numbers alone can be read whatever stands beside them. Of `id + 0` there is no index: PostgreSQL would go
        # through everybody's events by the key, back to the last ones of a user who has many and is long gone.
        own = select(rows.c.id).where(user, rows.c.id < bindparam("p_before")).order_by((rows.c.id + 0).desc())
        self.event_numbers: Select[Any] = own.limit(bindparam("p_at_most"))
        told = [rows.c.moment, rows.c.user_id, *(rows.c[name] for name in EVENT_WORDS)]
        self.events: Select[Any] = self.event_numbers.add_columns(*told)
        self.event: Select[Any] = select(rows.c.id, *told).where(rows.c.id == bindparam("p_number"))
        numbers = select(rows.c.id).where(rows.c.id < bindparam("p_before")).order_by(rows.c.id.desc())
        self.all_event_numbers: Select[Any] = numbers.limit(bindparam("p_at_most"))
        self.all_events: Select[Any] = self.all_event_numbers.add_columns(*told)
        self.last_accepted: Select[Any] = select(func.max(rows.c.moment)).where(
            user, rows.c.factor.is_not(None), rows.c.outcome == SUCCESS
        )
        self.last_accepted_of: Select[Any] = self.last_accepted.where(rows.c.factor == bindparam("p_factor"))
        self.drop_events_of: Delete = delete(rows).where(user)

    def _of_maintenance(self, tables: Tables) -> None:
        events, pending, sessions = tables.events.c, tables.pending_sign_ins.c, tables.sessions.c
        challenges = tables.challenges.c
        kinds: dict[Kind, tuple[Column[Any], Column[Any]]] = {
            Kind.EVENT: (events.id, events.moment),
            Kind.ADDRESS: (events.id, events.moment),
            Kind.PENDING_SIGN_IN: (pending.token_hash, pending.expires_at),
            Kind.SESSION: (sessions.session_hash, sessions.proved_at),
            Kind.CHALLENGE: (challenges.challenge_hash, challenges.expires_at),
        }
        self.overdue: dict[Kind, Select[Any]] = {}
        self.clear: dict[Kind, Delete | Update] = {}
        for kind, (key, moment) in kinds.items():
            rows = key.table
            old = [moment < bindparam("p_before")]
            old += [rows.c.client_address.is_not(None)] if kind is Kind.ADDRESS else []
            found = select(key.label("key"), rows.c.user_id).where(*old, key > bindparam("p_after"))
            self.overdue[kind] = found.order_by(key).limit(bindparam("p_at_most"))
            change = update(rows).values(client_address=None) if kind is Kind.ADDRESS else delete(rows)
            # And what is about nobody, which nobody holds.
            ours = or_(rows.c.user_id.in_(bindparam("p_users", expanding=True)), rows.c.user_id.is_(None))
            self.clear[kind] = change.where(*old, key.in_(bindparam("p_keys", expanding=True)), ours)
        self.last_numbers: Select[Any] = select(events.id).order_by(events.id.desc()).limit(bindparam("p_at_most"))


def utc_or_none(moment: datetime | None) -> datetime | None:
    """As `utc`, where there may be none."""
    return None if moment is None else utc(moment)


def utc(moment: datetime) -> datetime:
    """A moment in UTC, both ways: SQLite and MariaDB forget the time zone, so none but UTC may be written."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def enrollment_of(row: Row[Any] | SimpleNamespace) -> Enrollment:
    """The enrollment in a row of `Statements.enrollment`."""
    attempts = Attempts(_failures_of(row.twofa_failures), utc_or_none(row.twofa_locked_until))
    return Enrollment(
        user_id=row.user_id,
        totp_secret=row.totp_secret,
        pending_secret=row.totp_pending_secret,
        pending_until=utc_or_none(row.totp_pending_until),
        enabled=bool(row.twofa_enabled),
        backup_codes=row.twofa_backup_codes,
        webauthn_keys=row.twofa_webauthn_keys,
        last_step=TimeStep(_number(row.twofa_last_step, "twofa_last_step")),
        epoch=_number(row.twofa_epoch, "twofa_epoch"),
        attempts=attempts,
        enabled_at=utc_or_none(row.twofa_enabled_at),
        end_sessions=row.twofa_end_sessions or 0,
    )


def _failures_of(stored: str | None) -> dict[str, int]:
    """The counts in a row; a damaged one is not taken for none, nor for fewer than none."""
    if stored is None:
        return {}
    try:
        failures: dict[str, int] = json.loads(stored)
        if all(type(count) is int and count >= 0 for count in failures.values()):
            return failures
    except (ValueError, TypeError, AttributeError, RecursionError):
        pass
    raise CannotOpen from ValueError("twofa_failures: not a JSON object of counts")


def _number(stored: int | None, column: str) -> int:
    """A number in a row; a damaged one is not taken for none: a step that was used would be accepted again."""
    if stored is None or (type(stored) is int and stored in NUMBERS):
        return stored or 0
    raise CannotOpen from ValueError(f"{column}: not a number that belongs there")


def epoch_after(stored: int | None) -> int:
    """The epoch of a user whose row is emptied; that must go on whatever stands there."""
    return (stored or 0) + 1 if type(stored) is int and stored in NUMBERS else 1


def parameters_of(enrollment: Enrollment) -> dict[str, Any]:
    """The parameters of `Statements.save`."""
    attempts = enrollment.attempts
    return {
        "p_user": enrollment.user_id,
        "p_totp_secret": enrollment.totp_secret,
        "p_twofa_enabled": enrollment.enabled,
        "p_twofa_backup_codes": enrollment.backup_codes,
        "p_twofa_webauthn_keys": enrollment.webauthn_keys,
        "p_totp_pending_secret": enrollment.pending_secret,
        "p_totp_pending_until": utc_or_none(enrollment.pending_until),
        "p_twofa_last_step": enrollment.last_step,
        "p_twofa_epoch": enrollment.epoch,
        "p_twofa_failures": json.dumps(dict(attempts.failures)) if attempts.failures else None,
        "p_twofa_locked_until": utc_or_none(attempts.locked_until),
        "p_twofa_enabled_at": utc_or_none(enrollment.enabled_at),
        "p_twofa_end_sessions": enrollment.end_sessions,
    }


def pending_sign_in_of(row: Row[Any]) -> PendingSignIn:
    """The pending sign-in in a row of `Statements.pending_sign_in`."""
    return PendingSignIn(row.token_hash, row.user_id, row.epoch, utc(row.expires_at))


def challenge_of(row: Row[Any]) -> Challenge:
    """The challenge in a row of `Statements.challenge`."""
    try:
        binding = Binding(ChallengePurpose(row.purpose), row.handle_hash)
    except ValueError:
        raise CannotOpen from ValueError("purpose: not one of a challenge")
    return Challenge(row.challenge_hash, row.user_id, row.epoch, binding, utc(row.expires_at))


def challenge_parameters_of(challenge: Challenge) -> dict[str, Any]:
    """The parameters of `Statements.add_challenge`."""
    return {
        "challenge_hash": challenge.challenge_hash,
        "user_id": challenge.user_id,
        "epoch": challenge.epoch,
        "purpose": challenge.binding.purpose.value,
        "handle_hash": challenge.binding.handle_hash,
        "expires_at": utc(challenge.expires_at),
    }


def proved_session_of(row: Row[Any]) -> ProvedSession | None:
    """What a session has proved, in a row of `Statements.session`."""
    if row.session_hash is None:
        return None
    assurance = Assurance(tuple(row.amr.split()), utc(row.proved_at), utc_or_none(row.second_factor_at))
    return ProvedSession(row.session_hash, row.user_id, row.epoch, assurance)


def session_parameters_of(session: ProvedSession) -> dict[str, Any]:
    """The parameters of `Statements.add_session`."""
    return {
        "session_hash": session.session_hash,
        "user_id": session.user_id,
        "epoch": session.epoch,
        "amr": " ".join(session.assurance.amr),
        "proved_at": utc(session.assurance.at),
        "second_factor_at": utc_or_none(session.assurance.second_factor_at),
    }


def event_parameters_of(event: Event) -> dict[str, Any]:
    """The parameters of `Statements.add_event`."""
    address = event.client_address
    return {
        "user_id": event.user_id,
        "kind": event.kind.value,
        "moment": utc(event.moment),
        "outcome": event.outcome,
        "factor": event.factor.value if event.factor else None,
        "client_address": address[:CLIENT_ADDRESS_CHARACTERS] if address else None,
        "actor": event.actor,
        "reason": event.reason,
    }


def recorded_event_of(row: Row[Any]) -> RecordedEvent:
    """The event in a row of `Statements.events`; SQLite lets anything get into a column of texts."""
    words = {name: getattr(row, name) for name in EVENT_WORDS}
    if all(word is None or isinstance(word, str) for word in words.values()):
        return RecordedEvent(row.id, moment=utc(row.moment), user_id=row.user_id, **words)
    return RecordedEvent(row.id, UNREADABLE)
