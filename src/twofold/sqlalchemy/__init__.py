"""On the host's own database, over SQLAlchemy."""

try:
    from twofold.sqlalchemy.store import SqlAlchemyStore
    from twofold.sqlalchemy.tables import TwoFactorMixin
except ModuleNotFoundError as error:
    if error.name != "sqlalchemy":
        raise
    message = "twofold.sqlalchemy needs SQLAlchemy: pip install 'twofold[sqlalchemy]'"
    raise ModuleNotFoundError(message, name="sqlalchemy") from error

__all__ = ["SqlAlchemyStore", "TwoFactorMixin"]
