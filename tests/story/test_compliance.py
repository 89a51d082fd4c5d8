"""What the page of compliance says is there: each test, each setting, each number, and no clause twice."""

import ast
import re
from collections import Counter
from dataclasses import fields
from functools import cache
from pathlib import Path

import pytest

from compliance.clauses import LEVELS, SOURCES, Met, NotYet, contradictions, standards
from compliance.numbers import UNITS, cited_in, numbers
from compliance.page import page
from guards.removals import removals
from twofold.core import policy
from twofold.core.policy import Policy

ROOT = Path(__file__).parents[2]
STANDARDS = standards()
CLAUSES = [clause for standard in STANDARDS for clause in standard.clauses]
MET = [clause for clause in CLAUSES if isinstance(clause, Met)]
RULED = [clause for clause in CLAUSES if isinstance(clause, Met | NotYet)]
FIELDS = {field.name: field for field in fields(Policy)}
STANDARD_OF = {"AAL2": "NIST SP 800-63B-4", "PCI_DSS": "PCI DSS 4.0.1"}


@cache
def promises_in(file: str) -> dict[str, str]:
    """The tests of a file, each with its docstring."""
    tree = ast.parse((ROOT / file).read_text()) if (ROOT / file).exists() else ast.Module([], [])
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {each.name: ast.get_docstring(each) or "" for each in functions if each.name.startswith("test_")}


def promise_of(test: str) -> str:
    """The docstring of a test by its node id; nothing where there is no such test."""
    file, _, name = test.partition("::")
    return promises_in(file).get(name, "")


@cache
def variables() -> set[str]:
    """The variables of the environment that `Settings` reads."""
    tree = ast.parse((ROOT / "src" / "twofold" / "settings.py").read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func)[:7] == "reader."]
    return {str(name.value) for call in calls for name in call.args[:1] if isinstance(name, ast.Constant)}


def citations() -> list[tuple[str, str]]:
    """Each clause that `core/policy.py` gives as the origin of a number, with the number."""
    found = [(place, each.name) for each in numbers() for place in cited_in(*each.origins)]
    source = Path(policy.__file__).read_text()
    for profile, body in re.findall(r"^(\w+) = replace\((.*?)^\)", source, re.DOTALL | re.MULTILINE):
        for name, comment in re.findall(r"^    (\w+)=.*?  # (.*)$", body, re.MULTILINE):
            places = re.findall(r"\b\d+(?:\.\d+)+\b", comment.replace(STANDARD_OF[profile], ""))
            found += [(f"{STANDARD_OF[profile]}, {place}", name) for place in places]
    return sorted(set(found))


def test_the_page_is_what_is_written_now():
    """
    docs/compliance.md is what the clauses and the numbers say; after a change of either `make compliance` writes it.
    """
    now, stored = page().splitlines(), (ROOT / "docs" / "compliance.md").read_text().splitlines()

    assert [line for line in now if line not in stored] == [], "make compliance"
    assert [line for line in stored if line not in now] == []
    assert now == stored


def test_no_clause_stands_twice():
    """
    A clause stands in one table, under its own standard; one that asks several things stands there for each of them.
    """
    several = {name for name, times in Counter(clause.place for clause in CLAUSES).items() if times > 1}
    elsewhere = [each.id for one in STANDARDS[:3] for each in one.clauses if not each.id.startswith(f"{one.title}, ")]

    assert [name for name, times in Counter(clause.id for clause in CLAUSES).items() if times > 1] == []
    assert elsewhere == []
    assert len(several) > 5


def test_a_clause_says_everything():
    """
    Each clause has its degree, how it is known, what it asks, and what becomes of it; the one that is met has tests.
    """
    texts = [(each.id, text) for each in CLAUSES for text in vars(each).values() if isinstance(text, str)]

    assert {clause.level for clause in CLAUSES} <= set(LEVELS)
    assert {clause.source for clause in CLAUSES} <= set(SOURCES)
    assert [name for name, text in texts if not text or "|" in text or "\n" in text] == []
    assert [clause.id for clause in MET if not clause.tests or len(set(clause.tests)) < len(clause.tests)] == []


def test_each_test_is_there_and_promises_something():
    """
    A test that is named stands in its file, and says what it promises.
    """
    named = {test for row in (*MET, *contradictions()) for test in row.tests}

    assert [test for test in sorted(named) if not promise_of(test)] == []
    assert len(named) > 100


def test_what_may_be_said_is_met():
    """
    Each clause that may be spoken of has a row among those that are met.
    """
    met = {clause.place for clause in MET}
    said = {
        place if place.startswith("RFC") else f"{one.title}, {place}"
        for one in STANDARDS
        for place in re.findall(
            r"RFC \d+|Art\. [0-9]+\(\d\)\(\w\)|\b\d+(?:\.\d+)+\b", one.may_say.replace(one.title, "")
        )
    }

    assert len(said) > 8
    assert [place for place in said if not any(each.startswith(place) for each in met)] == []


@pytest.mark.parametrize("name", ["replay-resistance", "exceptions", "not-claimed"])
def test_what_a_page_for_assessors_names_is_there(name: str):
    """
    Each test on a page for assessors stands in its file and promises something; so does each guard and each storm.
    """
    text = (ROOT / "docs" / f"{name}.md").read_text()
    tests = [f"{file}::{test}" for test, file in re.findall(r"\[`(test_\w+)`\]\(\.\./(\S+\.py)\)", text)]
    guards, storms = {removal.name for removal in removals()}, (ROOT / "soak" / "storms.py").read_text()

    assert [test for test in tests if not promise_of(test)] == []
    assert len(tests) == text.count("[`test_") > 1
    assert set(re.findall(r"ONLY=(\S+)", text)) <= guards
    assert [storm for storm in re.findall(r"STORM=(\S+)", text) if f'"{storm}"' not in storms] == []


def test_each_setting_is_one():
    """
    What is called a setting is a number of the policy or a variable that is read.
    """
    named = [(name, clause.id) for clause in RULED for name in clause.settings]

    assert [pair for pair in named if pair[0] not in {*FIELDS, *variables()}] == []
    assert {"ENCRYPTION_KEY", "cap"} <= {name for name, _ in named}


def test_each_origin_of_a_number_has_its_clause():
    """
    A clause that `core/policy.py` gives as the origin of a number is on the page, and names that number.
    """
    told = {(clause.place, name) for clause in RULED for name in clause.settings}

    assert [pair for pair in citations() if pair not in told] == []
    assert len(citations()) > 20


def test_each_number_has_unit_and_origin():
    """
    Every field of the policy is on the page, with its unit and where it comes from.
    """
    assert ["name", *(each.name for each in numbers())] == list(FIELDS)
    assert set(UNITS) == {name for name, field in FIELDS.items() if field.type is int}
    assert all(each.meaning and each.origins for each in numbers())
