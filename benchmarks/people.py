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


def enrolled(engine: Engine, keys: KeyRing, ids: Sequence[int]) -> Sequence[Enrolled]:
    """People with a second factor, of these ids."""
    now = datetime.now(UTC)
    people = [Enrolled(each, new_totp_secret(RECOMMENDED), secrets.token_urlsafe(32)) for each in ids]
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


def signed_up(engine: Engine, count: int) -> Sequence[str]:
    """So many people with a session and no second factor, whose `/setup` is open; their tokens."""
    now = datetime.now(UTC)
    tokens = [secrets.token_urlsafe(32) for _ in range(count)]
    moments = {"created_at": now, "last_seen_at": now, "expires_at": now + timedelta(hours=24)}
    people = [{"id": n, "email": f"{n}@example.com", "hashed_password": "-"} for n in range(1, count + 1)]
    rows = [{"token_hash": hashed(token), "user_id": n, "client": "", **moments} for n, token in enumerate(tokens, 1)]
    with engine.begin() as connection:
        connection.execute(insert(User), people)
        connection.execute(insert(UserSession), rows)
    return tokens
