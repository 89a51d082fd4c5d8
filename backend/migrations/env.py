"""How Alembic gets at the tables: over the connection that it is given, under a lock of the database."""

from collections.abc import Iterator
from contextlib import contextmanager

from alembic import context
from sqlalchemy import Connection

from app.database import Base
from app.models.user import User
from twofold.sqlalchemy.tables import tables_of

LOCK = 2_026_112_201  # any number, as long as it is always the same
LOCKS = {
    "postgresql": (f"SELECT pg_advisory_lock({LOCK})", f"SELECT pg_advisory_unlock({LOCK})"),
    "mysql": (f"SELECT GET_LOCK('{LOCK}', 60)", f"SELECT RELEASE_LOCK('{LOCK}')"),
    "sqlite": ("BEGIN EXCLUSIVE", "SELECT 1"),
}

tables_of(User, account="email", side_table=None)  # joins the second factor's own tables to the metadata


@contextmanager
def locked(connection: Connection) -> Iterator[None]:
    """Let one starter at a time change the tables; the others wait, and find nothing left to do."""
    lock, unlock = LOCKS[connection.dialect.name]
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA busy_timeout = 60000")
    held = connection.exec_driver_sql(lock)
    if held.returns_rows and held.scalar() == 0:  # MariaDB's way to say that it waited in vain
        raise TimeoutError
    try:
        yield
        connection.commit()
    finally:
        connection.exec_driver_sql(unlock)


if context.is_offline_mode():
    dialect = context.config.get_main_option("dialect")
    context.configure(dialect_name=dialect, target_metadata=Base.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    connection = context.config.attributes["connection"]
    with locked(connection):
        context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
        with context.begin_transaction():
            context.run_migrations()
