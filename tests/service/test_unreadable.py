"""Stored values that do not open: refused, told to the operator, and not taken for a wrong code (G10)."""

from dataclasses import replace

import pytest
from cryptography.fernet import Fernet

from tests.service.people import Person
from tests.service.roads import CASES, CODE_ROADS
from twofold import Event, EventKind, KeyRing, TwoFactorAuth
from twofold.core.sealing import Purpose, Sealed
from twofold.errors import CannotOpen, CodeAlreadyUsed, Unavailable
from twofold.testing import MemoryStore

OPENING = [*(name for name in CASES if name not in {"set_up", "state", "confirm", "password_changed"})]


def store_in_row_of(person, **columns: Sealed | None) -> None:
    """What an attacker with the database in hand can do."""
    person.auth.store.transact(lambda tx: tx.save(replace(tx.lock(person.user_id), **columns)))


@pytest.fixture
def attacker(person, somebody_else):
    """Somebody whose sealed secret was copied into the row of *person*, whose own password is known."""
    store_in_row_of(person, totp_secret=somebody_else.row.totp_secret)
    return somebody_else


@pytest.mark.parametrize("road", CODE_ROADS)
def test_a_secret_from_another_row_opens_nothing(person, attacker, store, told, road):
    """
    With an attacker's secret in the victim's row, the attacker's code is no way in on any road; nothing is counted, and
    one event says that a value is unreadable.
    """
    before = person.row
    told.clear()
    events = len(store.events)
    with pytest.raises(CannotOpen):
        CODE_ROADS[road](person, attacker.code())
    unreadable = Event(7, EventKind.VALUE_UNREADABLE, person.clock.now(), "unavailable")

    assert before == person.row
    assert [unreadable] == [event for event in told if event.kind is not EventKind.PASSWORD_ACCEPTED]
    assert tuple(told) == store.events[events:]


def test_the_operator_learns_which_value_does_not_open(auth, person, attacker, caplog):
    """
    The log names user, column and reason, and neither the value nor anything typed.
    """
    with pytest.raises(CannotOpen) as refusal:
        auth.totp.verify(7, attacker.code())
    logged = [record.getMessage() for record in caplog.records]

    assert logged == [
        "A stored value of user 7 does not open: totp_secret: the value was changed, or belongs elsewhere"
    ]
    assert person.row.totp_secret not in caplog.text
    assert attacker.shown() not in caplog.text
    assert str(refusal.value) == Unavailable.detail


def test_no_id_writes_a_line_of_its_own(auth, store, clock, caplog):
    """
    OWASP ASVS 5.0, 16.4.1: an id that somebody chose, with line breaks and colors in it, is one line of the log.
    """
    user_id = "ann\r\nERROR: all is lost\x1b[31m\u2028"
    store.add_user(user_id, "ann@example.com")
    ann = Person(auth, clock, user_id)
    ann.enroll()
    clock.forward(minutes=60)
    auth.totp.verify(user_id, ann.code())
    clock.forward(minutes=-60)
    with pytest.raises(CodeAlreadyUsed):
        auth.totp.verify(user_id, ann.code())
    store_in_row_of(ann, totp_secret=ann.row.backup_codes)
    with pytest.raises(CannotOpen):
        auth.totp.verify(user_id, ann.next_code())
    logged = [record.getMessage() for record in caplog.records]

    assert len(logged) == 2
    assert all(text.isprintable() and r"ann\r\nERROR" in text for text in logged)


def test_a_pending_secret_does_not_pass_for_a_live_one(auth, person):
    """
    A value in another column of the same row does not open: an unproved secret cannot be made the live one.
    """
    person.scan(replace=True)
    store_in_row_of(person, totp_secret=person.row.pending_secret)
    with pytest.raises(CannotOpen):
        auth.totp.verify(7, person.code())

    assert person.row.attempts.failures == {}


def test_a_pending_secret_from_another_row_confirms_nothing(auth, newcomer, somebody_else):
    """
    A set-up that was copied from another user's row cannot be confirmed.
    """
    newcomer.scan()
    somebody_else.scan(replace=True)
    store_in_row_of(newcomer, pending_secret=somebody_else.row.pending_secret)
    with pytest.raises(CannotOpen):
        auth.totp.confirm(7, somebody_else.code())

    assert not newcomer.row.enabled


@pytest.mark.parametrize("name", ["burn", "status", "begin without a code"])
def test_backup_codes_from_another_row_open_nothing(person, somebody_else, told, name):
    """
    Another user's set of backup codes in the row is refused wherever it would be looked at.
    """
    store_in_row_of(person, backup_codes=somebody_else.row.backup_codes)
    told.clear()
    with pytest.raises(CannotOpen):
        CASES[name](replace(person, backup_codes=somebody_else.backup_codes))

    assert [event.kind for event in told] == [EventKind.VALUE_UNREADABLE]
    assert person.row.attempts.failures == {}


@pytest.mark.parametrize("name", OPENING)
def test_a_dropped_key_is_not_taken_for_a_wrong_code(person, store, told, caplog, name):
    """
    Under another key nothing opens: no use case takes that for a wrong code or for no second factor, and the operator
    learns the id of the missing key.
    """
    keys = KeyRing([Fernet.generate_key().decode()])
    other = TwoFactorAuth(issuer="Acme", keys=keys, store=store, clock=person.clock, on_event=told.append)
    before = person.row
    told.clear()
    with pytest.raises(CannotOpen):
        CASES[name](replace(person, auth=other))

    assert before == person.row
    assert [event.kind for event in told] == [EventKind.VALUE_UNREADABLE]
    assert f"sealed under key {person.auth.keys.key_ids[0]}, which is not configured" in caplog.text


@pytest.mark.parametrize(
    ("column", "purpose", "value"),
    [
        ("totp_secret", Purpose.TOTP_SECRET, b"{}"),
        ("totp_secret", Purpose.TOTP_SECRET, b"{"),
        ("totp_secret", Purpose.TOTP_SECRET, b"\xff"),
        ("totp_secret", Purpose.TOTP_SECRET, b"TOOSHORT"),
        ("totp_secret", Purpose.TOTP_SECRET, b'{"s":"' + b"A" * 32 + b'","a":"MD5","d":6,"p":30}'),
        *(
            ("totp_secret", Purpose.TOTP_SECRET, b'{"s":"%s","a":"SHA1","d":%s,"p":%s}' % (b"A" * 32, digits, period))
            for digits, period in [(b"6", b"0"), (b"6", b"-30"), (b"6", b"1e400"), (b"99", b"30"), (b"null", b'"x"')]
        ),
        ("backup_codes", Purpose.BACKUP_CODES, b"{"),
        ("backup_codes", Purpose.BACKUP_CODES, b'""'),
        ("backup_codes", Purpose.BACKUP_CODES, b"not JSON"),
        ("backup_codes", Purpose.BACKUP_CODES, b"[1,2]"),
        ("backup_codes", Purpose.BACKUP_CODES, b"7"),
        ("backup_codes", Purpose.BACKUP_CODES, b'[{"digest":"xx","used_at":null}]'),
    ],
)
def test_a_value_that_opens_but_is_not_what_belongs_there_is_unreadable(person, caplog, column, purpose, value):
    """
    What was sealed by somebody with the key, but is no secret and no set of codes, is treated as what does not open.
    """
    store_in_row_of(person, **{column: person.auth.keys.seal(value, purpose, 7)})
    with pytest.raises(CannotOpen):
        CASES["verify" if column == "totp_secret" else "burn"](person)

    assert f"{purpose}: it opens, but is not what belongs there" in caplog.text
    assert person.row.attempts.failures == {}


def test_an_unreadable_value_is_mended_by_the_right_key(auth, person, store, clock):
    """
    When the key is back everything works as before: nothing was changed or counted meanwhile.
    """
    without = TwoFactorAuth(issuer="Acme", keys=KeyRing([Fernet.generate_key().decode()]), store=store, clock=clock)
    for _ in range(10):
        with pytest.raises(CannotOpen):
            without.totp.verify(7, person.code())

    assert auth.totp.verify(7, person.code()) == person.row.last_step


class Mute:
    """A store that can be read and no longer written, as a disk that is full."""

    def __init__(self, store) -> None:
        self._store = store

    def transact(self, work):
        self._store.read(work)
        raise Unavailable

    def read(self, work):
        return self._store.read(work)

    async def run(self, use_case):
        return use_case(self)


def test_an_unreadable_value_is_told_even_if_its_event_cannot_be_stored(person, attacker, store, keys, caplog):
    """
    Where the event cannot be stored either, the operator's log still says what does not open.
    """
    auth = TwoFactorAuth(issuer="Acme", keys=keys, store=Mute(store), clock=person.clock)
    with pytest.raises(CannotOpen):
        auth.totp.verify(7, attacker.code())

    assert "A stored value of user 7 does not open" in caplog.text


class LeavesInBetween:
    """A store whose user 7 leaves after the first transaction in which a value did not open."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store

    def transact(self, work):
        try:
            return self.store.transact(work)
        except CannotOpen:
            del self.store._tables.accounts[7]
            self.store.transact(lambda tx: tx.forget(7))
            raise


def test_of_who_has_left_meanwhile_nothing_is_written(auth, person, attacker, store, told):
    """
    Where the user leaves between the value that does not open and the event that tells of it, there is no event.
    """
    auth._transactions = LeavesInBetween(store)
    told.clear()
    with pytest.raises(CannotOpen):
        auth.totp.verify(7, attacker.code())

    assert [event for event in store.events if event.user_id == 7] == []
    assert told == []
