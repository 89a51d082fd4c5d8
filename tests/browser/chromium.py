"""Debian's Chromium, which knows of this machine and nothing else."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

ARGUMENTS = [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-gpu",  # There is none: to pretend one costs a fifth of the time.
    # There is this machine, and nothing else: a page that needs more does not work.
    "--host-resolver-rules=MAP localhost 127.0.0.1, MAP *.localhost 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]


@contextmanager
def launched(**options: Any) -> Iterator[Browser]:
    """
    A browser.

    Args:
        options: Whatever else Playwright is told of its start.
    """
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.fail("There is no chromium: `make test` installs it, or `apt-get install chromium fonts-liberation`.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS, **options)
        yield browser
        browser.close()
