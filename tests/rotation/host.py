"""The application whose keys are rotated: a table of users, a database and keys from the environment."""

import os

from sqlalchemy import create_engine

from tests.races.place import User
from twofold import KeyRing, TwoFactorAuth
from twofold.sqlalchemy import SqlAlchemyStore


def make_auth() -> TwoFactorAuth:
    """For `twofold --app tests.rotation.host:make_auth`."""
    engine = create_engine(os.environ["ROTATION_URL"])
    keys = KeyRing(os.environ["ROTATION_KEYS"].split(","))
    return TwoFactorAuth(issuer="Acme", keys=keys, store=SqlAlchemyStore(engine, User))
