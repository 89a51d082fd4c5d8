"""The log of the backend: a line is one object, bears the id of its request, and holds no value that was used."""

import asyncio
import json
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from io import StringIO
from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import Response
from sqlalchemy import create_engine, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.pool import StaticPool
from starlette.testclient import TestClient

from app.logs import ERRORS, FRAMES, RequestLog, make_handler
from app.main import create_app
from app.models.user import User
from tests.http.administration import ADMIN
from tests.http.asgi import Asked
from tests.http.running import ServedWorld
from tests.http.test_disclosure import NEW_PASSWORD, OLD_PASSWORD, STATUSES, Story, talkative
from tests.http.world import Person, World, settings_for
from twofold.errors import ConfigurationError
from twofold.sqlalchemy import SqlAlchemyStore

SECRET = "JBSWY3DPEHPK3PXP"
NASTY = 'one\n{"event": "two"}\r\x1b[31mthree\x1b[0m\u2028four\x00\x85five'


@dataclass(frozen=True)
class Lines:
    """What was written."""

    stream: StringIO

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def objects(self) -> list[dict[str, Any]]:
        """Each line, as a program reads it."""
        return [json.loads(line) for line in self.text.splitlines()]

    def of(self, logger: str) -> list[dict[str, Any]]:
        return [line for line in self.objects if line["logger"].startswith(logger)]


@contextmanager
def written(log_format: str = "json") -> Iterator[Lines]:
    """Every logger speaks of everything, to a handler of the backend's."""
    stream = StringIO()
    with talkative(make_handler(log_format, stream)):
        # What it changes for the whole process is for a process of its own.
        logging.raiseExceptions = True
        logging.captureWarnings(capture=False)
        yield Lines(stream)


# -- A whole life ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Lived:
    """A story that was told to its end, and what was written meanwhile."""

    story: Story
    statuses: list[int]
    lines: Lines


@pytest.fixture(scope="module")
def lived_on(world_on: Callable[[str], World]) -> Callable[[str], Lived]:
    @cache
    def lived_on(kind: str) -> Lived:
        story = Story(world_on(kind))
        with written() as lines:
            statuses = story.told()
            story("GET", f"{ADMIN}/users")
            return Lived(story, statuses, lines)

    return lived_on


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def lived(request: pytest.FixtureRequest, lived_on: Callable[[str], Lived]) -> Lived:
    """The story on each database in turn, told once."""
    return lived_on(request.param)


def assert_a_line(line: dict[str, Any]) -> None:
    """It says when, how bad, who and what."""
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line["timestamp"])
    assert line["level"] in {"debug", "info", "warning", "error", "critical"}
    assert line["logger"]
    assert line["event"] == line["event"].strip() != ""
    assert "\n" not in line["event"]


def test_a_life_is_written_in_lines(lived: Lived):
    """
    Over a whole life with a second factor, errors and faults included, at the most talkative level, every line is one
    JSON object with moment, level, logger and text; each answered request has one line with its route and status.
    """
    for line in lived.lines.objects:
        assert_a_line(line)
    requests = lived.lines.of("app.requests")
    assert lived.statuses == STATUSES
    assert [line["status"] for line in requests] == [answer.status_code for answer in lived.story.received]
    assert {line["route"] for line in requests} <= set(lived.story.world.app.openapi()["paths"])
    assert {"twofold", "sqlalchemy.engine.Engine", "app.requests"} <= {line["logger"] for line in lived.lines.objects}


def test_a_life_is_written_without_secrets(lived: Lived, key: str):
    """
    In no line stands a secret, code, token, password or e-mail address that was used, nor a key, a hash or a row.
    """
    written = lived.lines.text

    assert lived.story.found_in(written) == []
    assert [
        each for each in (OLD_PASSWORD, NEW_PASSWORD, lived.story.person.email, key, "otpauth:") if each in written
    ] == []
    assert re.findall(r"[\w.]+@[\w.]+|[0-9a-f]{64}|v1\.[0-9a-f]{16}\.|argon2id\$", written) == []


def test_only_who_is_refused_has_an_address(lived: Lived):
    """
    The client's address stands in the lines about a refused password and about a refusal at the routes of
    administration, for whoever blocks guessers, and in no other.
    """
    lines = [line["event"] for line in lived.lines.objects if "192.0.2.1" in json.dumps(line)]

    refused = "A route of administration was refused (not-signed-in) to a stranger; from 192.0.2.1."
    assert set(lines) == {"A password was refused; from 192.0.2.1.", refused}


def test_each_line_bears_the_id_of_its_request(lived: Lived):
    """
    Every line, also of the library and of SQLAlchemy deep inside, bears the id of the request that it is about.
    """
    told = [answer.headers["x-request-id"] for answer in lived.story.received]
    # The story itself looks into the database too.
    deep = [line["request_id"] for line in lived.lines.of("sqlalchemy") if "request_id" in line]

    assert [line["request_id"] for line in lived.lines.of("app.requests")] == told
    assert {line["request_id"] for line in lived.lines.of("twofold")} < set(told)
    assert set(deep) < set(told)
    assert len(set(deep)) > 20
    assert len(set(told)) == len(told) > 30


def test_behind_a_server(served_world: ServedWorld):
    """
    What a server says of a fault bears the id that its answer bore, and holds nothing more.
    """

    class ServedStory(Story):
        def send(self, method: str, path: str, headers: dict[str, str], content: bytes) -> Response:
            raw = [(name.encode(), value.encode()) for name, value in headers.items()]
            return served_world.raw(path, raw, content, method=method.encode())

    story = ServedStory(served_world)
    with written() as lines:
        statuses = story.told()

    [fault] = [answer for answer in story.received if answer.status_code == 500]
    [line] = [line for line in lines.of("uvicorn.error") if line["level"] == "error"]
    assert statuses == STATUSES
    assert line["event"] == "Exception in ASGI application"
    assert line["request_id"] == fault.headers["x-request-id"]
    assert story.found_in(lines.text) == []
    assert story.person.email not in lines.text


# -- The id of a request ---------------------------------------------------------------------------------------------


def test_the_id_is_not_taken_from_the_client(world: World):
    """
    Whatever a client calls its request, by whichever header, the id is ours, and the client's is not written.
    """
    mine = "1234-code-of-mine"
    names = [b"x-request-id", b"x-correlation-id", b"traceparent", b"request-id"]
    with written() as lines:
        answers = [world.ask("/healthz", [(name, mine.encode())], chunks=(), method="GET") for name in names]

    ids = [answer.headers["x-request-id"] for answer in answers]
    assert all(re.fullmatch(r"[\w-]{16}", each) for each in ids)
    assert len(set(ids)) == len(ids)
    assert [answer.headers.get_list("x-request-id") for answer in answers] == [[each] for each in ids]
    assert mine not in lines.text


@pytest.mark.parametrize(("path", "status"), [("/healthz", 200), ("/nowhere", 404), ("/api/auth/session", 401)])
def test_every_answer_bears_an_id(world: World, path: str, status: int):
    """
    Whatever is answered, also by nobody's route, bears the id.
    """
    answer = world.get(path)

    assert answer.status_code == status
    assert len(answer.headers["x-request-id"]) == 16


def test_requests_side_by_side_have_ids_of_their_own(world: World):
    """
    Of many requests at one moment each line bears the id of its own.
    """
    asked = [Asked(path, [], chunks=(), method="GET") for path in ("/healthz", "/nowhere", "/api/auth/session") * 10]
    with written() as lines:
        answers = world.ask_side_by_side(asked)

    by_id = {line["request_id"]: line for line in lines.of("app.requests")}
    told = [by_id[answer.headers["x-request-id"]]["status"] for answer in answers]
    assert told == [answer.status_code for answer in answers]


def test_threads_bear_the_id():
    """
    What is written in a thread bears the id: in a route that may block, and in a use case over a blocking engine.
    """
    said = logging.getLogger("twofold")
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    store, app = SqlAlchemyStore(engine, User), FastAPI()

    @app.get("/blocking")
    def blocking() -> None:
        said.warning("in a route")

    @app.get("/use-case")
    async def use_case() -> None:
        await store.run(lambda _: said.warning("in a use case"))

    asking = TestClient(RequestLog(app))
    with written() as lines:
        ids = [asking.get(path).headers["x-request-id"] for path in ("/blocking", "/use-case")]

    assert [(line["event"], line["request_id"]) for line in lines.of("twofold")] == [
        ("in a route", ids[0]),
        ("in a use case", ids[1]),
    ]


# -- Errors, and what else has values --------------------------------------------------------------------------------


def failed(deep: int = 0) -> None:
    """Fail with a secret in every place that a log could find it: text, locals, cause, notes, and the row."""
    secret_in_a_local = SECRET  # noqa: F841 - as many a traceback shows
    if deep:
        failed(deep - 1)
    try:
        int(SECRET)
    except ValueError as error:
        cause = IntegrityError(f"INSERT {SECRET}", {"secret": SECRET}, Exception(SECRET))
        cause.add_note(SECRET)
        raise cause from error


def logged(error: BaseException, log_format: str = "json") -> Lines:
    with written(log_format) as lines:
        logging.getLogger("app").error("It failed.", exc_info=error)
    return lines


def raised(deep: int = 0) -> IntegrityError:
    with pytest.raises(IntegrityError) as caught:
        failed(deep)
    return caught.value


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_an_error_is_told_without_its_values(log_format: str):
    """
    Of an error its kind and the places where it passed are told, and of those that led to it; never its text.
    """
    lines = logged(raised(), log_format)

    assert SECRET not in lines.text
    assert lines.text.count("\n") == 1
    assert "sqlalchemy.exc.IntegrityError" in lines.text
    assert "builtins.ValueError" in lines.text
    assert re.search(rf"{re.escape(__file__)}:\d+ failed", lines.text)


def test_an_error_in_json_is_a_list():
    """
    A program finds the kinds of a chain of errors, the last first, and the places of each.
    """
    [line] = logged(raised()).objects

    assert [each["type"] for each in line["exception"]] == ["sqlalchemy.exc.IntegrityError", "builtins.ValueError"]
    assert line["exception"][0]["at"][-1].endswith(" failed")


def test_a_deep_error_is_told_in_short():
    """
    However deep and long the chain, a line has a length that can be read; and a ring of errors is told once.
    """
    deep = logged(raised(60)).objects[0]["exception"]
    first, second = ValueError(), TypeError()
    first.__cause__, second.__cause__ = second, first
    ring = logged(first).objects[0]["exception"]

    assert max(len(each["at"]) for each in deep) <= FRAMES
    assert len(deep) <= ERRORS
    assert [each["type"] for each in ring] == ["builtins.ValueError", "builtins.TypeError"]


def test_what_asyncio_says_of_an_error_is_cut(world: World):
    """
    A task whose error nobody took is told by its kind; asyncio itself would show the error with its text.
    """

    async def lost() -> None:
        loop = asyncio.get_running_loop()
        context = {"message": "Task exception was never retrieved", "exception": ValueError(SECRET)}
        loop.call_exception_handler({**context, "future": SECRET})

    with written() as lines:
        world._call(lost)

    [line] = lines.of("asyncio")
    assert (line["event"], line["exception"][0]["type"]) == (
        "Task exception was never retrieved",
        "builtins.ValueError",
    )
    assert SECRET not in lines.text


def test_drivers_at_their_most_talkative_are_not_written(world: World):
    """
    Below INFO, where drivers write parameters and rows, only we are heard.
    """
    person: Person = world.signed_in()
    with written() as lines:
        for name in ("aiosqlite", "sqlalchemy.engine.Engine", "uvicorn.error", "uvicorn.asgi", "asyncio", "twofoldish"):
            logging.getLogger(name).debug("a parameter: %s", SECRET)
        for name in ("twofold", "app", "app.requests"):
            logging.getLogger(name).debug("ours")
        person.get("/status")

    assert SECRET not in lines.text
    assert person.email not in lines.text
    assert [line["event"] for line in lines.objects].count("ours") == 3
    assert {line["level"] for line in lines.of("sqlalchemy")} == {"info"}


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_nobody_writes_a_line_of_his_own(log_format: str):
    """
    Line ends, terminal sequences and other control characters are cut or written as escapes: a message is one line of
    characters that can be seen.
    """
    with written(log_format) as lines:
        logging.getLogger("twofold").warning("user %s did it", NASTY)
        logging.getLogger("twofold").warning("user %s did it", NASTY.replace("\n", ""))

    assert len(lines.text.splitlines()) == 2
    assert lines.text.replace("\n", "").isprintable()
    assert '{"event": "two"}' not in lines.text.splitlines()[0]


def test_what_others_hang_on_a_line_is_not_written():
    """
    Of what a library hangs on its line nothing is written but what a request's line has.
    """
    with written() as lines:
        logging.getLogger("uvicorn.error").warning("hello", extra={"color_message": SECRET, "token": SECRET})

    [line] = lines.objects
    assert set(line) == {"event", "level", "logger", "timestamp"}


def test_a_method_that_a_client_made_up(world: World):
    """
    A method is a word that a client chooses too: an unknown one is not written, nor any part of a path or query.
    """
    with written() as lines:
        world.ask(f"/{SECRET}/a%0Ab?code={SECRET}", [(b"user-agent", SECRET.encode())], chunks=(), method=SECRET)

    [line] = lines.of("app.requests")
    assert (line["method"], line["route"], line["status"]) == ("other", "unmatched", 404)
    assert SECRET not in lines.text


def test_a_line_in_words():
    """
    For people a line has its level, its text and what belongs to a request.
    """
    moments = iter([0.0, 0.0123])
    app = FastAPI()
    app.get("/things/{id}")(lambda: None)
    with written("text") as lines:
        answer = TestClient(RequestLog(app, timer=lambda: next(moments))).get("/things/7")

    [line] = [line for line in lines.text.splitlines() if line.startswith("INFO:     request ")]
    words = "method=GET route=/things/{id} status=200 milliseconds=12.3"
    assert line == f"INFO:     request {words} request_id={answer.headers['x-request-id']}"


def test_a_worker_that_does_not_start_is_told_without_values(
    caplog: pytest.LogCaptureFixture, fresh_place: Any, key: str
):
    """
    A worker whose tables cannot be brought up to date says so in words without values, and what led to it goes no
    further: a server writes down the whole of it.
    """
    place = fresh_place("sqlite")
    engine = place.engine()
    with engine.connect() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
        connection.execute(text(f"INSERT INTO alembic_version VALUES ('{SECRET}')"))

    with pytest.raises(ConfigurationError) as refused, TestClient(create_app(settings_for(place, key))):
        pass

    assert "This worker does not start. DATABASE_URL: the tables there cannot be brought up to date" in caplog.text
    assert SECRET not in caplog.text
    assert (refused.value.__cause__, refused.value.__suppress_context__) == (None, True)
