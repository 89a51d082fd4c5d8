"""WebAuthn keys that are plugged into Chromium: its own code, with a virtual key at the end of it."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

from playwright.sync_api import CDPSession, Page


@dataclass
class Key:
    """
    A key that a person can carry from one computer to another.

    Args:
        verifies: Whether it can verify who touches it.
        credentials: What it keeps, in the words of Chromium, while it is plugged in nowhere.
    """

    verifies: bool = True
    credentials: list[dict[str, Any]] = field(default_factory=list, repr=False)

    def copied(self) -> Self:
        """The same key once more, as a thief has it who can copy it."""
        return copy.deepcopy(self)


class Port:
    """Where keys are plugged into the computer that shows *page*."""

    def __init__(self, page: Page) -> None:
        self._protocol: CDPSession = page.context.new_cdp_session(page)
        self._protocol.send("WebAuthn.enable", {"enableUI": False})

    @contextmanager
    def holds(self, key: Key, *, right_pin: bool = True) -> Iterator[None]:
        """
        A key is plugged in, and touched whenever it blinks.

        Args:
            right_pin: Whether whoever touches it passes for its owner, where it looks.
        """
        options = {
            "protocol": "ctap2",
            "ctap2Version": "ctap2_1",
            "transport": "usb",
            "hasResidentKey": True,
            "hasUserVerification": key.verifies,
            "isUserVerified": key.verifies and right_pin,
            "automaticPresenceSimulation": True,
        }
        which = self._protocol.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        for credential in key.credentials:
            self._protocol.send("WebAuthn.addCredential", {**which, "credential": credential})
        try:
            yield
        finally:
            key.credentials = self._protocol.send("WebAuthn.getCredentials", which)["credentials"]
            self._protocol.send("WebAuthn.removeVirtualAuthenticator", which)
