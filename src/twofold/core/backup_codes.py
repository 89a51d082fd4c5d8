"""Backup codes: ten one-time ways out, stored as digests with the moment of their use."""

import hashlib
import hmac
import json
import re
import secrets
from base64 import b32encode
from dataclasses import dataclass, field, replace
from datetime import datetime

from twofold.core.policy import MAX_LABEL_CHARACTERS, Policy
from twofold.errors import MalformedCode

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base32: no I, L, O, U, so that nothing read aloud or written by hand is mistaken."""

CHARACTERS = 24  # 120 random bits; from 112 on a plain approved hash suffices (NIST SP 800-63B-4, 3.1.2.2).
GROUP = 4
LABEL = b"twofold backup code v1"

_CROCKFORD = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", ALPHABET)
_FORGIVEN = str.maketrans({"O": "0", "I": "1", "L": "1", " ": None, "-": None})


@dataclass(frozen=True)
class TypedBackupCode:
    """A backup code in the form in which it is digested; made by `typed_backup_code` alone."""

    text: str = field(repr=False)


@dataclass(frozen=True)
class BackupCode:
    """One code as it is stored: its digest, and the moment of its use."""

    digest: bytes = field(repr=False)
    used_at: datetime | None = None


@dataclass(frozen=True)
class BackupCodes:
    """The set of one user."""

    codes: tuple[BackupCode, ...]

    @property
    def remaining(self) -> int:
        """How many are still unused."""
        return sum(code.used_at is None for code in self.codes)

    def matching(self, digest: bytes) -> BackupCode | None:
        """The code with this digest. All are compared, each in constant time."""
        found = [code for code in self.codes if hmac.compare_digest(code.digest, digest)]
        return found[0] if found else None

    def burned(self, used: BackupCode, at: datetime) -> "BackupCodes":
        """The set after *used* was used up at the moment *at*."""
        return BackupCodes(tuple(replace(code, used_at=at) if code is used else code for code in self.codes))

    def to_bytes(self) -> bytes:
        """What is sealed: a list of digests and moments of use."""
        rows = [
            {"digest": code.digest.hex(), "used_at": code.used_at.isoformat() if code.used_at else None}
            for code in self.codes
        ]
        return json.dumps(rows, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, stored: bytes) -> "BackupCodes":
        """
        Read what `to_bytes` wrote.

        The codes that an older version stored, as texts or as objects of its own, are of another form, and cannot be
        typed here: none is left.
        """
        rows = json.loads(stored)
        if isinstance(rows, dict):
            return cls(())
        if not isinstance(rows, list):
            raise TypeError
        # A row of ours has a digest, whatever else became of it: it is read, or refused.
        if all(isinstance(row, str) or (isinstance(row, dict) and "digest" not in row) for row in rows):
            return cls(())
        return cls(tuple(BackupCode(bytes.fromhex(row["digest"]), _moment_of(row["used_at"])) for row in rows))


def _moment_of(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def new_backup_codes(policy: Policy) -> tuple[str, ...]:
    """A fresh set in the clear, in groups, to be shown once."""
    return tuple(_new_code() for _ in range(policy.backup_codes))


def _new_code() -> str:
    code = b32encode(secrets.token_bytes(CHARACTERS * 5 // 8)).decode().translate(_CROCKFORD)
    return "-".join(code[start : start + GROUP] for start in range(0, CHARACTERS, GROUP))


def typed_backup_code(text: str) -> TypedBackupCode:
    """
    What a person typed, as it is digested: without regard to case, spaces, hyphens, `O/0` and `I/L/1`.

    Raises:
        MalformedCode: It cannot be a backup code, so it is compared with nothing and counts nowhere (G13).
    """
    # Upper-casing only ASCII: other scripts have letters whose upper case is ASCII.
    code = text.upper().translate(_FORGIVEN) if text.isascii() and len(text) <= MAX_LABEL_CHARACTERS else ""
    if not re.fullmatch(f"[{ALPHABET}]{{{CHARACTERS}}}", code):
        message = f"A backup code has {CHARACTERS} letters and digits."
        raise MalformedCode(message, errors=[{"field": "backup_code", "message": message}])
    return TypedBackupCode(code)


def digest_of(code: TypedBackupCode, user: str) -> bytes:
    """
    SHA-256 over label, user id and code, length-prefixed: the same code of two users has two digests.

    Args:
        user: The canonical text of the user id.
    """
    parts = (LABEL, user.encode(), code.text.encode())
    return hashlib.sha256(b"".join(len(part).to_bytes(4, "big") + part for part in parts)).digest()


def stored_backup_codes(codes: tuple[str, ...], user: str) -> BackupCodes:
    """The set as it is stored, none of it used."""
    return BackupCodes(tuple(BackupCode(digest_of(typed_backup_code(code), user)) for code in codes))
