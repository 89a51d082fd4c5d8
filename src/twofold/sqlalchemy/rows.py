"""A connection whose transaction has begun, and how rows are read from it."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Executable, Row, Select
from sqlalchemy.engine import CursorResult
from sqlalchemy.exc import OperationalError

from twofold.errors import CannotOpen
from twofold.sqlalchemy.statements import Statements
from twofold.sqlalchemy.tables import Tables


class Rows:
    """What a transaction executes, and reads."""

    def __init__(self, connection: Connection, statements: Statements) -> None:
        self._connection = connection
        self._statements = statements

    @property
    def connection(self) -> Connection:
        """The connection itself, for tables that are not ours."""
        return self._connection

    @property
    def tables(self) -> Tables:
        """Where things are."""
        return self._statements.tables

    def _execute(self, statement: Executable, **parameters: object) -> CursorResult[Any]:
        return self._connection.execute(statement, parameters)

    def _rows(self, statement: Select[Any], **parameters: object) -> Sequence[Row[Any]]:
        """
        The rows of a statement.

        Raises:
            CannotOpen: What stands in one is nothing of its column's kind; SQLite lets it get there.
        """
        try:
            return _read(self._connection, statement, parameters)
        except (ValueError, TypeError):
            damaged = self._damaged(statement, parameters)
        raise CannotOpen from ValueError(f"{damaged}: not what belongs there")

    def _damaged(self, statement: Select[Any], parameters: dict[str, object]) -> str:
        """Which columns cannot be read, found by reading each alone; the drivers name the value, and not its place."""
        names = []
        for column in statement.selected_columns:
            alone = statement.with_only_columns(column, maintain_column_froms=True)
            try:
                _read(self._connection, alone, parameters)
            except (ValueError, TypeError):
                names.append(str(column))
        return ", ".join(names)

    def _first(self, statement: Select[Any], **parameters: object) -> Row[Any] | None:
        return next(iter(self._rows(statement, **parameters)), None)


def _read(connection: Connection, statement: Select[Any], parameters: dict[str, object]) -> Sequence[Row[Any]]:
    try:
        return connection.execute(statement, parameters).all()
    except OperationalError as error:
        # What is no text at all SQLite tells in this way, and would tell the log, too.
        if "decode" in str(error.orig):
            raise ValueError from None
        raise
