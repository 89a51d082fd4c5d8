"""Time-based one-time passwords (RFC 6238) over pyotp."""

import hashlib
import hmac
import json
import math
import re
import secrets
from base64 import b32decode, b32encode
from dataclasses import InitVar, dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, NewType
from urllib.parse import quote

from twofold.core.policy import MAX_ISSUER_ENCODED, MAX_LABEL_CHARACTERS, Policy
from twofold.errors import ConfigurationError, MalformedCode

if TYPE_CHECKING:
    import pyotp

TimeStep = NewType("TimeStep", int)
"""The T of RFC 6238, section 4.2: periods since 1970. Wider than 32 bits."""


LEAST_CHARACTERS = 23  # of base32: 112 bits (NIST SP 800-63B-4, 3.1.4.1).
LEAST_CHARACTERS_OF_WEAK = 16  # of base32: 80 bits, what older applications and authenticator apps made.
ODD_LENGTHS = {1, 3, 6}  # modulo 8: no number of bytes has so many characters of base32 (RFC 4648, section 6).
DIGITS = range(6, 9)  # of a code (RFC 4226, 5.3).
PERIODS = range(1, 86_401)  # Seconds of a time step: any up to a day, for secrets that were made elsewhere.


@dataclass(frozen=True)
class TypedCode:
    """ASCII digits of a policy's length; made by `typed_code` alone."""

    text: str = field(repr=False)


DIGESTS = {"SHA1": hashlib.sha1, "SHA256": hashlib.sha256, "SHA512": hashlib.sha512}
"""The algorithms of RFC 6238, section 1.2, by their names in `otpauth://`."""


@dataclass(frozen=True)
class TotpSecret:
    """
    The key that a person's authenticator app shares with us, with its parameters.

    Args:
        base32: The key (RFC 4648, without padding).
        algorithm: `SHA1`, `SHA256` or `SHA512`. Authenticator apps ignore all but the first in silence.
        digits: Digits of a code.
        period: Seconds of a time step.
        from_elsewhere: It was made by another application, and may be weak: of 80 bits.

    Raises:
        ValueError: It is too short, or not base32; or its parameters are of no TOTP.
    """

    base32: str = field(repr=False)
    algorithm: str = "SHA1"
    digits: int = 6
    period: int = 30
    from_elsewhere: InitVar[bool] = False

    def __post_init__(self, from_elsewhere: bool) -> None:
        # The one guard of every other secret: a new one, or one that waits for its first code, is never weak.
        least = LEAST_CHARACTERS_OF_WEAK if from_elsewhere else LEAST_CHARACTERS
        if not _is_base32(self.base32, least) or self.algorithm not in DIGESTS:
            message = "not a TOTP secret: base32 of at least 112 bits, SHA1, SHA256 or SHA512"
            raise ValueError(message)
        # By their type too: True is a number to Python, and a float may be one.
        for number, allowed in ((self.digits, DIGITS), (self.period, PERIODS)):
            if type(number) is not int or number not in allowed:
                message = "not a TOTP secret: codes of 6 to 8 digits, a period of whole seconds up to a day"
                raise ValueError(message)

    @property
    def is_weak(self) -> bool:
        """Whether it has fewer than 112 bits: it signs in once more, and is gone."""
        return len(self.base32) < LEAST_CHARACTERS

    def code_at(self, step: TimeStep) -> str:
        """The code of one time step (RFC 6238, section 4.2: HOTP of the step)."""
        return self._hotp_of_weak(step) if self.is_weak else self._hotp.at(step)

    def _hotp_of_weak(self, step: TimeStep) -> str:
        """HOTP (RFC 4226, section 5.3) of a secret that pyotp refuses."""
        mac = hmac.digest(bytes_of(self.base32), step.to_bytes(8, "big"), self.algorithm.lower())
        offset = mac[-1] & 0xF
        number = int.from_bytes(mac[offset : offset + 4], "big") & 0x7FFF_FFFF
        return f"{number % 10**self.digits:0{self.digits}}"

    @cached_property
    def _hotp(self) -> "pyotp.HOTP":
        # Loaded with the first code: most processes of a host's compute none.
        import pyotp  # noqa: PLC0415

        return pyotp.HOTP(self.base32, digits=self.digits, digest=DIGESTS[self.algorithm])

    def to_bytes(self) -> bytes:
        """What is sealed: the parameters travel inside the value."""
        parameters = {"s": self.base32, "a": self.algorithm, "d": self.digits, "p": self.period}
        return json.dumps(parameters, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, stored: bytes, *, from_elsewhere: bool = False) -> "TotpSecret":
        """Read what `to_bytes` wrote, or the bare base32 secret that an older version stored."""
        if not stored.startswith(b"{"):
            return cls(stored.decode("ascii").strip().rstrip("=").upper(), from_elsewhere=from_elsewhere)
        kept = json.loads(stored)
        return cls(kept["s"], kept["a"], kept["d"], kept["p"], from_elsewhere)


@dataclass(frozen=True)
class PendingSecret:
    """
    The secret of a set-up that waits for its first code.

    Args:
        begun_by: What names the session that began it, and so has seen the secret; nothing where nobody said.
    """

    secret: TotpSecret
    begun_by: str | None = field(default=None, repr=False)

    def to_bytes(self) -> bytes:
        """What is sealed: the secret as it would be, and beside it who began."""
        begun = {} if self.begun_by is None else {"b": self.begun_by}
        return json.dumps(json.loads(self.secret.to_bytes()) | begun, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, stored: bytes) -> "PendingSecret":
        """Read what `to_bytes` wrote, or a secret alone, as an older version stored it."""
        begun_by = json.loads(stored).get("b") if stored.startswith(b"{") else None
        return cls(TotpSecret.from_bytes(stored), begun_by)


def bytes_of(base32: str) -> bytes:
    """The bytes of base32 without padding."""
    return b32decode(base32 + "=" * (-len(base32) % 8))


def base32_of(key: bytes) -> str:
    """Bytes as base32 without padding."""
    return b32encode(key).decode().rstrip("=")


def _is_base32(text: str, least: int) -> bool:
    return re.fullmatch(f"[A-Z2-7]{{{least},}}", text) is not None and len(text) % 8 not in ODD_LENGTHS


def new_totp_secret(policy: Policy) -> TotpSecret:
    """A fresh secret from the system's random generator, of the policy's strength."""
    return TotpSecret(base32_of(secrets.token_bytes(policy.secret_bytes)), digits=policy.digits, period=policy.period)


def typed_code(text: str, digits: int) -> TypedCode:
    """
    What a person typed, as digits; forgives spaces around and one space or hyphen inside, nothing else.

    Raises:
        MalformedCode: It cannot be a code, so it is compared with nothing and counts nowhere (G13).
    """
    match = re.fullmatch(r" *([0-9]+)(?:[ -]?([0-9]+))? *", text) if len(text) <= MAX_LABEL_CHARACTERS else None
    code = "".join(part or "" for part in match.groups()) if match else ""
    if len(code) != digits:
        message = f"A code has {digits} digits."
        raise MalformedCode(message, errors=[{"field": "code", "message": message}])
    return TypedCode(code)


def time_step_at(moment: datetime, period: int) -> TimeStep:
    """The time step in which *moment* lies (RFC 6238, section 4.2, with T0 = 0)."""
    return TimeStep(math.floor(moment.timestamp()) // period)


def window_at(moment: datetime, period: int, drift: int) -> range:
    """The time steps acceptable at *moment*: the current one and *drift* to each side (RFC 6238, section 5.2)."""
    step = time_step_at(moment, period)
    return range(max(step - drift, 0), step + drift + 1)


def matching_steps(secret: TotpSecret, code: TypedCode, window: range) -> list[TimeStep]:
    """
    The time steps of *window* whose code this is.

    Every step is compared, each in constant time, so that the time taken tells nothing about the code.
    """
    return [step for step in map(TimeStep, window) if hmac.compare_digest(secret.code_at(step), code.text)]


def clock_offset(secret: TotpSecret, code: TypedCode, at: datetime, steps: int) -> int | None:
    """
    By how many seconds the clock that made this code is ahead of *at*, to a time step; negative where it is behind.

    To be told only to whoever has seen the secret: to others it would say of more codes than are accepted that they
    are right, those of the future among them.

    Args:
        steps: How far to look, in time steps to each side.

    Returns:
        The smallest that fits; nothing where the code is of no such time.
    """
    here = time_step_at(at, secret.period)
    found = matching_steps(secret, code, window_at(at, secret.period, steps))
    nearest = min(found, key=lambda step: abs(step - here), default=None)
    return None if nearest is None else (nearest - here) * secret.period


def otpauth_uri(secret: TotpSecret, *, issuer: str, account: str) -> str:
    """
    The text of the QR code (Key URI format): issuer in label and parameter, base32 without padding.

    Nothing in *issuer* or *account* can end its field: all but letters, digits and `_.-~` is percent-encoded.
    """
    label = f"{quote(issuer, safe='')}:{quote(account[:MAX_LABEL_CHARACTERS], safe='', errors='replace')}"
    return (
        f"otpauth://totp/{label}?secret={secret.base32}&issuer={quote(issuer, safe='')}"
        f"&algorithm={secret.algorithm}&digits={secret.digits}&period={secret.period}"
    )


def checked_issuer(issuer: str) -> str:
    """
    An issuer that every authenticator app can show.

    Raises:
        ConfigurationError: It is empty, too long, or has a colon, which ends the issuer in a label (Key URI format).
    """
    if not issuer.strip() or not issuer.isprintable() or ":" in issuer:
        raise ConfigurationError("issuer: people see it in their app; printable characters, no colon.")
    if len(issuer) > MAX_LABEL_CHARACTERS or len(quote(issuer, safe="")) > MAX_ISSUER_ENCODED:
        message = f"issuer: at most {MAX_LABEL_CHARACTERS} characters, {MAX_ISSUER_ENCODED} when percent-encoded."
        raise ConfigurationError(f"{message} It stands in a QR code.")
    return issuer
