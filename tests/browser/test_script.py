"""What the script adds to the forms: nothing that could not be done without it."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Request

from tests.browser.acts import set_up, sign_in
from tests.browser.phone import Phone
from tests.browser.screen import PHONE, Screen
from tests.http.running import ServedWorld


@pytest.fixture
def halfway(window: Callable[..., Screen], home: ServedWorld, phone: Phone) -> Screen:
    """A phone-sized window that asks for the code of somebody's app, which *phone* shows."""
    screen, person = window(PHONE, permissions=["clipboard-read", "clipboard-write"]), home.enrolled()
    phone.uri = f"otpauth://totp/x?secret={person.secret}"
    sign_in(screen, person.email)
    return screen


@pytest.fixture
def sent(halfway: Screen) -> Iterator[list[str]]:
    """Every form that is sent from now on."""
    sent: list[str] = []

    def note(request: Request) -> None:
        if request.method == "POST":
            sent.append(request.url)

    halfway.page.on("request", note)
    yield sent
    halfway.page.remove_listener("request", note)


def paste(screen: Screen, text: str) -> None:
    """Copy it elsewhere, and press Ctrl and V here."""
    screen.page.evaluate("text => navigator.clipboard.writeText(text)", text)
    screen.page.keyboard.press("Control+V")


def test_a_code_sends_itself(halfway: Screen, sent: list[str], phone: Phone):
    """
    Five digits send nothing, and the sixth sends the form, once.
    """
    code = phone.next_code()

    halfway.field("code").press_sequentially(code[:5])
    too_few = list(sent)
    with halfway.leaves():
        halfway.field("code").press(code[5])
    halfway.page.wait_for_url("**/security")

    assert too_few == []
    assert len(sent) == 1


def test_a_code_that_is_pasted(halfway: Screen, phone: Phone):
    """
    A code that is pasted as apps show it, with a space in it, is taken.
    """
    code = phone.next_code()

    with halfway.leaves():
        paste(halfway, f"{code[:3]} {code[3:]}\n")
    halfway.page.wait_for_url("**/security")

    assert halfway.path == "/security"


def test_a_wrong_code_can_be_mended(halfway: Screen, phone: Phone):
    """
    After a wrong code the field is empty and has the focus, and the next code sends itself as the first did.
    """
    halfway.send(code=phone.wrong_code())
    after = (halfway.focus, halfway.field("code").input_value())
    halfway.send(code=phone.next_code())

    assert after == ("code", "")
    assert halfway.path == "/security"


def test_a_wait_counts_down(window: Callable[..., Screen], home: ServedWorld, phone: Phone):
    """
    While a wait runs, it counts down and the form cannot be sent; at its end it says so, and the form can be.
    """
    # Its clock stands still from then on: nobody else uses this window.
    screen, person = window(PHONE, timezone_id="UTC"), home.enrolled()
    phone.uri = f"otpauth://totp/x?secret={person.secret}"
    screen.page.clock.install()
    sign_in(screen, person.email)
    for _ in range(5):
        screen.send(code=phone.wrong_code())
    wait, button = screen.page.locator(".wait [aria-hidden]"), screen.page.locator("main form button").first

    at_first = (wait.inner_text(), button.is_disabled())
    screen.page.clock.run_for(21_000)
    later = wait.inner_text()
    screen.page.clock.run_for(10_000)

    assert at_first[0].startswith(("You can try again in 30", "You can try again in 29"))
    assert at_first[1] is True
    assert later in {f"You can try again in {seconds} seconds." for seconds in (8, 9)}
    assert (wait.inner_text(), button.is_disabled()) == ("You can try again now.", False)


def test_the_password_can_be_seen(window: Callable[..., Screen]):
    """
    Who is alone may see what they type, and hide it again.
    """
    screen = window()
    screen.open("/login")
    button = screen.page.locator("[data-shows]")

    kinds = []
    for _ in range(2):
        button.click()
        kinds.append(screen.field("password").get_attribute("type"))

    assert kinds == ["text", "password"]


def test_the_secret_is_copied(window: Callable[..., Screen], home: ServedWorld, phone: Phone):
    """
    Who cannot scan copies the secret, without the spaces that it is shown with; it is the one in the picture.
    """
    screen = window(permissions=["clipboard-read", "clipboard-write"])
    sign_in(screen, home.registered().email)
    screen.open("/security/setup")
    screen.press("/security/setup")
    phone.scan(screen.page)

    screen.page.locator("details summary").click()
    screen.page.locator("[data-copies=secret]").click()
    screen.page.get_by_text("Copied.").wait_for()

    assert screen.page.evaluate("navigator.clipboard.readText()") == phone.secret
    assert screen.page.locator("#secret").inner_text().replace(" ", "") == phone.secret


def test_the_codes_are_copied(window: Callable[..., Screen], home: ServedWorld, phone: Phone):
    """
    All backup codes are copied, a line each.
    """
    screen = window(permissions=["clipboard-read", "clipboard-write"])
    sign_in(screen, home.registered().email)
    codes = set_up(screen, phone)

    screen.page.locator("[data-copies=codes]").click()
    screen.page.get_by_text("Copied.").wait_for()

    assert screen.page.evaluate("navigator.clipboard.readText()").split() == codes


def test_a_clipboard_that_is_refused(window: Callable[..., Screen], home: ServedWorld, phone: Phone):
    """
    Where the browser lets no page copy, the codes are marked, and the page says how to go on.
    """
    screen = window()
    sign_in(screen, home.registered().email)
    codes = set_up(screen, phone)
    screen.page.evaluate("() => { Clipboard.prototype.writeText = () => Promise.reject(new Error()) }")

    screen.page.locator("[data-copies=codes]").click()
    screen.page.get_by_text("They are marked now").wait_for()

    assert screen.page.evaluate("getSelection().toString()").split() == codes


def test_moments_are_local(window: Callable[..., Screen], home: ServedWorld):
    """
    The page says moments in the time of whoever reads it.
    """
    person = home.registered()
    shown = []
    for zone in ("America/New_York", "Asia/Tokyo"):
        screen = window(timezone_id=zone)
        sign_in(screen, person.email)
        screen.open("/security/sessions")
        shown.append(screen.page.locator("time").first.inner_text())

    assert ["7:00" in shown[0], "9:00" in shown[1]] == [True, True]
