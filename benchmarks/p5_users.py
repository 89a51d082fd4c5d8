"""P5: claims a second where there are five million users, against ten thousand, on PostgreSQL."""

import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from datetime import UTC, datetime

from sqlalchemy import Engine, create_engine, text

from app.models.user import User
from benchmarks import servers
from benchmarks.measure import Figure, against_each_other
from benchmarks.people import Enrolled, enrolled
from tests import servers as databases
from twofold import KeyRing, TwoFactorAuth
from twofold.sqlalchemy import SqlAlchemyStore

FEW, MANY = 10_000, 5_000_000
ROUNDS = 5
CLAIMS = 400
WARM_UP = 100
PEOPLE = WARM_UP + ROUNDS * CLAIMS

# Nobody of these claims anything: a value as long as a sealed secret, different for each.
OTHERS = text(
    """
    INSERT INTO users (id, email, hashed_password, totp_secret, twofa_enabled)
    SELECT n, n || '@example.com', '-', 'v1.00000000.' || repeat(md5(n::text), 5), true
    FROM generate_series(1, :users) AS n WHERE n % :step <> 0
    """
)


def run() -> Figure:
    """Measure, the two in turn, each claim by somebody else and somewhere else in the table."""
    keys = KeyRing([urlsafe_b64encode(secrets.token_bytes(32)).decode()])
    server = databases.start(databases.POSTGRESQL)
    try:
        few, many = (_population(server.fresh_database(), keys, users) for users in (FEW, MANY))
        for each in (few, many):
            _rate(*each, WARM_UP)
        ratios, of_many, of_few = against_each_other(ROUNDS, lambda: _rate(*many, CLAIMS), lambda: _rate(*few, CLAIMS))
    finally:
        server.close()
    return Figure(
        "P5",
        "claims a second at 5 million users against 10 thousand",
        ratios,
        0.8,
        at_most=False,
        notes=f"{of_many:.0f} against {of_few:.0f} a second, one at a time",
    )


def _population(database: databases.Database, keys: KeyRing, users: int) -> tuple[TwoFactorAuth, Iterator[Enrolled]]:
    servers.migrated(database)
    engine, step = create_engine(database.sync_url), users // PEOPLE
    with engine.begin() as connection:
        connection.execute(OTHERS, {"users": users, "step": step})
    people = list(enrolled(engine, keys, range(step, users + 1, step)))
    _settle(engine)
    secrets.SystemRandom().shuffle(people)
    return TwoFactorAuth(issuer="Acme", keys=keys, store=SqlAlchemyStore(engine, User)), iter(people)


def _settle(engine: Engine) -> None:
    """What the server would do by and by, it does now, and not in the midst of a round."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
        connection.execute(text("CHECKPOINT"))


def _rate(auth: TwoFactorAuth, people: Iterator[Enrolled], claims: int) -> float:
    codes = [(person.id, person.code(datetime.now(UTC))) for person, _ in zip(people, range(claims), strict=False)]
    begun = time.perf_counter()
    for user_id, code in codes:
        auth.verify_totp_code(user_id, code)
    return claims / (time.perf_counter() - begun)
