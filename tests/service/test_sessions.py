"""What the host's sessions have proved, and the debt of ending them."""

from dataclasses import replace

import pytest

from twofold.errors import SessionsOwed, SignInTokenDead, StepUpRequired
from twofold.service.context import token_hash


def test_a_session_is_remembered_with_what_it_has_proved(auth, person):
    """
    A session that started at AAL2 is known as such.
    """
    proved = person.sign_in("a session")
    state = auth.sessions.state(7, "a session")

    assert (proved.assurance, True, 0) == (state.assurance, state.enabled, state.debt)


def test_of_a_password_alone_nothing_is_remembered(auth, newcomer, store):
    """
    For a session that proved the password alone no row is kept.
    """
    auth.sessions.started(auth.sign_in.begin(7), "a session")
    state = auth.sessions.state(7, "a session")

    assert (state.assurance, state.enabled, state.debt) == (None, False, 0)
    assert store.read(lambda tx: tx.session(7, token_hash("a session")))[1] is None


def test_the_name_of_a_session_is_stored_as_a_hash(auth, person, store):
    """
    What the host calls a session, which may be its token, is not stored.
    """
    person.sign_in("the token itself")
    by_hash = store.read(lambda tx: tx.session(7, token_hash("the token itself")))[1]

    assert by_hash is not None
    assert "the token itself" not in repr(vars(by_hash))
    assert store.read(lambda tx: tx.session(7, "the token itself"))[1] is None


@pytest.mark.parametrize("name", ["", "\N{SNOWMAN}", "\ud800", "x" * 10**6])
def test_a_session_may_have_any_name(auth, person, name):
    """
    Whatever the host calls a session can be remembered and asked for.
    """
    auth.step_up.prove(7, name, person.code())

    assert auth.sessions.state(7, name).assurance is not None


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda person: person.auth.password_changed(7), id="password"),
        pytest.param(lambda person: person.enroll(replace=True), id="new phone"),
        pytest.param(lambda person: person.auth.enrollment.disable(7, person.code()), id="disabled"),
    ],
)
def test_a_change_while_a_session_starts_is_noticed(auth, person, change):
    """
    Where a factor or the password changed between the proof and the start of its session, the session does not count,
    and the end of all sessions is owed: this one has started already (G8).
    """
    proved = auth.sign_in.finish(person.begin().sign_in_token, person.code())
    person.clock.forward(seconds=30)
    change(person)
    debt_before = person.row.end_sessions
    with pytest.raises(SignInTokenDead):
        auth.sessions.started(proved, "a session")
    state = auth.sessions.state(7, "a session")

    assert state.assurance is None
    assert state.debt > debt_before


def test_a_session_that_started_too_late_proves_nothing_and_takes_nothing(auth, person):
    """
    A session that was started for a proof of before a change has proved nothing and is to end with all others; who is
    in the middle of signing in since the change goes on (G6, G8).
    """
    late = auth.sign_in.finish(person.begin().sign_in_token, person.code())
    person.clock.forward(seconds=30)
    auth.password_changed(7)
    pending = person.begin()
    with pytest.raises(SignInTokenDead):
        auth.sessions.started(late, "a session")
    proved = auth.sign_in.finish(pending.sign_in_token, person.code())

    assert auth.sessions.state(7, "a session").assurance is None
    assert proved.debt == person.row.end_sessions > 0


def test_enrolling_while_a_password_session_starts_is_noticed(auth, newcomer):
    """
    A session that proved the password alone does not start beside a factor that was set up meanwhile.
    """
    proved = auth.sign_in.begin(7)
    newcomer.enroll()
    with pytest.raises(SignInTokenDead):
        auth.sessions.started(proved, "a session")

    assert auth.sessions.state(7, "a session").debt > newcomer.row.epoch


def test_a_change_ends_what_sessions_have_proved(auth, person):
    """
    After a change of password no session has proved anything, the one that made the change included (G6).
    """
    person.sign_in("a session")
    auth.password_changed(7)

    assert auth.sessions.state(7, "a session").assurance is None


def test_an_assurance_of_another_epoch_is_none(auth, person, store):
    """
    Where the epoch alone has changed, as by an operator's hand, no session has proved anything for any route (G6).
    """
    person.sign_in("a session")
    store.transact(lambda tx: tx.save(replace(tx.lock(7), epoch=person.row.epoch + 1)))

    assert auth.sessions.state(7, "a session").assurance is None
    with pytest.raises(StepUpRequired):
        auth.step_up.require(7, "a session")


def test_a_debt_is_owed_until_it_is_paid(auth, newcomer):
    """
    After a change of factor every look at any session tells the debt, until it is paid; paying twice is no error (G8).
    """
    newcomer.scan()
    confirmed = auth.totp.confirm(7, newcomer.code())
    owed = [auth.sessions.state(7, name).debt for name in ("a session", "another session")]
    for _ in range(2):
        auth.sessions.paid(7, confirmed.proved.debt)

    assert owed == [1, 1]
    assert auth.sessions.state(7, "a session").debt == 0


@pytest.mark.parametrize("right", [True, False])
def test_who_should_have_been_signed_out_steps_up_on_no_road(auth, newcomer, right):
    """
    While sessions are still to be ended no session proves anything: nothing is spent, and nothing counted (G8).
    """
    newcomer.scan()
    auth.totp.confirm(7, newcomer.code())
    before, code = newcomer.row, newcomer.shown() if right else newcomer.wrong_code().text
    with pytest.raises(SessionsOwed, check=lambda error: error.debt == before.end_sessions):
        auth.step_up.prove(7, "a session", auth.typed(code))
    with pytest.raises(SessionsOwed):
        auth.step_up.require(7, "a session", code=code)

    assert before == newcomer.row


def test_paying_an_older_debt_leaves_a_newer_one(auth, person):
    """
    Where another change came in between, paying for the first leaves the second owed: its sessions have not ended.
    """
    first = person.enroll(replace=True).proved.debt
    person.scan(replace=True)
    second = auth.totp.confirm(7, person.code()).proved.debt
    auth.sessions.paid(7, first)

    assert first < second == auth.sessions.state(7, "a session").debt


def test_an_unpaid_debt_comes_with_every_sign_in(auth, newcomer):
    """
    Where a crash came before the payment, whoever signs in next is told what is owed before the session starts.
    """
    newcomer.scan()
    auth.totp.confirm(7, newcomer.code())
    newcomer.clock.forward(seconds=30)
    by_code = auth.sign_in.begin(7, newcomer.shown())
    auth.enrollment.disable(7, newcomer.next_code())
    by_password = auth.sign_in.begin(7)

    assert (by_code.debt, by_password.debt) == (1, 2)


def test_an_aal1_session_is_not_raised_by_its_name(auth, person):
    """
    A proof counts for the session in which it was given, not for one of a similar name.
    """
    auth.step_up.prove(7, "session", person.code())
    names = ["Session", "session ", " session", "sessio", "session\0"]

    assert [auth.sessions.state(7, name).assurance for name in names] == [None] * 5
