"""WebAuthn keys: sealed on `users`, who has registered which, and challenges that wait for an answer."""

from typing import Any

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects import mysql

revision = "0005"
down_revision = "0004"

MOMENT = sa.DateTime(timezone=True).with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
HASH = sa.String(64).with_variant(mysql.VARCHAR(64, charset="ascii", collation="ascii_bin"), "mysql", "mariadb")


def owner() -> sa.Column[int]:
    return sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True)


def create_table(name: str, *columns: sa.Column[Any]) -> None:
    """Create a table, unless a migration that MariaDB saw cut short has left it there."""
    if context.is_offline_mode() or not sa.inspect(op.get_bind()).has_table(name):
        op.create_table(name, *columns)


def upgrade() -> None:
    there = set()
    if not context.is_offline_mode():  # MariaDB may have seen this migration cut short.
        there = {column["name"] for column in sa.inspect(op.get_bind()).get_columns("users")}
    if "twofa_webauthn_keys" not in there:
        op.add_column("users", sa.Column("twofa_webauthn_keys", sa.Text))
    create_table(
        "twofold_challenges",
        sa.Column("challenge_hash", HASH, primary_key=True),
        owner(),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("purpose", sa.String(16), nullable=False),
        sa.Column("handle_hash", HASH, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
    )
    create_table("twofold_credentials", sa.Column("credential_hash", HASH, primary_key=True), owner())


def downgrade() -> None:
    for table in ("twofold_credentials", "twofold_challenges"):
        op.drop_table(table)
    op.drop_column("users", "twofa_webauthn_keys")
