"""WebAuthn keys as values: what a browser may give, what is stored, and what a challenge is good for."""

import json
from base64 import urlsafe_b64encode
from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twofold.core.policy import RECOMMENDED
from twofold.core.webauthn import (
    TRANSPORTS,
    Asserted,
    Binding,
    Challenge,
    ChallengePurpose,
    WebAuthnKey,
    WebAuthnKeys,
    given_credential,
    hash_of,
    key_name,
    user_handle_of,
)
from twofold.errors import InvalidRequest
from twofold.testing.clock import NOON

KEY = WebAuthnKey(
    id="id-1",
    name="Blue key",
    credential_id=b"\x00credential\xff",
    public_key=b"\xa5public key",
    sign_count=7,
    backup_eligible=False,
    backed_up=False,
    user_verified=False,
    transports=("usb", "nfc"),
    created_at=NOON,
)
USED = replace(KEY, id="id-2", credential_id=b"another", backup_eligible=True, last_used_at=NOON + timedelta(seconds=1))
KEYS = WebAuthnKeys(b"\x00handle\xff", (KEY, USED))
STORED = (
    '{"user_handle":"AGhhbmRsZf8","keys":[{"id":"id-1","name":"Blue key","credential_id":"AGNyZWRlbnRpYWz_",'
    '"public_key":"pXB1YmxpYyBrZXk","sign_count":7,"backup_eligible":false,"backed_up":false,"user_verified":false,'
    '"transports":["usb","nfc"],"created_at":"2030-01-01T12:00:00+00:00","last_used_at":null},{"id":"id-2",'
    '"name":"Blue key","credential_id":"YW5vdGhlcg","public_key":"pXB1YmxpYyBrZXk","sign_count":7,'
    '"backup_eligible":true,"backed_up":false,"user_verified":false,"transports":["usb","nfc"],'
    '"created_at":"2030-01-01T12:00:00+00:00","last_used_at":"2030-01-01T12:00:01+00:00"}]}'
)
"""What is stored since there are keys; every later version reads it."""

BINDING = Binding(ChallengePurpose.SIGN_IN, "the hash of a sign-in token")
CHALLENGE = Challenge("its hash", 7, 3, BINDING, NOON + timedelta(minutes=5))


def text_of(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def client_data(**members: object) -> str:
    return text_of(json.dumps({"type": "webauthn.get", "challenge": text_of(b"challenge")} | members).encode())


def credential(credential_id: bytes = b"an id", **response: object) -> dict[str, object]:
    """The JSON of a `PublicKeyCredential`, as far as it is looked at."""
    name = text_of(credential_id)
    return {"id": name, "rawId": name, "response": {"clientDataJSON": client_data()} | response}


def is_refused(value: object) -> bool:
    try:
        given_credential(value)  # type: ignore[arg-type]
    except InvalidRequest:
        return True
    return False


def test_what_has_to_be_known_is_read():
    """
    Of what a browser gives, id, challenge, user handle and the transports that the standard knows are read.
    """
    value = credential(userHandle=text_of(b"handle"), transports=["usb", "telepathy", "internal"])
    found = given_credential(value)

    assert (found.credential_id, found.challenge, found.user_handle) == (b"an id", b"challenge", b"handle")
    assert found.transports == ("usb", "internal")
    assert found.json is value


@pytest.mark.parametrize("absent", [{}, {"userHandle": None, "transports": None}])
def test_what_may_be_missing_may_be_missing(absent):
    """
    A key need not tell the user handle, nor a browser the transports.
    """
    found = given_credential(credential(**absent))

    assert (found.user_handle, found.transports) == (None, ())


@pytest.mark.parametrize(("size", "refused"), [(0, True), (1, False), (1023, False), (1024, True)])
def test_an_id_has_1023_bytes_at_most(size, refused):
    """
    WebAuthn Level 3, 7.1, step 25: "Verify that the credentialId is <= 1023 bytes."
    """
    assert refused == is_refused(credential(b"x" * size))


@pytest.mark.parametrize("raw_id", [None, "", text_of(b"another id"), text_of(b"an id") + "=", [text_of(b"an id")]])
def test_both_ids_are_one(raw_id):
    """
    `id` and `rawId` are the same text, and there is none that is good for one reader and another for the next.
    """
    assert is_refused(credential() | {"rawId": raw_id})


@pytest.mark.parametrize(
    "text",
    [
        "YW4gaWQ=",
        "YW4gaWQ\n",
        " YW4gaWQ",
        "YW4.gaWQ",
        "YW4gaWR",
        "YW4+",
        "YW4/",
        "YW4gaW",
        "\N{ROMAN NUMERAL FIVE}",
        "\ud800",
        "a",
        5,
        None,
        b"",
        {},
    ],
)
@pytest.mark.parametrize("member", ["id", "clientDataJSON", "userHandle"])
def test_bytes_have_one_spelling(member, text):
    """
    RFC 4648, 3.5: what decodes to the same bytes but is spelled otherwise is refused, and so is what is no text.
    """
    value = credential(**({} if member == "id" else {member: text}))
    if member == "id":
        value |= {"id": text, "rawId": text}

    assert is_refused(value) or (member, text) in {("userHandle", None), ("userHandle", "")}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just(client_data()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
MEMBERS = ["id", "rawId", "type", "response"]
PARTS = ["clientDataJSON", "userHandle", "transports", "authenticatorData"]


def nothing_but_a_refusal(value: object) -> bool:
    """Whether *value* is read, or refused as one thing; any other error comes out."""
    return is_refused(value) in {True, False}


@given(value=VALUES)
def test_no_json_leads_to_another_error(value):
    """
    Whatever JSON is sent for a credential, it is malformed: 422, never 500.
    """
    assert is_refused(value)


@given(member=st.sampled_from(MEMBERS), part=st.sampled_from(PARTS), value=VALUES)
def test_no_member_leads_to_another_error(member, part, value):
    """
    Whatever stands in a single member of a credential that is right otherwise, it is read or is malformed.
    """
    assert nothing_but_a_refusal(credential() | {member: value})
    assert nothing_but_a_refusal(credential(**{part: value}))


@given(data=st.binary(max_size=40) | VALUES.map(lambda value: json.dumps(value).encode()))
def test_no_client_data_leads_to_another_error(data):
    """
    Whatever bytes are sent for the client data, they are read or are malformed.
    """
    assert is_refused(credential(clientDataJSON=text_of(data)))


@pytest.mark.parametrize("data", [b"[" * 10**6, b'{"challenge":' * 10**5, b"9" * 10**4, b'{"challenge": 5}'])
def test_client_data_that_wears_out_its_reader_is_malformed(data):
    """
    Client data of many brackets or digits, or with a challenge that is no text, are malformed like any other.
    """
    assert is_refused(credential(clientDataJSON=text_of(data)))


def test_a_refusal_holds_nothing_of_what_was_sent():
    """
    The refusal names the field, and says in the same words for everything what to send.
    """
    with pytest.raises(InvalidRequest) as refusal:
        given_credential({"id": "something private"})

    message = "Send what PublicKeyCredential.toJSON() gives."
    assert ({"field": "credential", "message": message},) == refusal.value.errors
    assert "private" not in f"{refusal.value} {refusal.value.errors}"
    assert refusal.value.__cause__ is None


moments = st.datetimes(timezones=st.just(NOON.tzinfo))
keys = st.builds(
    WebAuthnKey,
    id=st.text(),
    name=st.text(),
    credential_id=st.binary(min_size=1, max_size=1023),
    public_key=st.binary(),
    sign_count=st.integers(0, 2**32 - 1),
    backup_eligible=st.booleans(),
    backed_up=st.booleans(),
    user_verified=st.booleans(),
    transports=st.lists(st.sampled_from(TRANSPORTS), unique=True).map(tuple),
    created_at=moments,
    last_used_at=st.none() | moments,
)


@given(st.builds(WebAuthnKeys, user_handle=st.binary(max_size=64), keys=st.lists(keys, max_size=4).map(tuple)))
def test_what_is_stored_comes_back(stored):
    """
    Keys come back from their bytes as they were.
    """
    assert stored == WebAuthnKeys.from_bytes(stored.to_bytes())


def test_what_was_stored_once_is_read_for_ever():
    """
    The text that this version stores is pinned: whatever is changed, it must still be read.
    """
    assert KEYS.to_bytes().decode() == STORED
    assert WebAuthnKeys.from_bytes(STORED.encode()) == KEYS


def test_the_most_keys_with_the_longest_ids_fit_their_column():
    """
    As many keys as a policy may allow, each with the longest id and name and an RSA key of 4096 bits, stay under the
    65,535 bytes of a `TEXT` of MariaDB, sealed.
    """
    largest = replace(KEY, name="\N{GRINNING FACE}" * 64, credential_id=b"x" * 1023, public_key=b"x" * 550)
    keys = WebAuthnKeys(b"x" * 64, (replace(largest, transports=TRANSPORTS, last_used_at=NOON),) * 15)

    assert len(keys.to_bytes()) * 4 / 3 + 100 < 65_535


def test_keys_are_found_changed_and_left_out():
    """
    A key is found by its credential id and by its name in paths; a new state takes the place of the old one.
    """
    renamed = replace(KEY, name="Red key")
    third = replace(KEY, id="id-3", credential_id=b"third")

    assert [KEYS.of_credential(b"another"), KEYS.of_credential(b"nobody's")] == [USED, None]
    assert [KEYS.of_id("id-1"), KEYS.of_id("id-9")] == [KEY, None]
    assert KEYS.with_key(renamed).keys == (renamed, USED)
    assert KEYS.with_key(third).keys == (KEY, USED, third)
    assert KEYS.without(KEY).keys == (USED,)


def test_a_user_handle_tells_nothing():
    """
    WebAuthn Level 3, 14.6.1: 64 bytes that are made of a random challenge, so of no account, and not the challenge.
    """
    challenges = [bytes([number]) * 32 for number in range(100)]
    handles = [user_handle_of(challenge) for challenge in challenges]

    assert {len(handle) for handle in handles} == {64}
    assert len(set(handles)) == 100
    assert not [one for one, handle in zip(challenges, handles, strict=True) if one in handle]
    assert handles == [user_handle_of(challenge) for challenge in challenges]


def test_what_a_store_sees_of_bytes_is_their_hash():
    """
    A challenge stands in the store as SHA-256 in hex, which leads to nobody's key.
    """
    assert hash_of(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize(
    ("stored", "answered", "regressed"),
    [
        *[(0, 0, False), (0, 1, False), (0, 2**32 - 1, False)],
        *[(7, 8, False), (7, 1000, False)],
        *[(7, 7, True), (7, 6, True), (7, 0, True), (1, 0, True), (2**32 - 1, 0, True)],
    ],
)
def test_a_counter_that_does_not_grow_has_regressed(stored, answered, regressed):
    """
    WebAuthn Level 3, 7.2, step 22: where either is nonzero, a counter that is less than or equal to the stored one "is
    a signal, but not proof, that the authenticator may be cloned".
    """
    assert regressed == replace(KEY, sign_count=stored).has_regressed(answered)


@pytest.mark.parametrize(("before", "now"), list(product([False, True], repeat=2)))
def test_a_key_that_was_used_keeps_what_it_showed(before, now):
    """
    After an accepted answer counter, backup state and moment are new; that it has ever verified its user stays.
    """
    key = replace(KEY, user_verified=before)
    used = key.used(Asserted(9, backup_eligible=False, backed_up=True, user_verified=now), NOON)
    changed = {"sign_count": 9, "backed_up": True, "user_verified": before or now, "last_used_at": NOON}

    assert replace(key, **changed) == used


@pytest.mark.parametrize("name", ["Blue key", "x" * 64, "  at home  ", "Schlüssel 🔑"])
def test_a_name_is_what_somebody_calls_it(name):
    """
    A name of up to 64 characters on one line is taken, without the spaces around it.
    """
    assert name.strip() == key_name(name)


@pytest.mark.parametrize("name", ["", "   ", "x" * 65, "two\nlines", "tab\tbed", "\x00", "right\u202eleft", "\ud800"])
def test_a_name_can_be_shown(name):
    """
    A name that is empty, too long, or could not be shown as it is, is refused with its field.
    """
    with pytest.raises(InvalidRequest) as refusal:
        key_name(name)

    assert [error["field"] for error in refusal.value.errors] == ["name"]


@pytest.mark.parametrize(
    ("changed", "asked", "good"),
    [
        ({}, (BINDING, 7, 3, NOON), True),
        *[
            ({}, (Binding(purpose, BINDING.handle_hash), 7, 3, NOON), False)
            for purpose in set(ChallengePurpose) - {BINDING.purpose}
        ],
        ({}, (Binding(ChallengePurpose.SIGN_IN, "the hash of another"), 7, 3, NOON), False),
        ({}, (BINDING, 8, 3, NOON), False),
        ({}, (BINDING, 7, 4, NOON), False),
        ({}, (BINDING, 7, 2, NOON), False),
        ({}, (BINDING, 7, 3, NOON + timedelta(minutes=5)), False),
        ({}, (BINDING, 7, 3, NOON + timedelta(minutes=5, microseconds=-1)), True),
        ({"expires_at": NOON + timedelta(days=1)}, (BINDING, 7, 3, NOON), False),
    ],
)
def test_a_challenge_is_for_what_it_was_handed_out_for(changed, asked, good):
    """
    For its purpose, its session or sign-in, its user and epoch alone a challenge is good, and for five minutes (G16).
    """
    assert good == replace(CHALLENGE, **changed).is_for(*asked, RECOMMENDED)


def test_nothing_of_keys_shows_in_a_repr():
    """
    Neither hashes nor handles nor public keys stand in the repr of what is passed around.
    """
    shown = f"{CHALLENGE} {KEYS} {given_credential(credential(userHandle=text_of(b'handle')))}"

    for secret in (
        "its hash",
        "the hash of a",
        "public key",
        "handle\\xff",
        "b'handle'",
        "b'challenge'",
        client_data(),
    ):
        assert secret not in shown
