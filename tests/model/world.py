"""The application and its model side by side: two users, their phones, the keys, and what must agree."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from cryptography.fernet import Fernet

from tests.model import acts
from tests.model.account import Account, Kept, Proof, Ring
from tests.model.host import Host, Start, answered, state
from tests.model.numbers import PROFILES, Told, code_of, step_at, told
from twofold import KeyRing, TwoFactorAuth
from twofold.core import policy
from twofold.core.enrollment import Enrollment
from twofold.core.sealing import Purpose
from twofold.service.ports import Store, UserId
from twofold.testing import StoppedClock

COUNTS = {"everything": "all"}
WRONG = "000000"


def unchanged(answer: Told) -> Callable[[Any], Told]:
    return lambda _: answer


@dataclass
class World:
    """
    Everything that a step may use.

    Attributes:
        ids: The ids of the two users.
        crowds: Whether so many acts as a crowd's take no time worth mentioning.
        phones: The secret on each phone, dead or alive.
        typed: Every code that was typed, the newest last.
        torn: Backup codes of sets that were replaced.
        tokens: Every pending sign-in ever handed out, with its user.
        names: Every session ever started, with its user.
        starts: Sessions on their way.
        newest: The newest step ever accepted of each secret.
    """

    store: Store
    ids: tuple[UserId, UserId]
    profile: str
    crowds: bool = True
    phones: list[str | None] = field(default_factory=lambda: [None, None])
    typed: list[str] = field(default_factory=list)
    torn: list[str] = field(default_factory=list)
    tokens: list[tuple[int, str]] = field(default_factory=list)
    names: list[tuple[int, str]] = field(default_factory=list)
    starts: list[tuple[Start, Proof | None]] = field(default_factory=list)
    newest: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.clock, self.ring = StoppedClock(), Ring()
        self.entries = [Fernet.generate_key().decode()]
        self.everything = KeyRing(self.entries)
        self.recorded: list[tuple[UserId, tuple[str, str, str | None]]] = []
        self.auth = TwoFactorAuth(
            issuer="Acme",
            keys=self.everything,
            store=self.store,
            policy=policy.PROFILES[self.profile],
            clock=self.clock,
            on_event=lambda event: self.recorded.append((event.user_id, (event.kind, event.outcome, event.factor))),
        )
        self.accounts = [Account(PROFILES[self.profile], self.ring) for _ in self.ids]
        self.host = Host(self.auth, self.ids)

    @property
    def at(self) -> datetime:
        return self.clock.now()

    def row(self, user: int) -> Enrollment:
        """What is stored."""
        return self.store.read(lambda tx: tx.enrollment(self.ids[user]))

    def agree(
        self,
        user: int,
        act: Callable[[], Any],
        expect: Callable[[Any], Told],
        read: Callable[[Any], Told] | None = None,
    ) -> Any:
        """Act, and compare answer and events with those of the model."""
        account = self.accounts[user]
        actual, result = answered(act)
        expected = expect(result)
        if actual.slug == "ok" and read is not None:
            actual = read(result)
        assert expected == actual
        assert [(self.ids[user], event) for event in account.events] == self.recorded
        account.events.clear()
        self.recorded.clear()
        return result

    def type(self, user: int, what: tuple[str, int]) -> str:
        """The text of a code, chosen as *what* says."""
        own = self.accounts[user]
        if what[0] == "next" and 0 <= own.last - step_at(self.at) < 3:
            # A person waits for it.
            self.clock.forward(seconds=30 * (own.last - step_at(self.at)))
        text = self._text(own, self.accounts[1 - user], *what)
        self.typed.append(text)
        return text

    def _text(self, own: Account, other: Account, kind: str, number: int) -> str:
        if kind == "again" and self.typed:
            return self.typed[-1 - number % len(self.typed)]
        now = step_at(self.at)
        secret, step = {
            "live": (own.live and own.live.value, now + number),
            "next": (own.live and own.live.value, min(max(now - 1, own.last + 1), now + 1)),
            "new": (own.new and own.new.value, now + number),
            "other": (other.live and other.live.value, now + number),
            "phone": (self.phones[number % 2], now),
        }.get(kind, (None, now))
        return code_of(secret, step) if secret else WRONG

    def paper(self, user: int, what: tuple[str, int]) -> str:
        """The text of a backup code, chosen as *what* says."""
        kind, number = what
        own, other = ([*account.sheet.value.items()] if account.sheet else [] for account in self._both(user))
        chosen = {
            "unused": [text for text, used in own if not used],
            "used": [text for text, used in own if used],
            "other": [text for text, _ in other],
            "torn": self.torn,
        }[kind]
        return chosen[number % len(chosen)] if chosen else "-".join(["0000"] * 6)

    def _both(self, user: int) -> tuple[Account, Account]:
        return self.accounts[user], self.accounts[1 - user]

    def give_sheet(self, user: int, codes: tuple[str, ...] | None) -> None:
        """A new set is on paper; the old one is torn."""
        account = self.accounts[user]
        if codes:
            self.torn += account.sheet.value if account.sheet else []
            account.sheet = account.keep(dict.fromkeys(codes, False))

    def name(self, place: int) -> tuple[int, str]:
        """A session, the newest first, with its user."""
        return self.names[-1 - place % len(self.names)]

    def proved(self, user: int, result: Any, factor: str | None) -> None:
        """A session may start."""
        if result is not None:
            account = self.accounts[user]
            proof = Proof(account.epoch, factor, self.at) if factor else None
            self.starts.append((Start(user, result), proof))

    def go_on(self, start: Start, proof: Proof | None) -> bool:
        """One step of a session on its way; whether there is another one to go."""
        account, user = self.accounts[start.user], start.user
        holds = told("ok" if account.epoch == start.proved.epoch else "sign-in-token-dead")
        if not start.checked:
            if start.proved.debt and start.proved.debt == account.owed:
                account.owed = 0
            self.agree(user, lambda: self.host.look(start), unchanged(holds))
            return holds.slug == "ok"
        if not start.session:
            self.host.open(start)
            self.names.append((user, start.session))
            return True
        self.agree(user, lambda: self.host.remember(start), unchanged(holds))
        if holds.slug == "ok" and proof is not None:
            account.proved[start.session] = proof
        if holds.slug != "ok":
            # All sessions are to end, this one too.
            self.host.doom(user)
            account.owed = self.row(user).end_sessions
            assert account.owed
        return False

    def visit(self, user: int, session: str) -> bool:
        """Whether a session gets past `current_session`."""
        account = self.accounts[user]
        passes = session in self.host.alive and not account.owed
        if session in self.host.alive:
            account.owed = 0
        self.agree(user, lambda: self.host.visit(user, session), unchanged(told("ok" if passes else "not-signed-in")))
        return passes

    def take_keys(self, here: list[int]) -> None:
        """The application starts anew with these keys."""
        self.ring.here = here
        self.auth.keys = KeyRing([self.entries[number] for number in here])

    def make_key(self) -> int:
        self.entries.append(Fernet.generate_key().decode())
        self.everything = KeyRing(self.entries)
        self.ring.made += 1
        return self.ring.made - 1

    def rewrite(self, user: int) -> None:
        """What a rotation of the keys does: every value is sealed anew under the first key."""
        account, keys, id_ = self.accounts[user], self.auth.keys, self.ids[user]

        def again(sealed: Any, purpose: Purpose) -> Any:
            return sealed and keys.seal(self.everything.open_sealed(sealed, purpose, id_), purpose, id_)

        def work(tx: Any) -> None:
            row = tx.lock(id_)
            values = {name: again(getattr(row, name), purpose) for name, purpose in SEALED.items()}
            tx.save(replace(row, **values))

        self.store.transact(work)
        for kept in (account.live, account.new, account.sheet):
            if kept:
                kept.key = self.ring.writing

    def check(self, user: int, row: Enrollment) -> None:
        """What is stored is what the model keeps."""
        account = self.accounts[user]
        failures = {COUNTS.get(name, name): count for name, count in account.failures.items()}
        assert (account.enabled, account.enabled_at) == (row.enabled, row.enabled_at)
        assert (account.last, account.epoch, account.owed) == (row.last_step, row.epoch, row.end_sessions)
        assert (failures, account.wait_until) == (dict(row.attempts.failures), row.attempts.locked_until)
        assert account.new_until == row.pending_until
        for name, kept in zip(SEALED, (account.live, account.new, account.sheet), strict=True):
            self._check_sealed(user, name, kept, getattr(row, name))

    def _check_sealed(self, user: int, name: str, kept: Kept | None, sealed: Any) -> None:
        assert (kept is None) == (sealed is None)
        if kept is None:
            return
        assert self.everything.key_ids[kept.key] == sealed.split(".")[1]
        opened = json.loads(self.everything.open_sealed(sealed, SEALED[name], self.ids[user]))
        if isinstance(kept.value, str):
            assert kept.value == opened["s"]
        else:
            assert list(kept.value.values()) == [code["used_at"] is not None for code in opened]

    def check_steps(self, user: int, row: Enrollment) -> None:
        """G1, whatever the model says: of each secret the steps only grow."""
        account = self.accounts[user]
        if account.live:
            step, secret = row.last_step, account.live.value
            assert step >= self.newest.get(secret, 0)
            self.newest[secret] = step

    def check_sessions(self, user: int, row: Enrollment) -> None:
        """What each session has proved; and none that should have ended is alive without a debt (G8)."""
        for owner, session in self.names[-2:]:
            # Of another user's session nothing is known.
            known = session if owner == user else ""
            assert acts.state(self.accounts[user], known) == state(self.auth, self.ids[user], session)
        if self.host.doomed & set(self.host.of(user)):
            assert row.end_sessions


SEALED = {
    "totp_secret": Purpose.TOTP_SECRET,
    "pending_secret": Purpose.TOTP_PENDING_SECRET,
    "backup_codes": Purpose.BACKUP_CODES,
}
"""What is sealed in a row, in the order in which the model is asked for it."""
