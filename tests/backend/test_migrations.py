"""The migrations: what they make is what the application expects, however many begin at once, and they lead back."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from cryptography.fernet import Fernet
from sqlalchemy import Engine, NullPool, create_engine, inspect, text

from app.database import BACKEND, Base
from app.models.user import User
from tests.backend.starters import START_SECONDS, start
from tests.forked import forked
from twofold.settings import Settings
from twofold.sqlalchemy.tables import tables_of

STARTERS = 6


class Place:
    """An empty database."""

    def __init__(self, sync_url: str, async_url: str) -> None:
        self.async_url = async_url
        self.engine: Engine = create_engine(sync_url, poolclass=NullPool)

    def migrate(self, revision: str) -> None:
        """Go up to *revision*, or down to `base`."""
        config = Config()
        config.set_main_option("script_location", str(BACKEND / "migrations"))
        with self.engine.connect() as connection:
            config.attributes["connection"] = connection
            (command.downgrade if revision == "base" else command.upgrade)(config, revision)

    def tables(self) -> set[str]:
        return set(inspect(self.engine).get_table_names())

    def revisions(self) -> list[str]:
        with self.engine.connect() as connection:
            return list(connection.scalars(text("SELECT version_num FROM alembic_version")))

    def differences(self) -> list[object]:
        """What autogeneration would still change."""
        tables_of(User, account="email", side_table=None)
        # Alembic reads defaults back as they were written only on PostgreSQL.
        options = {"compare_type": True, "compare_server_default": self.engine.dialect.name == "postgresql"}
        with self.engine.connect() as connection:
            return list(compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata))


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "sqlite":
        yield Place(f"sqlite:///{tmp_path}/db", f"sqlite+aiosqlite:///{tmp_path}/db")
    else:
        database = request.getfixturevalue(request.param).fresh_database()
        yield Place(database.sync_url, database.async_url)


def head() -> str | None:
    return ScriptDirectory(str(BACKEND / "migrations")).get_current_head()


def test_the_newest_revision_is_what_the_application_expects(place: Place):
    """
    After the migrations autogeneration finds nothing left to change: no table, column, type or index.
    """
    place.migrate("head")

    assert place.differences() == []
    assert place.tables() == set(Base.metadata.tables) | {"alembic_version"}


def test_the_comparison_finds_what_is_missing(place: Place):
    """
    The comparison itself sees a column that is not there, and one too many.
    """
    place.migrate("head")
    with place.engine.begin() as connection:
        connection.execute(text("ALTER TABLE users DROP COLUMN totp_secret"))
        connection.execute(text("ALTER TABLE users ADD COLUMN shoe_size INTEGER"))

    differences = str(place.differences())

    assert "totp_secret" in differences
    assert "shoe_size" in differences


def test_going_back_and_up_again(place: Place):
    """
    The migrations lead back to nothing, and up again from there.
    """
    place.migrate("head")

    place.migrate("base")
    left = place.tables(), place.revisions()
    place.migrate("head")

    assert left == ({"alembic_version"}, [])
    assert place.differences() == []


def test_each_revision_leads_to_the_next(place: Place):
    """
    Whoever stands at an older revision comes to the newest, one by one, and stays there.
    """
    revisions = [script.revision for script in ScriptDirectory(str(BACKEND / "migrations")).walk_revisions()]

    stations = []
    for revision in reversed(revisions):
        place.migrate(revision)
        stations += place.revisions()
    place.migrate("head")

    assert stations == list(reversed(revisions))
    assert place.revisions() == [head()]
    assert place.differences() == []


def test_several_that_start_at_once(place: Place):
    """
    Six processes that start at one moment on an empty database all come up, and migrate it once.
    """
    context = forked()
    moment = context.Barrier(STARTERS)
    settings = Settings(database_url=place.async_url, encryption_key=(Fernet.generate_key().decode(),))
    processes = [context.Process(target=start, args=(settings, moment), daemon=True) for _ in range(STARTERS)]

    for process in processes:
        process.start()
    for process in processes:
        process.join(START_SECONDS)
    codes = [process.exitcode for process in processes]
    for process in processes:
        process.kill()
        process.join()
        process.close()

    assert codes == [0] * STARTERS
    assert place.revisions() == [head()]
    assert place.differences() == []
