"""How Alembic gets at the tables: over the connection that it is given."""

from alembic import context

from app.database import Base
from app.models.user import User
from twofold.sqlalchemy.tables import tables_of

tables_of(User, account="email", side_table=None)  # joins the second factor's own tables to the metadata

if context.is_offline_mode():
    dialect = context.config.get_main_option("dialect")
    context.configure(dialect_name=dialect, target_metadata=Base.metadata, literal_binds=True)
else:
    connection = context.config.attributes["connection"]
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
