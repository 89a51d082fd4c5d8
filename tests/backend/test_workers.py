"""Several workers of one host."""

import os
import sys
from pathlib import Path

from cryptography.fernet import Fernet

from app.database import BACKEND
from tests.backend.processes import serving
from tests.servers import free_port

SLOW = """
import sys, time
if "--multiprocessing-fork" in sys.orig_argv:
    time.sleep(6)
"""
"""Whatever is started as a worker takes its time: longer than uvicorn waits by itself."""


def test_workers_may_take_their_time_to_start(tmp_path: Path):
    """
    On a machine that is slow or busy a worker needs many seconds to load; it is waited for, and not ended and begun
    again for ever.
    """
    (tmp_path / "sitecustomize.py").write_text(SLOW)
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(tmp_path),
        "PORT": str(free_port()),
        "WEB_CONCURRENCY": "2",
        "DATABASE_URL": f"sqlite:///{tmp_path / 'workers.db'}",
        "ENCRYPTION_KEY": Fernet.generate_key().decode(),
    }

    with serving([sys.executable, "-m", "app.main"], BACKEND, environment, log=tmp_path / "log") as backend:
        code = backend.stop()

    assert "died" not in backend.log.read_text()
    assert code == 0
