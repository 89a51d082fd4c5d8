"""What is printed: by whom it was chosen, and where it goes, changes nothing of it."""

import json
import sys
from io import BytesIO, TextIOWrapper

import pytest

from twofold.cli.output import (
    print_facts,
    print_json,
    print_line,
    print_table,
    told_on_stderr,
    write_what_can_be_written,
)

ODD = "2001:db8:a:100:ab::b tenant:key:1 ticket :o: [bold]x[/]"
"""An address, an id and a reason, with what some take for little pictures, or for colours."""
CONTROLS = "a\x1b]0;b\x07c\x9b31md\u2028e\u202ef\x7fg"


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch):
    """Begins to catch what is printed in an encoding; tells it."""

    def begin(encoding: str = "utf-8"):
        file = BytesIO()
        monkeypatch.setattr(sys, "stdout", TextIOWrapper(file, encoding=encoding, write_through=True))
        return lambda: file.getvalue().decode(encoding)

    return begin


def test_nothing_is_a_picture(printed, capsys: pytest.CaptureFixture[str]):
    """
    Parts of an id, an account, an address or a reason are no emoji, in tables as in lines.
    """
    told = printed()
    print_line(ODD)
    print_facts({"facts": ODD})
    print_table("of :key:", (":a:",), [(ODD,)])
    told_on_stderr(ODD)

    assert told().count(ODD) == 3
    assert ("of :key:" in told(), ":a:" in told()) == (True, True)
    assert ODD in capsys.readouterr().err


def test_no_terminal_obeys_json(printed):
    """
    Whatever a terminal would obey is escaped in JSON, in its texts and names, and reads as it was.
    """
    told = printed()
    print_json({CONTROLS: [CONTROLS, "Zo\u00eb \N{WAVING HAND SIGN}", "\ud800"]}, lines=True)

    assert told().removesuffix("\n").isprintable()
    assert "Zo\u00eb \N{WAVING HAND SIGN}" in told()
    assert json.loads(told()) == {CONTROLS: [CONTROLS, "Zo\u00eb \N{WAVING HAND SIGN}", "\ud800"]}


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_what_cannot_be_written_ends_nothing(printed, encoding: str):
    """
    Where standard output is in an encoding that lacks a letter it is written by its number; JSON stays JSON.
    """
    told = printed(encoding)
    write_what_can_be_written()
    print_line("\N{REPLACEMENT CHARACTER} \N{WAVING HAND SIGN}")
    print_table("\N{REPLACEMENT CHARACTER}", ("key",), [("\N{WAVING HAND SIGN}",)])
    before = len(told())
    print_json({"account": "\N{WAVING HAND SIGN}\u00e9"})

    assert told().startswith("\\ufffd \\U0001f44b\n")
    assert json.loads(told()[before:]) == {"account": "\N{WAVING HAND SIGN}\u00e9"}
