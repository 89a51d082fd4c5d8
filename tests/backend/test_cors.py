"""What browsers on other origins may send, and may read."""

import pytest
from cryptography.fernet import Fernet
from httpx2 import Response
from starlette.testclient import TestClient

from app.main import create_app
from twofold.settings import Settings

ORIGIN = "https://shop.example"


@pytest.fixture(scope="module")
def client() -> TestClient:
    """The backend of a shop; no request of this file reaches its database."""
    key = Fernet.generate_key().decode()
    return TestClient(
        create_app(Settings(database_url="sqlite+aiosqlite://", encryption_key=(key,), cors_origins=(ORIGIN,)))
    )


def asked_before(client: TestClient, header: str, *, origin: str = ORIGIN, method: str = "POST") -> Response:
    """What a browser asks before a request with this header."""
    headers = {"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": header}
    return client.options("/api/auth/2fa/step-up", headers=headers)


@pytest.mark.parametrize("header", ["X-TOTP-Code", "x-totp-code", "Authorization", "Content-Type"])
def test_what_may_be_sent(client: TestClient, header: str):
    """
    The code, the token and JSON may be sent from an origin that was named.
    """
    answer = asked_before(client, header)

    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert header.lower() in answer.headers["access-control-allow-headers"].lower()


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def test_how_it_may_be_sent(client: TestClient, method: str):
    """
    All methods of the API may be used.
    """
    answer = asked_before(client, "X-TOTP-Code", method=method)

    assert method in answer.headers["access-control-allow-methods"]


def test_what_may_be_read(client: TestClient):
    """
    A script on that origin may read what a refusal demands, how long to wait, what is left, and what to
    name to the operator.
    """
    answer = client.get("/api/auth/session/none", headers={"Origin": ORIGIN})

    exposed = {name.strip().lower() for name in answer.headers["access-control-expose-headers"].split(",")}
    assert exposed == {"www-authenticate", "retry-after", "ratelimit-policy", "ratelimit", "x-request-id"}
    assert answer.headers["access-control-allow-origin"] == ORIGIN


@pytest.mark.parametrize("origin", ["https://evil.example", "http://shop.example", "https://shop.example:8443", "null"])
def test_other_origins(client: TestClient, origin: str):
    """
    No other origin may send or read anything.
    """
    before = asked_before(client, "X-TOTP-Code", origin=origin)
    answer = client.get("/healthz", headers={"Origin": origin})

    assert before.status_code == 400
    assert "access-control-allow-origin" not in before.headers
    assert "access-control-allow-origin" not in answer.headers


def test_no_cookie_goes_along(client: TestClient):
    """
    No origin is let in with cookies: the token is the client's own to send.
    """
    answers = [asked_before(client, "X-TOTP-Code"), client.get("/healthz", headers={"Origin": ORIGIN})]

    assert [answer for answer in answers if "access-control-allow-credentials" in answer.headers] == []


def test_without_origins():
    """
    Where no origin was named none is let in.
    """
    key = Fernet.generate_key().decode()
    client = TestClient(create_app(Settings(database_url="sqlite+aiosqlite://", encryption_key=(key,))))

    answer = client.get("/healthz", headers={"Origin": ORIGIN})

    assert [name for name in answer.headers if name.startswith("access-control")] == []
