"""The numbers of the design, a TOTP computed by hand, and what an act is answered."""

import base64
import hashlib
import hmac
import struct
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

TOTP, BACKUP_CODE = "totp", "backup_code"
PASSWORDS = "passwords"
PERIOD = 30
SIGN_IN_LIFE = timedelta(minutes=5)
SET_UP_LIFE = timedelta(minutes=10)
MAX_AGE = timedelta(seconds=300)
SESSION_LIFE = timedelta(hours=24)
SKEW = timedelta(seconds=30)
"""A phone's clock may be one time step off, and so may another host's."""

SIGN_INS = 50
SHEET = 10
AMR = {TOTP: ("pwd", "otp", "mfa"), BACKUP_CODE: ("pwd", "mfa")}


@dataclass(frozen=True)
class Profile:
    """When one waits, how long, and whether a user has one count for everything."""

    first_wait_at: int
    first_wait: timedelta
    one_count: bool
    longest_wait: timedelta = timedelta(minutes=30)
    cap: int = 100

    def wait_after(self, failures: int) -> timedelta | None:
        """30 s after the fifth failure, doubling to 30 min; the other profile waits 30 min from the tenth on."""
        if failures < self.first_wait_at:
            return None
        wait = self.first_wait
        for _ in range(failures - self.first_wait_at):
            wait = min(wait + wait, self.longest_wait)
        return wait


RECOMMENDED = Profile(first_wait_at=5, first_wait=timedelta(seconds=30), one_count=False)
PCI_DSS = Profile(first_wait_at=10, first_wait=timedelta(minutes=30), one_count=True)
PROFILES = {"recommended": RECOMMENDED, "pci_dss": PCI_DSS}


def step_at(at: datetime) -> int:
    """RFC 6238, 4.2: whole periods since 1970."""
    return int(at.timestamp()) // PERIOD


def is_weak(secret: str) -> bool:
    """Fewer than 112 bits of base32."""
    return len(secret) * 5 < 112


def code_of(secret: str, step: int) -> str:
    """RFC 4226, 5.3: six digits out of an HMAC-SHA-1."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    mac = hmac.new(key, struct.pack(">Q", step), hashlib.sha1).digest()
    place = mac[-1] & 15
    (number,) = struct.unpack(">I", mac[place : place + 4])
    return f"{(number & 0x7FFFFFFF) % 1_000_000:06}"


@dataclass(frozen=True)
class Told:
    """What an act is answered: `ok` or the slug of a refusal, and the facts that come with it."""

    slug: str
    facts: tuple[tuple[str, Any], ...] = ()


def told(slug: str, **facts: object) -> Told:
    return Told(slug, tuple(sorted(facts.items())))
