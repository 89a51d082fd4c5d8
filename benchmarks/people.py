"""People with a second factor and a session, put into the database by the thousand."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, insert

from app.models.user import User, UserSession, hashed
from twofold.core.policy import RECOMMENDED
from twofold.core.sealing import KeyRing, Purpose
from twofold.core.totp import TotpSecret, new_totp_secret, time_step_at


@dataclass(frozen=True)
class Enrolled:
    """Somebody with an authenticator app and a session of the reference backend."""

    id: int
    secret: TotpSecret
    token: str

    def code(self, at: datetime) -> str:
        """What their phone shows."""
        return self.secret.code_at(time_step_at(at, self.secret.period))


def enrolled(engine: Engine, keys: KeyRing, count: int, *, first: int = 1) -> Sequence[Enrolled]:
    """So many people, with ids from *first* on."""
    now = datetime.now(UTC)
    people = [Enrolled(first + n, new_totp_secret(RECOMMENDED), secrets.token_urlsafe(32)) for n in range(count)]
    with engine.begin() as connection:
        connection.execute(insert(User), [_user(person, keys) for person in people])
        moments = {"created_at": now, "last_seen_at": now, "expires_at": now + timedelta(hours=24)}
        rows = [
            {"token_hash": hashed(person.token), "user_id": person.id, "client": "", **moments} for person in people
        ]
        connection.execute(insert(UserSession), rows)
        connection.execute(
            insert(UserSession.metadata.tables["twofold_sessions"]), [_proved(each, now) for each in rows]
        )
    return people


def _user(person: Enrolled, keys: KeyRing) -> dict[str, object]:
    sealed = keys.seal(person.secret.to_bytes(), Purpose.TOTP_SECRET, person.id)
    address = f"{person.id}@example.com"
    return {"id": person.id, "email": address, "hashed_password": "-", "totp_secret": sealed, "twofa_enabled": True}


def _proved(session: dict[str, object], at: datetime) -> dict[str, object]:
    """A session that had its second factor, longer ago than any route allows."""
    before = at - timedelta(hours=1)
    name = hashed(str(session["token_hash"]))
    proved = {"epoch": 0, "amr": "pwd otp mfa", "proved_at": before, "second_factor_at": before}
    return {"session_hash": name, "user_id": session["user_id"], **proved}
