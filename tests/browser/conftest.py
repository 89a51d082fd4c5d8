"""A browser, and one backend with the page of `examples/webauthn_page.py` before it."""

import shutil
from collections.abc import Callable, Iterator

import pytest
from cryptography.fernet import Fernet
from httpx2 import Client
from playwright.sync_api import Browser, sync_playwright

from examples.webauthn_page import create_app
from tests import servers
from tests.browser.visitor import Visitor
from tests.http.running import RunningServer, ServedWorld
from tests.http.world import Person, Place, settings_for
from tests.pauses import for_ever

ARGUMENTS = [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # There is this machine, and nothing else: a page that needs more does not work.
    "--host-resolver-rules=MAP localhost 127.0.0.1, MAP *.localhost 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]


# For one file and not for the session: while Playwright runs, its event loop counts as running in this thread, and the
# tests of other folders run loops of their own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.fail("There is no chromium: `make test` installs it, or `apt-get install chromium fonts-liberation`.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def served_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedWorld]:
    path = tmp_path_factory.mktemp("browser") / "browser.sqlite"
    place = Place("sqlite", f"sqlite:///{path}", f"sqlite+aiosqlite:///{path}")
    port = servers.free_port()
    settings = settings_for(place, Fernet.generate_key().decode(), public_url=f"http://localhost:{port}")
    app = create_app(settings, pause=for_ever)
    with (
        RunningServer(app, "httptools", "uvloop", port=port) as server,
        Client(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        world = ServedWorld(app, client, place, server)
        yield world
        world.disconnect()


@pytest.fixture
def world(served_world: ServedWorld) -> ServedWorld:
    """The backend, at noon."""
    served_world.begin()
    return served_world


@pytest.fixture
def origin(world: ServedWorld) -> str:
    """Of the page."""
    return f"http://localhost:{world.server.port}"


@pytest.fixture
def at_computer(browser: Browser, origin: str) -> Iterator[Callable[..., Visitor]]:
    """Lets somebody sit down at a computer, before the page or before another address."""
    visitors: list[Visitor] = []

    def at_computer(person: Person, address: str = origin) -> Visitor:
        visitors.append(Visitor(browser, address, person))
        return visitors[-1]

    yield at_computer
    for visitor in visitors:
        visitor.leave()


@pytest.fixture
def ann(world: ServedWorld, at_computer: Callable[..., Visitor]) -> Visitor:
    """Somebody who has a password and nothing else, before the page."""
    return at_computer(world.registered())
