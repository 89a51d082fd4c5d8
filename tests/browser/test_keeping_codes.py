"""Ways to keep the backup codes: as a file, and on paper."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.browser.acts import set_up, sign_in
from tests.browser.phone import Phone
from tests.browser.screen import Screen
from tests.http.running import ServedWorld


@pytest.mark.parametrize("screen", ["desktop", "small-phone-without-script"], indirect=True)
def test_as_a_file(screen: Screen, home: ServedWorld, phone: Phone, tmp_path: Path):
    """
    The codes are saved as a text file, a line each, without another request.
    """
    sign_in(screen, home.registered().email)
    codes = set_up(screen, phone)
    asked = len(screen.weights)

    with screen.page.expect_download() as saving:
        screen.page.get_by_role("link", name="Save as a file").click()
    saving.value.save_as(tmp_path / "codes.txt")

    assert saving.value.suggested_filename.endswith("backup codes.txt")
    assert (tmp_path / "codes.txt").read_text().split() == codes
    assert len(screen.weights) == asked


def test_on_paper(window: Callable[..., Screen], home: ServedWorld, phone: Phone):
    """
    What is printed are the codes and whose they are, dark on white, without buttons and links.
    """
    screen = window(color_scheme="dark")
    person = home.registered()
    sign_in(screen, person.email)
    codes = set_up(screen, phone)

    screen.page.emulate_media(media="print")
    text = screen.page.locator("body").inner_text()

    assert [code for code in codes if code not in text] == []
    assert person.email in text
    assert [each for each in screen.page.locator("button, nav a, form").all() if each.is_visible()] == []
    assert screen.page.evaluate("getComputedStyle(document.querySelector('ol.codes code')).color") == "rgb(0, 0, 0)"
