"""A person's own view of what happened: every event of theirs, page by page, and nothing of anybody else's."""

import pytest
from cryptography.fernet import Fernet

from tests.service.people import Person
from twofold import KeyRing
from twofold.core.policy import EVENTS_A_PAGE
from twofold.errors import InvalidRequest
from twofold.service.events import EventPage, ListedEvent


def pages_of(person: Person) -> list[EventPage]:
    pages = [person.auth.events.page(person.user_id)]
    while (cursor := pages[-1].next_cursor) is not None:
        pages.append(person.auth.events.page(person.user_id, cursor))
    return pages


def test_the_newest_comes_first(auth, person, told):
    """
    What a user's page shows is what was recorded, the newest first, and nothing more.
    """
    auth.sign_in.begin(7)
    page = auth.events.page(7)

    assert [
        ListedEvent(item.id, event.kind, event.moment, event.outcome, event.factor, event.client_address, event.reason)
        for item, event in zip(page.items, reversed(told), strict=True)
    ] == list(page.items)
    assert page.next_cursor is None


@pytest.mark.parametrize("events", [0, 1, EVENTS_A_PAGE, EVENTS_A_PAGE + 1, 3 * EVENTS_A_PAGE])
def test_each_event_is_on_one_page(auth, newcomer, events):
    """
    However many there are, each event is on exactly one page, no page is longer than the number says, and none but the
    first is empty.
    """
    for _ in range(events):
        auth.sign_in.begin(7)
    pages = pages_of(newcomer)
    sizes = [len(page.items) for page in pages]

    assert sum(sizes) == len({item.id for page in pages for item in page.items}) == events
    assert sizes[:-1] == [EVENTS_A_PAGE] * (len(pages) - 1)
    assert sizes[-1] > 0 or events == 0


def test_what_happens_meanwhile_moves_no_page(auth, newcomer):
    """
    Events that are recorded between two pages are on neither: the next page goes on where the first one ended.
    """
    for _ in range(3):
        auth.sign_in.begin(7)
    whole = auth.events.page(7).items
    first = auth.events.page(7, at_most=1)
    auth.sign_in.begin(7)

    assert whole == first.items + auth.events.page(7, first.next_cursor).items


def test_nobody_sees_what_others_do(auth, person, somebody_else):
    """
    Whatever others do, a user's view stays the same to the letter; so does a name, and the cursor of another opens
    nothing.
    """
    before = auth.events.page(7)
    auth.sign_in.begin(8)
    theirs = auth.events.page(8, at_most=1)

    assert auth.events.page(7) == before
    assert not {item.id for item in theirs.items} & {item.id for item in before.items}
    with pytest.raises(InvalidRequest) as refusal:
        auth.events.page(7, theirs.next_cursor)
    assert [fault["field"] for fault in refusal.value.errors] == ["cursor"]


def test_a_page_goes_on_after_a_rotation(auth, person):
    """
    A cursor that was given under the key before goes on while that key is on the ring.
    """
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    auth.keys = KeyRing([old])
    first, whole = auth.events.page(7, at_most=1), auth.events.page(7)
    auth.keys = KeyRing([new, old])
    rest = auth.events.page(7, first.next_cursor)

    assert [item.moment for item in whole.items[1:]] == [item.moment for item in rest.items]
    auth.keys = KeyRing([new])
    with pytest.raises(InvalidRequest):
        auth.events.page(7, first.next_cursor)
