"""What the hosts' own OpenAPI says of the second factor, in the hosts' own words."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.hosts.running import PREFIX, Host

SCHEMES = {
    "a": {"OAuth2PasswordBearer": {"type": "oauth2", "flows": {"password": {"scopes": {}, "tokenUrl": "token"}}}},
    "b": {},  # Its cookie is a parameter.
    "c": {"OAuth2PasswordBearer": {"type": "oauth2", "flows": {"password": {"scopes": {}, "tokenUrl": "auth/login"}}}},
    "d": {"HTTPBearer": {"type": "http", "scheme": "bearer"}},
}

WORDS = {
    "a": {"access_token", "token_type"},
    "b": set[str](),
    "c": {"access_token", "token_type"},
    "d": {"access_token"},
}
"""What a sign-in answers in the words of each host."""


@pytest.fixture(scope="module")
def database() -> str:
    return "sqlite"


@pytest.fixture
def described(host: Host) -> dict[str, Any]:
    found: dict[str, Any] = host.client.get("/openapi.json").json()
    return found


def operations(described: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def parameters(operation: dict[str, Any], kind: str) -> set[str]:
    return {parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == kind}


def answers(described: dict[str, Any], path: str) -> list[str]:
    """The names of what a route may answer with 200."""
    schema = described["paths"][path]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    return [each["$ref"].removeprefix("#/components/schemas/") for each in schema.get("anyOf", [schema])]


def fields(described: dict[str, Any], name: str) -> set[str]:
    return set(described["components"]["schemas"][name]["properties"])


def test_the_scheme_of_the_host(letter: str, described: dict[str, Any]):
    """
    Whatever says who is signed in stands on each of our routes: Swagger's Authorize button works for them.
    """
    schemes = described.get("components", {}).get("securitySchemes", {})
    ours = {name: operation for name, operation in operations(described) if f" {PREFIX}/" in name}

    assert schemes == SCHEMES[letter]
    assert len(ours) == 8
    for operation in ours.values():
        assert [name for each in operation.get("security", []) for name in each] == list(schemes)
        assert parameters(operation, "cookie") == ({"session"} if letter == "b" else set())


def test_where_a_code_may_stand_in_the_header(host: Host, described: dict[str, Any]):
    """
    `X-TOTP-Code` is declared where it is looked at, on the host's routes too, and nowhere else.
    """
    ours = {f"POST {PREFIX}/{name}" for name in ("setup", "verify", "disable", "backup-codes", "step-up")}

    declared = {name for name, operation in operations(described) if "X-TOTP-Code" in parameters(operation, "header")}

    assert declared == {
        *ours,
        f"GET {PREFIX}/events",
        f"GET {PREFIX}/export",
        "POST /payouts",
        f"POST {host.kind.sign_in}",
    }


def test_the_answers_of_signing_in(letter: str, host: Host, described: dict[str, Any]):
    """
    The password route answers the host's own words or that the second factor is to come; the second step the host's
    words with what was proved.
    """
    first, second = answers(described, host.kind.sign_in), answers(described, f"{host.kind.sign_in}/second-factor")
    proved = {"status", "backup_codes_remaining", "aal", "amr"}

    # fastapi-users' own route knows of no assurance.
    assert fields(described, first[0]) == WORDS[letter] | (set() if letter == "c" else proved)
    assert first[1:] == ["SecondFactorRequired"]
    assert fields(described, "SecondFactorRequired") == {
        "status",
        "sign_in_token",
        "methods",
        "expires_at",
        "locked_until",
    }
    assert [fields(described, name) for name in second] == [WORDS[letter] | proved]


def test_the_answers_that_bring_a_session(letter: str, described: dict[str, Any]):
    """
    Turning the second factor on and off brings a new session in the host's own words.
    """
    [enabled], [disabled] = answers(described, f"{PREFIX}/verify"), answers(described, f"{PREFIX}/disable")

    assert fields(described, enabled) == WORDS[letter] | {"enabled", "backup_codes", "aal", "amr"}
    assert fields(described, disabled) == WORDS[letter] | {"enabled", "aal", "amr"}


def test_every_reference_leads_somewhere(described: dict[str, Any]):
    """
    What a schema refers to is there.
    """

    def references(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            yield from [value["$ref"]] if "$ref" in value else []
            for each in value.values():
                yield from references(each)
        elif isinstance(value, list):
            for each in value:
                yield from references(each)

    missing = [
        reference
        for reference in references(described)
        if reference.removeprefix("#/components/schemas/") not in described["components"]["schemas"]
    ]

    assert missing == []


def test_asking_twice(host: Host, described: dict[str, Any]):
    """
    However often it is asked for, and made anew, a description says a thing once.
    """
    again = host.client.get("/openapi.json").json()
    host.app.openapi_schema = None
    anew = host.client.get("/openapi.json").json()

    assert again == described
    assert anew == described


def test_cookies_of_fastapi_users(variant: Callable[..., Host]):
    """
    Where the password route of fastapi-users answers nothing but a cookie, it is said that it may also answer more.
    """
    host = variant(
        "c",
        {
            'BearerTransport(tokenUrl="auth/login")': 'CookieTransport(cookie_name="session")',
            "import AuthenticationBackend, BearerTransport": "import AuthenticationBackend, CookieTransport",
        },
    )
    described = host.app.openapi()

    assert "204" in described["paths"]["/auth/login"]["post"]["responses"]
    assert answers(described, "/auth/login") == ["SecondFactorRequired"]


def test_without_the_routes_of_fastapi_users(variant: Callable[..., Host]):
    """
    An application that leaves out the password route of fastapi-users is described without it.
    """
    host = variant("c", {'app.include_router(users.get_auth_router(backend), prefix="/auth")\n': ""})

    described = host.app.openapi()

    assert set(described["paths"]) >= {"/auth/login/second-factor", "/me", "/payouts"}
    assert "/auth/login" not in described["paths"]
