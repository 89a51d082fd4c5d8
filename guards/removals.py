"""The table of guards: which lines are taken away, what stands in their place, and which test must then fail."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
TABLE = Path(__file__).with_name("removals.toml")


@dataclass(frozen=True)
class Removal:
    """
    One guard, and how to take it away.

    Args:
        name: For `make guards ONLY=name`.
        guarantee: The guarantee that it stands for, by its number in the threat model; S14 for the allow-list.
        file: Where it stands, from the root of the tree.
        old: The text that is taken away; it occurs there once.
        new: What stands in its place.
        tests: The node ids of the tests of which each must fail without it.
    """

    name: str
    guarantee: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def applied(self, root: Path) -> str:
        """
        The text of its file without the guard.

        Raises:
            ValueError: The table has rotted: *old* does not occur exactly once.
        """
        text = (root / self.file).read_text()
        if (times := text.count(self.old)) != 1:
            message = f"{self.name}: its text occurs {times} times in {self.file}"
            raise ValueError(message)
        return text.replace(self.old, self.new)


def removals() -> list[Removal]:
    """The whole table."""
    rows = tomllib.loads(TABLE.read_text())["guard"]
    return [Removal(**{**row, "tests": tuple(row["tests"])}) for row in rows]


def named(only: Sequence[str]) -> list[Removal]:
    """
    The rows with these names; all of them where no name is given.

    Raises:
        KeyError: There is no guard of that name.
    """
    table = {removal.name: removal for removal in removals()}
    return [table[name] for name in only or table]
