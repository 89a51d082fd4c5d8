"""
What other applications kept of people's authenticator apps, read strictly: secrets, URIs, devices.

What is not understood to its last character is refused, and not guessed at: a parameter that is overlooked makes other
codes than the phone shows. No refusal holds anything of what was read.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from urllib.parse import unquote

from twofold.core.enrollment import Enrollment
from twofold.core.policy import BOUNDS, CLOCK_GRACE, RECOMMENDED, Policy
from twofold.core.sealing import FERNET, key_id_of
from twofold.core.totp import (
    DIGESTS,
    DIGITS,
    LEAST_CHARACTERS_OF_WEAK,
    ODD_LENGTHS,
    TimeStep,
    TotpSecret,
    base32_of,
    time_step_at,
    window_at,
)
from twofold.errors import RowRefused

MOST_CHARACTERS = 103  # of base32: 64 bytes, the block of HMAC-SHA-1; with its parameters it fits a sealed column.
SHORTEST_FERNET = 100  # Characters of a token: version, time, vector, one block and the MAC, in base64.
MOST_OF_ACCOUNT = 320  # Characters: the longest address of mail (RFC 3696, section 3).
MOST_OF_STEP = 2**40  # Time steps of one second: until some 35,000 years from now.

_URI = re.compile(r"(?i:otpauth)://(?P<kind>[A-Za-z]+)/(?P<label>[^?#]*)\?(?P<query>[^#]*)")
_READ = {"secret", "algorithm", "digits", "period", "issuer"}
_TOLD = {"image", "icon", "color", "logo"}  # What an app shows, and no code depends on.
_COULD_BE_SECRET = re.compile(r"(?is)[A-Z2-7 =-]{16,}|[0-9A-F]{20,}|gAAAA.*|.*(?:otpauth:|secret=).*")


@dataclass(frozen=True)
class Brought:
    """
    What another application kept of one person.

    Args:
        account: The name of the person, where it came along with the secret.
        last_step: The newest time step that the other application is known to have accepted.
    """

    secret: TotpSecret
    account: str | None = None
    last_step: TimeStep = TimeStep(0)


def secret_of(text: str, parameters: Mapping[str, str] | None = None) -> TotpSecret:
    """
    A secret in base32, as people and programs write it: in groups, in lower case, with padding.

    Args:
        parameters: `algorithm`, `digits` and `period`, where they are not those that every app knows.

    Raises:
        RowRefused: It is no secret that this library can take over.
    """
    given = {name: value.strip() for name, value in (parameters or {}).items() if value.strip()}
    base32 = re.sub(" ", "", text).rstrip("=").upper() if text.isascii() else ""
    if not re.fullmatch("[A-Z2-7]+", base32) or len(base32) % 8 in ODD_LENGTHS:
        raise RowRefused("The secret is not base32.")
    if len(base32) < LEAST_CHARACTERS_OF_WEAK:
        raise RowRefused("The secret has fewer than 80 bits.")
    if len(base32) > MOST_CHARACTERS:
        raise RowRefused("The secret has more than 512 bits.")
    return TotpSecret(base32, *_parameters_of(given), from_elsewhere=True)


def _parameters_of(given: Mapping[str, str]) -> tuple[str, int, int]:
    algorithm = re.sub("^HMAC|-", "", given.get("algorithm", "SHA1").upper())
    if algorithm not in DIGESTS:
        raise RowRefused("The algorithm is none of SHA1, SHA256 and SHA512.")
    digits, period = _number_of(given.get("digits", "6")), _number_of(given.get("period", "30"))
    if digits not in DIGITS:
        raise RowRefused("A code must have 6 to 8 digits.")
    bounds = BOUNDS["period"]
    if bounds.fault_of(replace(RECOMMENDED, period=period), "period"):
        raise RowRefused(f"The period must be {bounds.lowest} to {bounds.highest} whole seconds ({bounds.source}).")
    return algorithm, digits, period


def _number_of(text: str) -> int:
    """A number as it stands there; -1 for what is none, or is out of all bounds."""
    return int(text) if re.fullmatch("[0-9]{1,18}", text) else -1


def step_of(text: str) -> TimeStep:
    """
    A time step as it stands there.

    Raises:
        RowRefused: It is none.
    """
    step = _number_of(text)
    if step not in range(MOST_OF_STEP):
        raise RowRefused("The time step that was used last is no number of a time step.")
    return TimeStep(step)


def account_of(text: str) -> str:
    """
    The name of an account, without the spaces around it.

    Raises:
        RowRefused: It cannot be one.
    """
    account = text.strip()
    if not account or not account.isprintable() or len(account) > MOST_OF_ACCOUNT:
        raise RowRefused(f"The account is missing, or is not 1 to {MOST_OF_ACCOUNT} printable characters.")
    return account


def uri_of(text: str) -> Brought:
    """
    What stands in an `otpauth://` URI (Key URI format).

    Raises:
        RowRefused: It is none, or has something that is not understood.
    """
    found = _URI.fullmatch(text.strip())
    if found is None:
        raise RowRefused("This is not otpauth://totp/account?secret=...")
    if found["kind"].lower() != "totp":
        raise RowRefused("The codes of this app are counted, and do not follow the clock (HOTP); set it up anew.")
    given = _query_of(found["query"])
    if "secret" not in given:
        raise RowRefused("The URI has no secret.")
    account = _account_in(found["label"], given.pop("issuer", None))
    return Brought(secret_of(given.pop("secret"), given), account_of(account))


def _query_of(query: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in query.split("&")]
    names = [name.lower() for name, _, _ in pairs]
    if len(set(names)) != len(names):
        raise RowRefused("The URI gives something twice.")
    if not set(names) <= _READ | _TOLD:
        raise RowRefused("The URI has something on which the codes may depend, and which is not known here.")
    return {name: _decoded(value) for name, (_, _, value) in zip(names, pairs, strict=True) if name in _READ}


def _account_in(label: str, issuer: str | None) -> str:
    """
    The account in a label: what stands behind `issuer:`, whose colon may be encoded.

    An account may have a colon itself, in which its owner chose what stands behind it: that is not taken for a name.
    """
    plain = ":" in label
    before, colon, behind = (label if plain else _decoded(label)).partition(":")
    if plain:
        before, behind = _decoded(before), _decoded(behind)
    if not colon:
        return before
    if issuer is None or before.strip() not in {issuer.strip(), issuer.replace("+", " ").strip()}:
        raise RowRefused(
            "Which part of the label is the account cannot be told: what stands before its colon is not the issuer. "
            "Write the account and a tab before the URI."
        )
    return behind


def _decoded(text: str) -> str:
    if re.search("%(?![0-9A-Fa-f]{2})", text):
        raise RowRefused("The URI is not encoded as URIs are.")
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise RowRefused("The URI is not encoded as URIs are.") from None


def value_of(text: str, decrypted: Callable[[str], bytes] | None = None) -> TotpSecret:
    """
    A secret as it stood in a column: base32, or a whole URI; either of them perhaps encrypted with Fernet.

    Args:
        decrypted: What opens a Fernet token, with a `ValueError` where it does not.

    Raises:
        RowRefused: It cannot be taken over.
    """
    if key_id_of(text) == FERNET and len(text) >= SHORTEST_FERNET:
        return value_of(_plain_of(text, decrypted))
    return uri_of(text).secret if text.strip().lower().startswith("otpauth:") else secret_of(text)


def _plain_of(token: str, decrypted: Callable[[str], bytes] | None) -> str:
    if decrypted is None:
        raise RowRefused("The value is encrypted (Fernet): name the key that it was encrypted with.")
    try:
        return decrypted(token).decode()
    except ValueError:
        raise RowRefused("The value is encrypted (Fernet), and opens under none of the given keys.") from None


@dataclass(frozen=True)
class Device:
    """
    One row of django-otp's `otp_totp_totpdevice`; a database may hold anything in its columns.

    Args:
        key: The secret in hexadecimal.
        t0: The Unix time at which its time steps begin.
        drift: By how many time steps the phone's clock was seen to be off.
        last_t: The newest time step that was accepted; -1 for none.
    """

    key: Any = field(repr=False)
    step: Any
    t0: Any
    digits: Any
    drift: Any
    last_t: Any

    def brought(self, account: str) -> Brought:
        """
        What it brings along for this account.

        Raises:
            RowRefused: It cannot be taken over.
        """
        numbers = (self.step, self.t0, self.digits, self.drift, self.last_t)
        if not isinstance(self.key, str) or any(type(number) is not int for number in numbers):
            raise RowRefused("The device is damaged: its columns hold something else than they should.")
        if not re.fullmatch("(?:[0-9A-Fa-f]{2})+", self.key):
            raise RowRefused("The key is not hexadecimal.")
        if self.t0 != 0:
            raise RowRefused("The time steps of this device do not begin in 1970 (t0).")
        secret = secret_of(base32_of(bytes.fromhex(self.key)), {"digits": str(self.digits), "period": str(self.step)})
        return Brought(secret, account_of(account), step_of(str(max(self.last_t, 0))))


def fitting(brought: Brought, policy: Policy, at: datetime) -> Brought:
    """
    What is brought along, as it may be taken over at the moment *at*: no code works here that may have worked there.

    Raises:
        RowRefused: The policy cannot keep it.
    """
    secret = brought.secret
    if secret.digits != policy.digits:
        raise RowRefused(f"Its codes have {secret.digits} digits, and those of this application {policy.digits}.")
    if brought.last_step > time_step_at(at + CLOCK_GRACE, secret.period):
        raise RowRefused("The time step that was used last lies in the future: look after the clocks.")
    # The other application may have accepted what this one would accept now.
    used = TimeStep(window_at(at, secret.period, policy.drift)[-1])
    return replace(brought, last_step=max(brought.last_step, used))


class Outcome(StrEnum):
    """What was done with one row."""

    IMPORTED = "imported"
    SEALED = "sealed"
    """It stood in our own column already, and is sealed now; the user notices nothing."""
    ALREADY_THERE = "already_there"
    KEPT = "kept"
    """The user has, or has had, a second factor here; that stays as it is."""
    SKIPPED = "skipped"
    UNKNOWN = "unknown"
    AMBIGUOUS = "ambiguous"
    REFUSED = "refused"


def outcome_for(
    enrollment: Enrollment, live: TotpSecret | None, brought: Brought, had_one: datetime | None
) -> tuple[Outcome, str | None]:
    """
    What is to be done with a secret that is brought along for this user, and why not, where nothing is.

    Args:
        live: The secret that the user has here.
        had_one: When the user is last known to have had a second factor here, or to have lost it, if ever.
    """
    if live is not None and live == brought.secret:
        return Outcome.ALREADY_THERE, None
    # The one guard of whoever has a second factor here: nothing from elsewhere takes its place.
    if enrollment.enabled:
        other = "an authenticator app with another secret" if live else "a second factor, which is not this one"
        return Outcome.KEPT, f"The user has {other} here, and keeps it."
    # Nor does an import that is run again bring back what the user, or an operator, has turned off since.
    if had_one is not None:
        return Outcome.KEPT, f"The user had a second factor here ({had_one:%Y-%m-%d}) that is off now, and stays so."
    return Outcome.IMPORTED, None


def shown_account(account: str | None) -> str | None:
    """An account for a report; withheld where it could be a secret that stands in the wrong place."""
    return None if account is None or _COULD_BE_SECRET.fullmatch(account) else account
