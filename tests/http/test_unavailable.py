"""Store or key out of reach: told as that on every route, and nothing is half done."""

import logging
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from httpx2 import Response
from starlette.testclient import TestClient

from app.main import create_app
from tests import servers
from tests.http.problems import slug_of
from tests.http.victim import BODIES, FINISH, LOGIN, LOGOUT, SESSION, SESSIONS, STATUS, Victim, method_of
from tests.http.world import Person, Place, World, in_process, settings_for
from twofold import KeyRing

ROUTES = [
    *((method_of(path), path) for path in (*BODIES, LOGOUT)),
    *(("GET", path) for path in (SESSION, SESSIONS, STATUS, "/readyz")),
    ("DELETE", f"{SESSIONS}/1"),
]


@pytest.mark.parametrize("driver", ["postgresql+asyncpg", "mysql+asyncmy"])
def test_a_database_that_was_never_there(driver: str, key: str, caplog: pytest.LogCaptureFixture):
    """
    Every route says that it is not available, and the log says why without the password of the database.
    """
    caplog.set_level(logging.DEBUG)
    url = f"{driver}://somebody:pass-word-1@127.0.0.1:{servers.free_port()}/nothing"
    client = TestClient(create_app(settings_for(Place("", "", url), key)), raise_server_exceptions=False)
    credentials = {"email": "ann@example.com", "password": "correct horse battery staple"}

    answers = {
        (method, path): client.request(
            method,
            path,
            json={"sign_in_token": "x", "code": "123456"} if path == FINISH else credentials,
            headers={"Authorization": "Bearer some-token-1"},
        )
        for method, path in ROUTES
    }

    assert {route: slug_of(answer) for route, answer in answers.items()} == dict.fromkeys(ROUTES, "unavailable")
    assert "could not be used" in caplog.text
    assert "pass-word-1" not in caplog.text
    assert "some-token-1" not in caplog.text


def fleeting_place(kind: str, folder: Path, request: pytest.FixtureRequest) -> tuple[Place, Callable[[], object]]:
    """A database, and the way to take it away."""
    if kind == "sqlite":
        here = folder / "here"
        here.mkdir()
        place = Place(kind, f"sqlite:///{here}/db", f"sqlite+aiosqlite:///{here}/db")
        return place, lambda: here.rename(folder / "elsewhere")
    server: servers.Server = request.getfixturevalue(kind)
    database = server.fresh_database()
    return Place(kind, database.sync_url, database.async_url), lambda: server.drop(database)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mariadb"])
def test_a_database_that_goes_away(
    kind: str, key: str, tmp_path: Path, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
):
    """
    Where the database is taken away under a running application every route says that it is not available.
    """
    place, take_away = fleeting_place(kind, tmp_path, request)
    with in_process(place, settings_for(place, key)) as world:
        victim = Victim(world)
        asked = [(method, path, victim.body(path) if path in BODIES else None) for method, path in ROUTES]
        world.disconnect()
        take_away()

        told = {
            path: slug_of(world.request(method, path, json=body, headers=victim.person.bearer))
            for method, path, body in asked
        }

    assert told == {path: "unavailable" for _, path in ROUTES}
    assert victim.person.token not in caplog.text


def flipped(sealed: str) -> str:
    """The same with one bit of its ciphertext flipped, spelled as base64 is."""
    head, _, body = sealed.rpartition(".")
    octets = bytearray(urlsafe_b64decode(body))
    octets[20] ^= 1
    return f"{head}.{urlsafe_b64encode(octets).decode()}"


def damaged(person: Person, other: Person, column: str) -> dict[str, str]:
    """What may come to stand in *column* without our doing."""
    whole, elsewhere = person.row()[column], {"totp_secret": "totp_pending_secret"}.get(column, "totp_secret")
    return {
        "of another user": other.row()[column],
        "of another column": person.row()[elsewhere],
        "with a flipped bit": flipped(whole),
        "cut off": whole[:-4],
        "spelled otherwise": whole + "=",
        "of no version": whole.removeprefix("v1."),
        "of a later version": whole.replace("v1.", "v2."),
        "under an unknown key": re.sub(r"\.\w+\.", ".00112233aabbccdd.", whole),
        "of an older version": Fernet(Fernet.generate_key()).encrypt(b"x").decode(),
        "in the clear": person.secret,
        "emptied": "",
    }


def refused_for(column: str, victim: Victim) -> dict[str, Callable[[], Response]]:
    """What cannot be done while *column* cannot be read."""
    person, post = victim.person, victim.world.post
    token, backup_code = victim.sign_in_token, person.backup_codes[0]
    code, header = {"code": person.code()}, {"X-TOTP-Code": person.code()}
    by_totp: dict[str, Callable[[], Response]] = {
        "sign-in in one": lambda: post(LOGIN, json=person.password, headers=header),
        "sign-in": lambda: post(FINISH, json={"sign_in_token": token, **code}),
        "step-up": lambda: person.post("/step-up", code),
        "step-up, wrong": lambda: person.post("/step-up", {"code": person.wrong_code()}),
        "disable": lambda: person.post("/disable", code),
        "backup codes": lambda: person.post("/backup-codes", code),
    }
    by_backup_code: dict[str, Callable[[], Response]] = {
        "password": lambda: post(LOGIN, json=person.password),
        "status": lambda: person.get("/status"),
        "sign-in": lambda: post(FINISH, json={"sign_in_token": token, "backup_code": backup_code}),
        "step-up": lambda: person.post("/step-up", {"backup_code": backup_code}),
        "step-up, wrong": lambda: person.post("/step-up", {"backup_code": "0" * 24}),
        "disable": lambda: person.post("/disable", {"backup_code": backup_code}),
    }
    by_new_phone: dict[str, Callable[[], Response]] = {
        "verify": lambda: person.post("/verify", {"code": victim.new_code}),
        "verify, wrong": lambda: person.post("/verify", {"code": person.wrong_code()}),
    }
    return {
        "totp_secret": by_totp,
        "twofa_backup_codes": by_backup_code,
        "totp_pending_secret": by_new_phone,
    }[column]


def assert_refused_as_unreadable(victim: Victim, column: str, caplog: pytest.LogCaptureFixture, roads: int) -> None:
    world, stored = victim.world, str(victim.person.row()[column])
    taken = dict(list(refused_for(column, victim).items())[:roads])
    before = victim.person.kept()
    world.events.clear()
    caplog.clear()

    answers = {road: take() for road, take in taken.items()}

    assert {road: slug_of(answer) for road, answer in answers.items()} == dict.fromkeys(taken, "unavailable")
    after = victim.person.kept()
    events = after.pop("twofold_events")[len(before.pop("twofold_events")) :]
    assert after == before
    assert [(event["kind"], event["outcome"]) for event in events] == [("value_unreadable", "unavailable")] * len(taken)
    assert [event.kind for event in world.events] == ["value_unreadable"] * len(taken)
    told = [record.getMessage() for record in caplog.records if record.name == "twofold"]
    assert len(told) == len(taken)
    assert all(f"user {victim.person.id} does not open" in text for text in told)
    assert stored == "" or stored not in caplog.text + "".join(answer.text for answer in answers.values())


@pytest.mark.parametrize("column", ["totp_secret", "twofa_backup_codes", "totp_pending_secret"])
def test_a_value_that_does_not_open(each_world: World, column: str, caplog: pytest.LogCaptureFixture):
    """
    A stored value that was moved, changed or cut opens nothing: it is no wrong code, counts nothing, and the operator
    is told (G10).
    """
    victim, other = Victim(each_world), Victim(each_world).person
    whole = victim.person.row()[column]

    values = list(damaged(victim.person, other, column).values())
    for number, value in enumerate(values if each_world.engine.dialect.name == "sqlite" else values[:2]):
        victim.person.set(**{column: value})
        # One kind of damage on all roads, the others on one; most of them do not touch the database.
        assert_refused_as_unreadable(victim, column, caplog, roads=1 if number else 9)

    victim.person.set(**{column: whole})
    assert next(iter(refused_for(column, victim).values()))().status_code == 200


@pytest.mark.parametrize("column", ["totp_secret", "twofa_backup_codes", "totp_pending_secret"])
def test_a_key_that_was_dropped(world: World, column: str, caplog: pytest.LogCaptureFixture):
    """
    Without the key that sealed it a value opens nothing, and with the key it is whole again (G10).
    """
    victim, keys = Victim(world), world.auth.keys

    try:
        world.auth.keys = KeyRing([Fernet.generate_key().decode()])
        assert_refused_as_unreadable(victim, column, caplog, roads=9)
        assert keys.key_ids[0] in caplog.text
    finally:
        world.auth.keys = keys

    assert next(iter(refused_for(column, victim).values()))().status_code == 200


def test_a_key_that_was_rotated(world: World, key: str):
    """
    With a new key before the old one everything opens, and what is written is sealed under the new one (G11).
    """
    victim, keys = Victim(world), world.auth.keys
    rotated = KeyRing([Fernet.generate_key().decode(), key])

    try:
        world.auth.keys = rotated
        answer = victim.person.post("/verify", {"code": victim.new_code})
    finally:
        world.auth.keys = keys

    assert answer.status_code == 200
    assert victim.person.row()["totp_secret"].split(".")[1] == rotated.key_ids[0]
