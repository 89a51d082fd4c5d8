"""Leaving, when the database fails in the middle of it."""

from typing import Any

from sqlalchemy import Connection, event, text

from tests.http.test_account import leave
from tests.http.world import World


def test_the_account_has_gone_and_the_rest_fails(world: World):
    """
    Once the account is deleted whoever asked is told so, also where nothing more can be written; told to try again they
    would find that they are nobody.
    """
    person, engine, deleted = world.signed_in(), world.app.state.engine.sync_engine, list[Connection]()

    def on_statement(_: object, __: object, statement: str, *___: object) -> None:
        if statement.startswith("DELETE FROM users"):
            event.listen(engine.pool, "checkin", on_checkin, once=True)

    def on_checkin(*_: Any) -> None:
        # Somebody else holds the file from now on.
        deleted.append(world.engine.connect())
        deleted[0].execute(text("BEGIN IMMEDIATE"))

    event.listen(engine, "before_cursor_execute", on_statement)
    try:
        answer = leave(person)
    finally:
        event.remove(engine, "before_cursor_execute", on_statement)
        for connection in deleted:
            connection.execute(text("ROLLBACK"))
            connection.close()

    assert len(deleted) == 1
    assert answer.status_code == 204
    assert [row for rows in person.kept().values() for row in rows] == []
