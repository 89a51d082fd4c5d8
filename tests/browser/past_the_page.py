"""What is sent to the server past the page, and what the server keeps of it."""

from typing import Any

from httpx2 import Response

from tests.http.world import PREFIX, Person

FINISH = "/api/auth/login/second-factor"
REFUSED = (400, "That key was not accepted. Try again, with a key that is registered to this account.")


def options_for(person: Person, ceremony: str, sign_in_token: str = "") -> dict[str, Any]:
    """What the server gives: to who is signed in, for `create`; to who has typed the password, for `get`."""
    if ceremony == "create":
        answer = person.post("/webauthn/register/options")
    else:
        answer = person.world.post(f"{PREFIX}/webauthn/authenticate/options", json={"sign_in_token": sign_in_token})
    assert answer.status_code == 200, answer.text
    options: dict[str, Any] = answer.json()
    return options


def sent(person: Person, ceremony: str, credential: dict[str, Any], sign_in_token: str = "") -> Response:
    """What the server says to an answer of a key, whatever page had it."""
    if ceremony == "create":
        return person.post("/webauthn/register", {"credential": credential})
    return person.world.post(FINISH, json={"sign_in_token": sign_in_token, "credential": credential})


def told(answer: Response) -> tuple[int, str]:
    """The status, and what it says to the person."""
    return answer.status_code, answer.json().get("detail", "")


def events_of(person: Person) -> list[tuple[str, str, str | None]]:
    """What is recorded about a person, the oldest first."""
    return [(row["kind"], row["outcome"], row["factor"]) for row in person.kept()["twofold_events"]]
