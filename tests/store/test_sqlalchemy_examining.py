"""What the doctor reads of a database: tables that are other than ours, rows that are damaged, revisions."""

from pathlib import Path

import pytest
from sqlalchemy import Engine, MetaData, String, create_engine, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tests.store.hosts import DATABASES, Host
from twofold import ConfigurationError
from twofold.core.diagnosis import Revisions
from twofold.core.survey import FoundEnrollment
from twofold.sqlalchemy import SqlAlchemyStore, TwoFactorMixin
from twofold.sqlalchemy.schema_check import migrations_in
from twofold.testing.store_contract.promises import full_enrollment

SQL = {
    # Something is not there.
    "no-table": ("DROP TABLE twofold_events", "there is no table twofold_events"),
    "no-challenges": ("DROP TABLE twofold_challenges", "there is no table twofold_challenges"),
    "no-credentials": ("DROP TABLE twofold_credentials", "there is no table twofold_credentials"),
    "no-column": ("ALTER TABLE users DROP COLUMN twofa_epoch", "there is no column users.twofa_epoch"),
    "no-column-of-ours": (
        "ALTER TABLE twofold_sessions DROP COLUMN amr",
        "there is no column twofold_sessions.amr",
    ),
    # Something is there that we do not know.
    "one-too-many": (
        "ALTER TABLE twofold_events ADD COLUMN tenant INTEGER NOT NULL",
        "twofold_events.tenant must be filled, and we do not know it",
    ),
}
"""What happens to tables, in words that both servers understand, and what is told of it."""

POSTGRESQL = {
    "too-short": (
        "ALTER TABLE users ALTER COLUMN totp_secret TYPE VARCHAR(32)",
        "users.totp_secret has room for 32 characters, and needs 255",
    ),
    "no-text": (
        "ALTER TABLE users ALTER COLUMN twofa_backup_codes TYPE VARCHAR(255)",
        "users.twofa_backup_codes has room for 255 characters, and needs 4096",
    ),
    "too-small": (
        "ALTER TABLE users ALTER COLUMN twofa_end_sessions TYPE INTEGER",
        "users.twofa_end_sessions is a number of 32 bits or fewer, and needs 64",
    ),
    "no-null": (
        "ALTER TABLE users ALTER COLUMN totp_secret SET NOT NULL",
        "users.totp_secret does not take NULL",
    ),
    "no-default": (
        "ALTER TABLE users ALTER COLUMN twofa_epoch DROP DEFAULT",
        "users.twofa_epoch has no default",
    ),
    "no-time-zone": (
        "ALTER TABLE users ALTER COLUMN twofa_enabled_at TYPE TIMESTAMP WITHOUT TIME ZONE",
        "users.twofa_enabled_at is a moment without a time zone",
    ),
}
MARIADB = {
    "too-short": (
        "ALTER TABLE users MODIFY totp_secret VARCHAR(32)",
        "users.totp_secret has room for 32 characters, and needs 255",
    ),
    "no-text": (
        "ALTER TABLE users MODIFY twofa_backup_codes VARCHAR(255)",
        "users.twofa_backup_codes has room for 255 characters, and needs 4096",
    ),
    "too-small": (
        "ALTER TABLE users MODIFY twofa_end_sessions INTEGER NOT NULL DEFAULT 0",
        "users.twofa_end_sessions is a number of 32 bits or fewer, and needs 64",
    ),
    "no-null": (
        "ALTER TABLE users MODIFY totp_secret VARCHAR(255) NOT NULL",
        "users.totp_secret does not take NULL",
    ),
    "no-default": (
        "ALTER TABLE users MODIFY twofa_epoch BIGINT NOT NULL",
        "users.twofa_epoch has no default",
    ),
}
CASES = [
    *(("sqlite", SQL, case) for case in ("no-table", "no-column", "no-column-of-ours")),
    *(("postgresql", SQL | POSTGRESQL, case) for case in SQL | POSTGRESQL),
    *(("mariadb", SQL | MARIADB, case) for case in SQL | MARIADB),
]


def missing(store: SqlAlchemyStore) -> list[str]:
    return list(store.read(lambda tx: tx.missing()))


@pytest.mark.parametrize(("database", "changes", "case"), CASES, ids=[f"{name}-{case}" for name, _, case in CASES])
def test_what_would_refuse_or_cut_what_we_write_is_told(make_host, database, changes, case):
    """
    A table or column that is missing, too short, too small, or closed to what we write is told by its name, and alone.
    """
    host, (statement, told) = make_host(database), changes[case]
    with host.engine.begin() as connection:
        connection.execute(text(statement))

    assert missing(host.store) == [told]


@pytest.mark.parametrize("database", DATABASES)
def test_a_side_table_is_looked_at_in_place_of_the_users(make_host, database):
    """
    Where our columns stand in a table of their own, that is where they are missed.
    """
    host = make_host(database, side_table="second_factors")
    before = missing(host.store)
    with host.engine.begin() as connection:
        connection.execute(text("ALTER TABLE second_factors DROP COLUMN totp_secret"))

    assert before == []
    assert missing(host.store) == ["there is no column second_factors.totp_secret"]


def test_names_that_need_quotes_and_schemas_are_found(postgresql):
    """
    Tables in a schema of the host's, with names that need quotes, are found, and told with their schema.
    """

    class Base(DeclarativeBase):
        metadata = MetaData(schema="Odd Schema")

    class User(TwoFactorMixin, Base):
        __tablename__ = 'the "users"'
        id: Mapped[int] = mapped_column(primary_key=True)
        email: Mapped[str] = mapped_column(String(100))

    engine = create_engine(postgresql.fresh_database().sync_url)
    with engine.begin() as connection:
        connection.execute(text('CREATE SCHEMA "Odd Schema"'))
    store = SqlAlchemyStore(engine, User, share_pool=True)
    Base.metadata.create_all(engine)
    before = missing(store)
    with engine.begin() as connection:
        connection.execute(text('ALTER TABLE "Odd Schema"."the ""users""" DROP COLUMN totp_secret'))

    assert before == []
    assert missing(store) == ['there is no column Odd Schema.the "users".totp_secret']
    engine.dispose()


DAMAGES = [
    "totp_pending_until = 'soon'",
    "twofa_failures = '[]'",
    "twofa_last_step = -1",
    "totp_secret = CAST(x'80' AS TEXT)",
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_row_hides_no_other(make_host, damage):
    """
    A row that cannot be read is found as one that cannot, in its place, and those around it are whole.
    """
    host: Host = make_host("sqlite")
    stored = [full_enrollment(host.add_user()) for _ in range(3)]
    stored.sort(key=lambda one: one.user_id)
    for one in stored:
        host.store.transact(lambda tx, one=one: (tx.lock(one.user_id), tx.save(one)))
    with host.engine.begin() as connection:
        connection.execute(text(f"UPDATE users SET {damage} WHERE id = :id"), {"id": stored[1].user_id})
    whole = [FoundEnrollment(one.user_id, one) for one in stored]
    whole[1] = FoundEnrollment(stored[1].user_id, None)

    assert whole == host.store.read(lambda tx: tx.enrollments(after=None, at_most=10))
    assert whole[1:] == host.store.read(lambda tx: tx.enrollments(after=stored[0].user_id, at_most=10))


ENV = """
raise SystemExit("env.py was run")
"""
REVISION = """
revision = {revision!r}
down_revision = {down!r}


def upgrade() -> None:
    raise SystemExit("a revision was run")
"""


def write_migrations(folder: Path, *lines: tuple[str, str | None]) -> Path:
    """A folder of Alembic's with these revisions, each with the one below it."""
    (folder / "versions").mkdir(parents=True)
    (folder / "env.py").write_text(ENV)
    for revision, down in lines:
        (folder / "versions" / f"{revision}.py").write_text(REVISION.format(revision=revision, down=down))
    return folder


def stamped(engine: Engine, *revisions: str, schema: str = "") -> None:
    with engine.begin() as connection:
        connection.execute(text(f"CREATE TABLE {schema}alembic_version (version_num VARCHAR(32) NOT NULL)"))
        for revision in revisions:
            connection.execute(text(f"INSERT INTO {schema}alembic_version VALUES (:it)"), {"it": revision})


FORK = (("1", None), ("2", "1"), ("3", "1"))
STATES = {
    "never-stamped": (None, Revisions(("2", "3"), ())),
    "stamped-with-nothing": ((), Revisions(("2", "3"), ())),
    "behind": (("1",), Revisions(("2", "3"), ("1",))),
    "at-both": (("2", "3"), Revisions(("2", "3"), ("2", "3"))),
    "beyond": (("9",), Revisions(("2", "3"), ("9",), ("9",))),
}


@pytest.mark.parametrize("database", DATABASES)
@pytest.mark.parametrize("state", STATES)
def test_revisions_are_read_and_nothing_is_run(make_host, tmp_path, database, state):
    """
    The heads of a folder and the revisions of the database are read, those that the folder does not know among them;
    neither env.py nor a revision is run.
    """
    host, (current, expected) = make_host(database), STATES[state]
    if current is not None:
        stamped(host.engine, *current)
    scripts = migrations_in(write_migrations(tmp_path / "migrations", *FORK), tmp_path)
    found = host.store.read(lambda tx: tx.revisions(scripts))

    assert found == expected


PLACES = {
    "named-folder": ("elsewhere", "elsewhere", None),
    "migrations": ("migrations", None, None),
    "alembic": ("alembic", None, None),
    "ini": ("50% odd", None, "alembic.ini"),
    "named-ini": ("odd", "other.ini", "other.ini"),
}


@pytest.mark.parametrize("place", PLACES)
def test_migrations_are_found_where_they_mostly_lie(tmp_path, place):
    """
    A folder that is named, `alembic.ini`, `migrations` and `alembic` are found, whatever their path is like.
    """
    folder, named, ini = PLACES[place]
    write_migrations(tmp_path / folder, ("1", None), ("2", "1"))
    if ini:
        escaped = str(tmp_path / folder).replace("%", "%%")
        (tmp_path / ini).write_text(f"[alembic]\nscript_location = {escaped}\n")
    scripts = migrations_in(tmp_path / named if named else None, tmp_path)

    assert scripts is not None
    assert scripts.get_heads() == ["2"]


@pytest.mark.parametrize("named", [False, True])
def test_alembics_settings_may_stand_in_pyproject(tmp_path, named):
    """
    Where `pyproject.toml` says where the folder is, and `alembic.ini` has the connection alone, both are read.
    """
    write_migrations(tmp_path / "db" / "odd", ("1", None), ("2", "1"))
    (tmp_path / "alembic.ini").write_text("[alembic]\nsqlalchemy.url = sqlite://\n")
    (tmp_path / "pyproject.toml").write_text('[tool.alembic]\nscript_location = "%(here)s/db/odd"\n')
    scripts = migrations_in(tmp_path / "alembic.ini" if named else None, tmp_path)

    assert scripts is not None
    assert scripts.get_heads() == ["2"]


def test_no_migrations_are_no_fault_and_wrong_ones_are_said(tmp_path):
    """
    Where nothing was named and nothing is there, there is nothing; a folder that was named and is none is refused.
    """
    (tmp_path / "migrations").mkdir()

    assert migrations_in(None, tmp_path) is None
    with pytest.raises(ConfigurationError, match=r"^--migrations: name the folder"):
        migrations_in(tmp_path / "migrations", tmp_path)
