"""A host that tells nothing of what is owed: the library looks itself, before it answers (G8)."""

import pytest

from tests.hosts.running import PREFIX, Host, Person


@pytest.fixture(scope="module")
def database() -> str:
    return "sqlite"


@pytest.mark.parametrize("way", ["a route of ours", "a guarded route"])
def test_sessions_that_should_have_ended(host: Host, ann: Person, way: str):
    """
    Where the process died after a change and before its sessions were ended, the next one of them that asks is told
    that it has ended, and ends them all, and who signs in anew is in.
    """
    first, second = ann.enrolled().strong_browser(), ann.strong_browser()
    host.use(lambda auth: auth.password_changed(ann.id, end_sessions=True))

    path = f"{PREFIX}/status" if way == "a route of ours" else "/payouts"
    answer = first.get(path) if way == "a route of ours" else first.post(path)

    assert (answer.status_code, answer.json()["type"]) == (401, "urn:twofold:problem:not-signed-in")
    assert not second.is_signed_in()
    assert host.use(lambda auth: auth.sessions.state(ann.id, "another session")).debt == 0
    assert ann.strong_browser().pays_out()
