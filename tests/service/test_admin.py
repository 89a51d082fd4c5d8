"""What an admin may not do, and what is recorded of those who may not be one."""

import pytest

from tests.service.people import Person
from twofold import EventKind, TwoFactorAuth
from twofold.core.events import Event
from twofold.errors import Forbidden, UnknownUser

WHY = "Lost phone, ticket 4711"


def test_nobody_does_it_to_themselves(auth: TwoFactorAuth, person: Person, told: list[Event]):
    """
    Who resets or unlocks is somebody else: otherwise nothing is changed, and nothing recorded.
    """
    before, number = person.row, len(told)

    with pytest.raises(Forbidden, match="another admin"):
        auth.users.reset(7, reason=WHY, actor="7", by=7)
    with pytest.raises(Forbidden, match="another admin"):
        auth.users.unlock(7, reason=WHY, actor="7", by=7)

    assert person.row == before
    assert len(told) == number


def test_an_id_is_what_is_written_and_no_name(auth: TwoFactorAuth, person: Person):
    """
    By an id only that one is found whose id is written so, whoever has it for a name.
    """
    assert auth.users.by_id("7") == 7
    for text in ("07", " 7", "7.0", "99", "", auth.users.page().items[0].account):
        with pytest.raises(UnknownUser):
            auth.users.by_id(text)


def test_a_role_is_recorded(auth: TwoFactorAuth, person: Person, told: list[Event]):
    """
    Who becomes an admin, and who is none any more, is in their events, with who did it; nothing else changes.
    """
    before = person.row
    told.clear()

    auth.users.role_changed(7, granted=True, actor="command line")
    auth.users.role_changed(7, granted=False, actor="command line")

    assert [(one.user_id, one.kind, one.actor) for one in told] == [
        (7, EventKind.ROLE_GRANTED, "command line"),
        (7, EventKind.ROLE_REVOKED, "command line"),
    ]
    assert [one.kind for one in auth.events.page(7).items[:2]] == ["role_revoked", "role_granted"]
    assert person.row == before
    with pytest.raises(UnknownUser):
        auth.users.role_changed(99, granted=True, actor="command line")


def test_a_refusal_of_nobody(auth: TwoFactorAuth, person: Person, told: list[Event]):
    """
    A stranger's refusal is nobody's; where it is not kept it is told all the same.
    """
    told.clear()

    auth.events.admin_refused(None, "forbidden", is_kept=True)
    auth.events.admin_refused(None, "forbidden", is_kept=False)
    auth.events.admin_refused(99, "forbidden", is_kept=True)
    auth.events.admin_refused(7, "step-up-required", is_kept=True)

    assert [one.user_id for one in told] == [None, None, 99, 7]
    kept = [one for one in auth.events.of_everybody().items if one.kind == "admin_refused"]
    assert [(one.user_id, one.outcome) for one in kept] == [(7, "step-up-required"), (None, "forbidden")]
