"""Users with their passwords, and their sessions."""

import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import DateTime, Dialect, ForeignKey, Row, Select, String, TypeDecorator, bindparam, or_, select
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base
from twofold.sqlalchemy import TwoFactorMixin

# MariaDB's usual collation takes two addresses for one that differ in accents or in spaces at the end.
EMAIL = String(254).with_variant(
    mysql.VARCHAR(254, charset="utf8mb4", collation="utf8mb4_nopad_bin"), "mysql", "mariadb"
)
# OWASP's password storage cheat sheet: Argon2id with 19 MiB, two iterations, one lane.
PASSWORDS = PasswordHash([Argon2Hasher(memory_cost=19_456, time_cost=2, parallelism=1)])
# An unknown address takes as long as a known one: its password is compared with this.
DUMMY_HASH = PASSWORDS.hash(secrets.token_urlsafe())
COMMON_PASSWORDS = frozenset((Path(__file__).parents[2] / "common_passwords.txt").read_text().split())
PASSWORD_MIN = 8  # Characters, beside a second factor (NIST SP 800-63B-4, 3.1.1.2).


USER, ADMIN = "user", "admin"  # The roles.


class Moment(TypeDecorator[datetime]):
    """A moment in UTC; SQLite and MariaDB forget the time zone, and MariaDB the fractions unless asked for."""

    impl = DateTime(timezone=True).with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:  # noqa: ANN401, ARG002 - SQLAlchemy's words
        """What was read, with its time zone."""
        return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value


class User(TwoFactorMixin, Base):
    """A person with an e-mail address, a password and perhaps a second factor."""

    __tablename__ = "users"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 - nobody gets the id of somebody who left

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(EMAIL, unique=True)
    hashed_password: Mapped[str] = mapped_column(String(255))
    role: Mapped[str] = mapped_column(String(16), server_default=USER)


class UserSession(Base):
    """One session; its token is known to the client alone."""

    __tablename__ = "user_sessions"

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(Moment)
    last_seen_at: Mapped[datetime] = mapped_column(Moment)
    expires_at: Mapped[datetime] = mapped_column(Moment)
    client: Mapped[str] = mapped_column(String(200), server_default="")


SESSION = (
    select(UserSession.__table__, User.email, User.role, User.twofa_end_sessions.label("owed"))
    .join_from(UserSession, User)
    .where(UserSession.token_hash == bindparam("token_hash"))
)
"""What every request asks, built once, and without objects of the ORM: a session, whether it
has to end, and who its user is."""


def is_alive(session: Row[Any], at: datetime, idle: timedelta) -> bool:
    """Whether a row of `SESSION` has neither outlived its time nor lain idle for *idle*, by whichever clock (G17)."""
    return bool(at < session.expires_at and abs(at - session.last_seen_at) < idle)


DEAD_SESSIONS = (
    select(UserSession.id)
    .where(or_(UserSession.expires_at < bindparam("expired"), UserSession.last_seen_at < bindparam("idle")))
    .where(UserSession.id > bindparam("after"))
    .order_by(UserSession.id)
    .limit(bindparam("at_most"))
)
"""Sessions that nobody can use any more."""


def live_sessions(user_id: int, at: datetime, idle: timedelta) -> Select[Any]:
    """The sessions of a user that are alive at the moment *at*, as `is_alive` says, the newest first."""
    lives = (UserSession.expires_at > at, UserSession.last_seen_at > at - idle, UserSession.last_seen_at < at + idle)
    return select(UserSession).where(UserSession.user_id == user_id, *lives).order_by(UserSession.id.desc())


def hashed(token: str) -> str:
    """How a token is stored; it has 256 random bits."""
    return hashlib.sha256(token.encode()).hexdigest()


def plain(email: str) -> str:
    """An address as it is stored and counted: however it was typed, one way to write it."""
    return email.strip().lower()


def is_hash(text: str | None) -> bool:
    """Whether this is a password's hash of our kind."""
    return text is not None and Argon2Hasher.identify(text)


def password_faults(password: str, field: str) -> list[dict[str, str]]:
    """What is wrong with a new password: too short, or one that is tried first (NIST SP 800-63B-4, 3.1.1.2)."""
    if len(password) < PASSWORD_MIN:
        return [{"field": field, "message": f"Choose a password of at least {PASSWORD_MIN} characters."}]
    if password.lower() in COMMON_PASSWORDS:
        return [{"field": field, "message": "This password is one that is tried first. Choose another."}]
    return []
