"""The migration of a database that is older than the second factor: by hand, and by the backend itself."""

import json
import runpy
from base64 import b32encode
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyotp
import pytest
from cryptography.fernet import Fernet
from sqlalchemy import Boolean, String, Text, create_engine, inspect
from sqlalchemy.dialects.mysql import TINYINT

from tests.backend.old_tables import (
    ANN,
    CROWD,
    FILES,
    HASHED,
    MIGRATIONS,
    OLD_USERS,
    OldDatabase,
    old_database,
    running,
)
from twofold.settings import Settings
from twofold.testing import enroll

ROOT = Path(__file__).parents[2]
WRITE_SQL = ROOT / "scripts" / "write-sql"
KINDS = ["sqlite", "postgresql", "mariadb"]
KEY = Fernet.generate_key().decode()
SECRET = b32encode(bytes(range(20))).decode()


@dataclass(frozen=True)
class Migrated:
    """A database after its migration, and who was in it before."""

    database: OldDatabase
    people_before: list[tuple[Any, ...]]


@pytest.fixture(scope="module")
def empty(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], OldDatabase]:
    """An empty database of the kind that is named."""
    return lambda kind: old_database(kind, tmp_path_factory.mktemp("sql"), request.getfixturevalue)


@pytest.fixture(
    scope="module", params=[(kind, way) for kind in KINDS for way in ("by hand", "at the start")], ids="-".join
)
def migrated(request: pytest.FixtureRequest, empty: Callable[[str], OldDatabase]) -> Migrated:
    """A full `users` table that knew nothing of a second factor, migrated in either way on each database in turn."""
    kind, way = request.param
    database = empty(kind)
    database.fill()
    before = database.people()
    if way == "by hand":
        database.run_by_hand()
    else:
        with running(settings_for(database)):
            pass
    return Migrated(database, before)


@pytest.fixture(params=KINDS)
def older(request: pytest.FixtureRequest, empty: Callable[[str], OldDatabase]) -> OldDatabase:
    """The database of an older version: its three columns, and Ann's secret as Fernet wrote it."""
    database, fernet = empty(request.param), Fernet(KEY)
    database.execute(
        OLD_USERS[request.param][:-1]
        + ", totp_secret VARCHAR(255), twofa_enabled BOOLEAN DEFAULT FALSE, twofa_backup_codes TEXT)"
    )
    written = {
        "email": ANN["email"],
        "hashed": HASHED,
        "secret": fernet.encrypt(SECRET.encode()).decode(),
        "codes": fernet.encrypt(json.dumps(["A1B2C3D4", "E5F6A7B8"]).encode()).decode(),
    }
    database.execute(
        "INSERT INTO users (email, hashed_password, totp_secret, twofa_enabled, twofa_backup_codes) "
        "VALUES (:email, :hashed, :secret, TRUE, :codes)",
        written,
    )
    return database


def settings_for(database: OldDatabase, **others: str) -> Settings:
    environment = {"DATABASE_URL": database.url, "ENCRYPTION_KEY": KEY}
    return Settings.from_environment(environment | others)


@pytest.mark.parametrize("dialect", ["postgresql", "mysql", "sqlite"])
def test_the_files_are_what_the_revision_prints(dialect):
    """The SQL for a migration by hand is, to the letter, what the backend's own revision does on that database."""
    script = runpy.run_path(str(WRITE_SQL))

    assert (MIGRATIONS / script["FILES"][dialect]).read_text() == script["sql_of"](dialect)


def test_there_is_a_file_for_each_database():
    """Nobody looks for the SQL of a database in vain, and PostgreSQL's has the name that was asked for."""
    assert sorted(path.name for path in MIGRATIONS.glob("*.sql")) == sorted(FILES.values())
    assert FILES["postgresql"] == "add_2fa_columns.sql"


def test_it_keeps_every_row(migrated):
    """In a table full of people nobody is lost or changed, and nobody has a second factor yet."""
    database = migrated.database

    assert database.people() == migrated.people_before
    assert len(migrated.people_before) == CROWD + 1
    [(off,)] = database.execute("SELECT COUNT(*) FROM users WHERE twofa_enabled = FALSE AND totp_secret IS NULL")
    assert off == CROWD + 1


def test_the_columns_are_those_that_were_asked_for(migrated):
    """VARCHAR(255), BOOLEAN DEFAULT FALSE and TEXT, as the database itself tells, whoever made them."""
    columns = migrated.database.columns()

    secret, enabled, codes = (columns[name] for name in ("totp_secret", "twofa_enabled", "twofa_backup_codes"))
    assert isinstance(secret["type"], String)
    assert secret["type"].length == 255
    assert isinstance(enabled["type"], TINYINT if migrated.database.kind == "mariadb" else Boolean)
    assert enabled["default"].lower() in {"false", "0"}
    assert isinstance(codes["type"], Text)
    assert all(column["nullable"] for column in (secret, enabled, codes))


def test_by_hand_makes_what_the_start_makes(empty):
    """On SQLite, where no client stands in between: the same tables, columns and indexes either way."""
    by_hand, by_start = (tables_after(empty("sqlite"), by_hand=by_hand) for by_hand in (True, False))

    assert by_hand == by_start
    assert "twofold_events" in by_hand


def tables_after(database: OldDatabase, *, by_hand: bool) -> dict[str, Any]:
    database.fill()
    if by_hand:
        database.run_by_hand()
    with running(settings_for(database)):
        pass
    engine = create_engine(database.sync_url)
    looking = inspect(engine)
    found = {
        # By name: what is made by hand, the roles come after.
        table: (sorted(str(column) for column in looking.get_columns(table)), looking.get_indexes(table))
        for table in looking.get_table_names()
    }
    engine.dispose()
    return found


def test_a_person_of_the_old_table_gets_a_second_factor(migrated):
    """The backend starts on the migrated table; who was in it before enrolls, and signs in with two factors."""
    with running(settings_for(migrated.database)) as backend:
        token = backend.post("/login", ANN).json()["access_token"]
        phone, verified = enroll(backend.client, clock=backend.clock, headers={"Authorization": f"Bearer {token}"})
        signed_in = backend.post("/login", ANN, **{"X-TOTP-Code": phone.code()})
    [(secret, enabled)] = migrated.database.execute("SELECT totp_secret, twofa_enabled FROM users WHERE twofa_enabled")

    assert (verified["enabled"], len(verified["backup_codes"])) == (True, 10)
    assert (signed_in.status_code, signed_in.json()["aal"]) == (200, 2)
    assert (secret[:3], bool(enabled)) == ("v1.", True)
    assert migrated.database.people() == migrated.people_before


@pytest.mark.parametrize(
    "hashed",
    ["$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW", "$argon2id$v=19$cut", "plain", "", None],
    ids=["bcrypt", "cut short", "no hash", "empty", "null"],
)
def test_a_hash_of_another_kind_opens_for_nobody(empty, hashed):
    """A password that an older application stored in its own way is refused as a wrong one is, and breaks nothing."""
    database = empty("sqlite")
    database.execute(OLD_USERS["sqlite"])
    database.execute("INSERT INTO users (email, hashed_password) VALUES (:email, :hashed)", ANN | {"hashed": hashed})
    with running(settings_for(database)) as backend:
        answers = [
            backend.post("/login", ANN | {"password": typed}) for typed in ("correct horse battery", "", "plain")
        ]

    assert [(answer.status_code, answer.json()["type"]) for answer in answers] == [
        (401, "urn:twofold:problem:sign-in-failed")
    ] * 3


def test_a_secret_of_an_older_version_signs_in(older):
    """With TWOFA_READ_FERNET=1, who had a second factor before the migration signs in with the same phone."""
    with running(settings_for(older, TWOFA_READ_FERNET="1")) as backend:
        pending = backend.post("/login", ANN).json()
        code = pyotp.TOTP(SECRET).at(backend.clock.now())
        answer = backend.post("/login/second-factor", {"sign_in_token": pending["sign_in_token"], "code": code})
        again = backend.post("/login", ANN, **{"X-TOTP-Code": code})

    # The backup codes of older versions are of another form, so they are none of the methods.
    assert pending["methods"] == ["totp"]
    assert (answer.status_code, answer.json()["aal"]) == (200, 2)
    assert (again.status_code, again.json()["type"]) == (400, "urn:twofold:problem:code-already-used")


def test_without_the_setting_it_is_refused_and_told(older, caplog):
    """Without TWOFA_READ_FERNET=1 the answer is 503, for nobody is at fault, and the log says what to set."""
    with running(settings_for(older)) as backend:
        code = pyotp.TOTP(SECRET).at(backend.clock.now())
        answers = [backend.post("/login", ANN), backend.post("/login", ANN, **{"X-TOTP-Code": code})]

    assert [(answer.status_code, answer.json()["type"]) for answer in answers] == [
        (503, "urn:twofold:problem:unavailable")
    ] * 2
    assert "set TWOFA_READ_FERNET=1" in caplog.text
    assert SECRET not in caplog.text


def test_moving_to_a_new_phone_writes_the_new_form(older):
    """Who replaces the authenticator app and makes new backup codes leaves nothing behind that Fernet wrote."""
    with running(settings_for(older, TWOFA_READ_FERNET="1")) as backend:
        old_phone = pyotp.TOTP(SECRET)
        signed_in = backend.post("/login", ANN, **{"X-TOTP-Code": old_phone.at(backend.clock.now())}).json()
        bearer = {"Authorization": f"Bearer {signed_in['access_token']}"}
        begun = backend.post("/2fa/setup", {"replace": True}, **bearer).json()
        code = pyotp.TOTP(begun["secret"]).at(backend.clock.now())
        verified = backend.post("/2fa/verify", {"code": code}, **bearer).json()
        backend.clock.forward(seconds=30)
        code = pyotp.TOTP(begun["secret"]).at(backend.clock.now())
        bearer = {"Authorization": f"Bearer {verified['access_token']}"}
        made = backend.post("/2fa/backup-codes", {"code": code}, **bearer).json()
    [(secret, codes)] = older.execute("SELECT totp_secret, twofa_backup_codes FROM users")

    assert verified["enabled"]
    assert len(made["backup_codes"]) == 10
    assert (secret[:3], codes[:3]) == ("v1.", "v1.")
    with running(settings_for(older)) as backend:  # the door is closed again, and nobody is shut out
        backend.clock.forward(minutes=5)
        later = pyotp.TOTP(begun["secret"]).at(backend.clock.now())
        assert backend.post("/login", ANN, **{"X-TOTP-Code": later}).status_code == 200


def test_disabling_clears_what_fernet_wrote(older):
    """Who turns two-factor authentication off leaves no secret behind, and sets it up anew in the new form."""
    with running(settings_for(older, TWOFA_READ_FERNET="1")) as backend:
        signed_in = backend.post("/login", ANN, **{"X-TOTP-Code": pyotp.TOTP(SECRET).at(backend.clock.now())}).json()
        backend.clock.forward(seconds=30)
        code = pyotp.TOTP(SECRET).at(backend.clock.now())
        bearer = {"Authorization": f"Bearer {signed_in['access_token']}"}
        disabled = backend.post("/2fa/disable", {"code": code}, **bearer).json()
        [left] = older.execute("SELECT totp_secret, twofa_backup_codes FROM users")
        bearer = {"Authorization": f"Bearer {disabled['access_token']}"}
        enroll(backend.client, clock=backend.clock, headers=bearer)
    [written] = older.execute("SELECT totp_secret, twofa_backup_codes FROM users")

    assert disabled["enabled"] is False
    assert left == (None, None)
    assert [value[:3] for value in written] == ["v1.", "v1."]
