"""The reference backend as a storm runs it: its own application, with a fast clock given in."""

import os

from fastapi import FastAPI

from app.main import create_app as real_app
from soak.clock import FastClock
from soak.variants import VARIANTS


def create_app() -> FastAPI:
    """The application; `SOAK_VARIANT` names faults to plant, with `+` between them, for a control."""
    app = real_app()
    auth = app.state.two_factor.auth
    auth.clock = FastClock(float(os.environ["SOAK_BEGAN"]), float(os.environ["SOAK_SPEED"]))
    for variant in filter(None, os.environ.get("SOAK_VARIANT", "").split("+")):
        VARIANTS[variant](auth)
    return app
