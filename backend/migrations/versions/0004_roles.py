"""What users may do beside what everybody may."""

import sqlalchemy as sa
from alembic import context, op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    there = set()
    if not context.is_offline_mode():  # MariaDB may have seen this migration cut short.
        there = {column["name"] for column in sa.inspect(op.get_bind()).get_columns("users")}
    if "role" not in there:
        op.add_column("users", sa.Column("role", sa.String(16), server_default="user", nullable=False))


def downgrade() -> None:
    op.drop_column("users", "role")
