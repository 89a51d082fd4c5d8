"""The figure `pages` of the benchmarks, as far as it can break unseen."""

import asyncio

import pytest

from benchmarks.pages import NOTHING, PAGES, Served


@pytest.mark.parametrize("name", [*PAGES, NOTHING])
def test_what_is_measured_is_shown(name: str):
    """
    Each page that is measured is rendered from what is made up for it: a variable that a template asks for since then
    is missing here first.
    """
    with asyncio.Runner() as runner:
        seconds = Served(runner.run).page(name)(1)

    assert seconds > 0
