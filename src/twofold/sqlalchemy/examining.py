"""The doctor's part of a transaction: the database's clock, what is missing there, every enrollment."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, text

from twofold.core.diagnosis import Revisions
from twofold.core.survey import FoundEnrollment
from twofold.errors import CannotOpen
from twofold.service.ports import UserId
from twofold.sqlalchemy.rows import Rows
from twofold.sqlalchemy.schema_check import missing_in, revisions_of
from twofold.sqlalchemy.statements import enrollment_of, utc
from twofold.sqlalchemy.tables import MOMENT

if TYPE_CHECKING:
    from alembic.script import ScriptDirectory

_CLOCKS = {
    # Not now(), which is the beginning of the transaction.
    "postgresql": "SELECT clock_timestamp() AS moment",
    "sqlite": "SELECT strftime('%Y-%m-%d %H:%M:%f', 'now') AS moment",
    "mysql": "SELECT UTC_TIMESTAMP(6) AS moment",
    "mariadb": "SELECT UTC_TIMESTAMP(6) AS moment",
}


class ExaminingTransaction(Rows):
    """What only the doctor asks of a transaction."""

    def revisions(self, scripts: "ScriptDirectory") -> Revisions:
        """Where the database is, and where migrations lead; for a host that has Alembic."""
        return revisions_of(self._connection, scripts, self._statements.tables.users.schema)

    def clock(self) -> datetime:
        asked = text(_CLOCKS[self._connection.dialect.name])
        moment: datetime = self._connection.execute(asked.columns(moment=MOMENT)).scalar_one()
        return utc(moment)

    def missing(self) -> Sequence[str]:
        return missing_in(self._connection, self._statements.tables)

    def enrollments(self, *, after: UserId | None, at_most: int) -> Sequence[FoundEnrollment]:
        statements = self._statements.operator
        all_of, ids_of = statements.first_enrollments, statements.first_ids
        if after is not None:
            all_of, ids_of = statements.next_enrollments, statements.next_ids
        asked = {"p_at_most": at_most} | ({} if after is None else {"p_after": after})
        try:
            rows = self._rows(all_of, **asked)
        except CannotOpen:
            # One damaged row hides no other: each is read alone.
            return [self._alone(row.user_id) for row in self._rows(ids_of, **asked)]
        return [_found(row) for row in rows]

    def _alone(self, user_id: UserId) -> FoundEnrollment:
        row = None
        with suppress(CannotOpen):
            row = self._first(self._statements.enrollment, p_user=user_id)
        return FoundEnrollment(user_id, None) if row is None else _found(row)


def _found(row: Row[Any]) -> FoundEnrollment:
    try:
        return FoundEnrollment(row.user_id, enrollment_of(row))
    except CannotOpen:
        return FoundEnrollment(row.user_id, None)
