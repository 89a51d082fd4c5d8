"""The table of attacks: every row is a test or has a reason, and every test is a row."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROWS = tomllib.loads((HERE / "rows.toml").read_text())["row"]

EXPECTED = {
    "A": [1, 2, 3, 4, 9, 10, 11, 12, 14, 15, 16, 17, 18],
    "B": [1, 6, 7, 8, 11, 12, 13, 15, 17, 18, 20, 21, 22, 23],
    "C": [1, 2, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16, 17, 18, 19],
    "D": [4, 5, 6, 7, 8, 9, 10],
    "E": [1, 3, 4, 7, 8, 11, 12, 16, 17, 18],
    "F": [1, 3, 4, 5, 6, 7, 8],
    "G": [1, 2, 3, 4, 8, 11],
    "I": [3, 5, 7, 10],
    "J": [2, 3, 4, 6],
}
"""The numbers of the rows of each group."""

LATER = {
    "H": ("trusted devices", [3, 6, 7]),
}
"""Rows of features that are not built; they come with them."""


def attacks_here() -> dict[str, str]:
    """Every test of an attack, with its docstring."""
    return {
        f"tests/attacks/{path.name}::{node.name}": ast.get_docstring(node) or ""
        for path in HERE.glob("test_?_*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def test_every_row_is_in_the_table():
    """
    The table has each row of the groups that are built once, in order, and no other.
    """
    later = {f"{group}{number}" for group, (_, numbers) in LATER.items() for number in numbers}

    assert [row["id"] for row in ROWS] == [f"{group}{number}" for group in EXPECTED for number in EXPECTED[group]]
    assert later.isdisjoint(row["id"] for row in ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_a_row_is_a_test_or_has_a_reason(row: dict[str, str]):
    """
    A row says where it was seen and what the cause was; it names its test, or says why there is none, and never both.
    """
    assert row.keys() in ({"id", "source", "cause", "test"}, {"id", "source", "cause", "not_applicable"})
    assert all(text.strip() for text in row.values())


def test_every_test_is_a_row():
    """
    Each test carries the id of its row in its name, stands in the file of its group, promises something, and is named
    by that row alone.
    """
    named = {row["test"]: row["id"].lower() for row in ROWS if "test" in row}

    assert sorted(named) == sorted(attacks_here())
    assert [test for test, row in named.items() if not re.search(rf"/test_{row[0]}_\w+\.py::test_{row}_\w", test)] == []
    assert [test for test, promise in attacks_here().items() if not promise] == []
