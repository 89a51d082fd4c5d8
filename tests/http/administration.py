"""Every route of administration, and requests that are right."""

from operator import itemgetter
from typing import Any

from httpx2 import Response

from tests.http.world import Person, World

ADMIN = "/api/admin/2fa"
REASON = "Lost phone, ticket 4711"
ROUTES = [
    ("GET", "/users"),
    ("GET", "/users/{id}"),
    ("POST", "/users/{id}/reset"),
    ("POST", "/users/{id}/unlock"),
    ("GET", "/events"),
    ("GET", "/adoption"),
]


def path_of(path: str, user_id: object) -> str:
    return ADMIN + path.replace("{id}", str(user_id))


def body_of(method: str) -> dict[str, Any]:
    """What a route takes, as an option of a request."""
    return {"json": {"reason": REASON}} if method == "POST" else {}


def asked(world: World, route: tuple[str, str], user_id: object, headers: dict[str, str]) -> Response:
    """A request that is right in all but, perhaps, who sends it."""
    method, path = route
    return world.request(method, path_of(path, user_id), headers=headers, **body_of(method))


def look(admin: Person, path: str, **query: Any) -> Response:
    """What an admin is shown."""
    return admin.world.get(ADMIN + path, headers=admin.bearer, params=query)


def reset(admin: Person, user_id: object, reason: str = REASON) -> Response:
    return admin.world.post(f"{ADMIN}/users/{user_id}/reset", json={"reason": reason}, headers=admin.bearer)


def unlock(admin: Person, user_id: object, reason: str = REASON) -> Response:
    return admin.world.post(f"{ADMIN}/users/{user_id}/unlock", json={"reason": reason}, headers=admin.bearer)


def refused_events(world: World) -> list[dict[str, Any]]:
    """What stands in the table of refusals at these routes, in their order."""
    # By number: a database that has tidied up gives a new row an old row's place.
    events = sorted(world.dump()["twofold_events"], key=itemgetter("id"))
    return [row for row in events if row["kind"] == "admin_refused"]
