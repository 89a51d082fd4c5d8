"""Key rotation as values: rows whose sealed values are to stand under another key, and how far it has come."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field

from twofold.core.sealing import KeyRing, Purpose, Sealed
from twofold.errors import CannotOpen

UNREADABLE = Sealed("")
"""Stands in place of a value that cannot even be read; as that one, it opens under no key."""


@dataclass(frozen=True)
class SealedRow:
    """
    The sealed values of one user.

    Args:
        values: By their purpose; those that are there, `UNREADABLE` among them.
    """

    user_id: Hashable
    values: Mapping[Purpose, Sealed] = field(repr=False)


@dataclass(frozen=True)
class Resealed:
    """
    New values in place of old ones, each to be stored only where the old one still stands (compare and swap).

    Args:
        changes: Old and new value, by their purpose; those that change.
        closed: Why others do not open; those stay as they are.
    """

    user_id: Hashable
    changes: Mapping[Purpose, tuple[Sealed, Sealed]] = field(repr=False)
    closed: tuple[CannotOpen, ...] = ()


def resealed(row: SealedRow, keys: KeyRing) -> Resealed:
    """A row as it is to stand under the writing key; a value that does not open keeps no other from getting there."""
    changes: dict[Purpose, tuple[Sealed, Sealed]] = {}
    closed: list[CannotOpen] = []
    for purpose, old in row.values.items():
        try:
            new = keys.reseal(old, purpose, row.user_id)
        except CannotOpen as error:
            closed.append(error)
            continue
        if new != old:
            changes[purpose] = (old, new)
    return Resealed(row.user_id, changes, tuple(closed))
