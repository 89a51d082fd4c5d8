"""What the promises share: the roads through a store, and the values that are stored."""

import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from twofold.core.assurance import Assurance, ProvedSession, second_factor_assurance
from twofold.core.attempts import Attempts
from twofold.core.enrollment import Enrollment
from twofold.core.events import Event
from twofold.core.factors import Authenticator
from twofold.core.sealing import Sealed
from twofold.core.sign_in import PendingSignIn
from twofold.core.totp import TimeStep
from twofold.errors import TwofoldError
from twofold.service.ports import Store, Transaction, UserId

AddUser = Callable[[str], UserId]
EventsOf = Callable[[UserId], Sequence[Event]]
HandedOut = PendingSignIn | ProvedSession

MOMENT = datetime(2030, 1, 1, 12, 0, 0, 123_456, tzinfo=UTC)
KEPT = 5
"""Pending sign-ins of one user that live side by side."""


class Refusal(Exception):
    """What a use case raises to have its transaction undone."""


def fresh_hash() -> str:
    """What the store sees of a token, or of the host's name for a session."""
    return secrets.token_hex(32)


def full_enrollment(user_id: UserId) -> Enrollment:
    """A row in which every field has a value that is not its default."""
    return Enrollment(
        user_id=user_id,
        totp_secret=Sealed("v1." + "s" * 252),
        pending_secret=Sealed("v1." + "p" * 252),
        pending_until=MOMENT + timedelta(minutes=10),
        enabled=True,
        backup_codes=Sealed("v1." + "b" * 4000),
        webauthn_keys=Sealed("v1." + "k" * 65_000),
        last_step=TimeStep(2**40 + 1),
        epoch=2**33 + 1,
        attempts=Attempts({"totp": 7, "backup_code": 3, "all": 1}, MOMENT + timedelta(seconds=30)),
        enabled_at=MOMENT - timedelta(days=1, microseconds=1),
        end_sessions=2**33,
    )


def pending_sign_in(user_id: UserId, *, expires_at: datetime = MOMENT + timedelta(minutes=5)) -> PendingSignIn:
    """A pending sign-in of a fresh token."""
    return PendingSignIn(fresh_hash(), user_id, 2**33, expires_at)


def proved_session(user_id: UserId, assurance: Assurance | None = None) -> ProvedSession:
    """What a fresh session has proved."""
    return ProvedSession(fresh_hash(), user_id, 2**33, assurance or second_factor_assurance(Authenticator.TOTP, MOMENT))


def handed_out_to(user_id: UserId) -> list[HandedOut]:
    """One of each that a user may hold."""
    return [pending_sign_in(user_id), proved_session(user_id)]


class Promises:
    """The roads through a store that the promises take."""

    def refusal(self, store: Store, work: Callable[[Transaction], object]) -> type[Exception] | None:
        """What kind of error a transaction ends in, if any."""
        try:
            store.transact(work)
        except (TwofoldError, Refusal) as error:
            return type(error)
        return None

    def save(self, store: Store, enrollment: Enrollment) -> None:
        """Lock the row of a user, and store *enrollment* in it."""

        def work(tx: Transaction) -> None:
            tx.lock(enrollment.user_id)
            tx.save(enrollment)

        store.transact(work)

    def enrollment(self, store: Store, user_id: UserId) -> Enrollment:
        """The enrollment of a user, as a later transaction reads it."""
        return store.read(lambda tx: tx.enrollment(user_id))

    def hand_out(self, store: Store, *things: HandedOut, at: datetime = MOMENT) -> None:
        """Store pending sign-ins and what sessions have proved, each in a transaction of its own that holds the row."""

        def work(tx: Transaction, thing: HandedOut) -> None:
            tx.lock(thing.user_id)
            if isinstance(thing, PendingSignIn):
                tx.add_pending_sign_in(thing, at=at, keep=KEPT)
            else:
                tx.save_session(thing)

        for thing in things:
            store.transact(lambda tx, thing=thing: work(tx, thing))  # type: ignore[misc]

    def found(self, store: Store, *things: HandedOut) -> list[bool]:
        """Which of these are there, as they were stored."""

        def work(tx: Transaction) -> list[bool]:
            return [
                tx.pending_sign_in(thing.token_hash) == thing
                if isinstance(thing, PendingSignIn)
                else tx.session(thing.user_id, thing.session_hash)[1] == thing
                for thing in things
            ]

        return store.read(work)
