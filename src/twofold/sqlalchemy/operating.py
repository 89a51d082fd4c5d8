"""The operator's part of a transaction: users in a list, values by their key, a rotation's compare-and-swap."""

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, Row, Uuid, func

from twofold.core.events import EventKind
from twofold.core.rotation import UNREADABLE, Resealed, SealedRow
from twofold.core.sealing import SEALED, VERSION, Purpose, Sealed, key_id_of, user_text
from twofold.core.users import Adoption, ListedUser
from twofold.errors import CannotOpen, UnknownUser
from twofold.service.ports import UserId
from twofold.sqlalchemy.operator_statements import LINE_BREAK, SWAPPED
from twofold.sqlalchemy.rows import Rows
from twofold.sqlalchemy.statements import utc, utc_or_none

TEXT_CHARACTERS = 255
"""Of an id that is a text, and of an account name; more is nobody's."""


class OperatorTransaction(Rows):
    """What only an operator asks of a transaction."""

    def user_of(self, text: str) -> UserId:
        found = set(self.named(text))
        with suppress(UnknownUser):
            found.add(self.user_by_id(text))
        # The one guard of whoever's id is the account name of another: neither of them is meant for the other.
        if len(found) != 1:
            raise UnknownUser
        return found.pop()

    def user_by_id(self, text: str) -> UserId:
        if not text.isprintable() or len(text) > TEXT_CHARACTERS:  # Not every database can be asked for it.
            raise UnknownUser
        key = self.id_of(text)
        row = None if key is None else self._first(self._statements.account, p_user=key)
        # Compared here: to some databases other letters are the same, and so another user would be.
        if row is None or user_text(row.user_id) != user_text(key):
            raise UnknownUser
        user_id: UserId = row.user_id
        return user_id

    def named(self, account: str) -> Sequence[UserId]:
        if not account.isprintable() or len(account) > TEXT_CHARACTERS:
            return ()
        # Compared here: to some databases other letters are the same, and so another user would be.
        rows = self._rows(self._statements.operator.named, p_account=account)
        return [row.user_id for row in rows if str(row.account) == account]

    def last_recorded(self, user_id: UserId, kinds: Sequence[EventKind]) -> datetime | None:
        asked = {"p_user": user_id, "p_kinds": [kind.value for kind in kinds]}
        row = self._first(self._statements.operator.last_recorded, **asked)
        return None if row is None else utc_or_none(row[0])

    def id_of(self, text: str) -> UserId | None:
        return _key_of(text, self._statements.tables.user_id)

    def users(self, *, q: str | None, enabled: bool | None, after: UserId | None, at_most: int) -> Sequence[ListedUser]:
        statements, tables = self._statements.operator, self._statements.tables
        asked = statements.users
        if q is not None:
            asked = asked.where(func.lower(tables.account).contains(q.lower(), autoescape=True))
        if enabled is not None:
            asked = asked.where(statements.is_enabled.is_(enabled))
        if after is not None:
            asked = asked.where(tables.user_id > after)
        try:
            return [_listed(row) for row in self._rows(asked, p_at_most=at_most)]
        except CannotOpen:
            # One damaged row hides no other: each is read alone.
            ids = asked.with_only_columns(tables.user_id.label("user_id"), maintain_column_froms=True)
            return [self._listed_alone(row.user_id) for row in self._rows(ids, p_at_most=at_most)]

    def _listed_alone(self, user_id: UserId) -> ListedUser:
        """What can be read of a user; the rest is as if nothing stood there."""
        whole = self._statements.operator.users.where(self._statements.tables.user_id == user_id)
        told: dict[str, Any] = {}
        for column in whole.selected_columns:
            told[str(column.key)] = None
            with suppress(CannotOpen):
                row = self._first(whole.with_only_columns(column, maintain_column_froms=True), p_at_most=1)
                told[str(column.key)] = None if row is None else row[0]
        return _listed(SimpleNamespace(**told | {"user_id": user_id}))

    def adoption(self, at: datetime) -> Adoption:
        row = self._first(self._statements.operator.adoption, p_at=utc(at))
        return Adoption(*(int(count) for count in row or ()))

    def rows_per_key(self) -> Mapping[Purpose, Mapping[str, int]]:
        return {purpose: self._per_key(purpose) for purpose in SEALED}

    def _per_key(self, purpose: Purpose) -> Mapping[str, int]:
        counts: dict[str, int] = {}
        for row in self._rows(self._statements.operator.rows_per_key[purpose]):
            begins = row.begins.decode(errors="replace") if isinstance(row.begins, bytes) else row.begins
            # What has no key id, a damaged value has: all of those are one.
            found = key_id_of(begins)
            counts[found] = counts.get(found, 0) + row.values_there
        return counts

    def sealed_elsewhere(self, key_id: str, *, after: UserId | None, at_most: int) -> Sequence[SealedRow]:
        statements, asked = self._statements.operator, {"p_here": _under(key_id), "p_at_most": at_most}
        asked |= {} if after is None else {"p_after": after}
        statement = statements.first_elsewhere if after is None else statements.next_elsewhere
        try:
            return [_sealed(row) for row in self._rows(statement, **asked)]
        except CannotOpen:
            # One damaged value hides no other: each is read alone.
            ids = statement.with_only_columns(statement.selected_columns.user_id)
            return [self._sealed_alone(row.user_id) for row in self._rows(ids, **asked)]

    def _sealed_alone(self, user_id: UserId) -> SealedRow:
        statements = self._statements.operator
        values: dict[Purpose, Sealed] = {}
        for purpose, stored in statements.columns.items():
            try:
                row = self._first(statements.sealed.with_only_columns(stored), p_user=user_id)
            except CannotOpen:
                values[purpose] = UNREADABLE
                continue
            if row is not None and row[0] is not None:
                values[purpose] = row[0]
        return SealedRow(user_id, values)

    def count_elsewhere(self, key_id: str) -> int:
        row = self._first(self._statements.operator.count_elsewhere, p_here=_under(key_id))
        return int(row[0]) if row else 0

    def reseal(self, rows: Sequence[Resealed]) -> None:
        held = self._rows(self._statements.hold_users, p_users=[row.user_id for row in rows])
        free = {row[0] for row in held}
        swaps = [_swap_of(row) for row in rows if row.user_id in free and row.changes]
        statements = self._statements.operator
        if self._connection.dialect.name == "postgresql" and statements.swap_many is not None:
            # What another application has stored may have line breaks in it.
            alone = [swap for swap in swaps if any(LINE_BREAK in value for value in _values_of(swap))]
            together = [swap for swap in swaps if swap not in alone]
            self._connection.execute(statements.swap_many, _lines_of(together))
            swaps = alone
        if swaps:
            self._connection.execute(statements.swap, swaps)


def _under(key_id: str) -> str:
    return f"{VERSION}.{key_id}.%"


def _key_of(text: str, key: Column[Any]) -> UserId | None:
    """A user id from its text, as the host's model types it; nothing where it cannot be one."""
    if not text.isprintable():  # Not every database can be asked for it.
        return None
    try:
        kind = key.type.python_type
    except NotImplementedError:
        kind = str
    try:
        if kind is int:
            bits = 63 if isinstance(key.type, BigInteger) else 31
            # Not 007, which is nobody's id, and may be somebody's account.
            return int(text) if re.fullmatch("0|-?[1-9][0-9]{0,18}", text) and abs(int(text)) < 2**bits else None
        if kind is UUID or isinstance(key.type, Uuid):
            found = UUID(text)
            if text.lower() != str(found):
                return None
            return found if kind is UUID else str(found)
        return bytes.fromhex(text) if kind is bytes else text
    except ValueError:
        return None


def _listed(row: Row[Any] | SimpleNamespace) -> ListedUser:
    return ListedUser(
        user_id=row.user_id,
        account=user_text(row.user_id) if row.account is None else str(row.account),
        enabled=bool(row.twofa_enabled),
        enabled_at=utc_or_none(row.twofa_enabled_at),
        locked_until=utc_or_none(row.twofa_locked_until),
        methods=ListedUser.methods_of(totp=bool(row.has_totp), webauthn=bool(row.has_keys)),
        set_up_until=utc_or_none(row.totp_pending_until),
    )


def _sealed(row: Row[Any]) -> SealedRow:
    user_id, *stored = tuple(row)
    values = {purpose: value for purpose, value in zip(SEALED, stored, strict=True) if value is not None}
    return SealedRow(user_id, values)


def _swap_of(row: Resealed) -> dict[str, Any]:
    """The parameters of one swap; where a value does not change, nothing is equal to its old one."""
    given: dict[str, Any] = {"p_user_id": row.user_id}
    for purpose, old, new in SWAPPED:
        given[old], given[new] = row.changes.get(purpose, (None, None))
    return given


def _values_of(swap: dict[str, Any]) -> list[str]:
    return [value for name, value in swap.items() if name != "p_user_id" and value is not None]


def _lines_of(swaps: Sequence[dict[str, Any]]) -> dict[str, str]:
    """The parameters of many swaps by one statement."""
    names = [name for _, *names in SWAPPED for name in names]
    lines = {name: LINE_BREAK.join([swap[name] or "" for swap in swaps]) for name in names}
    return {"p_users": json.dumps([str(swap["p_user_id"]) for swap in swaps]), **lines}
