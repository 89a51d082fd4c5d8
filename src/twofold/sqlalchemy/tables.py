"""The columns on the host's users, the side table in their place, and our own tables."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    inspect,
    text,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import Mapped, Mapper, mapped_column

from twofold.core.policy import ACTOR_CHARACTERS, REASON_CHARACTERS
from twofold.errors import ConfigurationError

# MariaDB's DATETIME has no fractions unless asked for.
MOMENT = DateTime(timezone=True).with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
# Hex digests compare byte for byte, and take one byte a character.
HASH = String(64).with_variant(mysql.VARCHAR(64, charset="ascii", collation="ascii_bin"), "mysql", "mariadb")
# SQLite counts up only in a column that is called INTEGER.
COUNTING = BigInteger().with_variant(Integer, "sqlite")


class TwoFactorMixin:
    """
    The second factor's columns on the host's `users`; what is secret in them is sealed.

    Attributes:
        totp_secret: The live TOTP secret, sealed.
        twofa_enabled: Whether any second factor is active.
        twofa_backup_codes: The backup codes' digests and moments of use, sealed.
        twofa_webauthn_keys: The WebAuthn keys, sealed.
        totp_pending_secret: The secret of a set-up that waits for its first code, sealed.
        totp_pending_until: The moment at which that set-up expires.
        twofa_last_step: The newest time step ever accepted of the live secret.
        twofa_epoch: Grows with every change of factor or password.
        twofa_failures: Failures in a row of each factor, as JSON.
        twofa_locked_until: The moment from which a typed TOTP code is looked at again.
        twofa_enabled_at: Since when a second factor is active.
        twofa_end_sessions: The debt "end all sessions": the epoch in which it was incurred, 0 for none.
    """

    totp_secret: Mapped[str | None] = mapped_column(String(255))
    twofa_enabled: Mapped[bool | None] = mapped_column(Boolean, server_default=text("FALSE"))
    twofa_backup_codes: Mapped[str | None] = mapped_column(Text)
    twofa_webauthn_keys: Mapped[str | None] = mapped_column(Text)
    totp_pending_secret: Mapped[str | None] = mapped_column(String(255))
    totp_pending_until: Mapped[datetime | None] = mapped_column(MOMENT)
    twofa_last_step: Mapped[int] = mapped_column(BigInteger, server_default=text("0"), nullable=False)
    twofa_epoch: Mapped[int] = mapped_column(BigInteger, server_default=text("0"), nullable=False)
    twofa_failures: Mapped[str | None] = mapped_column(String(255))
    twofa_locked_until: Mapped[datetime | None] = mapped_column(MOMENT)
    twofa_enabled_at: Mapped[datetime | None] = mapped_column(MOMENT)
    twofa_end_sessions: Mapped[int] = mapped_column(BigInteger, server_default=text("0"), nullable=False)


ENROLLMENT_COLUMNS = tuple(TwoFactorMixin.__annotations__)
"""The names of the mixin's columns, in their order."""


@dataclass(frozen=True)
class Tables:
    """
    Where things are.

    Args:
        users: The host's users.
        user_id: Their primary key.
        account: Their column with the name that people see in their authenticator app.
        enrollments: Where the mixin's columns are: *users*, or the side table.
        key: The user id in *enrollments*.
    """

    users: Table
    user_id: Column[Any]
    account: Column[Any]
    enrollments: Table
    key: Column[Any]
    pending_sign_ins: Table
    sessions: Table
    challenges: Table
    credentials: Table
    events: Table

    @property
    def aside(self) -> bool:
        """Whether the columns are in a side table."""
        return self.enrollments is not self.users


def tables_of(users: type, *, account: str, side_table: str | None) -> Tables:
    """
    Find the host's table and lay ours beside it, in its metadata: `create_all` and Alembic see them.

    Raises:
        ConfigurationError: *users* is not mapped, has a composite key, lacks *account*, or has neither the mixin nor
            a side table.
    """
    mapper: Any = inspect(users, raiseerr=False)
    if not isinstance(mapper, Mapper) or not isinstance(mapper.local_table, Table):
        raise ConfigurationError(f"SqlAlchemyStore: {users!r} is not a mapped class; give it the class of your users.")
    table, name = mapper.local_table, users.__name__
    if len(table.primary_key.columns) != 1:
        raise ConfigurationError(
            f"SqlAlchemyStore: {name} has a composite primary key. Give a class whose one key names the user, "
            'for example a text column "tenant:id".'
        )
    if account not in table.c:
        raise ConfigurationError(
            f'SqlAlchemyStore: {name} has no column "{account}". Say which one people see in their authenticator app: '
            'SqlAlchemyStore(..., account="username").'
        )
    user_id = next(iter(table.primary_key.columns))
    enrollments = table if side_table is None else _side_table(side_table, table.metadata, user_id)
    missing = [column for column in ENROLLMENT_COLUMNS if column not in enrollments.c]
    if missing:
        raise ConfigurationError(
            f"SqlAlchemyStore: {name} has no column {missing[0]}. Write class {name}(TwoFactorMixin, ...), or keep our "
            'columns apart: SqlAlchemyStore(..., side_table="user_two_factor").'
        )
    key = user_id if side_table is None else enrollments.c.user_id
    return Tables(
        table,
        user_id,
        table.c[account],
        enrollments,
        key,
        pending_sign_ins=_pending_sign_ins(table.metadata, key),
        sessions=_sessions(table.metadata, key),
        challenges=_challenges(table.metadata, key),
        credentials=_credentials(table.metadata, key),
        events=_events(table.metadata, key),
    )


def _side_table(name: str, metadata: MetaData, user_id: Column[Any]) -> Table:
    owner = Column("user_id", user_id.type, ForeignKey(user_id, ondelete="CASCADE"), primary_key=True)
    owner.autoincrement = False
    return _table(name, metadata, owner, *(_copy_of(column) for column in ENROLLMENT_COLUMNS))


def _copy_of(name: str) -> Column[Any]:
    column: Column[Any] = getattr(TwoFactorMixin, name).column
    return Column(name, column.type, nullable=column.nullable, server_default=column.server_default)


def _table(name: str, metadata: MetaData, *columns: Column[Any]) -> Table:
    """A table of ours; the one that is there already where two stores stand on one metadata."""
    known = metadata.tables.get(f"{metadata.schema}.{name}" if metadata.schema else name)
    return Table(name, metadata, *columns) if known is None else known


def _owner(key: Column[Any], *, nullable: bool = False) -> Column[Any]:
    # It points to the enrollments, not to the users: what is in a side table shares no lock with the host.
    return Column("user_id", key.type, ForeignKey(key, ondelete="CASCADE"), nullable=nullable, index=True)


def _pending_sign_ins(metadata: MetaData, key: Column[Any]) -> Table:
    return _table(
        "twofold_pending_sign_ins",
        metadata,
        Column("token_hash", HASH, primary_key=True),
        _owner(key),
        Column("epoch", BigInteger, nullable=False),
        Column("expires_at", MOMENT, nullable=False),
    )


def _sessions(metadata: MetaData, key: Column[Any]) -> Table:
    return _table(
        "twofold_sessions",
        metadata,
        Column("session_hash", HASH, primary_key=True),
        _owner(key),
        Column("epoch", BigInteger, nullable=False),
        Column("amr", String(64), nullable=False),
        Column("proved_at", MOMENT, nullable=False),
        Column("second_factor_at", MOMENT),
    )


def _challenges(metadata: MetaData, key: Column[Any]) -> Table:
    return _table(
        "twofold_challenges",
        metadata,
        Column("challenge_hash", HASH, primary_key=True),
        _owner(key),
        Column("epoch", BigInteger, nullable=False),
        Column("purpose", String(16), nullable=False),
        Column("handle_hash", HASH, nullable=False),
        Column("expires_at", MOMENT, nullable=False),
    )


def _credentials(metadata: MetaData, key: Column[Any]) -> Table:
    """Who has registered which credential id: of each there is one. All else of a key is sealed in its user's row."""
    return _table(
        "twofold_credentials",
        metadata,
        Column("credential_hash", HASH, primary_key=True),
        _owner(key),
    )


def _events(metadata: MetaData, key: Column[Any]) -> Table:
    return _table(
        "twofold_events",
        metadata,
        Column("id", COUNTING, primary_key=True),
        _owner(key, nullable=True),  # A stranger who was refused is nobody.
        Column("kind", String(32), nullable=False),
        Column("moment", MOMENT, nullable=False),
        Column("outcome", String(32), nullable=False),
        Column("factor", String(16)),
        Column("client_address", String(64)),
        Column("actor", String(ACTOR_CHARACTERS)),
        Column("reason", String(REASON_CHARACTERS)),
    )
