"""Somebody in the middle of everything: an admin, signed in, signing in elsewhere, and moving to a new phone."""

from typing import Any

import pyotp
from httpx2 import Response
from sqlalchemy import func, select

from app.models.user import User
from tests.http.bodies import JSON
from tests.http.problems import slug_of
from tests.http.world import PASSWORD, PREFIX, World

REGISTER, LOGIN, FINISH = "/api/auth/register", "/api/auth/login", "/api/auth/login/second-factor"
SETUP, VERIFY, DISABLE = f"{PREFIX}/setup", f"{PREFIX}/verify", f"{PREFIX}/disable"
BACKUP_CODES, STEP_UP = f"{PREFIX}/backup-codes", f"{PREFIX}/step-up"
SESSION, STATUS, LOGOUT = "/api/auth/session", f"{PREFIX}/status", "/api/auth/logout"
EVENTS, EXPORT = f"{PREFIX}/events", f"{PREFIX}/export"
PASSWORD_CHANGE, ACCOUNT, SESSIONS = "/api/auth/password", "/api/auth/account", "/api/auth/sessions"

BODIES = (REGISTER, LOGIN, FINISH, SETUP, VERIFY, DISABLE, BACKUP_CODES, STEP_UP, PASSWORD_CHANGE, ACCOUNT)
"""Every route that takes a body."""

CODES = (FINISH, VERIFY, DISABLE, BACKUP_CODES, STEP_UP)
"""Those that take a code."""

TEXTS = (
    *((path, "code") for path in CODES),
    *((path, field) for path in (REGISTER, LOGIN) for field in ("email", "password")),
    *((PASSWORD_CHANGE, field) for field in ("current_password", "new_password")),
    (ACCOUNT, "password"),
)
"""Every field that takes a text, but for tokens and backup codes."""

FALLBACKS = (FINISH, DISABLE, STEP_UP)
"""Those that take a backup code."""

HEADERS = (VERIFY, DISABLE, BACKUP_CODES, STEP_UP)
"""Those on which `X-TOTP-Code` stands in place of the code."""


def method_of(path: str) -> str:
    """How a route that takes a body is asked."""
    return "DELETE" if path == ACCOUNT else "POST"


class Victim:
    """Somebody whose every request would succeed."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.person = world.admin()
        self.sign_in_token = self.person.sign_in_token()
        # A failure is on the books, so that a lost one would be seen as well as one too many.
        self.person.post("/step-up", {"code": self.person.wrong_code()})
        set_up = world.use(lambda auth: auth.totp.set_up(self.person.id, replace=True))
        self.new_secret = set_up.secret.base32
        self.before = self._everything()

    def _everything(self) -> tuple[Any, ...]:
        return self.person.kept(), self.world.execute(select(func.count()).select_from(User))

    @property
    def new_code(self) -> str:
        """What the new phone shows."""
        return str(pyotp.TOTP(self.new_secret).at(self.world.clock.now()))

    def body(self, path: str) -> dict[str, Any]:
        """A body with which *path* would do what it is for."""
        bodies: dict[str, dict[str, Any]] = {
            REGISTER: {"email": self.world.stranger(), "password": PASSWORD},
            LOGIN: self.person.password,
            FINISH: {"sign_in_token": self.sign_in_token, "code": self.person.code()},
            SETUP: {"replace": True},
            VERIFY: {"code": self.new_code},
            PASSWORD_CHANGE: {"current_password": PASSWORD, "new_password": PASSWORD[::-1]},
            ACCOUNT: {"password": PASSWORD},
        }
        return bodies.get(path, {"code": self.person.code()})

    def backup_body(self, path: str) -> dict[str, Any]:
        """The same with a backup code."""
        body = {**self.body(path), "backup_code": self.person.backup_codes[0]}
        del body["code"]
        return body

    @property
    def raw_headers(self) -> list[tuple[bytes, bytes]]:
        """The session, and that JSON follows."""
        return [(name.encode(), value.encode()) for name, value in (self.person.bearer | JSON).items()]

    def send(self, path: str, content: bytes, headers: dict[str, str] | None = None) -> Response:
        """Send these bytes, in the session, as JSON unless *headers* say otherwise."""
        given = JSON if headers is None else headers
        return self.world.request(method_of(path), path, content=content, headers=self.person.bearer | given)

    def told(self, path: str, bodies: dict[str, bytes], headers: dict[str, str] | None = None) -> dict[str, str]:
        """What is told about each of *bodies*: the problem and its status."""
        answers = {name: self.send(path, body, headers) for name, body in bodies.items()}
        return {name: f"{slug_of(answer)} {answer.status_code}" for name, answer in answers.items()}

    def assert_unharmed(self) -> None:
        """Nothing was counted, spent or lost; all that was begun can be finished."""
        assert self.before == self._everything()
        assert self.person.get("/status").status_code == 200
        finished = self.world.post(FINISH, json={"sign_in_token": self.sign_in_token, "code": self.person.code()})
        assert finished.status_code == 200, finished.text
        assert self.person.post("/verify", {"code": self.new_code}).status_code == 200
