"""What a person does on the pages, beyond one form."""

from tests.browser.keys import Key
from tests.browser.phone import Phone
from tests.browser.screen import Screen
from tests.http.world import PASSWORD


def sign_in(screen: Screen, email: str, password: str = PASSWORD) -> None:
    """The password alone."""
    screen.open("/login")
    screen.send(email=email, password=password)


def set_up(screen: Screen, phone: Phone) -> list[str]:
    """Scan, type the code; the backup codes that are shown then."""
    screen.open("/security/setup")
    screen.press("/security/setup")
    phone.scan(screen.page)
    screen.send(code=phone.code())
    return codes_on(screen)


def codes_on(screen: Screen) -> list[str]:
    """The backup codes that are to be read."""
    return screen.page.locator("ol.codes code").all_inner_texts()


def keep_codes(screen: Screen) -> None:
    """Say that they are kept, and go on."""
    screen.page.get_by_role("checkbox").check()
    with screen.leaves():
        screen.page.locator("form", has=screen.page.get_by_role("checkbox")).locator("button").click()


def register_key(screen: Screen, key: Key, name: str = "Blue key") -> list[str]:
    """Plug a key in and touch it; the backup codes that come with the first."""
    screen.open("/security/keys")
    with screen.with_key(key):
        screen.send("/new", name=name)
        wait_for_touch(screen)
    return codes_on(screen)


def use_key(screen: Screen, key: Key, *, right_pin: bool = True) -> None:
    """Plug a key in and touch it, where the page asks for a second factor."""
    with screen.with_key(key, right_pin=right_pin):
        with screen.leaves():
            screen.page.locator("button[name=key]").click()
        wait_for_touch(screen)


def wait_for_touch(screen: Screen) -> None:
    """The page that asks for the touch sends itself, or says what went wrong."""
    gone = screen.page.locator("body:not(:has(#touch)), #touch [data-fails]:not([hidden])")
    gone.first.wait_for()
    screen.page.wait_for_load_state()
