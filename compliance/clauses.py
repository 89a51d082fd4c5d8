"""The clauses of each standard, as they are written beside this file: one file a standard."""

import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ORDER = ("nist_sp_800_63b_4", "pci_dss_4_0_1", "asvs_5_0", "rfcs", "gdpr")
LEVELS = ("MUST", "SHOULD", "MAY", "L3", "LAW")
SOURCES = {"read": "", "quoted": "read in quotation", "memory": "not checked against the primary text"}
"""How a clause is known, and what the page says of it."""


@dataclass(frozen=True, kw_only=True)
class Clause:
    """
    What one clause asks, and how it stands with us.

    Args:
        id: The standard and the clause; where a clause asks several things, which of them, behind a colon.
        level: `MUST`, `SHOULD` or `MAY`; `L3` for what OWASP ASVS asks at level 3 alone; `LAW`.
        source: How it is known, see `SOURCES`.
        asks: In our words, with the standard's numbers.
    """

    id: str
    level: str
    source: str = "read"
    asks: str

    @property
    def standard(self) -> str:
        """The standard with its version."""
        return self.id.partition(", ")[0]

    @property
    def place(self) -> str:
        """The clause within its standard, without what a colon adds."""
        return self.id.partition(":")[0]


@dataclass(frozen=True, kw_only=True)
class Met(Clause):
    """
    A clause that is met, as far as *does* says.

    Args:
        does: What we do.
        settings: Fields of `Policy` and variables of the environment that rule it.
        tests: The node ids of the tests that show it.
    """

    does: str
    settings: tuple[str, ...] = ()
    tests: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class NotYet(Clause):
    """
    A clause that is not met, or not wholly.

    Args:
        reason: What is missing.
        settings: As of `Met`; what is there already.
    """

    reason: str
    settings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Yours(Clause):
    """
    A clause that only who runs the application can meet.

    Args:
        do: What to do.
    """

    do: str


@dataclass(frozen=True, kw_only=True)
class Standard:
    """
    One standard.

    Args:
        title: As it is cited.
        about: What it is, and in which version and state it was read.
        may_say: What is true.
        may_not_say: What is not, and why.
    """

    title: str
    about: str
    may_say: str
    may_not_say: tuple[str, ...]
    met: tuple[Met, ...]
    not_yet: tuple[NotYet, ...]
    yours: tuple[Yours, ...]

    @cached_property
    def clauses(self) -> tuple[Clause, ...]:
        """All of them."""
        return (*self.met, *self.not_yet, *self.yours)


@dataclass(frozen=True, kw_only=True)
class Contradiction:
    """
    What standards ask of us and cannot have all at once, and how it is settled.

    Args:
        profiles: By the name of the profile.
    """

    about: str
    says: str
    profiles: dict[str, str]
    tests: tuple[str, ...]


def contradictions() -> list[Contradiction]:
    """All of them."""
    written = tomllib.loads((HERE / "contradictions.toml").read_text())["contradiction"]
    return [Contradiction(**_frozen(row)) for row in written]


def _standard(name: str) -> Standard:
    written = tomllib.loads((HERE / f"{name}.toml").read_text())
    kinds: dict[str, type[Clause]] = {"met": Met, "not_yet": NotYet, "yours": Yours}
    for kind, made in kinds.items():
        written[kind] = tuple(made(**_frozen(row)) for row in written.get(kind, []))
    return Standard(**_frozen(written))


def _frozen(row: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}


def standards() -> list[Standard]:
    """
    All standards, in the order of the page.

    Raises:
        TypeError: A clause has a field too few or too many.
    """
    return [_standard(name) for name in ORDER]


def counts(failed: frozenset[str] = frozenset()) -> dict[str, int]:
    """
    How many clauses stand how.

    Args:
        failed: Tests that failed, without their cases; a clause that one of them shows is not covered.
    """
    every = standards()
    return {
        "clauses covered": sum(failed.isdisjoint(clause.tests) for standard in every for clause in standard.met),
        "not yet": sum(len(standard.not_yet) for standard in every),
        "yours": sum(len(standard.yours) for standard in every),
    }
