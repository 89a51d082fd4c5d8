"""Pages of other origins: the browser gives them no answer of our keys, and the server takes none."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Route

from tests.browser.keys import Key
from tests.browser.past_the_page import REFUSED, events_of, options_for, sent, told
from tests.browser.visitor import Visitor
from tests.http.running import ServedWorld


@pytest.fixture
def key(ann: Visitor) -> Key:
    """Ann's, who is signed in."""
    key = Key()
    ann.sign_in()
    ann.register(key, "Blue key")
    ann.person.token = ann.session
    return key


@pytest.fixture
def go(ann: Visitor) -> Callable[[str], None]:
    """Leads Ann to an empty page of another origin, whoever answers there."""

    def answer(route: Route) -> None:
        route.fulfill(body="<!doctype html><title>Elsewhere</title>", content_type="text/html")

    def go(origin: str) -> None:
        ann.page.route(f"{origin}/**", answer)
        ann.page.goto(f"{origin}/")

    return go


@pytest.mark.parametrize("name", ["evil.localhost", "127.0.0.1"])
def test_a_page_that_relays_everything(
    ann: Visitor, key: Key, at_computer: Callable[..., Visitor], world: ServedWorld, name: str
):
    """
    A phishing page that relays what a person types to the real server gets the password, and then nothing: the browser
    keeps the key from it, the server hears of no attempt, and ours, copied there, says where the key works.
    """
    victim = at_computer(ann.person, f"http://{name}:{world.server.port}")

    victim.sign_in()
    before = events_of(ann.person)
    with victim.with_key(key):
        victim.click("Use your key")

    assert victim.title == "Confirm that it is you"
    assert victim.warned == (
        f"Your keys work on localhost only, and this page is on {name}. Do not go on here: open the page on localhost."
    )
    assert events_of(ann.person) == before


@pytest.mark.parametrize("ceremony", ["create", "get"])
@pytest.mark.parametrize("site", ["http://evil.localhost:8000", "https://evil.test"])
def test_a_page_of_another_site(ann: Visitor, key: Key, go: Callable[[str], None], site: str, ceremony: str):
    """
    Asked for our site by a page of another, the browser gives a SecurityError in place of an answer, whether a key is
    to be used or to be registered.
    """
    options = options_for(ann.person, ceremony, ann.person.sign_in_token())
    go(site)

    with ann.with_key(key):
        answer = ann.answer_of(ceremony, options)

    assert answer == {"error": "SecurityError"}


@pytest.mark.parametrize("ceremony", ["create", "get"])
def test_another_port_of_our_host(ann: Visitor, key: Key, world: ServedWorld, go: Callable[[str], None], ceremony: str):
    """
    A page on another port of our host is another origin, and yet the browser lets it ask our keys: what it sends is
    refused by the server, and what a page of our own sends is accepted.
    """
    used = key if ceremony == "get" else Key()
    token, answers = ann.person.sign_in_token(), []

    for port in (world.server.port ^ 1, world.server.port):
        go(f"http://localhost:{port}")
        options = options_for(ann.person, ceremony, token)
        with ann.with_key(used):
            answers.append(sent(ann.person, ceremony, ann.answer_of(ceremony, options), token))
        used = key if ceremony == "get" else Key()

    refused, accepted = answers
    assert told(refused) == REFUSED
    assert accepted.is_success, accepted.text


def test_a_key_of_another_site(ann: Visitor, key: Key, go: Callable[[str], None]):
    """
    A key that a page of another site has made for itself, with the challenge that we gave, is not registered here.
    """
    options = options_for(ann.person, "create")
    go("http://evil.localhost:8000")

    with ann.with_key(Key()):
        answer = ann.answer_of("create", options | {"rp": {"id": "evil.localhost", "name": "Evil"}})
    refused = sent(ann.person, "create", answer)

    assert "attestationObject" in answer["response"]
    assert told(refused) == REFUSED
    assert [kept["name"] for kept in ann.person.get("/webauthn").json()["items"]] == ["Blue key"]
