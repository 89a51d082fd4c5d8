"""Taking over what another application kept: what is done with each row, what is stored, and what is not touched."""

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import pytest

from tests.service.people import Person
from twofold import Event, TwoFactorAuth
from twofold.core.enrollment import Enrollment
from twofold.core.events import EventKind
from twofold.core.imports import Brought, Outcome
from twofold.core.sealing import Purpose, Sealed
from twofold.core.totp import TimeStep, TotpSecret, time_step_at
from twofold.errors import CodeAlreadyUsed, RowRefused, SignInTokenDead, Unavailable
from twofold.service.imports import Erased, Found
from twofold.service.ports import Transaction
from twofold.testing import MemoryStore

T = TypeVar("T")
SECRET = TotpSecret("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "SHA256", 6, 60)
OTHER = TotpSecret("A" * 32)


def found(account: str = "ann@example.com", secret: TotpSecret = SECRET, **others: Any) -> Found:
    return Found(**{"place": "line 1", "read": lambda: Brought(secret, account), **others})


class Erasing:
    """Deletes it where it stood, and counts how often."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, _: Transaction) -> Erased:
        self.calls += 1
        return Erased.NOW


def take(auth: TwoFactorAuth, what: Found | None = None, *, dry_run: bool = False):
    return auth.imports.take(what or found(), origin="imported from a test", actor="ops", dry_run=dry_run)


def test_a_secret_is_taken_over(newcomer: Person, told: list[Event]):
    """
    The secret is live at once with its own algorithm and period, sealed; the user's other app shows the right codes.
    """
    taken = take(newcomer.auth)

    newcomer.secret = SECRET
    assert (taken.outcome, taken.account, taken.user) == (Outcome.IMPORTED, "ann@example.com", "7")
    assert newcomer.row.enabled
    assert SECRET.base32 not in str(newcomer.row.totp_secret)
    newcomer.clock.forward(seconds=120)
    assert newcomer.auth.totp.verify(newcomer.user_id, newcomer.code())


def test_it_is_an_event_that_names_who_and_why(newcomer: Person, told: list[Event]):
    """
    One event says that it was imported, from where and by whom; no factor was used by it.
    """
    take(newcomer.auth)

    [event] = told
    assert (event.kind, event.actor, event.reason) == (EventKind.SECRET_IMPORTED, "ops", "imported from a test")
    assert newcomer.auth.enrollment.status(newcomer.user_id).last_used_at is None


def test_it_is_a_change_of_factor(newcomer: Person):
    """
    What was handed out before dies, all sessions are to end (G8), and a set-up that waited is gone.
    """
    newcomer.scan()
    before = newcomer.row

    take(newcomer.auth)

    row = newcomer.row
    assert (row.epoch, row.end_sessions) == (before.epoch + 1, before.epoch + 1)
    assert row.pending_secret is None
    assert row.enabled_at == newcomer.clock.now()


@pytest.mark.parametrize("ahead", [-60, 0, 60])
def test_codes_of_before_are_used_up(newcomer: Person, ahead: int):
    """
    Whatever code could be accepted at the moment of the import counts as used: the old application may have taken it.
    """
    take(newcomer.auth)
    step = TimeStep(time_step_at(newcomer.clock.now(), 60) + ahead // 60)

    with pytest.raises(CodeAlreadyUsed):
        newcomer.auth.totp.verify(newcomer.user_id, newcomer.auth.typed(SECRET.code_at(step)))


def test_it_can_run_twice(newcomer: Person, told: list[Event]):
    """
    The second time the secret is there already, and nothing is written.
    """
    take(newcomer.auth)
    before = newcomer.row

    taken = take(newcomer.auth)

    assert taken.outcome is Outcome.ALREADY_THERE
    assert before == newcomer.row
    assert len(told) == 1


def test_a_live_app_stays(person: Person):
    """
    Whoever has set up an app here keeps it, whatever the old application says.
    """
    before = person.row

    taken = take(person.auth)

    assert taken.outcome is Outcome.KEPT
    assert before == person.row


def test_what_was_turned_off_stays_off(newcomer: Person):
    """
    Whoever disabled the second factor after the import, or had it reset, is not given the old phone back.
    """
    newcomer.bring(SECRET)
    newcomer.clock.forward(seconds=120)
    newcomer.auth.enrollment.disable(newcomer.user_id, newcomer.code())

    taken = take(newcomer.auth)

    assert taken.outcome is Outcome.KEPT
    assert "2030-01-01" in taken.notes[0]
    assert not newcomer.row.enabled


def test_what_was_reset_stays_so(newcomer: Person):
    """
    An operator has reset a lost phone: the next run of the import does not bring it back.
    """
    newcomer.bring(SECRET)
    newcomer.auth.users.reset(newcomer.user_id, reason="lost", actor="ops")

    assert take(newcomer.auth).outcome is Outcome.KEPT
    assert not newcomer.row.enabled


@pytest.mark.parametrize("came", ["by import", "by set-up"])
def test_what_was_reset_by_hand_stays_so(newcomer: Person, came: str):
    """
    Somebody has emptied the columns of a user in the database, of which there is no event: whoever had a second factor
    here and has none is not given the old phone back.
    """
    if came == "by import":
        newcomer.bring(SECRET)
    else:
        newcomer.enroll()
    blank = Enrollment(user_id=newcomer.user_id, epoch=newcomer.row.epoch + 1)
    newcomer.auth.store.transact(lambda tx: tx.save(blank))

    assert take(newcomer.auth).outcome is Outcome.KEPT
    assert blank == newcomer.row


@pytest.mark.parametrize("account", ["nobody@example.com", "Ann@example.com", "7", ""])
def test_nobody_is_guessed_at(auth: TwoFactorAuth, account: str):
    """
    An account is the one of exactly that name; an id is not an account.
    """
    taken = take(auth, found(account))

    assert taken.outcome is Outcome.UNKNOWN


def test_several_users_of_one_name_are_told_apart_by_nobody(auth: TwoFactorAuth, store: MemoryStore):
    """
    Where two users have one account name nobody is enrolled.
    """
    store.add_user(9, "ann@example.com")

    assert take(auth).outcome is Outcome.AMBIGUOUS
    assert store.read(lambda tx: [tx.enrollment(user_id).enabled for user_id in (7, 9)]) == [False, False]


def test_what_the_policy_cannot_keep_is_refused(auth: TwoFactorAuth):
    """
    Codes of eight digits cannot be typed here: the row is refused, and says so.
    """
    taken = take(auth, found(secret=replace(SECRET, digits=8)))

    assert taken.outcome is Outcome.REFUSED
    assert "8 digits" in taken.notes[0]


def test_what_cannot_be_read_is_refused(auth: TwoFactorAuth):
    """
    A row that is refused while it is read is told with its place and why, and stops nothing.
    """

    def read() -> Brought:
        raise RowRefused("The secret is not base32.")

    taken = take(auth, found(read=read))

    assert (taken.place, taken.outcome, taken.notes) == ("line 1", Outcome.REFUSED, ("The secret is not base32.",))


def test_what_is_skipped_is_not_read(auth: TwoFactorAuth):
    """
    What the source leaves out is told with its reason, and nobody is enrolled.
    """
    taken = take(auth, found(skipped="It was never confirmed."))

    assert (taken.outcome, taken.notes) == (Outcome.SKIPPED, ("It was never confirmed.",))


@pytest.mark.parametrize("secret", [SECRET, TotpSecret("JBSWY3DPEHPK3PXP", from_elsewhere=True)])
def test_a_dry_run_changes_nothing(newcomer: Person, told: list[Event], secret: TotpSecret):
    """
    A dry run says what would happen, in the words of the real one, and writes nothing.
    """
    erasing = Erasing()
    what = found(secret=secret, erase=erasing)
    before = newcomer.row

    taken = take(newcomer.auth, what, dry_run=True)

    assert before == newcomer.row
    assert not told
    assert erasing.calls == 0
    assert replace(take(newcomer.auth, what)) == taken


def test_a_dry_run_records_nothing_of_damage(newcomer: Person, told: list[Event]):
    """
    Not even that a stored value does not open.
    """
    newcomer.enroll()
    newcomer.auth.store.transact(lambda tx: tx.save(replace(newcomer.row, totp_secret=Sealed("v1.no.thing"))))
    told.clear()

    taken = take(newcomer.auth, dry_run=True)

    assert taken.outcome is Outcome.REFUSED
    assert not told


def test_a_weak_secret_is_told(newcomer: Person):
    """
    The report says of a weak secret that it signs in once more.
    """
    taken = newcomer.bring(TotpSecret("JBSWY3DPEHPK3PXP", from_elsewhere=True))

    assert taken.weak
    assert "once more" in taken.notes[-1]
    assert not newcomer.bring(SECRET).weak


def test_it_is_taken_over_only_where_it_still_stands(newcomer: Person):
    """
    What has changed where it stood since it was read is not taken over; nothing is stored.
    """
    before = newcomer.row

    for erased in (Erased.NOT, Erased.BEFORE):
        taken = take(newcomer.auth, found(erase=lambda _, erased=erased: erased))

        assert taken.outcome is Outcome.REFUSED
        assert "run the import again" in taken.notes[0]
        assert before == newcomer.row


@pytest.mark.parametrize(("erased", "outcome"), [(Erased.BEFORE, Outcome.ALREADY_THERE), (Erased.NOT, Outcome.REFUSED)])
def test_what_another_import_has_deleted_is_there_already(newcomer: Person, erased: Erased, outcome: Outcome):
    """
    Of two imports at once the second finds the secret here, and its place empty: nobody has to take care of that. Where
    another secret stands there by now, somebody has.
    """
    newcomer.bring(SECRET)

    assert take(newcomer.auth, found(erase=lambda _: erased)).outcome is outcome


def test_what_was_of_no_use_and_is_gone_is_told_as_such(auth: TwoFactorAuth):
    """
    Of two imports at once the second does not say that it has deleted what the first one has.
    """
    taken = take(auth, found(skipped="It is deleted.", erase=lambda _: Erased.BEFORE))

    assert (taken.outcome, taken.notes) == (Outcome.SKIPPED, ("Where it stood it is gone, or sealed, by now.",))


def test_it_is_deleted_where_it_stood_even_where_it_is_here_already(newcomer: Person):
    """
    The second time nothing is left in the clear either.
    """
    erasing = Erasing()
    newcomer.bring(SECRET)

    take(newcomer.auth, found(erase=erasing))

    assert erasing.calls == 1


def test_a_secret_of_somebody_who_keeps_another_is_not_deleted(person: Person):
    """
    What was not taken over is not deleted: nobody could say what it was.
    """
    erasing = Erasing()

    take(person.auth, found(erase=erasing))

    assert erasing.calls == 0


def test_pending_sign_ins_die(auth: TwoFactorAuth, store: MemoryStore, person: Person, somebody_else: Person):
    """
    A sign-in that was begun before the import does not end after it.
    """
    pending = somebody_else.begin()
    row = somebody_else.row
    store._tables.events.clear()
    auth.store.transact(lambda tx: tx.save(replace(row, enabled=False, totp_secret=None)))

    take(auth, found("bob@example.com"))

    with pytest.raises(SignInTokenDead):
        auth.sign_in.finish(pending.sign_in_token, somebody_else.code())


def plain_in_our_column(person: Person, value: str, **others: Any) -> Found:
    row = replace(person.row, totp_secret=Sealed(value), enabled=True, **others)
    person.auth.store.transact(lambda tx: tx.save(row))

    def erase(tx: Transaction) -> Erased:
        return Erased.NOW if tx.enrollment(person.user_id).totp_secret == value else Erased.BEFORE

    return Found("user 7", lambda: Brought(SECRET), user_id=person.user_id, in_place=True, erase=erase)


def test_our_own_column_is_sealed_in_place(newcomer: Person):
    """
    A secret that stands in our own column, of a user whose second factor is on, is sealed; the user notices nothing,
    but codes of before count as used.
    """
    what = plain_in_our_column(newcomer, SECRET.base32)
    before = newcomer.row

    taken = take(newcomer.auth, what)

    row, step = newcomer.row, time_step_at(newcomer.clock.now(), 60)
    opened = newcomer.auth.keys.open_sealed(row.totp_secret or Sealed(""), Purpose.TOTP_SECRET, 7)
    assert taken.outcome is Outcome.SEALED
    assert TotpSecret.from_bytes(opened) == SECRET
    assert replace(before, totp_secret=row.totp_secret, last_step=TimeStep(step + 1)) == row


@pytest.mark.parametrize("ahead", [None, 5])
def test_the_newest_step_counts_wherever_it_was_accepted(newcomer: Person, ahead: int | None):
    """
    A step that stands in the row from long before makes no code of the other application new; one beyond stays.
    """
    now = time_step_at(newcomer.clock.now(), 60)
    what = plain_in_our_column(newcomer, SECRET.base32, last_step=TimeStep(now + ahead if ahead else 5))

    take(newcomer.auth, what)

    assert newcomer.row.last_step == now + (ahead or 1)


def test_what_another_import_has_sealed_is_there_already(newcomer: Person, told: list[Event]):
    """
    Of two imports at once the second finds our own column sealed: there is nothing to do, and nothing to be told.
    """
    what = plain_in_our_column(newcomer, SECRET.base32)
    take(newcomer.auth, what)
    before = newcomer.row

    taken = take(newcomer.auth, what)

    assert (taken.outcome, taken.notes) == (Outcome.ALREADY_THERE, ())
    assert before == newcomer.row
    assert len(told) == 1


@pytest.mark.parametrize("codes", ['["sha256$abc"]', "gAAAAABthe old application's"])
@pytest.mark.parametrize("in_place", [True, False])
def test_backup_codes_of_the_old_application_go(newcomer: Person, codes: str, in_place: bool):
    """
    What stands in our column of backup codes and is not ours would hinder every sign-in: it goes, and is told.
    """
    what = plain_in_our_column(newcomer, SECRET.base32, backup_codes=Sealed(codes))
    if not in_place:
        newcomer.auth.store.transact(lambda tx: tx.save(replace(newcomer.row, enabled=False)))
        what = found()

    taken = take(newcomer.auth, what)

    assert newcomer.row.backup_codes is None
    assert any("backup codes" in note for note in taken.notes)
    assert newcomer.auth.enrollment.status(newcomer.user_id).methods == ("totp",)


def test_our_own_backup_codes_stay(person: Person):
    """
    A set of ours, whichever key it is under, stays as it is.
    """
    codes = person.row.backup_codes
    what = plain_in_our_column(person, SECRET.base32)

    take(person.auth, what)

    assert codes == person.row.backup_codes


class Busy(MemoryStore):
    """A store in which some transactions fail."""

    reads = True

    def transact(self, work: Callable[[Transaction], T]) -> T:  # noqa: ARG002 - the port
        raise Unavailable

    def read(self, work: Callable[[Transaction], T]) -> T:
        if not self.reads:
            raise Unavailable
        return super().read(work)


def test_a_row_that_somebody_holds_is_left(auth: TwoFactorAuth):
    """
    One row that is not to be had stops nothing: it is told, and the next run takes it.
    """
    auth._transactions = Busy()

    taken = take(auth)

    assert taken.outcome is Outcome.REFUSED
    assert "run the import again" in taken.notes[0]


def test_a_store_that_is_away_ends_the_import(auth: TwoFactorAuth):
    """
    Where nothing can be read either the import ends; what was taken over stays.
    """
    auth._transactions = Busy()
    auth._transactions.reads = False

    with pytest.raises(Unavailable):
        take(auth)


def test_no_secret_is_told(newcomer: Person, told: list[Event], caplog: pytest.LogCaptureFixture):
    """
    Neither what was found nor what was done, no event and no log holds the secret; nor does an account that is one.
    """
    with caplog.at_level(logging.DEBUG):
        texts = [repr(found()), repr(take(newcomer.auth)), repr(take(newcomer.auth, found(SECRET.base32))), repr(told)]

    assert not any(SECRET.base32 in text for text in [*texts, caplog.text])
