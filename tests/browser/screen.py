"""A browser's window on one device: what it shows, what can be done there, and what went wrong behind it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, Response

from tests.browser.keys import Key, Port

SECONDS = 20
"""How long something may take to appear before the test gives up."""


@dataclass(frozen=True)
class Device:
    """What somebody holds or sits at; width and height in CSS pixels."""

    name: str
    width: int
    height: int
    touch: bool = False

    def __str__(self) -> str:
        return self.name


DESKTOP = Device("desktop", 1280, 800)
PHONE = Device("phone", 390, 844, touch=True)
SMALL_PHONE = Device("small phone", 320, 568, touch=True)


class Screen:
    """
    A window of its own, with its own cookies.

    Args:
        origin: The site that is visited; a page that asks another is faulty.
        script: Whether JavaScript runs.
        options: Whatever else Playwright is told of the window.

    Attributes:
        faults: What went wrong behind the page: a word of its script, of the policy, or of another site.
        weights: Bytes of everything that was fetched, by address.
    """

    def __init__(
        self, browser: Browser, origin: str, device: Device = DESKTOP, *, script: bool = True, **options: Any
    ) -> None:
        self.origin = origin
        self.device = device
        self.script = script
        self.context = browser.new_context(
            base_url=origin,
            viewport={"width": device.width, "height": device.height},
            has_touch=device.touch,
            is_mobile=device.touch,
            java_script_enabled=script,
            **{"locale": "en-US", "timezone_id": "UTC"} | options,
        )
        self.context.set_default_timeout(SECONDS * 1000)
        self.page: Page = self.context.new_page()
        self.status = 0
        self.faults: list[str] = []
        self.weights: dict[str, int] = {}
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.faults.append(f"script: {error}"))
        self.page.on("request", self._request)
        self.page.on("response", self._response)
        self._port = Port(self.page) if script else None

    def close(self) -> None:
        self.context.close()

    def _console(self, message: ConsoleMessage) -> None:
        # An answer that is an error is told here too; `_response` knows which of them are pages.
        if message.type in {"error", "warning"} and not message.text.startswith("Failed to load resource"):
            self.faults.append(f"{message.type}: {message.text}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((f"{self.origin}/", "data:", "blob:")):
            self.faults.append(f"asked elsewhere: {request.url}")

    def _response(self, response: Response) -> None:
        if response.url.startswith("data:"):
            return
        if response.request.is_navigation_request():
            self.status = response.status
        elif response.status >= 400:
            self.faults.append(f"{response.status}: {response.url}")
        self.weights[response.url] = int(response.headers.get("content-length", 0))

    def open(self, path: str) -> None:
        self.page.goto(path)

    @contextmanager
    def leaves(self) -> Iterator[None]:
        """What is done inside leads to another page, or to the same once more."""
        with self.page.expect_navigation():
            yield

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name)

    def press(self, name: str) -> None:
        """Press the button, and wait for the page that follows."""
        with self.leaves():
            self.button(name).first.click()

    def follow(self, name: str) -> None:
        """Follow the link, and wait for the page that follows."""
        with self.leaves():
            self.page.get_by_role("link", name=name).first.click()

    def write(self, label: str, text: str) -> None:
        self.page.get_by_label(label).fill(text)

    @property
    def path(self) -> str:
        """Where we are, without what follows a question mark."""
        return self.page.url.removeprefix(self.origin).partition("?")[0]

    @property
    def title(self) -> str:
        """The one heading that says where we are."""
        return self.page.get_by_role("heading", level=1).inner_text()

    @property
    def text(self) -> str:
        """Everything that is to be read."""
        return self.page.locator("body").inner_text()

    @property
    def notice(self) -> str:
        """What went well, or nothing."""
        return self._words("status")

    @property
    def problem(self) -> str:
        """What did not, and what to do; or nothing."""
        return self._words("alert")

    def _words(self, role: Any) -> str:
        return " ".join(self.page.get_by_role(role).all_inner_texts()).strip()

    @property
    def is_scrolled_sideways(self) -> bool:
        """Whether something sticks out at the side."""
        return bool(self.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))

    @contextmanager
    def with_key(self, key: Key, *, right_pin: bool = True) -> Iterator[None]:
        """While this key is plugged in, and touched whenever it blinks."""
        assert self._port is not None, "Without its script a page asks no key."
        with self._port.holds(key, right_pin=right_pin):
            yield
