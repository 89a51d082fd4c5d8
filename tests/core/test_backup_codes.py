"""Backup codes: their strength, how forgivingly they are read, how they are stored."""

import hashlib
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twofold.core.backup_codes import (
    ALPHABET,
    BackupCodes,
    TypedBackupCode,
    digest_of,
    new_backup_codes,
    stored_backup_codes,
    typed_backup_code,
)
from twofold.core.policy import RECOMMENDED
from twofold.errors import MalformedCode
from twofold.testing.clock import NOON

CODE = "0123-4567-89AB-CDEF-GHJK-MNPQ"
BARE = CODE.replace("-", "")

codes = st.text(ALPHABET, min_size=24, max_size=24)


@st.composite
def written_by_hand(draw):
    """A code, and one of the ways in which a person may write it down."""
    code = draw(codes)
    confused = {"0": "0oO", "1": "1iIlL"}
    letters = [draw(st.sampled_from(confused.get(letter, letter + letter.lower()))) for letter in code]
    separators = [draw(st.sampled_from(["", " ", "-", "  ", " - "])) for _ in range(25)]
    return code, "".join(separator + letter for separator, letter in zip(separators, [*letters, ""], strict=True))


def test_a_set_has_ten_codes_of_120_bits():
    """
    A set has ten codes, each of 24 characters out of 32: 120 bits, beyond the 112 that allow a plain approved hash.
    """
    fresh = new_backup_codes(RECOMMENDED)

    assert len(fresh) == 10
    assert {24} == {len(code.replace("-", "")) for code in fresh}
    assert len(set(ALPHABET)) == 32
    assert {True} == {set(code) <= {*ALPHABET, "-"} for code in fresh}


def test_codes_come_in_groups_of_four():
    """
    A code is shown in six groups of four, so that it can be read aloud.
    """
    fresh = new_backup_codes(RECOMMENDED)[0]

    assert [len(group) for group in fresh.split("-")] == [4] * 6


def test_no_two_codes_are_alike():
    """
    Among ten thousand codes none comes twice, and every place of a code takes every value.
    """
    many = [code.replace("-", "") for code in new_backup_codes(replace(RECOMMENDED, backup_codes=10_000))]

    assert len(set(many)) == 10_000
    assert [set(ALPHABET)] * 24 == [set(letters) for letters in zip(*many, strict=True)]


def test_a_fresh_code_is_read_as_it_was_shown():
    """
    Typing a code exactly as it was shown gives the code of the stored set, and no other of the set.
    """
    fresh = new_backup_codes(RECOMMENDED)
    stored = stored_backup_codes(fresh, "7")
    found = [stored.matching(digest_of(typed_backup_code(code), "7")) for code in fresh]

    assert list(stored.codes) == found


@given(written_by_hand())
def test_a_code_is_read_as_people_write_it(written):
    """
    Case, spaces, hyphens, `O` for 0 and `I`, `L` for 1 make no difference.
    """
    code, by_hand = written

    assert TypedBackupCode(code) == typed_backup_code(by_hand)


@pytest.mark.parametrize(
    "typed",
    [
        pytest.param("", id="empty"),
        pytest.param("123456", id="a code of the app"),
        pytest.param(BARE[:-1], id="one too few"),
        pytest.param(BARE + "0", id="one too many"),
        pytest.param(BARE[:-1] + "U", id="a letter that is none of them"),
        pytest.param(BARE[:-1] + "*", id="a check symbol"),
        pytest.param(BARE.replace("0", "\uff10"), id="a full-width digit"),
        pytest.param(BARE[:-1] + "\N{LATIN SMALL LETTER DOTLESS I}", id="a letter whose upper case is ASCII"),
        pytest.param(BARE[:-1] + "\N{LATIN SMALL LETTER LONG S}", id="another letter whose upper case is ASCII"),
        pytest.param(BARE[:-2] + "\N{LATIN SMALL LIGATURE FF}", id="a letter whose upper case is two of ASCII"),
        pytest.param(BARE + "\n", id="a newline behind"),
        pytest.param(BARE[:12] + "\t" + BARE[12:], id="a tab inside"),
        pytest.param(BARE[:12] + "\N{NO-BREAK SPACE}" + BARE[12:], id="a no-break space inside"),
        pytest.param(BARE[:12] + "\N{EN DASH}" + BARE[12:], id="an en dash inside"),
        pytest.param(BARE + "\0", id="a null behind"),
        pytest.param("0" * 10**6, id="a million zeros"),
        pytest.param(BARE + " " * 10**6, id="a million spaces behind"),
    ],
)
def test_what_cannot_be_a_backup_code_is_refused(typed):
    """
    Anything else is refused before it is compared with anything, and not echoed.
    """
    with pytest.raises(MalformedCode) as refusal:
        typed_backup_code(typed)

    assert str(refusal.value) == "A backup code has 24 letters and digits."
    assert refusal.value.errors == ({"field": "backup_code", "message": "A backup code has 24 letters and digits."},)


@given(typed=st.text(max_size=40))
def test_only_codes_of_the_alphabet_come_through(typed):
    """
    Whatever was typed is refused, or reads as 24 characters of the alphabet.
    """
    try:
        read = typed_backup_code(typed).text
    except MalformedCode:
        read = None

    assert read is None or (len(read) == 24 and set(read) <= set(ALPHABET))


def test_the_digest_is_the_documented_one():
    """
    What is stored is SHA-256 over label, user id and code, each behind its length: a later version must find it too.
    """
    digest = digest_of(typed_backup_code(CODE), "7")
    parts = b"\0\0\0\x16twofold backup code v1" + b"\0\0\0\x017" + b"\0\0\0\x18" + BARE.encode()

    assert hashlib.sha256(parts).digest() == digest
    assert digest.hex() == "c62f08805a0e6090e844c2a00e5429a9bf6d492b53e550608f7caacc022f39d9"


@given(code=codes, users=st.lists(st.text(max_size=12), min_size=2, max_size=2, unique=True))
def test_the_same_code_of_two_users_has_two_digests(code, users):
    """
    A digest is bound to its user: it tells nothing about another user's codes, and is of no use in another row.
    """
    one, other = (digest_of(TypedBackupCode(code), user) for user in users)

    assert one != other


@given(code=codes, others=codes)
def test_another_code_does_not_match(code, others):
    """
    A code matches itself alone.
    """
    stored = stored_backup_codes((code,), "7")

    assert (stored.matching(digest_of(TypedBackupCode(others), "7")) is None) == (code != others)


def test_burning_a_code_spends_that_code_alone():
    """
    After a code was burned nine are left, and it is the one that bears the moment of its use.
    """
    stored = stored_backup_codes(new_backup_codes(RECOMMENDED), "7")
    after = stored.burned(stored.codes[3], NOON)

    assert (stored.remaining, after.remaining) == (10, 9)
    assert {place: code.used_at for place, code in enumerate(after.codes) if code.used_at} == {3: NOON}
    assert [code.digest for code in stored.codes] == [code.digest for code in after.codes]


@given(used=st.sets(st.integers(0, 9)), microseconds=st.integers(0, 10**6))
def test_a_set_is_read_as_it_was_written(used, microseconds):
    """
    Digests and moments of use come back as they were stored, down to the microsecond.
    """
    stored = stored_backup_codes(new_backup_codes(RECOMMENDED), "7")
    for place in used:
        stored = stored.burned(stored.codes[place], NOON + timedelta(microseconds=microseconds))
    read = BackupCodes.from_bytes(stored.to_bytes())

    assert stored == read
    assert 10 - len(used) == read.remaining


def test_what_an_earlier_release_stored_is_read():
    """
    The stored form is a contract with the rows that are there already.
    """
    digest = "11" * 32
    stored = f'[{{"digest":"{digest}","used_at":null}},{{"digest":"{digest}","used_at":"2030-01-01T12:00:00+00:00"}}]'
    read = BackupCodes.from_bytes(stored.encode())

    assert [(bytes.fromhex(digest), None), (bytes.fromhex(digest), NOON)] == [
        (code.digest, code.used_at) for code in read.codes
    ]
    assert stored.encode() == read.to_bytes()


@pytest.mark.parametrize(
    "stored",
    [
        '["aaaa-bbbb","cccc-dddd"]',
        '["$2b$12$abc"]',
        '[{"code":"aaaa-bbbb","used":false}]',
        '["aaaa-bbbb",{"used_at":null}]',
        '{"codes":["aaaa-bbbb"],"used":[]}',
        '{"aaaa-bbbb":true}',
        "{}",
        "[]",
    ],
)
def test_codes_of_an_older_version_are_none(stored):
    """
    Texts, or objects, as an older version stored its codes, are read as a set of which none is left.
    """
    assert BackupCodes(()) == BackupCodes.from_bytes(stored.encode())


@pytest.mark.parametrize("stored", ['[{"digest":"xx"}]', '["a",{"digest":"11"}]', '[{"digest":null},{"code":"a"}]'])
def test_a_damaged_set_is_none_of_an_older_version(stored):
    """
    Where anything in a set is of our own form all of it must be.
    """
    with pytest.raises((ValueError, KeyError, TypeError)):
        BackupCodes.from_bytes(stored.encode())


def test_no_code_and_no_digest_shows_in_a_repr():
    """
    Neither what was typed nor what is stored stands in a repr.
    """
    typed = typed_backup_code(CODE)
    stored = stored_backup_codes((CODE,), "7")
    shown = f"{typed!r} {stored!r} {stored.codes[0]!r} {stored.codes} {typed}"

    assert BARE not in shown
    assert "digest" not in shown
    assert stored.codes[0].digest.hex() not in shown
    assert repr(stored.codes[0].digest) not in shown


def test_an_empty_set_has_nothing_to_match():
    """
    A user without backup codes matches no code.
    """
    empty = BackupCodes(())

    assert empty.remaining == 0
    assert empty.matching(digest_of(typed_backup_code(CODE), "7")) is None
