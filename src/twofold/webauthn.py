"""The ceremonies of WebAuthn Level 3 over py_webauthn, for one relying party."""

import hmac
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from twofold.core.cbor import refuse_tags
from twofold.core.places import is_address, plain_origin
from twofold.core.policy import RECOMMENDED
from twofold.core.webauthn import PUBLIC_KEY_BYTES, Asserted, Attested, GivenCredential, WebAuthnKey, WebAuthnKeys
from twofold.errors import ConfigurationError, InvalidKey

try:
    from webauthn import (
        generate_authentication_options,
        generate_registration_options,
        verify_authentication_response,
        verify_registration_response,
    )
    from webauthn.helpers import (
        base64url_to_bytes,
        decode_credential_public_key,
        decoded_public_key_to_cryptography,
        options_to_json_dict,
        parse_cbor,
    )
    from webauthn.helpers.cose import COSEAlgorithmIdentifier
    from webauthn.helpers.structs import (
        AuthenticatorSelectionCriteria,
        AuthenticatorTransport,
        CredentialDeviceType,
        PublicKeyCredentialDescriptor,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )
except ModuleNotFoundError as error:
    if error.name != "webauthn":
        raise
    message = "twofold.webauthn needs py_webauthn: pip install 'twofold[webauthn]'"
    raise ModuleNotFoundError(message, name="webauthn") from error

TIMEOUT = int(RECOMMENDED.challenge_life.total_seconds() * 1000)
"""Milliseconds that a browser gives a person (WebAuthn Level 3, 15.1: 300,000 to 600,000)."""

FLAGS_AT, HEADER_BYTES, AAGUID_BYTES, ATTESTED = 32, 37, 16, 0x40
"""Places in authenticator data, and the flag that a new key is in it."""

EC_BITS, RSA_BITS = 256, 2048  # NIST SP 800-131A: what is less is no longer allowed.

PREFERRED = UserVerificationRequirement.PREFERRED
"""NIST SP 800-63B-4, 3.1.7.2: at least asked for. A password stands beside each key, so it is not required."""


class RelyingParty:
    """
    The ceremonies of one site.

    Args:
        origin: The one origin of its pages, such as `https://accounts.example.com`. Keys are bound to its host.

    Raises:
        ConfigurationError: *origin* is none on which browsers let keys be used: `https://`, the name of a host and not
            an address; `http://` only on `localhost`.
    """

    def __init__(self, origin: str) -> None:
        self.origin, self.rp_id = _origin(origin)

    def creation_options(
        self, *, challenge: bytes, user_handle: bytes, account: str, issuer: str, keys: Sequence[WebAuthnKey]
    ) -> Mapping[str, Any]:
        """As `Ceremonies.creation_options`."""
        options = generate_registration_options(
            rp_id=self.rp_id,
            rp_name=issuer,
            user_id=user_handle,
            user_name=account,
            challenge=challenge,
            timeout=TIMEOUT,
            # Asked who they are, keys are told in every answer which of them are meant: none has to keep a record,
            # for which a small one has few places.
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.DISCOURAGED, user_verification=PREFERRED
            ),
            exclude_credentials=_descriptors(keys),
        )
        return options_to_json_dict(options)

    def request_options(self, *, challenge: bytes, keys: Sequence[WebAuthnKey]) -> Mapping[str, Any]:
        """As `Ceremonies.request_options`."""
        options = generate_authentication_options(
            rp_id=self.rp_id,
            challenge=challenge,
            timeout=TIMEOUT,
            allow_credentials=_descriptors(keys),
            user_verification=PREFERRED,
        )
        return options_to_json_dict(options)

    def attested(self, given: GivenCredential) -> Attested:
        """As `Ceremonies.attested`."""
        _refuse_frames(given)
        try:
            attestation = base64url_to_bytes(given.json["response"]["attestationObject"])
            refuse_tags(attestation)
            refuse_tags(_cbor_in(parse_cbor(attestation)["authData"]))
            verified = verify_registration_response(
                credential=dict(given.json),
                expected_challenge=given.challenge,
                expected_rp_id=self.rp_id,
                expected_origin=self.origin,
            )
            _refuse_weak_key(verified.credential_public_key)
        except Exception:  # noqa: BLE001 - whatever a key sends: py_webauthn parses it, and raises what its parsers raise
            raise InvalidKey from None
        # The id outside of the signed part is the one by which the key is found later.
        if not hmac.compare_digest(verified.credential_id, given.credential_id):
            raise InvalidKey
        return Attested(
            credential_id=verified.credential_id,
            public_key=verified.credential_public_key,
            sign_count=verified.sign_count,
            backup_eligible=verified.credential_device_type is CredentialDeviceType.MULTI_DEVICE,
            backed_up=verified.credential_backed_up,
            user_verified=verified.user_verified,
        )

    def asserted(self, given: GivenCredential, key: WebAuthnKey, keys: WebAuthnKeys) -> Asserted:
        """As `Ceremonies.asserted`."""
        _refuse_frames(given)
        # The user handle, where the key tells one (7.2, step 6): the key is this user's.
        if given.user_handle is not None and not hmac.compare_digest(given.user_handle, keys.user_handle):
            raise InvalidKey
        try:
            refuse_tags(_cbor_in(base64url_to_bytes(given.json["response"]["authenticatorData"])))
            verified = verify_authentication_response(
                credential=dict(given.json),
                expected_challenge=given.challenge,
                expected_rp_id=self.rp_id,
                expected_origin=self.origin,
                credential_public_key=key.public_key,
                # The counter is the core's to judge, which tells a copied key from a wrong answer.
                credential_current_sign_count=0,
            )
        except Exception:  # noqa: BLE001 - as above
            raise InvalidKey from None
        return Asserted(
            sign_count=verified.new_sign_count,
            backup_eligible=verified.credential_device_type is CredentialDeviceType.MULTI_DEVICE,
            backed_up=verified.credential_backed_up,
            user_verified=verified.user_verified,
        )


def _refuse_frames(given: GivenCredential) -> None:
    """
    Refuse what was asked for on a page inside of another one; py_webauthn does not look at it.

    Raises:
        InvalidKey: It was.
    """
    if given.is_framed:
        raise InvalidKey


def _cbor_in(data: bytes) -> bytes:
    """What of authenticator data is CBOR: a new key, and extensions (WebAuthn Level 3, 6.1)."""
    if len(data) <= FLAGS_AT or not data[FLAGS_AT] & ATTESTED:
        return data[HEADER_BYTES:]
    length_at = HEADER_BYTES + AAGUID_BYTES
    return data[length_at + 2 + int.from_bytes(data[length_at : length_at + 2], "big") :]


def _refuse_weak_key(public_key: bytes) -> None:
    """
    Refuse a public key that could answer nothing, or that somebody could answer for.

    Raises:
        ValueError: It is of another kind than its algorithm, too small, or larger than any.
    """
    decoded = decode_credential_public_key(public_key)
    key = decoded_public_key_to_cryptography(decoded)
    fits = {
        COSEAlgorithmIdentifier.ECDSA_SHA_256: isinstance(key, EllipticCurvePublicKey) and key.key_size == EC_BITS,
        COSEAlgorithmIdentifier.EDDSA: isinstance(key, Ed25519PublicKey),
        COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256: isinstance(key, RSAPublicKey) and key.key_size >= RSA_BITS,
    }
    if not fits.get(decoded.alg, False) or len(public_key) > PUBLIC_KEY_BYTES:
        raise ValueError


def _origin(origin: str) -> tuple[str, str]:
    """An origin as browsers write it, and its host."""
    plain = ""
    with suppress(ValueError):
        plain = plain_origin(origin)
    found = re.fullmatch(r"(https?)://([a-z0-9-]+(?:\.[a-z0-9-]+)*)(?::[0-9]+)?", plain)
    scheme, host = found.groups() if found else ("", "")
    local = host == "localhost" or host.endswith(".localhost")
    if not host or is_address(host) or (scheme == "http" and not local):
        raise ConfigurationError(
            "webauthn: write the origin of your pages, https://name.example[:port]; browsers let keys be used on no "
            "address, and over http only on http://localhost[:port]."
        )
    return plain, host


def _descriptors(keys: Sequence[WebAuthnKey]) -> list[PublicKeyCredentialDescriptor]:
    return [
        PublicKeyCredentialDescriptor(
            id=key.credential_id, transports=[AuthenticatorTransport(each) for each in key.transports] or None
        )
        for key in keys
    ]
