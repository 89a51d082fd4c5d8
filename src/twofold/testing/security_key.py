"""A security key in software, so that the tests of a host need no browser."""

import copy
import hashlib
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntFlag
from typing import Any, Self

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

# CBOR (RFC 8949) of what is always the same: the rest of it is bytes of known length.
_COSE_KEY = bytes.fromhex("a5010203262001215820"), bytes.fromhex("225820")
_ATTESTATION = bytes.fromhex("a363666d74646e6f6e656761747453746d74a0686175746844617461")
_LONG, _SHORT = 0x59, 0x58  # A byte string whose length takes two bytes, or one.
AAGUID = bytes(16)


class Flags(IntFlag):
    """The flags of authenticator data (WebAuthn Level 3, 6.1)."""

    USER_PRESENT = 1
    USER_VERIFIED = 4
    BACKUP_ELIGIBLE = 8
    BACKED_UP = 16
    ATTESTED = 64


@dataclass
class SecurityKey:
    """
    A security key, in the browser of a person who is on the right page and touches it when asked.

    Args:
        origin: Of the page, as the application knows its own.
        user_verified: Whether it verifies who touches it.
        backup_eligible: Whether it is a passkey that may live on several devices.
        counts: Whether it has a signature counter.
    """

    origin: str
    user_verified: bool = True
    backup_eligible: bool = False
    counts: bool = True
    sign_count: int = 0
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    user_handle: bytes = field(default=b"", repr=False)
    private: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1()), repr=False
    )

    def create(self, options: Mapping[str, Any], **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """
        Answer `navigator.credentials.create()`.

        Args:
            options: What `/webauthn/register/options` gave.
            changes: What is to be otherwise than it should, for tests of refusals: members of the client data by
                their names; `flags`, `rp_id`, `sign_count`.

        Returns:
            The JSON of a `PublicKeyCredential`, for `credential`.
        """
        self.user_handle = _bytes_of(options["user"]["id"])
        given = {"rp_id": options["rp"]["id"]} | changes
        client_data = self._client_data("webauthn.create", options, given)
        length = len(self.credential_id).to_bytes(2, "big")
        attested = AAGUID + length + self.credential_id + self.cose_key
        data = self._authenticator_data(given, Flags.ATTESTED) + attested
        size = bytes([_SHORT, len(data)]) if len(data) < 256 else bytes([_LONG]) + len(data).to_bytes(2, "big")  # noqa: PLR2004
        response = {"attestationObject": _text_of(_ATTESTATION + size + data), "transports": ["usb"]}
        return self._credential(client_data, response)

    def get(self, options: Mapping[str, Any], **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """
        Answer `navigator.credentials.get()`, whoever is asked for.

        Args:
            options: What `/webauthn/authenticate/options` gave.
            changes: As for `create`.

        Returns:
            The JSON of a `PublicKeyCredential`, for `credential`.
        """
        given = {"rp_id": options["rpId"]} | changes
        client_data = self._client_data("webauthn.get", options, given)
        data = self._authenticator_data(given, Flags(0))
        signature = self.private.sign(data + hashlib.sha256(client_data).digest(), ec.ECDSA(SHA256()))
        response = {"authenticatorData": _text_of(data), "signature": _text_of(signature)}
        return self._credential(client_data, response | {"userHandle": _text_of(self.user_handle)})

    def copied(self) -> Self:
        """The same key once more, as a thief would have it who can copy it."""
        return copy.copy(self)

    def _client_data(self, kind: str, options: Mapping[str, Any], given: Mapping[str, Any]) -> bytes:
        others = {name: value for name, value in given.items() if name not in {"rp_id", "flags", "sign_count"}}
        members = {"type": kind, "challenge": options["challenge"], "origin": self.origin, "crossOrigin": False}
        return json.dumps(members | others, separators=(",", ":")).encode()

    def _authenticator_data(self, given: Mapping[str, Any], more: Flags) -> bytes:
        self.sign_count += self.counts
        flags = Flags.USER_PRESENT
        flags |= Flags.USER_VERIFIED if self.user_verified else Flags(0)
        flags |= Flags.BACKUP_ELIGIBLE | Flags.BACKED_UP if self.backup_eligible else Flags(0)
        count = given.get("sign_count", self.sign_count)
        rp_id_hash = hashlib.sha256(str(given["rp_id"]).encode()).digest()
        return rp_id_hash + bytes([given.get("flags", flags) | more]) + int(count).to_bytes(4, "big")

    @property
    def cose_key(self) -> bytes:
        """Its public key, as it is registered (COSE_Key, RFC 9052)."""
        numbers = self.private.public_key().public_numbers()
        before_x, before_y = _COSE_KEY
        return before_x + numbers.x.to_bytes(32, "big") + before_y + numbers.y.to_bytes(32, "big")

    def _credential(self, client_data: bytes, response: dict[str, Any]) -> dict[str, Any]:
        name = _text_of(self.credential_id)
        return {
            "id": name,
            "rawId": name,
            "type": "public-key",
            "authenticatorAttachment": "cross-platform",
            "clientExtensionResults": {},
            "response": {"clientDataJSON": _text_of(client_data)} | response,
        }


def _text_of(data: bytes) -> str:
    """base64url without padding (RFC 4648, section 5)."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes_of(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
