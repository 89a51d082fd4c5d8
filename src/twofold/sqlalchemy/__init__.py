"""On the host's own database, over SQLAlchemy."""

from twofold.sqlalchemy.store import SqlAlchemyStore
from twofold.sqlalchemy.tables import TwoFactorMixin

__all__ = ["SqlAlchemyStore", "TwoFactorMixin"]
