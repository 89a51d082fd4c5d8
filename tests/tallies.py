"""What is counted at the end of a run: tables that name a test for each of their rows."""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from compliance.clauses import counts, standards

HERE = Path(__file__).parent


class Line(Protocol):
    """What is said of one table at the end of a run."""

    def line(self, outcomes: Mapping[str, Sequence[str]]) -> str | None: ...


@dataclass(frozen=True)
class Tally:
    """
    One table, and the line that is printed about it.

    Args:
        label: What the table is of.
        unit: What is counted, and that it was run.
        tests: The tests of each row.
        not_applicable: How many rows have a reason in place of a test.
    """

    label: str
    unit: str
    tests: Mapping[str, Sequence[str]]
    not_applicable: int

    def line(self, outcomes: Mapping[str, Sequence[str]]) -> str | None:
        """
        How many rows ran, and passed in all their cases; nothing where none was to run.

        Args:
            outcomes: The ids of the tests that ended in each way: `passed`, or anything else.
        """
        ended = _tests_by(outcomes)
        other = set().union(*(tests for outcome, tests in ended.items() if outcome != "passed"))
        passed = ended.get("passed", set())
        if not any((passed | other) & set(tests) for tests in self.tests.values()):
            return None
        run = sum(set(tests) <= passed - other for tests in self.tests.values())
        of_all = "" if run == len(self.tests) else f" of {len(self.tests)}"
        return f"{self.label}: {run}{of_all} {self.unit}, {self.not_applicable} not applicable"


class Clauses:
    """The clauses of `compliance/`, of which one is not covered that a failed test should have shown."""

    def line(self, outcomes: Mapping[str, Sequence[str]]) -> str | None:
        """How many are covered as far as this run can tell; nothing where none of their tests was run."""
        ended = _tests_by(outcomes)
        shown_by = {test for standard in standards() for clause in standard.met for test in clause.tests}
        if shown_by.isdisjoint(set().union(*ended.values())):
            return None
        whole, told = counts(), counts(frozenset(ended.get("failed", set()) | ended.get("error", set())))
        parts = [
            f"{number}{'' if number == whole[what] else f' of {whole[what]}'} {what}" for what, number in told.items()
        ]
        return f"compliance: {', '.join(parts)}"


def _tests_by(outcomes: Mapping[str, Sequence[str]]) -> dict[str, set[str]]:
    return {outcome: {_test_of(test) for test in tests} for outcome, tests in outcomes.items()}


def _test_of(node_id: str) -> str:
    """The id of a test without its case, and without the group that xdist hangs on."""
    return node_id.partition("[")[0].partition("@")[0]


def attacks() -> Tally:
    """The rows of `tests/attacks`."""
    rows = tomllib.loads((HERE / "attacks" / "rows.toml").read_text())["row"]
    tests = {row["id"]: [row["test"]] for row in rows if "test" in row}
    return Tally("attacks", "rows run", tests, len(rows) - len(tests))


TALLIES: list[Callable[[], Line]] = [attacks, Clauses]
"""Each prints one line."""
