"""What a step may choose from, and how what was chosen is typed."""

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from tests.model import acts
from tests.model.numbers import BACKUP_CODE, TOTP, told
from tests.model.world import World
from twofold.core.backup_codes import typed_backup_code

users = st.sampled_from([0, 1])
phones = st.sampled_from([0, 1])
picks = st.integers(0, 5)
codes = st.sampled_from(
    [
        *[("next", 0)] * 6,
        *[("live", away) for away in (0, 0, -1, 1, -2, 2, -3, 3)],
        *[("wrong", 0)] * 3,
        *[("again", place) for place in range(4)],
        *[("phone", 0), ("phone", 1), ("new", 0), ("other", 0)],
    ]
)
"""Which code is typed: of the live phone, so many steps away; of a phone that may be dead; one typed before."""

papers = st.sampled_from([*[("unused", 0)] * 3, ("unused", 3), ("used", 0), ("used", 1), ("other", 0), ("torn", 0)])
proofs = st.one_of(st.tuples(st.just(TOTP), codes), st.tuples(st.just(BACKUP_CODE), papers))
ages = st.sampled_from([timedelta(seconds=seconds) for seconds in (0, 30, 300, 3600)])
jumps = st.sampled_from(
    [
        timedelta(seconds=sign * seconds)
        for seconds in (1, 29, 30, 31, 60, 299, 300, 301, 600, 1799, 1800, 3600, 86_400)
        for sign in (1, -1)
    ]
)
wrongs = st.sampled_from([timedelta(seconds=seconds) for seconds in (60, 3600, 3600, 86_400, 86_400, -3600, -86_400)])
"""By how much a clock is wrong."""


class Steps(RuleBasedStateMachine):
    """Every rule is one act, done and foretold."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.auth = world.auth

    def someone(self, user: int) -> int:
        """This user, or the other where only that one is enrolled: whoever is not is soon refused."""
        enrolled = [account.enabled for account in self.world.accounts]
        return 1 - user if enrolled[1 - user] and not enrolled[user] else user

    def typed(self, user: int, proof: tuple[str, Any]) -> tuple[str, str, Any]:
        """A proof: its factor, its text, and the text as typed."""
        factor, what = proof
        if factor == TOTP:
            text = self.world.type(user, what)
            return factor, text, self.auth.typed(text)
        text = self.world.paper(user, what)
        return factor, text, typed_backup_code(text)

    def start(self, place: int, steps: int = 3) -> None:
        """A session goes so many steps of its way."""
        start, proof = self.world.starts.pop(place % len(self.world.starts))
        for _ in range(steps):
            if not self.world.go_on(start, proof):
                return
        self.world.starts.append((start, proof))

    @rule(user=users, code=codes)
    def verify(self, user, code):
        user = self.someone(user)
        world, text = self.world, self.world.type(user, code)
        world.agree(
            user,
            lambda: self.auth.totp.verify(world.ids[user], self.auth.typed(text)),
            lambda _: acts.verify(world.accounts[user], text, world.at),
            lambda step: told("ok", step=step),
        )

    @rule(user=users, times=st.integers(1, 6))
    def guess(self, user, times):
        """As long as it waits nothing is counted, so whoever guesses waits."""
        user = self.someone(user)
        for _ in range(times):
            until = self.world.accounts[user].waits(TOTP, self.world.at)
            self.verify(user, ("wrong", 0))
            if until:
                self.world.clock.moment = until

    @rule(user=users)
    def burn_all(self, user):
        """The last code has gone."""
        for _ in range(acts.SHEET):
            self.burn(user, ("unused", 0))

    @rule(user=users, what=papers)
    def burn(self, user, what):
        user = self.someone(user)
        world, text = self.world, self.world.paper(user, what)
        world.agree(
            user,
            lambda: self.auth.backup_codes.burn(world.ids[user], typed_backup_code(text)),
            lambda _: acts.burn(world.accounts[user], text, world.at),
            lambda remaining: told("ok", remaining=remaining),
        )
