"""What a run says at its end of the tables it has run."""

import pytest

from compliance.clauses import counts, standards
from tests.tallies import Clauses, Tally

TALLY = Tally("attacks", "rows run", {"A1": ["a.py::test_a1"], "A2": ["a.py::test_a2"]}, 3)


@pytest.mark.parametrize(
    ("outcomes", "line"),
    [
        ({"passed": ["a.py::test_a1", "a.py::test_a2"]}, "attacks: 2 rows run, 3 not applicable"),
        (
            {"passed": ["a.py::test_a1[x]@races", "a.py::test_a1[y]@races", "a.py::test_a2@a.py"]},
            "attacks: 2 rows run, 3 not applicable",
        ),
        ({"passed": ["a.py::test_a1", "b.py::test_b"]}, "attacks: 1 of 2 rows run, 3 not applicable"),
        (
            {"passed": ["a.py::test_a1[x]", "a.py::test_a2"], "failed": ["a.py::test_a1[y]"]},
            "attacks: 1 of 2 rows run, 3 not applicable",
        ),
        ({"skipped": ["a.py::test_a1"]}, "attacks: 0 of 2 rows run, 3 not applicable"),
        ({"passed": ["b.py::test_b"], "failed": []}, None),
        ({}, None),
    ],
    ids=["all", "under-xdist", "some", "a-case-that-failed", "skipped", "others", "nothing"],
)
def test_a_row_is_run_when_all_its_cases_passed(outcomes: dict[str, list[str]], line: str | None):
    """
    A row counts when it ran and all its cases passed; a run that is not about the table says nothing of it.
    """
    assert line == TALLY.line(outcomes)


def test_a_clause_is_covered_unless_a_test_of_it_failed():
    """
    A clause counts whose tests passed or did not run; a failed case of one of its tests takes it out.
    """
    met = [clause for standard in standards() for clause in standard.met]
    test, number = met[0].tests[0], len(met)
    without = number - sum(test in clause.tests for clause in met)
    rest = f", {counts()['not yet']} not yet, {counts()['yours']} yours"

    assert Clauses().line({"passed": [f"{test}[a case]@a"]}) == f"compliance: {number} clauses covered{rest}"
    assert [
        Clauses().line({"passed": [f"{test}[one]"], outcome: [f"{test}[a case]@a"]}) for outcome in ("failed", "error")
    ] == [f"compliance: {without} of {number} clauses covered{rest}"] * 2
    assert Clauses().line({"passed": ["tests/else.py::test_something"], "failed": []}) is None
