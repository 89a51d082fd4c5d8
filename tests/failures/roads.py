"""Every way in, with what would succeed there, and with a wrong code."""

from collections.abc import Callable

from httpx2 import Response

from tests.http.victim import ACCOUNT, FINISH, LOGIN, SESSION, Victim
from tests.http.world import PASSWORD

READING = {"session", "status"}
"""Those that need not write."""


def roads_of(victim: Victim) -> dict[str, Callable[[], Response]]:
    """Every way in, with what would succeed, and a wrong code."""
    person, world = victim.person, victim.world
    token, code, backup_code = victim.sign_in_token, person.code(), person.backup_codes[0]
    return {
        "session": lambda: world.get(SESSION, headers=person.bearer),
        "status": lambda: person.get("/status"),
        "password": lambda: world.post(LOGIN, json=person.password),
        "password and code": lambda: world.post(LOGIN, json=person.password, headers={"X-TOTP-Code": code}),
        "sign-in": lambda: world.post(FINISH, json={"sign_in_token": token, "code": code}),
        "sign-in by backup code": lambda: world.post(FINISH, json={"sign_in_token": token, "backup_code": backup_code}),
        "step-up": lambda: person.post("/step-up", {"code": code}),
        "wrong code": lambda: person.post("/step-up", {"code": person.wrong_code()}),
        "set-up": lambda: person.post("/setup", {"replace": True}),
        "verify": lambda: person.post("/verify", {"code": victim.new_code}),
        "disable": lambda: person.post("/disable", {"code": code}),
        "backup codes": lambda: person.post("/backup-codes", {"code": code}),
        "leave": lambda: world.request("DELETE", ACCOUNT, json={"password": PASSWORD}, headers=person.bearer),
    }
