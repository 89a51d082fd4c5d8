"""What the reference backend says of itself in OpenAPI."""

import importlib.machinery
import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from twofold.fastapi.errors import KINDS

ROOT = Path(__file__).parents[2]


def script() -> Any:
    """The program that writes the stored OpenAPI."""
    loader = importlib.machinery.SourceFileLoader("write_openapi", str(ROOT / "scripts" / "write-openapi"))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def said() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(script().openapi())
    return found


def operations(said: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(f"{verb} {path}", each) for path, verbs in said["paths"].items() for verb, each in verbs.items()]


def test_the_stored_openapi_is_what_the_backend_says_now():
    """
    docs/openapi.json is what the backend says of itself; after a change of the wire, `make openapi` writes it anew.
    """
    writer = script()

    assert writer.FILE.read_text() == writer.openapi()


def test_every_operation_explains_itself(said):
    """
    Every operation has a summary of its own words, a description, and an id that reads as a name.
    """
    ids = [each["operationId"] for _, each in operations(said)]

    assert len(ids) == len(set(ids))
    assert all(each.isidentifier() for each in ids)
    for name, each in operations(said):
        assert each["summary"], name
        assert each["description"], name


def test_every_error_is_described_with_an_example(said):
    """
    Every error that an operation names is problem details of a known type, under its real status, with an example.
    """
    seen = set()
    for name, each in operations(said):
        for status, answer in each["responses"].items():
            if status.startswith("2"):
                continue
            content = answer["content"]["application/problem+json"]
            assert content["schema"] == {"$ref": "#/components/schemas/ProblemDetails"}, name
            for slug, example in content["examples"].items():
                assert example["value"]["status"] == KINDS[slug].status == int(status), name
                seen.add(slug)

    assert {"invalid-code", "code-already-used", "locked", "step-up-required", "not-signed-in", "unavailable"} <= seen


def test_every_body_is_described(said):
    """
    Every operation that reads a body says which, with nothing allowed beside the fields that it names.
    """
    bodies = {name: each["requestBody"] for name, each in operations(said) if "requestBody" in each}
    schemas = [body["content"]["application/json"]["schema"] for body in bodies.values()]

    assert {"post /api/auth/login", "post /api/auth/2fa/verify", "delete /api/auth/account"} <= bodies.keys()
    assert all(schema["additionalProperties"] is False for schema in schemas)


def test_who_must_sign_in_is_told_how(said):
    """
    Every route that answers `not-signed-in` names the bearer token as the way to be signed in, and no other does; in
    its place a page's cookie, but where a session starts.
    """
    asks = {name for name, each in operations(said) if each.get("security")}
    refuses = {
        name
        for name, each in operations(said)
        if "not-signed-in" in str(each["responses"].get("401", {}).get("content"))
    }

    ways = {name: [next(iter(way)) for way in each["security"]] for name, each in operations(said) if name in asks}

    assert refuses == asks
    assert {name for name, way in ways.items() if way == ["HTTPBearer"]} == {
        "post /api/auth/2fa/verify",
        "post /api/auth/2fa/disable",
    }
    assert {tuple(way) for way in ways.values()} == {("HTTPBearer", "SessionCookie"), ("HTTPBearer",)}
    assert said["components"]["securitySchemes"] == {
        "HTTPBearer": {"type": "http", "scheme": "bearer", "description": "The `access_token` of a sign-in."},
        "SessionCookie": {
            "type": "apiKey",
            "in": "cookie",
            "name": "__Host-session",
            "description": "The session of the pages; ignored where there is an `Authorization`.",
        },
    }


def test_nothing_refers_to_what_is_not_there(said):
    """
    Every reference in the document leads to a schema in it.
    """
    text = json.dumps(said)
    names = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}

    assert names <= said["components"]["schemas"].keys()
