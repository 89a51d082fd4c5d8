"""What an attacker, or somebody in a hurry, does at the doors of the reference backend."""

import json
from typing import Any

from httpx2 import Response

from tests.attacks.workers import Asking
from tests.http.problems import slug_of
from tests.http.victim import FINISH, LOGIN
from tests.http.world import PASSWORD, Person, World


def told(answer: Response) -> str:
    """What an answer says in a word: `success`, or the problem."""
    return "success" if answer.is_success else slug_of(answer)


def enroll(world: World) -> Person:
    """Somebody who set an authenticator app up by its present code, in the session that followed."""
    person = world.signed_in()
    person.secret = person.post("/setup").json()["secret"]
    enabled = person.post("/verify", {"code": person.code()}).json()
    person.token, person.backup_codes = enabled["access_token"], tuple(enabled["backup_codes"])
    return person


def log_in(
    person: Person, code: str | None = None, *, password: str = PASSWORD, world: World | None = None
) -> Response:
    """The password, with a code beside it or not; on another instance where *world* is one."""
    headers = {} if code is None else {"X-TOTP-Code": code}
    return (world or person.world).post(LOGIN, json={"email": person.email, "password": password}, headers=headers)


def finish(person: Person, token: str | None = None, *, world: World | None = None, **proof: Any) -> Response:
    """The second factor, for a sign-in of this person's, or for the one that *token* names."""
    body = {"sign_in_token": person.sign_in_token() if token is None else token, **proof}
    return (world or person.world).post(FINISH, json=body)


def finishing(token: str, **proof: str) -> Asking:
    """The same as a request to one of several workers."""
    return Asking(FINISH, json.dumps({"sign_in_token": token, **proof}).encode())


def events_of(person: Person) -> list[tuple[str, str]]:
    """The audit rows of this person, the oldest first: what happened, and how it ended."""
    return [(row["kind"], row["outcome"]) for row in person.kept()["twofold_events"]]


def failures_of(person: Person) -> dict[str, int]:
    """What has been counted against this person, by the name of the count."""
    counted: dict[str, int] = json.loads(person.row()["twofa_failures"] or "{}")
    return counted


def sessions_of(person: Person) -> int:
    """How many sessions this person has."""
    return len(person.kept()["user_sessions"])
