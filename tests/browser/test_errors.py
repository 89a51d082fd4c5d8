"""Errors as pages, where a browser asks, and forms that another site has sent."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Route

from tests.browser.acts import sign_in
from tests.browser.screen import Screen
from tests.http.running import ServedWorld


@pytest.mark.parametrize("screen", ["desktop", "small-phone-without-script"], indirect=True)
def test_a_page_that_is_not_there(screen: Screen):
    """
    An address that leads nowhere is answered with a page that says so and leads on.
    """
    screen.open("/nowhere")
    told = (screen.status, screen.title)
    with screen.leaves():
        screen.page.locator("main a").first.click()

    assert told == (404, "There is no such page")
    assert screen.path == "/login"


FORM = """<!doctype html><title>Elsewhere</title>
<form method=post action={address}><input name=email value={email}><input name=password value={password}>
<button>Win a prize</button></form>"""


def test_a_form_of_another_site(window: Callable[..., Screen], home: ServedWorld):
    """
    A form on another site's page signs nobody in and ends no session, whether its fields are right or not; a page says
    that nothing was done.
    """
    screen, person = window(), home.registered()
    sign_in(screen, person.email)

    def elsewhere(route: Route) -> None:
        address = f"http://localhost:{home.server.port}{route.request.url.partition('8000')[2]}"
        html = FORM.format(address=address, email=person.email, password="x")
        route.fulfill(body=html, content_type="text/html")

    screen.page.route("http://evil.localhost:8000/**", elsewhere)
    statuses = []
    for path in ("/login", "/logout", "/security/setup"):
        screen.page.goto(f"http://evil.localhost:8000{path}")
        with screen.leaves():
            screen.page.get_by_role("button").click()
        statuses.append((screen.status, screen.title))
    screen.page.unroute("http://evil.localhost:8000/**")
    screen.faults.clear()
    screen.open("/security")

    assert statuses == [(403, "This came from another site")] * 3
    assert screen.path == "/security"


def test_another_name_of_this_host(window: Callable[..., Screen], home: ServedWorld):
    """
    Who opens the pages under another name of this host is led to the one under which people use them.
    """
    screen = window()

    screen.page.goto(f"http://127.0.0.1:{home.server.port}/login?next=/security/keys")
    screen.faults.clear()

    assert screen.page.url == f"http://localhost:{home.server.port}/login?next=/security/keys"


def test_a_page_in_a_frame(window: Callable[..., Screen], home: ServedWorld):
    """
    No page of ours is shown in a frame of another site.
    """
    screen = window()
    frame = f"<!doctype html><title>Elsewhere</title><iframe src=http://localhost:{home.server.port}/login></iframe>"

    def elsewhere(route: Route) -> None:
        route.fulfill(body=frame, content_type="text/html")

    screen.page.route("http://evil.localhost:8000/", elsewhere)
    screen.page.goto("http://evil.localhost:8000/")
    shown = [each.url for each in screen.page.frames[1:]]
    text = [each.locator("body").inner_text() for each in screen.page.frames[1:]]
    screen.faults.clear()

    assert shown == ["chrome-error://chromewebdata/"]
    assert "Sign in" not in text[0]
