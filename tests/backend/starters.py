"""What each of several processes does that start at one moment."""

import asyncio
from multiprocessing.synchronize import Barrier

from app.main import prepare
from twofold.settings import Settings

START_SECONDS = 60


def start(settings: Settings, moment: Barrier) -> None:
    """Prepare the database as `app.main` does, together with all others."""
    moment.wait(START_SECONDS)
    asyncio.run(prepare(settings))
