"""A column on the host's users in which secrets stand that are not sealed: found row by row, and emptied."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from sqlalchemy import (
    ColumnElement,
    LargeBinary,
    Row,
    Select,
    TableClause,
    Update,
    bindparam,
    cast,
    column,
    literal,
    select,
    table,
    update,
)

from twofold.core.imports import Brought, value_of
from twofold.core.policy import ROWS_AT_ONCE
from twofold.core.sealing import FERNET, UNSEALED, VERSION, Purpose, key_id_of, user_text
from twofold.errors import RowRefused
from twofold.service.imports import Erased, Found
from twofold.service.ports import Transaction, UserId
from twofold.sqlalchemy.foreign import Transacting, column_of, has_column, sql, wipe_what_goes

TRUE_WORDS = {"1", "t", "true", "y", "yes", "on"}
NOT_ON = "It was not turned on; what stood in the column is of no use, and is deleted."
BLANK = "It is blank, which is no secret; it is emptied."
NOT_ON_THERE = "It was not turned on there; what stands in the column stays."


@dataclass(frozen=True)
class _Place:
    """
    Where it stands, and the statements on it.

    Args:
        own: It is our own column, in which what is sealed stays as it is.
        rows: Everything that is there, in the order of the users' ids.
        value: The value of one user, held.
        empty: Empties it for one user.
    """

    key: ColumnElement[Any]
    own: bool
    rows: Select[Any]
    value: Select[Any]
    empty: Update

    def page(self, tx: Transaction, after: UserId | None) -> list[Row[Any]]:
        """Some of it, behind this user."""
        behind = self.rows if after is None else self.rows.where(self.key > after)
        return list(sql(tx).connection.execute(behind).all())

    def erase(self, tx: Transaction, old: Row[Any]) -> Erased:
        """
        Empty it if all is still as it was: a secret that is in use by now stays.

        It is compared here, for to some databases other letters are the same.
        """
        connection, user = sql(tx).connection, {"p_user": old.user_id}
        wipe_what_goes(connection)
        found = connection.execute(self.value, user).one_or_none()
        if found is None or (found.value != old.value and self._is_over(found.value)):
            return Erased.BEFORE
        # The one guard of a set-up that was finished meanwhile.
        if tuple(found) != tuple(old):
            return Erased.NOT
        connection.execute(self.empty, user)
        return Erased.NOW

    def _is_over(self, value: object) -> bool:
        """Whether nothing stands there in the clear."""
        text = value.decode(errors="replace") if isinstance(value, bytes) else value
        if not isinstance(text, str):
            return text is None
        return not text.strip() or (self.own and key_id_of(text) not in {FERNET, UNSEALED})


@dataclass(frozen=True)
class UserColumn:
    """
    A column on the host's users.

    Args:
        name: Its name; where it is called as ours is, it is ours, and what is sealed in it stays as it is.
        enabled: The column that says whose second factor was on, where another one than ours does.
        decrypted: What opens Fernet tokens.
    """

    name: str = Purpose.TOTP_SECRET.value
    enabled: str | None = None
    decrypted: Callable[[str], bytes] | None = None

    def found(self, read: Transacting) -> Iterator[Found]:
        """
        Everything that stands there, with few of it in memory.

        Raises:
            ConfigurationError: There is no such column.
        """
        place, after = read(self._place), None
        while rows := read(partial(_page, place, after)):
            for row in rows:
                if place.own or not _is_blank(row.value):
                    yield self._found(place, row)
            after = rows[-1].user_id

    def _found(self, place: _Place, row: Row[Any]) -> Found:
        user_id, value = row.user_id, row.value
        found = Found(
            f"user {user_text(user_id)}",
            read=lambda: Brought(value_of(_text_of(value), self.decrypted)),
            user_id=user_id,
            in_place=bool(row.in_place),
            erase=lambda tx: place.erase(tx, row),
        )
        if _is_blank(value):
            # In our own column it would count as a value, and one that never opens.
            return replace(found, skipped=BLANK)
        if row.in_place or _is_on(row.enabled):
            return found
        # Only what our own columns say is surely of no use: whoever names another switch may have named a wrong one.
        surely = place.own and self.enabled is None
        return replace(found, skipped=NOT_ON if surely else NOT_ON_THERE, erase=found.erase if surely else None)

    def _place(self, tx: Transaction) -> _Place:
        connection, tables = sql(tx).connection, sql(tx).tables
        theirs = tables.aside and has_column(connection, tables.users, self.name)
        own = self.name == Purpose.TOTP_SECRET.value and not theirs
        target, key = (tables.enrollments, tables.key) if own else (tables.users, tables.user_id)
        named = {self.name, self.enabled or self.name, "twofa_enabled" if own else self.name}
        described = {name: column_of(connection, target, name) for name in named}
        rows = table(target.name, column(key.name, key.type), *map(column, named), schema=target.schema)
        empty = None if described[self.name]["nullable"] else ""
        return self._statements(rows, rows.c[key.name], own=own, empty=empty, of=connection.dialect.name)

    def _statements(
        self, rows: TableClause, key: ColumnElement[Any], *, own: bool, empty: str | None, of: str
    ) -> _Place:
        stored, in_place = rows.c[self.name], rows.c.twofa_enabled if own else literal(0)
        enabled = rows.c[self.enabled] if self.enabled else in_place if own else literal(1)
        # SQLite lets anything get into a text: as bytes each of it can be read.
        value = cast(stored, LargeBinary) if of == "sqlite" else stored
        told = select(key.label("user_id"), value.label("value"), enabled.label("enabled"), in_place.label("in_place"))
        there = told.where(stored.is_not(None)).order_by(key).limit(ROWS_AT_ONCE)
        user = key == bindparam("p_user", type_=key.type)
        return _Place(
            key,
            own,
            there.where(stored.not_like(f"{VERSION}.%")) if own else there,
            told.where(user).with_for_update(key_share=True),
            update(rows).where(user).values({self.name: empty}),
        )


def _page(place: _Place, after: UserId | None, tx: Transaction) -> list[Row[Any]]:
    return place.page(tx, after)


def _text_of(value: object) -> str:
    """
    What stands in a column, as text.

    Raises:
        RowRefused: It is none.
    """
    try:
        text = value.decode() if isinstance(value, bytes) else value
    except UnicodeDecodeError:
        text = None
    if not isinstance(text, str):
        raise RowRefused("What stands in the column is no text.")
    return text


def _is_blank(value: object) -> bool:
    return isinstance(value, str | bytes) and not value.strip()


def _is_on(value: object) -> bool:
    """Whether a column says that somebody's second factor was on; a moment says so by being there."""
    if isinstance(value, bytes):  # MariaDB's bits
        return any(value)
    return value.strip().lower() in TRUE_WORDS if isinstance(value, str) else bool(value)
