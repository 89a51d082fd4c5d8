"""A database whose machine dies while another takes its place: old connections say nothing any more, new ones work."""

import time
from collections.abc import Callable

import pytest

from tests.http.test_readyz import asked
from tests.http.world import Place, in_process, settings_for
from tests.servers import Server
from tests.silence import Line

PATIENCE_SECONDS = 20


def until(is_so: Callable[[], bool]) -> bool:
    since = time.monotonic()
    while time.monotonic() - since < PATIENCE_SECONDS:
        if is_so():
            return True
        time.sleep(0.5)
    return False


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_a_node_comes_back(kind: str, key: str, request: pytest.FixtureRequest):
    """
    A node says that it is not ready while its connections are silent, and soon is again, with people signing in; and it
    stops in time though they are silent again.
    """
    server: Server = request.getfixturevalue(kind)
    database, line = server.fresh_database(), Line(server.url.port or 0)
    place = Place(kind, database.sync_url, line.through(database.async_url))
    with in_process(place, settings_for(place, key)) as world:
        person = world.enrolled()
        before = asked(world)
        assert line.go_silent() >= 2
        while_silent = asked(world)

        assert (before, while_silent) == ("ready", "unavailable")
        assert until(lambda: asked(world) == "ready")
        assert until(lambda: world.post("/api/auth/login", json=person.password).status_code == 200)
        assert line.go_silent() >= 2
        since = time.monotonic()
    assert time.monotonic() - since < PATIENCE_SECONDS
    line.close()
