"""Events tell who did a thing to somebody else, and why; and of strangers, who are nobody."""

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects import mysql

revision = "0003"
down_revision = "0002"

MOMENT = sa.DateTime(timezone=True).with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
COUNTING = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def new_columns() -> list[sa.Column[str]]:
    return [sa.Column("actor", sa.String(128)), sa.Column("reason", sa.String(255))]


def events() -> sa.Table:
    """The table with its new columns, which SQLite makes anew: it cannot change a column."""
    owner = sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False)
    return sa.Table(
        "twofold_events",
        sa.MetaData(),
        sa.Column("id", COUNTING, primary_key=True),
        owner,
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("moment", MOMENT, nullable=False),
        sa.Column("outcome", sa.String(32), nullable=False),
        sa.Column("factor", sa.String(16)),
        sa.Column("client_address", sa.String(64)),
        *new_columns(),
    )


def columns_there() -> set[str]:
    """The columns of the events: MariaDB may have seen this migration cut short."""
    if context.is_offline_mode():
        return set()
    return {column["name"] for column in sa.inspect(op.get_bind()).get_columns("twofold_events")}


def let_user_be(*, nullable: bool) -> None:
    with op.batch_alter_table("twofold_events", copy_from=events()) as table:
        table.alter_column("user_id", existing_type=sa.Integer, nullable=nullable)
    if op.get_context().dialect.name == "sqlite":  # The index went with the table that was there before.
        op.create_index("ix_twofold_events_user_id", "twofold_events", ["user_id"])


def upgrade() -> None:
    there = columns_there()
    for column in new_columns():
        if column.name not in there:
            op.add_column("twofold_events", column)
    let_user_be(nullable=True)


def downgrade() -> None:
    op.execute("DELETE FROM twofold_events WHERE user_id IS NULL")
    let_user_be(nullable=False)
    for column in reversed(new_columns()):
        op.drop_column("twofold_events", column.name)
