"""What the guide says about bringing people along: its commands are typed as they stand, and do what it says."""

import re
import shlex
from pathlib import Path
from typing import Any

from tests.cli.new_home import NewHome, home_on, place_on
from tests.cli.test_django_otp import KEYS, settle
from tests.cli.test_imports import BASE32, OTHER, rows_of
from twofold.core.imports import Outcome

__all__ = ["home_on", "place_on"]

GUIDE = (Path(__file__).parents[2] / "backend" / "2FA_SETUP_GUIDE.md").read_text()
SECTION = GUIDE.partition("### Bringing people along from another application\n")[2].partition("\n### ")[0]


def test_its_commands(home_on: Any, tmp_path: Path, monkeypatch: Any):
    """
    Each command of the guide imports somebody, where there are such a column, such a database and such files.
    """
    home: NewHome = home_on("sqlite")
    site = f"sqlite:///{tmp_path}/site.db"
    home.add("ann@example.com", totp_secret=BASE32, twofa_enabled=True)
    home.add("bob@example.com", otp_key=BASE32, otp_on=True)
    for name in ("cid", "dan", "eve"):
        home.add(f"{name}@example.com")
    settle(site, [{"username": "cid", "email": "Cid@Example.com", "devices": [{"key": KEYS[0]}]}])
    (tmp_path / "people.csv").write_text(f"account,secret\ndan@example.com,{BASE32}\n")
    (tmp_path / "list.txt").write_text(f"eve@example.com\totpauth://totp/eve?secret={OTHER}\n")
    monkeypatch.chdir(tmp_path)
    commands = re.findall(r"^\$ twofold import (.*)$", SECTION, re.MULTILINE)

    done = [
        home.run(*shlex.split(command.replace("postgresql://user@host/site", site)), "--json") for command in commands
    ]

    told = [[each.code, *rows_of(each.lines).values()] for each in done]
    assert told == [[0, "sealed"], [0, "imported"], [0, "imported"], [0, "imported"], [0, "imported"]]


def test_it_names_every_outcome():
    """
    The table of what is told has each outcome, as the command prints it.
    """
    told = {
        name for row in re.findall(r"^\| (`.*?) \|", SECTION, re.MULTILINE) for name in re.findall("`([^`]+)`", row)
    }

    assert {outcome.replace("_", " ") for outcome in Outcome} <= told
