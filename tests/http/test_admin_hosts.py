"""The admin API in applications that are not ours, over an Engine and over an AsyncEngine."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import Depends, HTTPException
from httpx2 import Response
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.testclient import TestClient
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from tests.http.administration import REASON
from tests.http.hosts import CurrentUser, Running, User, cookie_host, cookie_session, token_host
from tests.http.problems import problem_of
from twofold import ConfigurationError
from twofold.core.clients import AllowList, admin_networks
from twofold.core.events import Event
from twofold.errors import Forbidden
from twofold.fastapi import SignedIn
from twofold.fastapi.admin import two_factor_admin
from twofold.fastapi.admin_door import AdminDoor
from twofold.testing import enroll

FORM = {"username": "ann@example.com", "password": "a good one"}
LOGIN = {"email": "ann@example.com", "password": "a good one"}
HOME = ["192.0.2.0/24"]


def ann_is_admin(user: CurrentUser) -> bool:
    return user.email == "ann@example.com"


async def first_is_admin(session: Annotated[SignedIn, Depends(cookie_session)]) -> bool:
    return bool(session.user_id == 1)


def with_bob(host: Running) -> int:
    """Somebody else; the id."""
    with Session(host.engine) as db, db.begin():
        bob = User(email="bob@example.com", password="another one")
        db.add(bob)
        db.flush()
        return bob.id


class Ann:
    """An admin of one of the two applications, with her second factor."""

    def __init__(self, host: Running, http: TestClient) -> None:
        self.host, self.http = host, http
        self.headers: dict[str, str] = {}
        signed_in = http.post("/token", data=FORM)
        if signed_in.is_success:
            self.headers = {"Authorization": f"Bearer {signed_in.json()['access_token']}"}
            _, verified = enroll(http, "/2fa", clock=host.clock, headers=self.headers)
            self.headers = {"Authorization": f"Bearer {verified['access_token']}"}
        else:
            http.post("/login", json=LOGIN)
            enroll(http, "/2fa", clock=host.clock)

    def __call__(self, method: str, path: str, **options: Any) -> Response:
        headers = self.headers | options.pop("headers", {})
        answer: Response = self.http.request(method, f"/admin{path}", headers=headers, **options)
        return answer


@contextmanager
def admin_of(host: Running, is_admin: Callable[..., Any], client: str = "192.0.2.1", **options: Any) -> Iterator[Ann]:
    given = {"allowed_ips": HOME} | options
    host.app.include_router(two_factor_admin(host.two_factor, is_admin=is_admin, **given), prefix="/admin")
    with TestClient(host.app, client=(client, 40_000)) as http:
        yield Ann(host, http)


HOSTS = [(token_host, ann_is_admin), (cookie_host, first_is_admin)]


@pytest.mark.parametrize(("build", "is_admin"), HOSTS)
def test_another_application(
    tmp_path: Path, key: str, build: Callable[[Path, str], Running], is_admin: Callable[..., Any]
):
    """
    An application of any kind has the routes with one line, and its sessions end by its own hands.
    """
    host = build(tmp_path, key)
    bob = with_bob(host)
    with admin_of(host, is_admin) as ann:
        found = ann("GET", "/users", params={"q": "BOB"}).json()["items"]
        nothing = ann("POST", f"/users/{bob}/reset", json={"reason": REASON})
        own = ann("POST", "/users/1/reset", json={"reason": REASON})
        adoption = ann("GET", "/adoption").json()

    assert [user["id"] for user in found] == [bob]
    problem_of(nothing, "not-enabled")
    problem_of(own, "forbidden")
    assert (adoption["users"], adoption["enabled"]) == (2, 1)
    assert host.events()[-1] == "admin_refused"


@pytest.mark.parametrize("said", [1, "yes", {"role": "admin"}, object(), [True], None, False, 0, ""])
def test_whatever_is_not_true_is_no(tmp_path: Path, key: str, said: Any):
    """
    A host's `is_admin` that returns anything but `True`, a user for one, lets nobody in.
    """
    with admin_of(token_host(tmp_path, key), lambda: said) as ann:
        problem_of(ann("GET", "/adoption"), "forbidden")


def test_a_host_may_refuse_in_its_own_words(tmp_path: Path, key: str):
    """
    A host's `is_admin` may raise; what it raises is a refusal, and is recorded with the user.
    """

    def closed() -> bool:
        raise HTTPException(403, "Administration is closed on Sundays")

    host, told = token_host(tmp_path, key), list[Event]()
    host.two_factor.auth.on_event = told.append
    with admin_of(host, closed) as ann:
        answer = ann("GET", "/adoption")

    assert problem_of(answer, "forbidden")["detail"] == "Administration is closed on Sundays"
    assert [(one.kind, one.user_id) for one in told[-1:]] == [("admin_refused", 1)]


def test_unsaid_is_production(tmp_path: Path, key: str):
    """
    An empty list lets nobody in, this machine neither, unless the host says that it is no production.
    """
    with admin_of(token_host(tmp_path, key), ann_is_admin, client="127.0.0.1", allowed_ips=[]) as ann:
        problem_of(ann("GET", "/adoption"), "forbidden")
        open_at_home = two_factor_admin(ann.host.two_factor, is_admin=ann_is_admin, allowed_ips=[], production=False)
        ann.host.app.include_router(open_at_home, prefix="/admin/home")

        assert ann("GET", "/home/adoption").status_code == 200
        problem_of(ann("GET", "/home/adoption", headers={"X-Forwarded-For": "127.0.0.1"}), "forbidden")


def test_proxies_that_a_host_names(tmp_path: Path, key: str):
    """
    Proxies may be named to the router alone; who asks is then known there, and a stranger is recorded by that address.
    """
    host, told = token_host(tmp_path, key), list[Event]()
    host.two_factor.auth.on_event = told.append
    with admin_of(host, ann_is_admin, client="10.0.0.1", trusted_proxies=["10.0.0.1"]) as ann:
        inside = ann("GET", "/adoption", headers={"X-Forwarded-For": "198.51.100.9, 192.0.2.7"})
        outside = ann("GET", "/adoption", headers={"X-Forwarded-For": "192.0.2.7, 198.51.100.9"})
        nobody = ann("GET", "/adoption")

    assert inside.status_code == 200
    assert [answer.status_code for answer in (outside, nobody)] == [403, 403]
    assert [one.client_address for one in told[-2:]] == ["198.51.100.9", "10.0.0.1"]


@pytest.mark.parametrize("forwarded", ["192.0.2.7", "198.51.100.9, 192.0.2.7", "192.0.2.7:4711"])
def test_a_server_that_believes_everybody(tmp_path: Path, key: str, forwarded: str):
    """
    Where the server itself has believed a header, as uvicorn does of this machine unless it is told not to, nobody is
    let in: whoever is behind an undeclared proxy could have written it.
    """
    host = token_host(tmp_path, key)
    host.app.add_middleware(ProxyHeadersMiddleware, trusted_hosts="127.0.0.1")
    with admin_of(host, ann_is_admin, client="127.0.0.1") as ann:
        problem_of(ann("GET", "/adoption", headers={"X-Forwarded-For": forwarded}), "forbidden")


def test_whoever_cannot_be_judged_is_refused(tmp_path: Path, key: str, caplog: pytest.LogCaptureFixture):
    """
    Where it cannot be told whether an address may come near, for whatever reason, it may not.
    """
    two_factor = token_host(tmp_path, key).two_factor
    door = AdminDoor(two_factor, AllowList(admin_networks(HOME)), (), ann_is_admin)
    broken = Request({"type": "http", "client": ("192.0.2.1", 1), "headers": None})

    with pytest.raises(Forbidden):
        asyncio.run(door.allow_list(broken))

    assert "it may not" in caplog.text


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"allowed_ips": "192.0.2.0/24"}, "allowed_ips: give a list"),
        ({"allowed_ips": ["0.0.0.0/0"]}, "allowed_ips: .* a list of everybody is none"),
        ({"allowed_ips": ["::ffff:0:0/96"]}, "allowed_ips: .* a list of everybody is none"),
        ({"allowed_ips": ["vpn.example.com"]}, "allowed_ips: write IP addresses"),
        ({"allowed_ips": [], "trusted_proxies": ["*"]}, "trusted_proxies: write IP addresses"),
        ({"allowed_ips": [], "trusted_proxies": ["0.0.0.0/0"]}, "trusted_proxies: write IP addresses"),
        ({"allowed_ips": [], "trusted_proxies": "10.0.0.1"}, "trusted_proxies: give a list"),
    ],
)
def test_a_list_that_is_none(tmp_path: Path, key: str, options: dict[str, Any], says: str):
    """
    What is no list of addresses and networks, or is everybody, stops the application while it is built.
    """
    with pytest.raises(ConfigurationError, match=says):
        two_factor_admin(token_host(tmp_path, key).two_factor, is_admin=ann_is_admin, **options)
