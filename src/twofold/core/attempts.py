"""Failures in a row: what they cost, and until when one waits."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from twofold.core.factors import Factor
from twofold.core.policy import Policy

ALL_FACTORS = "all"
"""The name of the one count of a policy that has only one."""

PASSWORDS = "passwords"
"""The name of that part of the one count which wrong passwords made."""


def wait_after(failures: int, policy: Policy) -> timedelta:
    """How long to wait after so many failures in a row: nothing, then doubling up to the longest wait (G4)."""
    doublings = failures - policy.first_wait_at
    if doublings < 0:
        return timedelta(0)
    # The exponent is bounded so that a count of any size cannot overflow.
    return min(policy.first_wait * (1 << min(doublings, 16)), policy.longest_wait)


def count_of(factor: Factor, policy: Policy) -> str:
    """The name of the count on which a failure of *factor* goes."""
    return ALL_FACTORS if policy.one_count else factor.value


def counts(factor: Factor, policy: Policy) -> bool:
    """Whether a failure of *factor* is counted: nobody guesses the answer of a key, so those only where all are."""
    return policy.one_count or factor is not Factor.WEBAUTHN


def waits(factor: Factor, policy: Policy) -> bool:
    """Whether a wait holds *factor* back: guessable codes only, or everything where there is one count."""
    return policy.one_count or factor is Factor.TOTP


@dataclass(frozen=True)
class Attempts:
    """
    The failures in a row of each count, and until when one waits.

    Args:
        failures: Failures in a row by the name of their count.
        locked_until: The moment from which one attempt is free again.
    """

    failures: Mapping[str, int] = field(default_factory=dict)
    locked_until: datetime | None = None

    def failures_of(self, factor: Factor, policy: Policy) -> int:
        """Failures in a row that count against *factor*."""
        return self.failures.get(count_of(factor, policy), 0)

    def capped(self, factor: Factor, policy: Policy) -> bool:
        """
        Whether *factor* is dead until enrolled anew (NIST SP 800-63B-4, 3.2.2: after failures of this factor).

        A wrong password is none of its failures: whoever knows an address could kill a phone with it.
        """
        passwords = self.failures.get(PASSWORDS, 0) if policy.one_count else 0
        return self.failures_of(factor, policy) - passwords >= policy.cap

    def wait_of(self, factor: Factor, at: datetime, policy: Policy) -> datetime | None:
        """Until when *factor* must wait at the moment *at*, if it must."""
        if self.locked_until is None or not waits(factor, policy):
            return None
        return self.locked_until if policy.lasts(self.locked_until, policy.longest_wait, at) else None

    def failed(self, factor: Factor, at: datetime, policy: Policy) -> "Attempts":
        """One more failure of *factor*: the count grows where it is counted, and may set a wait."""
        if not counts(factor, policy):
            return self
        failures = self.failures_of(factor, policy) + 1
        counted = replace(self, failures={**self.failures, count_of(factor, policy): failures})
        wait = wait_after(failures, policy)
        if not wait or not waits(factor, policy):
            return counted
        return replace(counted, locked_until=at + wait)

    def unlocked(self) -> "Attempts":
        """The wait is over; the counts stay, which only a success begins again (G4)."""
        return replace(self, locked_until=None)

    def wait_of_user(self, at: datetime, policy: Policy) -> datetime | None:
        """Until when nobody signs in as this user at all, where there is one count."""
        return self.wait_of(Factor.TOTP, at, policy) if policy.one_count else None

    def password_failed(self, at: datetime, policy: Policy) -> "Attempts":
        """A wrong password: one more on the one count, where there is one (PCI DSS 4.0.1, 8.3.4)."""
        if not policy.one_count:
            return self
        counted = self.failed(Factor.TOTP, at, policy)  # of whichever factor: the count is the same
        passwords = self.failures.get(PASSWORDS, 0) + 1
        return replace(counted, failures={**counted.failures, PASSWORDS: passwords})

    def password_sufficed(self, policy: Policy) -> "Attempts":
        """Somebody without a second factor has signed in: the one count, where there is one, begins again."""
        return self.succeeded(Factor.TOTP, policy) if policy.one_count else self

    def renewed(self, factor: Factor, policy: Policy) -> "Attempts":
        """*factor* was enrolled anew: a count of its own begins again; the one count of all factors does not."""
        return self if policy.one_count else self.succeeded(factor, policy)

    def succeeded(self, factor: Factor, policy: Policy) -> "Attempts":
        """A success of *factor*: its own count begins again, no other (NIST SP 800-63B-4, 3.2.2)."""
        own = {count_of(factor, policy)} | ({PASSWORDS} if policy.one_count else set())
        others = {name: count for name, count in self.failures.items() if name not in own}
        return Attempts(others, None if waits(factor, policy) else self.locked_until)
