"""A QR code as an image that a page can show."""

import base64
import struct
import zlib

PIXELS_PER_MODULE = 6
QUIET_ZONE_MODULES = 4  # ISO/IEC 18004, 6.3.8
MASK = 3  # Any mask is a valid code; judging all eight takes four fifths of the time.


def qr_code_png(text: str) -> bytes:
    """The QR code of *text* as PNG, 1 bit a pixel, dark on light with its quiet zone."""
    # Loaded when the first one is drawn: most processes draw none.
    from qrcode.constants import ERROR_CORRECT_M  # noqa: PLC0415
    from qrcode.main import QRCode  # noqa: PLC0415

    code = QRCode(error_correction=ERROR_CORRECT_M, border=QUIET_ZONE_MODULES, mask_pattern=MASK)
    code.add_data(text)
    code.make(fit=True)
    return one_bit_png(code.get_matrix())


def qr_code_data_uri(text: str) -> str:
    """The same as `data:image/png;base64,...`, to stand in an `img` without another request."""
    return "data:image/png;base64," + base64.b64encode(qr_code_png(text)).decode()


def one_bit_png(matrix: list[list[bool]]) -> bytes:
    """
    A square of modules as PNG (RFC 2083): colour type 0, bit depth 1, one filter byte before each row.

    Args:
        matrix: Rows of modules, true where dark.
    """
    side = len(matrix) * PIXELS_PER_MODULE
    width_bytes = (side + 7) // 8
    pixels = ("1" * PIXELS_PER_MODULE, "0" * PIXELS_PER_MODULE)  # of a light module, and of a dark one
    rows = bytearray()
    for modules in matrix:
        bits = "".join([pixels[dark] for dark in modules])
        row = int(bits.ljust(width_bytes * 8, "1"), 2).to_bytes(width_bytes, "big")
        rows += (b"\0" + row) * PIXELS_PER_MODULE
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(rows))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
