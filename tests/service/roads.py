"""The roads on which a proof is given, and every other use case of one user."""

from collections.abc import Callable
from secrets import token_hex
from typing import Any

from tests.service.people import Person
from twofold.core.totp import TypedCode

CodeRoad = Callable[[Person, TypedCode], Any]
Case = Callable[[Person], Any]

CODE_ROADS: dict[str, CodeRoad] = {
    "verify": lambda person, code: person.auth.totp.verify(person.user_id, code),
    "verify_totp_code": lambda person, code: person.auth.verify_totp_code(person.user_id, code.text),
    "begin": lambda person, code: person.auth.sign_in.begin(person.user_id, code.text),
    "finish": lambda person, code: person.auth.sign_in.finish(person.begin().sign_in_token, code),
    "prove": lambda person, code: person.auth.step_up.prove(person.user_id, "a session", code),
    "require": lambda person, code: person.auth.step_up.require(person.user_id, token_hex(8), code=code.text),
    "regenerate": lambda person, code: person.auth.backup_codes.regenerate(person.user_id, code),
    "disable": lambda person, code: person.auth.enrollment.disable(person.user_id, code),
}
"""Every road of a TOTP code of somebody enrolled, with its name."""


def with_what_the_phone_shows(road: CodeRoad) -> Case:
    return lambda person: road(person, person.code())


CASES: dict[str, Case] = {
    **{name: with_what_the_phone_shows(road) for name, road in CODE_ROADS.items()},
    "begin without a code": lambda person: person.auth.sign_in.begin(person.user_id),
    "burn": lambda person: person.auth.backup_codes.burn(person.user_id, person.backup_code()),
    "set_up": lambda person: person.auth.totp.set_up(person.user_id, replace=True),
    "confirm": lambda person: person.auth.totp.confirm(person.user_id, person.code()),
    "state": lambda person: person.auth.sessions.state(person.user_id, "a session"),
    "status": lambda person: person.auth.enrollment.status(person.user_id),
    "password_changed": lambda person: person.auth.password_changed(person.user_id),
}
"""Every use case that begins with a user id, and a few that do not, with its name."""
