"""Deploying: what is installed, the Dockerfile's steps, railway.json and the Procfile."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyotp
import pytest
from cryptography.fernet import Fernet
from httpx2 import Client

from tests.backend.image import DOCKERFILE, Image, base_image, ignored
from tests.backend.processes import Process, serving
from tests.servers import Server, free_port
from twofold.clock import SystemClock

ROOT = Path(__file__).parents[2]
INSTALL_SECONDS = 110
HEALTH_SECONDS = 20
STEP = timedelta(seconds=30)
ANN = {"email": "ann@example.com", "password": "correct horse battery"}

# Railway's own reference, "Config as Code".
BUILD_FIELDS = {"builder", "watchPatterns", "buildCommand", "dockerfilePath", "railpackVersion"}
DEPLOY_FIELDS = {
    *("startCommand", "preDeployCommand", "healthcheckPath", "healthcheckTimeout", "restartPolicyType"),
    *("restartPolicyMaxRetries", "cronSchedule", "multiRegionConfig", "overlapSeconds", "drainingSeconds"),
}


def pins(text: str) -> dict[str, str]:
    """Each package with its version and marker, as a requirements file names it."""
    found = re.findall(r"^([a-z0-9._-]+)==([^\s;\\]+)(?: ; (.*?))?(?: \\)?$", text, re.MULTILINE)
    return {name: f"{version} {marker}".strip() for name, version, marker in found}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with nothing but pip."""
    return base_image(tmp_path_factory.mktemp("base") / "python")


@pytest.fixture(scope="module")
def image(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Image:
    """What the Dockerfile makes."""
    image = Image(tmp_path_factory.mktemp("image"), base)
    image.build()
    return image


@pytest.fixture(scope="module")
def backend(image: Image, postgresql: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A container: the image's command, on PostgreSQL by the URL that platforms give."""
    url = postgresql.fresh_database().plain_url.replace("postgresql://", "postgres://")
    given = {"PORT": str(free_port()), "DATABASE_URL": url, "ENCRYPTION_KEY": Fernet.generate_key().decode()}
    image.environment |= given
    log = tmp_path_factory.mktemp("log") / "log"
    with serving(image.command(image.meta["CMD"]), image.workdir, image.environment, log=log) as process:
        yield process


def sign_in_twice(client: Client) -> list[Any]:
    """Register, log in, set up, and log in with two factors: the kinds of session that were had."""
    assert client.post("/api/auth/register", json=ANN).status_code == 201
    first = client.post("/api/auth/login", json=ANN).json()
    session = {"Authorization": f"Bearer {first['access_token']}"}
    phone = pyotp.TOTP(client.post("/api/auth/2fa/setup", headers=session).json()["secret"])
    now = SystemClock().now()
    verified = client.post("/api/auth/2fa/verify", headers=session, json={"code": phone.at(now)}).json()
    # The next code, which a phone that runs a little ahead shows already.
    second = client.post("/api/auth/login", json=ANN, headers={"X-TOTP-Code": phone.at(now + STEP)}).json()
    return [first["aal"], verified["aal"], second["aal"], second["status"]]


def test_one_list_of_versions():
    """Whoever installs requirements.txt, the hashed list or the developer's lock gets the same versions."""
    lists = {name: pins((ROOT / "backend" / f"requirements.{name}").read_text()) for name in ("txt", "lock")}
    developer = pins((ROOT / "requirements.lock").read_text())

    assert lists["txt"] == lists["lock"]
    assert {name: developer[name] for name in lists["txt"]} == lists["txt"]
    assert {"fastapi", "sqlalchemy", "uvicorn", "asyncpg", "aiosqlite", "asyncmy", "alembic"} <= lists["txt"].keys()


def test_the_list_names_the_library_by_path():
    """The library is installed from this tree and never from anywhere by its name; no list names an address."""
    text = (ROOT / "backend" / "requirements.txt").read_text()
    locked = (ROOT / "backend" / "requirements.lock").read_text()

    assert re.findall(r"^\..*$", text, re.MULTILINE) == [".[sqlalchemy,fastapi,redis,cli,prometheus,web,webauthn]"]
    assert "twofold" not in pins(text)
    assert "://" not in text + locked
    assert len(re.findall(r"--hash=sha256:[0-9a-f]{64}", locked)) > len(pins(locked))


def test_pip_understands_the_list_from_the_root(image, base):
    """
    `pip install -r backend/requirements.txt`, typed at the root: beside the library, which it builds from the tree,
    pip wants exactly what the hashed list has installed.
    """
    pip, python = base / "bin" / "pip", image.home / "venv" / "bin" / "python"
    command = [pip, "--python", python, "install", "--dry-run", "-r", "backend/requirements.txt"]
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}

    done = subprocess.run(
        list(map(str, command)),
        cwd=image.stages["build"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=INSTALL_SECONDS,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert re.findall("Would install (.*)", done.stdout) == ["twofold-0.1.0"]


def test_platforms_find_the_list_at_the_root():
    """The requirements.txt at the root, where platforms that read a Procfile look, is the backend's."""
    lines = (ROOT / "requirements.txt").read_text().splitlines()

    assert [line for line in lines if not line.startswith("#")] == ["-r backend/requirements.txt"]


def test_a_container_is_ready_and_signs_in(backend):
    """On an empty database, with PORT and a postgres:// URL, the image's command serves a whole story."""
    assert backend.client.get("/readyz").json() == {"status": "ready"}
    assert sign_in_twice(backend.client) == [1, 2, 2, "signed_in"]


def test_the_health_check_tells(backend, image):
    """The HEALTHCHECK is content with a backend that is ready, behind whatever proxy, and fails where none is."""
    command = image.command(image.meta["HEALTHCHECK"].partition("CMD ")[2])
    nowhere = {"http_proxy": "http://127.0.0.1:1"}

    codes = [
        subprocess.run(
            command, env=image.environment | nowhere | port, capture_output=True, timeout=HEALTH_SECONDS, check=False
        ).returncode
        for port in ({}, {"PORT": str(free_port())})
    ]

    assert codes == [0, 1]


def test_the_command_line_finds_the_application(backend, image):
    """Typed beside a container, with its settings and nothing else, the operator's commands are at work."""
    command = image.command('["twofold", "--json", "keys", "status"]')

    done = subprocess.run(
        command, cwd=image.workdir, env=image.environment, capture_output=True, timeout=HEALTH_SECONDS, check=False
    )

    assert done.returncode == 0, done.stderr
    assert [key["place"] for key in json.loads(done.stdout)["keys"]] == [1]


def test_a_container_stops_in_order(backend):
    """SIGTERM, with which Docker stops a container, ends it in order: exec form, so that it arrives."""
    assert image_commands_are_lists()
    assert backend.stop() == 0


def image_commands_are_lists() -> bool:
    commands = [rest for name, rest in DOCKERFILE if name in {"CMD", "HEALTHCHECK"}]
    return len(commands) == 2 and all(isinstance(json.loads(rest[rest.index("[") :]), list) for rest in commands)


def test_the_image_holds_what_runs_and_no_more(image):
    """No installer, no sources of the library, no key, no database; and whoever runs is nobody special."""
    programs = {path.name for path in (image.home / "venv" / "bin").iterdir()}
    names = {path.name for path in image.home.iterdir()}

    assert not programs & {"pip", "uv", "uv-build", "pytest", "ruff"}
    assert names == {"venv", "backend"}
    assert list((image.home / "backend" / "var").iterdir()) == []
    assert int(image.meta["USER"].split(":")[0]) >= 1000
    froms = [rest.split()[0] for name, rest in DOCKERFILE if name == "FROM"]
    assert all(re.fullmatch(r"python:3\.1[1-9]-slim", name) for name in froms)


@pytest.mark.parametrize(
    "path",
    [
        *("backend/var/encryption.key", "backend/var/twofold.db", "backend/.env", ".env", ".git/config"),
        *("backend/app/__pycache__/main.cpython-313.pyc", ".venv/bin/python", "uv.lock", "tests/conftest.py"),
    ],
)
def test_no_secret_gets_into_the_context(path):
    """Docker is never given a key, a database, an environment file or the history."""
    patterns = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]

    assert ignored(path, patterns)
    assert not ignored("backend/app/main.py", patterns)


def test_railway_is_told_what_its_reference_knows():
    """railway.json has fields of Railway's reference alone; it builds the Dockerfile and runs what that runs."""
    told = json.loads((ROOT / "railway.json").read_text())
    command = next(json.loads(rest) for name, rest in DOCKERFILE if name == "CMD")

    assert told.keys() == {"$schema", "build", "deploy"}
    assert told["build"].keys() <= BUILD_FIELDS
    assert told["deploy"].keys() <= DEPLOY_FIELDS
    assert told["build"] == {"builder": "DOCKERFILE", "dockerfilePath": "Dockerfile"}
    assert shlex.split(told["deploy"]["startCommand"]) == command
    assert told["deploy"]["healthcheckPath"] == "/readyz"
    assert told["deploy"]["restartPolicyType"] in {"ON_FAILURE", "ALWAYS", "NEVER"}


def test_the_procfile_serves_everybody(tmp_path):
    """The Procfile's one line serves on the given port, and not on loopback alone."""
    [(kind, command)] = [line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines()]
    environment = {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "PORT": str(free_port()),
        "DATABASE_URL": f"sqlite:///{tmp_path / 'procfile.db'}",
        "ENCRYPTION_KEY": Fernet.generate_key().decode(),
    }

    # Another of this machine's addresses: a server on 127.0.0.1 alone does not answer there.
    with serving(["/bin/sh", "-c", command], ROOT, environment, log=tmp_path / "log", host="127.0.0.2") as backend:
        code = backend.stop()

    assert (kind, code) == ("web", 0)
