"""What all clients do to the same people at the same moment, time step by time step."""

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any

from soak.asking import ACCEPTED
from soak.client import Client, Proof, right, wrong
from soak.people import PASSWORD, Cast, Person

CODE_ROADS = ["second-factor", "login-header", "step-up", "step-up", "step-up-header", "backup-codes"]
BACKUP_CODE_ROADS = ["second-factor", "step-up"]
GUESS_ROADS = ["second-factor", "step-up", "step-up-header", "backup-codes"]
SIDE_BY_SIDE = 2
"""Requests of one client with the same proof at the same moment."""
PHONES_AT_ONCE, PAPERS_AT_ONCE, GUESSED_AT_ONCE = 5, 2, 3
OLD_CODES = 0.15
"""How often a code of the step before is sent in place of the newest."""
GUARDED = 0.2
"""How often a right code goes to a guarded route."""
SHOULDER = 0.25
"""The part of a time step after which a code that was accepted is sent again."""

Act = Coroutine[Any, Any, object]


def of_step(client: Client, cast: Cast, step: int) -> Iterator[Act]:
    """What one client does in one time step; every client does the like, with the same people."""
    for number in range(PHONES_AT_ONCE):
        phone = cast.phones[(step + number) % len(cast.phones)]
        for _ in range(SIDE_BY_SIDE):
            yield replay(client, phone, step)
    for number in range(PAPERS_AT_ONCE):
        paper, code = _paper(cast, step * PAPERS_AT_ONCE + number)
        for _ in range(SIDE_BY_SIDE):
            yield burn(client, paper, code)
    for number in range(GUESSED_AT_ONCE):
        guessed = cast.guessed[(step * GUESSED_AT_ONCE + number) % len(cast.guessed)]
        for _ in range(SIDE_BY_SIDE):
            yield guess(client, guessed, step)


def _paper(cast: Cast, number: int) -> tuple[Person, str]:
    """Whose backup code comes next; a set goes before the next person's."""
    codes = len(cast.papers[0].backup_codes)
    paper = cast.papers[number // codes % len(cast.papers)]
    return paper, paper.backup_codes[number % codes]


async def replay(client: Client, phone: Person, step: int) -> None:
    """The code of this step, which all clients send; now and then that of the step before."""
    assert phone.secret is not None
    proof = right(phone.secret, step - (client.chance.random() < OLD_CODES))
    if phone.fresh and client.chance.random() < GUARDED:
        await client.prove("guard-header", phone, proof, token=phone.fresh.pop())
        return
    road, token = client.chance.choice(CODE_ROADS), client.chance.choice(phone.sessions)
    answer = await client.prove(road, phone, proof, token=token, password=PASSWORD)
    for _ in range(client.replays if answer.told == ACCEPTED else 0):
        # Somebody has looked over the shoulder.
        await asyncio.sleep(SHOULDER * client.clock.step_seconds)
        await client.prove("step-up", phone, proof, token=client.chance.choice(phone.sessions))


async def burn(client: Client, paper: Person, code: str) -> None:
    """One backup code, which all clients send."""
    road = client.chance.choice(BACKUP_CODE_ROADS)
    await client.prove(road, paper, Proof(code), token=client.chance.choice(paper.sessions), password=PASSWORD)


async def guess(client: Client, guessed: Person, step: int) -> None:
    """A wrong code."""
    assert guessed.secret is not None
    await client.prove(
        client.chance.choice(GUESS_ROADS),
        guessed,
        wrong(guessed.secret, step, client.chance),
        token=client.chance.choice(guessed.sessions),
        password=PASSWORD,
    )
