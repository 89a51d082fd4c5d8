"""Every route that OpenAPI knows, and every road on which a proof is taken; one that is added later is among them."""

from dataclasses import dataclass, field
from typing import Any

from httpx2 import Response

from tests.http.world import PASSWORD, Person, World


@dataclass(frozen=True)
class Route:
    """One route, as OpenAPI describes it."""

    method: str
    path: str
    operation: dict[str, Any] = field(repr=False)

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def asks_for_session(self) -> bool:
        return bool(self.operation.get("security"))

    @property
    def takes_header(self) -> bool:
        """Whether it reads `X-TOTP-Code`."""
        return any(each["name"] == "X-TOTP-Code" for each in self.operation.get("parameters", ()))

    @property
    def schema(self) -> dict[str, Any]:
        """That of its body; nothing where it has none."""
        content = self.operation.get("requestBody", {}).get("content", {})
        found: dict[str, Any] = content.get("application/json", {}).get("schema", {})
        return found

    def takes(self, name: str) -> bool:
        """Whether its body has this field."""
        return name in self.schema.get("properties", {})

    def body(self, person: Person, **others: Any) -> dict[str, Any]:
        """What the route must be given, right for *person* as far as that is known here, or as *others* say."""
        known = {
            "email": person.email,
            "password": PASSWORD,
            "current_password": PASSWORD,
            "new_password": PASSWORD[::-1],
        } | others
        needed, properties = self.schema.get("required", ()), self.schema.get("properties", {})
        if "sign_in_token" in needed and "sign_in_token" not in known:
            known["sign_in_token"] = person.sign_in_token()
        return {name: known[name] if name in known else properties[name]["examples"][0] for name in needed}

    def ask(
        self, person: Person, headers: dict[str, str], body: dict[str, Any] | None = None, **options: Any
    ) -> Response:
        """One request, of the first thing that there is; with *body* beyond what it must be given."""
        given = {**self.body(person, **(body or {})), **(body or {})} if self.schema else None
        path = self.path.replace("{id}", "1")
        return person.world.request(self.method, path, headers=headers, json=given, **options)


def routes_of(world: World) -> list[Route]:
    """Every route of the backend."""
    paths: dict[str, dict[str, Any]] = world.app.openapi()["paths"]
    return [
        Route(method.upper(), path, operation)
        for path, operations in paths.items()
        for method, operation in operations.items()
    ]


@dataclass(frozen=True)
class Road:
    """
    One way for a proof to come in.

    Args:
        place: The field of the body, or `X-TOTP-Code`.
    """

    route: Route
    place: str

    @property
    def name(self) -> str:
        return f"{self.route.name} by {self.place}"

    def ask(self, person: Person, proof: str) -> Response:
        """One request of this person's, with *proof*."""
        if self.place == "X-TOTP-Code":
            return self.route.ask(person, person.bearer | {self.place: proof})
        return self.route.ask(person, person.bearer, {self.place: proof})


def code_roads(world: World) -> list[Road]:
    """Every way for a code of the app to come in."""
    routes = routes_of(world)
    by_body = [Road(route, "code") for route in routes if route.takes("code")]
    return by_body + [Road(route, "X-TOTP-Code") for route in routes if route.takes_header]


def backup_code_roads(world: World) -> list[Road]:
    """Every way for a backup code to come in."""
    return [Road(route, "backup_code") for route in routes_of(world) if route.takes("backup_code")]


def on_the_way(world: World) -> Person:
    """An admin with a factor whose session has not proved it, and who moves to a new phone: every road is open."""
    person = world.admin()
    world.use(lambda auth: auth.totp.set_up(person.id, replace=True))
    person.token = person.session()
    return person


OPEN = {
    "POST /api/auth/register",
    "POST /api/auth/login",
    "POST /api/auth/login/second-factor",
    "GET /healthz",
    "GET /readyz",
    "GET /metrics",
}
"""The routes that ask for no session; whoever adds one says so here."""

BY_PASSWORD = {
    "GET /api/auth/session",
    "GET /api/auth/sessions",
    "DELETE /api/auth/sessions/{id}",
    "POST /api/auth/logout",
    "GET /api/auth/2fa/status",
    "GET /api/auth/2fa/webauthn",
}
"""The routes that a session by password alone opens, also where the user has a second factor."""

BY_PROOF = {
    f"POST /api/auth/2fa/{name}" for name in ("verify", "step-up", "disable", "backup-codes", "webauthn/register")
}
"""The routes that take a proof in each request, whatever the session has proved before."""

BY_KEY = {"POST /api/auth/2fa/webauthn/authenticate/options"}
"""The route that hands out what only a key can answer."""

BY_SECOND_FACTOR = {"GET /api/auth/2fa/events", "GET /api/auth/2fa/export"}
"""The routes that ask for a second factor where there is one, and not for a fresh one."""
