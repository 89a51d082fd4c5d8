"""What errors say in German, with the numbers that floors without a language have filled in."""

from typing import Any

import pytest

from app.models.user import password_faults
from catalogues.sentences import APP
from twofold import errors
from twofold.core.backup_codes import typed_backup_code
from twofold.core.factors import Factor
from twofold.core.totp import typed_code
from twofold.core.webauthn import key_name
from twofold.web.languages import Languages
from twofold.web.words import TITLES, method_words, told

GERMAN = Languages().of("de").translations.gettext
IN_THE_BACKEND = Languages(APP.locale).of("de").translations.gettext
LET_IT = "Lassen Sie das Telefon seine Zeit selbst stellen und geben Sie den nächsten Code ein."


def fault_of(check: Any, *given: Any) -> errors.TwofoldError:
    with pytest.raises(errors.TwofoldError) as caught:
        check(*given)
    return caught.value


@pytest.mark.parametrize(
    ("error", "german"),
    [
        (fault_of(typed_code, "12345", 6), "Ein Code hat 6 Ziffern."),
        (fault_of(typed_code, "12345", 8), "Ein Code hat 8 Ziffern."),
        (fault_of(typed_backup_code, "x"), "Ein Backup-Code hat 24 Buchstaben und Ziffern."),
        (errors.ClockOff(70), f"Die Uhr Ihres Telefons geht etwa 70 Sekunden vor. {LET_IT}"),
        (errors.ClockOff(-60), f"Die Uhr Ihres Telefons geht etwa 60 Sekunden nach. {LET_IT}"),
        (fault_of(key_name, ""), "Geben Sie dem Schlüssel einen Namen von 1 bis 64 Zeichen in einer Zeile."),
    ],
)
def test_numbers_in_german(error: errors.TwofoldError, german: str):
    """
    A text of the core, with its numbers in it, is told in German.
    """
    assert told(GERMAN, error).text == german


ERRORS = [
    error
    for error in vars(errors).values()
    if isinstance(error, type)
    and issubclass(error, errors.TwofoldError)
    and not issubclass(error, errors.ConfigurationError)
]


@pytest.mark.parametrize("error", ERRORS)
def test_each_error_is_told_in_german(error: type[errors.TwofoldError]):
    """
    The text of every error class is in the catalogue.
    """
    assert GERMAN(error.detail) != error.detail


def test_titles_and_methods():
    """
    Every title of an error and every name of a factor is in the catalogue.
    """
    assert {title for title in TITLES.values() if GERMAN(title) == title} == set()
    assert {method for method in Factor if method_words(GERMAN, method) == method_words(str, method)} == set()


def test_a_host_has_its_own():
    """
    What the backend says of a password, with its number, is in the backend's catalogue, beside all that is in ours.
    """
    error = errors.InvalidRequest(errors=password_faults("short", "password"))

    assert told(IN_THE_BACKEND, error).errors == {"password": "Wählen Sie ein Passwort von mindestens 8 Zeichen."}
    assert IN_THE_BACKEND("A code has 6 digits.") == "Ein Code hat 6 Ziffern."
    assert GERMAN("Registration is closed.") != IN_THE_BACKEND("Registration is closed.")
