"""A store that looks, decides and writes without holding the row: what the races must catch."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from twofold.core.webauthn import Challenge
from twofold.service.ports import Transaction
from twofold.sqlalchemy import SqlAlchemyStore
from twofold.sqlalchemy.engines import _on_sqlite_begin
from twofold.sqlalchemy.statements import challenge_of
from twofold.sqlalchemy.transaction import SqlTransaction

T = TypeVar("T")


class HastyTransaction:
    """Looks for a challenge, and deletes it without looking whether it still was there."""

    def __init__(self, tx: SqlTransaction) -> None:
        self._tx = tx

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tx, name)

    def take_challenge(self, challenge_hash: str) -> Challenge | None:
        row = self._tx._first(self._tx._statements.challenge, p_handle=challenge_hash)
        self._tx._execute(self._tx._statements.drop_challenge, p_handle=challenge_hash)
        return row and challenge_of(row)


class NaiveStore(SqlAlchemyStore):
    """
    Reads the row with a plain SELECT; on SQLite in Python's own transactions, which begin with the first write.

    What is used up by being deleted it deletes in the same way.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._statements.lock = self._statements.enrollment
        if self._engine.dialect.name == "sqlite":
            event.remove(self._engine, "begin", _on_sqlite_begin)
            event.listen(self._engine, "connect", _back_to_python)

    def transact(self, work: Callable[[Transaction], T]) -> T:
        return super().transact(lambda tx: work(cast("Transaction", HastyTransaction(cast("SqlTransaction", tx)))))


def _back_to_python(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = ""
