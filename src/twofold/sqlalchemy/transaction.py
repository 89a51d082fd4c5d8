"""One transaction on a connection, as the use cases see it."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from types import SimpleNamespace

from sqlalchemy.exc import IntegrityError

from twofold.core.assurance import ProvedSession
from twofold.core.enrollment import Enrollment
from twofold.core.events import UNREADABLE, Event, RecordedEvent
from twofold.core.factors import Factor
from twofold.core.maintenance import Kind, Overdue
from twofold.core.sealing import SEALED, user_text
from twofold.core.sign_in import PendingSignIn
from twofold.core.webauthn import Challenge
from twofold.errors import CannotOpen, UnknownUser
from twofold.service.ports import UserId
from twofold.sqlalchemy.examining import ExaminingTransaction
from twofold.sqlalchemy.operating import OperatorTransaction
from twofold.sqlalchemy.statements import (
    BEFORE_ALL_EVENTS,
    BEYOND_ALL_EVENTS,
    challenge_of,
    challenge_parameters_of,
    enrollment_of,
    epoch_after,
    event_parameters_of,
    parameters_of,
    pending_sign_in_of,
    proved_session_of,
    recorded_event_of,
    session_parameters_of,
    utc,
    utc_or_none,
)

FIRST_ROW_TRIES = 20
"""How often the first row of a user in the side table is made who is forgotten at the same time."""


class SqlTransaction(OperatorTransaction, ExaminingTransaction):
    """The port `Transaction` over a connection whose transaction has begun."""

    def lock(self, user_id: UserId) -> Enrollment:
        statements = self._statements
        row = self._first(statements.lock, p_user=user_id)
        # More than once where the user is forgotten between his first row and its lock.
        for _ in range(FIRST_ROW_TRIES if row is None and statements.tables.aside else 0):
            self._add_enrollment(user_id)
            row = self._first(statements.lock, p_user=user_id)
            if row is not None:
                break
        if row is None:
            raise UnknownUser
        return enrollment_of(row)

    def hold(self, user_id: UserId) -> None:
        if self._first(self._statements.hold, p_user=user_id) is None:
            raise UnknownUser

    def blank(self, user_id: UserId) -> Enrollment:
        row = self._first(self._statements.hold, p_user=user_id)
        if row is None:
            raise UnknownUser
        stored = None
        with suppress(CannotOpen):
            stored = self._rows(self._statements.epoch, p_user=user_id)[0].twofa_epoch
        return Enrollment(user_id=row.user_id, epoch=epoch_after(stored))

    def _add_enrollment(self, user_id: UserId) -> None:
        """The first row of a user in the side table; another transaction may come before us."""
        self.account(user_id)
        try:
            with self._connection.begin_nested():
                self._execute(self._statements.add_enrollment, p_user=user_id)
        except IntegrityError:
            return

    def save(self, enrollment: Enrollment) -> None:
        self._connection.execute(self._statements.save, parameters_of(enrollment))

    def enrollment(self, user_id: UserId) -> Enrollment:
        row = self._first(self._statements.enrollment, p_user=user_id)
        return self._blank(user_id) if row is None else enrollment_of(row)

    def legible(self, user_id: UserId) -> tuple[Enrollment, Sequence[str]]:
        whole = self._statements.enrollment
        damaged: tuple[str, ...] = ()
        found = SimpleNamespace(**dict.fromkeys(whole.selected_columns.keys()))
        for column in whole.selected_columns:
            alone = whole.with_only_columns(column, maintain_column_froms=True)
            try:
                row = self._first(alone, p_user=user_id)
                if row is None:
                    return self._blank(user_id), ()
                with_it = SimpleNamespace(**vars(found) | {column.name: row[0]})
                enrollment_of(with_it)
            except CannotOpen:
                damaged = (*damaged, column.name)
                continue
            if column.name in SEALED and not isinstance(row[0], str | None):  # SQLite lets anything get there
                damaged = (*damaged, column.name)
            else:
                found = with_it
        return enrollment_of(found), damaged

    def _blank(self, user_id: UserId) -> Enrollment:
        """The enrollment of a user who has no row yet; that is possible only in a side table."""
        self.account(user_id)
        return Enrollment(user_id=user_id)

    def account(self, user_id: UserId) -> str:
        row = self._first(self._statements.account, p_user=user_id)
        if row is None:
            raise UnknownUser
        # A host may let the name be missing; a set-up needs one.
        return user_text(user_id) if row.account is None else str(row.account)

    def record(self, event: Event) -> None:
        self._connection.execute(self._statements.add_event, event_parameters_of(event))

    def events(self, user_id: UserId, *, before: int | None, at_most: int) -> Sequence[RecordedEvent]:
        asked = {
            "p_user": user_id,
            "p_before": BEYOND_ALL_EVENTS if before is None else before,
            "p_at_most": at_most,
        }
        try:
            return [recorded_event_of(row) for row in self._rows(self._statements.events, **asked)]
        except CannotOpen:
            # One damaged row hides no other: each is read alone.
            return [self._event(row.id) for row in self._rows(self._statements.event_numbers, **asked)]

    def _event(self, number: int) -> RecordedEvent:
        try:
            row = self._first(self._statements.event, p_number=number)
        except CannotOpen:
            row = None
        # None, too, where another transaction has deleted it since its number was read.
        return RecordedEvent(number, UNREADABLE) if row is None else recorded_event_of(row)

    def all_events(self, *, before: int | None, at_most: int) -> Sequence[RecordedEvent]:
        asked = {"p_before": BEYOND_ALL_EVENTS if before is None else before, "p_at_most": at_most}
        try:
            return [recorded_event_of(row) for row in self._rows(self._statements.all_events, **asked)]
        except CannotOpen:
            # As above.
            return [self._event(row.id) for row in self._rows(self._statements.all_event_numbers, **asked)]

    def last_accepted(self, user_id: UserId, factor: Factor | None = None) -> datetime | None:
        if factor is None:
            row = self._first(self._statements.last_accepted, p_user=user_id)
        else:
            row = self._first(self._statements.last_accepted_of, p_user=user_id, p_factor=factor.value)
        return None if row is None else utc_or_none(row[0])

    def add_pending_sign_in(self, pending: PendingSignIn, *, at: datetime, keep: int) -> None:
        statements = self._statements
        rows = self._rows(statements.pending_sign_ins_of, p_user=pending.user_id)
        for place, row in enumerate(rows, 1):
            if place >= keep or utc(row.expires_at) <= at:
                self.drop_pending_sign_in(row.token_hash)
        values = {
            "token_hash": pending.token_hash,
            "user_id": pending.user_id,
            "epoch": pending.epoch,
            "expires_at": utc(pending.expires_at),
        }
        self._connection.execute(statements.add_pending_sign_in, values)

    def pending_sign_in(self, token_hash: str) -> PendingSignIn | None:
        row = self._first(self._statements.pending_sign_in, p_handle=token_hash)
        return None if row is None else pending_sign_in_of(row)

    def pending_sign_ins(self, user_id: UserId) -> Sequence[PendingSignIn]:
        return [pending_sign_in_of(row) for row in self._rows(self._statements.pending_sign_ins_of, p_user=user_id)]

    def drop_pending_sign_in(self, token_hash: str) -> None:
        self._execute(self._statements.drop_pending_sign_in, p_handle=token_hash)

    def session(self, user_id: UserId, session_hash: str) -> tuple[Enrollment, ProvedSession | None]:
        row = self._first(self._statements.session, p_user=user_id, p_handle=session_hash)
        if row is None:
            return self._blank(user_id), None
        return enrollment_of(row), proved_session_of(row)

    def save_session(self, session: ProvedSession) -> None:
        values = session_parameters_of(session)
        saved = self._execute(self._statements.save_session, **{f"p_{name}": value for name, value in values.items()})
        if saved.rowcount == 0:
            self._connection.execute(self._statements.add_session, values)

    def sessions(self, user_id: UserId) -> Sequence[ProvedSession]:
        rows = self._rows(self._statements.sessions_of, p_user=user_id)
        return [session for row in rows if (session := proved_session_of(row)) is not None]

    def drop_session(self, user_id: UserId, session_hash: str) -> None:
        self._execute(self._statements.drop_session, p_user=user_id, p_handle=session_hash)

    def drop_handed_out(self, user_id: UserId) -> None:
        self._execute(self._statements.drop_pending_sign_ins_of, p_user=user_id)
        self._execute(self._statements.drop_sessions_of, p_user=user_id)
        self._execute(self._statements.drop_challenges_of, p_user=user_id)

    def add_challenge(self, challenge: Challenge, *, at: datetime, keep: int) -> None:
        statements, binding, alike = self._statements, challenge.binding, 0
        for row in self._rows(statements.challenges_of, p_user=challenge.user_id):
            is_alike = (row.purpose, row.handle_hash) == (binding.purpose.value, binding.handle_hash)
            alike += is_alike
            if (is_alike and alike >= keep) or utc(row.expires_at) <= at:
                self._execute(statements.drop_challenge, p_handle=row.challenge_hash)
        self._connection.execute(statements.add_challenge, challenge_parameters_of(challenge))

    def challenges(self, user_id: UserId) -> Sequence[Challenge]:
        return [challenge_of(row) for row in self._rows(self._statements.challenges_of, p_user=user_id)]

    def take_challenge(self, challenge_hash: str) -> Challenge | None:
        row = self._first(self._statements.challenge, p_handle=challenge_hash)
        # Of two at once the one that has deleted it has taken it.
        taken = row is not None and self._execute(self._statements.drop_challenge, p_handle=challenge_hash).rowcount
        return challenge_of(row) if row is not None and taken else None

    def add_credential(self, credential_hash: str, user_id: UserId) -> bool:
        try:
            with self._connection.begin_nested():
                values = {"credential_hash": credential_hash, "user_id": user_id}
                self._connection.execute(self._statements.add_credential, values)
        except IntegrityError:
            return False
        return True

    def drop_credential(self, credential_hash: str) -> None:
        self._execute(self._statements.drop_credential, p_handle=credential_hash)

    def drop_credentials(self, user_id: UserId) -> None:
        self._execute(self._statements.drop_credentials_of, p_user=user_id)

    def pay_debt(self, user_id: UserId, debt: int) -> bool:
        return self._execute(self._statements.pay_debt, p_user=user_id, p_debt=debt).rowcount == 1

    def recorded_lately(self, at_most: int) -> Sequence[datetime]:
        found = [self._event(row.id) for row in self._rows(self._statements.last_numbers, p_at_most=at_most)]
        return [event.moment for event in found if event.moment is not None]

    def overdue(self, kind: Kind, before: datetime, *, after: int | str | None, at_most: int) -> Sequence[Overdue]:
        first = BEFORE_ALL_EVENTS if kind in {Kind.EVENT, Kind.ADDRESS} else ""
        asked = {"p_before": utc(before), "p_after": first if after is None else after, "p_at_most": at_most}
        return [Overdue(row.key, row.user_id) for row in self._rows(self._statements.overdue[kind], **asked)]

    def clear(self, kind: Kind, found: Sequence[Overdue], before: datetime) -> int:
        statements, users = self._statements, {one.user_id for one in found}
        held = {row[0] for row in self._rows(statements.hold_users, p_users=list(users))}
        # Of those who are gone, where nobody kept foreign keys, there is no row to hold.
        gone = users - {row[0] for row in self._rows(statements.known_users, p_users=list(users))}
        free = held | gone
        keys = [one.key for one in found if one.user_id in free]
        if not keys:
            return 0
        given = {"p_before": utc(before), "p_keys": keys, "p_users": list(free)}
        return self._execute(statements.clear[kind], **given).rowcount

    def forget(self, user_id: UserId) -> None:
        statements = self._statements
        blank = None
        with suppress(UnknownUser):
            blank = self.blank(user_id)
        self.drop_handed_out(user_id)
        self.drop_credentials(user_id)
        self._execute(statements.drop_events_of, p_user=user_id)
        if blank is not None and statements.tables.aside:
            self._execute(statements.drop_enrollment, p_user=user_id)
        elif blank is not None:
            self.save(blank)
