"""Backends that are broken on purpose, each in one way: what the storms must see."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from app.utils.two_factor_auth import StoredSessions
from twofold import TwoFactorAuth
from twofold.core.enrollment import Enrollment, Judgement
from twofold.service.ports import Transaction, Transactions
from twofold.sqlalchemy import SqlAlchemyStore

T = TypeVar("T")


class _Undone(Exception):
    def __init__(self, result: object) -> None:
        super().__init__()
        self.result = result


@dataclass
class UndoingStore:
    """A store that takes a transaction back, and tells its outcome all the same, where *undoes* says so."""

    store: Any
    undoes: Callable[[Judgement], bool]

    async def run(self, use_case: Callable[[Transactions], T]) -> T:
        """As the store's, over transactions of ours."""
        result: T = await self.store.run(lambda inner: use_case(UndoingStore(inner, self.undoes)))
        return result

    def read(self, work: Callable[[Transaction], T]) -> T:
        """As the store's."""
        result: T = self.store.read(work)
        return result

    def transact(self, work: Callable[[Transaction], T]) -> T:
        """As the store's, but for what is taken back."""

        def watched(tx: Transaction) -> T:
            result = work(tx)
            judgement = result[0] if isinstance(result, tuple) else result
            if isinstance(judgement, Judgement) and self.undoes(judgement):
                raise _Undone(result)
            return result

        try:
            done: T = self.store.transact(watched)
        except _Undone as undone:
            known: Any = undone.result
            return known  # type: ignore[no-any-return]
        return done


def no_lock(auth: TwoFactorAuth) -> None:
    """Look, decide and write without holding the row."""
    store: Any = auth.store
    if isinstance(store, SqlAlchemyStore):
        store._statements.lock = store._statements.enrollment  # noqa: SLF001 - a fault, planted inside


def forgets_failures(auth: TwoFactorAuth) -> None:
    """Count failures in a transaction that is rolled back with the refused request, as a host's would be."""
    store: Any = UndoingStore(auth.store, lambda judgement: not judgement.accepted)
    auth.store = store


@dataclass
class HalfStore:
    """A store that leaves the backup codes out."""

    store: Any

    async def run(self, use_case: Callable[[Transactions], T]) -> T:
        """As the store's, over transactions of ours."""
        result: T = await self.store.run(lambda inner: use_case(HalfStore(inner)))
        return result

    def read(self, work: Callable[[Transaction], T]) -> T:
        """As the store's."""
        result: T = self.store.read(work)
        return result

    def transact(self, work: Callable[[Transaction], T]) -> T:
        """As the store's, but for what is saved."""
        result: T = self.store.transact(lambda tx: work(_HalfTransaction(tx)))
        return result


class _HalfTransaction:
    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the transaction has
        return getattr(self._tx, name)

    def save(self, enrollment: Enrollment) -> None:
        self._tx.save(replace(enrollment, backup_codes=None))


def stores_half(auth: TwoFactorAuth) -> None:
    """Store a new secret without its backup codes."""
    store: Any = HalfStore(auth.store)
    auth.store = store


def keeps_sessions(_: TwoFactorAuth) -> None:
    """End no session, and clear the debt."""

    async def end_none(self: StoredSessions, user_id: int) -> None:
        """Ends nothing."""

    StoredSessions.end_all = end_none  # type: ignore[method-assign]


VARIANTS: dict[str, Callable[[TwoFactorAuth], None]] = {
    "no-lock": no_lock,
    "forgets-failures": forgets_failures,
    "stores-half": stores_half,
    "keeps-sessions": keeps_sessions,
}
"""By the name in `SOAK_VARIANT`."""
