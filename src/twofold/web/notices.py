"""What a page says of the form that led to it: a word travels in a cookie, and only this table makes a text of it."""

from gettext import NullTranslations

from twofold.web.languages import msgid

NOTICES = {
    "registered": msgid("Your account is there. Sign in."),
    "signed-out": msgid("You are signed out."),
    "sign-in-ended": msgid(
        "This sign-in took too long, or something changed meanwhile. Start again with your password."
    ),
    "app-replaced": msgid("Your new authenticator app is on, the old one off. Your backup codes stay as they are."),
    "app-added": msgid("Your authenticator app is on. Your backup codes stay as they are."),
    "disabled": msgid("Two-factor authentication is off. You are signed out everywhere else."),
    "already-on": msgid("Two-factor authentication is on already."),
    "not-on": msgid("Two-factor authentication is not on. Set it up first."),
    "no-set-up": msgid("No set-up is waiting for a code any more. Start it again."),
    "key-added": msgid("The key is registered. You are signed out everywhere else."),
    "key-renamed": msgid("The key has its new name."),
    "key-removed": msgid("The key is removed. You are signed out everywhere else."),
    "session-ended": msgid("That session has ended."),
    "sessions-ended": msgid("All other sessions have ended."),
    "no-such-session": msgid("That session had ended already."),
    "confirmed": msgid("Thank you: it is confirmed that it is you."),
    "reset": msgid("The second factor is removed. All sessions of this account have ended."),
    "nothing-to-reset": msgid("There was no second factor to remove."),
    "unlocked": msgid("The wait is over: codes can be typed again."),
    "password-changed": msgid("Your password is changed. Sign in with the new one."),
    "left": msgid("Your account is deleted, with everything that was kept about it."),
}
"""By their words."""

WARNINGS = {"sign-in-ended", "already-on", "not-on", "no-set-up", "no-such-session", "nothing-to-reset"}
"""Those that tell of nothing that was done."""

CODES_LEFT = "codes-left-"
"""Before a number: how many backup codes are left, after one has signed somebody in."""


def notice_words(translations: NullTranslations, word: str | None) -> str | None:
    """The text of a word, in the page's language; nothing where it is none of ours."""
    if word is None:
        return None
    number = word.removeprefix(CODES_LEFT)
    if number != word and number.isascii() and number.isdigit() and len(number) <= 3:  # noqa: PLR2004 - far fewer
        left = int(number)
        text = translations.ngettext(
            "That backup code is used up; %(number)s is left.",
            "That backup code is used up; %(number)s are left.",
            left,
        )
        return text % {"number": left}
    return translations.gettext(NOTICES[word]) if word in NOTICES else None
