"""The reference backend as a site that browsers visit, with a database of its own and a clock that stands still."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet
from fastapi import FastAPI
from httpx2 import Client

from app.main import create_app
from tests import servers
from tests.http.running import RunningServer, ServedWorld
from tests.http.world import Place, settings_for
from tests.pauses import for_ever

HERE = ("127.0.0.1/32",)
"""From where the browsers come, who may administer too."""


@contextmanager
def site(folder: Path, make_app: Callable[..., FastAPI] = create_app, **settings: Any) -> Iterator[ServedWorld]:
    """
    The site, on `http://localhost` and a free port.

    Args:
        folder: Where its database lies.
        settings: What is not as usual.
    """
    path = folder / "site.sqlite"
    place = Place("sqlite", f"sqlite:///{path}", f"sqlite+aiosqlite:///{path}")
    port = servers.free_port()
    told: dict[str, Any] = {"public_url": f"http://localhost:{port}", "admin_allowed_ips": HERE} | settings
    app = make_app(settings_for(place, Fernet.generate_key().decode(), **told), pause=for_ever)
    with (
        RunningServer(app, "httptools", "uvloop", port=port) as server,
        Client(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        world = ServedWorld(app, client, place, server)
        yield world
        world.disconnect()
