"""CPU-heavy work (QR codes, password hashes) beside the event loop, one at a time a core."""

import os
from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter
from anyio.lowlevel import RunVar
from anyio.to_thread import run_sync

T = TypeVar("T")
_limiter: RunVar[CapacityLimiter] = RunVar("twofold_cores")


async def on_a_core(work: Callable[[], T]) -> T:
    """Run *work* in a thread; where every core is at work, wait in the event loop and not in a thread."""
    try:
        limiter = _limiter.get()
    except LookupError:
        limiter = CapacityLimiter(os.cpu_count() or 1)
        _limiter.set(limiter)
    return await run_sync(work, limiter=limiter)
