"""The devices of django-otp, found in the tables that its own package writes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from sqlalchemy import Boolean, Connection, Row, Select, TableClause, column, delete, func, inspect, select, table

from twofold.core.imports import Brought, Device
from twofold.core.policy import DEVICES_AT_ONCE
from twofold.errors import RowRefused
from twofold.service.imports import Found
from twofold.sqlalchemy.foreign import Database, column_of, wipe_what_goes

TOTP_DEVICES = "otp_totp_totpdevice"
DEVICES = table(
    TOTP_DEVICES,
    column("confirmed", Boolean),
    *map(column, ("id", "user_id", "key", "step", "t0", "digits", "drift", "last_t")),
)
OTHERS = {
    "otp_static_statictoken": "backup codes (static tokens); they are of another form, and people make new ones",
    "otp_hotp_hotpdevice": "devices whose codes are counted (HOTP)",
    "otp_email_emaildevice": "devices that are sent a code by mail",
}
"""What else django-otp may keep, which is not taken over."""

UNCONFIRMED = "It was never confirmed."
NOT_THE_FIRST = "The user has several devices; the first one is taken."
SEVERAL = "Several users have this name there, whatever its case, so that it cannot be told whose it is."


@dataclass(frozen=True)
class DjangoOtp:
    """
    The tables of django-otp.

    Args:
        users: The table of users.
        account: Its column with the name under which they are known here.
        key: Its primary key.
        drift: By how many time steps a phone may be off here.
        lower: Look accounts up in lower case.
    """

    database: Database
    users: str = "auth_user"
    account: str = "username"
    key: str = "id"
    drift: int = 1
    lower: bool = False

    def check(self) -> int:
        """
        Look whether all tables are there; how many devices there are.

        Raises:
            ConfigurationError: One is not there.
        """

        def work(connection: Connection) -> int:
            for name in (self.account, self.key):
                column_of(connection, self._users, name)
            for each in DEVICES.c:
                column_of(connection, DEVICES, each.name)
            return int(connection.execute(select(func.count()).select_from(DEVICES)).scalar_one())

        return self.database.read(work)

    def others(self) -> dict[str, int]:
        """How much else is there that is not taken over, by what it is."""

        def work(connection: Connection) -> dict[str, int]:
            there = [name for name in OTHERS if inspect(connection).has_table(name)]
            counts = {name: connection.execute(select(func.count()).select_from(table(name))) for name in there}
            return {OTHERS[name]: int(count.scalar_one()) for name, count in counts.items()}

        return {what: count for what, count in self.database.read(work).items() if count}

    def found(self) -> Iterator[tuple[Found, Callable[[], bool]]]:
        """
        Every device in the order of their ids, with some of them in memory.

        Beside each stands what deletes it, if it still is what it was; whether it was.
        """
        statement, behind = self._statement(), DEVICES.c.id
        while rows := self.database.read(partial(_page, statement)):
            for row in rows:
                yield self._found(row), partial(self.database.write, partial(_erase, row.id, row.key))
            statement = self._statement().where(behind > rows[-1].id)

    def _found(self, row: Row[Any]) -> Found:
        account = str(row.account or "")
        account = account.lower() if self.lower else account
        found = Found(f"device {row.id}", account=account)
        if not row.confirmed:
            return replace(found, skipped=UNCONFIRMED)
        if row.id != row.first:
            return replace(found, skipped=NOT_THE_FIRST)
        off = f"The phone's clock was {row.drift} time steps off: it must be set right, or its codes are refused here."
        is_off = isinstance(row.drift, int) and abs(row.drift) > self.drift
        return replace(found, read=partial(_brought, row, account), note=off if is_off else None)

    @property
    def _users(self) -> TableClause:
        schema, dot, name = self.users.rpartition(".")
        return table(name, column(self.key), column(self.account), schema=schema if dot else None)

    def _statement(self) -> Select[Any]:
        users, earlier = self._users, DEVICES.alias()
        first = select(func.min(earlier.c.id)).where(
            earlier.c.user_id == DEVICES.c.user_id, earlier.c.confirmed.is_(True)
        )
        name = func.lower(users.c[self.account])
        namesakes = select(name.label("name"), func.count().label("several")).group_by(name).having(func.count() > 1)
        several = namesakes.subquery()
        joined = DEVICES.outerjoin(users, users.c[self.key] == DEVICES.c.user_id)
        joined = joined.outerjoin(several, several.c.name == name)
        told = [*DEVICES.c, users.c[self.account].label("account"), first.scalar_subquery().label("first")]
        statement = select(*told, several.c.several).select_from(joined)
        return statement.order_by(DEVICES.c.id).limit(DEVICES_AT_ONCE)


def _page(statement: Select[Any], connection: Connection) -> Sequence[Row[Any]]:
    return connection.execute(statement).all()


def _brought(row: Row[Any], account: str) -> Brought:
    if row.several:
        raise RowRefused(SEVERAL)
    return Device(row.key, row.step, row.t0, row.digits, row.drift, row.last_t).brought(account)


def _erase(device_id: int, key: object, connection: Connection) -> bool:
    wipe_what_goes(connection)
    device = DEVICES.c.id == device_id
    # Compared here, as in a column of users; of a device that was set up anew meanwhile nothing is deleted.
    if connection.execute(select(DEVICES.c.key).where(device).with_for_update()).scalar_one_or_none() != key:
        return False
    connection.execute(delete(DEVICES).where(device))
    return True
