"""What the page about deploying says is what the code, the proxy and the unit of systemd do."""

import configparser
import json
import re
from pathlib import Path

from typer.core import TyperGroup
from typer.main import get_command

from app.database import CONNECTIONS
from app.main import LAST_BATCH_SECONDS, LAST_REQUEST_SECONDS
from soak.storms import STORMS
from tests.backend.image import DOCKERFILE
from twofold import settings
from twofold.cli import app
from twofold.core.policy import MAX_BODY_BYTES
from twofold.settings import DRAIN_SECONDS
from twofold.sqlalchemy.engines import OWN_CONNECTIONS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "deploying.md").read_text()
PROXY = (ROOT / "deploy" / "Caddyfile").read_text()
COMPOSE = (ROOT / "compose.yaml").read_text()
CODE = "\n".join(path.read_text() for folder in ("src", "backend/app") for path in (ROOT / folder).rglob("*.py"))


def unit() -> configparser.SectionProxy:
    """What systemd is told of the service."""
    told = configparser.ConfigParser(interpolation=None, strict=False)
    told.optionxform = str  # type: ignore[assignment,method-assign]
    told.read(ROOT / "deploy" / "twofold.service")
    return told["Service"]


def test_every_setting_is_one():
    """A variable that the page names is one that the backend reads, or that compose.yaml is told."""
    read = set(re.findall(r'reader\.\w+\("([A-Z_]+)"', Path(settings.__file__).read_text()))
    told = set(re.findall(r"\$\{([A-Z_]+):", COMPOSE))
    named = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)[`=]|[\" ]([A-Z]+(?:_[A-Z]+)+)=", PAGE))

    assert {name for pair in named for name in pair if name} <= read | told
    assert {"DATABASE_URL", "ENCRYPTION_KEY", "REDIS_URL", "TRUSTED_PROXIES", "WEB_CONCURRENCY"} <= read


def test_every_command_is_one():
    """Each command of the operator's that the page names is there."""
    command = get_command(app)
    assert isinstance(command, TyperGroup)
    commands = {*command.commands, *(f"keys {name}" for name in getattr(command.commands["keys"], "commands", ()))}
    named = set(re.findall(r"twofold ((?:keys \w+)|doctor)", PAGE))

    assert named <= commands
    assert {"keys new", "keys status", "keys rotate", "keys retire", "doctor"} == named


def test_every_storm_is_one():
    """Each storm whose numbers are shown can be run again by its name."""
    named = re.findall(r"^\| `([a-z-]+)` \| [a-z]", PAGE.partition("## What was measured")[2], re.MULTILINE)

    assert set(named) <= set(STORMS)
    assert len(named) == 3


def test_what_the_log_is_said_to_say_it_says():
    """What the page quotes of logs and warnings stands in the code."""
    quoted = ["sealed under key ...", "which is not in ENCRYPTION_KEY", "the tables there cannot be brought up to date"]

    assert [text for text in quoted if text not in PAGE] == []
    assert [text for text in quoted if text.removesuffix(" ...") not in CODE] == []
    assert ", which is not configured" in CODE


def test_the_numbers_are_the_numbers():
    """Connections, bodies, and how long is waited are as the page says."""
    assert f"has {CONNECTIONS} connections to the database for the application, and {OWN_CONNECTIONS} for" in PAGE
    assert f"WEB_CONCURRENCY x {CONNECTIONS + OWN_CONNECTIONS} +" in PAGE
    assert f"the backend takes {MAX_BODY_BYTES // 1024} KiB" in PAGE
    assert f"max_size {MAX_BODY_BYTES // 1024}KiB" in PROXY
    assert f"Bodies of more than {MAX_BODY_BYTES // 1024} KiB" in PAGE
    assert "dial_timeout 2s" in PROXY
    assert "response_header_timeout 30s" in PROXY
    assert f"{DRAIN_SECONDS} by itself in production" in PAGE


def test_a_node_is_given_time():
    """The proxy asks more often than a node drains by itself, and nobody ends a node before it is done."""
    [interval] = re.findall(r"health_interval \{\$HEALTH_INTERVAL:(\d+)s\}", PROXY)

    assert int(interval) * 2 < DRAIN_SECONDS
    assert int(unit()["TimeoutStopSec"]) > DRAIN_SECONDS + LAST_REQUEST_SECONDS + LAST_BATCH_SECONDS


def test_systemd_runs_what_the_image_runs():
    """The unit starts the image's command, as nobody special, with its settings from a file that it alone may read."""
    command = json.loads(next(rest for name, rest in DOCKERFILE if name == "CMD"))
    told = unit()

    assert told["ExecStart"].split()[1:] == command[1:]
    assert told["ExecStart"].split()[0] == f"/opt/twofold/venv/bin/{command[0]}"
    assert told["WorkingDirectory"] == "/opt/twofold/backend"
    assert (told["DynamicUser"], told["NoNewPrivileges"], told["ProtectSystem"]) == ("yes", "yes", "strict")
    assert told["KillMode"] == "mixed"
    assert told["EnvironmentFile"] in PAGE
    assert f"sqlite:////var/lib/{told['StateDirectory']}/" in PAGE
