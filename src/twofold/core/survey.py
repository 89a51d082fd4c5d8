"""All enrollments together, looked at one after the other: who needs help, in constant memory."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from twofold.core.backup_codes import BackupCodes
from twofold.core.diagnosis import Users
from twofold.core.enrollment import Enrollment
from twofold.core.policy import FEW_BACKUP_CODES, USERS_SHOWN, Policy
from twofold.core.sealing import FERNET, KeyRing, Purpose, Sealed, key_id_of, reading, user_text
from twofold.core.totp import TotpSecret, time_step_at
from twofold.core.webauthn import WebAuthnKeys
from twofold.errors import CannotOpen


@dataclass(frozen=True)
class FoundEnrollment:
    """
    One enrollment, as it stands in the store.

    Args:
        enrollment: Nothing, where its row cannot be read.
    """

    user_id: Hashable
    enrollment: Enrollment | None


@dataclass
class Tally:
    """Users that are counted; the first are kept by name."""

    count: int = 0
    some: list[str] = field(default_factory=list)

    def add(self, user_id: Hashable) -> None:
        """One more; whoever chose the id writes no line of his own."""
        self.count += 1
        if len(self.some) < USERS_SHOWN:
            self.some.append(user_text(user_id).encode("unicode_escape").decode())

    @property
    def users(self) -> Users:
        """Whom it has counted."""
        return Users(self.count, tuple(self.some))


@dataclass
class Survey:
    """
    What is found while all enrollments are gone through.

    Attributes:
        enrolled: Users with a second factor.
        opened: Values that opened.
        closed: Whose values do not, for another reason than a missing key.
        few: Who has hardly any backup codes left, beside another factor.
        bare: Who has a second factor, and neither an authenticator app nor a key to prove it with.
        holders: Who has WebAuthn keys.
        expired: Set-ups that have expired.
        impossible: Who has a set-up that ends later than it can.
        beyond: Whose last accepted code is from the future.
        furthest: How far the furthest of them is away.
    """

    keys: KeyRing
    policy: Policy
    enrolled: int = 0
    opened: int = 0
    expired: int = 0
    furthest: timedelta = timedelta(0)
    closed: Tally = field(default_factory=Tally)
    few: Tally = field(default_factory=Tally)
    bare: Tally = field(default_factory=Tally)
    holders: Tally = field(default_factory=Tally)
    impossible: Tally = field(default_factory=Tally)
    beyond: Tally = field(default_factory=Tally)

    def look_at(self, found: FoundEnrollment, at: datetime) -> None:
        """Take one enrollment into account that was read at the moment *at*, or before."""
        if found.enrollment is None:
            self.closed.add(found.user_id)
            return
        one = found.enrollment
        self.enrolled += one.enabled
        has_factor = one.enabled and one.has_factor
        if one.enabled and not has_factor:
            self.bare.add(one.user_id)
        if one.webauthn_keys is not None:
            self.holders.add(one.user_id)
        self._look_at_set_up(one, at)
        try:
            secret = self._secret(one)
            self._opened(one.pending_secret, Purpose.TOTP_PENDING_SECRET, one)
            self._look_at_keys(one)
            left = self._backup_codes_left(one)
        except CannotOpen:
            self.closed.add(one.user_id)
            return
        if has_factor and left is not None and left <= FEW_BACKUP_CODES:
            self.few.add(one.user_id)
        if one.enabled and secret is not None:
            self._look_at_last_step(one, secret.period, at)

    def _look_at_set_up(self, one: Enrollment, at: datetime) -> None:
        if one.pending_secret is None or one.pending_until is None:
            return
        if one.pending_until <= at:
            self.expired += 1
        elif not one.has_pending(at, self.policy):
            self.impossible.add(one.user_id)

    def _look_at_last_step(self, one: Enrollment, period: int, at: datetime) -> None:
        # A phone may be ahead by the drift, and another host's clock by as much.
        reach = time_step_at(at, period) + 2 * self.policy.drift
        if one.last_step > reach:
            self.beyond.add(one.user_id)
            ahead = timedelta(seconds=one.last_step * period) - timedelta(seconds=at.timestamp())
            self.furthest = max(self.furthest, ahead)

    def _secret(self, one: Enrollment) -> TotpSecret | None:
        opened = self._opened(one.totp_secret, Purpose.TOTP_SECRET, one)
        with reading(Purpose.TOTP_SECRET):
            return None if opened is None else TotpSecret.from_bytes(opened, from_elsewhere=True)

    def _look_at_keys(self, one: Enrollment) -> None:
        opened = self._opened(one.webauthn_keys, Purpose.WEBAUTHN_KEYS, one)
        with reading(Purpose.WEBAUTHN_KEYS):
            if opened is not None:
                WebAuthnKeys.from_bytes(opened)

    def _backup_codes_left(self, one: Enrollment) -> int | None:
        """How many are left; nothing where that cannot be known, for want of the key."""
        if one.backup_codes is None:
            return 0
        opened = self._opened(one.backup_codes, Purpose.BACKUP_CODES, one)
        with reading(Purpose.BACKUP_CODES):
            return None if opened is None else BackupCodes.from_bytes(opened).remaining

    def _opened(self, sealed: object, purpose: Purpose, one: Enrollment) -> bytes | None:
        """What a value holds; nothing where there is none, or its key is missing, which is told of the rows per key."""
        if not isinstance(sealed, str | None):  # SQLite lets anything get into a column of texts
            raise CannotOpen
        if sealed is None or key_id_of(sealed) not in {*self.keys.key_ids, FERNET}:
            return None
        opened = self.keys.open_sealed(Sealed(sealed), purpose, one.user_id)
        self.opened += 1
        return opened
