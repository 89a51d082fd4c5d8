"""SQLAlchemy 2.0, which fastapi-users' own adapter asks for, beside the 2.1 that everything else here runs on."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements.lock"
SECONDS = 100

NEEDED = [
    "sqlalchemy[asyncio]==2.0.*",
    # Twofold itself, which is installed from its folder.
    *("cryptography", "pyotp", "qrcode", "fastapi", "fastapi-users", "uv-build"),
    # The hosts.
    *("aiosqlite", "fastapi-users-db-sqlalchemy", "pwdlib[argon2]", "pyjwt", "python-multipart", "sqlmodel"),
    # The tests.
    *("anyio", "httpx2", "hypothesis", "pytest", "pytest-timeout"),
]


def constraints() -> str:
    """Every version of the lock but one."""
    pinned = re.findall(r"^([\w.-]+)(?:\[[\w,-]+\])?(==[^\s;\\]+(?: ; [^\\\n]+)?)", LOCK.read_text(), re.MULTILINE)
    assert len(pinned) > 50
    return "".join(f"{name}{version}\n" for name, version in pinned if name != "sqlalchemy")


def run(*command: str | Path) -> str:
    """What a program says, in our environment but for what is about our Python."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=inherited | {"UV_PYTHON_DOWNLOADS": "never"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_story_on_sqlalchemy_2_0(tmp_path: Path):
    """
    The whole story of all hosts goes through on the newest SQLAlchemy 2.0, with the library as it is installed.
    """
    uv, python, allowed = Path(sys.executable).with_name("uv"), tmp_path / "venv/bin/python", tmp_path / "constraints"
    allowed.write_text(constraints())
    # Not by our own settings, which ask for 2.1.
    install = (uv, "pip", "install", "--quiet", "--no-config", "--python", python)
    run(uv, "venv", "--quiet", "--python", sys.executable, tmp_path / "venv")
    run(*install, "--constraint", allowed, *NEEDED)
    run(*install, "--no-deps", "--no-build-isolation", "--reinstall-package", "twofold", ROOT)

    found = run(python, "-c", "import sqlalchemy, twofold; print(sqlalchemy.__version__, twofold.__file__)").split()
    # The plugins are those that are installed there.
    options = ("-q", "-p", "no:cacheprovider", "-o", "addopts=--import-mode=importlib", "-k", "sqlite")
    tests = run(python, "-m", "pytest", *options, "tests/hosts/test_story.py")

    assert found[0].startswith("2.0.")
    assert Path(found[1]).is_relative_to(tmp_path)
    assert re.search(r"^5\d passed, \d+ deselected in ", tests, re.MULTILINE)
