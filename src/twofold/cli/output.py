"""What is printed: results on standard output, for people or as JSON; everything else on standard error."""

import codecs
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from io import TextIOWrapper
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

NOTHING = "-"
"""What stands where there is nothing to show."""

PLAIN = "\n"
"""What stands between the lines of JSON, and in none of its texts."""

WIDE = 160
"""Characters of a table that goes into a file."""


def print_json(value: object, *, lines: bool = False) -> None:
    """
    A value as JSON: dataclasses as objects, moments as RFC 3339 in UTC.

    Args:
        lines: On one line, as one of many.
    """
    can_write_all = codecs.lookup(sys.stdout.encoding or "ascii").name == "utf-8"
    text = json.dumps(value, default=_plain, ensure_ascii=not can_write_all, indent=None if lines else 2)
    # What a terminal would obey, or a reader could take for the end of a line, is written as JSON may write it.
    print("".join(each if each in PLAIN or each.isprintable() else _escaped(each) for each in text), flush=True)  # noqa: T201


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table for people; what stands in it cannot colour it, nor end a line."""
    table = Table(title=escape(title), title_justify="left")
    for place, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=place == 0)
    for row in rows:
        table.add_row(*(escape(shown(cell)) for cell in row))
    console = Console(emoji=False)
    # Where nobody watches there is no edge to keep within.
    console.print(table, width=None if console.is_terminal else WIDE, soft_wrap=not console.is_terminal)


def print_facts(facts: Mapping[str, object]) -> None:
    """Names and values, one a line."""
    width = max((len(name) for name in facts), default=0)
    for name, value in facts.items():
        print_line(f"{name:<{width}}  {shown(value)}")


def print_line(text: str) -> None:
    """One line on standard output."""
    Console(soft_wrap=True, highlight=False, markup=False, emoji=False).print(text)


def told_on_stderr(text: str) -> None:
    """One line for the person, beside what a program reads."""
    Console(stderr=True, soft_wrap=True, highlight=False, markup=False, emoji=False).print(text)


def write_what_can_be_written() -> None:
    """What the encoding of standard output lacks is written by its number from now on, and ends nothing."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def shown(value: object) -> str:
    """A value as people read it; control characters are not."""
    if value is None or value in ("", (), []):
        return NOTHING
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple | list):
        return ", ".join(shown(each) for each in value)
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in str(value))


def _escaped(character: str) -> str:
    return json.dumps(character)[1:-1]


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever json does not know
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value.hex() if isinstance(value, bytes) else str(value)
