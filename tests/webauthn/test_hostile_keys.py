"""What a key may send that would cost us dearly, or be worth nothing."""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from twofold.core.webauthn import WebAuthnKey, WebAuthnKeys, given_credential
from twofold.errors import InvalidKey
from twofold.testing import SecurityKey
from twofold.testing.clock import NOON
from twofold.webauthn import RelyingParty

ORIGIN = "https://accounts.example.com"
SITE = RelyingParty(ORIGIN)
OPTIONS = {"rp": {"id": "accounts.example.com"}, "user": {"id": "AAAA"}, "challenge": "AAAA"}
BOMB = bytes.fromhex("d81e826a31653330303030303030f6")
"""A fraction whose numerator is ten to the power of thirty million: for a parser that makes it, half a minute."""


def text_of(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def with_key(public_key: bytes, statement: dict[str, Any] | None = None) -> dict[str, Any]:
    """A registration whose key is written so."""
    key = SecurityKey(ORIGIN)
    answer = key.create(OPTIONS)
    header = hashlib.sha256(b"accounts.example.com").digest() + bytes([0x41]) + bytes(4)
    attested = bytes(16) + len(key.credential_id).to_bytes(2, "big") + key.credential_id + public_key
    value = {"fmt": "none", "attStmt": statement or {}, "authData": header + attested}
    answer["response"]["attestationObject"] = text_of(cbor2.dumps(value))
    return answer


def cose(**changes: Any) -> bytes:
    numbers = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
    x, y = (number.to_bytes(32, "big") for number in (numbers.x, numbers.y))
    members = {"kty": (1, 2), "alg": (3, -7), "crv": (-1, 1), "x": (-2, x), "y": (-3, y)}
    return cbor2.dumps({name: changes.get(word, value) for word, (name, value) in members.items()})


def rsa_of(bits: int) -> bytes:
    numbers = rsa.generate_private_key(65537, bits).public_key().public_numbers()
    return cbor2.dumps({1: 3, 3: -257, -1: numbers.n.to_bytes(bits // 8, "big"), -2: b"\x01\x00\x01"})


def is_taken(ceremony: Callable[[], object]) -> bool:
    try:
        ceremony()
    except InvalidKey:
        return False
    return True


WORTHLESS = {
    "a tag": b"\xd8\x1e\x80",
    "a bomb": BOMB,
    "a point that is not on the curve": cose(y=bytes(32)),
    "texts for numbers": cose(x="x", y="y"),
    "a curve for the algorithm of RSA": cose(alg=-257),
    "RSA of 1024 bits": rsa_of(1024),
    "no map": b"\x04",
    "larger than any": cbor2.dumps({**cbor2.loads(cose()), 99: bytes(47_000)}),
}


@pytest.mark.parametrize("public_key", WORTHLESS.values(), ids=WORTHLESS)
def test_a_key_that_is_none_is_not_registered(public_key: bytes):
    """
    A public key that can answer nothing, that is too small or larger than any, or that is written with tags is refused
    before a second factor is turned on by it.
    """
    with pytest.raises(InvalidKey):
        SITE.attested(given_credential(with_key(public_key)))


def test_a_key_of_each_kind_is_registered():
    """
    What is refused is so for what is wrong in it: the same without it is a key.
    """
    for public_key in (cose(), rsa_of(2048)):
        attested = SITE.attested(given_credential(with_key(public_key)))
        assert cbor2.loads(attested.public_key) == cbor2.loads(public_key)


@pytest.mark.parametrize(("value", "passes"), [(1, True), (cbor2.CBORTag(30, [1, 2]), False)])
def test_tags_in_the_attestation_are_refused(value: Any, passes: bool):
    """
    A statement that says more than it needs is no fault, but with a tag in it it is refused.
    """
    given = given_credential(with_key(cose(), {"more": value}))

    assert is_taken(lambda: SITE.attested(given)) == passes


@pytest.mark.parametrize(("value", "passes"), [(1, True), (cbor2.CBORTag(30, [1, 2]), False)])
def test_tags_in_the_extensions_of_an_answer_are_refused(value: Any, passes: bool):
    """
    Extensions are read before the signature is looked at, so that with a tag in them even a right answer is refused.
    """
    key = SecurityKey(ORIGIN, user_handle=bytes(64))
    answer = key.get({"rpId": "accounts.example.com", "challenge": "AAAA"})
    data = hashlib.sha256(b"accounts.example.com").digest() + bytes([0x81]) + bytes(4) + cbor2.dumps({"more": value})
    client_data = urlsafe_b64decode(answer["response"]["clientDataJSON"] + "==")
    signature = key.private.sign(data + hashlib.sha256(client_data).digest(), ec.ECDSA(SHA256()))
    answer["response"] |= {"authenticatorData": text_of(data), "signature": text_of(signature)}
    kept = WebAuthnKey("id", "Key 1", key.credential_id, key.cose_key, 0, False, False, False, (), NOON)

    asserted = is_taken(lambda: SITE.asserted(given_credential(answer), kept, WebAuthnKeys(bytes(64), (kept,))))

    assert asserted == passes
