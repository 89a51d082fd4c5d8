"""What a scrape of the backend tells: every request by the template of its route, and nothing that anybody sent."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from app.main import create_app
from tests.http.asgi import Asked
from tests.http.world import Person, Place, World, in_process, settings_for
from tests.prometheus.told import Samples, samples_in, told, values_of_labels
from twofold.prometheus import CONTENT_TYPE_LATEST, Latency, Metrics
from twofold.settings import Settings

LATENCY = "twofold_http_request_duration_seconds"
MARK = "mark7"


@pytest.fixture(scope="module")
def watched_world(fresh_place: Any, key: str) -> Iterator[World]:
    """A backend of which nobody else asks anything, and whose events are counted."""
    place: Place = fresh_place("sqlite")
    with in_process(place, settings_for(place, key)) as world:
        world.auth.on_event = world.app.state.metrics
        yield world


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def each_watched_world(request: pytest.FixtureRequest, fresh_place: Any, key: str) -> Iterator[World]:
    """The same on each database in turn, just started."""
    place: Place = fresh_place(request.param)
    with in_process(place, settings_for(place, key)) as world:
        yield world


def scraped(world: World) -> Samples:
    return samples_in(world.get("/metrics").content)


def requests_in(samples: Samples) -> dict[tuple[str, str, str], float]:
    """How many requests there were, by method, template and class of status."""
    found = {}
    for (name, labels), value in samples.items():
        if name == f"{LATENCY}_count":
            words = dict(labels)
            found[words["method"], words["route"], words["status"]] = value
    return found


def test_a_scrape_is_what_prometheus_reads(watched_world: World):
    """
    `/metrics` answers as text that Prometheus reads, which no cache keeps.
    """
    answer = watched_world.get("/metrics")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == CONTENT_TYPE_LATEST
    assert answer.headers["cache-control"] == "no-store"
    assert told(samples_in(answer.content), "twofold_resets_total") == 0


def test_every_route_is_told_by_its_template(watched_world: World):
    """
    A request to any route of OpenAPI is counted once, under the path that OpenAPI has for it.
    """
    paths = watched_world.app.openapi()["paths"]
    routes = [(method.upper(), path) for path, operations in paths.items() for method in operations]
    before = requests_in(scraped(watched_world))

    for method, path in routes:
        watched_world.request(method, path.replace("{id}", "1"))
    after = requests_in(scraped(watched_world))

    def times(found: dict[tuple[str, str, str], float], method: str, path: str) -> float:
        return sum(number for (verb, route, _), number in found.items() if (verb, route) == (method, path))

    # The scrape before is told by the scrape after.
    expected = {(method, path): 2 if path == "/metrics" else 1 for method, path in routes}
    assert {route: times(after, *route) - times(before, *route) for route in routes} == expected
    assert {route for _, route, _ in after} <= {*paths, "unmatched"}
    assert len(routes) > 15


def test_nothing_that_was_sent_is_a_label(watched_world: World):
    """
    Paths, queries, methods and headers of strangers make no label and no further sample, however many there are.
    """
    asked = [
        Asked(f"/{MARK}-{number}/{MARK}?code={MARK}", [(b"user-agent", MARK.encode())], method=method)
        for number, method in zip(range(40), ["GET", "POST", MARK.upper(), "PROPFIND"] * 10, strict=True)
    ]
    asked += [Asked(f"/api/auth/sessions/{MARK}{number}", [], method="DELETE") for number in range(20)]
    watched_world.ask_side_by_side(asked)
    scraped(watched_world)
    before = scraped(watched_world)

    watched_world.ask_side_by_side(asked)
    after = scraped(watched_world)

    assert {labels for _, labels in after} == {labels for _, labels in before}
    assert [value for value in values_of_labels(after) if MARK in value.lower()] == []
    assert requests_in(after)["other", "unmatched", "4xx"] == 40


def test_a_sign_in_is_counted(watched_world: World):
    """
    What happens at a route is counted by its factor, in the application as it is put together.
    """
    person: Person = watched_world.enrolled()
    before = scraped(watched_world)

    answer = watched_world.post("/api/auth/login", json=person.password, headers={"X-TOTP-Code": person.next_code()})
    after = scraped(watched_world)

    def sign_ins(samples: Samples) -> float:
        return told(samples, "twofold_sign_ins_total", factor="totp") or 0

    assert answer.status_code == 200
    assert sign_ins(after) - sign_ins(before) == 1


def test_the_backend_counts_what_happens(key: str):
    """
    The backend's second factor tells each event to the metrics that a scrape tells.
    """
    app = create_app(Settings(database_url="sqlite+aiosqlite://", encryption_key=(key,)))

    assert app.state.two_factor.auth.on_event is app.state.metrics


def test_rows_per_key_are_told(each_watched_world: World):
    """
    On each database rows are counted beside a scrape, and told by those after it.
    """
    world = each_watched_world
    world.enrolled()

    # Each answer lets the loop go on with the count.
    found = next(samples for _ in range(1000) if told(samples := scraped(world), "twofold_rows_per_key_up"))

    [key_id] = world.auth.keys.key_ids
    assert (told(found, "twofold_rows_per_key", column="totp_secret", key=key_id) or 0) >= 1
    assert told(found, "twofold_rows_per_key", column="totp_secret", key="other") == 0


# -- In another application ------------------------------------------------------------------------------------------


async def answer(request: Request) -> Response:
    return Response(status_code=int(request.path_params.get("status", 200)))


async def broken(_: Request) -> Response:
    raise RuntimeError(MARK)


def client(app: Starlette, metrics: Metrics) -> TestClient:
    app.add_middleware(Latency, metrics=metrics)
    return TestClient(app, raise_server_exceptions=False)


def test_any_application_can_be_watched():
    """
    In an application of Starlette alone each request is told by its template and the class of its status, below a
    mount too; what is raised is 5xx, and what a mount does not have is told by the mount.
    """
    inner = [Route("/things/{id}", answer), Route("/broken", broken)]
    app = Starlette(routes=[Route("/{status}", answer), Mount("/{tenant}/app", routes=inner)])
    metrics = Metrics()
    asking = client(app, metrics)

    for path in ("/204", "/404", "/503", f"/{MARK}/app/things/{MARK}", f"/{MARK}/app/broken", f"/{MARK}/app/{MARK}"):
        asking.get(path)
    samples = samples_in(metrics.text())

    assert requests_in(samples) == {
        ("GET", "/{status}", "2xx"): 1,
        ("GET", "/{status}", "4xx"): 1,
        ("GET", "/{status}", "5xx"): 1,
        ("GET", "/things/{id}", "2xx"): 1,
        ("GET", "/broken", "5xx"): 1,
        ("GET", "/{tenant}/app/{path}", "4xx"): 1,
    }


def test_how_long_a_request_takes():
    """
    A request is put where its time belongs, by the timer that was given.
    """
    moments = count()
    metrics = Metrics(timer=lambda: next(moments) * 0.3)
    app = FastAPI()
    app.get("/things/{id}")(lambda: None)

    client(app, metrics).get("/things/7")
    samples = samples_in(metrics.text())

    labels = {"method": "GET", "route": "/things/{id}", "status": "2xx"}
    assert told(samples, f"{LATENCY}_sum", **labels) == pytest.approx(0.3)
    assert [told(samples, f"{LATENCY}_bucket", le=bound, **labels) for bound in ("0.25", "0.5", "+Inf")] == [0, 1, 1]


def test_the_key_is_told_by_its_id_alone(watched_world: World):
    """
    No metric holds the key, or any sealed value.
    """
    text = watched_world.get("/metrics").text

    assert "v1." not in text
    assert [entry for entry in watched_world.app.state.settings.encryption_key if entry in text] == []
