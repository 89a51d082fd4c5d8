"""CPU-heavy work beside the event loop."""

import asyncio
import os
import sys
import threading

import pytest

from twofold.fastapi.cores import NICE, on_a_core


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a thread has no priority of its own")
def test_it_steps_back():
    """
    A password's hash, or a QR code, leaves the core to the event loop whenever that wants it, and changes nothing of
    the process itself.
    """
    own = os.getpriority(os.PRIO_PROCESS, 0)

    theirs = asyncio.run(on_a_core(lambda: os.getpriority(os.PRIO_PROCESS, 0)))

    assert theirs == min(own + NICE, 19)
    assert os.getpriority(os.PRIO_PROCESS, 0) == own


def test_as_many_at_once_as_there_are_cores():
    """
    Whoever finds every core at work waits in the event loop, and its turn comes.
    """
    cores, guard, at_once, most = os.cpu_count() or 1, threading.Lock(), 0, 0
    all_there = threading.Barrier(cores)

    def work() -> None:
        nonlocal at_once, most
        with guard:
            at_once += 1
            most = max(most, at_once)
        all_there.wait(20)
        with guard:
            at_once -= 1

    async def everybody() -> None:
        await asyncio.gather(*(on_a_core(work) for _ in range(cores * 3)))

    asyncio.run(everybody())

    assert most == cores
