"""People with a phone in hand."""

from dataclasses import dataclass, field

from twofold import TwoFactorAuth
from twofold.core.backup_codes import TypedBackupCode, typed_backup_code
from twofold.core.enrollment import Enrollment
from twofold.core.imports import Brought
from twofold.core.totp import TimeStep, TotpSecret, TypedCode, time_step_at
from twofold.service.imports import Found, Taken
from twofold.service.ports import UserId
from twofold.service.sessions import Proved
from twofold.service.sign_in import SecondFactorPending
from twofold.service.totp import Confirmed, SetUp
from twofold.testing import StoppedClock


@dataclass
class Person:
    """Somebody, and the phone of this person."""

    auth: TwoFactorAuth
    clock: StoppedClock
    user_id: UserId
    secret: TotpSecret = field(default=TotpSecret("A" * 32), repr=False)
    backup_codes: tuple[str, ...] = field(default=(), repr=False)

    @property
    def row(self) -> Enrollment:
        """What is stored."""
        return self.auth.store.read(lambda tx: tx.enrollment(self.user_id))

    def scan(self, **options: object) -> SetUp:
        """Begin a set-up, and scan its QR code."""
        set_up = self.auth.totp.set_up(self.user_id, **options)  # type: ignore[arg-type]
        self.secret = set_up.secret
        return set_up

    def enroll(self, **options: object) -> Confirmed:
        """Set up the app, confirm it, and wait for the next code."""
        self.scan(**options)
        confirmed = self.auth.totp.confirm(self.user_id, self.code())
        self.backup_codes = confirmed.backup_codes or self.backup_codes
        self.auth.sessions.paid(self.user_id, confirmed.proved.debt)
        self.clock.forward(seconds=30)
        return confirmed

    def bring(self, secret: TotpSecret) -> Taken:
        """Come from another application with this secret, and wait until no code of before counts."""
        self.secret = secret
        found = Found("line 1", lambda: Brought(secret), user_id=self.user_id)
        taken = self.auth.imports.take(found, origin="imported for a test", actor="tester")
        self.auth.sessions.paid(self.user_id, self.row.end_sessions)
        self.clock.forward(seconds=60)
        return taken

    def shown(self) -> str:
        """What the phone shows."""
        return self.secret.code_at(time_step_at(self.clock.now(), self.secret.period))

    def code(self) -> TypedCode:
        """What the phone shows, typed."""
        return self.auth.typed(self.shown())

    def next_code(self) -> TypedCode:
        """The next thing that the phone shows, typed."""
        self.clock.forward(seconds=30)
        return self.code()

    def wrong_code(self) -> TypedCode:
        """A code that is right nowhere near."""
        step = time_step_at(self.clock.now(), self.secret.period)
        right = {self.secret.code_at(TimeStep(step + away)) for away in range(-5, 6)}
        return self.auth.typed(next(text for text in map("{:06d}".format, range(100)) if text not in right))

    def backup_code(self, place: int = 0) -> TypedBackupCode:
        """One of the written-down codes, typed."""
        return typed_backup_code(self.backup_codes[place])

    def begin(self) -> SecondFactorPending:
        """Sign in with the password."""
        pending = self.auth.sign_in.begin(self.user_id)
        assert isinstance(pending, SecondFactorPending)
        return pending

    def sign_in(self, session_id: str) -> Proved:
        """Sign in to the end, and wait for the next code."""
        proved = self.auth.sign_in.finish(self.begin().sign_in_token, self.code())
        self.auth.sessions.started(proved, session_id)
        self.clock.forward(seconds=30)
        return proved
