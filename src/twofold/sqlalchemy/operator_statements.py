"""The operator's statements, built once: users in a list, values by their key, a rotation's compare-and-swap."""

from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    ColumnElement,
    Enum,
    FromClause,
    Integer,
    LargeBinary,
    Select,
    String,
    Text,
    Update,
    Uuid,
    and_,
    bindparam,
    case,
    cast,
    column,
    false,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

from twofold.core.sealing import FERNET_PREFIX, KEY_ID_BYTES, SEALED, VERSION, Purpose
from twofold.sqlalchemy.silence import PATIENT
from twofold.sqlalchemy.tables import ENROLLMENT_COLUMNS, MOMENT, Tables

SWAPPED = tuple((purpose, f"p_{purpose}", f"p_{purpose}_new") for purpose in SEALED)
"""The parameters of a value that is swapped, by its purpose: the old one's and the new one's."""

EXACT_TEXT = Text().with_variant(LargeBinary(), "sqlite", "mysql", "mariadb")
"""A text of which only the same bytes are the same; on SQLite, what is none can be read as well."""

LINE_BREAK = "\n"
"""Between the values of a column where they go out as one text; none of ours has one."""


class OperatorStatements:
    """
    The constant statements over one set of tables; parameters begin with `p_`.

    Args:
        tables: Where things are.
    """

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        rows = tables.enrollments
        self.columns: dict[Purpose, Column[Any]] = {purpose: rows.c[purpose.value] for purpose in SEALED}
        self.rows_per_key: dict[Purpose, Select[Any]] = {
            purpose: _per_key(stored) for purpose, stored in self.columns.items()
        }
        elsewhere = or_(
            *(and_(stored.is_not(None), stored.not_like(bindparam("p_here"))) for stored in self.columns.values())
        )
        self.count_elsewhere: Select[Any] = select(func.count()).select_from(rows).where(elsewhere)
        self.count_elsewhere = self.count_elsewhere.execution_options(**PATIENT)
        sealed = select(tables.key.label("user_id"), *self.columns.values()).execution_options(**PATIENT)
        self.sealed: Select[Any] = sealed.where(tables.key == bindparam("p_user"))
        self.first_elsewhere: Select[Any] = sealed.where(elsewhere).order_by(tables.key).limit(bindparam("p_at_most"))
        self.next_elsewhere: Select[Any] = self.first_elsewhere.where(tables.key > bindparam("p_after"))
        self.swap: Update = self._swap(bindparam("p_user_id"), None)
        self.swap_many = self._swap_many()
        self._of_users(tables)
        self._of_enrollments(tables)

    def _swap(self, user: ColumnElement[Any], given: FromClause | None) -> Update:
        """The one guard against undoing what happened meanwhile: a new value takes the place of its old one alone."""
        old = {each: bindparam(name) if given is None else given.c[name] for each, name, _ in SWAPPED}
        new = {each: bindparam(name) if given is None else given.c[name] for each, _, name in SWAPPED}
        values = {
            stored.name: case((stored == old[each], new[each]), else_=stored) for each, stored in self.columns.items()
        }
        still = or_(*(stored == old[each] for each, stored in self.columns.items()))
        swap = update(self.tables.enrollments).where(self.tables.key == user, still).values(values)
        return swap.execution_options(**PATIENT)

    def _swap_many(self) -> Update | None:
        """
        The same for many rows by one statement; for PostgreSQL, and ids that it reads from their text.

        Each column comes as one text, a line a row. As arrays some drivers would write them element by element, and
        as JSON the server would read it character by character; either took longer than all the rest.
        """
        kind = _read_as(self.tables.key.type)
        if kind is None:
            return None
        names = [name for _, *names in SWAPPED for name in names]
        ids = func.json_array_elements_text(cast(bindparam("p_users", type_=Text), JSON)).table_valued("value")
        lines = [func.string_to_array(bindparam(name, type_=Text), LINE_BREAK, "") for name in names]
        columns: list[Any] = [column(name, Text) for name in ("p_user_id", *names)]
        rows = func.unnest(func.array(select(ids.c.value).scalar_subquery()), *lines)
        given = rows.table_valued(*columns).alias("given").render_derived()
        return self._swap(cast(given.c.p_user_id, kind), given)

    def _of_users(self, tables: Tables) -> None:
        rows, users = tables.enrollments, tables.users
        told: list[ColumnElement[Any]] = [tables.user_id.label("user_id"), tables.account.label("account")]
        told += [rows.c.twofa_enabled, rows.c.twofa_enabled_at, rows.c.twofa_locked_until, rows.c.totp_pending_until]
        told += [
            rows.c.totp_secret.is_not(None).label("has_totp"),
            rows.c.twofa_webauthn_keys.is_not(None).label("has_keys"),
        ]
        joined = users.outerjoin(rows, tables.key == tables.user_id) if tables.aside else users
        self.users: Select[Any] = (
            select(*told).select_from(joined).order_by(tables.user_id).limit(bindparam("p_at_most"))
        ).execution_options(**PATIENT)
        self.is_enabled: ColumnElement[bool] = func.coalesce(rows.c.twofa_enabled, false())
        self.named: Select[Any] = select(*told[:2]).where(tables.account == bindparam("p_account"))
        events = tables.events.c
        self.last_recorded: Select[Any] = select(func.max(events.moment)).where(
            events.user_id == bindparam("p_user"), events.kind.in_(bindparam("p_kinds", expanding=True))
        )
        on, at = self.is_enabled.is_(True), bindparam("p_at", type_=MOMENT)
        counts = {
            "users": literal(1) == literal(1),
            "enabled": on,
            "totp": and_(on, rows.c.totp_secret.is_not(None)),
            "webauthn": and_(on, rows.c.twofa_webauthn_keys.is_not(None)),
            "pending": and_(rows.c.totp_pending_secret.is_not(None), rows.c.totp_pending_until > at),
            "locked": rows.c.twofa_locked_until > at,
            "without_factor": and_(on, rows.c.totp_secret.is_(None), rows.c.twofa_webauthn_keys.is_(None)),
        }
        self.adoption: Select[Any] = select(
            *(func.coalesce(func.sum(case((each, 1), else_=0)), 0).label(name) for name, each in counts.items())
        )
        self.adoption = self.adoption.select_from(joined).execution_options(**PATIENT)

    def _of_enrollments(self, tables: Tables) -> None:
        """All enrollments in which there is anything; and their ids alone, where a row cannot be read."""
        rows, key = tables.enrollments, tables.key.label("user_id")
        anything = or_(rows.c.twofa_enabled.is_(True), *(stored.is_not(None) for stored in self.columns.values()))
        some: Select[Any] = select(key).where(anything).order_by(tables.key).limit(bindparam("p_at_most"))
        some = some.execution_options(**PATIENT)
        columns = [rows.c[name] for name in ENROLLMENT_COLUMNS]
        behind = tables.key > bindparam("p_after")
        self.first_ids, self.next_ids = some, some.where(behind)
        self.first_enrollments = some.add_columns(*columns)
        self.next_enrollments = self.next_ids.add_columns(*columns)


def _read_as(kind: TypeEngine[Any]) -> TypeEngine[Any] | None:
    """As what PostgreSQL reads an id from its text, and whole; nothing where another id could come of that."""
    if not isinstance(kind, Integer | String | Uuid) or isinstance(kind, Enum):
        return None
    # What stands in the table decides: a host may keep a UUID as CHAR(32), and CHAR cuts, or fills up with spaces.
    stored = kind.compile(dialect=postgresql.dialect())  # type: ignore[no-untyped-call]
    word = stored.partition("(")[0].partition(" ")[0]
    if word in {"SMALLINT", "INTEGER", "BIGINT", "UUID"}:
        return kind
    return Text() if word in {"VARCHAR", "TEXT"} else None


def _per_key(stored: Column[Any]) -> Select[Any]:
    """How many values of one column begin alike, as far as `key_id_of` looks."""
    sealed = func.substr(stored, 1, len(VERSION) + 2 * KEY_ID_BYTES + 2)
    older = func.substr(stored, 1, len(FERNET_PREFIX))
    begins = case((stored.like(f"{VERSION}.%"), sealed), (stored.like(f"{FERNET_PREFIX}%"), older), else_="")
    # The one guard of the counts against damaged values: to MariaDB other letters are the same.
    exactly = cast(begins, EXACT_TEXT)
    counted: list[ColumnElement[Any]] = [exactly.label("begins"), func.count().label("values_there")]
    return select(*counted).where(stored.is_not(None)).group_by(exactly).execution_options(**PATIENT)
