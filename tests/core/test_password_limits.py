"""Who is counted as one before the password: addresses, windows, and the names of counts."""

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twofold.core.password_limits import Window, network_of, plain_address
from twofold.core.policy import PCI_DSS, RECOMMENDED
from twofold.testing.clock import NOON

WINDOW = Window.at(NOON, RECOMMENDED)


@pytest.mark.parametrize(
    ("address", "counted_as"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::FFFF:C000:0201", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:0DB8:0001:0002::1", "2001:db8:1:2::"),
        ("2001:db8:1:3::1", "2001:db8:1:3::"),
        ("fe80::1%eth0", "fe80::"),
        ("fe80::1%anything at all", "fe80::"),
        ("::1", "::"),
    ],
)
def test_an_address_is_counted_by_its_network(address, counted_as):
    """
    IPv4 by the address, also where it is written as IPv6; IPv6 by its /64, however it is written.
    """
    assert counted_as == network_of(address)


NO_ADDRESSES = [None, "", "unknown", "testclient", "192.0.2.1:80", "192.0.2.256", "192.0.2.1, 192.0.2.2", "_hidden"]


@pytest.mark.parametrize("text", [*NO_ADDRESSES, "[::1]", "١٢٧.0.0.1", "::1/64", "/run/socket", "\udc80"])
def test_what_is_no_address_is_counted_together(text):
    """
    Whatever is no address shares one count, so that nobody gets one of their own by making something up.
    """
    assert network_of(text) == ""
    assert plain_address(text) is None


@pytest.mark.parametrize(
    ("text", "address"),
    [("::FFFF:192.0.2.1", "192.0.2.1"), ("2001:DB8::0:1", "2001:db8::1"), ("fe80::1%x y", "fe80::1")],
)
def test_an_address_is_written_one_way(text, address):
    """
    An address has one form, in which nothing stands that a client could choose freely.
    """
    assert plain_address(text) == address


@given(st.integers(0, 2**32), st.sampled_from([RECOMMENDED, PCI_DSS]))
def test_windows_follow_each_other(second, policy):
    """
    Every moment is in exactly one window, as long as the policy says, and the next begins when its rest has passed.
    """
    moment = NOON + timedelta(seconds=second)
    window = Window.at(moment, policy)
    last, following = (
        Window.at(moment + timedelta(seconds=window.left + more), policy).number - window.number for more in (-1, 0)
    )

    assert window.seconds == policy.password_window.total_seconds()
    assert 1 <= window.left <= window.seconds
    assert (last, following) == (0, 1)


@given(st.text(), st.text())
def test_a_count_is_named_by_a_digest(one, other):
    """
    Each count has a name of its own, of which nothing can be read: not even as which kind or when it was counted.
    """
    later = Window.at(NOON + RECOMMENDED.password_window, RECOMMENDED)
    names = {WINDOW.key(kind, value) for kind in ("address", "account") for value in {one, other}}
    names |= {later.key("account", value) for value in {one, other}}

    assert len(names) == 3 * len({one, other})
    assert all(re.fullmatch("[0-9a-f]{64}", name) for name in names)


def test_parts_of_a_name_do_not_run_into_each_other():
    """
    What ends one part and begins the next is told by its length.
    """
    assert WINDOW.key("address", "x") != WINDOW.key("addres", "sx")


def test_text_that_is_no_unicode_is_counted():
    """
    Half a surrogate pair, as JSON can carry it, has a count as any other text.
    """
    assert WINDOW.key("account", "\ud800") != WINDOW.key("account", "?")
