"""Steps from the right password to a session."""

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.model import acts
from tests.model.host import pending, proved
from tests.model.numbers import TOTP, Told, told
from tests.model.steps import Steps, codes, picks, proofs, users


class SigningIn(Steps):
    """Acts of whoever knows the password."""

    @rule(user=users, late=st.booleans())
    def begin(self, user, late):
        world, account = self.world, self.world.accounts[user]
        epoch = account.epoch - 1 if late else None
        waits = account.enabled

        def expect(result: Any) -> Told:
            if late:
                return told("sign-in-token-dead")
            return acts.begin(account, getattr(result, "sign_in_token", ""), world.at)

        def act() -> Any:
            return self.auth.sign_in.begin(world.ids[user], epoch=epoch)

        result = world.agree(user, act, expect, pending if waits else proved)
        if result is not None and waits:
            world.tokens.append((user, result.sign_in_token))
        elif result is not None:
            world.proved(user, result, None)

    @rule(user=users, right=st.booleans(), times=st.sampled_from([1, 2, 5, 10]))
    def check_password(self, user, right, times):
        """Wrong passwords, which count where there is one count, and then perhaps the right one."""
        world, account = self.world, self.world.accounts[user]
        for is_right in [*[False] * times, *[True] * right]:
            world.agree(
                user,
                lambda: self.auth.sign_in.password_checked(world.ids[user], right=is_right),  # noqa: B023
                lambda _: account.check_password(world.at, right=is_right),  # noqa: B023
            )

    @rule(user=users, times=st.sampled_from([2, 2, 2, 51]))
    def begin_often(self, user, times):
        """More pending sign-ins than may live side by side; no two at one moment, so that the oldest is known."""
        for _ in range(times if self.world.crowds else 2):
            self.world.clock.moment += timedelta(milliseconds=1)
            self.begin(user, late=False)
        for place in (acts.SIGN_INS, acts.SIGN_INS - 1):
            if len(self.world.tokens) > place:
                self.finish(place, (TOTP, ("wrong", 0)))

    @rule(user=users, code=codes)
    def begin_with_code(self, user, code):
        user = self.someone(user)
        world, account = self.world, self.world.accounts[user]
        text, factor = world.type(user, code), TOTP if account.enabled else None
        result = world.agree(
            user,
            lambda: self.auth.sign_in.begin(world.ids[user], text),
            lambda _: acts.begin_with_code(account, text, world.at),
            proved,
        )
        world.proved(user, result, factor)

    @precondition(lambda self: self.world.tokens)
    @rule(place=picks, proof=proofs)
    def finish(self, place, proof):
        world = self.world
        user, token = world.tokens[-1 - place % len(world.tokens)]
        factor, text, typed = self.typed(user, proof)
        result = world.agree(
            user,
            lambda: self.auth.sign_in.finish(token, typed),
            lambda _: acts.finish(world.accounts[user], token, factor, text, world.at),
            proved,
        )
        world.proved(user, result, factor)

    @rule(user=users)
    def sign_in(self, user):
        """The whole road, as a person goes it."""
        user = self.someone(user)
        self.begin(user, late=False)
        if self.world.accounts[user].live and self.world.tokens:
            self.finish(0, (TOTP, ("next", 0)))
        if self.world.starts:
            self.start(-1)

    @precondition(lambda self: self.world.starts)
    @rule(place=picks)
    def start_to_the_end(self, place):
        self.start(place)

    @precondition(lambda self: self.world.starts)
    @rule(place=picks, steps=st.integers(1, 2))
    def start_and_linger(self, place, steps):
        """Anything may happen before it goes on."""
        self.start(place, steps)

    @precondition(lambda self: self.world.starts)
    @rule(place=picks, steps=st.integers(0, 2))
    def crash(self, place, steps):
        """The process dies on the way."""
        ways = len(self.world.starts)
        self.start(place, steps)
        del self.world.starts[ways - 1 :]
