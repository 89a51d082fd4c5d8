"""The wheel, in an environment with nothing but its own dependencies."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
UV = ROOT / ".venv/bin/uv"
# As in scripts/setup: uv asks the system for its certificates only if told to.
ENVIRONMENT = {"UV_SYSTEM_CERTS": "1", "UV_NO_PROGRESS": "1", "UV_PYTHON_DOWNLOADS": "never", **os.environ}

SET_UP = """
from datetime import UTC, datetime

import pyotp
from cryptography.fernet import Fernet

from twofold import KeyRing, TwoFactorAuth
from twofold.testing import MemoryStore, StoppedClock

store, clock = MemoryStore(), StoppedClock()
store.add_user(7, "ann@example.com")
auth = TwoFactorAuth(issuer="Acme", keys=KeyRing([Fernet.generate_key().decode()]), store=store, clock=clock)
app = pyotp.parse_uri(auth.totp.set_up(7).otpauth_uri)
confirmed = auth.totp.confirm(7, auth.typed(app.at(clock.now())))
clock.forward(seconds=30)
auth.verify_totp_code(7, app.at(clock.now()))
print(auth.verify_backup_code(7, confirmed.backup_codes[0]), auth.enrollment.status(7).methods)
"""

IMPORT_ALL = """
import importlib, pkgutil, twofold
for found in pkgutil.walk_packages(twofold.__path__, "twofold."):
    try:
        importlib.import_module(found.name)
    except ModuleNotFoundError as error:
        print(found.name, "|", error)
"""


def run(*command: str | Path) -> str:
    done = subprocess.run(
        list(map(str, command)), cwd="/", env=ENVIRONMENT, capture_output=True, check=False, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(UV, "build", "--wheel", "--offline", "--no-build-isolation", "--python", sys.executable, "-o", folder, ROOT)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment into which nothing was installed but the wheel."""
    folder = tmp_path_factory.mktemp("bare") / "venv"
    run(UV, "venv", "--python", sys.executable, folder)
    python = folder / "bin/python"
    run(UV, "pip", "install", "--python", python, "--constraint", ROOT / "requirements.lock", wheel)
    return python


def test_the_wheel_holds_the_library_and_nothing_else(wheel):
    """
    The wheel has the package with its marker for types and its license, and neither tests nor the backend.
    """
    names = zipfile.ZipFile(wheel).namelist()
    folders = {name.split("/")[0] for name in names}

    assert {"twofold", "twofold-0.1.0.dist-info"} == folders
    assert {"twofold/py.typed", "twofold/core/totp.py", "twofold-0.1.0.dist-info/licenses/LICENSE"} <= set(names)
    assert [name for name in names if "test_" in name or name.endswith((".pyc", ".db"))] == []


def test_the_wheel_holds_the_pages(wheel):
    """
    What pages are made of comes along: every template, what they load, and every catalogue.
    """
    parts = [path for path in (ROOT / "src/twofold/web").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    suffixes = {path.suffix for path in parts}

    assert {path.relative_to(ROOT / "src").as_posix() for path in parts} <= set(zipfile.ZipFile(wheel).namelist())
    assert {".html", ".css", ".js", ".svg", ".po"} <= suffixes


def test_the_library_needs_three_packages(python):
    """
    Installing the library brings cryptography, pyotp and qrcode with what those need, and no framework.
    """
    listed = run(UV, "pip", "list", "--python", python, "--format", "freeze").split()
    names = {line.split("==")[0] for line in listed}

    assert {"twofold", "cryptography", "pyotp", "qrcode"} <= names
    assert names <= {"twofold", "cryptography", "pyotp", "qrcode", "cffi", "pycparser", "typing-extensions"}


def test_a_set_up_works_without_any_extra(python):
    """
    With the bare wheel somebody can enroll, confirm, type a code and burn a backup code, over the store in memory.
    """
    assert run(python, "-I", "-c", SET_UP) == "9 ('totp', 'backup_code')\n"


def test_the_types_are_installed(python):
    """
    The marker that says that the library is typed is found where the library is installed.
    """
    found = run(
        python, "-I", "-c", "from importlib.resources import files; print((files('twofold') / 'py.typed').is_file())"
    )

    assert found == "True\n"


@pytest.mark.parametrize(
    ("module", "needed"),
    [
        ("sqlalchemy", "SQLAlchemy"),
        ("fastapi", "FastAPI"),
        ("prometheus", "prometheus-client"),
        ("webauthn", "py_webauthn"),
        ("web", "FastAPI, Jinja2 and Babel"),
    ],
)
def test_what_needs_an_extra_says_which(python, module, needed):
    """
    Importing an adapter without its extra says what to install.
    """
    script = f"try:\n    import twofold.{module}\nexcept ModuleNotFoundError as error:\n    print(error)"
    told = run(python, "-I", "-c", script)

    assert told == f"twofold.{module} needs {needed}: pip install 'twofold[{module}]'\n"


def test_everything_else_can_be_imported(python):
    """
    Only the adapters need an extra; every other module is there.
    """
    missing = run(python, "-I", "-c", IMPORT_ALL).splitlines()

    assert {line.split()[0] for line in missing} <= {
        *("twofold.sqlalchemy", "twofold.fastapi", "twofold.fastapi_users", "twofold.testing.plugin"),
        *("twofold.cli", "twofold.prometheus", "twofold.web", "twofold.webauthn"),
    }
    assert len(missing) >= 2
