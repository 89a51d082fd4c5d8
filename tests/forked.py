"""Processes forked from one which has loaded the backend and has done nothing else: to load it takes longest."""

import multiprocessing
import os
import sys
from multiprocessing.context import ForkServerContext
from multiprocessing.forkserver import ensure_running

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["app.main", "starlette.testclient", "httpx2"])


def forked() -> ForkServerContext:
    """What processes are made with; the one that they are forked from runs, and knows where modules are."""
    path = os.environ.get("PYTHONPATH")
    # Python 3.11 tells it by the environment alone.
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)
    try:
        ensure_running()
    finally:
        del os.environ["PYTHONPATH"]
        if path is not None:
            os.environ["PYTHONPATH"] = path
    return _CONTEXT
