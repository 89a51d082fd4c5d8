"""What happened and what went wrong, in words for the person in front of the screen."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from twofold.core.events import UNREADABLE, EventKind
from twofold.core.factors import Factor
from twofold.core.webauthn import NOT_A_CREDENTIAL
from twofold.errors import (
    CodeAlreadyUsed,
    FactorDisabled,
    Forbidden,
    InvalidCode,
    InvalidRequest,
    Locked,
    NotFound,
    NotSignedIn,
    RateLimited,
    TwofoldError,
    Unavailable,
)
from twofold.fastapi.errors import Problem, problem_of
from twofold.service.events import ListedEvent
from twofold.web.languages import msgid

Gettext = Callable[[str], str]

EVENTS: dict[tuple[str, ...], str] = {
    (EventKind.SET_UP_STARTED,): msgid("The set-up of an authenticator app was started."),
    (EventKind.FACTOR_ENROLLED,): msgid("A second factor was added."),
    (EventKind.FACTOR_ENROLLED, Factor.TOTP): msgid("An authenticator app was set up."),
    (EventKind.FACTOR_ENROLLED, Factor.WEBAUTHN): msgid("A key was added."),
    (EventKind.SECOND_FACTOR_DISABLED,): msgid("Two-factor authentication was turned off."),
    (EventKind.BACKUP_CODES_REGENERATED,): msgid("New backup codes were made; the old ones stopped working."),
    (EventKind.PASSWORD_ACCEPTED,): msgid("Somebody who knows your password was asked for a second factor."),
    (EventKind.PASSWORD_REFUSED,): msgid("A wrong password was typed."),
    (EventKind.PASSWORD_REFUSED, Locked.slug): msgid("Somebody tried to sign in while your account had to wait."),
    (EventKind.PASSWORD_CHANGED,): msgid("Your password was changed."),
    (EventKind.SIGNED_IN,): msgid("You signed in with your password alone."),
    (EventKind.SIGNED_IN, Factor.TOTP): msgid("You signed in with your authenticator app."),
    (EventKind.SIGNED_IN, Factor.BACKUP_CODE): msgid("You signed in with a backup code."),
    (EventKind.SIGNED_IN, Factor.WEBAUTHN): msgid("You signed in with a key."),
    (EventKind.STEPPED_UP,): msgid("You confirmed that it is you."),
    (EventKind.STEPPED_UP, Factor.TOTP): msgid("You confirmed with your authenticator app that it is you."),
    (EventKind.STEPPED_UP, Factor.BACKUP_CODE): msgid("You confirmed with a backup code that it is you."),
    (EventKind.STEPPED_UP, Factor.WEBAUTHN): msgid("You confirmed with a key that it is you."),
    (EventKind.SESSION_ENDED,): msgid("You ended a session on one of your devices."),
    (EventKind.KEY_RENAMED,): msgid("A key was given another name."),
    (EventKind.KEY_REMOVED,): msgid("A key was removed."),
    (EventKind.SIGN_COUNT_REGRESSED,): msgid(
        "A key was refused because there may be a copy of it. Remove it if you do not know why."
    ),
    (EventKind.SECOND_FACTOR_RESET,): msgid("An administrator removed your second factor."),
    (EventKind.SECRET_IMPORTED,): msgid("Your authenticator app was taken over from another application."),
    (EventKind.UNLOCKED,): msgid("An administrator ended the wait after too many wrong codes."),
    (EventKind.ADMIN_REFUSED,): msgid("You were refused where only administrators may go."),
    (EventKind.ROLE_GRANTED,): msgid("You became an administrator."),
    (EventKind.ROLE_REVOKED,): msgid("You are not an administrator any more."),
    (EventKind.CODE_ACCEPTED,): msgid("A code was typed and accepted."),
    (EventKind.CODE_ACCEPTED, Factor.TOTP): msgid("A code from your authenticator app was typed and accepted."),
    (EventKind.CODE_ACCEPTED, Factor.BACKUP_CODE): msgid("A backup code was typed and accepted."),
    (EventKind.CODE_ACCEPTED, Factor.WEBAUTHN): msgid("A key was touched and accepted."),
    (EventKind.CODE_REFUSED,): msgid("A code was refused."),
    (EventKind.CODE_REFUSED, Factor.WEBAUTHN): msgid("A key was refused."),
    (EventKind.CODE_REFUSED, InvalidCode.slug): msgid("A wrong code was typed."),
    (EventKind.CODE_REFUSED, InvalidCode.slug, Factor.BACKUP_CODE): msgid("A wrong backup code was typed."),
    (EventKind.CODE_REFUSED, InvalidCode.slug, Factor.WEBAUTHN): msgid("A key was refused."),
    (EventKind.CODE_REFUSED, CodeAlreadyUsed.slug): msgid("A code was typed that had been used already."),
    (EventKind.CODE_REFUSED, CodeAlreadyUsed.slug, Factor.BACKUP_CODE): msgid(
        "A backup code was typed that had been used already."
    ),
    (EventKind.CODE_REFUSED, Locked.slug): msgid(
        "A code was typed while no code was looked at, after too many wrong ones."
    ),
    (EventKind.CODE_REFUSED, FactorDisabled.slug): msgid(
        "A code was typed for a method that was switched off after too many wrong ones."
    ),
    (EventKind.VALUE_UNREADABLE,): msgid("Your second factor could not be read. The operator was told."),
    (UNREADABLE,): msgid("This entry cannot be read."),
}
"""By kind, and where it makes a difference by outcome and factor."""

EVENTS_OF_OTHERS: dict[tuple[str, ...], str] = {
    (EventKind.PASSWORD_ACCEPTED,): msgid("Somebody who knows the password was asked for a second factor."),
    (EventKind.PASSWORD_REFUSED, Locked.slug): msgid("Somebody tried to sign in while the account had to wait."),
    (EventKind.PASSWORD_CHANGED,): msgid("The password was changed."),
    (EventKind.SIGNED_IN,): msgid("Signed in with the password alone."),
    (EventKind.SIGNED_IN, Factor.TOTP): msgid("Signed in with the authenticator app."),
    (EventKind.SIGNED_IN, Factor.BACKUP_CODE): msgid("Signed in with a backup code."),
    (EventKind.SIGNED_IN, Factor.WEBAUTHN): msgid("Signed in with a key."),
    (EventKind.STEPPED_UP,): msgid("Confirmed the second factor once more."),
    (EventKind.STEPPED_UP, Factor.TOTP): msgid("Confirmed once more with the authenticator app."),
    (EventKind.STEPPED_UP, Factor.BACKUP_CODE): msgid("Confirmed once more with a backup code."),
    (EventKind.STEPPED_UP, Factor.WEBAUTHN): msgid("Confirmed once more with a key."),
    (EventKind.SESSION_ENDED,): msgid("Ended a session on another device."),
    (EventKind.SIGN_COUNT_REGRESSED,): msgid("A key was refused because there may be a copy of it."),
    (EventKind.SECOND_FACTOR_RESET,): msgid("An administrator removed the second factor."),
    (EventKind.SECRET_IMPORTED,): msgid("The authenticator app was taken over from another application."),
    (EventKind.ADMIN_REFUSED,): msgid("Was refused where only administrators may go."),
    (EventKind.ROLE_GRANTED,): msgid("Became an administrator."),
    (EventKind.ROLE_REVOKED,): msgid("Is not an administrator any more."),
    (EventKind.CODE_ACCEPTED, Factor.TOTP): msgid("A code from the authenticator app was typed and accepted."),
    (EventKind.VALUE_UNREADABLE,): msgid("The second factor could not be read. The operator was told."),
}
"""What is said instead to an admin, of somebody else."""

UNKNOWN_EVENT = msgid("Something happened that this page has no words for yet.")


def event_words(_: Gettext, event: ListedEvent) -> str:
    """
    What happened, in a sentence; also where a newer version has recorded what this one does not know.

    Args:
        _: Translates it.
    """
    return _(_sentence(EVENTS, event.kind, event.outcome, event.factor))


def event_words_of_others(_: Gettext, kind: str, outcome: str | None, factor: str | None) -> str:
    """The same, told of somebody else."""
    return _(_sentence(EVENTS | EVENTS_OF_OTHERS, kind, outcome, factor))


def _sentence(table: Mapping[tuple[str, ...], str], kind: str, outcome: str | None, factor: str | None) -> str:
    names = ((kind, outcome or "", factor or ""), (kind, outcome or ""), (kind, factor or ""), (kind,))
    return next((table[name] for name in names if name in table), UNKNOWN_EVENT)


METHODS: dict[str, str] = {
    Factor.TOTP: msgid("Authenticator app"),
    Factor.BACKUP_CODE: msgid("Backup code"),
    Factor.WEBAUTHN: msgid("Key"),
}


def method_words(_: Gettext, method: str) -> str:
    """What a factor is called."""
    return _(METHODS.get(method, method))


LOOK_BELOW = msgid("Something is missing or is not as it should be. Look at what is marked, and send it again.")

BACKUP_CODE_TEXTS: dict[str, str] = {
    InvalidCode.slug: msgid("That backup code is not right. Compare it with your list and type it again."),
    CodeAlreadyUsed.slug: msgid("That backup code was used already. Take another one from your list."),
    FactorDisabled.slug: msgid(
        "Backup codes were switched off after too many wrong ones. Use another method, or ask the operator for help."
    ),
}
"""What is said instead where a backup code was typed: the errors speak of the authenticator app."""

ALL_WAIT = msgid("Too many wrong codes. Wait before you try again.")
"""What is said instead of `Locked` where no other method is open meanwhile."""

NOT_UNDERSTOOD = msgid("Your browser sent something that this page does not understand. Go back and try again.")
NO_KEY = msgid("Your browser did not answer as it does with a key. Try again.")

FORM_TEXTS: dict[str, str] = {
    InvalidRequest.detail: NOT_UNDERSTOOD,
    "Field required": msgid("Fill this in."),
    "String should have at least 1 character": msgid("Fill this in."),
    "There is a field that does not belong here.": msgid(
        "There is a field here that does not belong. Reload the page."
    ),
    "The body is not one JSON object.": NO_KEY,
    NOT_A_CREDENTIAL: NO_KEY,
}
"""What is said instead of what is told to programs, by us and by pydantic."""

LENGTH = re.compile("String should have at (least|most) ([0-9]+) characters")
LENGTHS = {
    "least": msgid("Write at least %(number)s characters."),
    "most": msgid("Write at most %(number)s characters."),
}


@dataclass(frozen=True)
class Told:
    """
    What went wrong, for a page.

    Args:
        text: What to do next.
        errors: The same for each field that it concerns.
        wait: The whole seconds until it is worth another try, where one has to wait.
    """

    slug: str
    text: str
    errors: dict[str, str] = field(default_factory=dict)
    wait: int | None = None


def told(_: Gettext, error: Problem | TwofoldError, method: str | None = None) -> Told:
    """
    What went wrong, in words.

    Args:
        _: Translates; what stands in no catalogue stays English.
        method: What was proved, or was to be.
    """
    problem = error if isinstance(error, Problem) else problem_of(error)
    faults = problem.members.get("errors", [])
    errors = {each["field"]: _said(_, each["message"]) for each in faults if each["field"]}
    text = problem.detail
    if method == Factor.BACKUP_CODE:
        text = BACKUP_CODE_TEXTS.get(problem.slug, text)
    if problem.slug == Locked.slug and not problem.members.get("methods"):
        text = ALL_WAIT
    if text in PHRASES:
        text = PAGE_TEXTS.get(problem.slug, TwofoldError.detail)
    if errors and text == InvalidRequest.detail:
        text = LOOK_BELOW
    return Told(problem.slug, _said(_, text), errors, _wait_of(problem))


def _said(_: Gettext, text: str) -> str:
    if length := LENGTH.fullmatch(text):
        return _(LENGTHS[length[1]]) % {"number": length[2]}
    return _(FORM_TEXTS.get(text, text))


def _wait_of(problem: Problem) -> int | None:
    seconds = problem.headers.get("Retry-After", "")
    # A host may have written a date there.
    return int(seconds) if seconds.isascii() and seconds.isdigit() else None


TITLES: dict[str, str] = {
    "invalid-code": msgid("The code is not right"),
    "code-already-used": msgid("The code was used already"),
    "not-signed-in": msgid("You are not signed in"),
    "sign-in-failed": msgid("You could not be signed in"),
    "step-up-required": msgid("Confirm that it is you"),
    "sign-in-token-dead": msgid("This sign-in has ended"),
    "second-factor-not-set-up": msgid("Two-factor authentication is not set up"),
    "forbidden": msgid("This is not allowed"),
    "cross-site-request": msgid("This came from another site"),
    "factor-disabled": msgid("This method was switched off"),
    "not-found": msgid("There is no such page"),
    "method-not-allowed": msgid("This does not work here"),
    "already-enabled": msgid("An authenticator app is set up already"),
    "not-enabled": msgid("Two-factor authentication is not on"),
    "no-setup-pending": msgid("No set-up is waiting"),
    "already-registered": msgid("This key is registered already"),
    "too-many-keys": msgid("There are too many keys"),
    "last-factor": msgid("This is your last second factor"),
    "invalid-request": msgid("This could not be read"),
    "locked": msgid("Too many wrong codes"),
    "rate-limited": msgid("Too many tries"),
    "error": msgid("Something went wrong"),
    "configuration": msgid("Something went wrong"),
    "unavailable": msgid("Not available at the moment"),
}
"""What stands above the page of an error."""

PAGE_TEXTS: dict[str, str] = {
    "not-found": msgid("Nothing stands at this address. Check that it is complete, or begin at the start page."),
    "method-not-allowed": msgid("This address is not for that. Begin at the start page."),
    "cross-site-request": msgid(
        "Another site sent your browser here, so nothing was done. If you meant it, open the page and do it there."
    ),
    "forbidden": msgid("Your account may not do this. Nothing was changed."),
    "invalid-request": NOT_UNDERSTOOD,
    "error": msgid("This is our fault, not yours. Try again in a while; if it stays so, tell the operator."),
    "configuration": msgid("This is our fault, not yours. Try again in a while; if it stays so, tell the operator."),
    "not-signed-in": NotSignedIn.detail,
    "rate-limited": RateLimited.detail,
    "unavailable": Unavailable.detail,
}
"""What stands on it, where the error has no more to say than its name, or says it to programs."""

PHRASES = {status.phrase for status in HTTPStatus}
"""What the framework says where a host says nothing."""

GENERAL = {
    *PHRASES,
    *(error.detail for error in (TwofoldError, InvalidRequest, Forbidden, NotFound)),
    "This request comes from another site.",
}
"""What is no more than a name."""

TOO_LARGE = msgid("What you sent is larger than anything this page takes. Go back and try with less.")


def error_words(_: Gettext, error: Problem | TwofoldError) -> tuple[str, str]:
    """The title of the page of an error, and what to do next."""
    problem = error if isinstance(error, Problem) else problem_of(error)
    text = told(_, problem).text
    if problem.status == 413:  # noqa: PLR2004 - the status itself
        text = _(TOO_LARGE)
    elif problem.detail in GENERAL or problem.status == 415:  # noqa: PLR2004
        text = _(PAGE_TEXTS.get(problem.slug, TwofoldError.detail))
    return _(TITLES[problem.slug]), text
