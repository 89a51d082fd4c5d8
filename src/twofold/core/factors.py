"""The kinds of second factor."""

from enum import StrEnum


class Factor(StrEnum):
    """A kind of second factor; its value is the name that clients see."""

    TOTP = "totp"
    BACKUP_CODE = "backup_code"
