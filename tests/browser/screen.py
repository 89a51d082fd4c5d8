"""A browser's window on one device: what it shows, what can be done there, and what went wrong behind it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, Response

from tests.browser.keys import Key, Port

SECONDS = 20
"""How long something may take to appear before the test gives up."""

SUBMIT = "button:not([type=button])"
WHOLE_CODE = re.compile("[0-9]{3}[ -]?[0-9]{3}")


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
        visited: Every page that was asked for: the method, and the path.
        weights: Bytes of everything that pages have loaded, by address; what the cache keeps, too.
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
        self.document_bytes = 0
        self.faults: list[str] = []
        self.visited: set[tuple[str, str]] = set()
        self.weights: dict[str, int] = {}
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.faults.append(f"script: {error}"))
        self.page.on("request", self._request)
        self.page.on("response", self._response)
        self._port = Port(self.page) if script else None

    def close(self) -> None:
        self.context.close()

    def forget(self) -> None:
        """Know nobody, and nothing of what went wrong before; the page itself stays till another one is opened."""
        self.context.clear_cookies()
        self.page.emulate_media(media="screen")
        self.faults.clear()

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
        size = int(response.headers.get("content-length", 0))
        if response.request.is_navigation_request():
            self.status, self.document_bytes = response.status, size
            self.visited.add((response.request.method, urlsplit(response.url).path))
            return
        if response.status >= 400:
            self.faults.append(f"{response.status}: {response.url}")
        self.weights[response.url] = size

    def open(self, path: str) -> None:
        self.page.goto(path)

    @contextmanager
    def leaves(self) -> Iterator[None]:
        """What is done inside leads to another page, or to the same once more."""
        with self.page.expect_navigation():
            yield

    def field(self, name: str) -> Locator:
        """What is filled in, by its name in the form."""
        return self.page.locator(f"[name={name}]")

    def send(self, to: str = "", /, **fields: str) -> None:
        """
        Fill the fields of a form in, by their names, and send it; a whole code sends itself where scripts run.

        Args:
            to: How the form's address ends, where another one on the page has the same fields.
        """
        form = (
            self.page.locator(f"form[action$='{to}']" if to else "form")
            .filter(has=self.field(next(iter(fields))))
            .first
        )
        with self.leaves():
            for name, text in fields.items():
                form.locator(f"[name={name}]").fill(text)
            if not (self.script and WHOLE_CODE.fullmatch(fields.get("code", ""))):
                form.locator(SUBMIT).first.click()

    def press(self, path: str) -> None:
        """Press the button of the form that is sent to *path*."""
        with self.leaves():
            self.page.locator(f"form[action$='{path}']").locator(SUBMIT).first.click()

    def follow(self, path: str) -> None:
        """Follow the first link to *path* of what the page is about."""
        with self.leaves():
            self.page.locator(f"main a[href^='{path}']").first.click()

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
    def focus(self) -> str:
        """What has the focus: its id, its label, or what is written on it."""
        element = "document.activeElement"
        return str(
            self.page.evaluate(f"{element}.id || {element}.labels?.[0]?.innerText.trim() || {element}.innerText")
        )

    @property
    def description(self) -> str:
        """What describes it to those who do not see it."""
        ids = str(self.page.evaluate("document.activeElement.getAttribute('aria-describedby') ?? ''")).split()
        return " ".join(self.page.locator(f"#{each}").inner_text() for each in ids)

    @property
    def weight(self) -> int:
        """Bytes of the page that is shown, with everything that any page of this window has loaded."""
        return self.document_bytes + sum(self.weights.values())

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


class Windows:
    """
    The windows of one browser. To open one takes a second, so that what is given back is used again.

    Args:
        origin: The site that is visited.
    """

    def __init__(self, browser: Browser, origin: str) -> None:
        self._browser = browser
        self._origin = origin
        self._all: list[tuple[str, Screen]] = []
        self._open: list[Screen] = []

    def open(self, device: Device = DESKTOP, **options: Any) -> Screen:
        """A window that knows nobody."""
        kind = repr((device, sorted(options.items())))
        free = [screen for known, screen in self._all if known == kind and screen not in self._open]
        if free:
            free[0].forget()
        else:
            free = [Screen(self._browser, self._origin, device, **options)]
            self._all.append((kind, free[0]))
        self._open.append(free[0])
        return free[0]

    def give_back(self) -> list[str]:
        """All that are open; what went wrong in them."""
        faults = [fault for screen in self._open for fault in screen.faults]
        self._open.clear()
        return faults

    def close(self) -> None:
        for _, screen in self._all:
            screen.close()
