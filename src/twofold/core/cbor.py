"""CBOR as security keys write it, looked at before anybody builds anything of it."""

BYTES, TEXT, TAG = 2, 3, 6
"""Major types (RFC 8949, 3.1)."""

LONGEST = 27
"""The last of the lengths that are said; behind it are those that are not, and what is reserved (RFC 8949, 3)."""

SIZES = {24: 1, 25: 2, 26: 4, 27: 8}
"""Bytes that say a number which does not fit beside its type."""


def refuse_tags(data: bytes) -> None:
    """
    Refuse what no key writes (CTAP 2.1, 8: canonical CBOR): tags, and lengths that are not said.

    A tag is a program: 760 bytes of tagged CBOR make a parser compute for hours, and others make it write gigabytes.
    Items follow each other, so what is inside of one needs no look of its own, and however deep they are costs nothing.

    Raises:
        ValueError: There is one, or the data end within an item.
    """
    at = 0
    while at < len(data):
        major, short = data[at] >> 5, data[at] & 31
        at += 1
        size = SIZES.get(short, 0)
        number = int.from_bytes(data[at : at + size], "big") if size else short
        at += size
        if major == TAG or short > LONGEST:
            raise ValueError
        at += number if major in {BYTES, TEXT} else 0
    if at > len(data):
        raise ValueError
