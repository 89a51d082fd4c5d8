"""Codes that were shown once: neither going back nor loading the page again brings them back."""

from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from playwright.sync_api import Browser, Error

from tests.browser.acts import codes_on, keep_codes, set_up, sign_in
from tests.browser.chromium import launched
from tests.browser.phone import Phone
from tests.browser.screen import Screen
from tests.http.running import ServedWorld

TWO = ("desktop", "small-phone-without-script")
in_two_windows = pytest.mark.parametrize("screen", TWO, indirect=True)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One that keeps pages to go back to, as people's browsers do; Playwright's usual ones do not."""
    with launched(ignore_default_args=["--disable-back-forward-cache"]) as browser:
        yield browser


NOW = "[location.pathname, document.body.dataset.left ?? '', document.body.innerText]"


def gone_back(screen: Screen) -> str:
    """What is to be read on the page before, as the browser's button shows it, whether anew or as it was kept."""
    left = screen.page.evaluate("document.body.dataset.left = location.pathname")
    screen.page.evaluate("history.back()")
    for _ in range(100):
        screen.page.wait_for_timeout(50)
        with suppress(Error):  # Between two pages there is none.
            here, mark, text = screen.page.evaluate(NOW)
            if (here, mark) != (left, left):
                return str(text)
    pytest.fail("The browser did not go back.")


def test_this_browser_keeps_pages(window: Callable[..., Screen]):
    """
    A page that was left is kept as it was, and shown so when somebody goes back: else the tests below prove nothing.
    """
    screen = window(script=False)
    screen.open("/login")
    screen.field("email").fill("Ann was here")
    screen.page.evaluate("document.body.append(document.querySelector('[name=email]').value)")

    screen.open("/register")

    assert "Ann was here" in gone_back(screen)


@in_two_windows
def test_going_back_to_the_first_codes(screen: Screen, home: ServedWorld, phone: Phone):
    """
    Who has kept the codes of the set-up, gone on and goes back sees none of them again.
    """
    sign_in(screen, home.registered().email)
    codes = set_up(screen, phone)
    keep_codes(screen)

    text = gone_back(screen)

    assert len(codes) == 10
    assert [code for code in codes if code in text] == []


@in_two_windows
def test_going_back_to_new_codes(screen: Screen, home: ServedWorld, phone: Phone):
    """
    The same of codes that were made anew.
    """
    sign_in(screen, home.registered().email)
    set_up(screen, phone)
    screen.open("/security/backup-codes")
    screen.send(code=phone.next_code())
    codes = codes_on(screen)
    keep_codes(screen)

    text = gone_back(screen)

    assert len(codes) == 10
    assert [code for code in codes if code in text] == []


@in_two_windows
def test_loading_the_page_again(screen: Screen, home: ServedWorld, phone: Phone):
    """
    Who loads the page of new codes again sends its form again: that is refused, shows no code, and the codes still
    work.
    """
    email = home.registered().email
    sign_in(screen, email)
    set_up(screen, phone)
    screen.open("/security/backup-codes")
    screen.send(code=phone.next_code())
    codes = codes_on(screen)

    screen.page.reload()
    again = (screen.status, codes_on(screen), screen.problem)
    screen.context.clear_cookies()
    sign_in(screen, email)
    screen.follow("/login/second-factor?use=backup_code")
    screen.send(backup_code=codes[9])

    assert again == (400, [], "That code was used already. Wait for the next one.")
    assert screen.path == "/security"


@in_two_windows
def test_going_back_after_signing_out(screen: Screen, home: ServedWorld):
    """
    Who signs out and goes back finds the page of signing in, and nothing of the account.
    """
    email = home.registered().email
    sign_in(screen, email)
    screen.open("/security")
    screen.press("/logout")

    text = gone_back(screen)

    assert email not in text
    assert "Password" in text
