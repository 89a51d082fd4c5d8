"""J: what is stored, whose a session is, and who administers."""

import pytest
from sqlalchemy import select

from app.models.user import UserSession
from tests.attacks.acts import events_of, finish, log_in, told
from tests.attacks.roads import routes_of
from tests.http.administration import ADMIN, ROUTES, asked
from tests.http.world import ELSEWHERE, Person, World


def test_j3_a_sealed_value_is_no_use_in_another_row(world: World):
    """
    Whoever can write into the table, and copies the sealed secret and backup codes of an own account into somebody
    else's row, gets in with neither: nothing opens there, and an event says so.
    """
    own, victim = world.enrolled(), world.enrolled()
    token = victim.sign_in_token()
    victim.set(**{name: own.row()[name] for name in ("totp_secret", "twofa_backup_codes")})

    answers = [finish(victim, token, code=own.code()), log_in(victim, own.code())]
    answers.append(finish(victim, token, backup_code=own.backup_codes[0]))

    assert {told(answer) for answer in answers} == {"unavailable"}
    assert ("value_unreadable", "unavailable") in events_of(victim)


def test_j4_nobody_ends_somebody_elses_session(world: World):
    """
    Another user's session is not found, whoever asks for it to end, and stays.
    """
    own, victim = world.enrolled(), world.enrolled()
    [(session_id,)] = world.execute(select(UserSession.id).filter_by(user_id=victim.id))

    answer = world.request("DELETE", f"/api/auth/sessions/{session_id}", headers=own.bearer)

    assert told(answer) == "not-found"
    assert told(victim.get("/status")) == "success"


def weaker(person: Person) -> list[dict[str, str]]:
    """Sessions that are somebody's, and no fresh admin's."""
    claims = {"X-Role": "admin", "X-Admin": "true", "X-User-Role": "admin", "Cookie": "role=admin; is_admin=1"}
    return [{}, {"Authorization": f"Bearer {person.sign_in_token()}"}, person.bearer, person.bearer | claims]


@pytest.mark.parametrize("user_id", ["own", "admin", "2147483647"])
def test_j6_every_admin_route_asks_for_the_role(world: World, user_id: str):
    """
    Every route of administration refuses whoever is no admin, in a session of every strength, alike whomever it is
    about; no header, cookie or field makes an admin. From outside an admin is refused too.
    """
    admin, person = world.admin(), world.enrolled()
    about = {"own": person.id, "admin": admin.id}.get(user_id, user_id)
    before = [one.kept()["users"] for one in (admin, person)]
    claimed = {"role": "admin", "is_admin": True, "reason": "because"}

    found = {route.name for route in routes_of(world) if route.path.startswith(ADMIN)}
    answers = [[told(asked(world, route, about, sent)) for sent in weaker(person)] for route in ROUTES]
    bodies = [
        world.post(f"{ADMIN}/users/{about}/{verb}", json=claimed, headers=person.bearer) for verb in ("reset", "unlock")
    ]
    outside = world.ask(
        f"{ADMIN}/users",
        [(b"Authorization", admin.bearer["Authorization"].encode())],
        client=ELSEWHERE,
        method="GET",
        chunks=[b""],
    )

    assert found == {f"{method} {ADMIN}{path}" for method, path in ROUTES}
    assert answers == [["not-signed-in", "not-signed-in", "forbidden", "forbidden"]] * len(ROUTES)
    assert {told(answer) for answer in (*bodies, outside)} == {"forbidden"}
    assert [one.kept()["users"] for one in (admin, person)] == before
