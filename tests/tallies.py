"""What is counted at the end of a run: tables that name a test for each of their rows."""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent


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
        ended = {outcome: {_test_of(test) for test in tests} for outcome, tests in outcomes.items()}
        other = set().union(*(tests for outcome, tests in ended.items() if outcome != "passed"))
        passed = ended.get("passed", set())
        if not any((passed | other) & set(tests) for tests in self.tests.values()):
            return None
        run = sum(set(tests) <= passed - other for tests in self.tests.values())
        of_all = "" if run == len(self.tests) else f" of {len(self.tests)}"
        return f"{self.label}: {run}{of_all} {self.unit}, {self.not_applicable} not applicable"


def _test_of(node_id: str) -> str:
    """The id of a test without its case, and without the group that xdist hangs on."""
    return node_id.partition("[")[0].partition("@")[0]


def attacks() -> Tally:
    """The rows of `tests/attacks`."""
    rows = tomllib.loads((HERE / "attacks" / "rows.toml").read_text())["row"]
    tests = {row["id"]: [row["test"]] for row in rows if "test" in row}
    return Tally("attacks", "rows run", tests, len(rows) - len(tests))


TALLIES: list[Callable[[], Tally]] = [attacks]
"""Each prints one line."""
