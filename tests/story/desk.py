"""A desk at which a document is typed as it stands: bash, an authenticator app, and waits that take no time."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.database import BACKEND
from tests.servers import program
from tests.story.live import ClockInAFile
from twofold.testing.clock import NOON

RUN_SECONDS = 100
END_OF_BLOCK = "----"

# The authenticator app: each time it is looked at, the next time step has come.
OATHTOOL = """#!/bin/sh
moment=$(($(cat "$CLOCK") + 30))
echo "$moment" >"$CLOCK.next" && mv "$CLOCK.next" "$CLOCK"
exec "$REAL_OATHTOOL" "$@" -N "@$moment"
"""
# The backend's Python, in its folder.
PYTHON = """#!/bin/sh
cd "$BACKEND" && exec "$REAL_PYTHON" "$@"
"""
# Who waits moves the clock.
SLEEP = """#!/bin/sh
echo "$(($(cat "$CLOCK") + $1))" >"$CLOCK.next" && mv "$CLOCK.next" "$CLOCK"
"""


def answers_in(text: str) -> Iterator[Any]:
    """What was printed: JSON as its value, other lines as they are."""
    while text := text.lstrip():
        line = text.splitlines()[0]
        try:
            value, end = json.JSONDecoder().raw_decode(text)
        except ValueError:
            value, end = line, len(line)
        if text[end : end + 1].strip():  # a line that only begins like a number, as a key may
            value, end = line, len(line)
        yield value
        text = text[end:]


@dataclass(frozen=True)
class Desk:
    """
    Where somebody types what a document says.

    Args:
        folder: The one in which they work.
        tools: What they work with, out of their sight.
    """

    folder: Path
    tools: Path

    def clock(self) -> ClockInAFile:
        """A clock that their authenticator app, and their waiting, move on; it shows noon."""
        file = self.tools / "clock"
        file.write_text(str(int(NOON.timestamp())))
        return ClockInAFile(file)

    def type_in(self, blocks: Sequence[str], api: str, **environment: str) -> list[list[Any]]:
        """
        Type the blocks one after the other into one shell; what each of them printed.

        Args:
            api: The address that the document's variable `API` stands for.
            environment: That of the backend, for what is done beside it.
        """
        programs = self.tools / "bin"
        programs.mkdir()
        for name, script in (("oathtool", OATHTOOL), ("sleep", SLEEP), ("python", PYTHON)):
            (programs / name).write_text(script)
            (programs / name).chmod(0o755)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", "".join(f"{block}\necho {END_OF_BLOCK}\n" for block in blocks)],
            cwd=self.folder,
            env={
                **environment,
                "API": api,
                "BACKEND": str(BACKEND),
                "CLOCK": str(self.tools / "clock"),
                "HOME": str(self.tools),
                "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
                "REAL_OATHTOOL": program("oathtool"),
                "REAL_PYTHON": sys.executable,
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
        return [list(answers_in(block)) for block in done.stdout.split(f"{END_OF_BLOCK}\n")[:-1]]
