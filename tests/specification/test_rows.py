"""The rows S1 to S13 of the specification, one test each, by what a caller or an operator has in hand."""

import ast
import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pyotp
import pytest
from cryptography.fernet import Fernet
from sqlalchemy import Boolean, String, Text

from compliance.clauses import standards
from tests.backend.old_tables import ANN, OldDatabase, Running, old_database, running
from tests.qr_reader import read_qr_code
from twofold import CodeAlreadyUsed, InvalidCode, KeyRing, TwoFactorAuth
from twofold.core.backup_codes import BackupCodes
from twofold.core.sealing import Purpose, Sealed
from twofold.errors import CannotOpen
from twofold.settings import Settings
from twofold.testing import MemoryStore, Phone, StoppedClock, enroll

ROOT = Path(__file__).parents[2]
BACKEND = ROOT / "backend"
KEY = Fernet.generate_key().decode()
ORIGIN = "https://app.example.com"
STEP = 30


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
def auth(clock: StoppedClock) -> TwoFactorAuth:
    """The class of the specification, with a user whose id is 7."""
    store = MemoryStore()
    store.add_user(7, ANN["email"])
    return TwoFactorAuth(issuer="Acme", keys=KeyRing([KEY]), store=store, clock=clock)


@pytest.fixture
def database(tmp_path: Path) -> OldDatabase:
    """A SQLite file with nothing in it."""
    return old_database("sqlite", tmp_path, str)


@pytest.fixture
def backend(database: OldDatabase) -> Iterator[Running]:
    """The reference backend, started on it."""
    environment = {"DATABASE_URL": database.url, "ENCRYPTION_KEY": KEY, "CORS_ORIGINS": ORIGIN}
    with running(Settings.from_environment(environment)) as backend:
        yield backend


def signed_in(backend: Running) -> dict[str, str]:
    """Ann, in a session by password alone."""
    backend.post("/register", ANN)
    return {"Authorization": f"Bearer {backend.post('/login', ANN).json()['access_token']}"}


def enrolled(backend: Running) -> tuple[Phone, dict[str, str]]:
    """Ann with her phone, in a session by two factors."""
    phone, verified = enroll(backend.client, clock=backend.clock, headers=signed_in(backend))
    return phone, {"Authorization": f"Bearer {verified['access_token']}"}


def app_of(auth: TwoFactorAuth, clock: StoppedClock) -> pyotp.TOTP:
    """PyOTP as the authenticator app of user 7, once it is set up; the first code is of the step before."""
    app = pyotp.parse_uri(auth.totp.set_up(7).otpauth_uri)
    assert isinstance(app, pyotp.TOTP)
    auth.totp.confirm(7, auth.typed(app.at(int(clock.now().timestamp()) - STEP)))
    return app


def test_S1_totp_with_pyotp_as_every_app_speaks_it(auth, clock):
    """SHA-1, six digits, thirty seconds: what PyOTP shows is accepted, and our codes come from PyOTP."""
    app = app_of(auth, clock)

    assert (app.digest().name, app.digits, app.interval) == ("sha1", 6, STEP)
    assert auth.verify_totp_code(7, app.at(clock.now())) == int(clock.now().timestamp()) // STEP
    assert "import pyotp" in (ROOT / "src/twofold/core/totp.py").read_text()


def test_S2_the_class_and_its_methods(auth, clock):
    """`TwoFactorAuth` makes secrets in base32, QR codes and backup codes, and verifies both kinds of code."""
    secret = auth.generate_totp_secret()
    confirmed = auth.totp.confirm(7, auth.typed(pyotp.parse_uri(auth.totp.set_up(7).otpauth_uri).at(clock.now())))

    assert len(base64.b32decode(secret)) == 20
    assert auth.generate_qr_code(secret, ANN["email"]).startswith("data:image/png;base64,")
    assert len(set(auth.generate_backup_codes())) == 10
    assert auth.verify_backup_code(7, confirmed.backup_codes[0]) == 9
    with pytest.raises(InvalidCode):
        auth.verify_totp_code(7, "000000")
    assert auth.keys.open_sealed(auth.keys.seal(b"secret", Purpose.SAMPLE, 7), Purpose.SAMPLE, 7) == b"secret"


def test_S3_a_qr_code_that_a_page_can_show(auth):
    """The QR code is an image in a `data:` URI; another's reader finds issuer, account and secret in it."""
    secret = auth.generate_totp_secret()
    kind, _, image = auth.generate_qr_code(secret, ANN["email"]).partition(",")
    app = pyotp.parse_uri(read_qr_code(base64.b64decode(image, validate=True)))

    assert kind == "data:image/png;base64"
    assert (app.secret, app.issuer, app.name) == (secret, "Acme", ANN["email"])


def test_S4_thirty_seconds_a_step_of_drift_and_no_code_twice(auth, clock):
    """A code of the step before, the present one or the next is accepted, one further off is not; and none twice."""
    app = app_of(auth, clock)
    clock.forward(minutes=5)
    now = int(clock.now().timestamp())

    for far in (-2, 2):
        with pytest.raises(InvalidCode):
            auth.verify_totp_code(7, app.at(now + far * STEP))
    assert [auth.verify_totp_code(7, app.at(now + near * STEP)) - now // STEP for near in (-1, 0, 1)] == [-1, 0, 1]
    with pytest.raises(CodeAlreadyUsed):
        auth.verify_totp_code(7, app.at(now + STEP))


def test_S5_ten_backup_codes_with_a_record_of_use(backend, database):
    """Ten codes, each once, with the moment of its use; a new set wants a code of the app, and kills the old one."""
    phone, session = enrolled(backend)
    pending = backend.post("/login", ANN).json()["sign_in_token"]
    used = backend.post("/login/second-factor", {"sign_in_token": pending, "backup_code": phone.backup_codes[0]})
    refused = [backend.post("/2fa/backup-codes", {"backup_code": phone.backup_codes[1]}, **session).status_code]
    refused += [backend.post("/2fa/backup-codes", {"code": "000000"}, **session).status_code]
    [(sealed,)] = database.execute("SELECT twofa_backup_codes FROM users")
    stored = BackupCodes.from_bytes(KeyRing([KEY]).open_sealed(Sealed(sealed), Purpose.BACKUP_CODES, 1))
    made = backend.post("/2fa/backup-codes", {"code": phone.code()}, **session).json()["backup_codes"]

    assert len(phone.backup_codes) == 10
    assert used.json()["backup_codes_remaining"] == 9
    assert [code.used_at for code in stored.codes if code.used_at] == [backend.clock.now()]
    assert refused == [422, 400]
    assert len(set(made) | set(phone.backup_codes)) == 20
    old = {"backup_code": phone.backup_codes[2]}
    assert backend.post("/2fa/step-up", old, **session).status_code == 400


def test_S6_encrypted_at_rest(backend, database):
    """Secret and backup codes are stored under `ENCRYPTION_KEY` alone: no row holds them, no other key opens them."""
    phone, _ = enrolled(backend)
    [row] = database.execute("SELECT * FROM users")
    text = json.dumps(row, default=str).replace("-", "")
    [(sealed,)] = database.execute("SELECT totp_secret FROM users")

    secrets = [phone.secret.base32, *(code.replace("-", "") for code in phone.backup_codes)]
    assert [secret for secret in secrets if secret in text] == []
    assert phone.secret.base32.encode() in KeyRing([KEY]).open_sealed(Sealed(sealed), Purpose.TOTP_SECRET, 1)
    with pytest.raises(CannotOpen):
        KeyRing([Fernet.generate_key().decode()]).open_sealed(Sealed(sealed), Purpose.TOTP_SECRET, 1)


def test_S7_the_five_routes(backend):
    """The five routes are there, with their methods and addresses, and answer a person who uses them."""
    phone, session = enrolled(backend)
    answers = [
        backend.client.get("/api/auth/2fa/status", headers=session),
        backend.post("/2fa/setup", {"replace": True}, **session),
        backend.post("/2fa/backup-codes", {"code": phone.code()}, **session),
        backend.post("/2fa/disable", {"code": phone.code()}, **session),
    ]
    described = backend.app.openapi()["paths"]

    assert [answer.status_code for answer in answers] == [200] * 4
    posts = {f"/api/auth/2fa/{name}" for name in ("setup", "verify", "disable", "backup-codes")}
    assert {path for path in posts if list(described[path]) == ["post"]} == posts
    assert list(described["/api/auth/2fa/status"]) == ["get"]


def test_S8_the_columns(backend, database):
    """After the start `users` has the three columns with the types asked for; the SQL for doing it by hand says so."""
    columns = database.columns()
    sql = (BACKEND / "migrations" / "add_2fa_columns.sql").read_text()

    types = {"totp_secret": String, "twofa_enabled": Boolean, "twofa_backup_codes": Text}
    assert {name: isinstance(columns[name]["type"], kind) for name, kind in types.items()} == dict.fromkeys(types, True)
    assert columns["totp_secret"]["type"].length == 255
    assert columns["twofa_enabled"]["default"] == "FALSE"
    for column in ("totp_secret VARCHAR(255)", "twofa_enabled BOOLEAN DEFAULT FALSE", "twofa_backup_codes TEXT"):
        assert f"ALTER TABLE users ADD COLUMN {column};" in sql


def test_S9_the_header_and_cors(backend):
    """A page of an origin that is named may send `X-TOTP-Code` and read what it needs; no other origin may."""
    phone, _ = enrolled(backend)
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-totp-code,content-type"}
    preflights = [
        backend.client.options("/api/auth/login", headers=asked | {"Origin": origin})
        for origin in (ORIGIN, "https://evil.example.com")
    ]
    answer = backend.post("/login", ANN, **{"X-TOTP-Code": phone.code(), "Origin": ORIGIN})

    assert [preflight.status_code for preflight in preflights] == [200, 400]
    assert "X-TOTP-Code" in preflights[0].headers["access-control-allow-headers"]
    assert (answer.status_code, answer.json()["aal"]) == (200, 2)
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert answer.headers["access-control-expose-headers"].startswith("WWW-Authenticate, Retry-After")


def test_S10_the_files_and_their_staircase():
    """The files have the names asked for, `app` has few others, and each stands only on those below it."""
    asked_for = ["main", "routes.auth", "utils.two_factor_auth", "models.user", "database"]
    routes = [f"routes.{name}" for name in ("auth", "pages", "account", "health")]
    stairs = ["main", "admin", *routes, *asked_for[2:], "logs"]
    there = {path.relative_to(BACKEND / "app").with_suffix("") for path in (BACKEND / "app").rglob("*.py")}
    named = {".".join(path.parts) for path in there if path.name != "__init__"}
    steps = {name: imports_of(BACKEND / "app" / f"{name.replace('.', '/')}.py") for name in stairs}

    assert named == set(stairs)
    assert [(name, up) for name, ups in steps.items() for up in ups if stairs.index(up) <= stairs.index(name)] == []
    for name in ("requirements.txt", "migrations/add_2fa_columns.sql", "2FA_SETUP_GUIDE.md"):
        assert (BACKEND / name).stat().st_size > 0


def imports_of(path: Path) -> list[str]:
    found = [node.module or "" for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
    return [name.removeprefix("app.") for name in found if name.startswith("app.")]


def test_S11_the_guide():
    """The guide speaks of set-up, use, endpoints with examples, security and troubleshooting."""
    guide = (BACKEND / "2FA_SETUP_GUIDE.md").read_text()
    titles = re.findall(r"^##+ (.*)$", guide, re.MULTILINE)

    assert {"For you", "For the front-end developer", "For the operator", "Setting up", "Errors"} <= set(titles)
    assert {"Troubleshooting", "Security in short"} <= set(titles)
    assert guide.count("```sh") > 25
    assert guide.count("```json") > 25
    # Its commands are typed in a test of its own.
    assert "2FA_SETUP_GUIDE.md" in (ROOT / "tests/story/test_guide.py").read_text()


def test_S12_deployable():
    """Railway, Docker and a Procfile start the same; the key and a `postgres://` URL come from the environment."""
    railway = json.loads((ROOT / "railway.json").read_text())
    given = {"ENCRYPTION_KEY": KEY, "DATABASE_URL": "postgres://me:pw@db/railway", "PORT": "8080", "HOST": "0.0.0.0"}  # noqa: S104
    settings = Settings.from_environment(given)

    assert railway["deploy"]["startCommand"] == "python -m app.main"
    assert 'CMD ["python", "-m", "app.main"]' in (ROOT / "Dockerfile").read_text()
    assert (ROOT / "Procfile").read_text().rstrip().endswith("python -m app.main")
    assert settings.database_url == "postgresql+asyncpg://me:pw@db/railway"
    assert (settings.port, settings.encryption_key) == (8080, (KEY,))


def test_S13_supports_three_standards():
    """
    Of PCI DSS, NIST SP 800-63B and GDPR clauses are met, and the page of compliance says of each what may not be said.
    """
    said = {standard.title: standard for standard in standards()}
    named = [said[title] for title in ("PCI DSS 4.0.1", "NIST SP 800-63B-4", "GDPR")]

    assert {"PCI DSS 4.0.1, 8.5.1: replay", "NIST SP 800-63B-4, 3.1.4.2: once", "GDPR, Art. 32(1)(a)"} <= {
        clause.id for standard in named for clause in standard.met
    }
    assert all(standard.may_not_say for standard in named)
    assert "docs/compliance.md" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize(("address", "status"), [("192.0.2.7", 200), ("2001:db8::7", 200), ("198.51.100.7", 403)])
def test_S14_the_allow_list(database, address, status):
    """From an address in `ADMIN_ALLOWED_IPS`, IPv4 or IPv6, an admin is let in; from another nobody."""
    listed = {"ADMIN_ALLOWED_IPS": "192.0.2.0/24,2001:db8::/32", "APP_ENV": "development"}
    settings = Settings.from_environment({"DATABASE_URL": database.url, "ENCRYPTION_KEY": KEY, **listed})
    with running(settings, client_address=address) as backend:
        _, session = enrolled(backend)
        database.execute("UPDATE users SET role = 'admin'")
        answer = backend.client.get("/api/admin/2fa/users", headers=session)

    assert answer.status_code == status
