"""The folder in which several workers count together."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import rmtree
from tempfile import gettempdir, mkdtemp

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - what is made there has a name of its own, and is for nobody else
PREFIX = "twofold-metrics-"
OPEN = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)


@contextmanager
def shared_folder(parent: Path | None = None) -> Iterator[Path]:
    """
    A folder for the workers of one application, for as long as it runs; such as were left by killed ones go too.

    Args:
        parent: Where it is made. By default in memory where there is such a place: a file that is mapped, as those
            are, kills its process when the disk is full.
    """
    if parent is None:
        parent = SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK) else Path(gettempdir())
    for other in parent.glob(f"{PREFIX}*"):
        _remove_if_left(other)
    folder, lock = _made(parent)
    try:
        yield folder
    finally:
        rmtree(folder, ignore_errors=True)
        os.close(lock)


def _made(parent: Path) -> tuple[Path, int]:
    """A new folder, and the lock that says that somebody counts in it; it ends with its process, however that ends."""
    while True:
        folder = Path(mkdtemp(prefix=PREFIX, dir=parent))
        with suppress(FileNotFoundError):
            lock = os.open(folder, OPEN)
            _lock(lock, waits=True)
            # Whoever starts in the same moment may have taken it for one that was left.
            if folder.exists():
                return folder, lock
            os.close(lock)


def _remove_if_left(folder: Path) -> None:
    with suppress(OSError):  # it is somebody else's, or somebody counts in it
        lock = os.open(folder, OPEN)
        try:
            # The one guard of those who count: their folder is locked, and stays.
            _lock(lock, waits=False)
            rmtree(folder, ignore_errors=True)
        finally:
            os.close(lock)


def _lock(descriptor: int, *, waits: bool) -> None:
    """Raises `OSError` where another one has it, and nobody waits."""
    import fcntl  # noqa: PLC0415 - not where there are no such locks, and so only where several workers start

    fcntl.flock(descriptor, fcntl.LOCK_EX if waits else fcntl.LOCK_EX | fcntl.LOCK_NB)
