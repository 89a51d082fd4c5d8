"""What clients write down about each request."""

from dataclasses import dataclass

from soak.asking import ACCEPTED, UNAVAILABLE

CHANGES = {"verify": "factor_enrolled", "disable": "second_factor_disabled", "password": "password_changed"}
"""The roads that change a factor or the password, and the event that each leaves."""

PROBE, SIGN_IN = "probe", "login"


@dataclass(frozen=True)
class Record:
    """
    One request.

    Args:
        road: Where the proof went, or what else was asked.
        sent: What the monotonic clock showed before the request.
        received: And when it had its answer, or had given up.
        told: `accepted`, `unavailable`, or the slug of the problem.
        secret: The secret of the code that was sent, where one was.
        step: The time step of that code; 0 for a wrong code.
        backup_code: The backup code that was sent.
        session: The token of the session that asked.
        started: The token of the session that the answer handed out.
        port: The worker that was asked.
    """

    road: str
    user: int
    sent: float
    received: float
    told: str
    secret: str = ""
    step: int = 0
    backup_code: str = ""
    session: str = ""
    started: str = ""
    port: int = 0

    @property
    def accepted(self) -> bool:
        """Whether its client was told so."""
        return self.told == ACCEPTED

    @property
    def unknown(self) -> bool:
        """Whether it may have happened or not."""
        return self.told == UNAVAILABLE

    @property
    def is_proof(self) -> bool:
        """Whether a right code, a guess or a backup code went with it."""
        return bool(self.secret or self.backup_code)

    def __str__(self) -> str:
        what = f"step {self.step}" if self.secret else f"backup code {self.backup_code[:4]}..." * bool(self.backup_code)
        return (
            f"{self.road} {what} of user {self.user}: {self.told} ({self.sent:.3f} to {self.received:.3f}, {self.port})"
        )
