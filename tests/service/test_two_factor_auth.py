"""`TwoFactorAuth` itself: what it generates, what it verifies, and how it runs in an event loop."""

import asyncio
import base64
import gc
from datetime import UTC, datetime, timedelta

import pyotp
import pytest

from tests.qr_reader import read_qr_code
from twofold import ConfigurationError, InvalidCode, TwoFactorAuth
from twofold.clock import SystemClock
from twofold.core.totp import time_step_at
from twofold.errors import MalformedCode, SignInTokenDead
from twofold.testing import MemoryStore


def test_a_generated_secret_is_base32_of_160_bits(auth):
    """
    `generate_totp_secret` gives base32 without padding, of 160 bits, different each time.
    """
    secrets = {auth.generate_totp_secret() for _ in range(100)}

    assert len(secrets) == 100
    assert {20} == {len(base64.b32decode(secret)) for secret in secrets}


def test_a_generated_qr_code_is_read_by_others(auth):
    """
    `generate_qr_code` gives an image in which a reader finds secret, issuer and account.
    """
    secret = auth.generate_totp_secret()
    image = auth.generate_qr_code(secret, "ann@example.com").removeprefix("data:image/png;base64,")
    found = pyotp.parse_uri(read_qr_code(base64.b64decode(image)))

    assert (found.secret, found.issuer, found.name) == (secret, "Acme", "ann@example.com")


def test_generated_backup_codes_are_those_of_the_policy(auth):
    """
    `generate_backup_codes` gives ten different codes, each of which can be typed.
    """
    codes = auth.generate_backup_codes()

    assert len({auth.typed_backup_code(code) for code in codes}) == 10


def test_verifying_a_code_gives_its_time_step(auth, person):
    """
    `verify_totp_code` gives the step that the code claimed, as people type it.
    """
    shown = person.shown()
    step = auth.verify_totp_code(7, f" {shown[:3]} {shown[3:]} ")

    assert time_step_at(person.clock.now(), 30) == step


def test_verifying_a_backup_code_gives_what_is_left(auth, person):
    """
    `verify_backup_code` burns the code, as people type it, and gives the number that is left.
    """
    remaining = auth.verify_backup_code(7, person.backup_codes[0].lower().replace("-", " "))

    assert remaining == 9


@pytest.mark.parametrize(
    "typed", ["", "12345", "1234567", "\uff11\uff12\uff13\uff14\uff15\uff16", "-12345", "1" * 10**6]
)
def test_verifying_what_cannot_be_a_code_counts_nothing(auth, person, typed):
    """
    `verify_totp_code` refuses what cannot be a code before anything is looked at (G13).
    """
    before = person.row
    with pytest.raises(MalformedCode):
        auth.verify_totp_code(7, typed)

    assert before == person.row


@pytest.mark.parametrize("issuer", ["", "a:b", "a\nb", "a" * 129])
def test_an_issuer_that_apps_cannot_show_is_refused_at_once(keys, store, issuer):
    """
    A wrong issuer is told when the application starts, not when somebody enrolls.
    """
    with pytest.raises(ConfigurationError) as refusal:
        TwoFactorAuth(issuer=issuer, keys=keys, store=store)

    assert str(refusal.value).startswith("issuer:")


def test_the_clock_is_that_of_the_machine_unless_given(keys, store):
    """
    Without a clock of its own an application goes by the machine's, in UTC.
    """
    auth = TwoFactorAuth(issuer="Acme", keys=keys, store=store)
    now = auth.clock.now()

    assert isinstance(auth.clock, SystemClock)
    assert timedelta(0) <= datetime.now(UTC) - now < timedelta(minutes=1)
    assert UTC is now.tzinfo


def test_a_use_case_runs_from_an_event_loop(auth, person):
    """
    `run` gives what the use case gives, and raises what it raises.
    """

    async def host():
        step = await auth.run(lambda auth: auth.totp.verify(7, person.code()))
        with pytest.raises(InvalidCode):
            await auth.run(lambda auth: auth.totp.verify(7, person.wrong_code()))
        return step

    assert asyncio.run(host()) == person.row.last_step
    assert person.row.attempts.failures == {"totp": 1}


def test_side_by_side_each_use_case_has_its_own_address(auth, person, told):
    """
    Use cases that run at the same time in one event loop do not mix up where they came from.
    """
    told.clear()

    async def host():
        await asyncio.gather(
            *(auth.run(lambda auth: auth.sign_in.begin(7), client_address=f"192.0.2.{last}") for last in range(20))
        )

    asyncio.run(host())

    assert [f"192.0.2.{last}" for last in range(20)] == [event.client_address for event in told]


class Slow(MemoryStore):
    """A store in which a use case waits until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.entered, self.let_go, self.left = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def run(self, use_case):
        self.entered.set()
        await self.let_go.wait()
        try:
            return use_case(self)
        finally:
            self.left.set()


@pytest.mark.parametrize("right", [True, False])
def test_a_client_that_hangs_up_leaves_its_use_case_running(keys, clock, told, right):
    """
    Cancelling who waits does not cancel the use case: what it claimed or counted is stored (G3).
    """
    store = Slow()
    store.add_user(7, "ann@example.com")
    auth = TwoFactorAuth(issuer="Acme", keys=keys, store=store, clock=clock, on_event=told.append)
    secret = auth.totp.set_up(7).secret
    code = secret.code_at(time_step_at(clock.now(), 30))
    typed = auth.typed(code if right else f"{(int(code) + 1) % 10**6:06d}")

    async def host() -> bool:
        waiting = asyncio.create_task(auth.run(lambda auth: auth.totp.confirm(7, typed)))
        await store.entered.wait()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        store.let_go.set()
        await store.left.wait()
        return waiting.cancelled()

    cancelled = asyncio.run(host())
    row = store.read(lambda tx: tx.enrollment(7))

    assert cancelled
    assert (right, {} if right else {"totp": 1}) == (row.enabled, row.attempts.failures)
    assert len(told) == 2


def test_what_a_deserted_use_case_raises_disturbs_nobody(keys, caplog):
    """
    An error of a use case that nobody waits for any more is taken note of, and reaches neither log nor event loop.
    """
    store, complaints = Slow(), []
    auth = TwoFactorAuth(issuer="Acme", keys=keys, store=store)

    async def host() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        deserted = asyncio.create_task(auth.run(lambda auth: auth.sign_in.finish("?", auth.typed("123456"))))
        await store.entered.wait()
        deserted.cancel()
        with pytest.raises(asyncio.CancelledError):
            await deserted
        store.let_go.set()
        await store.left.wait()
        with pytest.raises(SignInTokenDead):
            await auth.run(lambda auth: auth.sign_in.finish("?", auth.typed("123456")))

    asyncio.run(host())
    gc.collect()

    assert complaints == []
    assert caplog.text == ""


def test_nothing_secret_shows_in_what_use_cases_give(auth, newcomer):
    """
    Whatever a use case hands back may be logged: no secret, code, token or key stands in its repr (G9).
    """
    set_up = newcomer.scan()
    confirmed = auth.totp.confirm(7, newcomer.code())
    pending = newcomer.begin()
    shown = (
        f"{set_up!r} {confirmed!r} {pending!r} {auth!r} {auth._context!r} {auth.keys!r} {auth.totp!r} {newcomer.row!r}"
    )
    row = newcomer.row

    for secret in (set_up.secret.base32, pending.sign_in_token, row.totp_secret, row.backup_codes):
        assert secret not in shown
    assert [code for code in confirmed.backup_codes if code in shown] == []
