"""A copy of the tree in which tests are run, whole and with a guard taken away."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import cache_from_source
from pathlib import Path

from guards.removals import ROOT, Removal
from tests import servers

TEST_SECONDS = 60
"""How long a test may take without its guard, unless it says otherwise: many a transaction would wait for ever."""

RUN_SECONDS = 600
"""How long one run of pytest may take."""

LEFT_OUT = (".git", ".venv", "var", "__pycache__", ".*_cache", ".hypothesis", "*.db*", "dist")
_CASE = re.compile(r"^(PASSED|FAILED|ERROR) (.*?)(?: - (Failed: Timeout)?.*)?$", re.MULTILINE)


class Broken(Exception):
    """A trial that says nothing; the text says why."""


class Copy:
    """
    A copy of the tree, with the environment of the original.

    Args:
        environment: What its tests find in the environment.
    """

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.root = folder / "tree"
        shutil.copytree(ROOT, self.root, ignore=shutil.ignore_patterns(*LEFT_OUT))
        (self.root / ".venv").symlink_to(sys.prefix)
        # Before the editable install, which points to the original.
        self._environment = {**environment, "PYTHONPATH": str(self.root / "src"), "COLUMNS": "500"}
        self._ensure_it_wins()

    def _ensure_it_wins(self) -> None:
        where = "import twofold; print(twofold.__file__)"
        found = subprocess.check_output([sys.executable, "-c", where], env=self._environment, text=True)
        if not Path(found).is_relative_to(self.root):
            message = f"the tests would run on {found.strip()}, and not on the copy"
            raise Broken(message)

    def told(self, tests: Sequence[str], *options: str) -> dict[str, str]:
        """
        Run *tests*: what was told of each case, `PASSED`, `FAILED`, `ERROR`, or `WAITED` where it would not end.

        Raises:
            Broken: They did not run, or did not end in time.
        """
        command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-rfEp", "--tb=line", *options]
        process = subprocess.Popen(
            [*command, *tests],
            cwd=self.root,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            output, _ = process.communicate(timeout=RUN_SECONDS)
        except subprocess.TimeoutExpired:
            message = f"pytest did not end within {RUN_SECONDS} s"
            raise Broken(message) from None
        finally:
            _end(process)
        if process.returncode not in {0, 1}:
            raise Broken(output[-2000:])
        return {case: "WAITED" if waited else word for word, case, waited in _CASE.findall(output)}

    @contextmanager
    def without(self, removal: Removal) -> Iterator[None]:
        """
        Take a guard away, and put it back.

        Raises:
            Broken: Its text is not there, or what is left is no Python.
        """
        file = self.root / removal.file
        whole = file.read_text()
        try:
            left = removal.applied(self.root)
            compile(left, removal.file, "exec")
        except (ValueError, SyntaxError) as error:
            raise Broken(str(error)) from error
        _write(file, left)
        try:
            yield
        finally:
            _write(file, whole)


def _write(file: Path, text: str) -> None:
    """Write a source, and let nobody take what was compiled of it before: one second and one length are told alike."""
    file.write_text(text)
    Path(cache_from_source(str(file))).unlink(missing_ok=True)


def _end(process: "subprocess.Popen[str]") -> None:
    """End a run with all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def cases_of(test: str, told: dict[str, str]) -> list[str]:
    """What was told of the cases of one test, which may have parameters, or stand for a whole file."""
    return [word for case, word in told.items() if case == test or case.startswith((f"{test}[", f"{test}::"))]


@contextmanager
def database_servers() -> Iterator[dict[str, str]]:
    """PostgreSQL and MariaDB, one each for all runs; the environment that names them."""
    found = [servers.postgresql(), servers.mariadb()]
    try:
        yield {
            **os.environ,
            **{each.kind.override: each.url.render_as_string(hide_password=False) for each in found},
        }
    finally:
        for each in found:
            each.close()
