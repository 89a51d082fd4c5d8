"""What happened and what went wrong, in words: each kind has some, and each says what to do next."""

import re
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twofold import errors
from twofold.core.events import SUCCESS, UNREADABLE, EventKind
from twofold.core.factors import Factor
from twofold.core.totp import typed_code
from twofold.fastapi.errors import KINDS, SLUG_OF_STATUS, Problem
from twofold.service.events import ListedEvent
from twofold.web.words import (
    EVENTS,
    EVENTS_OF_OTHERS,
    PAGE_TEXTS,
    TITLES,
    UNKNOWN_EVENT,
    Told,
    error_words,
    event_words,
    event_words_of_others,
    method_words,
    told,
)

MOMENT = datetime(2026, 11, 27, tzinfo=UTC)


def english(text: str) -> str:
    return text


def happened(kind: str, outcome: str | None = SUCCESS, factor: str | None = None) -> str:
    return event_words(english, ListedEvent("1", kind, MOMENT, outcome, factor, None, None))


@pytest.mark.parametrize("kind", [*EventKind, UNREADABLE])
def test_each_kind_has_words(kind: str):
    """
    Every kind of event has a sentence.
    """
    assert happened(kind) not in {UNKNOWN_EVENT, kind}
    assert happened(kind).endswith(".")


@pytest.mark.parametrize("event", EVENTS)
def test_an_admin_is_told_of_somebody_else(event: tuple[str, ...]):
    """
    What an admin reads of another user's events speaks to nobody.
    """
    kind, *more = event
    outcome = next((each for each in more if each not in set(Factor)), SUCCESS)
    factor = next((each for each in more if each in set(Factor)), None)

    words = event_words_of_others(english, kind, outcome, factor)

    assert words.endswith(".")
    assert not {"you", "your", "yours"} & set(re.findall("[a-z]+", words.lower()))


def test_words_are_of_kinds():
    """
    No sentence stands there for a kind, an outcome or a factor that there is none of.
    """
    known = {*KINDS, *Factor}

    assert {key[0] for key in EVENTS} == {*EventKind, UNREADABLE}
    assert set(EVENTS_OF_OTHERS) <= set(EVENTS)
    assert {part for key in EVENTS for part in key[1:]} <= known


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (("signed_in", SUCCESS, "totp"), "You signed in with your authenticator app."),
        (("signed_in", SUCCESS, "backup_code"), "You signed in with a backup code."),
        (("signed_in", SUCCESS, None), "You signed in with your password alone."),
        (("signed_in", SUCCESS, "carrier_pigeon"), "You signed in with your password alone."),
        (("password_accepted", SUCCESS, None), "Somebody who knows your password was asked for a second factor."),
        (("password_refused", "sign-in-failed", None), "A wrong password was typed."),
        (("password_refused", "locked", None), "Somebody tried to sign in while your account had to wait."),
        (("code_refused", "invalid-code", "totp"), "A wrong code was typed."),
        (("code_refused", "invalid-code", "backup_code"), "A wrong backup code was typed."),
        (("code_refused", "invalid-code", "webauthn"), "A key was refused."),
        (("code_refused", "already-registered", "webauthn"), "A key was refused."),
        (("code_refused", "code-already-used", "totp"), "A code was typed that had been used already."),
        (("code_refused", "a-new-outcome", "totp"), "A code was refused."),
        (("unreadable", None, None), "This entry cannot be read."),
        (("of_a_newer_version", SUCCESS, None), UNKNOWN_EVENT),
    ],
)
def test_events(event: tuple[str, str | None, str | None], words: str):
    """
    An event is told by its kind, and by outcome and factor where they make a difference.
    """
    assert happened(*event) == words


@given(st.text(), st.none() | st.text(), st.none() | st.text())
def test_nothing_raises(kind: str, outcome: str | None, factor: str | None):
    """
    Whatever another version wrote has a sentence.
    """
    assert happened(kind, outcome, factor)


@pytest.mark.parametrize("method", list(Factor))
def test_methods(method: Factor):
    """
    Each factor has a name.
    """
    assert method_words(english, method) != method


def fault_of(check: Any, *given: Any) -> errors.TwofoldError:
    with pytest.raises(errors.TwofoldError) as caught:
        check(*given)
    return caught.value


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (errors.InvalidCode(), Told("invalid-code", errors.InvalidCode.detail)),
        (errors.RateLimited(900), Told("rate-limited", errors.RateLimited.detail, wait=900)),
        (
            errors.Locked(MOMENT + timedelta(seconds=30), 30, ["webauthn"]),
            Told("locked", errors.Locked.detail, wait=30),
        ),
        (
            fault_of(typed_code, "12345", 6),
            Told("invalid-request", "A code has 6 digits.", {"code": "A code has 6 digits."}),
        ),
        (
            errors.Locked(MOMENT + timedelta(seconds=30), 30),
            Told("locked", "Too many wrong codes. Wait before you try again.", wait=30),
        ),
        (Problem("not-found", "There is no such shop."), Told("not-found", "There is no such shop.")),
        (Problem("not-found", "Not Found"), Told("not-found", PAGE_TEXTS["not-found"])),
        (
            Problem("rate-limited", "Too Many Requests", headers={"Retry-After": "Fri, 27 Nov 2026 22:00:00 GMT"}),
            Told("rate-limited", errors.RateLimited.detail),
        ),
    ],
)
def test_told(error: errors.TwofoldError | Problem, expected: Told):
    """
    An error is told by its own text, with each field that it concerns and how long one has to wait.
    """
    assert told(english, error) == expected


def test_a_form_with_faults():
    """
    Where fields have faults, one is sent to them; what speaks to programs is said to people.
    """
    missing = {"field": "email", "message": "Field required"}
    foreign = {"field": "", "message": "There is a field that does not belong here."}
    long = {"field": "password", "message": "String should have at most 1024 characters"}
    answer = told(english, errors.InvalidRequest(errors=[missing, foreign, long]))

    assert answer.errors == {"email": "Fill this in.", "password": "Write at most 1024 characters."}
    assert answer.text.endswith("Look at what is marked, and send it again.")


@pytest.mark.parametrize("error", [errors.InvalidCode, errors.CodeAlreadyUsed, errors.FactorDisabled])
def test_a_backup_code_is_not_in_the_app(error: type[errors.TwofoldError]):
    """
    Who typed a backup code is not told to wait for the next one in the app.
    """
    answer = told(english, error(), Factor.BACKUP_CODE)

    assert answer.text != error.detail
    assert "ackup code" in answer.text


def test_each_error_has_a_title():
    """
    Every row of the table of errors has a title.
    """
    assert set(TITLES) == set(KINDS)


@pytest.mark.parametrize("status", [*SLUG_OF_STATUS, 500])
def test_a_bare_status_says_what_to_do(status: int):
    """
    Where the framework knows only a name for what went wrong, the page still says what to do next.
    """
    phrase = HTTPStatus(status).phrase
    title, text = error_words(english, Problem(SLUG_OF_STATUS.get(status, "error"), phrase, status=status))

    assert phrase not in {title, text}
    assert text.endswith(".")


def test_what_somebody_wrote_for_it_is_said():
    """
    A text that was written for just this error stands on its page.
    """
    assert error_words(english, errors.Forbidden("Registration is closed."))[1] == "Registration is closed."
    assert error_words(english, errors.NoSetupPending())[1] == errors.NoSetupPending.detail
