"""
The application's choices for its second factor, and nothing else: issuer, keys, policy, table.

The file is called so, and lies in `utils`, because the specification says so; the algorithms are the library's.
"""

from sqlalchemy.ext.asyncio import AsyncEngine

from app.models.user import User
from twofold import KeyRing, TwoFactorAuth
from twofold.settings import Settings
from twofold.sqlalchemy import SqlAlchemyStore


def make_store(engine: AsyncEngine) -> SqlAlchemyStore:
    """Where the second factor lives: in columns on `users`."""
    return SqlAlchemyStore(engine, User)


def make_two_factor_auth(settings: Settings, keys: KeyRing, store: SqlAlchemyStore) -> TwoFactorAuth:
    """The use cases of the second factor, for this application."""
    return TwoFactorAuth(issuer=settings.issuer, keys=keys, policy=settings.policy, store=store)
