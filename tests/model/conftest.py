"""What all runs of the state machine share."""

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Values that do not open are told to the operator thousands of times; here nobody reads it."""
    logger = logging.getLogger("twofold")
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    yield
    logger.setLevel(before)
