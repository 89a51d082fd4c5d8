"""One user as the design has it: what is kept, what is counted, and what a typed proof is answered."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.model.numbers import (
    BACKUP_CODE,
    PASSWORDS,
    SET_UP_LIFE,
    SKEW,
    TOTP,
    Profile,
    Told,
    code_of,
    is_weak,
    step_at,
    told,
)


@dataclass
class Ring:
    """The keys of the application by number, those ever made and those it has now; the first of these writes."""

    made: int = 1
    here: list[int] = field(default_factory=lambda: [0])

    @property
    def writing(self) -> int:
        return self.here[0]


@dataclass
class Kept:
    """Something sealed, and the number of its key."""

    value: Any
    key: int


@dataclass(frozen=True)
class Begun:
    """A pending sign-in."""

    epoch: int
    expires_at: datetime


@dataclass(frozen=True)
class Proof:
    """What a session has proved."""

    epoch: int
    factor: str
    at: datetime


@dataclass
class Account:
    """
    One user.

    Attributes:
        live: The secret of the phone.
        new: The secret of a set-up that waits for its first code.
        sheet: The backup codes, each with whether it was used.
        last: The newest time step that was ever accepted of the live secret.
        owed: The epoch in which "end all sessions" was incurred, 0 for nothing.
        begun: Pending sign-ins by their tokens.
        proved: What sessions have proved, by their names.
        events: What is to be recorded, as kind, outcome and factor.
        spent: Whether a weak secret has signed in for the last time, and nothing has come in its place.
        turned_off: Whether the second factor was ever disabled.
    """

    profile: Profile
    ring: Ring
    live: Kept | None = None
    new: Kept | None = None
    new_until: datetime | None = None
    sheet: Kept | None = None
    last: int = 0
    epoch: int = 0
    owed: int = 0
    enabled_at: datetime | None = None
    wait_until: datetime | None = None
    failures: dict[str, int] = field(default_factory=dict)
    begun: dict[str, Begun] = field(default_factory=dict)
    proved: dict[str, Proof] = field(default_factory=dict)
    last_used_at: datetime | None = None
    events: list[tuple[str, str, str | None]] = field(default_factory=list)
    spent: bool = False
    turned_off: bool = False

    @property
    def enabled(self) -> bool:
        return self.live is not None or self.spent

    @property
    def unused(self) -> int:
        return sum(not used for used in self.sheet.value.values()) if self.sheet else 0

    def readable(self, kept: Kept | None) -> bool:
        return kept is None or kept.key in self.ring.here

    def keep(self, value: object) -> Kept:
        return Kept(value, self.ring.writing)

    @property
    def wrong_passwords(self) -> int:
        """How many failures of the one count were passwords."""
        return self.failures.get(PASSWORDS, 0)

    def count_of(self, factor: str) -> str:
        return "everything" if self.profile.one_count else factor

    def may_wait(self, factor: str) -> bool:
        """A wait holds back typed codes alone, or everything where there is one count."""
        return self.profile.one_count or factor == TOTP

    def is_capped(self, factor: str) -> bool:
        """Wrong passwords make one wait, and kill no factor."""
        return self.failures.get(self.count_of(factor), 0) - self.wrong_passwords >= self.profile.cap

    def waits(self, factor: str, at: datetime) -> datetime | None:
        """A wait longer than the longest was set by a clock that was ahead, and holds nobody."""
        if self.wait_until is None or not self.may_wait(factor):
            return None
        left = self.wait_until - at
        return self.wait_until if timedelta(0) < left <= self.profile.longest_wait + SKEW else None

    def fail(self, factor: str, at: datetime) -> None:
        name = self.count_of(factor)
        self.failures[name] = self.failures.get(name, 0) + 1
        wait = self.profile.wait_after(self.failures[name])
        if wait is not None and self.may_wait(factor):
            self.wait_until = at + wait

    def user_waits(self, at: datetime) -> bool:
        """Where there is one count, a wait holds back the password too, right or wrong."""
        if not self.profile.one_count or self.waits(TOTP, at) is None:
            return False
        self.events.append(("password_refused", "locked", None))
        return True

    def check_password(self, at: datetime, *, right: bool) -> Told:
        if not self.profile.one_count:
            return told("ok" if right else "sign-in-failed")
        if self.user_waits(at):
            return told("sign-in-failed")
        if right:
            return told("ok")
        self.fail(TOTP, at)
        self.failures[PASSWORDS] = self.wrong_passwords + 1
        self.events.append(("password_refused", "sign-in-failed", None))
        return told("sign-in-failed")

    def succeed(self, factor: str) -> None:
        """A count is reset only by success of its own factor."""
        self.failures.pop(self.count_of(factor), None)
        if self.profile.one_count:
            self.failures.pop(PASSWORDS, None)
        if self.may_wait(factor):
            self.wait_until = None

    def methods(self) -> tuple[str, ...]:
        """What can be signed in with; a factor that reached its cap is left out, one that waits is not."""
        if not self.enabled:
            return ()
        usable = {
            TOTP: self.live is not None and not self.is_capped(TOTP),
            BACKUP_CODE: not self.is_capped(BACKUP_CODE) and self.unused > 0,
        }
        return tuple(name for name, can in usable.items() if can)

    def methods_need_a_key(self) -> bool:
        """Whether what is left of the backup codes must be counted, and cannot be read."""
        return self.enabled and not self.is_capped(BACKUP_CODE) and not self.readable(self.sheet)

    def unreadable(self) -> Told:
        """Refused, told to the operator, and not taken for a wrong code (G10)."""
        self.events.append(("value_unreadable", "unavailable", None))
        return told("unavailable")

    def prove(self, factor: str, text: str, at: datetime, done: str) -> Told:
        """A proof of somebody enrolled, on whichever road."""
        if not self.enabled:
            return told("not-enabled")
        if factor == TOTP and self.live is None:
            return told("invalid-code")
        if not self.readable(self.live if factor == TOTP else self.sheet):
            return self.unreadable()
        answer = self._judged(factor, at, done, lambda: self._compared(factor, text, at))
        if answer.slug == "ok" and factor == TOTP and self.live and is_weak(self.live.value):
            self.live, self.spent = None, True
        return answer

    def is_setting_up(self, at: datetime) -> bool:
        """For ten minutes, and not for longer where the clock was ahead when they began."""
        return self.new_until is not None and timedelta(0) < self.new_until - at <= SET_UP_LIFE + SKEW

    def prove_new(self, text: str, at: datetime) -> Told:
        """The first code of a set-up: the cap of the old secret does not hold it back, a wait does."""
        if self.new is None or not self.is_setting_up(at):
            return told("no-setup-pending")
        if not self.readable(self.new):
            return self.unreadable()
        secret = self.new.value
        return self._judged(TOTP, at, "factor_enrolled", lambda: self._stepped(secret, text, at, after=-1))

    def _judged(self, factor: str, at: datetime, done: str, compare: Any) -> Told:
        until = self.waits(factor, at)
        if until is not None:
            return self._locked(factor, until, at)
        if self.is_capped(factor) and done != "factor_enrolled":
            return self._refused(factor, told("factor-disabled"))
        answer: Told = compare()
        if answer.slug == "invalid-code":
            self.fail(factor, at)
        if answer.slug != "ok":
            return self._refused(factor, answer)
        self.succeed(factor)
        self.events.append((done, "success", factor))
        self.last_used_at = max(self.last_used_at or at, at)
        return answer

    def _locked(self, factor: str, until: datetime, at: datetime) -> Told:
        if self.methods_need_a_key():
            return self.unreadable()
        seconds = -((at - until) // timedelta(seconds=1))
        meanwhile = tuple(name for name in self.methods() if self.waits(name, at) is None)
        return self._refused(factor, told("locked", until=until, retry_after=seconds, methods=meanwhile))

    def _refused(self, factor: str, answer: Told) -> Told:
        self.events.append(("code_refused", answer.slug, factor))
        return answer

    def _compared(self, factor: str, text: str, at: datetime) -> Told:
        if factor == TOTP and self.live:
            return self._stepped(self.live.value, text, at, after=self.last)
        used = self.sheet.value.get(text) if self.sheet else None
        if used is None:
            return told("invalid-code")
        if used:
            return told("code-already-used", ahead=False)
        assert self.sheet is not None
        self.sheet = self.keep(self.sheet.value | {text: True})
        return told("ok")

    def _stepped(self, secret: str, text: str, at: datetime, *, after: int) -> Told:
        """A step is accepted only when it is newer than every step before it (G1)."""
        middle = step_at(at)
        steps = [step for step in (middle - 1, middle, middle + 1) if code_of(secret, step) == text]
        if not steps:
            return told("invalid-code")
        if max(steps) <= after:
            return told("code-already-used", ahead=after > middle + 1)
        self.last = max(steps)
        return told("ok")

    def changed(self, *, ends_sessions: bool) -> None:
        """A change of factor or password: what was handed out before dies, and a set-up begun before with it."""
        self.epoch += 1
        self.new, self.new_until = None, None
        self.begun.clear()
        self.proved.clear()
        if ends_sessions:
            self.owed = self.epoch
