"""A table full of people, some of whom sign in all the time."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Self

from sqlalchemy import Engine, insert

from tests.races.place import User
from twofold import RECOMMENDED, CodeAlreadyUsed, KeyRing, TwoFactorAuth
from twofold.core.backup_codes import BackupCodes, new_backup_codes, stored_backup_codes, typed_backup_code
from twofold.core.sealing import Purpose
from twofold.core.totp import TotpSecret, new_totp_secret, time_step_at, typed_code
from twofold.service.sign_in import SecondFactorPending
from twofold.sqlalchemy import SqlAlchemyStore
from twofold.testing import StoppedClock

AT_ONCE = 5_000
"""Rows that are put in by one statement."""


@dataclass
class Visitor:
    """
    Somebody who signs in again and again, each time with another code.

    Args:
        used: How many of the backup codes are used up.
    """

    user_id: int
    secret: TotpSecret
    backup_codes: tuple[str, ...]
    clock: StoppedClock = field(default_factory=StoppedClock)
    used: int = 0

    def sign_in(self, auth: TwoFactorAuth) -> None:
        """By the next code that the phone shows."""
        self.clock.forward(seconds=30)
        shown = self.secret.code_at(time_step_at(self.clock.now(), self.secret.period))
        self._finish(auth, typed_code(shown, self.secret.digits))

    def burn(self, auth: TwoFactorAuth) -> None:
        """By the next backup code, if there is one left."""
        if self.used < len(self.backup_codes):
            self._finish(auth, typed_backup_code(self.backup_codes[self.used]))
            self.used += 1

    def _finish(self, auth: TwoFactorAuth, typed) -> None:
        auth.clock = self.clock
        begun = auth.sign_in.begin(self.user_id)
        assert isinstance(begun, SecondFactorPending)
        auth.sign_in.finish(begun.sign_in_token, typed)

    def resurrected(self, auth: TwoFactorAuth) -> int:
        """How many of the used backup codes are there again, or were never missing."""
        auth.clock = self.clock
        there = 0
        for code in self.backup_codes[: self.used]:
            try:
                auth.backup_codes.burn(self.user_id, typed_backup_code(code))
                there += 1
            except CodeAlreadyUsed:
                pass
        return there


def population(engine: Engine, keys: KeyRing, rows: int, visitors: int) -> list[Visitor]:
    """So many users with app and backup codes, and among them, all over the table, those who sign in."""
    nobodys = stored_backup_codes(new_backup_codes(RECOMMENDED), "nobody")  # Of those who never sign in.
    secret = new_totp_secret(RECOMMENDED)
    known: list[Visitor] = []
    for start in range(0, rows, AT_ONCE):
        batch = []
        for number in range(start + 1, min(start + AT_ONCE, rows) + 1):
            own, stored = secret, nobodys
            if number % (rows // visitors) == 1 and len(known) < visitors:
                own, written = new_totp_secret(RECOMMENDED), new_backup_codes(RECOMMENDED)
                stored = stored_backup_codes(written, str(number))
                known.append(Visitor(number, own, written))
            batch.append(_row(number, own, stored, keys))
        with engine.begin() as connection:
            connection.execute(insert(User.__table__), batch)  # type: ignore[arg-type]
    return known


def _row(user_id: int, secret: TotpSecret, codes: BackupCodes, keys: KeyRing) -> dict[str, object]:
    return {
        "id": user_id,
        "email": f"{user_id}@example.com",
        "totp_secret": keys.seal(secret.to_bytes(), Purpose.TOTP_SECRET, user_id),
        "twofa_backup_codes": keys.seal(codes.to_bytes(), Purpose.BACKUP_CODES, user_id),
        "twofa_enabled": True,
    }


class Traffic:
    """
    Visitors who sign in, until it is said that it is enough.

    Attributes:
        sign_ins: How many there were.
        failures: What any of them was told that was no success.
    """

    def __init__(self, engine: Engine, keys: KeyRing, visitors: Sequence[Visitor], threads: int) -> None:
        self.sign_ins = 0
        self.failures: list[str] = []
        self._enough = threading.Event()
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._go_on, args=(engine, keys, visitors[number::threads]), daemon=True)
            for number in range(threads)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        for thread in self._threads:
            thread.join(60)

    def _go_on(self, engine: Engine, keys: KeyRing, visitors: Sequence[Visitor]) -> None:
        with application(engine, keys) as auth:
            for number, visitor in enumerate(_round_and_round(visitors)):
                if self._enough.is_set():
                    return
                try:
                    visitor.burn(auth) if number % 7 == 0 else visitor.sign_in(auth)
                except Exception as error:  # noqa: BLE001 - whatever it is, it is a sign-in that failed
                    self.failures.append(repr(error))
                with self._lock:
                    self.sign_ins += 1


@contextmanager
def application(engine: Engine, keys: KeyRing) -> Iterator[TwoFactorAuth]:
    """The use cases with these keys, on connections of their own."""
    store = SqlAlchemyStore(engine, User)
    yield TwoFactorAuth(issuer="Acme", keys=keys, store=store)
    store._engine.dispose()


def _round_and_round(visitors: Sequence[Visitor]) -> Iterator[Visitor]:
    for _ in range(100_000):
        yield from visitors


LONG = timedelta(minutes=5)
"""A rotation that takes longer than this hangs."""
