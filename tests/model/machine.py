"""
The state machine: two users do whatever users, thieves, clocks, keys and crashes may do, in any order.

Every answer is foretold by a model that was written from the design, and so is every row. `make test` makes few runs,
always the same. With `TWOFOLD_MODEL_EXAMPLES=2000` in the environment so many are made, from a fresh seed:
`TWOFOLD_MODEL_EXAMPLES=2000 make test ARGS="tests/model"`.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule, run_state_machine_as_test

from tests.model import acts
from tests.model.enrolling import Enrolling
from tests.model.host import proved, status
from tests.model.numbers import BACKUP_CODE, TOTP, told
from tests.model.signing_in import SigningIn
from tests.model.steps import ages, codes, jumps, phones, picks, proofs, users, wrongs
from tests.model.world import World

EXAMPLES = int(os.environ.get("TWOFOLD_MODEL_EXAMPLES", "0"))


class TwoUsers(Enrolling, SigningIn):
    """Sessions, time, keys, and what must hold after every step."""

    @initialize(both=st.booleans())
    def begin_enrolled(self, both):
        for user in range(1 + both):
            self.enroll(user, user)

    # -- Sessions

    @precondition(lambda self: self.world.names)
    @rule(place=picks, proof=proofs, was_let_in=st.booleans())
    def prove(self, place, proof, was_let_in):
        """A step-up, of a session that is let in now, or was before whatever happened since."""
        world = self.world
        user, session = world.name(place)
        if not was_let_in and not world.visit(user, session):
            return
        factor, text, typed = self.typed(user, proof)
        world.agree(
            user,
            lambda: self.auth.step_up.prove(world.ids[user], session, typed),
            lambda _: acts.prove(world.accounts[user], session, factor, text, world.at),
            proved,
        )

    @precondition(lambda self: self.world.names)
    @rule(
        place=picks, code=st.one_of(st.none(), codes), max_age=ages, if_enabled=st.booleans(), was_let_in=st.booleans()
    )
    def require(self, place, code, max_age, if_enabled, was_let_in):
        """A guarded route, perhaps with a code in the header."""
        world = self.world
        user, session = world.name(place)
        if not was_let_in and not world.visit(user, session):
            return
        text = world.type(user, code) if code else None
        options = {"max_age": max_age, "if_enabled": if_enabled}
        world.agree(
            user,
            lambda: self.auth.step_up.require(world.ids[user], session, code=text, **options),
            lambda _: acts.require(world.accounts[user], session, text, world.at, **options),
            lambda found: told("ok", at=found and found.second_factor_at),
        )

    @precondition(lambda self: self.world.names)
    @rule(place=picks, max_age=ages, late=st.sampled_from([-1, 0, 1, 299]))
    def let_a_proof_age(self, place, max_age, late):
        """Up to the moment at which it is too old, and beyond."""
        self.prove(place, (TOTP, ("next", 0)), was_let_in=False)
        self.world.clock.forward(seconds=max_age.total_seconds() + late)
        self.require(place, None, max_age, if_enabled=False, was_let_in=False)
        self.scan_in_a_session(place, 0, replace=True)

    @precondition(lambda self: self.world.names)
    @rule(place=picks, phone=phones, replace=st.booleans())
    def scan_in_a_session(self, place, phone, replace):
        user, session = self.world.name(place)
        if self.world.visit(user, session):
            self.set_up(user, session, phone, replace=replace)

    @rule(user=users, age=ages)
    def bring_and_enroll_anew(self, user, age):
        """A weak secret signs in once more, and in that session a new one is set up, sooner or later."""
        self.bring(user, 0, 10)
        self.sign_in(user)
        self.world.clock.moment += age
        if self.world.names:
            self.scan_in_a_session(0, 1, replace=False)
            self.confirm(user, ("new", 0))

    @rule(user=users)
    def ask_status(self, user):
        world = self.world
        world.agree(
            user, status(self.auth, world.ids[user]), lambda _: acts.status(world.accounts[user], world.at), _as_is
        )

    @rule(
        user=users, steps=st.integers(0, 2), moves=st.booleans(), change=st.sampled_from(["password", "all", "phone"])
    )
    def overtake(self, user, steps, moves, change):
        """A session is on its way when factor or password change, and goes on."""
        ways = len(self.world.starts)
        if moves:
            self.scan(user, 0, replace=True)
            self.confirm(user, ("new", 0))
        else:
            self.begin_with_code(user, ("next", 0))
        if len(self.world.starts) > ways:
            self.start(ways, steps)
        if change == "phone":
            self.enroll(user, 1)
        else:
            self.change_password(user, ends_sessions=change == "all", late=False)
        if len(self.world.starts) > ways:
            self.start(ways)

    # -- Time

    @rule(steps=st.integers(1, 3))
    def wait_for_the_next_code(self, steps):
        self.world.clock.forward(seconds=30 * steps)

    @rule(by=jumps)
    def jump(self, by):
        """The clock is put right, or wrong."""
        self.world.clock.moment += by

    @rule(user=users, ahead=wrongs, act=st.sampled_from(["begin", "scan", "sign in", "enroll"]))
    def act_by_a_wrong_clock(self, user, ahead, act):
        """The clock is wrong, something happens, and the clock is right again."""
        self.jump(ahead)
        deeds = {
            "begin": lambda: self.begin(user, late=False),
            "scan": lambda: self.scan(user, 0, replace=True),
            "sign in": lambda: self.sign_in(user),
            "enroll": lambda: self.enroll(user, 1),
        }
        deeds[act]()
        self.jump(-ahead)
        if act == "begin" and self.world.tokens:
            self.finish(0, (TOTP, ("next", 0)))
        if act == "scan":
            self.confirm(user, ("new", 0))

    @rule(user=users, ahead=wrongs)
    def wait_by_a_wrong_clock(self, user, ahead):
        user = self.someone(user)
        self.jump(ahead)
        self.guess(user, self.world.accounts[user].profile.first_wait_at)
        self.jump(-ahead)
        self.verify(user, ("live", 1))

    @precondition(lambda self: self.world.names)
    @rule(place=picks, ahead=wrongs)
    def prove_by_a_wrong_clock(self, place, ahead):
        self.jump(ahead)
        self.prove(place, (BACKUP_CODE, ("unused", 0)), was_let_in=False)
        self.jump(-ahead)
        self.require(place, None, timedelta(hours=1), if_enabled=False, was_let_in=False)

    @rule(user=users, early=st.booleans())
    def wait_until_it_ends(self, user, early):
        """To the very moment at which something of this user ends, or just before."""
        account = self.world.accounts[user]
        ends = [account.wait_until, account.new_until, *(begun.expires_at for begun in account.begun.values())]
        later = [end for end in ends if end and end > self.world.at]
        if later:
            self.world.clock.moment = min(later)
            self.world.clock.forward(seconds=-early)

    @rule(user=users, factor=st.sampled_from([TOTP, BACKUP_CODE]), left=st.integers(1, 2))
    def guess_for_days(self, user, factor, left):
        """So many failures in a row that the cap is near: they would take two days."""
        account, stored = self.world.accounts[user], {"everything": "all"}
        if account.live is None:
            return
        name, count = account.count_of(factor), account.profile.cap - left

        def work(tx):
            row = tx.lock(self.world.ids[user])
            failures = {**row.attempts.failures, stored.get(name, name): count}
            tx.save(replace(row, attempts=replace(row.attempts, failures=failures)))

        self.auth.store.transact(work)
        account.failures[name] = count

    @rule(user=users, factor=st.sampled_from([TOTP, BACKUP_CODE]), anew=st.booleans())
    def reach_the_cap(self, user, factor, anew):
        """The factor is dead, and enrolling anew is the way out of it."""
        self.guess_for_days(user, factor, 1)
        if factor == TOTP:
            self.guess(user, 2)
        else:
            self.burn(user, ("torn", 0))
        if anew:
            self.enroll(user, 0)

    # -- Keys

    @precondition(lambda self: self.world.ring.made < 4)
    @rule()
    def put_a_new_key_first(self):
        self.world.take_keys([self.world.make_key(), *self.world.ring.here])

    @rule(rewritten=st.booleans())
    def drop_old_keys(self, rewritten):
        """After everything was rewritten, or by mistake before."""
        for user in (0, 1):
            if rewritten:
                self.world.rewrite(user)
        self.world.take_keys(self.world.ring.here[:1])

    @rule()
    def put_all_keys_back(self):
        here = self.world.ring.here
        self.world.take_keys([*here, *(number for number in range(self.world.ring.made) if number not in here)])

    @precondition(lambda self: self.world.ring.made < 4)
    @rule(user=users, proof=proofs)
    def lose_a_key_for_a_while(self, user, proof):
        self.put_a_new_key_first()
        self.drop_old_keys(rewritten=False)
        self.disable(user, proof)
        self.begin(user, late=False)
        self.put_all_keys_back()

    # -- What holds after every step

    @invariant()
    def everything_agrees(self):
        for user in (0, 1):
            row = self.world.row(user)
            self.world.check(user, row)
            self.world.check_steps(user, row)
            self.world.check_sessions(user, row)


def _as_is(answer):
    return answer


def run(make_world: Callable[[], World], *, examples: int, steps: int = 50) -> None:
    """Run the machine: always the same *examples*, or as many fresh ones as the environment says."""
    chosen = settings(
        max_examples=EXAMPLES or examples,
        stateful_step_count=steps,
        derandomize=not EXAMPLES,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    machine: Any = lambda: TwoUsers(make_world())  # noqa: E731 - a factory does as well as a class
    run_state_machine_as_test(machine, settings=chosen)
