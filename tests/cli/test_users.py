"""`twofold users` and `twofold events`."""

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, event, insert

from app.database import BACKEND
from tests.cli.conftest import APPLICATION, Operator
from tests.http.world import Person
from twofold.service.sessions import Proved
from twofold.testing.clock import NOON

WHY = "Lost the phone. Ticket 4711."


def wrong(person: Person, times: int) -> None:
    for _ in range(times):
        person.post("/step-up", {"code": person.wrong_code()})


def test_a_user_is_shown(each_operator: Operator):
    """
    By id or by account name it is shown where a user's second factor stands, for people and for programs.
    """
    person = each_operator.world.enrolled()
    wrong(person, 2)
    by_id = each_operator.run("users", "show", str(person.id), "--json").json
    by_name = each_operator.run("users", "show", person.email, "--json").json

    assert by_id == by_name
    assert (by_id["user"], by_id["account"], by_id["enabled"]) == (str(person.id), person.email, True)
    assert (by_id["factors"], by_id["backup_codes_remaining"], by_id["failures"]) == (["totp"], 10, {"totp": 2})
    assert person.email in each_operator.run("users", "show", person.email).out


def test_a_user_is_reset(each_operator: Operator):
    """
    After `users reset` the password alone signs in, the sessions of before have ended, and the event says who and why.
    """
    person = each_operator.world.enrolled()
    dry = each_operator.run("users", "reset", person.email, "--reason", WHY, "--dry-run")
    assert (dry.code, "would be reset" in dry.out) == (0, True)
    assert person.get("/status").json()["enabled"] is True

    done = each_operator.run("users", "reset", person.email, "--reason", WHY, "--by", "night shift")
    assert done.code == 0
    assert person.get("/status").status_code == 401
    assert isinstance(each_operator.world.use(lambda auth: auth.sign_in.begin(person.id)), Proved)
    event = each_operator.run("events", "tail", "--user", person.email, "--json", "-n", "2").lines[0]
    assert (event["kind"], event["actor"], event["reason"]) == ("second_factor_reset", "night shift", WHY)
    assert each_operator.run("users", "reset", person.email, "--reason", WHY).code == 1


def test_a_user_is_unlocked(each_operator: Operator):
    """
    After `users unlock` the right code is accepted, which was not even looked at before.
    """
    person = each_operator.world.enrolled()
    wrong(person, 5)
    assert person.post("/step-up", {"code": person.code()}).status_code == 429

    assert each_operator.run("users", "unlock", str(person.id), "--reason", WHY, "--dry-run").code == 0
    assert person.post("/step-up", {"code": person.code()}).status_code == 429
    assert each_operator.run("users", "unlock", str(person.id), "--reason", WHY).code == 0
    assert person.post("/step-up", {"code": person.code()}).status_code == 200


def test_everybodys_events_are_told_the_newest_last(each_operator: Operator):
    """
    `events tail` tells the last events of anybody, one a line, the newest last.
    """
    one, other = each_operator.world.enrolled(), each_operator.world.enrolled()
    wrong(one, 1)
    wrong(other, 1)
    told = each_operator.run("events", "tail", "-n", "2", "--json").lines

    assert [(event["user"], event["kind"]) for event in told] == [
        (str(one.id), "code_refused"),
        (str(other.id), "code_refused"),
    ]
    assert told[0]["number"] < told[1]["number"]
    assert "code_refused" in each_operator.run("events", "tail", "-n", "1").out


def test_a_look_at_events_takes_one_statement(operator: Operator):
    """
    However many events there are, those that are shown are read at once.
    """
    operator.world.enrolled()
    statements: list[str] = []

    def count(_: object, __: object, statement: str, *___: object) -> None:
        if "FROM twofold_events" in statement:
            statements.append(statement)

    event.listen(Engine, "before_cursor_execute", count)
    told = operator.run("events", "tail", "-n", "200", "--json")
    event.remove(Engine, "before_cursor_execute", count)

    assert (told.code, len(told.lines) > 1, len(statements)) == (0, True, 1)


@contextmanager
def following(operator: Operator) -> Iterator[Callable[[int], list[Any]]]:
    """Somebody who watches; what tells the next so many events."""
    environment = {"DATABASE_URL": operator.url, "ENCRYPTION_KEY": ",".join(operator.keys), "TWOFOLD_APP": APPLICATION}
    words = [sys.executable, "-m", "twofold", "events", "tail", "-f", "-n", "1", "--json"]
    told: queue.Queue[str] = queue.Queue()

    def read(lines: Iterable[str]) -> None:
        for line in lines:
            told.put(line)

    with subprocess.Popen(
        words, cwd=BACKEND, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True
    ) as process:
        threading.Thread(target=read, args=[process.stdout], daemon=True).start()
        yield lambda count: [json.loads(told.get(timeout=30)) for _ in range(count)]
        process.terminate()
    assert told.empty()


def test_events_are_followed(operator: Operator):
    """
    With -f each event is told once, also one that comes to light behind a later one, and more than one look takes.
    """
    person = operator.world.enrolled()

    def happened(*numbers: int) -> None:
        table = operator.world.app.state.twofold.auth.store._statements.tables.events
        values = {"user_id": person.id, "kind": "signed_in", "moment": NOON, "outcome": "success"}
        operator.world.execute(insert(table).values([{"id": number, **values} for number in numbers]))

    with following(operator) as told:
        last = told(1)[0]["number"]
        happened(last + 10)
        assert [event["number"] for event in told(1)] == [last + 10]
        happened(last + 5)
        assert [event["number"] for event in told(1)] == [last + 5]
        many = range(last + 11, last + 511)
        happened(*many)
        assert [event["number"] for event in told(500)] == list(many)


def test_maintenance_is_run(each_operator: Operator):
    """
    `maintenance` says what it has deleted; what is young stays.
    """
    each_operator.world.enrolled()
    done = each_operator.run("maintenance", "--json")

    assert done.code == 0
    assert done.json["events"] == 0


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["users", "show", "nobody@example.com"], 1, "no such user"),
        (["users", "reset", "nobody@example.com", "--reason", WHY], 1, "no such user"),
        (["users", "reset", "1", "--reason", " "], 2, "Say why"),
        (["users", "reset", "1"], 2, "--reason"),
        (["keys", "status", "--app", "nowhere:app"], 2, "no module nowhere"),
        (["keys", "status", "--app", "app.main:nothing"], 2, "has no nothing"),
        (["keys", "status", "--app", "app.main"], 2, "module:object"),
        (["keys", "status", "--app", "app.main:BACKEND"], 2, "is no FastAPI application"),
        (["keys", "status", "--app", "fastapi:FastAPI"], 2, "without two_factor.install"),
        (["events", "tail", "-n", "0"], 2, "greater than"),
        (["nothing"], 2, "No such command"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(operator: Operator, words: list[str], code: int, text: str):
    """
    A wrong call ends with 2 and a user who is not there with 1, each with a text that says what to do, and no trace.
    """
    done = operator.run(*words)

    assert (done.code, text in " ".join(done.err.split())) == (code, True), done.err
    assert "Traceback" not in done.err


def test_a_store_that_is_away_ends_with_three(operator: Operator):
    """
    A database that does not answer ends with 3; its URL is not shown.
    """
    done = operator.run("keys", "status", DATABASE_URL="postgresql://somebody:hidden@127.0.0.1:1/nothing")

    assert done.code == 3
    assert "out of reach" in done.err
    assert "hidden" not in done.err + done.out


def test_a_wrong_setting_ends_with_two(operator: Operator):
    """
    A setting that stops the backend's start stops a command too, with the same line.
    """
    done = operator.run("keys", "status", keys=["not a key"])

    assert (done.code, "ENCRYPTION_KEY" in done.err) == (2, True)
    assert "not a key" not in done.err


@pytest.mark.parametrize("verb", ["reset", "unlock"])
def test_a_dry_run_is_as_the_real_one_and_writes_nothing(operator: Operator, verb: str):
    """
    Where the real run would be refused the dry one is, in the same words; of a damaged row it records nothing.
    """
    nobody, person = operator.world.registered(), operator.world.enrolled()
    why = ["--reason", WHY]
    dry, real = (operator.run("users", verb, nobody.email, *why, *more) for more in (["--dry-run"], []))
    assert (dry.code, dry.err) == (real.code, real.err)

    person.set(twofa_failures="x")
    before = operator.world.dump()
    dry = operator.run("users", verb, person.email, *why, "--dry-run")
    shown = operator.run("users", "show", person.email, "--json")

    assert operator.world.dump() == before
    assert (shown.code, shown.json["unreadable"]) == (0, ["twofa_failures"])
    assert operator.run("users", verb, person.email, *why).code == dry.code == {"reset": 0, "unlock": 3}[verb]
    assert person.get("/status").status_code == {"reset": 401, "unlock": 503}[verb]


def test_who_could_be_meant_is_not_guessed(operator: Operator):
    """
    A number that is one user's id and another one's account name means neither of them without --id.
    """
    person, namesake = operator.world.enrolled(), operator.world.enrolled()
    namesake.set(email=str(person.id))
    for words in (["users", "show"], ["users", "unlock", "--reason", WHY], ["events", "tail", "--user"]):
        refused = operator.run(*words, str(person.id))
        assert (refused.code, "--id" in refused.err) == (1, True)
        assert operator.run(*words, str(person.id), "--id").code == 0

    assert operator.run("users", "show", str(person.id), "--id", "--json").json["account"] == person.email
    assert operator.run("users", "show", person.email, "--id").code == 1
    namesake.set(email=f"00{person.id}")
    assert operator.run("users", "show", f"00{person.id}", "--json").json["user"] == str(namesake.id)


@pytest.mark.parametrize("verb", ["reset", "unlock"])
def test_no_terminal_obeys_an_id(operator: Operator, verb: str):
    """
    Whoever chose an id tells the operator's terminal nothing by it, and no part of it is a picture.
    """
    app = ["--app", "tests.cli.in_trouble:chosen_ids"]
    done = operator.run("users", verb, "eve@example.com", "--reason", WHY, *app)

    assert (done.code, done.out.removesuffix("\n").isprintable(), ":key:" in done.out) == (0, True, True)


def test_what_is_typed_comes_before_what_is_set(operator: Operator):
    """
    The application of the command line is the one, in whichever place it is named; of two places the inner one is.
    """
    typed, elsewhere = "app.main:create_app", "nowhere:app"

    assert operator.run("--app", typed, "keys", "status", TWOFOLD_APP=elsewhere).code == 0
    assert operator.run("keys", "status", "--app", typed, TWOFOLD_APP=elsewhere).code == 0
    assert operator.run("--app", elsewhere, "keys", "status", "--app", typed, TWOFOLD_APP=elsewhere).code == 0
    assert operator.run("--app", elsewhere, "keys", "status", TWOFOLD_APP=typed).code == 2


def test_options_stand_before_the_command_or_after_it(operator: Operator):
    """
    The application and the form of the answer may be named in front, or with the command.
    """
    before = operator.run("--app", "app.main:create_app", "--json", "keys", "status", TWOFOLD_APP="")
    after = operator.run("keys", "status", "--app", "app.main:create_app", "--json", TWOFOLD_APP="")

    assert before.json == after.json
