"""Users as an operator sees them: one line each, and all of them together."""

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime

from twofold.core.factors import Factor
from twofold.core.policy import ACTOR_CHARACTERS, REASON_CHARACTERS, SEARCH_CHARACTERS
from twofold.errors import InvalidRequest


@dataclass(frozen=True)
class ListedUser:
    """
    One user in a list.

    Args:
        account: The name that people see in their authenticator app.
        locked_until: The end of the last wait, which may be over.
        methods: The names of the factors that are set up; backup codes are none.
        set_up_until: Until when a set-up waits, or waited, for its first code.
    """

    user_id: Hashable
    account: str
    enabled: bool
    enabled_at: datetime | None
    locked_until: datetime | None
    methods: tuple[str, ...] = ()
    set_up_until: datetime | None = None

    @staticmethod
    def methods_of(*, totp: bool, webauthn: bool) -> tuple[str, ...]:
        """The names of those that are set up."""
        return tuple(name.value for name, is_there in ((Factor.TOTP, totp), (Factor.WEBAUTHN, webauthn)) if is_there)


@dataclass(frozen=True)
class Adoption:
    """
    How many users have a second factor.

    Args:
        users: All of them.
        enabled: Those with a second factor.
        totp: Those with an authenticator app.
        webauthn: Those with WebAuthn keys.
        pending: Those whose set-up waits for its first code.
        locked: Those whose typed codes wait.
        without_factor: Those who are enabled and have no factor left to prove.
    """

    users: int
    enabled: int
    totp: int
    webauthn: int
    pending: int
    locked: int
    without_factor: int


def checked_search(text: str) -> str:
    """
    A part of an account name that is looked for.

    Raises:
        InvalidRequest: It is too long, or has characters for which not every database can be asked.
    """
    if len(text) > SEARCH_CHARACTERS or not text.isprintable():
        message = f"Search for at most {SEARCH_CHARACTERS} printable characters."
        raise InvalidRequest(message, errors=[{"field": "q", "message": message}])
    return text


def checked_reason(text: str) -> str:
    """
    Why an admin does a thing to somebody else, on one line.

    Raises:
        InvalidRequest: It is empty, too long, or has characters that cannot be shown.
    """
    reason = text.strip()
    if not reason or len(reason) > REASON_CHARACTERS or not reason.isprintable():
        message = f"Say why, in 1 to {REASON_CHARACTERS} characters on one line. The user can read it."
        raise InvalidRequest(message, errors=[{"field": "reason", "message": message}])
    return reason


def named_actor(text: str) -> str:
    """What names an admin or operator in an event, cut to what fits; whoever chose it writes no line of his own."""
    return "".join(filter(str.isprintable, text))[:ACTOR_CHARACTERS]
