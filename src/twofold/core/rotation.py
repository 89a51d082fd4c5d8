"""Key rotation as values: rows whose sealed values are to stand under another key, and how far it has come."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field

from twofold.core.sealing import KeyRing, Purpose, Sealed


@dataclass(frozen=True)
class SealedRow:
    """
    The sealed values of one user.

    Args:
        values: By their purpose; those that are there.
    """

    user_id: Hashable
    values: Mapping[Purpose, Sealed] = field(repr=False)


@dataclass(frozen=True)
class Resealed:
    """
    New values in place of old ones, each to be stored only where the old one still stands (compare and swap).

    Args:
        changes: Old and new value, by their purpose; those that change.
    """

    user_id: Hashable
    changes: Mapping[Purpose, tuple[Sealed, Sealed]] = field(repr=False)


def resealed(row: SealedRow, keys: KeyRing) -> Resealed:
    """
    A row as it is to stand under the writing key.

    Raises:
        CannotOpen: One of its values does not open.
    """
    anew = {purpose: (old, keys.reseal(old, purpose, row.user_id)) for purpose, old in row.values.items()}
    return Resealed(row.user_id, {purpose: pair for purpose, pair in anew.items() if pair[0] != pair[1]})
