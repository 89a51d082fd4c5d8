"""The hosts on whose databases the store is tested."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.store.hosts import Host, host_on

pytest.register_assert_rewrite("twofold.testing.store_contract")


@pytest.fixture
def make_host(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., Host]]:
    """Makes hosts on fresh databases."""
    with contextlib.ExitStack() as stack:

        def make_host(database: str, *, asynchronous: bool = False, **options: Any) -> Host:
            if database == "sqlite":
                url, async_url = f"sqlite:///{tmp_path}/host.db", f"sqlite+aiosqlite:///{tmp_path}/host.db"
            else:
                fresh = request.getfixturevalue(database).fresh_database()
                url, async_url = fresh.sync_url, fresh.async_url
            return stack.enter_context(host_on(url, async_url=async_url if asynchronous else None, **options))

        yield make_host
