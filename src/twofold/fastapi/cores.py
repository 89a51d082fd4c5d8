"""CPU-heavy work (QR codes, password hashes): beside the event loop, one at a time a core, behind all else."""

import asyncio
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

T = TypeVar("T")
NICE = 10
"""By how much such work steps back: a core that the event loop wants too is the loop's first (sched(7))."""


async def on_a_core(work: Callable[[], T]) -> T:
    """Run *work* in a thread; where every core is at work, wait in the event loop and not in a thread."""
    return await asyncio.get_running_loop().run_in_executor(_cores(), work)


@cache
def _cores() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count() or 1, "twofold-core", _step_back)


def _step_back() -> None:
    """A thread has a priority of its own on Linux alone; elsewhere this would be the whole process's."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, 0, os.getpriority(os.PRIO_PROCESS, 0) + NICE)
