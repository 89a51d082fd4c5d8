"""The admin API from inside: who is found, what is shown, what is changed, and what is told of it."""

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, text

from app.models.user import User
from tests.http.administration import REASON, ROUTES, asked, look, reset, unlock
from tests.http.problems import assert_private, problem_of
from tests.http.world import PASSWORD, PREFIX, Person, Place, World, in_process, settings_for
from twofold.core.policy import EVENTS_A_PAGE, USERS_A_PAGE

NOON, HALF_PAST = "2030-01-01T12:00:00Z", "2030-01-01T12:30:00Z"
SESSION = "/api/auth/session"


def locked(person: Person, failures: int = 5) -> None:
    person.set(
        twofa_failures=json.dumps({"totp": failures, "backup_code": 1}),
        twofa_locked_until=person.world.clock.now() + timedelta(minutes=30),
    )


def sign_in(person: Person, **headers: str) -> Any:
    return person.world.post("/api/auth/login", json=person.password, headers=headers).json()


def test_every_answer_is_private(each_world: World):
    """
    What an admin is told is kept by nobody on the way.
    """
    admin, user = each_world.admin(), each_world.enrolled()

    for route in ROUTES:
        answer = asked(each_world, route, user.id, admin.bearer)

        assert answer.status_code == 200, answer.text
        assert_private(answer)


def test_find_a_user(each_world: World):
    """
    Users are found by a part of their name in whatever case, and by whether they have a second factor, in the order of
    their ids; what has a meaning in a search of the database has none here.
    """
    admin = each_world.admin()
    with_factor, without = each_world.enrolled(), each_world.registered()
    odd = Person(each_world, f"{with_factor.email[:4]}%_\\{without.email}")
    each_world.execute(insert(User).values(email=odd.email, hashed_password=""))
    locked(with_factor)

    def found(**query: Any) -> list[str]:
        return [user["account"] for user in look(admin, "/users", **query).json()["items"]]

    assert found(q=with_factor.email.upper()[3:]) == [with_factor.email]
    assert found(q=with_factor.email, enabled=False) == found(q=without.email[:-4], enabled=True) == []
    assert found(q=without.email, enabled=False) == [without.email, odd.email]
    assert found(q="%_\\") == [odd.email]
    assert found(q="nobody's") == []
    [item] = look(admin, "/users", q=with_factor.email).json()["items"]
    assert item == {
        "id": with_factor.id,
        "account": with_factor.email,
        "enabled": True,
        "enabled_at": NOON,
        "locked_until": HALF_PAST,
    }


def test_many_users(each_world: World):
    """
    More users than a page holds come page by page, each once.
    """
    admin, mark = each_world.admin(), each_world.stranger()
    rows = [{"email": f"{number}.{mark}", "hashed_password": ""} for number in range(USERS_A_PAGE + 1)]
    each_world.execute(insert(User).values(rows))

    first = look(admin, "/users", q=mark).json()
    second = look(admin, "/users", q=mark, cursor=first["next_cursor"]).json()

    ids = [item["id"] for page in (first, second) for item in page["items"]]
    assert [len(page["items"]) for page in (first, second)] == [USERS_A_PAGE, 1]
    assert second["next_cursor"] is None
    assert ids == sorted(set(ids))


@pytest.mark.parametrize(
    ("column", "value"),
    [("twofa_locked_until", "'garbage'"), ("twofa_enabled_at", "17"), ("twofa_enabled_at", "CAST(X'ff' AS TEXT)")],
)
def test_a_damaged_user_hides_no_other(fresh_place: Any, key: str, column: str, value: str):
    """
    Of a user of whom something cannot be read, the rest is shown, and so are all others.
    """
    place: Place = fresh_place("sqlite")
    with in_process(place, settings_for(place, key)) as world:
        admin, damaged, other = world.admin(), world.enrolled(), world.enrolled()
        whole = look(admin, "/users").json()["items"]
        world.execute(text(f"UPDATE users SET {column} = {value} WHERE id = {damaged.id}"))

        shown = look(admin, "/users")

    name = column.removeprefix("twofa_")
    assert shown.status_code == 200
    assert [each | ({name: None} if each["id"] == damaged.id else {}) for each in whole] == shown.json()["items"]
    assert other.id in {each["id"] for each in whole}


def test_one_user(each_world: World):
    """
    Of one user an admin sees what each factor is, what was counted, who waits, and what happened, by whom and why; no
    secret, no code and no digest, and of the sessions no name.
    """
    admin, user = each_world.admin(), each_world.enrolled()
    user.sign_in_token()
    user.post("/step-up", {"backup_code": user.backup_codes[0]})
    locked(user)

    shown = look(admin, f"/users/{user.id}").json()

    assert [event["kind"] for event in shown["events"]["items"]] == [
        *("stepped_up", "password_accepted", "factor_enrolled", "set_up_started")
    ]
    events = shown.pop("events")
    assert events["next_cursor"] is None
    assert events["items"][0] == {
        "id": events["items"][0]["id"],
        "user_id": user.id,
        "kind": "stepped_up",
        "moment": NOON,
        "outcome": "success",
        "factor": "backup_code",
        "client_address": "192.0.2.1",
        "actor": None,
        "reason": None,
    }
    assert shown == {
        "id": user.id,
        "account": user.email,
        "enabled": True,
        "enabled_at": NOON,
        "locked_until": HALF_PAST,
        "factors": [
            {
                "factor": "totp",
                "enabled_at": NOON,
                "last_used_at": NOON,
                "switched_off": False,
                "name": None,
                "transports": [],
                "backed_up": None,
                "user_verified": None,
            }
        ],
        "backup_codes": {"made": 10, "remaining": 9, "used_at": [NOON], "switched_off": False},
        "set_up_until": None,
        "failures": {"totp": 5, "backup_code": 1},
        "sessions": [{"current": False, "aal": 2, "amr": ["pwd", "mfa"], "proved_at": NOON, "second_factor_at": NOON}],
        "pending_sign_ins": ["2030-01-01T12:05:00Z"],
        "unreadable": [],
    }


def test_a_user_whose_codes_do_not_open(each_world: World):
    """
    A user whose stored values do not open is shown all the same, with what could not be read by its name, and can be
    reset.
    """
    admin, user = each_world.admin(), each_world.enrolled()
    user.set(twofa_backup_codes="v1.0011223344556677.AAAA")

    shown = look(admin, f"/users/{user.id}").json()

    assert (shown["backup_codes"], shown["unreadable"]) == (None, ["backup_codes"])
    assert reset(admin, user.id).json()["enabled"] is False


@pytest.mark.parametrize(
    "user_id", ["0", "-1", "2147483647", "9" * 30, "007", "1e3", "\u0661", "ann@example.com", "%00", "..%2F"]
)
def test_nobody_of_that_id(world: World, user_id: str):
    """
    What is nobody's id is not found, whatever it is; a name is no id.
    """
    admin = world.admin()

    problem_of(look(admin, f"/users/{user_id}"), "not-found")
    problem_of(reset(admin, user_id), "not-found")
    problem_of(unlock(admin, user_id), "not-found")


def test_a_name_is_no_id(world: World):
    """
    Whoever chose another's id, or a number that is nobody's, for a name is not meant by it.
    """
    admin, user = world.admin(), world.enrolled()
    user.set(email="2147480000")

    problem_of(reset(admin, "2147480000"), "not-found")
    assert user.row()["twofa_enabled"]


def test_reset(each_world: World):
    """
    A reset removes every factor and the set-up, ends every session and pending sign-in, and leaves the columns empty;
    the user then signs in by password, can see why, and not who, and sets up anew.
    """
    admin, user, other = each_world.admin(), each_world.enrolled(), each_world.enrolled()
    pending, sessions = user.sign_in_token(), [user.token, user.session()]
    each_world.use(lambda auth: auth.totp.set_up(user.id, replace=True))
    locked(user, failures=100)
    each_world.events.clear()

    answer = reset(admin, user.id)

    assert answer.status_code == 200, answer.text
    shown = answer.json()
    assert (shown["id"], shown["enabled"], shown["factors"], shown["backup_codes"]) == (user.id, False, [], None)
    assert (shown["failures"], shown["locked_until"], shown["sessions"], shown["pending_sign_ins"]) == (
        {},
        None,
        [],
        [],
    )
    told = shown["events"]["items"][0]
    assert (told["kind"], told["actor"], told["reason"]) == ("second_factor_reset", str(admin.id), REASON)
    [event] = each_world.events
    assert (event.user_id, event.kind, event.actor, event.reason) == (
        *(user.id, "second_factor_reset", str(admin.id), REASON),
    )

    empty = ("totp_secret", "twofa_backup_codes", "totp_pending_secret", "totp_pending_until", "twofa_failures")
    assert {user.row()[column] for column in (*empty, "twofa_locked_until", "twofa_enabled_at")} == {None}
    assert (user.row()["twofa_enabled"], user.row()["twofa_end_sessions"]) == (False, 0)
    assert {each_world.get(SESSION, headers={"Authorization": f"Bearer {old}"}).status_code for old in sessions} == {
        401
    }
    finish = {"sign_in_token": pending, "backup_code": user.backup_codes[0]}
    problem_of(each_world.post("/api/auth/login/second-factor", json=finish), "sign-in-token-dead")

    signed_in = sign_in(user)
    assert (signed_in["status"], signed_in["aal"]) == ("signed_in", 1)
    user.token = signed_in["access_token"]
    own = user.get("/events").json()["items"]
    [seen] = [event for event in own if event["kind"] == "second_factor_reset"]
    assert seen["reason"] == REASON
    assert "actor" not in seen
    assert user.post("/setup").status_code == 200
    assert other.row()["twofa_enabled"]
    assert other.get("/status").json()["enabled"]


def test_reset_a_set_up_alone(world: World):
    """
    A set-up that waits is removed too; where there is nothing to remove nothing is done, and no session ends.
    """
    admin, user = world.admin(), world.signed_in()

    problem_of(reset(admin, user.id), "not-enabled")
    assert user.get("/status").status_code == 200
    user.post("/setup")

    assert reset(admin, user.id).status_code == 200
    problem_of(reset(admin, user.id), "not-enabled")
    assert user.get("/status").status_code == 401


@pytest.mark.parametrize("change", [reset, unlock])
def test_nobody_administers_themselves(each_world: World, change: Any):
    """
    No admin resets or unlocks the own account, so that none locks themselves out and none lifts their own wait.
    """
    admin = each_world.admin()
    locked(admin)
    before = {**admin.kept(), "twofold_events": []}

    problem_of(change(admin, admin.id), "forbidden")

    assert {**admin.kept(), "twofold_events": []} == before
    assert look(admin, "/adoption").status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"reason": ""},
        {"reason": "  \t "},
        {"reason": "x" * 256},
        {"reason": "a\nb"},
        {"reason": "a\x00"},
        {"reason": 1},
        {"reason": None},
        {"reason": "x", "actor": "me"},
    ],
)
@pytest.mark.parametrize("verb", ["reset", "unlock"])
def test_why(world: World, verb: str, body: dict[str, Any]):
    """
    A change needs a reason that can be read, and nothing else; whose id is wrong beside it is not told.
    """
    admin, user = world.admin(), world.enrolled()

    for user_id in (user.id, admin.id, 2**31 - 1):
        answer = world.post(f"/api/admin/2fa/users/{user_id}/{verb}", json=body, headers=admin.bearer)
        problem_of(answer, "invalid-request", 422)

    assert user.row()["twofa_enabled"]


def test_a_reason_is_kept_as_it_is(world: World):
    """
    A reason of any printable characters, as many as there may be, is kept as it was written, less the space around it.
    """
    admin, user = world.admin(), world.enrolled()
    reason = ("Stimme erkannt: ja. \u96fb\u8a71 \U0001f4f1 '\"<b> " * 20)[:255].strip()

    reset(admin, user.id, f"  {reason} ")

    assert look(admin, f"/users/{user.id}").json()["events"]["items"][0]["reason"] == reason


def test_unlock(each_world: World):
    """
    Unlocking ends the wait and keeps the counts, so that the next wrong code waits for twice as long.
    """
    admin, user = each_world.admin(), each_world.enrolled()
    locked(user)
    problem_of(user.post("/step-up", {"code": user.code()}), "locked")
    epoch = user.row()["twofa_epoch"]

    shown = unlock(admin, user.id).json()

    assert (shown["locked_until"], shown["failures"]) == (None, {"totp": 5, "backup_code": 1})
    assert user.row()["twofa_epoch"] == epoch
    [told] = [event for event in user.get("/events").json()["items"] if event["kind"] == "unlocked"]
    assert told["reason"] == REASON
    problem_of(user.post("/step-up", {"code": user.wrong_code()}), "invalid-code")
    problem_of(user.post("/step-up", {"code": user.code()}), "locked")
    assert look(admin, f"/users/{user.id}").json()["locked_until"] == "2030-01-01T12:01:00Z"


def test_unlock_does_not_revive(world: World):
    """
    A factor that was switched off stays so, whoever unlocks it.
    """
    admin, user = world.admin(), world.enrolled()
    locked(user, failures=100)

    shown = unlock(admin, user.id).json()

    assert shown["factors"][0]["switched_off"] is True
    problem_of(user.post("/step-up", {"code": user.code()}), "factor-disabled")


def test_everybodys_events(each_world: World):
    """
    Everybody's events come newest first, page by page, each once, or those of one user; each says whose it is.
    """
    admin, user = each_world.admin(), each_world.enrolled()
    row = {"user_id": user.id, "kind": "signed_in", "moment": each_world.clock.now(), "outcome": "success"}
    each_world.execute(insert(User.metadata.tables["twofold_events"]).values([row] * EVENTS_A_PAGE))
    unlock(admin, user.id)

    first = look(admin, "/events").json()
    second = look(admin, "/events", cursor=first["next_cursor"]).json()
    own = look(admin, "/events", user=user.id).json()
    rest = look(admin, "/events", user=user.id, cursor=own["next_cursor"]).json()

    assert first["items"][0]["kind"] == "unlocked"
    assert (first["items"][0]["user_id"], first["items"][0]["actor"]) == (user.id, str(admin.id))
    ids = [int(event["id"]) for page in (first, second) for event in page["items"]]
    assert ids == sorted(set(ids), reverse=True)
    assert {event["user_id"] for page in (own, rest) for event in page["items"]} == {user.id}
    assert [len(page["items"]) for page in (own, rest)] == [EVENTS_A_PAGE, 3]
    assert rest["next_cursor"] is None
    problem_of(look(admin, "/events", user="2147483647"), "not-found")


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/users", {"cursor": "no id"}),
        ("/users", {"cursor": "1" * 256}),
        ("/users", {"q": "x" * 255}),
        ("/users", {"q": "a\x00b"}),
        ("/users", {"q": "a\nb"}),
        ("/users", {"enabled": "perhaps"}),
        ("/events", {"cursor": "-1"}),
        ("/events", {"cursor": "\u0661"}),
        ("/events", {"cursor": "9" * 50}),
        ("/events", {"user": "9" * 256}),
    ],
)
def test_what_cannot_be_asked(each_world: World, path: str, query: dict[str, str]):
    """
    A cursor that no page gave, a search that no database takes and what is too long are malformed.
    """
    problem_of(look(each_world.admin(), path, **query), "invalid-request", 422)


def test_adoption(each_world: World):
    """
    Everybody is counted: all, those with a second factor, those whose set-up waits, those whose codes wait.
    """
    admin = each_world.admin()
    before = look(admin, "/adoption").json()
    waiting, user = each_world.signed_in(), each_world.enrolled()
    waiting.post("/setup")
    locked(user)
    each_world.registered()

    after = look(admin, "/adoption").json()

    assert {name: after[name] - before[name] for name in after} == {
        "users": 3,
        "enabled": 1,
        "totp": 1,
        "webauthn": 0,
        "pending": 1,
        "locked": 1,
        "without_factor": 0,
    }


def test_a_role_counts_from_now(each_world: World):
    """
    Who is an admin is read anew for each request: a role that is taken away, or given, counts for sessions of before.
    """
    admin, user = each_world.admin(), each_world.enrolled()
    problem_of(look(user, "/adoption"), "forbidden")

    user.set(role="admin")
    admin.set(role="user")

    assert look(user, "/adoption").status_code == 200
    problem_of(look(admin, "/adoption"), "forbidden")


@pytest.mark.parametrize("role", ["", "Admin", "admin ", "user", "administrator", "root", "true"])
def test_no_other_role(each_world: World, role: str):
    """
    A role that is spelled otherwise is another one.
    """
    admin = each_world.admin()
    admin.set(role=role)

    problem_of(look(admin, "/adoption"), "forbidden")


def test_a_code_in_the_header(world: World):
    """
    A session whose second factor is stale may prove it in the same request; a wrong code is counted as anywhere.
    """
    admin = world.admin()
    world.clock.forward(minutes=6)
    ask = {"path": "/api/admin/2fa/adoption"}

    problem_of(world.get(ask["path"], headers=admin.bearer), "step-up-required")
    problem_of(world.get(ask["path"], headers=admin.bearer | {"X-TOTP-Code": admin.wrong_code()}), "invalid-code")
    assert world.get(ask["path"], headers=admin.bearer | {"X-TOTP-Code": admin.code()}).status_code == 200
    assert world.get(ask["path"], headers=admin.bearer).status_code == 200


def test_nothing_secret_is_shown(world: World):
    """
    No answer of administration holds a secret, a backup code, a digest, a hash or a sealed value of anybody.
    """
    admin, user = world.admin(), world.enrolled()
    user.sign_in_token()
    texts = [asked(world, route, user.id, admin.bearer).text for route in [*ROUTES, *ROUTES]]
    rows = [user.secret, *user.backup_codes, user.token, admin.token, PASSWORD, admin.secret]
    rows += [
        str(value)
        for row in world.dump()["users"]
        for name, value in row.items()
        if name in {"hashed_password", "totp_secret", "twofa_backup_codes"} and value
    ]
    rows += [str(row["session_hash"]) for row in world.dump()["twofold_sessions"]]
    rows += [
        str(row["token_hash"]) for table in ("user_sessions", "twofold_pending_sign_ins") for row in world.dump()[table]
    ]

    assert len(rows) > 20
    assert not [value for value in rows if value and any(value in text for text in texts)]
    assert PREFIX not in "".join(texts)
