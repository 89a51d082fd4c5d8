"""The whole story on the pages: at a desk and on a phone, with JavaScript and without."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.browser.acts import codes_on, keep_codes, set_up, sign_in
from tests.browser.phone import Phone
from tests.browser.screen import Screen
from tests.http.running import ServedWorld
from tests.http.world import PASSWORD

TWO = ("desktop", "small-phone-without-script")
in_two_windows = pytest.mark.parametrize("screen", TWO, indirect=True)
ON, OFF = "Two-factor authentication is on", "Two-factor authentication is off"
WRONG = "That code is not right. Wait for the next one in your authenticator app and type it in."


@pytest.fixture
def ann(home: ServedWorld) -> str:
    """The address of somebody with a password and nothing else."""
    return home.registered().email


@pytest.fixture
def codes(screen: Screen, ann: str, phone: Phone) -> list[str]:
    """Her backup codes: she has set the phone up on this screen a moment ago."""
    sign_in(screen, ann)
    codes = set_up(screen, phone)
    keep_codes(screen)
    return codes


def test_from_the_first_page_to_the_second_factor(screen: Screen, home: ServedWorld, phone: Phone):
    """
    Somebody makes an account, signs in, scans the picture on the screen, mistypes a code and then types the right one,
    keeps ten backup codes, and from then on signs in with a code.
    """
    email = home.stranger()

    screen.open("/")
    first = screen.path
    screen.follow("/register")
    screen.send(email=email, password=PASSWORD)
    registered = (screen.path, screen.notice)
    screen.send(email=email, password=PASSWORD)
    before = screen.text
    screen.follow("/security/setup")
    screen.press("/security/setup")
    phone.scan(screen.page)
    screen.send(code=phone.wrong_code())
    mistyped = (screen.status, screen.problem)
    screen.send(code=phone.code())
    codes = codes_on(screen)
    keep_codes(screen)
    after = (screen.path, screen.text)
    screen.press("/logout")
    signed_out = (screen.path, screen.notice)
    sign_in(screen, email)
    halfway = screen.path
    screen.send(code=phone.next_code())

    assert (first, registered) == ("/login", ("/login", "Your account is there. Sign in."))
    assert OFF in before
    assert mistyped == (400, WRONG)
    assert len(set(codes)) == 10
    assert after[0] == "/security"
    assert ON in after[1]
    assert "10 backup codes left" in after[1]
    assert signed_out == ("/login", "You are signed out.")
    assert (halfway, screen.path) == ("/login/second-factor", "/security")


def test_the_codes_are_kept_before_going_on(screen: Screen, ann: str, phone: Phone):
    """
    Nobody goes on from the backup codes without saying that they are kept.
    """
    sign_in(screen, ann)
    set_up(screen, phone)
    checkbox = screen.page.get_by_role("checkbox")

    screen.page.locator("form", has=checkbox).locator("button").click()
    held_back = (screen.path, len(codes_on(screen)))
    keep_codes(screen)

    assert held_back == ("/security/setup/verify", 10)
    assert screen.path == "/security"


@in_two_windows
def test_a_backup_code_in_place_of_the_phone(screen: Screen, codes: list[str], ann: str):
    """
    Whose phone is not at hand finds the way to a backup code, which works once, and is told how many are left.
    """
    told = []
    for code in (codes[0], codes[0], codes[1].lower().replace("-", "")):
        screen.context.clear_cookies()
        sign_in(screen, ann)
        screen.follow("/login/second-factor?use=backup_code")
        screen.send(backup_code=code)
        told.append((screen.path, screen.notice or screen.problem))

    assert told == [
        ("/security", "That backup code is used up; 9 are left."),
        ("/login/second-factor", "That backup code was used already. Take another one from your list."),
        ("/security", "That backup code is used up; 8 are left."),
    ]


def test_the_wait_after_five_wrong_codes(screen: Screen, home: ServedWorld):
    """
    After five wrong codes typed codes have to wait, and a page says for how long; then the right one signs in.
    """
    person = home.enrolled()
    phone = Phone(home.clock, f"otpauth://totp/x?secret={person.secret}")
    sign_in(screen, person.email)

    statuses = []
    for _ in range(5):
        screen.send(code=phone.wrong_code())
        statuses.append(screen.status)
    waits = "You can try again in" in screen.text
    home.clock.forward(seconds=30)
    screen.open("/login/second-factor")
    screen.send(code=phone.next_code())

    assert statuses == [400] * 5
    assert waits
    assert screen.path == "/security"


@in_two_windows
def test_step_up(screen: Screen, codes: list[str], home: ServedWorld, phone: Phone):
    """
    Half an hour later who wants to move to another phone is asked for the present one's code first, and then is where
    they wanted to be.
    """
    home.clock.forward(minutes=30)

    screen.open("/security/setup")
    asked = (screen.path, screen.title)
    screen.send(code=phone.code())

    assert asked == ("/security/confirm", "Confirm that it is you")
    assert (screen.path, screen.title) == ("/security/setup", "Move to another phone or app")


@in_two_windows
def test_another_phone(screen: Screen, codes: list[str], ann: str, home: ServedWorld, phone: Phone):
    """
    Who moves to a new phone signs in with that one from then on, and with the old one no more.
    """
    new_phone = Phone(home.clock)

    set_up(screen, new_phone)
    moved = (screen.path, screen.notice)
    screen.press("/logout")
    sign_in(screen, ann)
    screen.send(code=phone.next_code())
    refused = screen.problem
    screen.send(code=new_phone.next_code())

    assert moved[0] == "/security"
    assert moved[1].startswith("Your new authenticator app is on")
    assert refused == WRONG
    assert screen.path == "/security"


@in_two_windows
def test_new_backup_codes(screen: Screen, codes: list[str], ann: str, phone: Phone):
    """
    A code from the app makes ten new backup codes, and the old ones work no more.
    """
    screen.open("/security/backup-codes")
    screen.send(code=phone.next_code())
    new = codes_on(screen)
    keep_codes(screen)
    told = []
    for code in (codes[0], new[0]):
        screen.context.clear_cookies()
        sign_in(screen, ann)
        screen.follow("/login/second-factor?use=backup_code")
        screen.send(backup_code=code)
        told.append(screen.path)

    assert len(set(codes) | set(new)) == 20
    assert told == ["/login/second-factor", "/security"]


@in_two_windows
def test_turning_it_off(screen: Screen, codes: list[str], ann: str, phone: Phone):
    """
    A code turns two-factor authentication off, a wrong one does not; from then on the password alone signs in.
    """
    screen.open("/security/disable")
    screen.send(code=phone.wrong_code())
    refused = (screen.path, screen.status, screen.problem)
    screen.send(code=phone.next_code())
    off = (screen.path, OFF in screen.text)
    screen.press("/logout")
    sign_in(screen, ann)

    assert refused == ("/security/disable", 400, WRONG)
    assert off == ("/security", True)
    assert screen.path == "/security"


@in_two_windows
def test_sessions(screen: Screen, window: Callable[..., Screen], ann: str):
    """
    Who finds a session in the list that should not be there ends it, and it is over.
    """
    elsewhere = window(user_agent="Mozilla/5.0 Elsewhere")
    for each in (screen, elsewhere):
        sign_in(each, ann)

    screen.open("/security/sessions")
    listed = "Elsewhere" in screen.text
    screen.press("/end")
    elsewhere.open("/security")

    assert listed
    assert (screen.path, screen.notice) == ("/security/sessions", "That session has ended.")
    assert "Elsewhere" not in screen.text
    assert elsewhere.path == "/login"


@in_two_windows
def test_activity(screen: Screen, codes: list[str], phone: Phone):
    """
    What has happened stands in the list in words, the newest first, a refusal among it.
    """
    screen.open("/security/backup-codes")
    screen.send(code=phone.wrong_code())

    screen.open("/security/activity")
    lines = screen.page.locator("ol.log li").all_inner_texts()

    assert "A wrong code was typed." in lines[0]
    assert any("An authenticator app was set up." in line for line in lines)


@in_two_windows
def test_a_clock_that_is_off(screen: Screen, ann: str, phone: Phone):
    """
    At the set-up, a phone whose clock is off is told so; a code of it sets nothing up.
    """
    sign_in(screen, ann)
    screen.open("/security/setup")
    screen.press("/security/setup")
    phone.scan(screen.page)

    screen.send(code=phone.code(ahead=timedelta(seconds=75).total_seconds()))

    assert screen.status == 400
    assert "fast" in screen.problem
    assert screen.path == "/security/setup/verify"
