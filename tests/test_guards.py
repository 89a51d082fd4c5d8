"""The table of `make guards` has not rotted; that each guard is caught, `make guards` itself says."""

import ast
import re
from importlib import import_module

import pytest

from guards.removals import ROOT, Removal, removals
from guards.trial import cases_of

TABLE = removals()


@pytest.mark.parametrize("removal", TABLE, ids=lambda removal: removal.name)
def test_a_guard_can_be_taken_away(removal: Removal):
    """
    The text of a guard stands in its file once, what is left without it is Python, and it is not the same.
    """
    left = removal.applied(ROOT)

    assert ast.dump(ast.parse(left)) != ast.dump(ast.parse((ROOT / removal.file).read_text()))


@pytest.mark.parametrize("test", sorted({test.partition("[")[0] for removal in TABLE for test in removal.tests}))
def test_a_test_that_is_named_is_there(test: str):
    """
    Each test that a guard names can be found, in its file, and in its class where it has one.
    """
    file, *names = test.split("::")
    found = import_module(file.removesuffix(".py").replace("/", "."))
    for name in names:
        found = getattr(found, name)

    assert names[-1].startswith("test_")
    assert callable(found)


def test_a_guard_has_a_name_of_its_own():
    """
    No two guards have one name, each stands for a guarantee or for the allow-list, and each has one to three tests.
    """
    names = [removal.name for removal in TABLE]

    assert sorted(set(names)) == sorted(names)
    assert all(re.fullmatch(r"G([1-9]|1[0-7])|S14", removal.guarantee) for removal in TABLE)
    assert {len(removal.tests) for removal in TABLE} <= {1, 2, 3}


def test_cases_belong_to_their_test():
    """
    A test stands for all its cases, a case for itself, and neither for a test whose name goes on.
    """
    told = {"a.py::test_x[1]": "PASSED", "a.py::test_x[10]": "FAILED", "a.py::test_xy": "ERROR"}

    assert cases_of("a.py::test_x", told) == ["PASSED", "FAILED"]
    assert cases_of("a.py::test_x[1]", told) == ["PASSED"]
