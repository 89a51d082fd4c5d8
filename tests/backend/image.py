"""The Dockerfile without Docker: its steps, in their order, in a folder that stands for the image."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOME = "/opt/twofold"
STEP_SECONDS = 110


def instructions(text: str) -> list[tuple[str, str]]:
    """Each instruction of a Dockerfile, with what stands behind it."""
    lines = [line for line in text.replace("\\\n", " ").splitlines() if line.strip() and not line.startswith("#")]
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in lines)]


DOCKERFILE = instructions((ROOT / "Dockerfile").read_text())


def ignored(path: str, patterns: list[str]) -> bool:
    """Whether `.dockerignore` keeps a file out: the last pattern decides that fits it, or a folder it is in."""
    parts = path.split("/")
    ways = ["/".join(parts[:length]) for length in range(1, len(parts) + 1)]
    out = False
    for pattern in patterns:
        form = re.escape(pattern.removeprefix("!")).replace(r"\*\*/", "(.*/)?").replace(r"\*", "[^/]*")
        if any(re.fullmatch(form, way) for way in ways):
            out = not pattern.startswith("!")
    return out


@cache
def context() -> tuple[str, ...]:
    """The files that Docker is given."""
    patterns = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    found = []
    for here, folders, files in os.walk(ROOT):
        near = os.path.relpath(here, ROOT)
        if near == ".":  # not through what was never meant: .git, .venv
            folders[:] = [name for name in folders if not ignored(name, patterns)]
        paths = [os.path.normpath(f"{near}/{name}") for name in files]
        found += [path for path in paths if not ignored(path, patterns)]
    return tuple(sorted(found))


@dataclass
class Image:
    """
    An image as a folder.

    Args:
        place: The folder for all of it.
        base: An environment of Python in place of the base image's.
    """

    place: Path
    base: Path
    environment: dict[str, str] = field(default_factory=dict)
    meta: dict[str, str] = field(default_factory=dict)
    stages: dict[str, Path] = field(default_factory=dict)
    workdir: Path = Path()
    stage: str = ""

    @property
    def home(self) -> Path:
        """What `/opt/twofold` is in this image."""
        return self.place / "home"

    def here(self, text: str) -> str:
        """A path of the image, in this folder."""
        return text.replace(HOME, str(self.home))

    def build(self) -> None:
        """Do what the Dockerfile says."""
        for name, rest in DOCKERFILE:
            step = getattr(self, f"_{name.lower()}", None)
            if step is None:
                self.meta[name] = rest
            else:
                step(rest)

    def command(self, text: str) -> list[str]:
        """A command in exec form, as the image runs it."""
        words: list[str] = json.loads(text)
        program = shutil.which(words[0], path=self.environment["PATH"])
        return [str(program), *words[1:]]

    def _from(self, rest: str) -> None:
        if self.stage:
            self.home.rename(self.place / self.stage)
            self.stages[self.stage] = self.place / self.stage
        self.stage = rest.rsplit(maxsplit=1)[-1]
        self.home.mkdir()
        # Where nobody but root may give files away, nobody needs to.
        shims = self.place / "shims"
        if os.getuid() != 0 and not shims.exists():
            shims.mkdir()
            (shims / "install").write_text('#!/bin/sh\nwhile [ $# -gt 1 ]; do shift; done\nmkdir -p "$1"\n')
            (shims / "install").chmod(0o755)
        kept = ("SSL_CERT_FILE", "PIP_CERT", "HOME", "UV_SYSTEM_CERTS")
        self.environment = {name: os.environ[name] for name in kept if name in os.environ}
        self.environment["PATH"] = f"{shims}:{self.base / 'bin'}:/usr/bin:/bin"
        # What would cost this test time and does not change what is installed.
        self.environment |= {"PIP_NO_COMPILE": "1", "PIP_QUIET": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}

    def _workdir(self, rest: str) -> None:
        self.workdir = Path(self.here(rest))
        self.workdir.mkdir(parents=True, exist_ok=True)

    def _env(self, rest: str) -> None:
        for word in shlex.split(rest):
            name, _, value = word.partition("=")
            if name not in {"PIP_NO_CACHE_DIR", "UV_NO_CACHE", "UV_COMPILE_BYTECODE"}:
                self.environment[name] = self.here(value).replace("$PATH", self.environment["PATH"])

    def _copy(self, rest: str) -> None:
        *options, target = rest.split()
        source = options.pop(0).removeprefix("--from=") if options[0].startswith("--from=") else ""
        for name in options:
            to = self.workdir / self.here(target)
            if source:
                folder = self.stages[source] / name.removeprefix(f"{HOME}/")
                shutil.copytree(folder, to, symlinks=True)
                continue
            chosen = [path for path in context() if path == name or path.startswith(f"{name}/")]
            assert chosen, f"COPY {name}: nothing of it is in the context"
            into_folder = target.endswith("/")
            for path in chosen:
                inside = Path(path).name if path == name else path.removeprefix(f"{name}/")
                file = to / inside if into_folder or path != name else to
                file.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / path, file)

    def _run(self, rest: str) -> None:
        done = subprocess.run(
            ["/bin/sh", "-ec", self.here(rest)],
            cwd=self.workdir,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=STEP_SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"RUN {rest}\n{done.stdout}{done.stderr}"


def base_image(folder: Path) -> Path:
    """An environment with nothing but Python and pip, as the official images are."""
    subprocess.run([sys.executable, "-I", "-m", "venv", str(folder)], check=True)
    return folder
