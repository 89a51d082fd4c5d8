"""What the threat model names is there: each guarantee, each guard and each test."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from guards.removals import removals

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "threat-model.md").read_text()
ROWS = {
    cells[0]: cells[1:]
    for line in TEXT.splitlines()
    if re.match(r"\| [GS]\d", line)
    for cells in [[cell.strip() for cell in line.strip("|").split("|")]]
}
BUILT = [*(f"G{number}" for number in (*range(1, 15), 16, 17)), "S14"]


@cache
def functions_in(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def named_in(cell: str) -> list[tuple[str, str]]:
    """The functions in a cell, each with its file."""
    return re.findall(r"`([\w/]+\.py)::(\w+)`", cell)


def test_every_guarantee_has_its_row():
    """
    Each guarantee that is built has one row, in order, with its sentence, its guards and its tests.
    """
    assert list(ROWS) == BUILT
    assert re.findall(r"^\| ([GS]\d+) ", TEXT, re.MULTILINE) == BUILT
    assert {len(cells) for cells in ROWS.values()} == {3}


@pytest.mark.parametrize("guarantee", BUILT)
def test_guards_and_tests_are_there(guarantee: str):
    """
    Each guard stands in its file, and each test, which proves something beside the code, in its own.
    """
    _, guards, tests = ROWS[guarantee]
    named = {"src": named_in(guards), "tests": named_in(tests)}

    assert [(file, name) for pairs in named.values() for file, name in pairs if name not in functions_in(file)] == []
    assert {file.partition("/")[0] for file, _ in named["src"]} <= {"src", "backend"}
    assert {file.partition("/")[0] for file, _ in named["tests"]} == {"tests"}
    assert all(name.startswith("test_") for _, name in named["tests"])
    assert len(named["src"]) == guards.count("::")
    assert len(named["tests"]) == tests.count("::")


def test_every_guarantee_has_guards_that_can_be_taken_away():
    """
    `make guards` has a row for each guarantee that is built, and none for another.
    """
    assert {removal.guarantee for removal in removals()} == set(BUILT)


def test_every_column_is_looked_at():
    """
    Each column and each table of ours stands in the table of what a dump betrays.
    """
    tables = (ROOT / "src" / "twofold" / "sqlalchemy" / "tables.py").read_text()
    columns = re.findall(r"^    (t\w+): Mapped", tables, re.MULTILINE)
    own = re.findall(r'"(twofold_\w+)"', tables)
    at_rest = TEXT.partition("## Data at rest")[2].partition("\n## ")[0]

    assert len(columns) == 12
    assert [name for name in (*columns, *own) if f"`{name}`" not in at_rest] == []
