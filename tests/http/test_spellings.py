"""Addresses that a database finds equal, and the limits do not."""

import pytest
from sqlalchemy import text

from tests.http.problems import slug_of
from tests.http.victim import LOGIN
from tests.http.world import PASSWORD, in_process, settings_for
from twofold.core.policy import RECOMMENDED


@pytest.mark.parametrize("spelling", ["\u00e3nn@\u00e9xample.com", "Ann@Example.com ", "ANN@EXAMPLE.COM"])
def test_another_spelling_is_nobody_or_the_same(fresh_place, key, spelling):
    """
    On a table that was there before, whose collation knows no accents, an accented spelling opens no account, for it
    would have counts of its own; how letters are cased matters to neither.
    """
    place = fresh_place("mariadb")
    with in_process(place, settings_for(place, key, policy=RECOMMENDED)) as world:
        person = world.registered()
        world.execute(text("ALTER TABLE users MODIFY email VARCHAR(254) COLLATE utf8mb4_general_ci NOT NULL"))
        world.execute(text(f"UPDATE users SET email = 'ann@example.com' WHERE id = {person.id}"))
        answer = world.post(LOGIN, json={"email": spelling, "password": PASSWORD})

    if spelling.isascii():
        assert answer.json()["status"] == "signed_in"
    else:
        assert slug_of(answer) == "sign-in-failed"
