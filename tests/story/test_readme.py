"""What the README says is true: its first screen, its settings, its commands."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyotp
import pytest

from tests.story.desk import Desk
from tests.story.live import serving, settings_in
from twofold import KeyRing, settings
from twofold.settings import Settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
# What the test asks beyond what the README asks: who is the session that a block of the README started?
QUESTIONS = {0: "cat verify.json\n", 1: 'curl -sS $api/session -H "Authorization: Bearer $token"\n'}


def section(title: str) -> str:
    return README.split(f"\n## {title}\n")[1].split("\n## ")[0]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Where the reader of the README works."""
    return Desk(tmp_path_factory.mktemp("desk"), tmp_path_factory.mktemp("tools"))


@pytest.fixture(scope="module")
def blocks(desk: Desk) -> list[list[Any]]:
    """The answers that each block of "Try it" got, typed as it stands."""
    typed = re.findall(r"```sh\n(.*?)```", section("Try it"), re.DOTALL)
    with serving(settings_in(desk.tools), desk.clock()) as address:
        return desk.type_in(
            [f"{block}{QUESTIONS.get(number, '')}" for number, block in enumerate(typed)], f"{address}/api/auth"
        )


def test_the_first_block_registers_and_sets_up(blocks):
    """Whoever types the README's first block registers, reads the QR code, and turns the second factor on."""
    registered, uri, backup_codes, verified = blocks[0]

    app = pyotp.parse_uri(uri)
    assert registered == {"email": "ann@example.com"}
    assert (app.issuer, app.name) == ("Twofold", "ann@example.com")
    assert (True, 2, backup_codes) == (verified["enabled"], verified["aal"], verified["backup_codes"])
    assert len(set(backup_codes)) == 10


def test_the_second_block_signs_in_in_every_way(blocks):
    """Two steps, one step with the header, and a backup code each give a session that proved two factors."""
    in_two_steps, by_backup_code, in_one_step = blocks[1]

    assert tuple(in_two_steps[key] for key in ("status", "aal", "amr")) == ("signed_in", 2, ["pwd", "otp", "mfa"])
    assert tuple(by_backup_code[key] for key in ("status", "aal", "amr")) == ("signed_in", 2, ["pwd", "mfa"])
    assert by_backup_code["backup_codes_remaining"] == 9
    assert (in_one_step["aal"], in_one_step["amr"]) == (2, ["pwd", "otp", "mfa"])
    assert in_one_step["user"]["email"] == "ann@example.com"


def test_the_third_block_makes_new_codes_and_turns_it_off(blocks):
    """New backup codes take the place of the old ones, the status tells so, and one of them turns all of it off."""
    backup_codes, status, disabled = blocks[2]

    assert len(set(backup_codes) - set(blocks[0][2])) == 10
    assert status == {
        "enabled": True,
        "pending": False,
        "methods": ["totp", "backup_code"],
        "backup_codes_remaining": 10,
        "enabled_at": "2030-01-01T12:00:30Z",
        "last_used_at": "2030-01-01T12:02:00Z",
        "required": False,
        "deadline": None,
    }
    assert disabled["enabled"] is False
    assert disabled["access_token"]


def test_nothing_is_left_on_the_desk(blocks, desk):
    """The README's commands clear away the files that they made, secrets among them."""
    assert list(desk.folder.iterdir()) == []


def rows_of_the_table() -> list[list[str]]:
    rows = [line for line in section("Settings of the reference backend").splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]


def code_in(cell: str) -> list[str]:
    return re.findall(r"`([^`]*)`", cell)


def test_the_table_of_settings_is_whole():
    """Each setting in the README is read, and each setting that is read is in the README."""
    told = [name for names, _, _ in rows_of_the_table() for name in code_in(names)]

    tree = ast.parse(Path(settings.__file__).read_text())
    read = {
        call.args[0].value
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id == "reader"
        and call.args
        and isinstance(call.args[0], ast.Constant)
    }
    assert sorted(read) == sorted(told)


def test_the_defaults_in_the_table_are_the_defaults():
    """Whoever writes a default of the README's table into the environment changes nothing."""
    environment = {
        name: default
        for names, _, defaults in rows_of_the_table()
        if re.fullmatch(r"`[^`]*`(, `[^`]*`)*", defaults)
        for name, default in zip(code_in(names), code_in(defaults), strict=True)
    }

    assert {"HOST", "PORT", "TWOFA_ISSUER", "TWOFA_PROFILE"} <= set(environment)
    assert Settings.from_environment({}) == Settings.from_environment(environment)


def test_the_command_for_a_key_makes_a_key():
    """What the README's command prints is taken as `ENCRYPTION_KEY`."""
    command = re.search(r'A key is made by `python -c "(.*)"`', README)
    assert command is not None

    done = subprocess.run([sys.executable, "-c", command[1]], capture_output=True, text=True, check=True)

    assert len(KeyRing([done.stdout.strip()]).key_ids) == 1


def test_everything_that_is_to_be_made_can_be_made():
    """Each `make` target that the README or CONTRIBUTING names is one that `make` alone lists."""
    listed = subprocess.run(
        ["make"], cwd=ROOT, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=True
    )
    targets = set(re.findall(r"^make ([a-z-]+)", listed.stdout, re.MULTILINE))

    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", README + (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE))
    assert {"run", "test"} <= named
    assert named <= targets
