"""Signing in: what a pending sign-in survives, and what it dies of."""

from dataclasses import replace
from datetime import timedelta

import pytest

from twofold.errors import CodeAlreadyUsed, InvalidCode, Locked, MalformedCode, SignInTokenDead
from twofold.service.context import token_hash
from twofold.service.sessions import Proved
from twofold.service.sign_in import SecondFactorPending
from twofold.testing.clock import NOON


def dies_of(auth, person, change) -> None:
    pending = person.begin()
    change()
    with pytest.raises(SignInTokenDead):
        auth.sign_in.finish(pending.sign_in_token, person.next_code())


def test_without_a_second_factor_the_password_is_enough(auth, newcomer):
    """
    Who has no second factor has proved AAL1 with the password, whatever code comes along.
    """
    proved = [auth.sign_in.begin(7), auth.sign_in.begin(7, "123456"), auth.sign_in.begin(7, "no code at all")]

    assert [Proved(7, one.assurance, epoch=0) for one in proved] == proved
    assert {(1, ("pwd",), NOON)} == {(one.assurance.aal, one.assurance.amr, one.assurance.at) for one in proved}


def test_with_a_second_factor_the_password_opens_a_pending_sign_in(auth, person, clock):
    """
    The right password gives a handle that lives five minutes, and says with which factors to finish.
    """
    pending = person.begin()

    assert (pending.methods, pending.locked_until) == (("totp", "backup_code"), None)
    assert clock.now() + timedelta(minutes=5) == pending.expires_at
    assert len(pending.sign_in_token) >= 43


def test_the_handle_of_a_sign_in_is_not_stored(person, store):
    """
    What is stored of a sign-in token is its hash.
    """
    pending = person.begin()
    stored = store.read(lambda tx: tx.pending_sign_in(token_hash(pending.sign_in_token)))

    assert stored.user_id == 7
    assert pending.sign_in_token not in repr(vars(stored))
    assert store.read(lambda tx: tx.pending_sign_in(pending.sign_in_token)) is None


@pytest.mark.parametrize("backup", [False, True])
def test_the_second_factor_finishes_a_sign_in(auth, person, clock, backup):
    """
    A right code, or a backup code, proves AAL2 at this moment.
    """
    proved = auth.sign_in.finish(person.begin().sign_in_token, person.backup_code() if backup else person.code())

    assert proved.assurance.amr == ("pwd", "mfa") if backup else proved.assurance.amr == ("pwd", "otp", "mfa")
    assert (proved.user_id, proved.assurance.aal, proved.epoch, proved.debt) == (7, 2, 1, 0)
    assert clock.now() == proved.assurance.second_factor_at
    assert (9 if backup else None) == proved.backup_codes_remaining


def test_a_code_may_come_along_with_the_password(auth, person):
    """
    With the right code beside the password no pending sign-in is needed.
    """
    proved = auth.sign_in.begin(7, person.code().text)

    assert isinstance(proved, Proved)
    assert proved.assurance.aal == 2


@pytest.mark.parametrize("code", ["12345", "\uff11\uff12\uff13\uff14\uff15\uff16", "", "1" * 10**6])
def test_a_malformed_code_beside_the_password_is_not_counted(auth, person, code):
    """
    A code beside the password that cannot be one is refused, and nothing is counted (G13).
    """
    before = person.row
    with pytest.raises(MalformedCode):
        auth.sign_in.begin(7, code)

    assert before == person.row


def test_a_sign_in_survives_typos(auth, person):
    """
    Four wrong codes, a wrong backup code and a used one later, the same sign-in is finished (G6).
    """
    token = person.begin().sign_in_token
    wrong_backup_code = auth.typed_backup_code("0" * 24)
    auth.backup_codes.burn(7, person.backup_code())
    for typed in [person.wrong_code()] * 4 + [wrong_backup_code]:
        with pytest.raises(InvalidCode):
            auth.sign_in.finish(token, typed)
    with pytest.raises(CodeAlreadyUsed):
        auth.sign_in.finish(token, person.backup_code())
    proved = auth.sign_in.finish(token, person.code())

    assert proved.assurance.aal == 2


def test_a_sign_in_survives_a_wait(auth, person):
    """
    After a wait has passed the sign-in that met it can be finished, and meanwhile by a backup code.
    """
    tokens = [person.begin().sign_in_token for _ in range(2)]
    for _ in range(5):
        with pytest.raises(InvalidCode):
            auth.sign_in.finish(tokens[0], person.wrong_code())
    with pytest.raises(Locked):
        auth.sign_in.finish(tokens[0], person.code())
    meanwhile = auth.sign_in.finish(tokens[1], person.backup_code())
    proved = auth.sign_in.finish(tokens[0], person.next_code())

    assert (meanwhile.assurance.aal, proved.assurance.aal) == (2, 2)


def test_a_new_sign_in_does_not_shorten_a_wait(auth, person, clock):
    """
    Typing the password again gives no fresh attempts: the wait is told, and holds back the right code (G4).
    """
    for _ in range(5):
        with pytest.raises(InvalidCode):
            auth.sign_in.finish(person.begin().sign_in_token, person.wrong_code())
    pending = person.begin()
    with pytest.raises(Locked):
        auth.sign_in.finish(pending.sign_in_token, person.code())
    with pytest.raises(Locked):
        auth.sign_in.begin(7, person.code().text)

    assert clock.now() + timedelta(seconds=30) == pending.locked_until
    assert pending.methods == ("totp", "backup_code")


def test_a_sign_in_dies_on_success(auth, person):
    """
    A handle signs in once, also with another right code (G6).
    """
    token = person.begin().sign_in_token
    auth.sign_in.finish(token, person.code())
    for typed in (person.code(), person.next_code(), person.backup_code()):
        with pytest.raises(SignInTokenDead):
            auth.sign_in.finish(token, typed)

    assert auth.enrollment.status(7).backup_codes_remaining == 10


def test_a_sign_in_lives_five_minutes(auth, person, clock):
    """
    Until its last moment a sign-in can be finished.
    """
    token = person.begin().sign_in_token
    clock.forward(minutes=5, seconds=-0.000001)

    assert auth.sign_in.finish(token, person.code()).assurance.aal == 2


def test_a_sign_in_dies_of_age(auth, person, clock):
    """
    After five minutes a handle is dead, and the right code is not spent on it (G6).
    """
    before = person.row
    dies_of(auth, person, lambda: clock.forward(minutes=4, seconds=30))

    assert before == person.row


def test_a_sign_in_dies_of_a_new_password(auth, person):
    """
    A handle that was given for the old password is dead once it has changed (G6).
    """
    dies_of(auth, person, lambda: auth.password_changed(7))

    assert auth.sign_in.begin(7, person.code().text).assurance.aal == 2


def test_a_sign_in_dies_of_a_new_phone(auth, person):
    """
    A handle that was given before the app was replaced is dead (G6).
    """
    dies_of(auth, person, lambda: person.enroll(replace=True))

    assert person.row.enabled


def test_a_sign_in_dies_when_the_second_factor_is_removed(auth, person):
    """
    A handle is no way in for a user whose factors are gone: the password is asked again (G6).
    """
    dies_of(auth, person, lambda: auth.enrollment.disable(7, person.code()))

    assert not person.row.enabled


def test_a_sign_in_does_not_come_back_with_a_new_factor(auth, person):
    """
    Removing the factors and enrolling anew leaves no handle of before alive.
    """
    token = person.begin().sign_in_token
    auth.enrollment.disable(7, person.code())
    person.enroll()
    with pytest.raises(SignInTokenDead):
        auth.sign_in.finish(token, person.code())

    assert person.row.epoch == 3


@pytest.mark.parametrize("token", ["", "a", "\N{SNOWMAN}", "\ud800", "x" * 10**6])
def test_an_unknown_handle_is_dead(auth, person, token):
    """
    Whatever comes in place of a handle is dead, and spends nothing.
    """
    with pytest.raises(SignInTokenDead):
        auth.sign_in.finish(token, person.code())

    assert auth.totp.verify(7, person.code()) == person.row.last_step


def test_fifty_sign_ins_live_side_by_side(auth, person, clock):
    """
    Of one user's pending sign-ins fifty live, and the oldest goes first; another user's do not count (G6).
    """
    tokens = []
    for _ in range(52):
        tokens.append(person.begin().sign_in_token)
        clock.forward(seconds=1)
    for dead in tokens[:2]:
        with pytest.raises(SignInTokenDead):
            auth.sign_in.finish(dead, person.code())
    oldest = auth.sign_in.finish(tokens[2], person.code())
    newest = auth.sign_in.finish(tokens[-1], person.next_code())

    assert (oldest.assurance.aal, newest.assurance.aal) == (2, 2)


def test_sign_ins_of_one_user_do_not_push_out_anothers(auth, person, somebody_else):
    """
    However often somebody else signs in, a pending sign-in stays.
    """
    token = person.begin().sign_in_token
    others = [somebody_else.begin() for _ in range(60)]

    assert len({other.sign_in_token for other in others}) == 60
    assert auth.sign_in.finish(token, person.code()).user_id == 7


def test_a_handle_belongs_to_its_user(auth, person, somebody_else):
    """
    A handle is finished with the factor of the user whose password was right, and of nobody else.
    """
    token = person.begin().sign_in_token
    with pytest.raises(InvalidCode):
        auth.sign_in.finish(token, somebody_else.code())
    proved = auth.sign_in.finish(token, person.code())

    assert proved.user_id == 7
    assert somebody_else.row.last_step < person.row.last_step


def test_the_handle_shows_in_no_repr(person):
    """
    A pending sign-in may be logged: its handle stands in no repr.
    """
    pending = person.begin()

    assert isinstance(pending, SecondFactorPending)
    assert pending.sign_in_token not in f"{pending!r} {pending}"


def test_a_page_may_look_at_a_sign_in_that_waits(auth, person, clock):
    """
    What waits is told as it stands now: its methods, its end, and the wait that wrong codes have set meanwhile.
    """
    pending = person.begin()
    for _ in range(5):
        with pytest.raises(InvalidCode):
            auth.sign_in.finish(pending.sign_in_token, person.wrong_code())
    looked = auth.sign_in.waiting(pending.sign_in_token)

    assert pending.locked_until is None
    assert replace(pending, locked_until=clock.now() + timedelta(seconds=30)) == looked


def test_nothing_is_told_of_a_sign_in_that_has_ended(auth, person):
    """
    A handle that is finished, or was never one, is dead to whoever looks, too.
    """
    token = person.begin().sign_in_token
    auth.sign_in.finish(token, person.code())

    for handle in (token, "", "x" * 43):
        with pytest.raises(SignInTokenDead):
            auth.sign_in.waiting(handle)
