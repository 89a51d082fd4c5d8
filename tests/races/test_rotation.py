"""G5 and G11 together: backup codes are used up while their seals are rewritten."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography.fernet import Fernet

from tests.races.crew import PROCESSES, Crew, move, told
from tests.races.people import People, Person
from tests.races.place import Place
from twofold import KeyRing, TwoFactorAuth
from twofold.core.backup_codes import TypedBackupCode
from twofold.core.rotation import resealed
from twofold.core.sealing import Purpose
from twofold.errors import CannotOpen
from twofold.service.ports import Transaction

AT_ONCE = 18
"""People who use a backup code while the rotation goes over them, two codes each."""
ROUNDS = 10
"""At most; the naive rotation loses most races at once."""

Rotate = Callable[[TwoFactorAuth, list[str]], None]


@pytest.fixture
def people(place: Place, fresh_place: Callable[..., Place], people_of: Callable[[Place], People]) -> People:
    """On a database of their own: a rotation leaves nobody's values alone."""
    return people_of(fresh_place(place.kind))


def test_no_used_backup_code_comes_back(crew: Crew, people: People):
    """
    Of thirty-six backup codes that are used while four processes rotate the keys, every one stays used up.
    """
    everybody, outcomes, entries = _race(crew, people, rotate)

    assert outcomes == Counter({"success": PROCESSES + 2 * AT_ONCE})
    assert [_remaining(people, person, entries) for person in everybody] == [8] * AT_ONCE


def test_a_naive_rotation_brings_used_backup_codes_back(crew: Crew, people: People):
    """
    A rotation that stores what it has read, whatever stands there by now, brings used backup codes back.
    """

    def lost() -> bool:
        everybody, _, entries = _race(crew, people, rotate_naively)
        return any(_remaining(people, person, entries) > 8 for person in everybody)

    assert any(lost() for _ in range(ROUNDS))


def _race(crew: Crew, people: People, rotation: Rotate) -> tuple[list[Person], Counter[str], list[str]]:
    everybody = [people.enrolled() for _ in range(AT_ONCE)]
    entries = [Fernet.generate_key().decode(), people.place.key]
    moves = [move(rotation, entries) for _ in range(PROCESSES)]
    moves += [move(burn, entries, person.user_id, code) for person in everybody for code in person.backup_codes[:2]]
    return everybody, told(crew.race(people.place, moves)), entries


def rotate(auth: TwoFactorAuth, entries: list[str]) -> None:
    auth.keys = KeyRing(entries)
    auth.keys_in_use.rotate()


def rotate_naively(auth: TwoFactorAuth, entries: list[str]) -> None:
    keys = KeyRing(entries)
    for row in auth.store.read(lambda tx: tx.sealed_elsewhere(keys.key_ids[0], after=None, at_most=1000)):
        try:
            pair = resealed(row, keys).changes.get(Purpose.BACKUP_CODES)
        except CannotOpen:  # of the round before
            continue

        def work(tx: Transaction) -> None:
            enrollment = tx.lock(row.user_id)  # noqa: B023 - run at once
            tx.save(replace(enrollment, backup_codes=pair[1]) if pair else enrollment)  # noqa: B023

        auth.store.transact(work)


def burn(auth: TwoFactorAuth, entries: list[str], user_id: int, code: TypedBackupCode) -> None:
    auth.keys = KeyRing(entries)
    auth.backup_codes.burn(user_id, code)


def _remaining(people: People, person: Person, entries: list[str]) -> int:
    auth = people.auth()
    auth.keys = KeyRing(entries)
    return auth.enrollment.status(person.user_id).backup_codes_remaining
