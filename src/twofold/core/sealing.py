"""
Sealing: AES-256-GCM under keys from `ENCRYPTION_KEY`, each value bound to its user and its purpose.

A sealed value reads `v1.<key id>.<base64url of nonce, ciphertext and tag>`. Key and key id come from each entry of
`ENCRYPTION_KEY` by HKDF-SHA-256 (RFC 5869); the key is picked by its id, never by trial. Associated data, length-
prefixed: version, key id, purpose, user id. So a value in another row, in another column or with one bit flipped does
not open, and an operator can count the rows of each key with SQL alone.
"""

import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import NewType

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from twofold.errors import CannotOpen, ConfigurationError

Sealed = NewType("Sealed", str)
"""A value in storage; only a key ring makes and opens it."""

VERSION = "v1"
KEY_BYTES = 32
KEY_ID_BYTES = 8
NAME_KEY_BYTES = 64  # AES-256-SIV (RFC 5297, 2.1) takes two keys.
NUMBER_BYTES = 8
NONCE_BYTES = 12  # NIST SP 800-38D, 8.2.2: 96 random bits, for at most 2**32 values under one key.
EXAMPLE_KEY = "dHdvZm9sZC1leGFtcGxlLWtleS1kby1ub3QtdXNlISE="
"""The key that the documentation shows; refused."""

FERNET_PREFIX = "gAAAA"  # Fernet's version byte 0x80 and the first zero bytes of its time stamp.
_LEAST_DISTINCT_BYTES = 8  # 32 random bytes have fewer than 16 distinct values less often than once in 10**13 keys.


class Purpose(StrEnum):
    """What a sealed value is for; it opens as nothing else."""

    TOTP_SECRET = "totp_secret"  # noqa: S105 - the name of a column
    TOTP_PENDING_SECRET = "totp_pending_secret"  # noqa: S105 - the name of a column
    BACKUP_CODES = "twofa_backup_codes"
    WEBAUTHN_KEYS = "twofa_webauthn_keys"
    SAMPLE = "sample"


SEALED = (Purpose.TOTP_SECRET, Purpose.TOTP_PENDING_SECRET, Purpose.BACKUP_CODES, Purpose.WEBAUTHN_KEYS)
"""What of an enrollment is sealed; each purpose is the name of its column."""

FERNET, UNSEALED = "fernet", "unsealed"
"""What stands in place of a key id: an older version's value, and what is no sealed value at all."""


def key_id_of(sealed: str) -> str:
    """The id of the key under which a value was sealed; or `fernet`, or `unsealed`."""
    if not isinstance(sealed, str):  # SQLite lets anything get into a column of texts
        return UNSEALED
    if sealed.startswith(FERNET_PREFIX):
        return FERNET
    match = re.match(rf"{VERSION}\.([0-9a-f]{{{2 * KEY_ID_BYTES}}})\.", sealed)
    return match[1] if match else UNSEALED


@contextmanager
def reading(purpose: Purpose) -> Iterator[None]:
    """What opens but cannot be read, as an older version may have left it, is treated as what does not open."""
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError):
        raise CannotOpen from ValueError(f"{purpose}: it opens, but is not what belongs there")


def user_text(user_id: Hashable) -> str:
    """The canonical text of a user id, to which values are bound."""
    return user_id.hex() if isinstance(user_id, bytes) else str(user_id)


@dataclass(frozen=True)
class _Key:
    id: str
    cipher: AESGCM = field(repr=False)
    names: AESSIV = field(repr=False)


class KeyRing:
    """
    The keys of one application: the first seals, all open.

    Args:
        entries: Keys in Fernet's format, 32 bytes as url-safe base64 (`Fernet.generate_key()`).
        read_fernet: Also open values that an older version wrote with Fernet. Those are bound to no row, so this
            door is closed unless it is needed.

    Raises:
        ConfigurationError: No entry, or one that is malformed, given twice, not random, or the documented example.
    """

    def __init__(self, entries: Sequence[str], *, read_fernet: bool = False) -> None:
        materials = [_key_material(entry, place) for place, entry in enumerate(entries, 1)]
        if not materials:
            raise ConfigurationError("ENCRYPTION_KEY is missing: set it to 32 random bytes as url-safe base64.")
        if len(set(materials)) != len(materials):
            raise ConfigurationError("ENCRYPTION_KEY names the same key twice.")
        self._keys = {key.id: key for key in map(_derived, materials)}
        self._writing = next(iter(self._keys.values()))
        self._fernet = _fernet_of(materials) if read_fernet else None

    def __repr__(self) -> str:
        return f"KeyRing({', '.join(self._keys)})"

    @property
    def key_ids(self) -> tuple[str, ...]:
        """The ids of all keys, the writing one first."""
        return tuple(self._keys)

    def seal(self, value: bytes, purpose: Purpose, user_id: Hashable) -> Sealed:
        """Seal *value* for one purpose of one user under the writing key, with a fresh random nonce."""
        return self._seal_with(secrets.token_bytes(NONCE_BYTES), value, purpose, user_id)

    def _seal_with(self, nonce: bytes, value: bytes, purpose: Purpose, user_id: Hashable) -> Sealed:
        key = self._writing
        body = nonce + key.cipher.encrypt(nonce, value, _associated_data(key.id, purpose, user_id))
        return Sealed(f"{VERSION}.{key.id}.{urlsafe_b64encode(body).decode()}")

    def open_sealed(self, sealed: Sealed, purpose: Purpose, user_id: Hashable) -> bytes:
        """
        Open a value that was sealed for *purpose* of this user.

        Raises:
            CannotOpen: It was sealed for something else, changed, or its key is not on the ring. Never to be taken
                for a wrong code.
        """
        if not isinstance(sealed, str):  # SQLite lets anything get into a column of texts
            raise CannotOpen from ValueError(f"{purpose}: not a text")
        if sealed.startswith(FERNET_PREFIX):
            return self._open_fernet(sealed)
        version, _, rest = sealed.partition(".")
        key_id, _, body = rest.partition(".")
        if version != VERSION:
            raise CannotOpen from ValueError(f"{purpose}: not a sealed value of version {VERSION}")
        if key_id not in self._keys:
            raise CannotOpen from ValueError(
                f"{purpose}: sealed under key {_shown(key_id)}, which is not configured; put it back into "
                "ENCRYPTION_KEY, behind the key that writes"
            )
        try:
            data = _bytes_of(body)
            nonce, ciphertext = data[:NONCE_BYTES], data[NONCE_BYTES:]
            return self._keys[key_id].cipher.decrypt(nonce, ciphertext, _associated_data(key_id, purpose, user_id))
        except (InvalidTag, ValueError):
            raise CannotOpen from ValueError(f"{purpose}: the value was changed, or belongs elsewhere")

    def reseal(self, sealed: Sealed, purpose: Purpose, user_id: Hashable) -> Sealed:
        """
        The same under the writing key; what was sealed by Fernet is bound to its user and purpose from then on.

        Raises:
            CannotOpen: As `open_sealed`.
        """
        if key_id_of(sealed) == self.key_ids[0]:
            return sealed
        return self.seal(self.open_sealed(sealed, purpose, user_id), purpose, user_id)

    def name_of(self, number: int, user_id: Hashable) -> str:
        """
        A name for a numbered row of this user's that tells nothing of its number, nor how many rows others have.

        It is the same each time while the writing key is (AES-SIV, RFC 5297: the same goes in, the same comes out).
        """
        data = self._writing.names.encrypt(number.to_bytes(NUMBER_BYTES, "big"), _names_bound_to(user_id))
        return urlsafe_b64encode(data).decode()

    def number_of(self, name: str, user_id: Hashable) -> int:
        """
        The number of the row that has this name.

        Raises:
            ValueError: No key of this ring has made it for a row of this user's.
        """
        data = _bytes_of(name)
        for key in self._keys.values():
            with suppress(InvalidTag):
                return int.from_bytes(key.names.decrypt(data, _names_bound_to(user_id)), "big")
        raise ValueError

    def _open_fernet(self, token: str) -> bytes:
        if self._fernet is None:
            raise CannotOpen from ValueError("a value of an older version (Fernet): set TWOFA_READ_FERNET=1 to read it")
        try:
            return self._fernet(token)
        except ValueError:
            raise CannotOpen from ValueError("a Fernet value under none of the configured keys")


def _names_bound_to(user_id: Hashable) -> list[bytes]:
    return [b"twofold v1 name of a row", user_text(user_id).encode()]


def _bytes_of(body: str) -> bytes:
    """
    The bytes of a base64 text that is spelled as we spell it.

    Raises:
        ValueError: It is spelled otherwise. Decoding alone skips strange characters and the last one's unused bits.
    """
    data = urlsafe_b64decode(body)
    if urlsafe_b64encode(data).decode() != body:
        raise ValueError
    return data


def _shown(key_id: str) -> str:
    """A key id for a message: whatever stands in a damaged row does not get there."""
    return key_id if re.fullmatch(r"[0-9a-f]{1,32}", key_id) else "of unknown form"


def _key_material(entry: str, place: int) -> bytes:
    """The 32 bytes of one entry of `ENCRYPTION_KEY`; the message names its place, never its text."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{43}=", entry):
        raise ConfigurationError(f"ENCRYPTION_KEY, entry {place}: not 32 bytes as url-safe base64 (44 characters).")
    material = urlsafe_b64decode(entry)
    # As bytes: the last character has two bits that say nothing, so each key has four spellings.
    if material == urlsafe_b64decode(EXAMPLE_KEY) or len(set(material)) < _LEAST_DISTINCT_BYTES:
        raise ConfigurationError(f"ENCRYPTION_KEY, entry {place}: an example or all alike; make a random one.")
    return material


def _fernet_of(materials: Sequence[bytes]) -> Callable[[str], bytes]:
    """What decrypts values of an older version; a `ValueError` where none of the keys does."""
    # Loaded only where such values may be read.
    from cryptography.fernet import Fernet, InvalidToken, MultiFernet  # noqa: PLC0415

    fernet = MultiFernet([Fernet(urlsafe_b64encode(material)) for material in materials])

    def decrypted(token: str) -> bytes:
        try:
            return fernet.decrypt(token)
        except InvalidToken:
            raise ValueError from None  # as where it is not ASCII

    return decrypted


def fernet_opener(entries: Sequence[str]) -> Callable[[str], bytes]:
    """
    What decrypts Fernet tokens of another application; a `ValueError` where none of its keys does.

    Raises:
        ConfigurationError: An entry is no Fernet key; the message names its place, never its text.
    """
    faults = [place for place, entry in enumerate(entries, 1) if not re.fullmatch(r"[A-Za-z0-9_-]{43}=?", entry)]
    if faults or not entries:
        raise ConfigurationError(f"Fernet key, entry {(faults or [1])[0]}: not 32 bytes as url-safe base64.")
    return _fernet_of([urlsafe_b64decode(entry[:43] + "=") for entry in entries])


def _derived(material: bytes) -> _Key:
    def derive(info: bytes, length: int) -> bytes:
        return HKDF(algorithm=SHA256(), length=length, salt=None, info=info).derive(material)

    key_id, cipher = derive(b"twofold v1 key id", KEY_ID_BYTES).hex(), derive(b"twofold v1 AES-256-GCM", KEY_BYTES)
    return _Key(key_id, AESGCM(cipher), AESSIV(derive(b"twofold v1 AES-256-SIV", NAME_KEY_BYTES)))


def _associated_data(key_id: str, purpose: Purpose, user_id: Hashable) -> bytes:
    return _bound_to(key_id, purpose) + _with_length(user_text(user_id))


@cache
def _bound_to(key_id: str, purpose: Purpose) -> bytes:
    """What is the same for all users; of some keys and a handful of purposes."""
    return b"".join(map(_with_length, (VERSION, key_id, purpose)))


def _with_length(text: str) -> bytes:
    part = text.encode()
    return len(part).to_bytes(4, "big") + part
