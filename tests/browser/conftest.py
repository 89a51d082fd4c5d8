"""A browser, and one backend with the page of `examples/webauthn_page.py` before it."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser

from examples.webauthn_page import create_app
from tests.browser.chromium import launched
from tests.browser.phone import Phone
from tests.browser.screen import DESKTOP, PHONE, SMALL_PHONE, Screen, Windows
from tests.browser.site import site
from tests.browser.visitor import Visitor
from tests.http.running import ServedWorld
from tests.http.world import Person


# For one file and not for the session: while Playwright runs, its event loop counts as running in this thread, and the
# tests of other folders run loops of their own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture(scope="session")
def served_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedWorld]:
    with site(tmp_path_factory.mktemp("browser"), create_app) as world:
        yield world


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
    """Lets somebody sit down at a computer, before the page or the same page under another name."""
    visitors: list[Visitor] = []

    def at_computer(person: Person, where: str = origin) -> Visitor:
        visitors.append(Visitor(browser, f"{where}/webauthn", person))
        return visitors[-1]

    yield at_computer
    for visitor in visitors:
        visitor.leave()


@pytest.fixture
def ann(world: ServedWorld, at_computer: Callable[..., Visitor]) -> Visitor:
    """Somebody who has a password and nothing else, before the page."""
    return at_computer(world.registered())


WINDOWS = {
    "desktop": (DESKTOP, True),
    "phone": (PHONE, True),
    "desktop-without-script": (DESKTOP, False),
    "small-phone-without-script": (SMALL_PHONE, False),
}
"""What people look through: the device, and whether JavaScript runs."""


@pytest.fixture(scope="session")
def served_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedWorld]:
    with site(tmp_path_factory.mktemp("site")) as world:
        yield world


@pytest.fixture
def home(served_site: ServedWorld) -> ServedWorld:
    """The backend with its pages, at noon."""
    served_site.begin()
    return served_site


@pytest.fixture(scope="module")
def windows(browser: Browser, served_site: ServedWorld) -> Iterator[Windows]:
    windows = Windows(browser, f"http://localhost:{served_site.server.port}")
    yield windows
    windows.close()


@pytest.fixture
def window(windows: Windows, home: ServedWorld) -> Iterator[Callable[..., Screen]]:
    """Opens a window; whatever page is shown in it, nothing goes wrong behind it."""
    yield windows.open
    assert windows.give_back() == []


@pytest.fixture(params=WINDOWS)
def screen(request: pytest.FixtureRequest, window: Callable[..., Screen]) -> Screen:
    """A window of each kind, one after the other."""
    device, script = WINDOWS[request.param]
    return window(device, script=script)


@pytest.fixture
def phone(home: ServedWorld) -> Phone:
    """A phone that has scanned nothing yet."""
    return Phone(home.clock)
