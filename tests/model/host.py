"""A host in small over the use cases, and what it is really answered, in the words of the model."""

from collections.abc import Callable
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any

from tests.model.numbers import Told, told
from twofold import TwoFactorAuth
from twofold.errors import CodeAlreadyUsed, Locked, NotSignedIn, StepUpRequired, TwofoldError
from twofold.service.ports import UserId
from twofold.service.sessions import Proved
from twofold.service.sign_in import SecondFactorPending
from twofold.service.totp import Confirmed


def answered(act: Callable[[], Any]) -> tuple[Told, Any]:
    """What an act is answered, and what it returned."""
    try:
        result = act()
    except TwofoldError as error:
        return refusal(error), None
    return told("ok"), result


def refusal(error: TwofoldError) -> Told:
    match error:
        case Locked():
            return told(error.slug, until=error.until, retry_after=error.retry_after, methods=error.methods)
        case StepUpRequired():
            return told(error.slug, max_age=error.max_age, methods=error.methods)
        case CodeAlreadyUsed():
            return told(error.slug, ahead="clock was ahead" in str(error))
        case _:
            return told(error.slug)


def proved(result: Proved) -> Told:
    return told(
        "ok",
        amr=result.assurance.amr,
        second_factor_at=result.assurance.second_factor_at,
        epoch=result.epoch,
        debt=result.debt,
        remaining=result.backup_codes_remaining,
    )


def confirmed(result: Confirmed) -> Told:
    facts = dict(proved(result.proved).facts)
    return told("ok", **facts, backup_codes=len(result.backup_codes or ()))


def pending(result: SecondFactorPending) -> Told:
    return told("pending", methods=result.methods, expires_at=result.expires_at, locked_until=result.locked_until)


@dataclass
class Start:
    """A session on its way: proved, then looked at, then started; it may get stuck anywhere."""

    user: int
    proved: Proved
    session: str = ""
    checked: bool = False


@dataclass
class Host:
    """
    Sessions as rows; they start and end in the order in which the library's routes do it.

    Attributes:
        alive: The user of each session.
        doomed: Sessions that were alive when all had to end.
    """

    auth: TwoFactorAuth
    ids: tuple[UserId, UserId]
    alive: dict[str, int] = field(default_factory=dict)
    doomed: set[str] = field(default_factory=set)

    def of(self, user: int) -> list[str]:
        return [session for session, owner in self.alive.items() if owner == user]

    def doom(self, user: int) -> None:
        self.doomed |= set(self.of(user))

    def end_all(self, user: int) -> None:
        for session in self.of(user):
            del self.alive[session]

    def end_sessions(self, user: int, debt: int) -> None:
        self.end_all(user)
        self.auth.sessions.paid(self.ids[user], debt)

    def visit(self, user: int, session: str) -> None:
        """
        The request of a session, up to the route.

        Raises:
            NotSignedIn: It has ended, or has to.
        """
        if session not in self.alive:
            raise NotSignedIn
        debt = self.auth.sessions.state(self.ids[user], session).debt
        if debt:
            self.end_sessions(user, debt)
            raise NotSignedIn

    def look(self, start: Start) -> None:
        """What is owed is paid, and what was proved must still hold."""
        if start.proved.debt:
            self.end_sessions(start.user, start.proved.debt)
        self.auth.sessions.still_holds(start.proved)
        start.checked = True

    def open(self, start: Start) -> None:
        start.session = token_hex(4)
        self.alive[start.session] = start.user

    def remember(self, start: Start) -> None:
        self.auth.sessions.started(start.proved, start.session)


def state(auth: TwoFactorAuth, user: UserId, session: str) -> Told:
    found = auth.sessions.state(user, session)
    return told(
        "ok",
        amr=found.assurance.amr if found.assurance else None,
        second_factor_at=found.assurance.second_factor_at if found.assurance else None,
        enabled=found.enabled,
        debt=found.debt,
        epoch=found.epoch,
    )


def status(auth: TwoFactorAuth, user: UserId) -> Callable[[], Told]:
    def ask() -> Told:
        found = auth.enrollment.status(user)
        return told(
            "ok",
            enabled=found.enabled,
            pending=found.pending,
            methods=found.methods,
            remaining=found.backup_codes_remaining,
            enabled_at=found.enabled_at,
            last_used_at=found.last_used_at,
        )

    return ask
