"""What the database says of the people of a storm when it is over."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, select

from app.models.user import User
from twofold.core.backup_codes import BackupCodes
from twofold.core.sealing import KeyRing, Purpose, Sealed
from twofold.core.totp import TotpSecret
from twofold.errors import CannotOpen
from twofold.sqlalchemy.tables import tables_of


@dataclass(frozen=True)
class Happened:
    """One event; events of a user stand in the order in which his row was held."""

    kind: str
    outcome: str
    factor: str | None
    moment: datetime


@dataclass(frozen=True)
class Row:
    """
    The row of one user, opened.

    Args:
        unreadable: The columns whose value does not open.
    """

    user: int
    enabled: bool
    secret: str | None
    backup_codes: BackupCodes | None
    last_step: int
    failures: Mapping[str, int]
    unreadable: Sequence[str]
    events: Sequence[Happened]


def read(engine: Engine, keys: KeyRing, users: Sequence[int]) -> dict[int, Row]:
    """The rows of these users, by user."""
    events = tables_of(User, account="email", side_table=None).events
    happened: dict[int, list[Happened]] = defaultdict(list)
    with engine.connect() as connection:
        for row in connection.execute(select(events).where(events.c.user_id.in_(users)).order_by(events.c.id)):
            happened[row.user_id].append(Happened(row.kind, row.outcome, row.factor, _utc(row.moment)))
        found = connection.execute(select(User.__table__).where(User.id.in_(users))).all()
    return {row.id: _row(row, keys, happened[row.id]) for row in found}


def _row(row: Any, keys: KeyRing, events: Sequence[Happened]) -> Row:  # noqa: ANN401 - SQLAlchemy's row
    unreadable: list[str] = []

    def opened(sealed: str | None, purpose: Purpose) -> bytes | None:
        try:
            return None if sealed is None else keys.open_sealed(Sealed(sealed), purpose, row.id)
        except CannotOpen:
            unreadable.append(purpose.value)
            return None

    secret = opened(row.totp_secret, Purpose.TOTP_SECRET)
    codes = opened(row.twofa_backup_codes, Purpose.BACKUP_CODES)
    opened(row.totp_pending_secret, Purpose.TOTP_PENDING_SECRET)
    return Row(
        user=row.id,
        enabled=bool(row.twofa_enabled),
        secret=None if secret is None else TotpSecret.from_bytes(secret).base32,
        backup_codes=None if codes is None else BackupCodes.from_bytes(codes),
        last_step=row.twofa_last_step,
        failures=json.loads(row.twofa_failures or "{}"),
        unreadable=unreadable,
        events=events,
    )


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
