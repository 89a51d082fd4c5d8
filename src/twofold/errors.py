"""
Everything that can go wrong, drawn once.

TwofoldError
├── ConfigurationError          the host put something together wrongly
│   └── KeyInUse                a key that cannot be taken away
├── Unavailable                 store or key out of reach: nothing was done
│   └── CannotOpen              a stored value does not open
├── InvalidRequest              malformed before anything was looked at
│   ├── MalformedCode           what was typed cannot be a code
│   └── RowRefused              what another application kept cannot be taken over
├── RateLimited                 too many wrong passwords: this one was not looked at
├── ProofRefused                a proof was looked at and not accepted
│   ├── InvalidCode             wrong or expired
│   │   ├── ClockOff            of another time: the phone's clock is off
│   │   └── InvalidKey          the answer of a key that is not the user's, or is wrong
│   │       └── KeyCopied       its counter went back: there are two of it
│   ├── CodeAlreadyUsed         right, but not for the first time
│   │   └── ClockMovedBack      newer codes were accepted while the clock was ahead
│   ├── Locked                  too many failures: wait
│   └── FactorDisabled          the cap was reached: enroll anew
├── Conflict                    the user's enrollment is in another state
│   ├── AlreadyEnabled
│   ├── NotEnabled
│   ├── NoSetupPending
│   ├── AlreadyRegistered       a key that somebody has registered
│   ├── TooManyKeys
│   └── LastFactor              it is not removed, but two-factor authentication disabled
├── Unauthenticated             the 401s
│   ├── NotSignedIn
│   │   └── SessionsOwed        the session is one of those that are to end first
│   ├── SignInFailed
│   ├── SignInTokenDead
│   └── StepUpRequired
├── Forbidden
│   └── SecondFactorNotSetUp
└── NotFound
    └── UnknownUser

The text of an error is meant for the person in front of the screen: it says what to do next, and never holds a
secret, a code or what was sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar


@dataclass(frozen=True)
class AddressLimit:
    """
    How many wrong passwords one client address has left.

    Args:
        quota: Wrong passwords within a window.
        window: Its seconds.
        remaining: How many are left in this one.
        reset: The whole seconds until the next one begins.
    """

    quota: int
    window: int
    remaining: int
    reset: int


class TwofoldError(Exception):
    """
    Anything that this library refuses or cannot do.

    Attributes:
        address_limit: Where a password was refused, what its client's address has left; never of an account.
    """

    slug: ClassVar[str] = "error"
    detail: ClassVar[str] = "The request could not be carried out."
    address_limit: AddressLimit | None = None

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail or self.detail)


class ConfigurationError(TwofoldError):
    """The host put something together wrongly; the text says what to write instead."""

    slug = "configuration"


class KeyInUse(ConfigurationError):
    """A key cannot be taken out of `ENCRYPTION_KEY`; the text says why."""


class Unavailable(TwofoldError):
    """Store or key out of reach, or the request waits for itself; nothing was done."""

    slug = "unavailable"
    detail = "This cannot be checked at the moment. Nothing was changed; please try again shortly."


class CannotOpen(Unavailable):
    """A stored value does not open: wrong row or purpose, a flipped bit, or a missing key."""


class InvalidRequest(TwofoldError):
    """
    What was sent is malformed; nothing was looked at and nothing counted.

    Args:
        errors: One entry for each fault, `{"field": ..., "message": ...}`, never with what was sent.
    """

    slug = "invalid-request"
    detail = "The request is malformed."

    def __init__(self, detail: str | None = None, *, errors: Sequence[dict[str, str]] = ()) -> None:
        super().__init__(detail)
        self.errors = tuple(errors)


class MalformedCode(InvalidRequest):
    """What was typed cannot be a code; it was not compared with anything."""


class RowRefused(InvalidRequest):
    """What another application kept of one person cannot be taken over; the text says why, and holds nothing of it."""


class RateLimited(TwofoldError):
    """
    Too many wrong passwords, of this account or from this client address: this one was not looked at.

    Args:
        retry_after: The whole seconds until it is worth another try; for an account always its whole window.
        address_limit: What the client's address has left.
    """

    slug = "rate-limited"
    detail = "Too many wrong passwords. Wait before you try again."

    def __init__(self, retry_after: int, address_limit: AddressLimit | None = None) -> None:
        super().__init__()
        self.retry_after = retry_after
        self.address_limit = address_limit


class ProofRefused(TwofoldError):
    """A proof was looked at and not accepted."""


class InvalidCode(ProofRefused):
    """The code is wrong or expired; one generic answer for both."""

    slug = "invalid-code"
    detail = "That code is not right. Wait for the next one in your authenticator app and type it in."


class ClockOff(InvalidCode):
    """
    The code is of another time; told only to the session that began the set-up, which has seen the secret.

    Args:
        seconds: By how many the phone's clock is ahead, to a time step; negative where it is behind.
    """

    def __init__(self, seconds: int) -> None:
        about = abs(seconds)
        fast = (
            f"Your phone's clock is about {about} seconds fast. Let the phone set its time by itself, and type the "
            "next code."
        )
        slow = (
            f"Your phone's clock is about {about} seconds slow. Let the phone set its time by itself, and type the "
            "next code."
        )
        super().__init__(fast if seconds > 0 else slow)
        self.seconds = seconds


class InvalidKey(InvalidCode):
    """The answer of a key that is not the user's, or not right; one generic answer for all of it."""

    detail = "That key was not accepted. Try again, with a key that is registered to this account."


class KeyCopied(InvalidKey):
    """A key's signature counter went back (WebAuthn Level 3, 6.1.1): there may be two of it."""

    detail = (
        "That key was not accepted: its counter went back, so that there may be a copy of it. Sign in in another way, "
        "remove the key, and ask the operator if you do not know why."
    )


class CodeAlreadyUsed(ProofRefused):
    """A right code again; not counted as a failure."""

    slug = "code-already-used"
    detail = "That code was used already. Wait for the next one."


class ClockMovedBack(CodeAlreadyUsed):
    """Codes from the future were accepted while the server's clock was ahead; none is accepted again until then."""

    detail = (
        "The server's clock was ahead when a code was last accepted, so this one counts as used. "
        "Sign in with a backup code and set up the authenticator app again, or ask the operator for help."
    )


class Locked(ProofRefused):
    """
    Too many failures in a row: nothing is looked at before *until*.

    Args:
        until: The moment from which one attempt is free again.
        retry_after: The whole seconds till then, from the moment of the refusal.
        methods: The names of the factors that are open meanwhile.
    """

    slug = "locked"
    detail = "Too many wrong codes. Wait before you try again, or use another method."

    def __init__(self, until: datetime, retry_after: int, methods: Sequence[str] = ()) -> None:
        super().__init__()
        self.until = until
        self.retry_after = retry_after
        self.methods = tuple(methods)


class FactorDisabled(ProofRefused):
    """The cap of failures in a row was reached (NIST SP 800-63B-4, 3.2.2): the factor is dead until enrolled anew."""

    slug = "factor-disabled"
    detail = (
        "This method was switched off after too many wrong codes. Use another method and set this one up again, "
        "or ask the operator for help."
    )


class Conflict(TwofoldError):
    """The user's enrollment is in another state than the request supposes."""


class AlreadyEnabled(Conflict):
    """An authenticator app is on already, and replacing it was not asked for."""

    slug = "already-enabled"
    detail = "An authenticator app is set up already. To move to a new phone, ask to replace it."


class NotEnabled(Conflict):
    """The user has no second factor."""

    slug = "not-enabled"
    detail = "Two-factor authentication is not on."


class NoSetupPending(Conflict):
    """No set-up is waiting for its first code, or it has expired."""

    slug = "no-setup-pending"
    detail = "No set-up is waiting for a code. Start the set-up again."


class AlreadyRegistered(Conflict):
    """The key is registered, to this user or to another."""

    slug = "already-registered"
    detail = "This key is registered already. Use another one."


class TooManyKeys(Conflict):
    """The user has as many keys as the policy allows."""

    slug = "too-many-keys"
    detail = "No more keys can be registered. Remove one that you do not use any more."


class LastFactor(Conflict):
    """The last factor is not removed, but two-factor authentication disabled."""

    slug = "last-factor"
    detail = "This is your last second factor. Add another one first, or turn two-factor authentication off."


class Unauthenticated(TwofoldError):
    """The 401s."""


class NotSignedIn(Unauthenticated):
    """No session, or a dead one."""

    slug = "not-signed-in"
    detail = "You are not signed in. Sign in and try again."


class SessionsOwed(NotSignedIn):
    """
    All sessions of this user are to end first (G8), this one among them.

    Args:
        debt: What is owed, to be cleared after they were ended.
    """

    def __init__(self, debt: int) -> None:
        super().__init__()
        self.debt = debt


class SignInFailed(Unauthenticated):
    """Unknown address or wrong password: one answer for both."""

    slug = "sign-in-failed"
    detail = "That address and password do not go together. Look at both and try again."


class SignInTokenDead(Unauthenticated):
    """The pending sign-in is unknown, expired, used, or outlived by a change of factor or password."""

    slug = "sign-in-token-dead"
    detail = "This sign-in has ended. Start again with your password."


class StepUpRequired(Unauthenticated):
    """
    The session's second factor is missing or too old (RFC 9470).

    Args:
        max_age: How old, in seconds, the second factor may be.
        methods: The names of the factors that the user has.
    """

    slug = "step-up-required"
    detail = "Confirm with your second factor to go on."

    def __init__(self, max_age: int, methods: Sequence[str] = ()) -> None:
        super().__init__()
        self.max_age = max_age
        self.methods = tuple(methods)


class Forbidden(TwofoldError):
    """This session may not do that."""

    slug = "forbidden"
    detail = "This is not allowed."


class SecondFactorNotSetUp(Forbidden):
    """The route asks for a second factor, and the user has none."""

    slug = "second-factor-not-set-up"
    detail = "This needs two-factor authentication. Set it up first."


class NotFound(TwofoldError):
    """There is no such thing, or it is another user's."""

    slug = "not-found"
    detail = "There is nothing here."


class UnknownUser(NotFound):
    """The store has no user of this id."""
