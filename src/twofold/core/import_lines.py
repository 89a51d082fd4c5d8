"""The lines of files that are imported: a list of URIs, or CSV."""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from twofold.core.imports import Brought, account_of, secret_of, step_of, uri_of
from twofold.core.policy import MAX_LINE_BYTES
from twofold.errors import RowRefused

PARAMETERS = ["algorithm", "digits", "period"]
COLUMNS = {"account", "secret", "otpauth", "last_used_step", *PARAMETERS}
"""What the columns of a CSV file may be called."""


@dataclass(frozen=True)
class Line:
    """
    One line of a file.

    Args:
        raw: Its bytes; nothing where there are too many of them.
    """

    number: int
    raw: bytes | None = field(repr=False)

    def text(self) -> str:
        """
        The line as text, without its end.

        Raises:
            RowRefused: It is too long, not UTF-8, or has characters that no text has.
        """
        if self.raw is None:
            raise RowRefused(f"The line has more than {MAX_LINE_BYTES} bytes.")
        try:
            text = self.raw.decode().removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError:
            raise RowRefused("The line is not UTF-8.") from None
        if not text.replace("\t", " ").isprintable():
            raise RowRefused("The line has characters that cannot be printed.")
        return text


def lines_of(read_line: Callable[[int], bytes]) -> Iterator[Line]:
    """
    The lines of a file that are not blank; of each at most so much is in memory as a line may have.

    Args:
        read_line: Gives the next line, of at most so many bytes: `file.readline`.
    """
    number = 0
    while piece := read_line(MAX_LINE_BYTES + 1):
        number += 1
        if number == 1:
            piece = piece.removeprefix(b"\xef\xbb\xbf")  # the mark that some programs put before UTF-8
        whole = len(piece) <= MAX_LINE_BYTES
        while len(piece) > MAX_LINE_BYTES and not piece.endswith(b"\n"):
            piece = read_line(MAX_LINE_BYTES + 1)
        if not whole or piece.strip():
            yield Line(number, piece if whole else None)


def line_of(text: str) -> Brought:
    """
    One line of a list of URIs: the URI, or the account, a tab, and the URI.

    Raises:
        RowRefused: It cannot be taken over.
    """
    account, tab, uri = text.partition("\t")
    if not tab:
        return uri_of(text)
    brought = uri_of(uri)
    return Brought(brought.secret, account_of(account))


def csv_reader(header: str) -> Callable[[str], Brought]:
    """
    What reads the lines of a CSV file.

    Args:
        header: Its first line, which names the columns.

    Raises:
        RowRefused: It does not name those that are needed, or names one that is not known.
    """
    columns = [cell.strip().lower() for cell in _cells_of(header)]
    known = set(columns) <= COLUMNS and len(set(columns)) == len(columns)
    if not known or not ({"account", "secret"} <= set(columns) or "otpauth" in columns):
        raise RowRefused(
            "The first line must name the columns, with commas between: account and secret, or otpauth; besides "
            "algorithm, digits, period and last_used_step may stand there, and nothing else."
        )

    def read(line: str) -> Brought:
        cells = _cells_of(line)
        if len(cells) != len(columns):
            raise RowRefused("The line has more cells than the first one, or fewer.")
        return _row_of({name: cell.strip() for name, cell in zip(columns, cells, strict=True) if cell.strip()})

    return read


def _cells_of(line: str) -> list[str]:
    try:
        return next(csv.reader([line], strict=True))
    except csv.Error:
        raise RowRefused("The line is not CSV with commas; a cell must end on its line.") from None


def _row_of(cells: dict[str, str]) -> Brought:
    parameters = {name: cells[name] for name in PARAMETERS if name in cells}
    last_step = step_of(cells.get("last_used_step", "0"))
    if "otpauth" not in cells:
        return Brought(secret_of(cells.get("secret", ""), parameters), account_of(cells.get("account", "")), last_step)
    if parameters or "secret" in cells:
        raise RowRefused("The line gives secret, algorithm, digits or period beside a URI, which has its own.")
    brought = uri_of(cells["otpauth"])
    return Brought(brought.secret, account_of(cells.get("account", brought.account or "")), last_step)
