"""What the use cases need from outside."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

from twofold.core.assurance import ProvedSession
from twofold.core.enrollment import Enrollment
from twofold.core.events import Event, EventKind, RecordedEvent
from twofold.core.factors import Factor
from twofold.core.maintenance import Kind, Overdue
from twofold.core.rotation import Resealed, SealedRow
from twofold.core.sealing import Purpose
from twofold.core.sign_in import PendingSignIn
from twofold.core.survey import FoundEnrollment
from twofold.core.users import Adoption, ListedUser
from twofold.core.webauthn import Asserted, Attested, Challenge, GivenCredential, WebAuthnKey, WebAuthnKeys

T = TypeVar("T")
UserId = Hashable
"""The primary key of a user, as the host's model types it."""

EventSink = Callable[[Event], None]
"""Is told each event after its commit; what it raises is logged and changes nothing."""


class Clock(Protocol):
    """Something that knows the time."""

    def now(self) -> datetime:
        """The present moment, timezone-aware."""


class Ceremonies(Protocol):
    """
    The two ceremonies of WebAuthn Level 3, for one relying party; everything in them that needs no record of ours.

    What goes out and comes in is JSON (5.1.9, 5.1.10); a challenge is given in, and is the one that was handed out.
    """

    def creation_options(
        self, *, challenge: bytes, user_handle: bytes, account: str, issuer: str, keys: Sequence[WebAuthnKey]
    ) -> Mapping[str, Any]:
        """`PublicKeyCredentialCreationOptionsJSON`; the *keys* of the user are not to be registered again."""

    def request_options(self, *, challenge: bytes, keys: Sequence[WebAuthnKey]) -> Mapping[str, Any]:
        """`PublicKeyCredentialRequestOptionsJSON`, for any of the user's *keys*."""

    def attested(self, given: GivenCredential) -> Attested:
        """
        What a registration shows (7.1).

        Raises:
            InvalidKey: A step of it fails.
        """

    def asserted(self, given: GivenCredential, key: WebAuthnKey, keys: WebAuthnKeys) -> Asserted:
        """
        What an answer of *key* shows (7.2); its signature counter is not looked at.

        Raises:
            InvalidKey: A step of it fails.
        """


class Transaction(Protocol):
    """
    One short transaction of ours; whatever is locked, the row of the user is locked first.

    `lock`, `hold`, `blank`, `enrollment`, `legible`, `account` and `session` raise `UnknownUser` where the store has no
    such user. What is stored about a user is stored after `lock`, `hold` or `blank`, so that nothing is stored about
    one who is gone; `forget` locks by itself.
    """

    def lock(self, user_id: UserId) -> Enrollment:
        """Read the enrollment of this user, and keep every other transaction from locking it until this one ends."""

    def hold(self, user_id: UserId) -> None:
        """Hold the row of this user as `lock` does, whatever stands in it; unknown is who has none yet, too."""

    def blank(self, user_id: UserId) -> Enrollment:
        """Hold the row as `hold` does; the enrollment without factors, of an epoch behind what stands there."""

    def save(self, enrollment: Enrollment) -> None:
        """Store the enrollment of a user whose row this transaction holds."""

    def enrollment(self, user_id: UserId) -> Enrollment:
        """Read the enrollment of this user without holding anybody up; never to decide about a proof."""

    def legible(self, user_id: UserId) -> tuple[Enrollment, Sequence[str]]:
        """What can be read of the enrollment of this user, to be looked at alone; and the columns that cannot."""

    def account(self, user_id: UserId) -> str:
        """The name that people see in their authenticator app."""

    def record(self, event: Event) -> None:
        """Append one event; one about nobody needs no row that is held."""

    def events(self, user_id: UserId, *, before: int | None, at_most: int) -> Sequence[RecordedEvent]:
        """
        Events of this user, the newest first; one that cannot be read is told as `unreadable` in its place.

        Args:
            before: Only events that were recorded before the one of this number.
        """

    def all_events(self, *, before: int | None, at_most: int) -> Sequence[RecordedEvent]:
        """Events of everybody, the newest first; otherwise as `events`."""

    def last_accepted(self, user_id: UserId, factor: Factor | None = None) -> datetime | None:
        """The moment of the last event of this user with a factor (or this one) and the outcome `success`."""

    def add_pending_sign_in(self, pending: PendingSignIn, *, at: datetime, keep: int) -> None:
        """Store a pending sign-in; of this user's, the expired go, and the oldest beyond *keep*."""

    def pending_sign_in(self, token_hash: str) -> PendingSignIn | None:
        """The pending sign-in of this token, dead or alive."""

    def pending_sign_ins(self, user_id: UserId) -> Sequence[PendingSignIn]:
        """All pending sign-ins of this user, dead or alive; the one that lives longest first."""

    def drop_pending_sign_in(self, token_hash: str) -> None:
        """Delete one pending sign-in."""

    def session(self, user_id: UserId, session_hash: str) -> tuple[Enrollment, ProvedSession | None]:
        """The enrollment of this user, as by `enrollment`, and what this session has proved."""

    def save_session(self, session: ProvedSession) -> None:
        """Store what a session has proved, in place of what it proved before."""

    def sessions(self, user_id: UserId) -> Sequence[ProvedSession]:
        """What the sessions of this user have proved, the last proof first."""

    def drop_session(self, user_id: UserId, session_hash: str) -> None:
        """Delete what one session of this user has proved."""

    def drop_handed_out(self, user_id: UserId) -> None:
        """Delete all pending sign-ins, proved sessions and challenges of this user."""

    def add_challenge(self, challenge: Challenge, *, at: datetime, keep: int) -> None:
        """Store a challenge; of this user's, the expired go, and the oldest beyond *keep* of the same binding."""

    def challenges(self, user_id: UserId) -> Sequence[Challenge]:
        """All challenges of this user, dead or alive; the one that lives longest first."""

    def take_challenge(self, challenge_hash: str) -> Challenge | None:
        """Delete the challenge of this hash, dead or alive, and say what it was for."""

    def add_credential(self, credential_hash: str, user_id: UserId) -> bool:
        """Note that this user has registered this credential id; whether nobody else had."""

    def drop_credential(self, credential_hash: str) -> None:
        """Nobody has registered this credential id any more."""

    def drop_credentials(self, user_id: UserId) -> None:
        """This user has registered none any more."""

    def pay_debt(self, user_id: UserId, debt: int) -> bool:
        """Compare and swap: clear the debt "end all sessions" if it still is *debt*. Whether it was."""

    def recorded_lately(self, at_most: int) -> Sequence[datetime]:
        """The moments of the last events of anybody, the newest first; those that cannot be read are left out."""

    def overdue(self, kind: Kind, before: datetime, *, after: int | str | None, at_most: int) -> Sequence[Overdue]:
        """
        Find things that are overdue, in the order of their keys, and hold nothing.

        Args:
            before: The moment before which they were recorded (events and addresses), expired (pending sign-ins and
                challenges) or were last proved (sessions).
            after: Only those behind this key.
        """

    def clear(self, kind: Kind, found: Sequence[Overdue], before: datetime) -> int:
        """
        Delete what was found (of an address its event stays) if it still is overdue; how many there were.

        The rows of their users are held meanwhile; those that another transaction holds are not waited for, and what
        is theirs is left.
        """

    def forget(self, user_id: UserId) -> None:
        """Delete everything kept about this user."""

    def user_of(self, text: str) -> UserId:
        """
        The id of the user whose id reads so, or whose account name this is.

        Raises:
            UnknownUser: Nobody is meant, or several could be.
        """

    def user_by_id(self, text: str) -> UserId:
        """The id of the user whose id reads so; `UnknownUser` where nobody's does."""

    def named(self, account: str) -> Sequence[UserId]:
        """The ids of all users whose account name is exactly this."""

    def last_recorded(self, user_id: UserId, kinds: Sequence[EventKind]) -> datetime | None:
        """The moment of the last event of this user that is one of these."""

    def id_of(self, text: str) -> UserId | None:
        """The id that reads so, whether or not a user has it; nothing where no id can."""

    def users(self, *, q: str | None, enabled: bool | None, after: UserId | None, at_most: int) -> Sequence[ListedUser]:
        """
        Users in the order of their ids.

        Args:
            q: Only those whose account name contains this, in whatever case.
            enabled: Only those with a second factor, or without one.
            after: Only those behind this id.
        """

    def adoption(self, at: datetime) -> Adoption:
        """How many users have what at the moment *at*."""

    def rows_per_key(self) -> Mapping[Purpose, Mapping[str, int]]:
        """How many values of each purpose stand under each key id, `fernet` and `unsealed` among them."""

    def sealed_elsewhere(self, key_id: str, *, after: UserId | None, at_most: int) -> Sequence[SealedRow]:
        """
        Rows with any value that is not sealed under this key, in the order of their ids; nothing is held.

        Args:
            after: Only those behind this id.
        """

    def count_elsewhere(self, key_id: str) -> int:
        """How many such rows there are."""

    def clock(self) -> datetime:
        """The present moment, by the database's own clock."""

    def missing(self) -> Sequence[str]:
        """What the store needs and the database does not have, each in a sentence; nothing where all is there."""

    def enrollments(self, *, after: UserId | None, at_most: int) -> Sequence[FoundEnrollment]:
        """
        Enrollments in which there is anything, in the order of their ids; a row that cannot be read hides no other.

        Args:
            after: Only those behind this id.
        """

    def reseal(self, rows: Sequence[Resealed]) -> None:
        """
        Compare and swap: store each new value where the old one still stands.

        Their rows are held meanwhile; those that another transaction holds are not waited for, and are left.
        """


class Transactions(Protocol):
    """Where a use case finds its transactions."""

    def transact(self, work: Callable[[Transaction], T]) -> T:
        """
        Run *work* in one transaction and commit; on any exception nothing of it stays.

        *work* may run again from its beginning where the database could not bring transactions in line.

        Raises:
            Unavailable: The database is out of reach, or a lock was not to be had in time.
        """

    def read(self, work: Callable[[Transaction], T]) -> T:
        """Run *work*, which only reads and locks nothing."""


class Store(Transactions, Protocol):
    """Where enrollments live."""

    async def run(self, use_case: Callable[[Transactions], T]) -> T:
        """From an event loop: run a synchronous use case where it may block."""
