"""The two ceremonies: whatever of an answer is otherwise than it should be, it is refused."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.webauthn.test_vectors import LEVEL_3, given
from twofold.core.webauthn import TRANSPORTS, Asserted, WebAuthnKey, WebAuthnKeys, given_credential
from twofold.errors import ConfigurationError, InvalidKey, InvalidRequest
from twofold.testing import SecurityKey
from twofold.testing.clock import NOON
from twofold.testing.security_key import Flags
from twofold.webauthn import RelyingParty

ORIGIN = "https://example.org"
SITE = RelyingParty(ORIGIN)
CHALLENGE, HANDLE = b"c" * 32, b"h" * 64
UP, BE, BS = Flags.USER_PRESENT, Flags.BACKUP_ELIGIBLE, Flags.BACKED_UP


@dataclass
class Registered:
    """A security key, and what is kept of it."""

    device: SecurityKey
    key: WebAuthnKey

    def answer(self, **changes: Any) -> dict[str, Any]:
        return self.device.get(SITE.request_options(challenge=CHALLENGE, keys=[self.key]), **changes)

    def shown(self, answer: dict[str, Any], handle: bytes = HANDLE) -> Asserted | None:
        """What an answer shows; nothing where it is refused."""
        with suppress(InvalidKey, InvalidRequest):
            return SITE.asserted(given_credential(answer), self.key, WebAuthnKeys(handle, (self.key,)))
        return None


def created(device: SecurityKey, **changes: Any) -> dict[str, Any]:
    options = SITE.creation_options(challenge=CHALLENGE, user_handle=HANDLE, account="ann", issuer="Acme", keys=[])
    return device.create(options, **changes)


def attested(answer: dict[str, Any]) -> Any:
    """What a registration shows; nothing where it is refused."""
    with suppress(InvalidKey, InvalidRequest):
        return SITE.attested(given_credential(answer))
    return None


def registered(**kind: Any) -> Registered:
    device = SecurityKey(ORIGIN, **kind)
    found = attested(created(device))
    return Registered(device, WebAuthnKey(id="key", name="Key 1", transports=(), created_at=NOON, **vars(found)))


@pytest.fixture
def key() -> Registered:
    return registered()


def bytes_of(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def text_of(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def each_bit_flipped(data: bytes) -> list[bytes]:
    """*data* once for each of its bits, with that bit flipped."""
    number = int.from_bytes(data, "big")
    return [(number ^ 1 << place).to_bytes(len(data), "big") for place in range(8 * len(data))]


def with_part(answer: dict[str, Any], part: str, data: bytes) -> dict[str, Any]:
    return answer | {"response": answer["response"] | {part: text_of(data)}}


@pytest.mark.parametrize("user_verified", [False, True])
@pytest.mark.parametrize("backup_eligible", [False, True])
def test_a_right_answer_shows_what_its_key_says(user_verified, backup_eligible):
    """
    Counter and flags of an answer are those of the signed part, of a registration too.
    """
    key = registered(user_verified=user_verified, backup_eligible=backup_eligible)
    shown = key.shown(key.answer())

    assert Asserted(2, backup_eligible, backup_eligible, user_verified) == shown
    assert (key.key.sign_count, key.key.credential_id) == (1, key.device.credential_id)
    assert [key.key.backup_eligible, key.key.backed_up, key.key.user_verified] == [
        backup_eligible,
        backup_eligible,
        user_verified,
    ]


@pytest.mark.parametrize("part", ["authenticatorData", "clientDataJSON", "signature"])
def test_no_bit_of_an_answer_can_be_flipped(key, part):
    """
    WebAuthn Level 3, 7.2, step 21: the signature is over authenticator data and client data, each bit of both.
    """
    answer = key.answer()
    flipped = [with_part(answer, part, data) for data in each_bit_flipped(bytes_of(answer["response"][part]))]

    assert [one for one in flipped if key.shown(one) is not None] == []
    assert key.shown(answer) is not None


def test_no_bit_of_a_signed_registration_can_be_flipped():
    """
    WebAuthn Level 3, 7.1, step 21: where a registration is signed by its own key, no bit of it can be flipped.
    """
    vector = next(one for one in LEVEL_3["vectors"] if one["name"] == "packed-self-es256")
    answer = given(vector, "registration").json
    parts = {part: each_bit_flipped(bytes_of(answer["response"][part])) for part in answer["response"]}
    flipped = [with_part(answer, part, data) for part in parts for data in parts[part]]

    assert set(parts) == {"attestationObject", "clientDataJSON"}
    assert [one for one in flipped if attested(one)] == []
    assert attested(answer) is not None


@pytest.mark.parametrize("more", [b"\x00", b"\xa0"])
def test_nothing_is_added_to_what_is_signed(key, more):
    """
    Bytes after the signed ones are not skipped.
    """
    answer = key.answer()
    longer = [with_part(answer, part, bytes_of(answer["response"][part]) + more) for part in answer["response"]]

    assert [key.shown(one) for one in longer] == [None] * 4


CLIENT_DATA: dict[str, dict[str, Any]] = {
    "type of a payment": {"type": "payment.get"},
    "type in upper case": {"type": "WEBAUTHN.GET"},
    "no type": {"type": None},
    "a suffix": {"origin": "https://example.org.evil.io"},
    "a prefix": {"origin": "https://evil-example.org"},
    "another scheme": {"origin": "http://example.org"},
    "another port": {"origin": "https://example.org:8443"},
    "the usual port": {"origin": "https://example.org:443"},
    "a trailing dot": {"origin": "https://example.org."},
    "a trailing slash": {"origin": "https://example.org/"},
    "upper case": {"origin": "https://EXAMPLE.org"},
    "a host below": {"origin": "https://login.example.org"},
    "a user": {"origin": "https://example.org@evil.io"},
    "an app": {"origin": "android:apk-key-hash:example.org"},
    "no origin": {"origin": None},
    "several origins": {"origin": ["https://example.org"]},
    "a page inside of another": {"crossOrigin": True},
    "a word for it": {"crossOrigin": "false"},
    "a number for it": {"crossOrigin": 1},
    "nothing for it": {"crossOrigin": None},
    "zero for it": {"crossOrigin": 0},
    "a page around": {"topOrigin": "https://example.org"},
    "a page around that is empty": {"topOrigin": ""},
    "a page around that is none": {"topOrigin": None},
}
"""What is otherwise than it should be in client data that are signed with it."""


@pytest.mark.parametrize("changes", CLIENT_DATA.values(), ids=CLIENT_DATA)
def test_client_data_are_those_of_our_own_pages(key, changes):
    """
    WebAuthn Level 3, 7.1, steps 7 to 11; 7.2, steps 10 to 14: the right type, an origin that is ours to the letter, and
    no page around it.
    """
    assert key.shown(key.answer(**changes)) is None
    assert attested(created(SecurityKey(ORIGIN), **changes)) is None


def test_each_ceremony_has_its_own_type(key):
    """
    An answer for one ceremony is none for the other, though everything else fits.
    """
    assert key.shown(key.answer(type="webauthn.create")) is None
    assert attested(created(SecurityKey(ORIGIN), type="webauthn.get")) is None


AUTHENTICATOR_DATA: dict[str, dict[str, Any]] = {
    "another site": {"rp_id": "example.com"},
    "a site below": {"rp_id": "login.example.org"},
    "the site above": {"rp_id": "org"},
    "the site in upper case": {"rp_id": "EXAMPLE.ORG"},
    "the origin": {"rp_id": ORIGIN},
    "nobody touched it": {"flags": 0},
    "nobody touched it, but somebody was verified": {"flags": Flags.USER_VERIFIED},
    "backed up, though it cannot be": {"flags": UP | BS},
    "extensions that are not there": {"flags": UP | 0x80},
}
"""What is otherwise than it should be in authenticator data that are signed with it."""


@pytest.mark.parametrize("changes", AUTHENTICATOR_DATA.values(), ids=AUTHENTICATOR_DATA)
def test_authenticator_data_are_those_of_a_person_at_our_site(key, changes):
    """
    WebAuthn Level 3, 7.1, steps 14 to 17; 7.2, steps 15 to 19: our site, somebody present, and no backup without
    eligibility.
    """
    assert key.shown(key.answer(**changes)) is None
    assert attested(created(SecurityKey(ORIGIN), **changes)) is None


def test_who_touches_a_key_need_not_be_verified(key):
    """
    User verification is asked for and not required: a password stands beside each key.
    """
    assert key.shown(key.answer(flags=UP)) == Asserted(2, False, False, user_verified=False)
    assert attested(created(SecurityKey(ORIGIN, user_verified=False))).user_verified is False


def test_an_answer_is_signed_by_the_key_that_is_named(key):
    """
    An answer that another key has signed is refused, also where it bears the id of this one.
    """
    stranger = registered()
    foreign = stranger.answer() | {name: key.answer()[name] for name in ("id", "rawId")}

    assert key.shown(foreign) is None
    assert replace(stranger, key=key.key).shown(stranger.answer()) is None


def test_a_key_of_another_user_is_refused(key):
    """
    WebAuthn Level 3, 7.2, step 6: where the key tells whose it is, it is this user's; it need not tell.
    """
    answer = key.answer()
    silent = answer | {"response": {**answer["response"], "userHandle": None}}

    assert key.shown(answer, handle=b"x" * 64) is None
    assert key.shown(answer) is not None
    assert key.shown(silent) is not None


def test_the_id_of_a_registration_is_the_signed_one():
    """
    An id outside of the signed part that is not the one inside would make somebody else's key one's own.
    """
    answer = created(SecurityKey(ORIGIN))
    name = text_of(b"somebody else's key")

    assert attested(answer | {"id": name, "rawId": name}) is None
    assert attested(answer) is not None


@pytest.mark.parametrize("name", ["packed-es384", "packed-es512", "packed-ed448"])
def test_a_key_signs_as_it_was_asked_to(name):
    """
    WebAuthn Level 3, 7.1, step 20: an algorithm that was not asked for is refused, whatever it is worth.
    """
    vector = next(one for one in LEVEL_3["vectors"] if one["name"] == name)

    with pytest.raises(InvalidKey):
        SITE.attested(given(vector, "registration"))


def broken(answer: dict[str, Any], part: str) -> list[dict[str, Any]]:
    """An answer with other things in place of one part of it."""
    data = [b"", b"\xff" * 200, b"\x81" * 100_000, b"\x9b" + b"\xff" * 8, b"\xa1\x63fmt\x64none"]
    values: list[Any] = [None, 5, [], {}, "\ud800", "a", *(text_of(one) for one in data)]
    response = answer["response"]
    others = {name: response[name] for name in response if name != part}
    return [answer | {"response": others}, *(answer | {"response": response | {part: value}} for value in values)]


@pytest.mark.parametrize("part", ["authenticatorData", "signature", "clientDataJSON"])
def test_an_answer_that_cannot_be_read_is_a_wrong_one(key, part):
    """
    Whatever stands in place of what a key gives, the refusal is the same and no other error comes out.
    """
    assert [one for one in broken(key.answer(), part) if key.shown(one)] == []


@pytest.mark.parametrize("part", ["attestationObject", "clientDataJSON"])
def test_a_registration_that_cannot_be_read_is_a_wrong_one(part):
    """
    The same for a registration, whose attestation object is CBOR: empty, cut off, deep, or claiming to be huge.
    """
    assert [one for one in broken(created(SecurityKey(ORIGIN)), part) if attested(one)] == []


@pytest.mark.parametrize("kind", [None, "", "password", 5])
def test_a_credential_is_a_public_key(key, kind):
    """
    `type` is that of the one kind of credential there is.
    """
    assert key.shown(key.answer() | {"type": kind}) is None
    assert attested(created(SecurityKey(ORIGIN)) | {"type": kind}) is None


def test_a_refusal_tells_nothing():
    """
    Why an answer is refused is told to nobody, neither in the text nor as its cause.
    """
    with pytest.raises(InvalidKey) as refusal:
        SITE.attested(given_credential(created(SecurityKey("https://evil.io"))))

    assert str(refusal.value) == str(InvalidKey())
    assert refusal.value.__cause__ is None
    assert refusal.value.__suppress_context__


def test_what_is_asked_for_when_a_key_is_registered(key):
    """
    For the site by its host, Ed25519, ES256 and RS256, no attestation, user verification preferred, for five minutes;
    the keys that the user has are named, so that none is registered twice.
    """
    known = replace(key.key, transports=("usb", "nfc"))
    options = SITE.creation_options(
        challenge=CHALLENGE, user_handle=HANDLE, account="ann@example.org", issuer="Acme", keys=[known]
    )

    assert options == {
        "rp": {"name": "Acme", "id": "example.org"},
        "user": {"id": text_of(HANDLE), "name": "ann@example.org", "displayName": "ann@example.org"},
        "challenge": text_of(CHALLENGE),
        "pubKeyCredParams": [{"type": "public-key", "alg": alg} for alg in (-8, -7, -257)],
        "timeout": 300_000,
        "excludeCredentials": [
            {"id": text_of(known.credential_id), "type": "public-key", "transports": ["usb", "nfc"]}
        ],
        "authenticatorSelection": {
            "residentKey": "discouraged",
            "requireResidentKey": False,
            "userVerification": "preferred",
        },
        "attestation": "none",
    }


def test_what_is_asked_for_when_a_key_is_used(key):
    """
    Any key of the user, by whatever way the browser reaches it, user verification preferred, for five minutes.
    """
    reached = replace(key.key, transports=TRANSPORTS)
    options = SITE.request_options(challenge=CHALLENGE, keys=[key.key, reached])
    name = text_of(key.key.credential_id)

    assert options == {
        "challenge": text_of(CHALLENGE),
        "timeout": 300_000,
        "rpId": "example.org",
        "allowCredentials": [
            {"id": name, "type": "public-key"},
            {"id": name, "type": "public-key", "transports": list(TRANSPORTS)},
        ],
        "userVerification": "preferred",
    }


@pytest.mark.parametrize(
    ("written", "origin", "rp_id"),
    [
        ("https://example.org", "https://example.org", "example.org"),
        ("https://example.org/", "https://example.org", "example.org"),
        ("HTTPS://Example.ORG", "https://example.org", "example.org"),
        ("https://example.org:443", "https://example.org", "example.org"),
        ("https://accounts.example.org:8443", "https://accounts.example.org:8443", "accounts.example.org"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("http://localhost", "http://localhost", "localhost"),
        ("http://localhost:80", "http://localhost", "localhost"),
        ("http://localhost:8000", "http://localhost:8000", "localhost"),
        ("https://localhost:8000", "https://localhost:8000", "localhost"),
        ("http://app.localhost:3000", "http://app.localhost:3000", "app.localhost"),
    ],
)
def test_an_origin_is_read_as_browsers_write_it(written, origin, rp_id):
    """
    Of the origin of the pages there is one spelling, and its host is what keys are bound to.
    """
    site = RelyingParty(written)

    assert (origin, rp_id) == (site.origin, site.rp_id)


@pytest.mark.parametrize(
    "origin",
    [
        *["", "example.org", "https://", "https:///", "ftp://example.org", "//example.org", "https:/example.org"],
        *["http://example.org", "http://localhost.example.org", "http://notlocalhost"],
        *["https://192.0.2.1", "https://192.0.2.1:8443", "https://[2001:db8::1]", "http://127.0.0.1:8000"],
        *["https://example.org/app", "https://example.org?", "https://example.org#", "https://ann@example.org"],
        *["https://example.org.", "https://.example.org", "https://exa mple.org", "https://example.org\n"],
        *["https://example.org:", "https://example.org:https", "https://example.org:99999", "https://example.org:0"],
        *["https://b\N{LATIN SMALL LETTER U WITH DIAERESIS}cher.example", "https://*.example.org"],
    ],
)
def test_an_origin_on_which_no_key_can_be_used_is_refused(origin):
    """
    Where browsers let no keys be used, the application does not start, and is told what to write.
    """
    with pytest.raises(ConfigurationError, match="write the origin of your pages"):
        RelyingParty(origin)
