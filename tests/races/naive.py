"""A store that looks, decides and writes without holding the row: what the races must catch."""

from typing import Any

from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from twofold.sqlalchemy import SqlAlchemyStore
from twofold.sqlalchemy.engines import _on_sqlite_begin


class NaiveStore(SqlAlchemyStore):
    """Reads the row with a plain SELECT; on SQLite in Python's own transactions, which begin with the first write."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._statements.lock = self._statements.enrollment
        if self._engine.dialect.name == "sqlite":
            event.remove(self._engine, "begin", _on_sqlite_begin)
            event.listen(self._engine, "connect", _back_to_python)


def _back_to_python(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = ""
