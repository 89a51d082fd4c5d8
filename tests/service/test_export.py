"""All that is stored about a user, in words: complete, and with nothing that opens anything (GDPR, Article 15)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from twofold import EventKind, Factor
from twofold.errors import InvalidCode, UnknownUser
from twofold.service.context import token_hash
from twofold.service.export import KeptBackupCodes, KeptFactor, KeptSession


def test_everything_is_told(auth, person, store):
    """
    The export tells the factor and its moments, the backup codes that were used and when, failures, the session that
    asks and the others, pending sign-ins, and every event.
    """
    enabled_at = person.row.enabled_at
    proved = [person.sign_in(name) for name in ("another", "asking")]
    auth.backup_codes.burn(7, person.backup_code())
    burned_at = person.clock.now()
    pending = person.begin()
    with pytest.raises(InvalidCode):
        auth.totp.verify(7, person.wrong_code())
    export = auth.export.everything(7, "asking")

    assert (export.exported_at, export.account, export.enabled) == (person.clock.now(), "ann@example.com", True)
    assert [KeptFactor("totp", enabled_at, proved[1].assurance.at, switched_off=False)] == list(export.factors)
    assert KeptBackupCodes(10, 9, (burned_at,), switched_off=False) == export.backup_codes
    assert (dict(export.failures), export.locked_until, export.set_up_until) == ({"totp": 1}, None, None)
    assert {(one.current, one.assurance) for one in export.sessions} == {
        (False, proved[0].assurance),
        (True, proved[1].assurance),
    }
    assert export.pending_sign_ins == (pending.expires_at,)
    assert [event.kind.value for event in reversed(store.events)] == [event.kind for event in export.events.items]
    assert not export.unreadable


def test_of_a_newcomer_there_is_little(auth, newcomer):
    """
    Of a user without a second factor the export tells the account, and a set-up that waits.
    """
    newcomer.scan()
    export = auth.export.everything(7, "asking")

    assert (export.account, export.enabled, export.factors, export.backup_codes) == ("ann@example.com", False, (), None)
    assert export.set_up_until == newcomer.clock.now() + timedelta(minutes=10)
    assert [event.kind for event in export.events.items] == ["set_up_started"]


def test_nothing_of_others_is_told(auth, person, somebody_else):
    """
    Whatever others do, a user's export stays the same.
    """
    before = auth.export.everything(7, "asking")
    somebody_else.begin()
    auth.sign_in.begin(8)

    assert auth.export.everything(7, "asking") == before


def test_a_switched_off_factor_is_told(auth, person, store):
    """
    A factor that too many failures have switched off is told as such.
    """
    row = person.row
    store.transact(lambda tx: tx.save(replace(row, attempts=replace(row.attempts, failures={"totp": 100}))))

    assert [factor.switched_off for factor in auth.export.everything(7, "asking").factors] == [True]


def test_what_cannot_be_read_is_told_in_its_place(auth, person, store, told, caplog):
    """
    Backup codes that do not open are told as unreadable, all else is whole, and the operator and the record are told.
    """
    whole = auth.export.everything(7, "asking")
    row = person.row
    store.transact(lambda tx: tx.save(replace(row, backup_codes=row.totp_secret)))
    export = auth.export.everything(7, "asking")

    assert replace(whole, backup_codes=None, unreadable=("backup_codes",)) == export
    assert told[-1].kind is EventKind.VALUE_UNREADABLE
    assert "A stored value of user 7 does not open: twofa_backup_codes" in caplog.text


def test_who_is_gone_has_no_export(auth, person, store):
    """
    Of a user whom nobody knows there is no export.
    """
    with pytest.raises(UnknownUser):
        auth.export.everything(9, "asking")


def test_a_session_that_ended_is_forgotten(auth, person, store):
    """
    What a session has proved goes when it ends, with one event; other sessions and other users keep theirs.
    """
    person.sign_in("ending")
    kept = person.sign_in("staying")
    auth.sessions.ended(7, "ending")
    auth.sessions.ended(8, "staying")

    assert [KeptSession(current=False, assurance=kept.assurance)] == list(auth.export.everything(7, "").sessions)
    assert [event.user_id for event in store.events if event.kind is EventKind.SESSION_ENDED] == [7, 8]


def test_the_sessions_of_an_export_are_known_by_their_hash(auth, person, store):
    """
    The store knows sessions by their hash alone, and the export shows none.
    """
    person.sign_in("a name that is in no export")
    [stored] = store.read(lambda tx: tx.sessions(7))
    shown = repr(auth.export.everything(7, "a name that is in no export"))

    assert stored.session_hash == token_hash("a name that is in no export")
    assert stored.session_hash not in shown
    assert Factor.TOTP in shown
