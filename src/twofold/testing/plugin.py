"""The pytest plugin: in your `conftest.py`, `pytest_plugins = ["twofold.testing"]`."""

from collections.abc import Iterator
from typing import Any

import pytest

from twofold.testing.clock import StoppedClock


@pytest.fixture
def twofold_clock(two_factor: Any) -> Iterator[StoppedClock]:  # noqa: ANN401 - the host's TwoFactor
    """A clock that stands still, in place of the one of your application's fixture `two_factor`."""
    clock, before = StoppedClock(), two_factor.auth.clock
    two_factor.auth.clock = clock
    yield clock
    two_factor.auth.clock = before
