"""The keys that values are sealed under: which rows stand under which, and the way to the writing one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from twofold.core.policy import ROTATED_AT_ONCE
from twofold.core.rotation import Resealed, SealedRow, resealed
from twofold.core.sealing import FERNET, SEALED, UNSEALED
from twofold.errors import KeyInUse, Unavailable, UnknownUser
from twofold.service.context import Context, logger, named
from twofold.service.ports import Transaction, UserId

PASSES = 5
"""How often a rotation goes through what is left, before what is busy is left to the next one."""

NAMED_AT_MOST = 20
"""Users named in the log whose values do not open; a key that is missing would name them all."""


@dataclass(frozen=True)
class KeyRow:
    """
    One key, and what stands under it.

    Args:
        key_id: As it stands in the values; or `fernet`, or `unsealed`.
        place: Its place in `ENCRYPTION_KEY`, from 1 on; nothing where it is not there.
        rows: How many values of each column.
    """

    key_id: str
    place: int | None
    rows: Mapping[str, int]

    @property
    def total(self) -> int:
        """Values of all columns."""
        return sum(self.rows.values())


@dataclass(frozen=True)
class KeyStatus:
    """
    All keys, the writing one first.

    Args:
        warnings: What is not as it should be, and what to do.
    """

    keys: tuple[KeyRow, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Rotated:
    """
    How far a rotation has come.

    Args:
        rows: Rows that were to be rewritten when it began.
        done: Rows that have been gone through.
        unreadable: Rows with a value that does not open under any key, and stays as it is.
        left: Rows that were still to be rewritten when it ended; those that do not open are among them.
    """

    rows: int
    done: int = 0
    unreadable: int = 0
    left: int = 0


Told = Callable[[Rotated], None]
"""Is told after each batch how far it has come."""


@dataclass(frozen=True)
class KeyCases:
    """The use cases of the keys."""

    context: Context

    def status(self) -> KeyStatus:
        """
        Which values stand under which key.

        Raises:
            Unavailable: The store is out of reach.
        """
        ring = self.context.keys.key_ids
        counts = self.context.store.read(lambda tx: tx.rows_per_key())
        found = sorted({key_id for column in counts.values() for key_id in column} - set(ring))
        rows = tuple(
            KeyRow(
                key_id,
                ring.index(key_id) + 1 if key_id in ring else None,
                {purpose.value: counts[purpose].get(key_id, 0) for purpose in SEALED},
            )
            for key_id in (*ring, *found)
        )
        return KeyStatus(rows, tuple(_warnings(rows)))

    def rotate(self, told: Told = lambda _: None, *, dry_run: bool = False) -> Rotated:
        """
        Rewrite every value under the writing key, while others read and write (G11).

        In short transactions, each of which rewrites some rows by compare and swap: what happened to a row meanwhile
        stays as it happened, and the row is gone through again. Who ends it, at any point, begins again where it was.

        Args:
            told: Is told how far it has come.
            dry_run: Open everything, and rewrite nothing.

        Raises:
            Unavailable: The store is out of reach; what was done so far stays done.
        """
        key_id = self.context.keys.key_ids[0]
        left = self._left(key_id)
        run = _Rotation(self.context, told, left, writes=not dry_run)
        for number in range(1 if dry_run else PASSES):
            run.go_through(key_id, one_by_one=number > 0)
            left = self._left(key_id)
            if left <= run.unreadable:
                break
        return run.state(left=left)

    def _left(self, key_id: str) -> int:
        return self.context.store.read(lambda tx: tx.count_elsewhere(key_id))

    def retire(self, key_id: str) -> KeyRow:
        """
        Make sure that a key can be taken out of `ENCRYPTION_KEY`.

        Returns:
            The key; nothing stands under it.

        Raises:
            KeyInUse: It writes, or values stand under it, or there is no such key.
            Unavailable: The store is out of reach.
        """
        status = self.status()
        key = next((row for row in status.keys if row.key_id == key_id), None)
        if key is None:
            raise KeyInUse("There is no such key. `twofold keys status` lists them.")
        # The one guard against dropping a key that is needed (G11).
        if key.total:
            raise KeyInUse(
                f"Key {key_id} is in use: {key.total} values stand under it. Run `twofold keys rotate` first."
            )
        # Such a value names no key: each entry may be the one that opens it.
        older = sum(row.total for row in status.keys if row.key_id == FERNET)
        if older:
            raise KeyInUse(
                f"Key {key_id} may be in use: {older} values of an older version (Fernet) do not say under which key "
                "they stand. Run `twofold keys rotate` with TWOFA_READ_FERNET=1 first."
            )
        if key.place == 1:
            raise KeyInUse(f"Key {key_id} is in use: it writes. Put another key before it in ENCRYPTION_KEY first.")
        return key


class _Rotation:
    """One run, and its counts."""

    def __init__(self, context: Context, told: Told, rows: int, *, writes: bool) -> None:
        self._context = context
        self._told = told
        self._rows = rows
        self._writes = writes
        self._done = 0
        self.unreadable = 0

    def state(self, *, left: int = 0) -> Rotated:
        return Rotated(self._rows, min(self._done, self._rows), self.unreadable, left)

    def go_through(self, key_id: str, *, one_by_one: bool) -> None:
        """
        Go once through all rows that are to be rewritten.

        Args:
            one_by_one: Wait for whoever holds a row; not to be done with many rows held.
        """
        store, after = self._context.store, None
        self.unreadable = 0
        while True:
            begin = after
            batch = store.read(lambda tx: tx.sealed_elsewhere(key_id, after=begin, at_most=ROTATED_AT_ONCE))  # noqa: B023
            if not batch:
                return
            anew = [change for row in batch if (change := self._resealed(row)).changes]
            for some in [[each] for each in anew] if one_by_one else [anew]:
                self._store(some, waits=one_by_one)
            after = batch[-1].user_id
            self._done += 0 if one_by_one else len(batch)
            self._told(self.state())

    def _resealed(self, row: SealedRow) -> Resealed:
        anew = resealed(row, self._context.keys)
        self.unreadable += bool(anew.closed)
        if self.unreadable <= NAMED_AT_MOST:
            for error in anew.closed:
                logger.error("A stored value of user %s does not open: %s", named(row.user_id), error.__cause__)
        return anew

    def _store(self, rows: Sequence[Resealed], *, waits: bool) -> None:
        if not self._writes or not rows:
            return
        held: UserId | None = rows[0].user_id if waits else None

        def work(tx: Transaction) -> None:
            if held is not None:
                tx.hold(held)
            tx.reseal(rows)

        try:
            self._context.store.transact(work)
        except UnknownUser:  # who has left meanwhile
            return
        except Unavailable:
            # One row that somebody holds for long is left to the next run; a store that is away shows at the next read.
            if not waits:
                raise


def _warnings(rows: Sequence[KeyRow]) -> list[str]:
    """What of the keys is not as it should be."""
    told, used = [], [row for row in rows if row.total]
    if used and not rows[0].total:
        told.append(
            f"The writing key {rows[0].key_id} is unknown to the rows: none stands under it. Where it has just been "
            "put first, run `twofold keys rotate`; otherwise look whether ENCRYPTION_KEY is the right one."
        )
    for row in used:
        if row.key_id == FERNET:
            told.append(
                f"{row.total} values of an older version (Fernet) are bound to no row: set TWOFA_READ_FERNET=1, run "
                "`twofold keys rotate`, and take it away again."
            )
        elif row.key_id == UNSEALED:
            told.append(f"{row.total} values are not sealed at all: see `twofold import columns --help`.")
        elif row.place is None:
            told.append(
                f"{row.total} values stand under key {row.key_id}, which is not in ENCRYPTION_KEY: put it back, behind "
                "the key that writes. Until then these users cannot use their second factor."
            )
        elif row.place > 1:
            told.append(f"{row.total} values stand under key {row.key_id}: `twofold keys rotate` brings them over.")
    return told
