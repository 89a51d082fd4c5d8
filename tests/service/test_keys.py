"""The keys that values are sealed under: what stands under which, rewriting all, and letting one go."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography.fernet import Fernet

from tests.service.people import Person
from twofold import ConfigurationError, KeyRing, TwoFactorAuth
from twofold.core.policy import ROTATED_AT_ONCE
from twofold.core.sealing import FERNET, UNSEALED, Purpose, Sealed, key_id_of
from twofold.errors import CannotOpen
from twofold.service.keys import Rotated
from twofold.testing import MemoryStore


@pytest.fixture
def old() -> str:
    return Fernet.generate_key().decode()


@pytest.fixture
def new() -> str:
    return Fernet.generate_key().decode()


@pytest.fixture
def entries(old: str, new: str) -> dict[str, str]:
    return {"old": old, "new": new}


@pytest.fixture
def keys(old: str) -> KeyRing:
    return KeyRing([old])


def under(auth: TwoFactorAuth, *entries: str, **options: Any) -> TwoFactorAuth:
    """The same application with these keys."""
    auth.keys = KeyRing(entries, **options)
    return auth


def rows(auth: TwoFactorAuth) -> dict[str, int]:
    """How many values stand under each key; keys without any are left out."""
    return {key.key_id: key.total for key in auth.keys_in_use.status().keys if key.total}


def id_of(entry: str) -> str:
    return KeyRing([entry]).key_ids[0]


def warned(auth: TwoFactorAuth) -> str:
    return "\n".join(auth.keys_in_use.status().warnings)


def test_everything_is_rewritten_under_the_first_key(auth, person, somebody_else, old, new):
    """
    After a rotation all values of all columns stand under the writing key, and open under it alone.
    """
    person.scan(replace=True)
    under(auth, new, old)
    done = auth.keys_in_use.rotate()

    assert done == Rotated(rows=2, done=2, unreadable=0, left=0)
    assert rows(auth) == {id_of(new): 5}
    under(auth, new)
    auth.totp.confirm(7, person.code())
    auth.backup_codes.burn(7, person.backup_code())
    auth.verify_totp_code(8, somebody_else.shown())


def test_what_fernet_sealed_is_bound_to_its_row(auth, person, store, old, new):
    """
    A rotation takes over what an older version wrote with Fernet, and seals it for its user and its column.
    """
    fernet, row = Fernet(old.encode()), person.row
    older = fernet.encrypt(person.secret.base32.encode()).decode()
    store.transact(lambda tx: tx.save(replace(row, totp_secret=Sealed(older))))
    under(auth, new, old, read_fernet=True).keys_in_use.rotate()

    assert rows(auth) == {id_of(new): 2}
    under(auth, new).verify_totp_code(7, person.shown())
    with pytest.raises(CannotOpen):
        auth.keys.open_sealed(person.row.totp_secret, Purpose.TOTP_SECRET, 8)


def test_no_key_is_retired_while_fernet_may_need_it(auth, person, somebody_else, entries):
    """
    A value that an older version wrote with Fernet names no key: until it is rewritten, no key is let go.
    """
    old, new = entries.values()
    older = Fernet(old.encode()).encrypt(person.secret.base32.encode()).decode()
    auth.store.transact(lambda tx: tx.save(replace(person.row, totp_secret=Sealed(older))))
    under(auth, new, old).keys_in_use.rotate()
    with pytest.raises(ConfigurationError, match=r"1 values of an older version.*TWOFA_READ_FERNET=1 first"):
        auth.keys_in_use.retire(id_of(old))
    under(auth, new, old, read_fernet=True).keys_in_use.rotate()

    assert auth.keys_in_use.retire(id_of(old)).place == 2


def test_a_dry_run_opens_all_and_changes_nothing(auth, person, old, new):
    """
    A dry run says how much there is to do, and leaves every value as it is.
    """
    before = person.row
    done = under(auth, new, old).keys_in_use.rotate(dry_run=True)

    assert (done.rows, done.done, done.unreadable) == (1, 1, 0)
    assert person.row == before


def test_a_rotation_that_is_done_does_nothing(auth, person, old, new):
    """
    A second rotation finds nothing to do, and rewrites nothing: a value keeps its nonce.
    """
    under(auth, new, old).keys_in_use.rotate()
    before = person.row

    assert auth.keys_in_use.rotate() == Rotated(rows=0)
    assert person.row == before


def test_what_does_not_open_is_counted_named_and_left(auth, person, somebody_else, entries, caplog):
    """
    A value that does not open stays as it is, and its user is named in the log, without it; all others are rewritten.
    """
    old, new = entries.values()
    damaged = replace(person.row, totp_secret=Sealed(f"v1.{id_of(old)}.AAAA"))
    auth.store.transact(lambda tx: tx.save(damaged))
    done = under(auth, new, old).keys_in_use.rotate()

    assert (done.unreadable, done.left) == (1, 1)
    assert person.row.totp_secret == damaged.totp_secret
    assert key_id_of(somebody_else.row.totp_secret) == id_of(new)
    assert "user 7 does not open" in caplog.text
    assert "AAAA" not in caplog.text


def test_a_value_that_does_not_open_holds_no_other(auth, person, old, new):
    """
    What stands beside a value that does not open is rewritten; the row counts as one that does not open.
    """
    damaged = Sealed(f"v1.{id_of(old)}.AAAA")
    auth.store.transact(lambda tx: tx.save(replace(person.row, totp_secret=damaged)))
    done = under(auth, new, old).keys_in_use.rotate()

    assert (done.unreadable, done.left) == (1, 1)
    assert person.row.totp_secret == damaged
    assert rows(auth) == {id_of(new): 1, id_of(old): 1}
    auth.backup_codes.burn(7, person.backup_code())


def test_a_key_that_is_missing_names_some_users_and_not_all(auth, store, new, caplog):
    """
    Where a key is missing for many rows, the log names some of their users, and the count tells of all.
    """
    for user_id in range(100, 140):
        store.add_user(user_id, "somebody")
        sealed = auth.keys.seal(b"A" * 32, Purpose.TOTP_SECRET, user_id)
        store.transact(lambda tx, row=(user_id, sealed): tx.save(replace(tx.lock(row[0]), totp_secret=row[1])))
    done = under(auth, new).keys_in_use.rotate()

    assert done.unreadable == 40
    assert 0 < caplog.text.count("does not open") <= 20


class Meanwhile(MemoryStore):
    """A store in which something happens just before a compare-and-swap."""

    happens: Callable[[], object] | None = None

    def transact(self, work):
        if self.happens is not None and "_store" in work.__qualname__:
            happens, self.happens = self.happens, None
            happens()
        return super().transact(work)


@pytest.fixture
def store() -> Meanwhile:
    store = Meanwhile()
    store.add_user(7, "ann@example.com")
    store.add_user(8, "bob@example.com")
    return store


def test_a_backup_code_that_is_used_meanwhile_stays_used(auth, person, store, old, new):
    """
    A backup code that is used up between the reading of its row and its rewriting is not there again afterwards.
    """
    under(auth, new, old)
    store.happens = lambda: auth.backup_codes.burn(7, person.backup_code(3))
    done = auth.keys_in_use.rotate()

    assert done.left == 0
    assert rows(auth) == {id_of(new): 2}
    assert auth.enrollment.status(7).backup_codes_remaining == 9


def test_what_a_node_writes_under_the_old_key_meanwhile_is_rewritten_too(auth, person, store, old, new):
    """
    A node that still writes with the old key, and does so between a row's reading and its rewriting, undoes nothing.
    """
    behind = TwoFactorAuth(issuer="Acme", keys=KeyRing([old, new]), store=store, clock=auth.clock)
    under(auth, new, old)
    store.happens = lambda: behind.backup_codes.burn(7, person.backup_code(3))
    done = auth.keys_in_use.rotate()

    assert done.left == 0
    assert rows(auth) == {id_of(new): 2}
    assert auth.enrollment.status(7).backup_codes_remaining == 9


def test_a_secret_that_is_replaced_meanwhile_stays_replaced(auth, person, store, old, new):
    """
    A phone that is replaced between the reading of its row and its rewriting is the one whose codes are right.
    """
    under(auth, new, old)
    person.scan(replace=True)
    store.happens = lambda: auth.totp.confirm(7, person.code())
    auth.keys_in_use.rotate()

    person.clock.forward(seconds=30)
    auth.verify_totp_code(7, person.shown())
    assert rows(auth) == {id_of(new): 2}


def test_a_user_who_leaves_meanwhile_holds_nothing_up(auth, person, somebody_else, entries):
    """
    A user who is forgotten while the rotation is on its way is nobody's trouble, and nothing is stored about him.
    """
    old, new = entries.values()
    under(auth, new, old)
    auth.store.happens = lambda: auth.forget(7)
    auth.keys_in_use.rotate()

    assert person.row.totp_secret is None
    assert rows(auth) == {id_of(new): 2}


def test_it_is_told_how_far_it_has_come(auth, person, somebody_else, old, new):
    """
    After each batch it is told how many rows there are and how many are done.
    """
    told: list[Rotated] = []
    under(auth, new, old).keys_in_use.rotate(told.append)

    assert [(state.rows, state.done) for state in told] == [(2, 2)]
    assert ROTATED_AT_ONCE >= 2


def test_the_status_of_a_healthy_application(auth, person, old, new):
    """
    Each key is told with its place and its rows, the writing one first; where all is well nothing is warned of.
    """
    status = under(auth, old, new).keys_in_use.status()

    assert [(key.key_id, key.place, key.total) for key in status.keys] == [(id_of(old), 1, 2), (id_of(new), 2, 0)]
    assert status.keys[0].rows == {
        "totp_secret": 1,
        "totp_pending_secret": 0,
        "twofa_backup_codes": 1,
        "twofa_webauthn_keys": 0,
    }
    assert status.warnings == ()


def test_a_writing_key_that_no_row_knows_is_warned_of(auth, person, new, old):
    """
    Where nothing stands under the writing key although something is sealed, that is said; and what is left to rewrite.
    """
    told = warned(under(auth, new, old))

    assert f"The writing key {id_of(new)} is unknown to the rows" in told
    assert f"2 values stand under key {id_of(old)}: `twofold keys rotate`" in told


def test_a_key_that_is_missing_is_warned_of(auth, person, new, old):
    """
    Rows under a key that is not there are warned of, with what to do.
    """
    assert f"2 values stand under key {id_of(old)}, which is not in ENCRYPTION_KEY: put it back" in warned(
        under(auth, new)
    )


@pytest.mark.parametrize(
    ("stored", "kind"), [("gAAAAABh-older", FERNET), ("JBSWY3DPEHPK3PXP", UNSEALED), ("", UNSEALED)]
)
def test_what_is_not_sealed_is_warned_of(auth, person, store, stored, kind):
    """
    Values of an older version, and values in the clear, are counted apart and warned of, with what to do.
    """
    row = person.row
    store.transact(lambda tx: tx.save(replace(row, totp_secret=Sealed(stored))))

    assert rows(auth)[kind] == 1
    assert {FERNET: "TWOFA_READ_FERNET", UNSEALED: "twofold import columns"}[kind] in warned(auth)


def test_a_key_without_rows_can_be_retired(auth, person, old, new):
    """
    Once nothing stands under a key any more it can be taken out, and it is said which entry that is.
    """
    under(auth, new, old).keys_in_use.rotate()

    assert auth.keys_in_use.retire(id_of(old)).place == 2


@pytest.mark.parametrize(
    "case",
    [
        ("new", "old", "2 values stand under it"),
        ("old", "old", "2 values stand under it"),
        ("new", "new", "it writes"),
        ("new", "0" * 16, "no such key"),
    ],
)
def test_a_key_in_use_is_not_retired(auth, person, entries, case):
    """
    A key under which a row stands, the key that writes, and one that nobody knows are not let go.
    """
    first, retired, text = case
    under(auth, *sorted(entries.values(), key=lambda entry: entry != entries[first]))

    with pytest.raises(ConfigurationError, match=text):
        auth.keys_in_use.retire(id_of(entries[retired]) if retired in entries else retired)


def test_a_key_that_is_not_configured_any_more_is_in_use_by_its_rows(auth, person, new, old):
    """
    A key that was dropped although rows stand under it is still told as in use.
    """
    with pytest.raises(ConfigurationError, match="2 values stand under it"):
        under(auth, new).keys_in_use.retire(id_of(old))


def test_nothing_shows_a_value(auth, person: Person):
    """
    Neither status nor a row on its way shows a value or a key.
    """
    stored = str(person.row.totp_secret)
    found = auth.store.read(lambda tx: tx.sealed_elsewhere("0" * 16, after=None, at_most=5))

    assert stored not in repr(found) + repr(auth.keys_in_use.status())
    assert len(found) == 1
