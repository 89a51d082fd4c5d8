"""Puts the people of a storm into the database, with a second factor and sessions."""

import secrets
from collections.abc import Sequence
from datetime import datetime

from argon2 import PasswordHasher
from sqlalchemy import Engine, func, insert, select

from app.models.user import User, UserSession, hashed
from soak.people import PASSWORD, Cast, Numbers, Person
from twofold.core.backup_codes import new_backup_codes, stored_backup_codes
from twofold.core.policy import RECOMMENDED
from twofold.core.sealing import KeyRing, Purpose, user_text
from twofold.core.totp import new_totp_secret

# A hash names its own cost: this one takes microseconds, so that the storm's work is not all password hashing.
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def gather(engine: Engine, keys: KeyRing, now: datetime, numbers: Numbers) -> Cast:
    """Put them into the database."""
    with engine.connect() as connection:
        first = (connection.scalar(select(func.max(User.id))) or 0) + 1
    ids = iter(range(first, first + 10_000))
    cast = Cast(
        phones=[_enrolled(next(ids), fresh=numbers.fresh) for _ in range(numbers.phones)],
        papers=[_enrolled(next(ids)) for _ in range(numbers.papers)],
        guessed=[_enrolled(next(ids)) for _ in range(numbers.guessed)],
        movers=[Person(next(ids), sessions=[_token()]) for _ in range(numbers.movers)],
    )
    put(engine, keys, now, cast.everybody)
    return cast


def put(engine: Engine, keys: KeyRing, now: datetime, people: Sequence[Person]) -> None:
    """Insert these people and their sessions."""
    password = CHEAP.hash(PASSWORD)
    with engine.begin() as connection:
        connection.execute(insert(User), [_user(person, keys, password, now) for person in people])
        sessions = [_session(person, token, now) for person in people for token in [*person.sessions, *person.fresh]]
        connection.execute(insert(UserSession), sessions)


def _token() -> str:
    return secrets.token_urlsafe(32)


def _enrolled(user_id: int, *, fresh: int = 0) -> Person:
    tokens = [_token() for _ in range(3 + fresh)]
    return Person(user_id, new_totp_secret(RECOMMENDED), new_backup_codes(RECOMMENDED), tokens[:3], tokens[3:])


def _user(person: Person, keys: KeyRing, password: str, now: datetime) -> dict[str, object]:
    user: dict[str, object] = {"id": person.id, "email": person.email, "hashed_password": password}
    if person.secret is None:
        return user | {
            "totp_secret": None,
            "twofa_enabled": False,
            "twofa_backup_codes": None,
            "twofa_enabled_at": None,
        }
    codes = stored_backup_codes(person.backup_codes, user_text(person.id)).to_bytes()
    return user | {
        "totp_secret": keys.seal(person.secret.to_bytes(), Purpose.TOTP_SECRET, person.id),
        "twofa_enabled": True,
        "twofa_backup_codes": keys.seal(codes, Purpose.BACKUP_CODES, person.id),
        "twofa_enabled_at": now,
    }


def _session(person: Person, token: str, now: datetime) -> dict[str, object]:
    moments = {"created_at": now, "last_seen_at": now, "expires_at": now + RECOMMENDED.session_life}
    return {"token_hash": hashed(token), "user_id": person.id, "client": "", **moments}
