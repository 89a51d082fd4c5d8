"""The kinds of second factor, and the arithmetic of what they prove together with a password."""

from enum import Enum, StrEnum, auto


class Factor(StrEnum):
    """A kind of second factor; its value is the name that clients see."""

    TOTP = "totp"
    BACKUP_CODE = "backup_code"
    WEBAUTHN = "webauthn"


class Authenticator(Enum):
    """What a person proves, as NIST SP 800-63B-4, section 3, tells it apart."""

    PASSWORD = auto()
    TOTP = auto()
    BACKUP_CODE = auto()
    HARDWARE_KEY = auto()
    """A WebAuthn key that never leaves its device, and did not verify who touched it."""
    SOFTWARE_KEY = auto()
    """A WebAuthn key that may be on several devices of its owner, and did not verify who touched it."""
    VERIFIED_HARDWARE_KEY = auto()
    VERIFIED_SOFTWARE_KEY = auto()
    """Keys that did: by a PIN or a finger, of which only the key knows."""

    @classmethod
    def of_key(cls, *, backup_eligible: bool, user_verified: bool) -> "Authenticator":
        """What somebody has proved who touched a WebAuthn key of this kind."""
        if user_verified:
            return cls.VERIFIED_SOFTWARE_KEY if backup_eligible else cls.VERIFIED_HARDWARE_KEY
        return cls.SOFTWARE_KEY if backup_eligible else cls.HARDWARE_KEY


class FactorType(Enum):
    """Something that one knows or is, and something that one has."""

    KNOWN = auto()
    HAD = auto()


TYPES: dict[Authenticator, frozenset[FactorType]] = {
    Authenticator.PASSWORD: frozenset({FactorType.KNOWN}),
    Authenticator.TOTP: frozenset({FactorType.HAD}),
    Authenticator.BACKUP_CODE: frozenset({FactorType.HAD}),
    Authenticator.HARDWARE_KEY: frozenset({FactorType.HAD}),
    Authenticator.SOFTWARE_KEY: frozenset({FactorType.HAD}),
    Authenticator.VERIFIED_HARDWARE_KEY: frozenset({FactorType.HAD, FactorType.KNOWN}),
    Authenticator.VERIFIED_SOFTWARE_KEY: frozenset({FactorType.HAD, FactorType.KNOWN}),
}
"""NIST SP 800-63B-4, 3.1: a password is known; look-up secret, OTP and single-factor key are had; 3.1.7 and B.3: a key
that verified its user is both, and one that did not is had alone."""


def aal_of(*proved: Authenticator) -> int:
    """
    The authenticator assurance level, 1 or 2, that these prove together (NIST SP 800-63B-4, 2.2.1).

    Two of one type do not add up: a code and a backup code are twice something that one has.
    """
    types = frozenset[FactorType]().union(*(TYPES[each] for each in proved))
    return 2 if types == frozenset(FactorType) else 1
