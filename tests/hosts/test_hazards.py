"""What sharing a database with a host could cost: standstill, waiting for oneself, and guesses that nobody counted."""

import itertools
import json
import logging
import time
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from tests.hosts.at_once import PATIENCE_SECONDS, Asked, at_once, given_up, held
from tests.hosts.running import KINDS, Browser, Host, Person
from tests.hosts.test_story import told, wrong
from twofold.sqlalchemy.engines import LOCK_TIMEOUT_SECONDS

SYNCHRONOUS, ASYNCHRONOUS = (
    'create_engine(os.environ["DATABASE_URL"]',
    '= create_async_engine(os.environ["DATABASE_URL"]',
)
AT_ONCE = 16
SPARE_SECONDS = 6  # For a machine with much else to do.

servers = pytest.mark.parametrize("server", ["postgresql", "mariadb"])


def small_pool(letter: str, patience: int) -> dict[str, str]:
    """An engine with four connections and no more."""
    create = ASYNCHRONOUS if KINDS[letter].asynchronous else SYNCHRONOUS
    return {create: f"{create}, pool_size=4, max_overflow=0, pool_timeout={patience}"}


@servers
@pytest.mark.parametrize("letter", ["a", "b", "d"])
def test_more_requests_than_connections(variant: Callable[..., Host], letter: str, server: str):
    """
    Sixteen guarded requests at once, each with a session of the host's open, all pass a host that has four connections:
    four that bring one code, in each of four stale sessions, and then the same without a code.
    """
    host = variant(letter, small_pool(letter, 10), server)
    people = [host.somebody().enrolled() for _ in range(AT_ONCE // 4)]
    sessions = [person.strong_browser().session for person in people]
    host.clock.forward(minutes=6)
    codes = [{"X-TOTP-Code": person.phone.code()} for person in people]

    stepping_up = at_once(
        host, [Asked("/payouts", session | code) for session, code in zip(sessions, codes, strict=True)] * 4
    )
    fresh = at_once(host, [Asked("/payouts", session) for session in sessions] * 4)

    assert [answer.status_code for answer in stepping_up] == [200] * AT_ONCE
    assert [answer.status_code for answer in fresh] == [200] * AT_ONCE


@pytest.mark.parametrize(("letter", "server"), [("a", "postgresql"), ("b", "mariadb")])
def test_why_the_pool_is_not_shared(variant: Callable[..., Host], letter: str, server: str):
    """
    Where the host asks for it, sixteen of them stand still: each holds a connection and waits for another.
    """
    share = {"SqlAlchemyStore(engine, User)": "SqlAlchemyStore(engine, User, share_pool=True)"}
    host = variant(letter, small_pool(letter, 1) | share, server)
    session = host.somebody().browser().session

    answers = at_once(host, [Asked("/payouts", session)] * AT_ONCE)

    # Without a second factor it would be 403.
    assert 503 in {answer.status_code for answer in answers}


FLUSH = {
    "a": "    user.hashed_password = passwords.hash(form.password)\n    db.flush()\n",
    "b": "    user.hashed_password = passwords.hash(body.password)\n    await db.flush()\n",
    "d": "    user.hashed_password = passwords.hash(body.password)\n    db.add(user)\n    db.flush()\n",
}


def rehash(letter: str) -> dict[str, str]:
    """While it checks a password, the host writes into the user's row, and commits nothing before the second factor."""
    return {"    return user.id\n": f"{FLUSH[letter]}    return user.id\n"}


@pytest.mark.parametrize(("letter", "server"), [*itertools.product("ab", ["postgresql", "mariadb"]), ("d", "sqlite")])
def test_a_request_that_waits_for_itself(
    variant: Callable[..., Host], letter: str, server: str, caplog: pytest.LogCaptureFixture
):
    """
    A request that holds the user's row is refused within the lock timeout, and the log says why and what to do. On
    SQLite a side table makes no difference: whoever writes anything there holds everything.
    """
    host = variant(letter, rehash(letter), server)
    ann = host.somebody()
    caplog.set_level(logging.ERROR, "twofold")

    begun = time.monotonic()
    answer = Browser(host).sign_in(ann)
    seconds = time.monotonic() - begun

    assert told(answer) == (503, "unavailable")
    assert LOCK_TIMEOUT_SECONDS * 0.9 < seconds < LOCK_TIMEOUT_SECONDS + SPARE_SECONDS
    [record] = caplog.records
    assert "commit or roll back the request's own changes to the user before the second factor" in record.getMessage()
    assert ann.account not in record.getMessage()


def test_a_side_table(variant: Callable[..., Host]):
    """
    On PostgreSQL such a request goes through where our columns stand in a table of their own.
    """
    host = variant("d", rehash("d"), "postgresql")
    ann = host.somebody()

    answers = [Browser(host).sign_in(ann) for _ in range(2)]

    assert [told(answer) for answer in answers] == [(200, "")] * 2


def test_a_side_table_on_mariadb(variant: Callable[..., Host]):
    """
    On MariaDB too, but for a user's very first row: its foreign key waits for whoever writes the user, as a host that
    commits first never does.
    """
    host = variant("d", rehash("d"), "mariadb")
    ann = host.somebody()

    first = Browser(host).sign_in(ann)
    host.use(lambda auth: auth.sign_in.begin(ann.id))
    again = Browser(host).sign_in(ann)

    assert told(first) == (503, "unavailable")
    assert told(again) == (200, "")


def test_a_request_that_is_given_up(host: Host, ann: Person):
    """
    A wrong code is counted although its request is cancelled while it is looked at.
    """
    token, code = ann.enrolled().sign_in_token(), ann.phone.code()
    guess = {"json": {"sign_in_token": token, "code": wrong(code)}}

    with held(host, ann) as reached:
        given_up(host, Asked(f"{host.kind.sign_in}/second-factor", options=guess), reached)
        before = failures_of(ann)

    deadline = time.monotonic() + PATIENCE_SECONDS
    while failures_of(ann) == before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert before == {}
    assert failures_of(ann) == {"totp": 1}
    assert Browser(host).finish(token, code=code).status_code == 200


def failures_of(person: Person) -> dict[str, int]:
    """The failures that are counted, by factor."""
    store: Any = person.host.auth.store
    tables = store._statements.tables
    [(found,)] = person.host.execute(select(tables.enrollments.c.twofa_failures).where(tables.key == person.id))
    counted: dict[str, int] = json.loads(found or "{}")
    return counted
