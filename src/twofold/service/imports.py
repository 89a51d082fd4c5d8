"""Taking over what another application kept: one person's secret at a time, sealed on arrival."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum, auto
from typing import TypeVar

from twofold.core.enrollment import Enrollment
from twofold.core.events import EventKind
from twofold.core.factors import Factor
from twofold.core.imports import Brought, Outcome, fitting, outcome_for, shown_account
from twofold.core.sealing import FERNET, UNSEALED, Purpose, Sealed, key_id_of, user_text
from twofold.core.totp import TotpSecret
from twofold.core.users import checked_reason, named_actor
from twofold.errors import CannotOpen, RowRefused, Unavailable, UnknownUser
from twofold.service.context import Context, Scope
from twofold.service.ports import Transaction, UserId
from twofold.service.proofs import open_secret

T = TypeVar("T")

HAD_ONE = (
    EventKind.SECOND_FACTOR_DISABLED,
    EventKind.SECOND_FACTOR_RESET,
    # Of a reset by hand, in the database, there is no event; whoever has none now and had one here has lost it since.
    EventKind.SECRET_IMPORTED,
    EventKind.FACTOR_ENROLLED,
)
"""What happened only to users who have, or had, a second factor here."""

WEAK = "It has fewer than 112 bits: it signs in once more, and is then to be set up anew."
CODES_DROPPED = "The backup codes are of another form, and were deleted; the user makes new ones."
CHANGED = "It changed meanwhile; run the import again."
GONE = "Where it stood it is gone, or sealed, by now."
BUSY = "Somebody holds the row of this user; run the import again."


def _unreadable() -> Brought:
    raise RowRefused


class Erased(Enum):
    """What has become of a secret where it stood."""

    NOW = auto()
    BEFORE = auto()
    """Somebody else has emptied the place, or sealed what stands in it."""
    NOT = auto()
    """Something has changed there."""


@dataclass(frozen=True)
class Found:
    """
    What was found of one person, not yet looked at.

    Args:
        place: Where it stood, for the report: `line 3`, `device 7`.
        read: Reads it; raises `RowRefused`.
        account: Whose it is there.
        user_id: Whose it is here, where that is known.
        skipped: Why it is left out, if it is.
        note: What else is to be told of it.
        in_place: It stands in our own column, of a user whose second factor is on: it is sealed, and nothing changes.
        erase: Deletes it where it stood if all is still as it was found, in the transaction in which it is stored
            sealed.
    """

    place: str
    read: Callable[[], Brought] = field(default=_unreadable, repr=False)
    account: str | None = None
    user_id: UserId | None = None
    skipped: str | None = None
    note: str | None = None
    in_place: bool = False
    erase: Callable[[Transaction], Erased] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Taken:
    """
    What was done with it.

    Args:
        account: Whose it was there; nothing where that could be a secret in the wrong place.
        user: Whose it is here.
        notes: Why, and what else is to be known.
        weak: Whether the secret signs in only once more.
    """

    place: str
    outcome: Outcome
    account: str | None = None
    user: str | None = None
    notes: tuple[str, ...] = ()
    weak: bool = False


class _Stopped(Exception):
    """Nothing of this row is to be stored."""

    def __init__(self, outcome: Outcome, note: str, user_id: UserId | None = None) -> None:
        super().__init__()
        self.outcome = outcome
        self.note = note
        self.user_id = user_id


@dataclass(frozen=True)
class Imports:
    """
    The use cases of an import.

    It may be ended at any point and run again: what was taken over is there already.
    """

    context: Context

    def read(self, work: Callable[[Transaction], T]) -> T:
        """Read from the application's own database, for what is found there."""
        return self.context.store.read(work)

    def write(self, work: Callable[[Transaction], T]) -> T:
        """Write to the application's own database, for what is to be deleted there."""
        return self.context.store.transact(work)

    def take(self, found: Found, *, origin: str, actor: str, dry_run: bool = False) -> Taken:
        """
        Take over what was found of one person, in one short transaction.

        Args:
            origin: Where it comes from; the user can read it.
            actor: Who does it.
            dry_run: Decide, and change nothing.

        Returns:
            What was done, and why.

        Raises:
            Unavailable: The store is out of reach; what was taken over so far stays so.
        """
        told = Taken(found.place, Outcome.SKIPPED, shown_account(found.account))
        try:
            if found.skipped is not None:
                return self._skipped(found, told, dry_run=dry_run)
            brought = found.read()
            told = replace(told, account=shown_account(found.account or brought.account))
            work = _Import(found, brought, checked_reason(origin), named_actor(actor), dry_run=dry_run)
            return self._carried_out(work, told)
        except RowRefused as refusal:
            return replace(told, outcome=Outcome.REFUSED, notes=(str(refusal),))
        except _Stopped as stopped:
            return replace(told, outcome=stopped.outcome, user=_text(stopped.user_id), notes=(stopped.note,))
        except CannotOpen:
            return replace(told, outcome=Outcome.REFUSED, notes=("What is stored of this user does not open.",))
        except Unavailable:
            # Whether it is this row alone, shows the next read.
            self.context.store.read(lambda tx: tx.recorded_lately(1))
            return replace(told, outcome=Outcome.REFUSED, notes=(BUSY,))

    def _carried_out(self, work: "_Import", told: Taken) -> Taken:
        outcome, user_id, notes = self._looked_at(work) if work.dry_run else self.context.transact(work)
        weak = work.brought.secret.is_weak and outcome in {Outcome.IMPORTED, Outcome.SEALED}
        notes = (*notes, WEAK) if weak else notes
        return replace(told, outcome=outcome, user=_text(user_id), notes=notes, weak=weak)

    def _looked_at(self, work: "_Import") -> tuple[Outcome, UserId, tuple[str, ...]]:
        # Not by the context, which writes an event about what does not open.
        return self.context.store.read(lambda tx: work(Scope(self.context, tx, self.context.clock.now())))

    def _skipped(self, found: Found, told: Taken, *, dry_run: bool) -> Taken:
        """What is of no use is not left in the clear either, where it can be deleted."""
        told = replace(told, user=_text(found.user_id), notes=(found.skipped or "",))
        erased = Erased.NOW if found.erase is None or dry_run else self.context.store.transact(found.erase)
        if erased is Erased.NOT:
            return replace(told, outcome=Outcome.REFUSED, notes=(CHANGED,))
        return replace(told, notes=(GONE,)) if erased is Erased.BEFORE else told


@dataclass(frozen=True)
class _Import:
    """One row inside its transaction."""

    found: Found
    brought: Brought
    origin: str
    actor: str
    dry_run: bool

    def __call__(self, scope: Scope) -> tuple[Outcome, UserId, tuple[str, ...]]:
        brought = fitting(self.brought, scope.context.policy, scope.at)
        user_id = self._user_of(scope)
        try:
            enrollment = scope.enrollment(user_id) if self.dry_run else scope.lock(user_id)
        except UnknownUser:
            raise _Stopped(Outcome.UNKNOWN, "The user is gone.") from None
        # Where two imports run at once, the other one may have sealed it by now.
        if self.found.in_place and not _is_sealed(enrollment.totp_secret):
            outcome, why = Outcome.SEALED, None
        else:
            outcome, why = _decided(scope, enrollment, brought)
        notes = [note for note in (why, self.found.note) if note is not None]
        if outcome in {Outcome.IMPORTED, Outcome.SEALED}:
            notes += [CODES_DROPPED] if _has_foreign_codes(enrollment) else []
            self._store(scope, enrollment, brought)
        elif outcome is Outcome.ALREADY_THERE:
            self._erase(scope, or_gone=True)
        return outcome, enrollment.user_id, tuple(notes)

    def _user_of(self, scope: Scope) -> UserId:
        if self.found.user_id is not None:
            return self.found.user_id
        named = scope.tx.named(self.brought.account or "")
        if len(named) > 1:
            raise _Stopped(Outcome.AMBIGUOUS, "Several users here have this account name.")
        if not named:
            raise _Stopped(Outcome.UNKNOWN, "No user here has this account name.")
        return named[0]

    def _store(self, scope: Scope, enrollment: Enrollment, brought: Brought) -> None:
        if self.dry_run:
            return
        self._erase(scope)
        sealed = scope.context.keys.seal(brought.secret.to_bytes(), Purpose.TOTP_SECRET, enrollment.user_id)
        before = replace(enrollment, backup_codes=None) if _has_foreign_codes(enrollment) else enrollment
        after = (
            _sealed_in_place(before, sealed, brought) if self.found.in_place else _with(scope, before, sealed, brought)
        )
        scope.tx.save(after)
        if after.epoch != enrollment.epoch:
            scope.tx.drop_handed_out(after.user_id)
        # Of no factor, for none was used.
        scope.record(EventKind.SECRET_IMPORTED, actor=self.actor, reason=self.origin)

    def _erase(self, scope: Scope, *, or_gone: bool = False) -> None:
        if self.found.erase is None or self.dry_run:
            return
        # The one guard against two truths: it is taken over only where it still stands as it was read.
        if self.found.erase(scope.tx) not in ({Erased.NOW, Erased.BEFORE} if or_gone else {Erased.NOW}):
            raise _Stopped(Outcome.REFUSED, CHANGED, self.found.user_id)


def _decided(scope: Scope, enrollment: Enrollment, brought: Brought) -> tuple[Outcome, str | None]:
    live: TotpSecret | None = None
    if enrollment.enabled and enrollment.totp_secret is not None:
        live = open_secret(scope, enrollment, enrollment.totp_secret)
    had_one: datetime | None = scope.tx.last_recorded(enrollment.user_id, HAD_ONE)
    return outcome_for(enrollment, live, brought, had_one)


def _with(scope: Scope, enrollment: Enrollment, sealed: Sealed, brought: Brought) -> Enrollment:
    """A change of factor, as a set-up makes it."""
    renewed = enrollment.attempts.renewed(Factor.TOTP, scope.context.policy)
    return replace(enrollment, attempts=renewed).with_totp(sealed, brought.last_step, at=scope.at)


def _sealed_in_place(enrollment: Enrollment, sealed: Sealed, brought: Brought) -> Enrollment:
    """No change of factor; codes of before count as used, wherever they were accepted."""
    # The row's own step may be from long before, when the user was here already.
    return replace(enrollment, totp_secret=sealed, last_step=max(enrollment.last_step, brought.last_step))


def _is_sealed(stored: Sealed | None) -> bool:
    return isinstance(stored, str) and key_id_of(stored) not in {FERNET, UNSEALED}


def _has_foreign_codes(enrollment: Enrollment) -> bool:
    """Whether the column of backup codes has something that is not ours: it would hinder the user's sign-in."""
    return enrollment.backup_codes is not None and key_id_of(enrollment.backup_codes) in {FERNET, UNSEALED}


def _text(user_id: UserId | None) -> str | None:
    return None if user_id is None else user_text(user_id)
