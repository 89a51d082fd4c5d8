"""The database's tables against ours, and its revision against a folder of migrations; nothing is changed."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Column, Connection, Dialect, Integer, String, Table, inspect
from sqlalchemy.engine.interfaces import ReflectedColumn
from sqlalchemy.exc import NoSuchTableError

from twofold.core.diagnosis import Revisions
from twofold.core.sealing import Purpose
from twofold.errors import ConfigurationError
from twofold.sqlalchemy.tables import ENROLLMENT_COLUMNS, Tables

if TYPE_CHECKING:
    from alembic.script import ScriptDirectory

LONG_TEXT, KEYS_TEXT = 4096, 65_535
"""Characters that texts of any length must have room for: ten sealed backup codes have some 1,700, and ten keys with
the longest ids some 45,000."""

INI, PYPROJECT = "alembic.ini", "pyproject.toml"
FOLDERS = ("migrations", "alembic")
"""Where migrations mostly lie, beside the application."""


def missing_in(connection: Connection, tables: Tables) -> list[str]:
    """What of our tables is missing in the database, or other than we need it."""
    own = [tables.pending_sign_ins, tables.sessions, tables.challenges, tables.credentials, tables.events]
    if tables.aside:
        own.append(tables.enrollments)
    faults = [fault for table in own for fault in _faults_of(connection, table, set(table.c.keys()), is_ours=True)]
    if not tables.aside:
        faults += _faults_of(connection, tables.users, {tables.key.name, *ENROLLMENT_COLUMNS}, is_ours=False)
    return faults


def _faults_of(connection: Connection, table: Table, names: set[str], *, is_ours: bool) -> Iterator[str]:
    try:
        reflected = inspect(connection).get_columns(table.name, schema=table.schema)
    except NoSuchTableError:
        yield f"there is no table {table.fullname}"
        return
    there: Mapping[str, ReflectedColumn] = {column["name"]: column for column in reflected}
    for name in sorted(names):
        if name not in there:
            yield f"there is no column {table.fullname}.{name}"
            continue
        ours = table.c[name]
        for fault in _differences(ours, there[name], connection.dialect):
            yield f"{table.fullname}.{name} {fault}"
    for name in sorted(there.keys() - names) if is_ours else ():
        if not there[name]["nullable"] and there[name]["default"] is None:
            yield f"{table.fullname}.{name} must be filled, and we do not know it"


def _differences(ours: Column[Any], there: ReflectedColumn, dialect: Dialect) -> Iterator[str]:
    """What a column would do to what we write: refuse it, or cut it."""
    kind: Any = there["type"]
    if ours.nullable and not there["nullable"]:
        yield "does not take NULL"
    # A host that adds a user names none of our columns.
    if ours.server_default is not None and not there["nullable"] and there["default"] is None:
        yield "has no default"
    if dialect.name == "sqlite":  # keeps whatever it is given, in whatever column
        return
    length = getattr(kind, "length", None)
    unbounded = KEYS_TEXT if ours.name == Purpose.WEBAUTHN_KEYS.value else LONG_TEXT
    needed = (ours.type.length or unbounded) if isinstance(ours.type, String) else 0
    if length is not None and length < needed:
        yield f"has room for {length} characters, and needs {needed}"
    if isinstance(ours.type, BigInteger) and isinstance(kind, Integer) and not isinstance(kind, BigInteger):
        yield "is a number of 32 bits or fewer, and needs 64"
    if dialect.name == "postgresql" and getattr(ours.type, "timezone", False) and not getattr(kind, "timezone", True):
        yield "is a moment without a time zone"


def migrations_in(named: Path | None, here: Path) -> "ScriptDirectory | None":
    """
    The migrations of an application; nothing where there are none, or Alembic is not installed. Nothing of them is run.

    Args:
        named: The folder, or its `alembic.ini`, where the operator has named one.
        here: Where to look for one otherwise.

    Raises:
        ConfigurationError: What was named is neither.
    """
    places = [named] if named else [here / INI, *(here / name for name in FOLDERS)]
    found = next((place for place in places if place.is_file() or (place / "env.py").is_file()), None)
    if named and found is None:
        raise ConfigurationError("--migrations: name the folder that has env.py and versions, or its alembic.ini.")
    try:
        from alembic.config import Config  # noqa: PLC0415 - a host need not have it
        from alembic.script import ScriptDirectory  # noqa: PLC0415 - a host need not have it
    except ModuleNotFoundError:
        if named:
            raise ConfigurationError("--migrations: Alembic is not installed here.") from None
        return None
    if found is None:
        return None
    if found.is_file():
        config = Config(str(found))
        if (found.parent / PYPROJECT).is_file():  # As Alembic does; before 1.16 it takes no notice.
            config.toml_file_name = str(found.parent / PYPROJECT)
        return ScriptDirectory.from_config(config)
    config = Config()
    config.set_main_option("script_location", str(found).replace("%", "%%"))
    return ScriptDirectory.from_config(config)


def revisions_of(connection: Connection, scripts: "ScriptDirectory", schema: str | None) -> Revisions:
    """
    Where the database is, and where the migrations lead.

    Args:
        schema: Where the table with the database's revision may be, beside the usual place.
    """
    from alembic.migration import MigrationContext  # noqa: PLC0415 - whoever has scripts has it

    current: tuple[str, ...] = ()
    for place in dict.fromkeys((None, schema)):
        context = MigrationContext.configure(connection, opts={"version_table_schema": place})
        current = current or tuple(context.get_current_heads())
    return Revisions(tuple(scripts.get_heads()), current, tuple(each for each in current if not _knows(scripts, each)))


def _knows(scripts: "ScriptDirectory", revision: str) -> bool:
    from alembic.util import CommandError  # noqa: PLC0415 - whoever has scripts has it

    with suppress(CommandError):
        return scripts.get_revision(revision) is not None
    return False
