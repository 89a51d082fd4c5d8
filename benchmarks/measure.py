"""CPU time of a process, and figures with their spread."""

import os
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its threads so far, from /proc (proc(5): utime and stime)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def against_each_other(
    rounds: int, one: Callable[[], float], other: Callable[[], float]
) -> tuple[list[float], float, float]:
    """Measure the two in turn, so many times: their ratios, and the mean of each."""
    pairs = [(one(), other()) for _ in range(rounds)]
    means = [statistics.fmean(each) for each in zip(*pairs, strict=True)]
    return [ours / theirs for ours, theirs in pairs], means[0], means[1]


@dataclass(frozen=True)
class Figure:
    """
    One measured figure.

    Args:
        name: `P1` and so on.
        what: In words.
        values: One a round, all from one run.
        target: What it is to be.
        at_most: Whether the target is an upper bound.
        notes: Whatever else is printed beside it.
    """

    name: str
    what: str
    values: Sequence[float]
    target: float
    at_most: bool = True
    notes: str = ""

    @property
    def ratio(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.values)

    @property
    def met(self) -> bool:
        """Whether the median is on the right side of the target."""
        return self.ratio <= self.target if self.at_most else self.ratio >= self.target

    def as_json(self) -> dict[str, Any]:
        """The figure, for `results.json`."""
        return {
            "ratio": round(self.ratio, 3),
            "spread": [round(min(self.values), 3), round(max(self.values), 3)],
            "target": self.target,
            "met": self.met,
            "rounds": len(self.values),
            "what": self.what,
            "notes": self.notes,
        }

    def as_row(self) -> str:
        """The figure, for the table."""
        sign = "<=" if self.at_most else ">="
        spread = f"{min(self.values):.2f} to {max(self.values):.2f}"
        told = "met" if self.met else "MISSED"
        cells = (self.name, self.what, f"{self.ratio:.2f}", spread, f"{sign} {self.target:g}", told, self.notes)
        return f"| {' | '.join(cells)} |"
