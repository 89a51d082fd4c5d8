"""Sealing: what opens, what does not, which keys are refused, and what shows nowhere."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Hashable
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from twofold.core.sealing import EXAMPLE_KEY, UNSEALED, KeyRing, Purpose, Sealed, key_id_of, user_text
from twofold.core.totp import TotpSecret
from twofold.errors import CannotOpen, ConfigurationError

GOLDEN = json.loads((Path(__file__).parent.parent / "vectors" / "sealed_v1.json").read_text())
FIRST = GOLDEN["values"][0]
KEY, OTHER_KEY = GOLDEN["key"], urlsafe_b64encode(bytes(range(2, 34))).decode()
RING = KeyRing([KEY])

purposes = st.sampled_from(Purpose)
users = st.integers() | st.uuids() | st.text(max_size=20) | st.binary(max_size=16)


def owner(golden: dict[str, str]) -> tuple[Purpose, Hashable]:
    return Purpose(golden["purpose"]), golden["user"]


def cause(opening: pytest.ExceptionInfo[CannotOpen]) -> str:
    """What the operator is told; the person in front of the screen is not."""
    return str(opening.value.__cause__)


@pytest.mark.parametrize("stored", [b"", b"\x00\xff", FIRST["sealed"].encode(), b"gAAAAA", 7, 1.5])
@pytest.mark.parametrize("opens", [RING.open_sealed, RING.reseal])
def test_what_is_no_text_does_not_open(stored, opens):
    """
    SQLite lets anything get into a column of texts: what is none counts as not sealed, and does not open.
    """
    with pytest.raises(CannotOpen) as opening:
        opens(stored, *owner(FIRST))

    assert f"{FIRST['purpose']}: not a text" == cause(opening)
    assert key_id_of(stored) == UNSEALED


def flipped(sealed: str, place: int, bit: int) -> Sealed:
    return Sealed(sealed[:place] + chr(ord(sealed[place]) ^ 1 << bit) + sealed[place + 1 :])


@given(value=st.binary(max_size=200), purpose=purposes, user=users)
def test_a_value_opens_as_it_was_sealed(value, purpose, user):
    """
    What is sealed for a purpose of a user opens for the same, and is the same.
    """
    assert value == RING.open_sealed(RING.seal(value, purpose, user), purpose, user)


@given(value=st.binary(max_size=200), sealed_for=st.tuples(purposes, users), opened_for=st.tuples(purposes, users))
def test_a_value_opens_for_nothing_else(value, sealed_for, opened_for):
    """
    In another row or another column a value does not open (G10).
    """
    sealed = RING.seal(value, *sealed_for)
    same = (sealed_for[0], user_text(sealed_for[1])) == (opened_for[0], user_text(opened_for[1]))
    try:
        opened = RING.open_sealed(sealed, *opened_for)
    except CannotOpen:
        opened = None

    assert (value if same else None) == opened


@pytest.mark.parametrize("purpose", [purpose for purpose in Purpose if purpose != FIRST["purpose"]])
def test_a_value_does_not_open_for_another_purpose(purpose):
    """
    A value in another column of the same row is refused, and the operator learns which column it was.
    """
    with pytest.raises(CannotOpen) as opening:
        RING.open_sealed(FIRST["sealed"], purpose, 7)

    assert f"{purpose}: the value was changed, or belongs elsewhere" == cause(opening)


@pytest.mark.parametrize("user", [8, 77, "", "07", "7 ", "\uff17", b"7", UUID(int=7)])
def test_a_value_does_not_open_for_another_user(user):
    """
    A value in another user's row is refused, however alike the ids look.
    """
    with pytest.raises(CannotOpen) as opening:
        RING.open_sealed(FIRST["sealed"], Purpose.TOTP_SECRET, user)

    assert "the value was changed, or belongs elsewhere" in cause(opening)


@pytest.mark.parametrize("golden", GOLDEN["values"], ids=lambda golden: golden["purpose"])
def test_a_value_with_any_bit_flipped_does_not_open(golden):
    """
    Whichever bit of the stored text is flipped, version and key id included, the value is refused.
    """
    opened = []
    for place in range(len(golden["sealed"])):
        for bit in range(8):
            try:
                opened.append((place, bit, RING.open_sealed(flipped(golden["sealed"], place, bit), *owner(golden))))
            except CannotOpen:
                continue

    assert opened == []


def test_a_truncated_value_does_not_open():
    """
    However much of the end of a value is missing, it is refused.
    """
    opened = []
    for length in range(len(FIRST["sealed"])):
        try:
            opened.append((length, RING.open_sealed(FIRST["sealed"][:length], *owner(FIRST))))
        except CannotOpen:
            continue

    assert opened == []


@pytest.mark.parametrize("strange", ["=", "\n", " ", "!", ".", "\u00e9", "AAAA"])
@pytest.mark.parametrize("place", [0, 3, 20, 60, len(FIRST["sealed"])])
def test_a_value_with_something_added_does_not_open(strange, place):
    """
    A value opens only as it was spelled: what decoders of base64 skip is refused too.
    """
    with pytest.raises(CannotOpen) as opening:
        RING.open_sealed(FIRST["sealed"][:place] + strange + FIRST["sealed"][place:], *owner(FIRST))

    assert isinstance(opening.value.__cause__, ValueError)


@given(text=st.text(max_size=60) | st.text(max_size=60).map(lambda text: f"v1.{GOLDEN['key_id']}.{text}"))
def test_any_text_in_the_column_is_refused_quietly(text):
    """
    Whatever stands in the column, the answer is `CannotOpen`, and neither error nor cause repeats it.
    """
    with pytest.raises(CannotOpen) as opening:
        RING.open_sealed(Sealed(text), Purpose.SAMPLE, 7)

    assert len(text) < 12 or text not in str(opening.value) + cause(opening)


@pytest.mark.parametrize("golden", GOLDEN["values"], ids=lambda golden: golden["purpose"])
def test_a_value_of_release_0_1_0_opens(golden):
    """
    Values that are stored already open, whatever has been changed since they were sealed.
    """
    assert golden["value"].encode() == RING.open_sealed(golden["sealed"], *owner(golden))


def test_the_golden_value_is_aes_256_gcm_as_documented():
    """
    Whoever has the key and the documentation can open a value without this library.
    """
    version, key_id, body = FIRST["sealed"].split(".")
    data, parts = urlsafe_b64decode(body), (version, key_id, "totp_secret", "7")
    associated = b"".join(len(part).to_bytes(4, "big") + part.encode() for part in parts)
    material = urlsafe_b64decode(KEY)
    key = HKDF(SHA256(), 32, salt=None, info=b"twofold v1 AES-256-GCM").derive(material)
    key_id_of_key = HKDF(SHA256(), 8, salt=None, info=b"twofold v1 key id").derive(material).hex()

    assert (version, key_id) == ("v1", key_id_of_key)
    assert FIRST["value"].encode() == AESGCM(key).decrypt(data[:12], data[12:], associated)


def test_every_sealing_draws_a_fresh_nonce():
    """
    The same value sealed a thousand times gives a thousand nonces: none repeats under one key.
    """
    sealed = [RING.seal(b"value", Purpose.SAMPLE, 7) for _ in range(1000)]

    assert len({urlsafe_b64decode(value.split(".")[2])[:12] for value in sealed}) == 1000


@pytest.mark.parametrize("algorithm", ["SHA1", "SHA256", "SHA512"])
def test_the_longest_secret_fits_its_column(algorithm):
    """
    A secret of 64 bytes with all its parameters, sealed, fits the 255 characters of `totp_secret`.
    """
    secret = TotpSecret("A" * 103, algorithm, digits=8, period=120)

    assert len(RING.seal(secret.to_bytes(), Purpose.TOTP_SECRET, 7)) <= 255


def test_the_first_key_seals_and_all_open():
    """
    Two deploys rotate a key: `old,new` opens both and writes old, `new,old` opens both and writes new (G11).
    """
    old, new = KeyRing([KEY]), KeyRing([OTHER_KEY])
    reading_new, writing_new = KeyRing([KEY, OTHER_KEY]), KeyRing([OTHER_KEY, KEY])
    by_old, by_new = old.seal(b"a", Purpose.SAMPLE, 7), new.seal(b"b", Purpose.SAMPLE, 7)

    for ring in (reading_new, writing_new):
        assert tuple(ring.open_sealed(value, Purpose.SAMPLE, 7) for value in (by_old, by_new)) == (b"a", b"b")
    assert old.open_sealed(reading_new.seal(b"c", Purpose.SAMPLE, 7), Purpose.SAMPLE, 7) == b"c"
    assert new.open_sealed(writing_new.seal(b"c", Purpose.SAMPLE, 7), Purpose.SAMPLE, 7) == b"c"
    assert (*old.key_ids, *new.key_ids) == reading_new.key_ids


def test_a_dropped_key_is_named_by_its_id():
    """
    A value whose key is not on the ring is refused, and the operator learns which key is missing.
    """
    with pytest.raises(CannotOpen) as opening:
        KeyRing([OTHER_KEY]).open_sealed(FIRST["sealed"], *owner(FIRST))

    missing = f"sealed under key {GOLDEN['key_id']}, which is not configured"
    assert f"totp_secret: {missing}; put it back into ENCRYPTION_KEY, behind the key that writes" == cause(opening)


def test_a_key_is_picked_by_its_id_and_never_by_trial():
    """
    A value that names another key of the ring is not tried with the key that would fit.
    """
    both = KeyRing([KEY, OTHER_KEY])
    sealed = FIRST["sealed"].replace(GOLDEN["key_id"], both.key_ids[1])
    with pytest.raises(CannotOpen) as opening:
        both.open_sealed(sealed, *owner(FIRST))

    assert "the value was changed, or belongs elsewhere" in cause(opening)


def test_an_unknown_version_is_refused():
    """
    A value of a version that this release does not know is refused, not guessed at.
    """
    with pytest.raises(CannotOpen) as opening:
        RING.open_sealed(FIRST["sealed"].replace("v1.", "v2."), *owner(FIRST))

    assert cause(opening) == "totp_secret: not a sealed value of version v1"


def test_a_fernet_value_opens_where_it_is_asked_for():
    """
    What a version before 0.1.0 wrote with Fernet is read with `read_fernet`, under any key of the ring.
    """
    fernet = GOLDEN["fernet"]
    opened = [
        KeyRing(keys, read_fernet=True).open_sealed(fernet["sealed"], Purpose.TOTP_SECRET, 7)
        for keys in ([KEY], [OTHER_KEY, KEY])
    ]

    assert [fernet["value"].encode()] * 2 == opened


def test_a_fernet_value_does_not_open_unasked():
    """
    Fernet values are bound to no row, so without `read_fernet` none opens, and the operator learns the setting.
    """
    with pytest.raises(CannotOpen) as opening:
        RING.open_sealed(GOLDEN["fernet"]["sealed"], Purpose.TOTP_SECRET, 7)

    assert "set TWOFA_READ_FERNET=1" in cause(opening)


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(Fernet(OTHER_KEY).encrypt(b"value").decode(), id="another key"),
        pytest.param(flipped(GOLDEN["fernet"]["sealed"], 50, 0), id="a flipped bit"),
        pytest.param(GOLDEN["fernet"]["sealed"][:-4], id="truncated"),
        pytest.param("gAAAA", id="nothing but its beginning"),
        pytest.param("gAAAA\u00e9", id="not ASCII"),
    ],
)
def test_a_fernet_value_that_was_changed_is_refused(token):
    """
    A Fernet value under another key, or changed, is refused like any other.
    """
    with pytest.raises(CannotOpen) as opening:
        KeyRing([KEY], read_fernet=True).open_sealed(token, Purpose.TOTP_SECRET, 7)

    assert cause(opening) == "a Fernet value under none of the configured keys"


def test_what_is_written_is_never_fernet():
    """
    A ring that reads Fernet seals in our own format.
    """
    sealed = KeyRing([KEY], read_fernet=True).seal(b"value", Purpose.SAMPLE, 7)

    assert sealed.startswith(f"v1.{GOLDEN['key_id']}.")


def test_no_key_is_refused():
    """
    Without a key nothing starts, and the message says what to set.
    """
    with pytest.raises(ConfigurationError) as refusal:
        KeyRing([])

    assert "ENCRYPTION_KEY is missing: set it to 32 random bytes" in str(refusal.value)


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        pytest.param("", "not 32 bytes", id="empty"),
        pytest.param("changethis-changethis", "not 32 bytes", id="a word"),
        pytest.param(KEY[:-1], "not 32 bytes", id="without its padding"),
        pytest.param(f" {KEY}", "not 32 bytes", id="a space in front"),
        pytest.param(f"{KEY}\n", "not 32 bytes", id="a newline behind"),
        pytest.param(f'"{KEY}"', "not 32 bytes", id="in quotes"),
        pytest.param("+" + KEY[1:], "not 32 bytes", id="not the url-safe alphabet"),
        pytest.param(urlsafe_b64encode(bytes(range(31))).decode(), "not 32 bytes", id="31 bytes"),
        pytest.param(urlsafe_b64encode(bytes(range(33))).decode(), "not 32 bytes", id="33 bytes"),
        pytest.param(bytes(range(32)).hex(), "not 32 bytes", id="32 bytes in hexadecimal"),
        pytest.param(urlsafe_b64encode(bytes(32)).decode(), "make a random one", id="all zero"),
        pytest.param(urlsafe_b64encode(b"\xff" * 32).decode(), "make a random one", id="all alike"),
        pytest.param(urlsafe_b64encode(b"abcd" * 8).decode(), "make a random one", id="hardly any bytes"),
        pytest.param(EXAMPLE_KEY, "make a random one", id="the documented example"),
        pytest.param(EXAMPLE_KEY[:-2] + "F=", "make a random one", id="the documented example spelled otherwise"),
    ],
)
def test_a_key_that_is_none_is_refused(entry, why):
    """
    A key that is malformed, not random or the documented example is refused by its place, and never shown.
    """
    with pytest.raises(ConfigurationError) as refusal:
        KeyRing([OTHER_KEY, entry])

    assert "ENCRYPTION_KEY, entry 2: " in str(refusal.value)
    assert why in str(refusal.value)
    assert not entry or entry.strip() not in str(refusal.value)
    assert OTHER_KEY not in str(refusal.value)


@pytest.mark.parametrize("again", [KEY, KEY[:-2] + "B="])
def test_a_key_given_twice_is_refused(again):
    """
    The same key twice, also in another spelling, is a rotation gone wrong: it is refused, and not shown.
    """
    with pytest.raises(ConfigurationError) as refusal:
        KeyRing([KEY, OTHER_KEY, again])

    assert urlsafe_b64decode(KEY) == urlsafe_b64decode(again)
    assert str(refusal.value) == "ENCRYPTION_KEY names the same key twice."


@given(entry=st.text(min_size=8, max_size=60))
def test_no_message_repeats_what_was_configured(entry):
    """
    Whatever was configured in place of a key, no message repeats it: logs of a start-up are read by many.
    """
    with pytest.raises(ConfigurationError) as refusal:
        KeyRing([entry])

    assert entry not in str(refusal.value)


@given(material=st.binary(min_size=32, max_size=32).filter(lambda material: len(set(material)) >= 8))
def test_any_random_key_is_taken(material):
    """
    Every key that `Fernet.generate_key` can reasonably give is taken, and its id does not tell it.
    """
    entry = urlsafe_b64encode(material).decode()
    ring = KeyRing([entry])

    assert len(ring.key_ids[0]) == 16
    assert ring.key_ids[0] not in material.hex()


def test_a_key_ring_shows_key_ids_and_no_key():
    """
    The repr of a ring names key ids; neither a key nor anything derived from one stands in it or in its parts.
    """
    ring = KeyRing([KEY, OTHER_KEY], read_fernet=True)
    shown = f"{ring!r} {ring} {vars(ring)!r}"

    assert f"KeyRing({', '.join(ring.key_ids)})" == repr(ring)
    for key in (KEY, OTHER_KEY):
        assert key not in shown
        assert urlsafe_b64decode(key).hex() not in shown
        assert repr(urlsafe_b64decode(key)) not in shown


@pytest.mark.parametrize(
    ("user", "text"),
    [
        (7, "7"),
        (-7, "-7"),
        ("ann", "ann"),
        (UUID("12345678-1234-5678-1234-567812345678"), "12345678-1234-5678-1234-567812345678"),
        (b"\x01\xff", "01ff"),
    ],
)
def test_a_user_id_has_one_text(user, text):
    """
    The text to which a value is bound is the same on every database and in every release.
    """
    assert text == user_text(user)


numbers = st.integers(0, 2**64 - 1)


@given(number=numbers, user=users)
def test_a_name_of_a_row_leads_back(number, user):
    """
    The name of a row leads back to its number, on every ring that has its key, and is the same each time.
    """
    name = RING.name_of(number, user)

    assert KeyRing([OTHER_KEY, KEY]).number_of(name, user) == number
    assert RING.name_of(number, user) == name


@given(number=numbers, user=users, other=users)
def test_a_name_of_a_row_is_its_users_and_keys(number, user, other):
    """
    The name of a row is none for another user, nor under another key, and tells nothing of its number: that of the
    next row has nothing in common with it.
    """
    name = RING.name_of(number, user)
    for ring, owned_by in [(RING, other), (KeyRing([OTHER_KEY]), user)]:
        if ring is not RING or user_text(other) != user_text(user):
            with pytest.raises(ValueError):  # noqa: PT011 - that is all it says
                ring.number_of(name, owned_by)
    alike = sum(one == another for one, another in zip(name, RING.name_of(number ^ 1, user), strict=True))

    assert alike < len(name) // 2


@pytest.mark.parametrize("name", ["", "=", "A", "AAAA", "x" * 24, "A" * 31 + "B", "A" * 64, "1", "\x00", "ä" * 32])
def test_what_is_no_name_of_a_row(name):
    """
    What was never a name of a row leads nowhere, nor does one that is spelled otherwise.
    """
    spelled_otherwise = RING.name_of(1, 7) + "\n"
    for text in (name, spelled_otherwise):
        with pytest.raises(ValueError):  # noqa: PT011 - that is all it says
            RING.number_of(text, 7)
