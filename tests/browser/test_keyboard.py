"""Everything by keyboard, and the focus where the next thing is to be done."""

from collections.abc import Callable

import pytest

from tests.browser.acts import codes_on, sign_in
from tests.browser.phone import Phone
from tests.browser.screen import Screen
from tests.http.running import ServedWorld
from tests.http.world import PASSWORD

by_keyboard = pytest.mark.parametrize("screen", ["desktop", "desktop-without-script"], indirect=True)
FOCUS_TRIES = 40


def tab_to(screen: Screen, name: str) -> None:
    """Press Tab until what is called so has the focus, which can be seen there."""
    for _ in range(FOCUS_TRIES):
        if screen.focus == name:
            assert screen.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
            return
        screen.page.keyboard.press("Tab")
    pytest.fail(f"Tab does not lead to {name}.")


def enter(screen: Screen) -> None:
    with screen.leaves():
        screen.page.keyboard.press("Enter")


@by_keyboard
def test_signing_in_and_setting_up(screen: Screen, home: ServedWorld, phone: Phone):
    """
    Signing in and the whole set-up are done with the keyboard alone.
    """
    email, keyboard = home.registered().email, screen.page.keyboard

    screen.open("/login")
    at_first = screen.focus
    keyboard.type(email)
    tab_to(screen, "password")
    keyboard.type(PASSWORD)
    enter(screen)
    tab_to(screen, "Turn it on")
    enter(screen)
    tab_to(screen, "Start")
    enter(screen)
    phone.scan(screen.page)
    tab_to(screen, "code")
    if screen.script:
        with screen.leaves():
            keyboard.type(phone.code())
    else:
        keyboard.type(phone.code())
        enter(screen)
    codes = codes_on(screen)
    tab_to(screen, "I have kept these codes")
    keyboard.press("Space")
    tab_to(screen, "Continue")
    enter(screen)

    assert at_first == "email"
    assert len(codes) == 10
    assert "Two-factor authentication is on" in screen.text


@by_keyboard
def test_the_way_past_the_navigation(screen: Screen, home: ServedWorld):
    """
    The first thing that Tab reaches leads past what every page has.
    """
    sign_in(screen, home.registered().email)

    screen.page.keyboard.press("Tab")
    first = screen.focus
    screen.page.keyboard.press("Enter")
    screen.page.keyboard.press("Tab")

    assert first == "Skip to the content"
    assert screen.page.evaluate("document.querySelector('main').contains(document.activeElement)")


@by_keyboard
def test_the_focus_is_at_the_fault(screen: Screen, home: ServedWorld):
    """
    After a form was refused the focus is in the field with the fault, which says what is wrong with it; or, where no
    single field is at fault, at what went wrong.
    """
    seen = {}
    screen.open("/register")
    screen.send(email=home.stranger(), password="password")
    seen["register"] = (screen.focus, screen.description)
    screen.open("/login")
    screen.send(email=home.stranger(), password="wrong horse")
    seen["login"] = (screen.focus, screen.description)
    person = home.enrolled()
    sign_in(screen, person.email)
    screen.send(code=person.wrong_code())
    seen["code"] = (screen.focus, screen.description)

    assert seen["register"][0] == "password"
    assert "password" in seen["register"][1]
    assert seen["login"][0] == "problem"
    assert seen["code"][0] == "code"
    assert "That code is not right." in seen["code"][1]


def test_the_focus_is_at_the_first_field(window: Callable[..., Screen], home: ServedWorld):
    """
    A page with one thing to fill in has the focus there.
    """
    screen, person = window(), home.enrolled()
    found = []
    for path in ("/login", "/register"):
        screen.open(path)
        found.append(screen.focus)
    sign_in(screen, person.email)
    found.append(screen.focus)
    screen.follow("/login/second-factor?use=backup_code")
    found.append(screen.focus)

    assert found == ["email", "email", "code", "backup_code"]
