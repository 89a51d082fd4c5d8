"""The second factor: its columns on `users`, and its own tables."""

from typing import Any

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects import mysql

revision = "0002"
down_revision = "0001"

MOMENT = sa.DateTime(timezone=True).with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
HASH = sa.String(64).with_variant(mysql.VARCHAR(64, charset="ascii", collation="ascii_bin"), "mysql", "mariadb")
COUNTING = sa.BigInteger().with_variant(sa.Integer, "sqlite")

COLUMNS = (
    sa.Column("totp_secret", sa.String(255)),
    sa.Column("twofa_enabled", sa.Boolean, server_default=sa.text("FALSE")),
    sa.Column("twofa_backup_codes", sa.Text),
    sa.Column("totp_pending_secret", sa.String(255)),
    sa.Column("totp_pending_until", MOMENT),
    sa.Column("twofa_last_step", sa.BigInteger, server_default=sa.text("0"), nullable=False),
    sa.Column("twofa_epoch", sa.BigInteger, server_default=sa.text("0"), nullable=False),
    sa.Column("twofa_failures", sa.String(255)),
    sa.Column("twofa_locked_until", MOMENT),
    sa.Column("twofa_enabled_at", MOMENT),
    sa.Column("twofa_end_sessions", sa.BigInteger, server_default=sa.text("0"), nullable=False),
)


def owner() -> sa.Column[int]:
    return sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True)


def columns_there() -> set[str]:
    """The columns of `users`: an older version may have left some of ours."""
    if context.is_offline_mode():
        return set()
    return {column["name"] for column in sa.inspect(op.get_bind()).get_columns("users")}


def create_table(name: str, *columns: sa.Column[Any]) -> None:
    """Create a table, unless a migration by hand, or one that MariaDB saw cut short, has left it there."""
    if context.is_offline_mode() or not sa.inspect(op.get_bind()).has_table(name):
        op.create_table(name, *columns)


def upgrade() -> None:
    there = columns_there()
    for column in COLUMNS:
        if column.name not in there:
            op.add_column("users", column)
    create_table(
        "twofold_pending_sign_ins",
        sa.Column("token_hash", HASH, primary_key=True),
        owner(),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
    )
    create_table(
        "twofold_sessions",
        sa.Column("session_hash", HASH, primary_key=True),
        owner(),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("amr", sa.String(64), nullable=False),
        sa.Column("proved_at", MOMENT, nullable=False),
        sa.Column("second_factor_at", MOMENT),
    )
    create_table(
        "twofold_events",
        sa.Column("id", COUNTING, primary_key=True),
        owner(),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("moment", MOMENT, nullable=False),
        sa.Column("outcome", sa.String(32), nullable=False),
        sa.Column("factor", sa.String(16)),
        sa.Column("client_address", sa.String(64)),
    )


def downgrade() -> None:
    for table in ("twofold_events", "twofold_sessions", "twofold_pending_sign_ins"):
        op.drop_table(table)
    for column in reversed(COLUMNS):
        op.drop_column("users", column.name)
