"""Users and their sessions."""

from datetime import datetime

from sqlalchemy import DateTime, ForeignKey, String
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base
from twofold.sqlalchemy import TwoFactorMixin

# MariaDB's usual collation takes two addresses for one that differ in accents or in spaces at the end.
EMAIL = String(254).with_variant(
    mysql.VARCHAR(254, charset="utf8mb4", collation="utf8mb4_nopad_bin"), "mysql", "mariadb"
)
MOMENT = DateTime(timezone=True).with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


class User(TwoFactorMixin, Base):
    """A person with an e-mail address, a password and perhaps a second factor."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(EMAIL, unique=True)
    hashed_password: Mapped[str] = mapped_column(String(255))


class UserSession(Base):
    """One session; its token is known to the client alone."""

    __tablename__ = "user_sessions"

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(MOMENT)
    last_seen_at: Mapped[datetime] = mapped_column(MOMENT)
    expires_at: Mapped[datetime] = mapped_column(MOMENT)
    client: Mapped[str] = mapped_column(String(200), server_default="")
