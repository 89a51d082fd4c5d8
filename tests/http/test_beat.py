"""Answers that are to be told alike, and take as long where only one of them is written down."""

import asyncio

import pytest
from sqlalchemy import event

from tests.http.victim import REGISTER
from tests.http.world import PASSWORD, World
from twofold.core.policy import PCI_DSS, RECOMMENDED, Policy
from twofold.errors import SignInFailed
from twofold.fastapi.password_limits import PasswordLimits
from twofold.testing import StoppedClock


@pytest.mark.parametrize(("policy", "ends"), [(PCI_DSS, [100, 100, 200]), (RECOMMENDED, [41, 99, 101])])
def test_refusals_come_on_a_beat(policy: Policy, ends: list[int]):
    """
    Where a wrong password of somebody known is written down, and one of nobody is not, both are refused at the same
    time after their beginning (G12), in milliseconds; elsewhere nothing has to be made equal.
    """
    clock, told = StoppedClock(), list[int]()

    async def pause(seconds: float) -> None:
        clock.forward(seconds=seconds)

    limits = PasswordLimits(policy, clock=clock, pause=pause)

    async def refuse(milliseconds: int) -> None:
        async with limits.attempt("192.0.2.1", "ann@example.com"):
            clock.forward(seconds=milliseconds / 1000)
            raise SignInFailed

    for milliseconds in (41, 99, 101):
        begun = clock.now()
        with pytest.raises(SignInFailed):
            asyncio.run(refuse(milliseconds))
        told.append(round((clock.now() - begun).total_seconds() * 1000))

    assert ends == told


def test_registrations_come_on_a_beat(world: World):
    """
    A free address is written down, which takes 30 ms here, and one in use is not: both are answered at the same time
    after their beginning.
    """
    beats, before = list[float](), world.app.state.password_limits

    async def pause(seconds: float) -> None:
        beats.append(seconds)

    def on_commit(_: object) -> None:
        world.clock.forward(seconds=0.03)

    person, free, engine = world.registered(), world.stranger(), world.app.state.engine.sync_engine
    world.app.state.password_limits = PasswordLimits(RECOMMENDED, clock=world.clock, pause=pause)
    event.listen(engine, "commit", on_commit)
    try:
        answers = [world.post(REGISTER, json={"email": email, "password": PASSWORD}) for email in (free, person.email)]
    finally:
        event.remove(engine, "commit", on_commit)
        world.app.state.password_limits = before

    assert [answer.status_code for answer in answers] == [201, 201]
    assert beats == [0.07, 0.0]


def test_those_of_one_account_take_turns():
    """
    Where refusals are told on a beat, those of one account are looked at one after the other, each until its beat: how
    they get into each other's way is told by no time. Those of two accounts do not wait for each other.
    """
    clock, at_once = StoppedClock(), list[int]()
    limits, looked_at = PasswordLimits(PCI_DSS, clock=clock), set[str]()

    async def refuse(account: str, name: str) -> None:
        async with limits.attempt("192.0.2.1", account):
            looked_at.add(name)
            at_once.append(len(looked_at))
            await asyncio.sleep(0)
            looked_at.remove(name)
            raise SignInFailed

    async def refuse_all(*accounts: str) -> None:
        told = await asyncio.gather(*(refuse(who, str(n)) for n, who in enumerate(accounts)), return_exceptions=True)
        assert {type(each) for each in told} == {SignInFailed}

    asyncio.run(refuse_all(*["ann@example.com"] * 4))
    asyncio.run(refuse_all("bob@example.com", "eve@example.com"))

    assert at_once == [1, 1, 1, 1, 1, 2]
