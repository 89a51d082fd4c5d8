"""Bodies of requests, and everything that can be wrong with one."""

import json
from typing import Any

JSON = {"Content-Type": "application/json"}
TOO_LARGE = 65_537

WRONG_TYPES = {
    "null": "null",
    "true": "true",
    "false": "false",
    "integer": "123456",
    "float": "1.5",
    "exponent": "1e5",
    "beyond-floats": "1e400",
    "below-floats": "-1e400",
    "array": "[]",
    "array-of-codes": '["123456", "234567"]',
    "object": "{}",
    "operator": '{"$ne": 1}',
    "deep-array": "[" * 10_000 + "]" * 10_000,
    "deep-object": '{"a":' * 10_000 + "1" + "}" * 10_000,
    "unfinished-depth": "[" * 60_000,
    "huge-integer": "1" * 10_000,
    "huge-negative": "-" + "1" * 10_000,
    "NaN": "NaN",
    "Infinity": "Infinity",
    "-Infinity": "-Infinity",
    "leading-zero": "012345",
    "no-value": "",
    "python": "'123456'",
    "control-character": '"12345\x00"',
    "line-break-inside": '"123\n456"',
}
"""Values that are not a JSON string, or no JSON at all."""

SURROGATES = {
    "high": r'"\ud83d"',
    "low": r'"\ude00"',
    "reversed": r'"\ude00\ud83d"',
    "among-digits": r'"123\ud83d456"',
}
"""Strings of JSON that are no text of Unicode."""

NO_BOOLEANS = {name: text for name, text in WRONG_TYPES.items() if name not in {"true", "false"}} | {
    "yes": '"yes"',
    "one": "1",
    "zero": "0",
    "empty-string": '""',
    "true-as-string": '"true"',
}
"""Values that are no boolean."""

NO_CODES = {
    "empty": "",
    "five-digits": "12345",
    "seven-digits": "1234567",
    "nine-digits": "123456789",
    "full-width": "１２３４５６",  # noqa: RUF001 - the point of it
    "arabic-indic": "١٢٣٤٥٦",
    "superscript": "¹²³⁴⁵⁶",
    "mathematical": "𝟏𝟐𝟑𝟒𝟓𝟔",  # noqa: RUF001 - the point of it
    "roman": "ⅠⅡⅢⅣⅤⅥ",
    "plus": "+123456",
    "plus-of-five": "+12345",
    "minus": "-123456",
    "minus-of-five": "-12345",
    "NUL-inside": "123\x00456",
    "NUL-after": "123456\x00",
    "line-break": "123456\n",
    "carriage-return": "123456\r\n",
    "tabulator": "\t123456",
    "no-break-space": "\u00a0123456",
    "em-space": "123\u2003456",
    "zero-width-space": "123\u200b456",
    "byte-order-mark": "\ufeff123456",
    "two-gaps": "12 34 56",
    "wide-gap": "123  456",
    "two-hyphens": "123--456",
    "hyphen-before": "-123456",
    "dash": "123–456",  # noqa: RUF001 - the point of it
    "hexadecimal": "0x1234",
    "underscore": "1_2345",
    "exponent": "1234e2",
    "point": "123.456",
    "comma": "123,456",
    "letters": "abcdef",
    "letter-O": "12345O",
    "several": "123456,234567",
    "format": "%d%d%d",
    "SQL": "1' OR '1'='1",
    "long": "1" * 60_000,
    "long-with-spaces": " " * 60_000 + "123456",
}
"""Strings that can be neither a code nor a backup code."""

NO_BACKUP_CODES = NO_CODES | {
    "code": "123456",
    "23-characters": "0123-4567-89AB-CDEF-GHJK-MNP",
    "25-characters": "0123-4567-89AB-CDEF-GHJK-MNPQ-R",
    "letter-U": "U123-4567-89AB-CDEF-GHJK-MNPQ",
    "long-s": "0123-4567-89AB-CDEF-GHJK-MNP\u017f",
    "kelvin": "0123-4567-89AB-CDEF-GHJK-MNP\u212a",
    "punctuation": "0123.4567.89AB.CDEF.GHJK.MNPQ",
}
"""Strings that cannot be a backup code."""

STRANGE_STRINGS = {
    "empty": "",
    "space": " ",
    "NUL": "\x00",
    "text-and-NUL": "somebody\x00@example.com",
    "other-script": "ánn@exämple.com",
    "emoji": "🙂🙂🙂🙂🙂🙂🙂🙂",
    "SQL": "' OR 1=1 --",
    "template": "{{7*7}}${7*7}",
    "path": "../../etc/passwd",
    "line-breaks": "a\r\nSet-Cookie: a=b",
    "right-to-left": "\u202ea@b\u202c",
    "1024-characters": "x" * 1024,
    "percent": "%00%0a%s%n",
}
"""Strings that are a possible token, address or password, however unlikely."""


def with_field(body: dict[str, Any], field: str, text: str) -> bytes:
    """*body* as JSON, in which *field* has a value of this text."""
    others = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in body.items() if name != field]
    return ("{" + ", ".join([*others, f"{json.dumps(field)}: {text}"]) + "}").encode("utf-8", "surrogatepass")


def malformed(body: dict[str, Any]) -> dict[str, bytes]:
    """What no JSON parser, or not ours, takes for the one object that *body* is; with its name."""
    text, field = json.dumps(body), next(iter(body))
    value = json.dumps(body[field])
    others = text[1:]
    return {
        "truncated": text[:-1].encode(),
        "truncated-string": text[: len(text) // 2].encode(),
        "trailing-comma": (text[:-1] + ",}").encode(),
        "trailing-text": (text + " x").encode(),
        "two-objects": (text * 2).encode(),
        "duplicate-key": f'{{"{field}": {value}, {others}'.encode(),
        "duplicate-key-escaped": f'{{"\\u{ord(field[0]):04x}{field[1:]}": {value}, {others}'.encode(),
        "unknown-field": f'{{"admin": true, {others}'.encode(),
        "unknown-field-of-a-user": f'{{"user_id": 1, {others}'.encode(),
        "unknown-secret": f'{{"secret": "JBSWY3DPEHPK3PXP", {others}'.encode(),
        "force": f'{{"force": true, {others}'.encode(),
        "method-override": f'{{"_method": "DELETE", {others}'.encode(),
        "prototype": f'{{"__proto__": {{}}, {others}'.encode(),
        "empty-key": f'{{"": 1, {others}'.encode(),
        "surrogate-key": f'{{"\\ud800": 1, {others}'.encode(),
        "array": f"[{text}]".encode(),
        "string": json.dumps(text).encode(),
        "number": b"1",
        "null": b"null",
        "true": b"true",
        "huge-integer": b"1" * 10_000,
        "NaN": b"NaN",
        "whitespace": b" \n\t ",
        "NUL": b"\x00",
        "NUL-after": text.encode() + b"\x00",
        "byte-order-mark": b"\xef\xbb\xbf" + text.encode(),
        "UTF-16": text.encode("utf-16"),
        "UTF-16-LE": text.encode("utf-16-le"),
        "UTF-32": text.encode("utf-32"),
        "invalid-UTF-8": text[:-1].encode() + b', "x": "\xff"}',
        "overlong-UTF-8": text[:-1].encode() + b', "x": "\xc0\x80"}',
        "encoded-surrogate": text[:-1].encode() + b', "x": "\xed\xa0\x80"}',
        "deep-array": b"[" * 10_000 + b"]" * 10_000,
        "deep-object": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        "unfinished-depth": b'{"a":' * 10_000,
        "single-quotes": text.replace('"', "'").encode(),
        "comment": text.encode() + b"// comment",
        "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
        "largest": text[:-1].encode() + b"," + b" " * (TOO_LARGE - 2 - len(text)) + b"}",
    }


OTHER_TYPES = {
    "missing": None,
    "empty": "",
    "text": "text/plain",
    "text-as-JSON": "text/json",
    "form": "application/x-www-form-urlencoded",
    "multipart": "multipart/form-data; boundary=x",
    "octets": "application/octet-stream",
    "XML": "application/xml",
    "two": "text/plain, application/json",
    "javascript": "application/javascript",
    "longer": "application/json2",
    "shorter": "application/jso",
    "no-slash": "json",
    "quoted": '"application/json"',
}
"""Content types that are no JSON, as they are sent over a body that is."""
