"""What a session has proved, and when."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from twofold.core.factors import Authenticator, aal_of

ACR = {1: "urn:twofold:aal1", 2: "urn:twofold:aal2"}
"""The names of the authenticator assurance levels, for `acr` (RFC 9470, OpenID Connect Core)."""

METHODS: dict[Authenticator, tuple[str, ...]] = {
    Authenticator.PASSWORD: ("pwd",),
    Authenticator.TOTP: ("otp",),
    # RFC 8176 registers no value for a look-up secret.
    Authenticator.BACKUP_CODE: (),
    # Whoever is present touched it; whether by a PIN or a finger it verified him, only the key knows.
    Authenticator.HARDWARE_KEY: ("hwk", "user"),
    Authenticator.SOFTWARE_KEY: ("swk", "user"),
    Authenticator.VERIFIED_HARDWARE_KEY: ("hwk", "user"),
    Authenticator.VERIFIED_SOFTWARE_KEY: ("swk", "user"),
}
"""Authentication method references (RFC 8176) of what a person proves."""


def amr_of(*proved: Authenticator) -> tuple[str, ...]:
    """The references of all that was proved, and `mfa` where they are more than one type of factor."""
    names = [name for each in proved for name in METHODS[each]]
    return (*names, "mfa") if aal_of(*proved) > 1 else tuple(names)


@dataclass(frozen=True)
class Assurance:
    """
    What was proved, and when.

    Args:
        amr: Authentication method references (RFC 8176).
        at: The moment of the last proof.
        second_factor_at: The moment of the last second factor; nothing at AAL1.
    """

    amr: tuple[str, ...]
    at: datetime
    second_factor_at: datetime | None = None

    @property
    def aal(self) -> int:
        """Authenticator assurance level (NIST SP 800-63B-4, section 2), 1 or 2."""
        return 1 if self.second_factor_at is None else 2

    @property
    def claims(self) -> dict[str, Any]:
        """`amr`, `acr` and `auth_time` (seconds since 1970), ready for a JWT (RFC 9068, section 2.2.1)."""
        return {"amr": list(self.amr), "acr": ACR[self.aal], "auth_time": int(self.at.timestamp())}

    def is_fresh(self, at: datetime, max_age: timedelta) -> bool:
        """
        Whether the second factor is at most *max_age* old at the moment *at*.

        A proof from the future, left by a clock that was ahead, is not fresh.
        """
        return self.second_factor_at is not None and timedelta(0) <= at - self.second_factor_at <= max_age


def password_assurance(at: datetime) -> Assurance:
    """What the right password alone proves: AAL1."""
    return _assurance(at, Authenticator.PASSWORD)


def second_factor_assurance(proved: Authenticator, at: datetime) -> Assurance:
    """What the right password and a second factor prove together: AAL2 (NIST SP 800-63B-4, 2.2.1)."""
    return _assurance(at, Authenticator.PASSWORD, proved)


def _assurance(at: datetime, *proved: Authenticator) -> Assurance:
    # The one guard against a level that was not proved: the arithmetic, and nothing else, says when there is a second.
    return Assurance(amr_of(*proved), at, at if aal_of(*proved) > 1 else None)


@dataclass(frozen=True)
class ProvedSession:
    """
    What one session of the host's has proved; it holds while the user's epoch is the same.

    Args:
        session_hash: The hash of the host's name for the session.
    """

    session_hash: str = field(repr=False)
    user_id: Hashable
    epoch: int
    assurance: Assurance
