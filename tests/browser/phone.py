"""Somebody's phone: it reads the QR code from what is on a screen, and its app is oathtool."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page

from tests.qr_reader import read_qr_code
from tests.story.phones import code_of_oathtool
from twofold.testing import StoppedClock

STEP = timedelta(seconds=30)


class Phone:
    """
    A phone whose clock goes as the server's does.

    Args:
        uri: What it has scanned.
    """

    def __init__(self, clock: StoppedClock, uri: str = "") -> None:
        self.clock = clock
        self.uri = uri

    def scan(self, page: Page) -> None:
        """Scroll to the QR code and read it off the screen."""
        page.locator("img[src^='data:image/png']").scroll_into_view_if_needed()
        self.uri = read_qr_code(page.screenshot())

    @property
    def secret(self) -> str:
        """What the app has kept of the QR code."""
        return parse_qs(urlsplit(self.uri).query)["secret"][0]

    def code(self, steps: int = 0, *, ahead: float = 0) -> str:
        """
        What it shows now.

        Args:
            steps: So many codes later.
            ahead: So many seconds is its clock fast.
        """
        return code_of_oathtool(self.secret, self.clock.now() + steps * STEP + timedelta(seconds=ahead))

    def next_code(self) -> str:
        """What it shows after a new code has appeared."""
        self.clock.moment += STEP
        return self.code()

    def wrong_code(self) -> str:
        """Six digits that it shows at no time near the present."""
        near = {self.code(steps) for steps in range(-3, 4)}
        return next(code for number in range(10) if (code := f"{number}" * 6) not in near)
