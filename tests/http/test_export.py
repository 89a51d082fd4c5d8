"""`GET /export`: all that is stored about one's own second factor, as a file."""

import json
from typing import Any

import pytest
from sqlalchemy import event, insert, text
from sqlalchemy.exc import OperationalError

from app.models.user import User, hashed
from tests.http.problems import assert_private, problem_of
from tests.http.world import Person, World
from twofold.core.policy import EVENTS_AT_ONCE
from twofold.fastapi.schemas import ExportAnswer


def exported(person: Person) -> dict[str, Any]:
    answer: dict[str, Any] = person.get("/export").json()
    return answer


def test_the_export(each_world: World):
    """
    The export is a file of JSON that a browser saves, keeps the shape that OpenAPI says, and tells the user's account,
    factor, backup codes, session and events.
    """
    person = each_world.enrolled()
    person.post("/step-up", {"backup_code": person.backup_codes[0]})

    answer = person.get("/export")

    assert_private(answer)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-disposition"] == 'attachment; filename="two-factor-export.json"'
    told = answer.json()
    assert json.loads(ExportAnswer.model_validate(told).model_dump_json()) == told
    assert (told["account"], told["enabled"], told["unreadable"]) == (person.email, True, [])
    assert told["backup_codes"] == {
        "made": 10,
        "remaining": 9,
        "used_at": ["2030-01-01T12:00:00Z"],
        "switched_off": False,
    }
    assert [(one["current"], one["aal"], one["amr"]) for one in told["sessions"]] == [(True, 2, ["pwd", "mfa"])]
    assert [event["kind"] for event in told["events"]] == ["stepped_up", "factor_enrolled", "set_up_started"]


def test_the_export_opens_nothing(each_world: World):
    """
    Nothing in the export opens anything: no secret, no sealed value, no code, no token, and no hash of one (G9).
    """
    person = each_world.enrolled()
    token = person.sign_in_token()
    person.post("/setup", {"replace": True})
    kept = {
        value for rows in person.kept().values() for row in rows for value in row.values() if isinstance(value, str)
    }
    told = {text for each in exported(person)["events"] for text in (each["kind"], each["client_address"])}
    public = {"totp", "success", "pwd otp mfa", person.email, *told}
    secrets = (kept - public) | {person.secret, token, hashed(token), person.token, *person.backup_codes}
    long_enough = {secret for secret in secrets if len(secret) > 6}

    answer = person.get("/export")

    assert len(long_enough) > 15
    assert [secret for secret in long_enough if secret in answer.text] == []
    assert "epoch" not in answer.text


@pytest.mark.parametrize("events", [0, 1, EVENTS_AT_ONCE, EVENTS_AT_ONCE + 1, 2 * EVENTS_AT_ONCE + 7])
def test_the_export_is_complete(world: World, events: int):
    """
    However many events there are, the export has each of them once, the newest first.
    """
    person = world.signed_in()
    row = {"user_id": person.id, "kind": "signed_in", "outcome": "success", "moment": world.clock.now()}
    rows = [row | {"client_address": str(number)} for number in range(events)]
    if rows:
        with world.engine.connect() as connection:
            connection.execute(insert(User.metadata.tables["twofold_events"]), rows)

    told = exported(person)["events"]

    assert [event["client_address"] for event in told] == [str(number) for number in reversed(range(events))]


def test_an_export_that_breaks_is_no_whole_file(world: World):
    """
    Where the database fails in the midst of an export, what was sent is no JSON that could be taken for all of it.
    """
    person = world.signed_in()
    row = {"user_id": person.id, "kind": "signed_in", "outcome": "success", "moment": world.clock.now()}
    with world.engine.connect() as connection:
        connection.execute(insert(User.metadata.tables["twofold_events"]), [row] * (EVENTS_AT_ONCE + 1))

    pages: list[str] = []

    def fail_at_the_second_page(*arguments: Any) -> None:
        if "FROM twofold_events" in arguments[2] and "LIMIT" in arguments[2]:
            pages.append(arguments[2])
        if len(pages) > 1:
            raise OperationalError(arguments[2], {}, Exception("gone"))

    engine = world.auth.store._engine  # type: ignore[attr-defined]
    event.listen(engine, "before_cursor_execute", fail_at_the_second_page)
    answer = person.get("/export")
    event.remove(engine, "before_cursor_execute", fail_at_the_second_page)

    assert (answer.status_code, len(pages)) == (200, 2)
    with pytest.raises(ValueError):  # noqa: PT011 - not JSON
        answer.json()


def test_a_damaged_part_is_told_in_its_place(world: World):
    """
    What SQLite let into a row is told as unreadable, and the export goes on.
    """
    person = world.enrolled()
    whole = exported(person)
    with world.engine.connect() as connection:
        given = {"user": person.id}
        connection.execute(text("UPDATE users SET twofa_backup_codes = 'x' WHERE id = :user"), given)
        connection.execute(text("UPDATE twofold_events SET moment = 'x' WHERE user_id = :user"), given)

    told = exported(person)

    with world.engine.connect() as connection:
        connection.execute(text("DELETE FROM twofold_events WHERE user_id = :user"), given)
    assert set(told["unreadable"]) == {"backup_codes", "last_used_at"}
    assert [event["kind"] for event in told["events"]] == ["unreadable"] * len(whole["events"])
    assert told["sessions"] == whole["sessions"]


def test_the_export_asks_who_is_there(world: World):
    """
    Without a session there is no export.
    """
    person = world.enrolled()
    person.token = "nobody's"

    problem_of(person.get("/export"), "not-signed-in")
