"""Steps that change what is stored of a user: set-up, confirm, disable, new backup codes, password, oblivion."""

from secrets import token_bytes
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.model import acts
from tests.model.host import confirmed, proved
from tests.model.numbers import TOTP, Told, told
from tests.model.steps import Steps, codes, phones, proofs, users
from twofold.core.imports import Brought
from twofold.core.totp import TotpSecret, base32_of
from twofold.service.imports import Found


class Enrolling(Steps):
    """Acts after which everything that was handed out before is worthless."""

    @rule(user=users, phone=phones)
    def enroll(self, user, phone):
        self.scan(user, phone, replace=True)
        self.confirm(user, ("new", 0))
        if self.world.starts:
            self.start(-1)

    @rule(user=users, phone=phones, replace=st.booleans())
    def scan(self, user, phone, replace):
        self.set_up(user, None, phone, replace=replace)

    def set_up(self, user: int, session: str | None, phone: int, *, replace: bool) -> None:
        world, account = self.world, self.world.accounts[user]
        begun = world.agree(
            user,
            lambda: self.auth.totp.set_up(world.ids[user], replace=replace, session_id=session),
            lambda _: acts.set_up(account, session, world.at, replace=replace),
            lambda begun: told("ok", expires_at=begun.expires_at),
        )
        if begun is not None:
            account.new = account.keep(begun.secret.base32)
            world.phones[phone] = begun.secret.base32

    @rule(user=users, code=st.one_of(st.just(("new", 0)), st.sampled_from([("new", 1), ("new", -2)]), codes))
    def confirm(self, user, code):
        world, account = self.world, self.world.accounts[user]
        text = world.type(user, code)
        result = world.agree(
            user,
            lambda: self.auth.totp.confirm(world.ids[user], self.auth.typed(text)),
            lambda _: acts.confirm(account, text, world.at),
            confirmed,
        )
        if result is not None:
            world.give_sheet(user, result.backup_codes)
            self.factor_changed(user, result.proved, TOTP)

    @rule(user=users, phone=phones, bytes_=st.sampled_from([10, 10, 13, 14, 20]))
    def bring(self, user, phone, bytes_):
        """The phone of another application, perhaps with a weak secret."""
        world, account = self.world, self.world.accounts[user]
        secret = TotpSecret(base32_of(token_bytes(bytes_)), from_elsewhere=True)
        found = Found("line 1", lambda: Brought(secret), user_id=world.ids[user])
        taken = world.agree(
            user,
            lambda: self.auth.imports.take(found, origin="imported", actor="tester"),
            lambda _: acts.bring(account, secret.base32, world.at),
            lambda taken: told("ok", outcome=taken.outcome),
        )
        if taken.outcome == "imported":
            world.host.doom(user)
            world.phones[phone] = secret.base32

    @rule(user=users, times=st.sampled_from([1, 5, 10]))
    def guess_at_a_set_up(self, user, times):
        """Wrong first codes are counted, and cost the same wait."""
        self.scan(user, 1, replace=True)
        for _ in range(times):
            self.confirm(user, ("wrong", 0))
        self.confirm(user, ("new", 0))

    @rule(user=users, proof=proofs)
    def disable(self, user, proof):
        user = self.someone(user)
        account = self.world.accounts[user]
        sheet = account.sheet
        factor, text, typed = self.typed(user, proof)
        result = self.world.agree(
            user,
            lambda: self.auth.enrollment.disable(self.world.ids[user], typed),
            lambda _: acts.disable(account, factor, text, self.world.at),
            proved,
        )
        if result is not None:
            self.world.torn += sheet.value if sheet else []
            self.factor_changed(user, result, factor)

    def factor_changed(self, user: int, result: Any, factor: str) -> None:
        self.world.host.doom(user)
        self.world.proved(user, result, factor)

    @rule(user=users, code=codes)
    def regenerate(self, user, code):
        user = self.someone(user)
        world, account = self.world, self.world.accounts[user]
        text = world.type(user, code)
        sheet = world.agree(
            user,
            lambda: self.auth.backup_codes.regenerate(world.ids[user], self.auth.typed(text)),
            lambda _: acts.regenerate(account, text, world.at),
            lambda codes: told("ok", backup_codes=len(codes)),
        )
        world.give_sheet(user, sheet)

    @rule(user=users, ends_sessions=st.booleans(), late=st.booleans())
    def change_password(self, user, ends_sessions, late):
        """Decided in an epoch; a change since then is seen."""
        world, account = self.world, self.world.accounts[user]
        epoch = account.epoch - late

        def expect(_: object) -> Told:
            return told("not-signed-in") if late else acts.change_password(account, ends_sessions=ends_sessions)

        debt = world.agree(
            user,
            lambda: self.auth.password_changed(world.ids[user], end_sessions=ends_sessions, epoch=epoch),
            expect,
            lambda debt: told("ok", debt=debt),
        )
        if debt is not None and ends_sessions:
            world.host.doom(user)

    @rule(user=users, really=st.sampled_from([False, False, True]))
    def forget_and_enroll(self, user, really):
        if really:
            self.forget(user, really=True)
            self.enroll(user, 0)

    @rule(user=users, really=st.sampled_from([False, False, True]))
    def forget(self, user, really):
        """The user leaves, and comes back under the same id; the host ends what it has of him."""
        if not really:
            return
        world, account = self.world, self.world.accounts[user]
        world.agree(user, lambda: self.auth.forget(world.ids[user]), lambda _: told("ok"))
        world.torn += account.sheet.value if account.sheet else []
        acts.forget(account)
        world.host.end_all(user)
        world.starts = [pair for pair in world.starts if pair[0].user != user]
        # Whether it begins anew or goes on is the store's affair: nothing of before is left that could know it.
        account.epoch = world.row(user).epoch
