"""CBOR of keys, looked at before a parser is let near it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twofold.core.cbor import refuse_tags

PLAIN = {
    "an attestation": bytes.fromhex("a363666d74646e6f6e656761747453746d74a068617574684461746143010203"),
    "numbers of every length": bytes.fromhex("85001818190100 1a00010000 1b0000000100000000".replace(" ", "")),
    "a tag inside of bytes": bytes.fromhex("42d81e"),
    "nothing": b"",
    "words without a length": bytes.fromhex("83f4f5f6"),
}
TAGGED = {
    "a fraction": bytes.fromhex("d81e82 6a 31653330303030303030 f6".replace(" ", "")),
    "shared": bytes.fromhex("d81c80"),
    "inside of a map": bytes.fromhex("a1 01 c1 00".replace(" ", "")),
    "a short tag": bytes.fromhex("c000"),
    "no length": bytes.fromhex("9f00ff"),
    "bytes without a length": bytes.fromhex("5f4101ff"),
    "a reserved length": b"\x1c",
    "cut short": bytes.fromhex("42ff"),
    "cut within its length": b"\x59\x01",
}


def passes(data: bytes) -> bool:
    try:
        refuse_tags(data)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("data", PLAIN.values(), ids=PLAIN)
def test_what_keys_write_passes(data: bytes):
    """
    Maps, arrays, numbers, texts and bytes of a length that is said pass, whatever stands in the bytes.
    """
    assert passes(data)


@pytest.mark.parametrize("data", TAGGED.values(), ids=TAGGED)
def test_tags_and_unsaid_lengths_are_refused(data: bytes):
    """
    CTAP 2.1, section 8: no key writes a tag, nor a length that is not said; what ends too early is no CBOR.
    """
    assert not passes(data)


@given(st.binary(max_size=300))
def test_a_tag_is_found_wherever_it_stands(data: bytes):
    """
    Whatever stands before a tag, it is refused; and any bytes at all pass or are refused, nothing else.
    """
    assert passes(data) in {True, False}
    assert not passes(data + b"\xc0\x00") or not passes(data)
