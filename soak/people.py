"""The people of a storm."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from twofold.core.totp import TotpSecret

PASSWORD = "correct horse battery staple"  # noqa: S105 - of people who do not exist


@dataclass
class Person:
    """
    Somebody in a storm.

    Args:
        secret: In their authenticator app, where they have one.
        sessions: Tokens of sessions that stay.
        fresh: Tokens of sessions that have proved nothing; each is used once.
    """

    id: int
    secret: TotpSecret | None = None
    backup_codes: tuple[str, ...] = ()
    sessions: list[str] = field(default_factory=list)
    fresh: list[str] = field(default_factory=list)

    @property
    def email(self) -> str:
        """Their address."""
        return f"{self.id}@example.com"


@dataclass(frozen=True)
class Cast:
    """
    Who takes part.

    Args:
        phones: Their right codes are replayed on every road.
        papers: Their backup codes are.
        guessed: Nobody ever types a right code for them.
        movers: They set up, switch off and change passwords; each belongs to one client.
    """

    phones: Sequence[Person]
    papers: Sequence[Person]
    guessed: Sequence[Person]
    movers: Sequence[Person]

    @property
    def everybody(self) -> list[Person]:
        """All of them."""
        return [*self.phones, *self.papers, *self.guessed, *self.movers]


@dataclass(frozen=True)
class Numbers:
    """How many of each, and how many fresh sessions each of the phones has."""

    phones: int = 8
    papers: int = 30
    guessed: int = 30
    movers: int = 24
    fresh: int = 60
