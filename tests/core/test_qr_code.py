"""The QR code: what a reader finds in it, and what sort of image it is."""

import base64
import struct
import zlib

import pytest
from qrcode.constants import ERROR_CORRECT_M
from qrcode.main import QRCode

from tests.qr_reader import read_qr_code
from twofold.core.qr_code import MASK, PIXELS_PER_MODULE, QUIET_ZONE_MODULES, one_bit_png, qr_code_data_uri, qr_code_png
from twofold.core.totp import TotpSecret, checked_issuer, otpauth_uri

SECRET = TotpSecret("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
LONGEST = TotpSecret("A" * 103, "SHA512", 8, 120)
URI = otpauth_uri(SECRET, issuer="Acme & Söhne", account="ann+1@example.com")


def header(png: bytes) -> tuple[int, ...]:
    """Width, height, bit depth, colour type, compression, filter and interlace method."""
    return struct.unpack(">IIBBBBB", png[16:29])


def pixels(png: bytes) -> list[str]:
    """The rows of the image as text, `0` for dark, without the padding at their end."""
    side = header(png)[0]
    end = png.index(b"IEND") - 8
    rows = zlib.decompress(png[png.index(b"IDAT") + 4 : end])
    width = 1 + (side + 7) // 8
    filters = {rows[start] for start in range(0, len(rows), width)}
    assert filters == {0}
    return [
        "".join(f"{byte:08b}" for byte in rows[start + 1 : start + width])[:side]
        for start in range(0, len(rows), width)
    ]


@pytest.mark.parametrize(
    "uri",
    [
        pytest.param(URI, id="usual"),
        pytest.param(otpauth_uri(SECRET, issuer="A", account=""), id="shortest"),
        pytest.param(otpauth_uri(LONGEST, issuer="I" * 128, account="a" * 128), id="longest ASCII"),
        pytest.param(otpauth_uri(SECRET, issuer="アクメ株式会社", account="\N{WAVING HAND SIGN}" * 128), id="emoji"),
    ],
)
def test_a_reader_finds_the_uri(uri):
    """
    A QR reader of somebody else's reads exactly the text that was put in.
    """
    found = read_qr_code(qr_code_png(uri))

    assert uri == found


@pytest.mark.parametrize("issuer", ["I", "I" * 128, "& " * 50, "\u00e9" * 50, "ア" * 33, "\N{WAVING HAND SIGN}" * 25])
@pytest.mark.parametrize("account", ["", "a" * 10_000, "ア" * 10_000, "\N{WAVING HAND SIGN}" * 10_000])
def test_whatever_issuer_is_taken_has_a_qr_code(issuer, account):
    """
    With every issuer that is allowed and any account at all the text fits a QR code.
    """
    png = qr_code_png(otpauth_uri(LONGEST, issuer=checked_issuer(issuer), account=account))

    assert png.startswith(b"\x89PNG")


def test_the_image_has_one_bit_a_pixel():
    """
    The image is a square PNG of 1 bit a pixel in greys, so that no image library is needed to make it.
    """
    width, height, *kind = header(qr_code_png(URI))

    assert width == height
    assert kind == [1, 0, 0, 0, 0]


def test_the_chunks_of_the_image_are_whole():
    """
    The image is header, data and end, each with its right checksum, and nothing after it.
    """
    png, place, kinds = qr_code_png(URI), 8, []
    while place < len(png):
        (length,) = struct.unpack(">I", png[place : place + 4])
        kind, data = png[place + 4 : place + 8], png[place + 8 : place + 8 + length]
        (checksum,) = struct.unpack(">I", png[place + 8 + length : place + 12 + length])
        kinds.append((kind, checksum == zlib.crc32(kind + data)))
        place += 12 + length

    assert kinds == [(b"IHDR", True), (b"IDAT", True), (b"IEND", True)]


def test_the_image_shows_the_modules_on_a_light_ground():
    """
    Each module is a square of pixels, dark on light, and four light modules stand around them.
    """
    png = qr_code_png(URI)
    rows = pixels(png)
    quiet = QUIET_ZONE_MODULES * PIXELS_PER_MODULE
    modules = [row[::PIXELS_PER_MODULE] for row in rows[::PIXELS_PER_MODULE]]

    assert {"1" * len(rows)} == {*rows[:quiet], *rows[-quiet:]}
    assert {"1" * quiet} == {row[:quiet] for row in rows} | {row[-quiet:] for row in rows}
    assert [
        "".join(module * PIXELS_PER_MODULE for module in row) for row in modules for _ in range(PIXELS_PER_MODULE)
    ] == rows
    # The finder pattern of the upper left corner begins with seven dark modules.
    assert modules[QUIET_ZONE_MODULES][QUIET_ZONE_MODULES:].startswith("00000001")


def test_the_mask_is_fixed():
    """
    The same text gives the same image each time, with the mask that we chose and error correction M.
    """
    expected = QRCode(error_correction=ERROR_CORRECT_M, border=QUIET_ZONE_MODULES, mask_pattern=MASK)
    expected.add_data(URI)
    masks = {qr_code_png(URI) for _ in range(3)}

    assert {one_bit_png(expected.get_matrix())} == masks
    assert MASK == 3


@pytest.mark.parametrize("side", [1, 2, 3, 4, 5, 8, 21])
def test_a_matrix_of_any_side_becomes_its_image(side):
    """
    Rows whose pixels do not fill their last byte are padded, and read as they were meant.
    """
    matrix = [[(row * column + row) % 3 == 0 for column in range(side)] for row in range(side)]
    rows = pixels(one_bit_png(matrix))

    assert [
        "".join("01"[not dark] * PIXELS_PER_MODULE for dark in row) for row in matrix for _ in range(PIXELS_PER_MODULE)
    ] == rows


def test_the_data_uri_is_the_image():
    """
    The data URI stands in an `img` and holds the same bytes.
    """
    uri = qr_code_data_uri(URI)

    assert uri.startswith("data:image/png;base64,")
    assert qr_code_png(URI) == base64.b64decode(uri.removeprefix("data:image/png;base64,"), validate=True)
