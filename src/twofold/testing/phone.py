"""A person with a phone in hand."""

from dataclasses import dataclass, field
from typing import Any

from twofold.core.policy import RECOMMENDED
from twofold.core.totp import TimeStep, TotpSecret, time_step_at
from twofold.testing.clock import StoppedClock


@dataclass
class Phone:
    """
    An authenticator app that never shows a code twice; replay protection stays on.

    Args:
        secret: What it was set up with.
        clock: The clock of the application; it moves on where a person would wait for the next code.
        backup_codes: The codes that were shown at enrollment.
    """

    secret: TotpSecret
    clock: StoppedClock
    backup_codes: list[str] = field(default_factory=list, repr=False)
    _last: TimeStep = TimeStep(-1)

    def code(self) -> str:
        """The next code that nobody has used; moves the clock on when it must."""
        now = time_step_at(self.clock.now(), self.secret.period)
        self._last = TimeStep(max(now, self._last + 1))
        ahead = self._last - now - RECOMMENDED.drift
        if ahead > 0:
            self.clock.forward(seconds=ahead * self.secret.period)
        return self.secret.code_at(self._last)


def enroll(client: Any, prefix: str = "/api/auth/2fa", *, clock: StoppedClock, **request: Any) -> tuple[Phone, Any]:  # noqa: ANN401 - any test client
    """
    Enroll whoever *client* is signed in as, through the host's own routes.

    Args:
        client: A test client, such as FastAPI's.
        prefix: Where `install` put our routes.
        clock: The clock of the application, from the fixture `twofold_clock`.
        request: For each request, for example `headers=`.

    Returns:
        The phone, and the answer of `/verify`: the new session in the host's words.

    Raises:
        AssertionError: The application refused; the text is its answer.
    """
    begun = _answer(client.post(f"{prefix}/setup", json={}, **request))
    secret = TotpSecret(begun["secret"], begun["algorithm"], begun["digits"], begun["period"])
    phone = Phone(secret, clock)
    verified = _answer(client.post(f"{prefix}/verify", json={"code": phone.code()}, **request))
    phone.backup_codes = verified["backup_codes"] or []
    return phone, verified


def _answer(response: Any) -> Any:  # noqa: ANN401 - any test client
    if response.status_code != 200:  # noqa: PLR2004 - OK
        message = f"{response.status_code}: {response.text}"
        raise AssertionError(message)
    return response.json()
