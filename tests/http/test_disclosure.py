"""Secrets and codes are shown once, and stand nowhere else: no log, no table, no later answer, no repr (G9, G10)."""

import gc
import json
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import pytest
from cryptography.fernet import Fernet
from httpx2 import Response
from pydantic import BaseModel

from app.routes.auth import Credentials, Leaving, PasswordChange
from app.utils.two_factor_auth import Token
from tests.http.bodies import JSON
from tests.http.running import ServedWorld
from tests.http.test_totp import code_of
from tests.http.victim import FINISH, LOGIN, LOGOUT, REGISTER, SESSION
from tests.http.world import PREFIX, Person, World
from twofold import KeyRing
from twofold.core.backup_codes import stored_backup_codes, typed_backup_code
from twofold.core.enrollment import BackupCodeProof, SetUpProof, TotpProof
from twofold.core.totp import TotpSecret, TypedCode
from twofold.fastapi import SignedIn
from twofold.fastapi.schemas import (
    BackupCodesAnswer,
    CodeRequest,
    FinishRequest,
    ProofRequest,
    SecondFactorRequired,
    SetUpAnswer,
)

OLD_PASSWORD, NEW_PASSWORD = "battery horse staple correct", "staple battery correct horse"


class Log(logging.Handler):
    """Everything that anybody logs, as it would be written down, with tracebacks."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.name} {self.format(record)}")

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @property
    def statements(self) -> str:
        """What SQLAlchemy says of its statements, without the rows that it shows at its most talkative."""
        return "\n".join(line for line in self.lines if line.startswith("sqlalchemy") and " Row (" not in line)


@contextmanager
def talkative(handler: logging.Handler) -> Iterator[None]:
    """Every logger speaks of everything, to this handler."""
    root = logging.getLogger()
    named = [logger for logger in logging.Logger.manager.loggerDict.values() if isinstance(logger, logging.Logger)]
    before = {logger: (logger.level, logger.disabled, logger.propagate) for logger in [root, *named]}
    for logger in before:
        logger.setLevel(1)
        logger.disabled, logger.propagate = False, True
    root.addHandler(handler)
    yield
    root.removeHandler(handler)
    for logger, (level, disabled, propagate) in before.items():
        logger.setLevel(level)
        logger.disabled, logger.propagate = disabled, propagate


@contextmanager
def everything_logged() -> Iterator[Log]:
    """Every logger speaks of everything."""
    log = Log()
    with talkative(log):
        yield log


class BrokenClock:
    """A fault inside."""

    def now(self) -> datetime:
        raise RuntimeError


class Story:
    """A life with a second factor, in which everything is written down that was shown or typed."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.person = Person(world, world.stranger())
        self.typed: set[str] = {OLD_PASSWORD, NEW_PASSWORD}
        self.shown: set[str] = set()
        self.answers: list[str] = []
        self.received: list[Response] = []

    def __call__(self, method: str, path: str, body: Any = None, *, header: str | None = None) -> Response:
        headers = self.person.bearer if self.person.token else {}
        headers |= {} if header is None else {"X-TOTP-Code": header}
        content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = self.send(method, path, headers | JSON, content)
        self.answers.append(answer.text)
        self.received.append(answer)
        told = answer.json() if answer.content else {}
        for name in ("access_token", "sign_in_token", "secret", "otpauth_uri", "qr_code"):
            self.shown |= {told[name]} if name in told else set()
        self.shown |= set(told.get("backup_codes") or ())
        self.person.token = told.get("access_token", self.person.token)
        return answer

    def send(self, method: str, path: str, headers: dict[str, str], content: bytes) -> Response:
        return self.world.request(method, path, headers=headers, content=content)

    def code(self) -> str:
        self.world.clock.forward(seconds=30)
        code = code_of(self.person.secret, self.world)
        self.typed.add(code)
        return code

    def set_up(self, **body: Any) -> None:
        self.person.secret = self("POST", f"{PREFIX}/setup", body).json()["secret"]
        self.person.backup_codes = (
            self("POST", f"{PREFIX}/verify", {"code": self.code()}).json()["backup_codes"] or self.person.backup_codes
        )

    def sign_in_token(self, password: str = OLD_PASSWORD) -> str:
        answer = self("POST", LOGIN, {"email": self.person.email, "password": password})
        return str(answer.json()["sign_in_token"])

    def told(self) -> list[int]:
        """The whole story: what goes well, what is refused, what is malformed and what breaks."""
        email, password = self.person.email, OLD_PASSWORD
        self("POST", REGISTER, {"email": email, "password": password})
        self("POST", REGISTER, {"email": email, "password": NEW_PASSWORD})
        self("POST", LOGIN, {"email": email, "password": NEW_PASSWORD})
        self("POST", LOGIN, {"email": email, "password": password})
        self.set_up()
        statuses = [self("GET", SESSION).status_code, self("GET", f"{PREFIX}/status").status_code]
        token, code = self.sign_in_token(), self.code()
        bodies: list[Any] = [
            {"sign_in_token": token, "code": "1" + code},
            {"sign_in_token": token, "code": [code]},
            {"sign_in_token": token, "code": code, "backup_code": self.person.backup_codes[0]},
            {"sign_in_token": token, code: token},
            json.dumps({"sign_in_token": token, "code": code}).encode()[:-1],
            {"sign_in_token": token, "code": self.person.secret},
            {"sign_in_token": token, "backup_code": self.person.backup_codes[1] + "0"},
            {"sign_in_token": token, "code": code},
            {"sign_in_token": token, "code": code},
        ]
        statuses += [self("POST", FINISH, body).status_code for body in bodies]
        statuses.append(self("POST", LOGIN, {"email": email, "password": password}, header=self.code()).status_code)
        statuses.append(self("POST", f"{PREFIX}/step-up", {"code": self.code()}).status_code)
        token, backup_code = self.sign_in_token(), self.person.backup_codes[2]
        for _ in range(2):
            body = {"sign_in_token": token, "backup_code": backup_code}
            statuses.append(self("POST", FINISH, body).status_code)
        self.person.backup_codes = self("POST", f"{PREFIX}/backup-codes", {"code": self.code()}).json()["backup_codes"]
        self.set_up(replace=True)
        statuses.append(self("POST", f"{PREFIX}/setup", {"replace": True}, header=self.code()).status_code)
        statuses += self.broken()
        change = {"current_password": password, "new_password": NEW_PASSWORD}
        statuses.append(self("POST", "/api/auth/password", change, header=self.code()).status_code)
        self("POST", LOGIN, {"email": email, "password": NEW_PASSWORD}, header=self.code())
        statuses.append(self("GET", "/api/auth/sessions").status_code)
        statuses.append(self("POST", f"{PREFIX}/disable", {"backup_code": self.person.backup_codes[5]}).status_code)
        statuses.append(self("POST", LOGOUT).status_code)
        statuses.append(self("GET", SESSION).status_code)
        return statuses

    def broken(self) -> list[int]:
        """What does not open, and what goes wrong inside: both are logged."""
        stored, auth = self.person_row()["totp_secret"], self.world.auth
        self.person.set(totp_secret=stored[:-1])
        unreadable = self("POST", f"{PREFIX}/step-up", {"code": self.code()}).status_code
        self.person.set(totp_secret=stored)
        code, sink, auth.on_event = self.code(), auth.on_event, self.fail
        unheard = self("POST", f"{PREFIX}/step-up", {"code": code}).status_code
        auth.on_event, clock, auth.clock = sink, auth.clock, BrokenClock()
        try:
            fault = self("POST", f"{PREFIX}/step-up", {"code": code}).status_code
        finally:
            auth.clock = clock
        return [unreadable, unheard, fault]

    def fail(self, _: object) -> None:
        raise RuntimeError

    def person_row(self) -> dict[str, Any]:
        [row] = [row for row in self.world.dump()["users"] if row["email"] == self.person.email]
        self.person.id = row["id"]
        return row

    def found_in(self, text: str) -> list[str]:
        """What should not stand in *text*, and does."""
        secrets = self.typed | self.shown
        secrets |= {code.replace("-", "") for code in self.shown if re.fullmatch(r"[0-9A-Z]{4}(-[0-9A-Z]{4}){5}", code)}
        # A code of six digits is a word of its own: within a longer number it is chance.
        numbers = set(re.findall(r"(?<![\w.])[0-9]{6}(?!\w)", text))
        return [each for each in secrets if (each in numbers if len(each) == 6 else each in text)]


STATUSES = [
    200,
    200,
    422,
    422,
    422,
    422,
    422,
    422,
    422,
    200,
    401,
    200,
    200,
    200,
    401,
    200,
    503,
    200,
    500,
    204,
    200,
    200,
    204,
    401,
]


@dataclass(frozen=True)
class Told:
    """A story that was told to its end, and what was logged meanwhile."""

    story: Story
    statuses: list[int]
    log: Log


@pytest.fixture(scope="module")
def told_on(world_on: Callable[[str], World]) -> Callable[[str], Told]:
    @cache
    def told_on(kind: str) -> Told:
        story = Story(world_on(kind))
        with everything_logged() as log:
            return Told(story, story.told(), log)

    return told_on


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def told(request: pytest.FixtureRequest, told_on: Callable[[str], Told]) -> Told:
    """The story on each database in turn, told once."""
    return told_on(request.param)


def test_the_story(told: Told):
    """
    The story has all that it should have: what goes well, what is refused, and faults.
    """
    assert told.statuses == STATUSES
    assert len(told.story.shown) > 30
    assert len(told.story.typed) > 10


def test_no_log_discloses(told: Told, key: str):
    """
    At the most talkative level no secret, code, token or password stands in the log.
    """
    assert {"sqlalchemy.engine.Engine", "twofold"} <= {line.split()[0] for line in told.log.lines}
    assert told.story.found_in(told.log.text) == []
    assert key not in told.log.text


def test_no_table_discloses(told: Told, key: str):
    """
    In no column of any table stands a secret, code, token or password.
    """
    tables = told.story.world.dump()

    assert {"users", "user_sessions", "twofold_sessions", "twofold_events", "twofold_pending_sign_ins"} <= set(tables)
    assert told.story.found_in(repr(tables)) == []
    assert key not in repr(tables)


def test_nothing_is_shown_twice(told: Told):
    """
    What is shown is shown in one answer, and what was typed in none.
    """
    answers = told.story.answers

    times = {each: sum(each in answer for answer in answers) for each in told.story.shown}

    assert {each for each, number in times.items() if number != 1} == set()
    assert [each for each in told.story.typed if each in "".join(answers)] == []


def test_statements_are_logged_without_values(told: Told):
    """
    Who echoes SQL sees statements, but no address, no hash and no sealed value beside them.
    """
    statements = told.log.statements

    assert "UPDATE users SET" in statements
    assert "INSERT INTO user_sessions" in statements
    assert told.story.person.email not in statements
    assert re.findall(r"[0-9a-f]{64}|v1\.[0-9a-f]{16}\.|argon2", statements) == []


def test_events_disclose_nothing(told: Told):
    """
    The events of a story hold kinds, moments, outcomes, factors and addresses, who did it and why, and nothing else.
    """
    events = told.story.person.kept()["twofold_events"]

    assert {key for event in events for key in event} == {
        "id",
        "user_id",
        "kind",
        "moment",
        "outcome",
        "factor",
        "client_address",
        "actor",
        "reason",
    }
    assert {(event["actor"], event["reason"]) for event in events} == {(None, None)}
    assert told.story.found_in(repr(events)) == []


def test_no_server_discloses(served_world: ServedWorld, capfd: pytest.CaptureFixture[str]):
    """
    Behind a server, which logs requests and messages, nothing is disclosed either: in the log, or on the terminal.
    """

    class ServedStory(Story):
        def send(self, method: str, path: str, headers: dict[str, str], content: bytes) -> Response:
            raw = [(name.encode(), value.encode()) for name, value in headers.items()]
            return served_world.raw(path, raw, content, method=method.encode())

    story = ServedStory(served_world)

    with everything_logged() as log:
        statuses = story.told()

    assert statuses == STATUSES
    assert {"uvicorn.access", "uvicorn.error"} <= {line.split()[0] for line in log.lines}
    assert story.found_in(log.text) == []
    assert story.found_in("".join(capfd.readouterr())) == []


def test_reprs_of_what_stays(told: Told, key: str):
    """
    No object of ours or of the application that is alive after a story shows a secret.
    """
    ours = [each for each in gc.get_objects() if re.match(r"<class '(twofold|app)\.", str(type(each)))]

    reprs = "\n".join(repr(each) for each in ours)

    assert {"KeyRing", "Settings", "TwoFactorAuth"} <= {type(each).__name__ for each in ours}
    assert told.story.found_in(reprs) == []
    assert key not in reprs
    assert "sql" not in repr(told.story.world.app.state.settings)


def test_reprs_of_what_passes(world: World):
    """
    No value that holds a secret on its way through a use case or over the wire shows it.
    """
    person = world.registered()
    begun = world.use(lambda auth: auth.totp.set_up(person.id))
    person.secret = begun.secret.base32
    code = TypedCode(person.code())
    confirmed = world.use(lambda auth: auth.totp.confirm(person.id, code))
    person.backup_codes = confirmed.backup_codes or ()
    pending: Any = world.use(lambda auth: auth.sign_in.begin(person.id))
    typed = typed_backup_code(person.backup_codes[0])
    stored = stored_backup_codes(person.backup_codes, str(person.id))
    backup_code, token, key = person.backup_codes[0], pending.sign_in_token, Fernet.generate_key().decode()
    texts = [person.secret, code.text, *person.backup_codes, token, typed.text, stored.codes[0].digest.hex(), key]
    models: list[BaseModel] = [
        SetUpAnswer(
            secret=begun.secret.base32,
            otpauth_uri=begun.otpauth_uri,
            qr_code=begun.qr_code,
            issuer="",
            account="",
            algorithm="",
            digits=6,
            period=30,
            expires_at=begun.expires_at,
        ),
        BackupCodesAnswer(backup_codes=list(person.backup_codes)),
        SecondFactorRequired(sign_in_token=token, methods=[], expires_at=begun.expires_at),
        Token(access_token=token, expires_at=begun.expires_at),
        Credentials(email=person.email, password=token),
        PasswordChange(current_password=token, new_password=token),
        Leaving(password=token),
        CodeRequest(code=code.text),
        ProofRequest(code=code.text, backup_code=backup_code),
        FinishRequest(sign_in_token=token, code=code.text, backup_code=backup_code),
        world.app.state.two_factor.host.enabled_model.model_construct(
            backup_codes=list(person.backup_codes), access_token=token
        ),
        world.app.state.two_factor.host.signed_in_model.model_construct(access_token=token),
        world.app.state.two_factor.host.disabled_model.model_construct(access_token=token),
    ]
    values = [
        begun,
        begun.secret,
        confirmed,
        pending,
        code,
        typed,
        stored,
        TotpProof(code, TotpSecret(person.secret)),
        SetUpProof(code, TotpSecret(person.secret)),
        BackupCodeProof(typed, stored),
        SignedIn(person.id, token, Token(access_token=token, expires_at=begun.expires_at)),
        KeyRing([key]),
        world.auth,
        world.use(lambda auth: auth.totp),
    ]

    shown = "\n".join([*map(repr, values), *map(repr, models), *map(str, models)])

    assert [text for text in texts if text in shown] == []
    assert "otpauth" not in shown
    assert "base64" not in shown
