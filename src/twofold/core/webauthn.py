"""WebAuthn keys: what is kept of them, and what has to be known of an answer before it is looked at."""

import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from twofold.core.policy import KEY_NAME_CHARACTERS, Policy
from twofold.errors import InvalidRequest

CHALLENGE_BYTES = 32
"""Random bytes of a challenge (WebAuthn Level 3, 13.4.3: at least 16)."""

PUBLIC_KEY_BYTES = 1024
"""Bytes of a public key at most: of RSA with 4096 bits it has 550."""

CREDENTIAL_ID_BYTES = 1023
"""Bytes of a credential id at most (WebAuthn Level 3, 7.1, step 25)."""

KEY_ID_BYTES = 9
"""Random bytes of the name that a key has in paths."""

TRANSPORTS = ("usb", "nfc", "ble", "smart-card", "hybrid", "internal")
"""How a browser reaches a key (WebAuthn Level 3, 5.8.4); what else a browser says is not kept."""

HANDLE_LABEL = b"twofold webauthn user handle v1"
NOT_A_CREDENTIAL = "Send what PublicKeyCredential.toJSON() gives."


class ChallengePurpose(StrEnum):
    """What a challenge was handed out for; it is good for nothing else."""

    REGISTER = "register"
    SIGN_IN = "sign_in"
    PROVE = "prove"
    """A signed-in session proves its second factor: step-up, disable, new backup codes."""


@dataclass(frozen=True)
class Binding:
    """
    For what, and for whom, a challenge is.

    Args:
        handle_hash: The hash of the session's name, or of the sign-in token.
    """

    purpose: ChallengePurpose
    handle_hash: str = field(repr=False)


@dataclass(frozen=True)
class Challenge:
    """
    A challenge that waits for its answer.

    Args:
        challenge_hash: SHA-256 of its bytes; they themselves come back with the answer.
        epoch: The user's epoch when it was handed out; a change in between makes it worthless.
    """

    challenge_hash: str = field(repr=False)
    user_id: Hashable
    epoch: int
    binding: Binding
    expires_at: datetime

    def is_for(self, binding: Binding, user_id: Hashable, epoch: int, at: datetime, policy: Policy) -> bool:
        """Whether it was handed out for this, and lives at the moment *at*."""
        # The one guard of G16 against an answer that was given for something else.
        bound = (self.binding, self.user_id, self.epoch) == (binding, user_id, epoch)
        return bound and policy.lasts(self.expires_at, policy.challenge_life, at)


@dataclass(frozen=True)
class GivenCredential:
    """
    What a browser gave: the JSON of a `PublicKeyCredential`; made by `given_credential` alone.

    Args:
        challenge: The challenge that it says it answers.
        is_framed: Whether the page that asked for it was inside of another one, by what the browser says.
    """

    credential_id: bytes
    challenge: bytes = field(repr=False)
    user_handle: bytes | None = field(repr=False)
    is_framed: bool
    transports: tuple[str, ...]
    json: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Attested:
    """
    What a registration shows of a new key, every step of WebAuthn Level 3, 7.1, being done.

    Args:
        public_key: COSE_Key, as the key gave it.
        backup_eligible: Whether it may live on several devices.
        user_verified: Whether the key has verified who touched it.
    """

    credential_id: bytes
    public_key: bytes = field(repr=False)
    sign_count: int
    backup_eligible: bool
    backed_up: bool
    user_verified: bool


@dataclass(frozen=True)
class Asserted:
    """What an answer shows whose signature is right, every step of 7.2 being done but those that need the record."""

    sign_count: int
    backup_eligible: bool
    backed_up: bool
    user_verified: bool


@dataclass(frozen=True)
class WebAuthnKey:
    """
    One key of a user, as it is kept.

    Args:
        id: Its name in paths; tells nothing.
        name: What its owner calls it.
        sign_count: The signature counter of its last answer; 0 where the key has none.
        user_verified: Whether it has ever verified its user (`uvInitialized`).
    """

    id: str
    name: str
    credential_id: bytes
    public_key: bytes = field(repr=False)
    sign_count: int
    backup_eligible: bool
    backed_up: bool
    user_verified: bool
    transports: tuple[str, ...]
    created_at: datetime
    last_used_at: datetime | None = None

    def has_regressed(self, sign_count: int) -> bool:
        """Whether a counter stands where it stood already: there are two keys of this id (Level 3, 7.2, step 22)."""
        return (sign_count or self.sign_count) > 0 and sign_count <= self.sign_count

    def used(self, asserted: Asserted, at: datetime) -> "WebAuthnKey":
        """The key after an answer that was accepted."""
        return replace(
            self,
            sign_count=asserted.sign_count,
            backed_up=asserted.backed_up,
            # The signature counts beside a password, so nothing rests on it: it is kept for who reads.
            user_verified=self.user_verified or asserted.user_verified,
            last_used_at=at,
        )


@dataclass(frozen=True)
class WebAuthnKeys:
    """
    All keys of one user.

    Args:
        user_handle: What the keys know the user by: random, and of this account alone.
    """

    user_handle: bytes = field(repr=False)
    keys: tuple[WebAuthnKey, ...] = ()

    def of_credential(self, credential_id: bytes) -> WebAuthnKey | None:
        """The key of this credential id."""
        return next((key for key in self.keys if key.credential_id == credential_id), None)

    def of_id(self, key_id: str) -> WebAuthnKey | None:
        """The key of this name in paths."""
        return next((key for key in self.keys if key.id == key_id), None)

    def with_key(self, key: WebAuthnKey) -> "WebAuthnKeys":
        """One more, or a new state of one that is there."""
        others = tuple(key if one.id == key.id else one for one in self.keys)
        return replace(self, keys=others if key in others else (*others, key))

    def without(self, key: WebAuthnKey) -> "WebAuthnKeys":
        """One less."""
        return replace(self, keys=tuple(one for one in self.keys if one.id != key.id))

    def to_bytes(self) -> bytes:
        """What is sealed."""
        stored = {"user_handle": _text_of(self.user_handle), "keys": [_stored(key) for key in self.keys]}
        return json.dumps(stored, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, stored: bytes) -> "WebAuthnKeys":
        """Read what `to_bytes` wrote."""
        found = json.loads(stored)
        return cls(_bytes_of(found["user_handle"]), tuple(_read(each) for each in found["keys"]))


def _stored(key: WebAuthnKey) -> dict[str, Any]:
    return vars(key) | {
        "credential_id": _text_of(key.credential_id),
        "public_key": _text_of(key.public_key),
        "created_at": key.created_at.isoformat(),
        "last_used_at": key.last_used_at.isoformat() if key.last_used_at else None,
    }


def _read(stored: Mapping[str, Any]) -> WebAuthnKey:
    used = stored["last_used_at"]
    values = dict(stored) | {
        "credential_id": _bytes_of(stored["credential_id"]),
        "public_key": _bytes_of(stored["public_key"]),
        "transports": tuple(stored["transports"]),
        "created_at": datetime.fromisoformat(stored["created_at"]),
        "last_used_at": datetime.fromisoformat(used) if used else None,
    }
    return WebAuthnKey(**values)


def user_handle_of(challenge: bytes) -> bytes:
    """
    The user handle that goes out with a user's first challenge: 64 bytes that tell nothing of anybody.

    Made of the challenge, which is random and comes back, so that nobody has to keep it before there is a key.
    """
    return hashlib.sha512(HANDLE_LABEL + challenge).digest()


def hash_of(data: bytes) -> str:
    """How a challenge, or a credential id, stands in the store: SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()


def key_name(text: str) -> str:
    """
    What somebody calls a key, on one line.

    Raises:
        InvalidRequest: It is empty, too long, or has characters that cannot be shown.
    """
    name = text.strip()
    if not name or len(name) > KEY_NAME_CHARACTERS or not name.isprintable():
        message = f"Give the key a name of 1 to {KEY_NAME_CHARACTERS} characters on one line."
        raise InvalidRequest(message, errors=[{"field": "name", "message": message}])
    return name


def given_credential(given: Mapping[str, Any]) -> GivenCredential:
    """
    What a browser gave, as far as it has to be known before anything is verified.

    Raises:
        InvalidRequest: It is no JSON of a `PublicKeyCredential`; nothing was looked at.
    """
    try:
        response, credential_id = given["response"], _bytes_of(given["id"])
        client_data = json.loads(_bytes_of(response["clientDataJSON"]))
        handle = response.get("userHandle")
        found = GivenCredential(
            credential_id=credential_id,
            challenge=_bytes_of(client_data["challenge"]),
            # Some browsers write that a key told none as an empty one.
            user_handle=None if handle in {None, ""} else _bytes_of(handle),
            # Level 3, 7.1, steps 10 and 11; 7.2, steps 13 and 14.
            is_framed=client_data.get("crossOrigin", False) is not False or "topOrigin" in client_data,
            transports=tuple(each for each in TRANSPORTS if each in (response.get("transports") or ())),
            json=given,
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise _malformed() from None
    if given.get("rawId") != given["id"] or not 0 < len(credential_id) <= CREDENTIAL_ID_BYTES:
        raise _malformed()
    return found


def _malformed() -> InvalidRequest:
    return InvalidRequest(NOT_A_CREDENTIAL, errors=[{"field": "credential", "message": NOT_A_CREDENTIAL}])


def _text_of(data: bytes) -> str:
    """base64url without padding (RFC 4648, section 5), as WebAuthn writes it."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes_of(text: str) -> bytes:
    """
    The bytes of a base64url text that is spelled as WebAuthn spells it.

    Raises:
        ValueError: It is spelled otherwise; decoding alone skips strange characters.
    """
    data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if _text_of(data) != text:
        raise ValueError
    return data
