"""People who set up, switch off and change their password, again and again; each belongs to one client."""

import asyncio
import secrets
import time
from dataclasses import dataclass, field

from soak.asking import ACCEPTED, UNAVAILABLE
from soak.client import Client, Proof, right
from soak.journal import PROBE, SIGN_IN
from soak.people import PASSWORD, Person
from twofold.core.totp import TotpSecret

TRIES = 6
"""How often somebody tries to sign in who does not know how things stand, before he gives up for good."""
PROBED = 3
"""Sessions of before that are tried after each change."""


class GivenUp(Exception):
    """How things stand could not be found out; the database will tell."""


@dataclass
class Mover:
    """
    One person and all that they know.

    Args:
        secrets: Those that may be live, the likeliest last.
        passwords: Those that may be right, the likeliest last.
        token: The session that should be alive.
        dead: Sessions that should not.
    """

    client: Client
    person: Person
    secrets: list[TotpSecret] = field(default_factory=list)
    passwords: list[str] = field(default_factory=lambda: [PASSWORD])
    token: str = ""
    dead: list[str] = field(default_factory=list)
    backup_codes: list[str] = field(default_factory=list)
    spent: int = 0

    def __post_init__(self) -> None:
        self.token = self.person.sessions[0]

    async def live(self, until: float) -> None:
        """Go round until the storm is over, or until it is not known how things stand."""
        try:
            while time.monotonic() < until:
                await self._round()
        except GivenUp:
            return

    async def _round(self) -> None:
        if not await self._set_up():
            await self._find_out()
            return
        await self._race()
        if self.client.chance.random() < 0.5:  # noqa: PLR2004 - every other time
            await self._change_password()
        await self._disable()

    async def _set_up(self) -> bool:
        begun = await self.client.send("setup", self.person, {}, token=self.token)
        if begun.told != ACCEPTED:
            return False
        secret = TotpSecret(begun.body["secret"])
        proof, before = right(secret, self.client.clock.step()), self.token
        self.secrets.append(secret)
        # Twice at one moment: one of them is too late.
        send = (self.client.prove("verify", self.person, proof, token=before) for _ in range(2))
        answers = await asyncio.gather(*send)
        done = next((answer for answer in answers if answer.told == ACCEPTED), None)
        if done is None:
            return False
        self.secrets, self.spent = [secret], proof.step
        self.backup_codes = list(done.body["backup_codes"] or [])
        await self._changed(str(done.body["access_token"]))
        # The code that confirmed it is spent on every other road too.
        await self.client.prove("step-up", self.person, proof, token=self.token)
        return True

    async def _changed(self, token: str) -> None:
        """All sessions of before are dead; some are tried."""
        self.dead.append(self.token)
        self.token = token
        for dead in self.dead[-PROBED:]:
            await self.client.send(PROBE, self.person, token=dead)

    async def _next(self) -> Proof:
        """A code that was not used yet."""
        step = max(self.spent + 1, self.client.clock.step())
        await self.client.wait_for_step(step)
        self.spent = step
        return right(self.secrets[-1], step)

    async def _race(self) -> None:
        """One code on three roads at once, then a backup code on two."""
        proof, password = await self._next(), self.passwords[-1]
        await asyncio.gather(
            *(
                self.client.prove(road, self.person, proof, token=self.token, password=password)
                for road in ("step-up", "login-header", "step-up-header")
            )
        )
        if self.backup_codes:
            paper = Proof(self.backup_codes.pop())
            send = (self.client.prove("step-up", self.person, paper, token=self.token) for _ in range(2))
            await asyncio.gather(*send)

    async def _change_password(self) -> None:
        """Behind a fresh second factor; afterwards one signs in again."""
        new = secrets.token_urlsafe(12)
        body = {"current_password": self.passwords[-1], "new_password": new}
        answer = await self.client.send("password", self.person, body, token=self.token)
        if answer.told == ACCEPTED:
            self.passwords = [new]
            await self._changed("")
        elif answer.told == UNAVAILABLE:
            self.passwords.append(new)
        await self._find_out()

    async def _disable(self) -> None:
        """With a code that another road wants at the same moment, or with a backup code."""
        if not self.secrets:
            return
        by_code = not self.backup_codes or self.client.chance.random() < 0.5  # noqa: PLR2004 - every other time
        proof = await self._next() if by_code else Proof(self.backup_codes.pop())
        done, _ = await asyncio.gather(
            self.client.prove("disable", self.person, proof, token=self.token),
            self.client.prove("step-up", self.person, proof, token=self.token),
        )
        if done.told == ACCEPTED:
            self.secrets, self.backup_codes = [], []
            await self._changed(str(done.body["access_token"]))
        else:
            await self._find_out()

    async def _find_out(self) -> None:
        """Sign in, and learn by it which password and which secret are right."""
        for attempt in range(TRIES):
            if await self._signed_in():
                return
            await asyncio.sleep(0.2 + 0.2 * attempt)
        raise GivenUp

    async def _signed_in(self) -> bool:
        for password in reversed(self.passwords):
            body = {"email": self.person.email, "password": password}
            answer = await self.client.send(SIGN_IN, self.person, body)
            if answer.told != ACCEPTED:
                continue
            self.passwords = [password]
            if "access_token" in answer.body:
                self._now(str(answer.body["access_token"]), None)
                return True
            return await self._finished(str(answer.body["sign_in_token"]))
        return False

    async def _finished(self, sign_in_token: str) -> bool:
        await self.client.wait_for_step(self.spent + 1)
        step = self.spent = max(self.spent + 1, self.client.clock.step())
        for secret in reversed(self.secrets):
            proof = right(secret, step)
            body = {"sign_in_token": sign_in_token, **proof.body}
            answer = await self.client.send("second-factor", self.person, body, proof=proof)
            if answer.told == ACCEPTED:
                self._now(str(answer.body["access_token"]), secret)
                return True
            if answer.told == UNAVAILABLE:
                return False
        return False

    def _now(self, token: str, live: TotpSecret | None) -> None:
        """This is how things stand."""
        self.dead += [self.token] * bool(self.token)
        self.token = token
        if live is None:
            self.secrets, self.backup_codes = [], []
        else:
            if live != self.secrets[-1]:
                self.backup_codes = []
            self.secrets = [live]
