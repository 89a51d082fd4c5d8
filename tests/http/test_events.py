"""`GET /events`: a person's own view of what happened."""

from typing import Any

import pytest
from sqlalchemy import insert, text, update

from app.models.user import User, UserSession
from tests.http.problems import assert_private, problem_of
from tests.http.world import PREFIX, Person, World
from twofold.core.policy import EVENTS_A_PAGE


def shown(person: Person, cursor: str | None = None) -> dict[str, Any]:
    query = {} if cursor is None else {"cursor": cursor}
    answer: dict[str, Any] = person.world.get(f"{PREFIX}/events", headers=person.bearer, params=query).json()
    return answer


def test_the_own_events(each_world: World):
    """
    The page shows each event with what it was, when, how it went, by which factor and from where; nobody else's.
    """
    person, other = each_world.enrolled(), each_world.enrolled()
    person.post("/step-up", {"code": person.wrong_code()})
    other.post("/step-up", {"code": other.wrong_code()})

    answer = person.get("/events")

    assert_private(answer)
    refused, enrolled, begun = answer.json()["items"]
    assert refused == {
        "id": refused["id"],
        "kind": "code_refused",
        "moment": "2030-01-01T12:00:00Z",
        "outcome": "invalid-code",
        "factor": "totp",
        "client_address": "192.0.2.1",
        "reason": None,
    }
    assert [enrolled["kind"], begun["kind"]] == ["factor_enrolled", "set_up_started"]
    assert answer.json()["next_cursor"] is None


def test_many_events(each_world: World):
    """
    More events than a page holds come page by page, each once.
    """
    person = each_world.signed_in()
    row = {"user_id": person.id, "kind": "signed_in", "moment": each_world.clock.now(), "outcome": "success"}
    each_world.execute(insert(User.metadata.tables["twofold_events"]).values([row] * (2 * EVENTS_A_PAGE + 1)))

    first = shown(person)
    second = shown(person, first["next_cursor"])
    third = shown(person, second["next_cursor"])

    assert [len(page["items"]) for page in (first, second, third)] == [EVENTS_A_PAGE, EVENTS_A_PAGE, 1]
    assert third["next_cursor"] is None
    assert len({item["id"] for page in (first, second, third) for item in page["items"]}) == 2 * EVENTS_A_PAGE + 1


@pytest.mark.parametrize("cursor", ["", "1", "x", "A" * 32, "A" * 5000, "\x00", "１"])  # noqa: RUF001 - the point of it
def test_strange_cursors(world: World, cursor: str):
    """
    A cursor that no page gave is refused, and not repeated.
    """
    person = world.signed_in()

    answer = world.get(f"{PREFIX}/events", headers=person.bearer, params={"cursor": cursor})

    problem = problem_of(answer, "invalid-request")
    assert [fault["field"] for fault in problem["errors"]] == ["cursor"]


def test_a_cursor_of_somebody_else(world: World):
    """
    Another user's cursor is refused, as one that never was is.
    """
    person, other = world.signed_in(), world.signed_in()
    row = {"user_id": other.id, "kind": "signed_in", "moment": world.clock.now(), "outcome": "success"}
    world.execute(insert(User.metadata.tables["twofold_events"]).values([row] * (EVENTS_A_PAGE + 1)))
    cursor = shown(other)["next_cursor"]

    answer = world.get(f"{PREFIX}/events", headers=person.bearer, params={"cursor": cursor})

    assert cursor is not None
    problem_of(answer, "invalid-request")


@pytest.mark.parametrize("path", ["/events", "/export"])
def test_the_own_view_asks_for_the_second_factor_of_this_session(each_world: World, path: str):
    """
    Where a second factor is on, a session by password alone sees nothing before it has proved one; then it does for as
    long as it lives, and the code is spent once.
    """
    person = each_world.enrolled()
    person.token = person.session()

    refused = person.get(path)
    with_code = person.get(path, code=person.code())
    each_world.clock.forward(seconds=20 * 3600)
    each_world.execute(update(UserSession).filter_by(user_id=person.id).values(last_seen_at=each_world.clock.now()))
    later = person.get(path, code="malformed, and not looked at")

    assert problem_of(refused, "step-up-required")["methods"] == ["totp", "backup_code"]
    assert (with_code.status_code, later.status_code) == (200, 200)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("moment", "'soon'"),
        ("moment", "0"),
        ("kind", "x'ff'"),
        ("client_address", "x'00'"),
        ("kind", "CAST(x'ff' AS TEXT)"),
    ],
)
def test_a_damaged_event_hides_no_other(world: World, column: str, value: str):
    """
    An event whose row cannot be read is told as such in its place, with nothing of what stands there; the others are
    whole.
    """
    person = world.enrolled()
    whole = shown(person)["items"]
    newest, given = "(SELECT max(id) FROM twofold_events WHERE user_id = :user)", {"user": person.id}
    with world.engine.connect() as connection:
        connection.execute(text(f"UPDATE twofold_events SET {column} = {value} WHERE id = {newest}"), given)

    answer = person.get("/events")

    # Other tests look at whole tables.
    with world.engine.connect() as connection:
        connection.execute(text("DELETE FROM twofold_events WHERE user_id = :user"), given)
    damaged, *others = answer.json()["items"]
    assert damaged == {**dict.fromkeys(whole[0]), "id": whole[0]["id"], "kind": "unreadable"}
    assert others == whole[1:]
