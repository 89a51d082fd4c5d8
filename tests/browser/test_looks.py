"""How every page looks in every state: to axe-core, in the dark, on the smallest phone, and on the scales."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.browser.acts import sign_in
from tests.browser.axe import findings
from tests.browser.phone import Phone
from tests.browser.screen import SMALL_PHONE, Screen, Windows
from tests.browser.tour import STOPS, Stop, Tour
from tests.http.running import ServedWorld
from twofold.web.mounting import ROUTE_PREFIX

MOST_BYTES = 60_000
"""Of a page with everything that it loads."""


@dataclass
class Seen:
    """What was found on the tour, by the name of the state."""

    light: dict[str, list[str]] = field(default_factory=dict)
    dark: dict[str, list[str]] = field(default_factory=dict)
    small: dict[str, list[str]] = field(default_factory=dict)
    bytes: dict[str, int] = field(default_factory=dict)
    faults: dict[str, list[str]] = field(default_factory=dict)
    visited: set[tuple[str, str]] = field(default_factory=set)
    titles: dict[str, str] = field(default_factory=dict)
    languages: dict[str, str] = field(default_factory=dict)

    def look_at(self, name: str, screen: Screen) -> None:
        page = screen.page
        self.light[name] = findings(page)
        page.emulate_media(color_scheme="dark")
        self.dark[name] = findings(page, "color-contrast")
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": SMALL_PHONE.width, "height": SMALL_PHONE.height})
        self.small[name] = ["scrolled sideways"] if screen.is_scrolled_sideways else []
        page.set_viewport_size({"width": screen.device.width, "height": screen.device.height})
        self.bytes[name] = screen.weight
        self.faults[name] = list(screen.faults)
        self.visited |= screen.visited
        self.titles[name] = page.title()
        self.languages[name] = str(page.locator("html").get_attribute("lang"))


ALL_SEEN: dict[Stop, Seen] = {}
"""Stop by stop, as far as the tour has come."""


@pytest.fixture(scope="module", params=STOPS, ids=lambda stop: stop.__name__)
def seen(request: pytest.FixtureRequest, windows: Windows, served_site: ServedWorld) -> Seen:
    """A stop of the tour, in a window that lets axe-core in past the policy of the pages."""
    seen, tour = Seen(), Tour(served_site, windows, bypass_csp=True)
    for name, screen in tour.at(request.param):
        seen.look_at(name, screen)
    ALL_SEEN[request.param] = seen
    return seen


def told(found: dict[str, list[str]]) -> dict[str, list[str]]:
    """Those where there is something."""
    return {name: each for name, each in found.items() if each}


def test_axe_sees(window: Callable[..., Screen]):
    """
    An image without a text, and gray on white, do not pass axe-core on a page of ours; so a tour without a finding
    tells something.
    """
    screen = window(bypass_csp=True)
    screen.open("/login")
    screen.page.evaluate("document.querySelector('main').innerHTML += '<img src><p style=color:#aaa>Gray</p>'")

    rules = {finding.partition(":")[0] for finding in findings(screen.page)}

    assert {"image-alt", "color-contrast"} <= rules


def test_axe_finds_nothing(seen: Seen):
    """
    No page in any state has a finding of axe-core (WCAG 2.2 A and AA, and its own best practice).
    """
    assert told(seen.light) == {}


def test_contrast_in_the_dark(seen: Seen):
    """
    Nor has any text too little contrast in the dark scheme.
    """
    assert told(seen.dark) == {}


def test_nothing_sticks_out(seen: Seen):
    """
    At 320 px no page scrolls sideways.
    """
    assert told(seen.small) == {}


def test_weights(seen: Seen):
    """
    No page weighs 60 KB or more with style sheet, script, icon and pictures, none of them compressed.
    """
    assert {name: weight for name, weight in seen.bytes.items() if not 0 < weight < MOST_BYTES} == {}


def test_nothing_goes_wrong_behind(seen: Seen):
    """
    No page asks another site, or breaks its own script.
    """
    assert told(seen.faults) == {}


def test_titles(seen: Seen):
    """
    Each page says in its title where one is, and where something was refused, that it was.
    """
    refused = {name for name in seen.titles if name.endswith(("refused", "wait"))} - {"key-touch-refused"}
    said = {name for name, title in seen.titles.items() if title.startswith(("Error:", "Fehler:"))}

    assert refused <= said
    assert not [name for name, title in seen.titles.items() if " · " not in title]


def test_languages(seen: Seen):
    """
    A page says which language it is in.
    """
    expected = {name: "de" if name.startswith("german") else "en" for name in seen.languages}

    assert expected == seen.languages


LEADS_ON = {"/", "/pages/{name}", "/security/setup/verify", "/security/keys/new", "/security/keys/{id}/rename"}
"""Addresses that show nothing to whoever opens them: they lead on, or are no pages."""


def test_the_tour_leads_everywhere(served_site: ServedWorld):
    """
    Every page and every form of the backend is on the tour, so that no new one is forgotten.
    """
    if len(ALL_SEEN) < len(STOPS):
        pytest.skip("Only a part of the tour was asked for.")
    visited = set().union(*(seen.visited for seen in ALL_SEEN.values()))

    missed = [
        (method, route.path)
        for route in routes(served_site.app.routes)
        if route.name.startswith(ROUTE_PREFIX)
        for method in route.methods
        if (method, route.path) not in {("GET", path) for path in LEADS_ON}
        if not any(method == used and route.path_regex.match(path) for used, path in visited)
    ]

    assert visited
    assert missed == []


def routes(found: Iterable[Any]) -> Iterator[Any]:
    """One by one, also those of routers that were included."""
    for route in found:
        included = getattr(route, "original_router", None)
        yield from [route] if included is None else routes(included.routes)


@pytest.fixture
def setting_up(window: Callable[..., Screen], home: ServedWorld) -> Callable[..., Screen]:
    """Opens a window that shows the picture to scan."""

    def setting_up(*device: Any, **options: Any) -> Screen:
        screen = window(*device, **options)
        sign_in(screen, home.registered().email)
        screen.open("/security/setup")
        screen.press("/security/setup")
        return screen

    return setting_up


@pytest.mark.parametrize(
    "options",
    [{"color_scheme": "dark"}, {"forced_colors": "active", "color_scheme": "dark"}, {"device_scale_factor": 2}],
    ids=["dark", "forced-colors", "retina"],
)
def test_the_picture_is_scanned_everywhere(setting_up: Callable[..., Screen], phone: Phone, options: dict[str, Any]):
    """
    The picture is read off the screen also in the dark, in colors of the reader's own, and with two pixels for one.
    """
    screen = setting_up(**options)

    phone.scan(screen.page)
    screen.send(code=phone.code())

    assert screen.title == "Your backup codes"


FORCED = """() => [...document.querySelectorAll("main button, main a.button, main input")]
    .filter(each => each.checkVisibility())
    .map(each => [each.id || each.innerText, getComputedStyle(each)])
    .filter(([, style]) => style.borderTopStyle === "none" || parseFloat(style.borderTopWidth) === 0)
    .map(([name]) => name)"""
"""What one presses or fills in, and that has no edge."""


def test_forced_colors(window: Callable[..., Screen], home: ServedWorld):
    """
    In colors of the reader's own, where backgrounds are gone, buttons and fields still have an edge.
    """
    screen = window(forced_colors="active")
    edgeless = {}
    for path in ("/login", "/register"):
        screen.open(path)
        edgeless[path] = screen.page.evaluate(FORCED)
    sign_in(screen, home.registered().email)
    edgeless["/security"] = screen.page.evaluate(FORCED)

    assert edgeless == {"/login": [], "/register": [], "/security": []}


def test_less_motion(window: Callable[..., Screen]):
    """
    Who asks for less motion gets none.
    """
    screen = window(reduced_motion="reduce")
    screen.open("/login")

    moving = screen.page.evaluate(
        "[...document.querySelectorAll('*')].filter(it => parseFloat(getComputedStyle(it).transitionDuration) > 0.01"
        " || parseFloat(getComputedStyle(it).animationDuration) > 0.01).map(it => it.outerHTML.slice(0, 80))"
    )

    assert moving == []
