"""G1: a time step is accepted once, on all roads together."""

import pytest

from tests.service.roads import CODE_ROADS
from twofold.core.totp import time_step_at
from twofold.errors import CodeAlreadyUsed, InvalidCode

SPENDING = [name for name in CODE_ROADS if name != "disable"]  # After it there is nothing to spend a code on.


@pytest.mark.parametrize("first", SPENDING)
@pytest.mark.parametrize("second", CODE_ROADS)
def test_a_code_that_was_accepted_on_one_road_is_refused_on_every_other(person, first, second):
    """
    Whichever road took a code, no road takes it again, and trying costs nothing (G1).
    """
    CODE_ROADS[first](person, person.code())
    before = person.row
    with pytest.raises(CodeAlreadyUsed):
        CODE_ROADS[second](person, person.code())

    assert before == person.row


@pytest.mark.parametrize("road", CODE_ROADS)
def test_the_code_that_confirmed_a_set_up_is_refused_on_every_road(auth, newcomer, road):
    """
    The first code of a new secret is claimed by its confirmation (G1).
    """
    newcomer.scan()
    code = newcomer.code()
    auth.totp.confirm(7, code)
    auth.sessions.paid(7, newcomer.row.end_sessions)
    with pytest.raises(CodeAlreadyUsed):
        CODE_ROADS[road](newcomer, code)

    assert time_step_at(newcomer.clock.now(), 30) == newcomer.row.last_step


@pytest.mark.parametrize("road", CODE_ROADS)
def test_a_b_a_fails_on_every_road(auth, person, road):
    """
    After code A and then code B, code A is refused although it is in the window (G1).
    """
    a = person.code()
    auth.totp.verify(7, a)
    auth.totp.verify(7, person.next_code())
    with pytest.raises(CodeAlreadyUsed):
        CODE_ROADS[road](person, a)

    assert person.row.attempts.failures == {}


@pytest.mark.parametrize("road", CODE_ROADS)
def test_the_next_code_is_accepted_on_every_road(auth, person, road):
    """
    Half a minute after a code was used the next one works.
    """
    auth.totp.verify(7, person.code())
    CODE_ROADS[road](person, person.next_code())

    assert person.row.last_step in {0, time_step_at(person.clock.now(), 30)}


@pytest.mark.parametrize("road", CODE_ROADS)
def test_a_code_of_two_steps_ago_is_wrong_on_every_road(person, road):
    """
    A code older than the drift is wrong, whether it was used or not.
    """
    old = person.code()
    person.clock.forward(seconds=60)
    with pytest.raises(InvalidCode):
        CODE_ROADS[road](person, old)

    assert person.row.attempts.failures == {"totp": 1}


@pytest.mark.parametrize("road", CODE_ROADS)
def test_a_wrong_code_is_counted_on_every_road(person, road):
    """
    A wrong code costs one failure wherever it is typed: guesses are counted together.
    """
    before = person.row
    with pytest.raises(InvalidCode):
        CODE_ROADS[road](person, person.wrong_code())

    assert person.row.attempts.failures == {"totp": 1}
    assert (before.last_step, before.epoch) == (person.row.last_step, person.row.epoch)


@pytest.mark.parametrize("road", CODE_ROADS)
def test_another_users_code_is_wrong_on_every_road(person, somebody_else, road):
    """
    What one person's phone shows opens nothing of another's.
    """
    with pytest.raises(InvalidCode):
        CODE_ROADS[road](person, somebody_else.code())

    assert person.row.attempts.failures == {"totp": 1}
    assert somebody_else.row.attempts.failures == {}
