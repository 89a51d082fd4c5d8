"""Signing in, from the right password to the session: a table of states."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from twofold.core.enrollment import Enrollment
from twofold.core.events import SUCCESS
from twofold.core.policy import Policy
from twofold.errors import CodeAlreadyUsed, FactorDisabled, InvalidCode, Locked


class SignInState(StrEnum):
    """Where a sign-in stands once the password was right."""

    PENDING = "pending"
    SIGNED_IN = "signed_in"
    DEAD = "dead"


EXPIRED = "expired"
OUTLIVED = "outlived"

TRANSITIONS: dict[tuple[SignInState, str], SignInState] = {
    (SignInState.PENDING, SUCCESS): SignInState.SIGNED_IN,
    (SignInState.PENDING, InvalidCode.slug): SignInState.PENDING,
    (SignInState.PENDING, CodeAlreadyUsed.slug): SignInState.PENDING,
    (SignInState.PENDING, Locked.slug): SignInState.PENDING,
    (SignInState.PENDING, FactorDisabled.slug): SignInState.PENDING,
    (SignInState.PENDING, EXPIRED): SignInState.DEAD,
    (SignInState.PENDING, OUTLIVED): SignInState.DEAD,
}
"""What follows from what happened to a pending sign-in. What is not here follows from nothing: it is dead (G6)."""


def state_after(state: SignInState, happening: str) -> SignInState:
    """Where a sign-in stands after *happening*: the slug of an outcome, `expired` or `outlived`."""
    return TRANSITIONS.get((state, happening), SignInState.DEAD)


@dataclass(frozen=True)
class PendingSignIn:
    """
    A right password whose second factor is still to come.

    Args:
        token_hash: The hash of its handle, the sign-in token.
        epoch: The user's epoch when the password was right.
        expires_at: The moment at which it dies by itself.
    """

    token_hash: str = field(repr=False)
    user_id: Hashable
    epoch: int
    expires_at: datetime

    def state_at(self, at: datetime, enrollment: Enrollment, policy: Policy) -> SignInState:
        """Whether it is still pending at the moment *at*, for the user as he is now."""
        if not policy.lasts(self.expires_at, policy.sign_in_life, at):
            return state_after(SignInState.PENDING, EXPIRED)
        # The one guard of G6 against a change of factor or password in between.
        if self.epoch != enrollment.epoch or self.user_id != enrollment.user_id:
            return state_after(SignInState.PENDING, OUTLIVED)
        return SignInState.PENDING

    def state_after(self, outcome: str) -> SignInState:
        """Where it stands after a proof with this outcome."""
        return state_after(SignInState.PENDING, outcome)
