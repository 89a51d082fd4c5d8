"""Somebody at a computer, who sees what the page shows and does what it offers."""

import json
from contextlib import AbstractContextManager
from typing import Any

from playwright.sync_api import Browser, Page

from tests.browser.keys import Key, Port
from tests.http.world import PASSWORD, Person

SECONDS = 20
"""How long something may take to appear before the test gives up."""


class Visitor:
    """
    A person at a computer of their own.

    Args:
        asked: Every address that the page has asked.
        faults: What went wrong in the page's own code.
    """

    def __init__(self, browser: Browser, address: str, person: Person) -> None:
        context = browser.new_context()
        context.set_default_timeout(SECONDS * 1000)
        self.person = person
        self.page: Page = context.new_page()
        self.asked: list[str] = []
        self.faults: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self._port = Port(self.page)
        self.page.goto(address)

    def leave(self) -> None:
        self.page.context.close()

    def with_key(self, key: Key, *, right_pin: bool = True) -> AbstractContextManager[None]:
        """While this key is plugged in."""
        return self._port.holds(key, right_pin=right_pin)

    def click(self, button: str) -> None:
        """Click on what is called so, and wait until the page has done it."""
        self.page.get_by_role("button", name=button, exact=True).click()
        self.page.locator("main[aria-busy=false]").wait_for()

    def write(self, label: str, text: str) -> None:
        self.page.get_by_label(label, exact=True).fill(text)

    def sign_in(self) -> None:
        """The password alone."""
        self.write("E-mail address", self.person.email)
        self.write("Password", PASSWORD)
        self.click("Sign in")

    def sign_in_with(self, key: Key) -> None:
        """The password and a key."""
        self.sign_in()
        with self.with_key(key):
            self.click("Use your key")

    def register(self, key: Key, name: str) -> None:
        with self.with_key(key):
            self.write("Name of the new key", name)
            self.click("Register a key")

    @property
    def told(self) -> str:
        """What went well."""
        return self.page.get_by_role("status").inner_text()

    @property
    def warned(self) -> str:
        """What did not, and what to do."""
        return self.page.get_by_role("alert").inner_text()

    @property
    def title(self) -> str:
        """Of what is shown."""
        return self.page.get_by_role("heading", level=2).inner_text()

    @property
    def proved(self) -> str:
        """What the session has proved, in the page's words."""
        return self.page.locator("#proved").inner_text()

    @property
    def backup_codes(self) -> list[str]:
        return self.page.locator("#codes code").all_inner_texts()

    @property
    def keys(self) -> list[str]:
        """The names of the keys that are listed."""
        found = self.page.get_by_label("Name of").and_(self.page.locator("#keys input")).all()
        return [each.input_value() for each in found]

    @property
    def session(self) -> str:
        """The token of the session that the page is in."""
        return str(self.page.evaluate("session"))

    def answer_of(self, ceremony: str, options: dict[str, Any]) -> dict[str, Any]:
        """
        What the browser gives a script of the page that is open: the JSON of a credential, or the name of the error.

        Args:
            ceremony: `create` or `get`.
        """
        parse = {"create": "parseCreationOptionsFromJSON", "get": "parseRequestOptionsFromJSON"}[ceremony]
        found: dict[str, Any] = self.page.evaluate(
            f"""options => navigator.credentials.{ceremony}({{
                publicKey: PublicKeyCredential.{parse}(JSON.parse(options)),
            }}).then(credential => credential.toJSON(), error => ({{ error: error.name }}))""",
            json.dumps(options),
        )
        return found
