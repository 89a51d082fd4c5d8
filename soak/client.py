"""A client of the storm: asks one of the workers, and writes down what it was told."""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from soak.asking import ACCEPTED, Answer, ask
from soak.clock import FastClock
from soak.journal import PROBE, SIGN_IN, Record
from soak.people import Person
from twofold.core.totp import TimeStep, TotpSecret

TWOFA = "/api/auth/2fa"
PATHS = {
    SIGN_IN: "/api/auth/login",
    "second-factor": "/api/auth/login/second-factor",
    "login-header": "/api/auth/login",
    "step-up": f"{TWOFA}/step-up",
    "step-up-header": f"{TWOFA}/step-up",
    "guard-header": f"{TWOFA}/setup",
    "backup-codes": f"{TWOFA}/backup-codes",
    "setup": f"{TWOFA}/setup",
    "verify": f"{TWOFA}/verify",
    "disable": f"{TWOFA}/disable",
    "password": "/api/auth/password",
    PROBE: f"{TWOFA}/status",
}
"""Where each road leads."""

NEAR = 24
"""Time steps around the present one of which a wrong code is none: an answer may be slow, and the clock is fast."""


@dataclass(frozen=True)
class Proof:
    """
    A code or a backup code.

    Args:
        step: 0 for a wrong code.
    """

    text: str
    secret: str = ""
    step: int = 0

    @property
    def body(self) -> dict[str, Any]:
        """As it stands in a body."""
        return {"code" if self.secret else "backup_code": self.text}


def right(secret: TotpSecret, step: int) -> Proof:
    """The code of one time step."""
    return Proof(secret.code_at(TimeStep(step)), secret.base32, step)


def wrong(secret: TotpSecret, step: int, chance: random.Random) -> Proof:
    """A code that is wrong whenever it arrives."""
    near = {secret.code_at(TimeStep(each)) for each in range(step - 2, step + NEAR)}
    while (code := f"{chance.randrange(1_000_000):06}") in near:
        pass
    return Proof(code, secret.base32)


@dataclass
class Client:
    """
    Asks, and writes down.

    Args:
        hang_ups: The share of requests that are given up in their midst.
        replays: How often a code is sent again after it was accepted.
    """

    ports: Sequence[int]
    clock: FastClock
    chance: random.Random
    hang_ups: float = 0
    replays: int = 0
    records: list[Record] = field(default_factory=list)
    pending: dict[int, str] = field(default_factory=dict)

    async def send(
        self,
        road: str,
        person: Person,
        body: dict[str, Any] | None = None,
        *,
        proof: Proof | None = None,
        token: str = "",
        header: str = "",
    ) -> Answer:
        """One request on this road."""
        port, sent = self.chance.choice(self.ports), time.monotonic()
        gives_up = self.chance.choice([0.0, 0.5, 0.95, 1.0, 1.0]) if self.chance.random() < self.hang_ups else None
        method = "GET" if road == PROBE else "POST"
        answer = await ask(port, method, PATHS[road], body=body, token=token, header=header, hangs_up_after=gives_up)
        about = Proof("") if proof is None else proof
        # A password may be enough, or lead to the second step: then nothing was proved.
        told = "password" if SIGN_IN in road and answer.told == ACCEPTED and _aal(answer) < 2 else answer.told  # noqa: PLR2004
        record = Record(
            road=road,
            user=person.id,
            sent=sent,
            received=time.monotonic(),
            told=told,
            secret=about.secret,
            step=about.step,
            backup_code="" if about.secret else about.text,
            session=token,
            started=str(answer.body.get("access_token", "")),
            port=port,
        )
        self.records.append(record)
        return answer

    async def prove(self, road: str, person: Person, proof: Proof, *, token: str = "", password: str = "") -> Answer:
        """Send a proof on a road that takes one."""
        match road:
            case "second-factor":
                return await self._second_factor(person, proof, password)
            case "login-header":
                body = {"email": person.email, "password": password}
                return await self.send(road, person, body, proof=proof, header=proof.text)
            case "step-up-header":
                return await self.send(road, person, {}, proof=proof, token=token, header=proof.text)
            case "guard-header":
                return await self.send(road, person, {"replace": True}, proof=proof, token=token, header=proof.text)
            case _:
                return await self.send(road, person, proof.body, proof=proof, token=token)

    async def _second_factor(self, person: Person, proof: Proof, password: str) -> Answer:
        """A pending sign-in survives a refused code, and is kept for the next."""
        if person.id not in self.pending:
            begun = await self.send(SIGN_IN, person, {"email": person.email, "password": password})
            if "sign_in_token" not in begun.body:
                return begun
            self.pending[person.id] = begun.body["sign_in_token"]
        body = {"sign_in_token": self.pending[person.id], **proof.body}
        answer = await self.send("second-factor", person, body, proof=proof)
        if answer.told in {ACCEPTED, "sign-in-token-dead"}:
            self.pending.pop(person.id, None)
        return answer

    async def wait_for_step(self, step: int, part: float = 0) -> None:
        """Sleep until so much of this time step is over."""
        await asyncio.sleep(max(0.0, self.clock.until_step(step) + part * self.clock.step_seconds))


def _aal(answer: Answer) -> int:
    return int(answer.body.get("aal", 1))
