"""Keys on the pages, in Chromium's own code with virtual keys at the end of it."""

from collections.abc import Callable

import pytest

from tests.browser.acts import codes_on, keep_codes, register_key, sign_in, use_key
from tests.browser.keys import Key
from tests.browser.past_the_page import events_of
from tests.browser.screen import DESKTOP, PHONE, Screen
from tests.http.running import ServedWorld
from tests.http.world import Person


@pytest.fixture
def ann(home: ServedWorld) -> Person:
    """Somebody with a password and nothing else."""
    return home.registered()


@pytest.fixture
def signed_in(window: Callable[..., Screen], ann: Person) -> Screen:
    """Her screen."""
    screen = window()
    sign_in(screen, ann.email)
    return screen


@pytest.fixture
def key(signed_in: Screen) -> Key:
    """Her key, which she has registered a moment ago."""
    key = Key()
    register_key(signed_in, key)
    keep_codes(signed_in)
    return key


@pytest.mark.parametrize("device", [DESKTOP, PHONE], ids=str)
def test_from_the_first_key_to_the_last(window: Callable[..., Screen], ann: Person, device):
    """
    The first key brings the backup codes along, a second one is added, each signs in, and one is removed.
    """
    screen, blue, red = window(device), Key(), Key()
    sign_in(screen, ann.email)

    codes = register_key(screen, blue, "Blue key")
    keep_codes(screen)
    register_key(screen, red, "Red key")
    added = (screen.path, screen.notice)
    ways_in = []
    for key in (blue, red):
        screen.press("/logout")
        sign_in(screen, ann.email)
        use_key(screen, key)
        ways_in.append(screen.path)
    screen.open("/security/keys")
    screen.follow("/security/keys/")
    screen.press("/remove")

    assert len(set(codes)) == 10
    assert added[0] == "/security/keys"
    assert added[1].startswith("The key is registered.")
    assert ways_in == ["/security", "/security"]
    assert screen.notice.startswith("The key is removed.")
    assert screen.page.get_by_role("heading", level=3).all_inner_texts() == ["Red key"]


def test_a_new_name(signed_in: Screen, key: Key):
    """
    A key is given another name, whatever stands in it, and is called so from then on.
    """
    name = "<b>Ann's</b> & mine"

    signed_in.open("/security/keys")
    signed_in.page.locator("summary").first.click()
    signed_in.send("/rename", name=name)

    assert signed_in.notice == "The key has its new name."
    assert signed_in.page.get_by_role("heading", name=name, exact=True).is_visible()


def test_the_same_key_again(signed_in: Screen, key: Key):
    """
    A key that is registered is not registered again, and the page says to take another one.
    """
    register_key(signed_in, key, "Once more")

    assert signed_in.problem == "This key is registered already. Use another one."
    assert signed_in.page.locator("[data-fails]").evaluate("element => element === document.activeElement")


def test_a_wrong_pin(signed_in: Screen, key: Key, ann: Person):
    """
    Who fails at the key's own PIN is told what to do, and tries again on the spot; the server hears nothing of it.
    """
    signed_in.press("/logout")
    sign_in(signed_in, ann.email)
    before = events_of(ann)

    use_key(signed_in, key, right_pin=False)
    told, heard = signed_in.problem, events_of(ann)
    with signed_in.with_key(key), signed_in.leaves():
        signed_in.page.locator("[data-again]").click()

    assert told.startswith("No key answered")
    assert heard == before
    assert signed_in.path == "/security"


def test_a_key_of_somebody_else(signed_in: Screen, window: Callable[..., Screen], key: Key, home: ServedWorld):
    """
    Another person's key does not sign in; there is a way back, and to a backup code.
    """
    other, bob = window(), home.registered()
    sign_in(other, bob.email)
    codes = register_key(other, Key())
    keep_codes(other)
    other.press("/logout")
    sign_in(other, bob.email)

    use_key(other, key)
    told = other.problem
    other.page.get_by_role("link", name="Go back").click()
    other.follow("/login/second-factor?use=backup_code")
    other.send(backup_code=codes[0])

    assert told.startswith("No key answered")
    assert other.path == "/security"


def test_a_copied_key(signed_in: Screen, key: Key, ann: Person):
    """
    A copy of a key is refused once the key itself was used after the copying, and the page says what it means.
    """
    copy = key.copied()
    signed_in.press("/logout")
    sign_in(signed_in, ann.email)
    use_key(signed_in, key)
    signed_in.press("/logout")
    sign_in(signed_in, ann.email)

    use_key(signed_in, copy)

    assert (signed_in.path, signed_in.status) == ("/login/second-factor", 400)
    assert "there may be a copy of it" in signed_in.problem
    assert events_of(ann)[-1] == ("sign_count_regressed", "invalid-code", "webauthn")


def test_confirming_with_a_key(signed_in: Screen, key: Key, home: ServedWorld):
    """
    Half an hour later who wants to remove a key confirms with it, and then is where they wanted to be.
    """
    register_key(signed_in, Key(), "Red key")
    home.clock.forward(minutes=30)

    signed_in.open("/security/keys")
    signed_in.follow("/security/keys/")
    asked = signed_in.path
    use_key(signed_in, key)

    assert asked == "/security/confirm"
    assert signed_in.title.startswith("Remove")


def test_turning_it_off_with_a_key(signed_in: Screen, key: Key):
    """
    A key makes new backup codes, and turns two-factor authentication off.
    """
    signed_in.open("/security/backup-codes")
    use_key(signed_in, key)
    codes = codes_on(signed_in)
    signed_in.open("/security/disable")
    use_key(signed_in, key)

    assert len(codes) == 10
    assert "Two-factor authentication is off" in signed_in.text


def test_without_a_script(window: Callable[..., Screen], signed_in: Screen, key: Key, ann: Person):
    """
    Where no script runs the page says that keys need one, and a backup code signs in.
    """
    screen = window(script=False)
    sign_in(screen, ann.email)

    assert "Keys need JavaScript" in screen.text
    assert screen.page.locator("a[href*='use=backup_code']").first.is_visible()
