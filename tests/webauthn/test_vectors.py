"""The test vectors of WebAuthn Level 3, each through both ceremonies of its relying party."""

import json
from base64 import urlsafe_b64encode
from dataclasses import asdict
from pathlib import Path

import pytest
from webauthn.helpers import decode_credential_public_key, parse_attestation_object

from twofold.core.webauthn import GivenCredential, WebAuthnKey, WebAuthnKeys, given_credential
from twofold.errors import InvalidKey
from twofold.testing.clock import NOON
from twofold.webauthn import RelyingParty

LEVEL_3 = json.loads((Path(__file__).parent.parent / "vectors" / "webauthn_level_3.json").read_text())
SITE = RelyingParty(LEVEL_3["origin"])
CREATION_OPTIONS = SITE.creation_options(challenge=bytes(32), user_handle=b"h", account="a", issuer="Acme", keys=())
EACH = pytest.mark.parametrize("vector", LEVEL_3["vectors"], ids=lambda vector: vector["name"])
TAKEN = [vector for vector in LEVEL_3["vectors"] if vector["registration"]["refused"] is None]
ON = pytest.mark.parametrize("ceremony", ["registration", "authentication"])


def given(vector, ceremony: str) -> GivenCredential:
    """What a browser would have given, which writes bytes as base64url."""
    name = text_of(vector["registration"]["credential_id"])
    members = {"attestationObject", "authenticatorData", "clientDataJSON", "signature"}
    response = {member: text_of(value) for member, value in vector[ceremony].items() if member in members}
    return given_credential({"id": name, "rawId": name, "type": "public-key", "response": response})


def text_of(digits: str) -> str:
    return urlsafe_b64encode(bytes.fromhex(digits)).rstrip(b"=").decode()


def authenticator_data(vector):
    return parse_attestation_object(bytes.fromhex(vector["registration"]["attestationObject"])).auth_data


def registered(vector) -> WebAuthnKey:
    """The key of a vector, read of its registration whether that is accepted or not."""
    data = authenticator_data(vector)
    return WebAuthnKey(
        id="key",
        name="Key 1",
        credential_id=data.attested_credential_data.credential_id,
        public_key=data.attested_credential_data.credential_public_key,
        sign_count=data.sign_count,
        backup_eligible=data.flags.be,
        backed_up=data.flags.bs,
        user_verified=data.flags.uv,
        transports=(),
        created_at=NOON,
    )


def shown(vector, ceremony: str) -> dict[str, object] | None:
    """What a ceremony finds; nothing where it refuses."""
    key = registered(vector)
    try:
        if ceremony == "registration":
            return asdict(SITE.attested(given(vector, ceremony)))
        return asdict(SITE.asserted(given(vector, ceremony), key, WebAuthnKeys(b"user handle", (key,))))
    except InvalidKey:
        return None


@ON
@EACH
def test_a_vector_is_accepted_or_refused_for_a_reason(vector, ceremony):
    """
    Each published answer is accepted, but for those of which the file says why not.
    """
    accepted = shown(vector, ceremony) is not None

    assert accepted == (vector[ceremony]["refused"] is None), vector[ceremony]["refused"]


@EACH
def test_a_vector_answers_its_own_challenge(vector):
    """
    The challenge that is read of an answer is the published one, of 32 or 128 bytes, and its id of up to 1023.
    """
    for ceremony in ("registration", "authentication"):
        found = given(vector, ceremony)

        assert found.challenge.hex() == vector[ceremony]["challenge"]
        assert found.credential_id.hex() == vector["registration"]["credential_id"]


@pytest.mark.parametrize("vector", TAKEN, ids=lambda vector: vector["name"])
def test_what_is_shown_is_what_stands_in_the_bytes(vector):
    """
    Of an accepted registration the key, its flags and its counter are those of the authenticator data, byte for byte.
    """
    key, found = registered(vector), shown(vector, "registration")

    assert found == {name: getattr(key, name) for name in found or {}}


@EACH
def test_an_answer_is_that_of_its_own_key(vector):
    """
    No published answer is right by the key of another vector.
    """
    others = [registered(other) for other in LEVEL_3["vectors"] if other["name"] != vector["name"]]
    answer = given(vector, "authentication")

    for key in others:
        with pytest.raises(InvalidKey):
            SITE.asserted(answer, key, WebAuthnKeys(b"user handle", (key,)))


def test_the_file_has_all_of_them():
    """
    There are fifteen; among those that can be registered are all three algorithms that are asked for.
    """
    algorithms = {decode_credential_public_key(registered(vector).public_key).alg for vector in TAKEN}

    assert len(LEVEL_3["vectors"]) == 15
    assert algorithms == {one["alg"] for one in CREATION_OPTIONS["pubKeyCredParams"]}
