"""What every use case stands on: the parts it was given, and its one transaction."""

import hashlib
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from twofold.core.backup_codes import BackupCodes
from twofold.core.enrollment import Enrollment
from twofold.core.events import SUCCESS, Event, EventKind
from twofold.core.factors import Factor
from twofold.core.policy import Policy
from twofold.core.sealing import KeyRing, Purpose, Sealed, reading, user_text
from twofold.core.webauthn import WebAuthnKeys
from twofold.errors import CannotOpen, TwofoldError
from twofold.service.ports import Ceremonies, Clock, EventSink, Transaction, Transactions, UserId

T = TypeVar("T")
logger = logging.getLogger("twofold")


def token_hash(token: str) -> str:
    """How a token, or the host's name of a session, is stored: SHA-256 in hex; 256 random bits need no salt."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def named(user_id: UserId | None) -> str:
    """A user in the log, on one line: whoever chose the id writes no line of his own (OWASP ASVS 5.0, 16.4.1)."""
    return user_text(user_id).encode("unicode_escape").decode()


@dataclass(frozen=True)
class Context:
    """
    The parts that every use case is given.

    Args:
        ceremonies: Those of WebAuthn; nothing where no keys are on offer.
        client_address: The address that the request came from, for the events.
    """

    issuer: str
    keys: KeyRing
    store: Transactions
    policy: Policy
    clock: Clock
    ceremonies: Ceremonies | None
    on_event: EventSink | None
    client_address: str | None

    def transact(self, work: "Callable[[Scope], T]") -> T:
        """
        Run *work* in one transaction; its events go out after the commit.

        Raises:
            CannotOpen: A stored value does not open; the operator is told, and an event says so.
            Unavailable: The store is out of reach.
        """
        scopes: list[Scope] = []

        def once(tx: Transaction) -> T:
            scopes.append(Scope(self, tx, self.clock.now()))
            return work(scopes[-1])

        try:
            result = self.store.transact(once)
        except CannotOpen as error:
            self.tell_unreadable(scopes[-1].user_id, error)
            raise
        self.tell(scopes[-1].events)
        return result

    def read(self, work: "Callable[[Scope], T]") -> T:
        """Run *work*, which only reads; raises as `transact`."""
        return self._read(work, self.tell_unreadable)

    def look(self, work: "Callable[[Scope], T]") -> T:
        """Run *work* as `read` does, for whoever wants nothing to be written: damage is logged, and is no event."""
        return self._read(work, self.log_unreadable)

    def _read(self, work: "Callable[[Scope], T]", tell: Callable[[UserId | None, CannotOpen], None]) -> T:
        scopes: list[Scope] = []

        def once(tx: Transaction) -> T:
            scopes.append(Scope(self, tx, self.clock.now()))
            return work(scopes[-1])

        try:
            return self.store.read(once)
        except CannotOpen as error:
            tell(scopes[-1].user_id, error)
            raise

    def log_unreadable(self, user_id: UserId | None, error: CannotOpen) -> None:
        """Tell the operator that a stored value of this user does not open."""
        logger.error("A stored value of user %s does not open: %s", named(user_id), error.__cause__)

    def tell_unreadable(self, user_id: UserId | None, error: CannotOpen) -> None:
        """Tell the operator, and record, that a stored value of this user does not open; never inside a transaction."""
        self.log_unreadable(user_id, error)
        if user_id is None:  # what named the user could not be read
            return
        event = Event(user_id, EventKind.VALUE_UNREADABLE, self.clock.now(), error.slug, None, self.client_address)

        def work(tx: Transaction) -> None:
            # Held, so that nothing is written about a user who was forgotten meanwhile.
            tx.hold(user_id)
            tx.record(event)

        with suppress(TwofoldError):
            self.store.transact(work)
            self.tell([event])

    def tell(self, events: list[Event]) -> None:
        """Tell events to whoever wants to know; after their commit."""
        if self.on_event is None:
            return
        for event in events:
            try:
                self.on_event(event)
            except Exception:
                logger.exception("on_event failed for %s; the event itself is stored", event.kind)


@dataclass
class Scope:
    """
    One use case inside its transaction.

    Args:
        at: The moment at which it happens, read once.
    """

    context: Context
    tx: Transaction
    at: datetime
    events: list[Event] = field(default_factory=list)
    user_id: UserId | None = None

    def lock(self, user_id: UserId) -> Enrollment:
        """The enrollment of this user, held until the transaction ends."""
        self.user_id = user_id  # to be named where not even the row can be read
        enrollment = self.tx.lock(user_id)
        self.user_id = enrollment.user_id
        return enrollment

    def enrollment(self, user_id: UserId) -> Enrollment:
        """The enrollment of this user, not held: never to decide about a proof."""
        self.user_id = user_id
        enrollment = self.tx.enrollment(user_id)
        self.user_id = enrollment.user_id
        return enrollment

    def record(self, kind: EventKind, outcome: str = SUCCESS, factor: Factor | None = None, **by: str | None) -> None:
        """
        Append one event about the user whose row was read.

        Args:
            by: `actor` and `reason`, where somebody else did it.
        """
        event = Event(self.user_id, kind, self.at, outcome, factor, self.context.client_address, **by)
        self.tx.record(event)
        self.events.append(event)

    def backup_codes(self, enrollment: Enrollment) -> BackupCodes:
        """
        The user's backup codes; an empty set where there are none.

        Raises:
            CannotOpen: The stored value does not open.
        """
        if enrollment.backup_codes is None:
            return BackupCodes(())
        opened = self.context.keys.open_sealed(enrollment.backup_codes, Purpose.BACKUP_CODES, enrollment.user_id)
        with reading(Purpose.BACKUP_CODES):
            return BackupCodes.from_bytes(opened)

    def sealed_backup_codes(self, codes: BackupCodes, user_id: UserId) -> Sealed:
        """A set of backup codes as it is stored."""
        return self.context.keys.seal(codes.to_bytes(), Purpose.BACKUP_CODES, user_id)

    def webauthn_keys(self, enrollment: Enrollment) -> WebAuthnKeys | None:
        """
        The user's WebAuthn keys; nothing where there are none.

        Raises:
            CannotOpen: The stored value does not open.
        """
        if enrollment.webauthn_keys is None:
            return None
        opened = self.context.keys.open_sealed(enrollment.webauthn_keys, Purpose.WEBAUTHN_KEYS, enrollment.user_id)
        with reading(Purpose.WEBAUTHN_KEYS):
            return WebAuthnKeys.from_bytes(opened)

    def sealed_webauthn_keys(self, keys: WebAuthnKeys, user_id: UserId) -> Sealed | None:
        """WebAuthn keys as they are stored; nothing where there are none."""
        return self.context.keys.seal(keys.to_bytes(), Purpose.WEBAUTHN_KEYS, user_id) if keys.keys else None

    def save(self, before: Enrollment, after: Enrollment) -> None:
        """Store the enrollment of the user whose row is held, and let go what dies with the change."""
        if after != before:
            self.tx.save(after)
        if after.epoch != before.epoch:
            self.tx.drop_handed_out(after.user_id)
        if before.webauthn_keys is not None and after.webauthn_keys is None:
            self.tx.drop_credentials(after.user_id)

    def methods(self, enrollment: Enrollment) -> tuple[str, ...]:
        """The names of the factors that this user can sign in with, those that wait included."""
        policy = self.context.policy
        methods = [Factor.TOTP] if enrollment.has_usable_totp(policy) else []
        if enrollment.enabled and not enrollment.attempts.capped(Factor.BACKUP_CODE, policy):
            methods += [Factor.BACKUP_CODE] if self.backup_codes(enrollment).remaining else []
        if self.context.ceremonies is not None and enrollment.has_usable_keys(policy):
            methods += [Factor.WEBAUTHN]
        return tuple(method.value for method in methods)

    def locked_until(self, enrollment: Enrollment) -> datetime | None:
        """Until when typed TOTP codes wait, if they do."""
        return enrollment.attempts.wait_of(Factor.TOTP, self.at, self.context.policy)

    def open_methods(self, enrollment: Enrollment) -> tuple[str, ...]:
        """The names of the factors that are open now, while others wait."""
        wait_of, policy = enrollment.attempts.wait_of, self.context.policy
        return tuple(name for name in self.methods(enrollment) if not wait_of(Factor(name), self.at, policy))
