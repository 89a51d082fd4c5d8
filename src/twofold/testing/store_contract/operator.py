# ruff: noqa: S101 - pytest asserts
"""What a store promises to an operator: users in a list, values by their key, and a rotation's compare-and-swap."""

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from twofold.core.attempts import Attempts
from twofold.core.enrollment import Enrollment
from twofold.core.events import Event, EventKind
from twofold.core.rotation import Resealed, SealedRow
from twofold.core.sealing import FERNET, SEALED, UNSEALED, Purpose, Sealed, user_text
from twofold.core.users import ListedUser
from twofold.errors import UnknownUser
from twofold.service.ports import Store, Transaction, UserId
from twofold.testing.store_contract.promises import MOMENT, AddUser, Promises

ALL = 10_000


def fresh_key_id() -> str:
    """The id of a key under which nothing stands yet."""
    return secrets.token_hex(8)


def sealed_under(key_id: str, body: str = "body") -> Sealed:
    """What looks like a value under this key."""
    return Sealed(f"v1.{key_id}.{body}")


class OperatorPromises(Promises):
    """What a store promises to an operator."""

    def swap(self, store: Store, *rows: Resealed) -> None:
        """Compare and swap in a transaction of its own."""
        store.transact(lambda tx: tx.reseal(rows))

    def elsewhere(self, store: Store, key_id: str, at_most: int = 3) -> list[SealedRow]:
        """All rows that are not under this key, read in batches."""
        found: list[SealedRow] = []
        while True:
            after = found[-1].user_id if found else None
            batch = store.read(
                lambda tx, after=after: tx.sealed_elsewhere(key_id, after=after, at_most=at_most)  # type: ignore[misc]
            )
            found += batch
            if len(batch) < at_most:
                return found

    def listed(self, store: Store, at_most: int = 2, **asked: object) -> Sequence[ListedUser]:
        """All users that were asked for, read page by page."""
        found: list[ListedUser] = []
        while True:
            after = found[-1].user_id if found else None
            given = {"q": None, "enabled": None, **asked, "after": after, "at_most": at_most}
            page = store.read(lambda tx, given=given: tx.users(**given))  # type: ignore[misc]
            found += page
            if len(page) < at_most:
                return found

    def counted(self, store: Store, purpose: Purpose, key_id: str) -> int:
        """How many values of this purpose stand under this key."""
        return store.read(lambda tx: tx.rows_per_key())[purpose].get(key_id, 0)

    def test_values_are_counted_by_their_key(self, store: Store, add_user: AddUser) -> None:
        """Each value counts under the key that it names, under `fernet`, or `unsealed`; what is missing does not."""
        one, other, key_id = add_user("ann@example.com"), add_user("bob@example.com"), fresh_key_id()
        kinds = (FERNET, UNSEALED)
        before = {kind: self.counted(store, Purpose.BACKUP_CODES, kind) for kind in kinds}
        sealed, old = sealed_under(key_id), Sealed("gAAAAABh-an-older-value")
        self.save(store, Enrollment(user_id=one, totp_secret=sealed, backup_codes=old, webauthn_keys=sealed))
        self.save(
            store, Enrollment(user_id=other, totp_secret=sealed, pending_secret=sealed, backup_codes=Sealed("ABC"))
        )

        assert {purpose: self.counted(store, purpose, key_id) for purpose in SEALED} == {
            Purpose.TOTP_SECRET: 2,
            Purpose.TOTP_PENDING_SECRET: 1,
            Purpose.BACKUP_CODES: 0,
            Purpose.WEBAUTHN_KEYS: 1,
        }
        assert {kind: self.counted(store, Purpose.BACKUP_CODES, kind) - before[kind] for kind in kinds} == {
            FERNET: 1,
            UNSEALED: 1,
        }

    def test_a_damaged_value_counts_as_unsealed(self, store: Store, add_user: AddUser) -> None:
        """A value whose key id is none counts as unsealed, whatever stands there."""
        user_id = add_user("ann@example.com")
        before = self.counted(store, Purpose.TOTP_SECRET, UNSEALED)
        self.save(store, Enrollment(user_id=user_id, totp_secret=Sealed("v1.not-a-key-id.body")))

        assert self.counted(store, Purpose.TOTP_SECRET, UNSEALED) == before + 1

    def test_a_damaged_value_hides_no_good_one(self, store: Store, add_user: AddUser) -> None:
        """Values that differ from good ones only in the case of their letters count as unsealed, and those as good."""
        key_id = f"a{fresh_key_id()[1:]}"
        good, older = sealed_under(key_id), Sealed("gAAAAABh-an-older-value")
        before = {kind: self.counted(store, Purpose.TOTP_SECRET, kind) for kind in (FERNET, UNSEALED)}
        damaged = [sealed_under(key_id.upper()), Sealed(good.upper()), Sealed(older.upper())]
        for value in (*damaged, good, older):
            self.save(store, Enrollment(user_id=add_user("ann@example.com"), totp_secret=value))

        assert self.counted(store, Purpose.TOTP_SECRET, key_id) == 1
        assert {kind: self.counted(store, Purpose.TOTP_SECRET, kind) - before[kind] for kind in (FERNET, UNSEALED)} == {
            FERNET: 1,
            UNSEALED: len(damaged),
        }

    def test_rows_under_another_key_are_found(self, store: Store, add_user: AddUser) -> None:
        """Rows with any value that is not under the key are found, each once, in batches, with all their values."""
        key_id = fresh_key_id()
        here, there = sealed_under(key_id), sealed_under(fresh_key_id())
        users = [add_user("ann@example.com") for _ in range(6)]
        values = [
            {"totp_secret": here, "backup_codes": here},
            {"totp_secret": there},
            {"totp_secret": here, "backup_codes": there},
            {"pending_secret": there},
            {"totp_secret": here, "webauthn_keys": there},
            {},
        ]
        for user_id, stored in zip(users, values, strict=True):
            self.save(store, Enrollment(user_id=user_id, **stored))  # type: ignore[arg-type]
        found = {row.user_id: dict(row.values) for row in self.elsewhere(store, key_id)}

        assert {user_id: found[user_id] for user_id in users if user_id in found} == {
            users[1]: {Purpose.TOTP_SECRET: there},
            users[2]: {Purpose.TOTP_SECRET: here, Purpose.BACKUP_CODES: there},
            users[3]: {Purpose.TOTP_PENDING_SECRET: there},
            users[4]: {Purpose.TOTP_SECRET: here, Purpose.WEBAUTHN_KEYS: there},
        }
        assert store.read(lambda tx: tx.count_elsewhere(key_id)) == len(found)

    def test_a_new_value_takes_the_place_of_its_old_one(self, store: Store, add_user: AddUser) -> None:
        """Each new value is stored in place of its old one, of many rows at once; nothing else changes."""
        users = [add_user("ann@example.com") for _ in range(3)]
        for user_id in users:
            self.save(store, self._enrolled(user_id))
        rows = [
            Resealed(user_id, {Purpose.TOTP_SECRET: (Sealed("secret"), Sealed(f"new {user_text(user_id)}"))})
            for user_id in users
        ]
        self.swap(store, *rows)

        for user_id in users:
            expected = replace(self._enrolled(user_id), totp_secret=Sealed(f"new {user_text(user_id)}"))
            assert self.enrollment(store, user_id) == expected

    def test_what_changed_meanwhile_stays(self, store: Store, add_user: AddUser) -> None:
        """A value that is not the old one any more stays as it is, and so does one that has gone; the others change."""
        changed, gone = add_user("ann@example.com"), add_user("bob@example.com")
        self.save(store, self._enrolled(changed))
        self.save(store, replace(self._enrolled(gone), backup_codes=None))
        change = {
            Purpose.TOTP_SECRET: (Sealed("secret"), Sealed("new secret")),
            Purpose.BACKUP_CODES: (Sealed("codes of before"), Sealed("new codes")),
            Purpose.WEBAUTHN_KEYS: (Sealed("keys"), Sealed("new keys")),
        }
        self.swap(store, Resealed(changed, change), Resealed(gone, change))

        after = replace(self._enrolled(changed), totp_secret=Sealed("new secret"), webauthn_keys=Sealed("new keys"))
        assert self.enrollment(store, changed) == after
        assert self.enrollment(store, gone) == replace(after, user_id=gone, backup_codes=None)

    def _enrolled(self, user_id: UserId) -> Enrollment:
        return Enrollment(
            user_id=user_id,
            enabled=True,
            totp_secret=Sealed("secret"),
            backup_codes=Sealed("codes"),
            webauthn_keys=Sealed("keys"),
        )

    def test_users_are_listed_page_by_page(self, store: Store, add_user: AddUser) -> None:
        """Users who are asked for by a part of their account name come each once, in whatever case it is written."""
        word = secrets.token_hex(6)
        users = [add_user(f"{name}.{word}@example.com") for name in ("ann", "Bob", "cyd", "dan", "eve")]
        add_user("somebody.else@example.com")
        found = self.listed(store, q=f".{word.upper()}@Ex")

        assert {one.user_id for one in found} == set(users)
        assert len(found) == len(users)
        assert {one.account.partition(".")[0] for one in found} == {"ann", "Bob", "cyd", "dan", "eve"}

    def test_what_is_searched_is_text(self, store: Store, add_user: AddUser) -> None:
        """A percent sign or an underscore in a search is itself, and finds nobody who has none."""
        word = secrets.token_hex(6)
        add_user(f"ann.{word}@example.com")

        assert [list(self.listed(store, q=f"{sign}{word}")) for sign in "%_"] == [[], []]

    def test_users_are_listed_by_whether_they_are_enabled(self, store: Store, add_user: AddUser) -> None:
        """Those with a second factor and those without are told apart; who has no row yet has none."""
        word = secrets.token_hex(6)
        enabled, never, not_any_more = (add_user(f"{name}.{word}@example.com") for name in ("ann", "bob", "cyd"))
        wait = Attempts({"totp": 5}, MOMENT)
        yesterday = MOMENT - timedelta(days=1)
        self.save(
            store,
            Enrollment(
                user_id=enabled,
                enabled=True,
                enabled_at=yesterday,
                attempts=wait,
                totp_secret=Sealed("s"),
                webauthn_keys=Sealed("k"),
            ),
        )
        self.save(store, Enrollment(user_id=not_any_more, pending_secret=Sealed("p"), pending_until=MOMENT))
        [one] = self.listed(store, q=word, enabled=True)
        account, methods = f"ann.{word}@example.com", ("totp", "webauthn")
        assert one == ListedUser(enabled, account, True, yesterday, MOMENT, methods)  # noqa: FBT003
        without = self.listed(store, q=word, enabled=False)
        assert {each.user_id: each.set_up_until for each in without} == {never: None, not_any_more: MOMENT}
        assert {each.methods for each in without} == {()}

    def test_users_are_counted(self, store: Store, add_user: AddUser) -> None:
        """Everybody is counted by what they have at the moment: a factor, an app, keys, a set-up, a wait, nothing."""
        before = store.read(lambda tx: tx.adoption(MOMENT))
        soon, past = MOMENT + timedelta(seconds=1), MOMENT - timedelta(seconds=1)
        for stored in (
            {"enabled": True, "totp_secret": Sealed("s"), "attempts": Attempts({"totp": 5}, soon)},
            {"enabled": True, "totp_secret": Sealed("s"), "attempts": Attempts({"totp": 5}, past)},
            {"enabled": True, "totp_secret": Sealed("s"), "webauthn_keys": Sealed("k")},
            {"enabled": True, "webauthn_keys": Sealed("k")},
            {"enabled": True},
            {"pending_secret": Sealed("s"), "pending_until": soon},
            {"pending_secret": Sealed("s"), "pending_until": past},
        ):
            self.save(store, Enrollment(user_id=add_user("ann@example.com"), **stored))
        add_user("bob@example.com")
        after = store.read(lambda tx: tx.adoption(MOMENT))

        grown = {name: getattr(after, name) - count for name, count in vars(before).items()}
        assert grown == {
            "users": 8,
            "enabled": 5,
            "totp": 3,
            "webauthn": 2,
            "pending": 1,
            "locked": 1,
            "without_factor": 1,
        }

    def test_a_user_is_found_by_id_and_by_name(self, store: Store, add_user: AddUser) -> None:
        """The text of an id and a whole account name find their user; a part of a name, or a name of two, does not."""
        name = f"{secrets.token_hex(6)}@example.com"
        user_id = add_user(name)
        twice = [add_user(f"twice.{name}") for _ in range(2)]

        def found(text: str) -> UserId | None:
            try:
                return store.read(lambda tx: tx.user_of(text))
            except UnknownUser:
                return None

        assert [found(text) for text in (user_text(user_id), name, user_text(twice[0]))] == [user_id, user_id, twice[0]]
        nobody = ["", name[1:], name.upper(), f"twice.{name}", "\0", "9" * 40, "a" * 5000, "'", "-1", "\ud800"]
        assert [found(text) for text in nobody] == [None] * len(nobody)

    def test_an_account_that_is_anothers_id_is_nobodys(self, store: Store, add_user: AddUser) -> None:
        """A text that is one user's id and another's account name means neither; one that only looks so, its own."""
        user_id = add_user("ann@example.com")
        text = user_text(user_id)
        padded = add_user(f"00{text}")

        assert store.read(lambda tx: (tx.user_of(text), tx.user_of(f"00{text}"))) == (user_id, padded)
        namesake = add_user(text)
        assert self.refusal(store, lambda tx: tx.user_of(text)) is UnknownUser
        assert store.read(lambda tx: tx.user_by_id(text)) == user_id
        assert store.read(lambda tx: tx.user_by_id(user_text(namesake))) == namesake
        assert self.refusal(store, lambda tx: tx.user_by_id("ann@example.com")) is UnknownUser

    def test_events_about_nobody_are_kept(self, store: Store) -> None:
        """An event about nobody is recorded without holding a row, and is among everybody's, whole."""
        address = f"2001:db8::{secrets.randbelow(0x10000):x}:{secrets.randbelow(0x10000):x}"
        event = Event(None, EventKind.ADMIN_REFUSED, MOMENT, "forbidden", client_address=address)
        store.transact(lambda tx: tx.record(event))

        found = store.read(lambda tx: tx.all_events(before=None, at_most=1))
        assert [(one.kind, one.user_id, one.client_address) for one in found] == [("admin_refused", None, address)]

    def test_everybodys_events_come_the_newest_first(self, store: Store, add_user: AddUser) -> None:
        """Everybody's events are read page by page, the newest first, with who did it to whom, and why."""
        users = [add_user("ann@example.com"), add_user("bob@example.com")]
        told = [
            Event(user_id, EventKind.SECOND_FACTOR_RESET, MOMENT, actor="admin 7", reason=f"Lost the phone. {number}")
            for number, user_id in enumerate(users * 2)
        ]

        def record(tx: Transaction, event: Event) -> None:
            tx.lock(event.user_id)
            tx.record(event)

        for event in told:
            store.transact(lambda tx, event=event: record(tx, event))  # type: ignore[misc]
        first = store.read(lambda tx: tx.all_events(before=None, at_most=3))
        then = store.read(lambda tx: tx.all_events(before=first[-1].number, at_most=1))

        found = [*first, *then]
        assert [(one.user_id, one.actor, one.reason) for one in found] == [
            (event.user_id, event.actor, event.reason) for event in told[::-1]
        ]

    def test_an_account_is_the_one_of_exactly_that_name(self, store: Store, add_user: AddUser) -> None:
        """All users of one account name are found; those whose name only looks like it to the database are not."""
        name = f"{secrets.token_hex(8)}@example.com"
        users = [add_user(name), add_user(name)]
        add_user(name.upper())
        add_user(f"{name} ")

        assert set(store.read(lambda tx: tx.named(name))) == set(users)
        assert (
            store.read(lambda tx: [*tx.named(f"x{name}"), *tx.named(""), *tx.named("a\0"), *tx.named("x" * 999)]) == []
        )

    def test_the_last_event_of_some_kinds(self, store: Store, add_user: AddUser) -> None:
        """The moment of the last event of some kinds is told, of this user alone; nothing where there is none."""
        user_id, other = add_user("ann@example.com"), add_user("bob@example.com")
        kinds = (EventKind.SECOND_FACTOR_DISABLED, EventKind.SECOND_FACTOR_RESET)

        def work(tx: Transaction) -> None:
            tx.lock(user_id)
            for minutes, kind in enumerate([*kinds, EventKind.SIGNED_IN]):
                tx.record(Event(user_id, kind, MOMENT + timedelta(minutes=minutes)))

        store.transact(work)

        assert store.read(lambda tx: tx.last_recorded(user_id, kinds)) == MOMENT + timedelta(minutes=1)
        assert store.read(lambda tx: tx.last_recorded(other, kinds)) is None
