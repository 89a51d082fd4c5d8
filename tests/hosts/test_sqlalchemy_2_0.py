"""SQLAlchemy 2.0, which fastapi-users' own adapter asks for, beside the 2.1 that everything else here runs on."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements.lock"
SECONDS = 100


def others() -> str:
    """All that the lock has, but for SQLAlchemy."""
    pinned = re.findall(r"^([\w.-]+)(==[^\s;\\]+(?: ; [^\\\n]+)?)", LOCK.read_text(), re.MULTILINE)
    assert "sqlalchemy" in dict(pinned)
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
    uv, python, listed = Path(sys.executable).with_name("uv"), tmp_path / "venv/bin/python", tmp_path / "listed.txt"
    listed.write_text(others())
    run(uv, "venv", "--quiet", "--python", sys.executable, tmp_path / "venv")
    # Not by our own settings, which ask for 2.1.
    install = (uv, "pip", "install", "--quiet", "--no-config", "--no-deps", "--python", python)
    run(*install, "--requirement", listed, "sqlalchemy==2.0.*")
    run(*install, "--no-build-isolation", "--reinstall-package", "twofold", ROOT)

    found = run(python, "-c", "import sqlalchemy, twofold; print(sqlalchemy.__version__, twofold.__file__)").split()
    tests = run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "sqlite", "tests/hosts/test_story.py")

    assert found[0].startswith("2.0.")
    assert Path(found[1]).is_relative_to(tmp_path)
    assert re.search(r"^5\d passed, \d+ deselected in ", tests, re.MULTILINE)
