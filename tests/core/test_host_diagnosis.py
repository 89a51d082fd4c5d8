"""What is told of an application around the second factor: which light, and what to do."""

from dataclasses import replace
from datetime import timedelta

import pytest

from twofold.core import host_diagnosis as diagnosis
from twofold.core.diagnosis import Light
from twofold.core.host_diagnosis import Cors, Limits, Routes
from twofold.core.policy import AAL2, PCI_DSS, RECOMMENDED, ROUTES_SHOWN

GREEN, AMBER, RED = Light
AN_HOUR, A_DAY, A_QUARTER = timedelta(hours=1), timedelta(hours=24), timedelta(minutes=15)

SESSIONS = {
    "as-long": (AN_HOUR, A_DAY, RECOMMENDED, GREEN),
    "shorter": (A_QUARTER, AN_HOUR, RECOMMENDED, GREEN),
    "idle-for-longer": (AN_HOUR + timedelta(seconds=1), A_DAY, RECOMMENDED, RED),
    "live-for-longer": (AN_HOUR, A_DAY + timedelta(seconds=1), RECOMMENDED, RED),
    "an-hour-idle-in-pci-dss": (AN_HOUR, A_DAY, PCI_DSS, RED),
    "a-quarter-idle-in-pci-dss": (A_QUARTER, A_DAY, PCI_DSS, GREEN),
    "unknown-in-recommended": (None, None, RECOMMENDED, GREEN),
    "unknown-in-pci-dss": (None, A_DAY, PCI_DSS, AMBER),
    "unknown-in-aal2": (AN_HOUR, None, AAL2, AMBER),
    "unknown-and-too-long": (None, 2 * A_DAY, PCI_DSS, RED),
}


@pytest.mark.parametrize("case", SESSIONS)
def test_sessions_live_no_longer_than_the_policy_says(case):
    """
    Sessions that live longer than the policy says are red; where nobody knows, a standard's profile is amber.
    """
    idle, life, policy, light = SESSIONS[case]
    found = diagnosis.sessions(idle, life, policy)

    assert found.light is light
    assert policy.name in found.found
    assert bool(found.advice) is (light is not GREEN)


def test_sessions_that_live_too_long_are_told_with_both_lengths():
    """
    Who reads of sessions that live too long reads for how long, and what the profile says.
    """
    found = diagnosis.sessions(timedelta(minutes=60), A_DAY, PCI_DSS)

    assert found.found == "sessions live 60 min idle, and pci_dss says 15 min"


def test_sessions_that_stay_are_amber_and_red_where_the_profile_asks_for_their_end():
    """
    A host that cannot end its sessions is told so, with how long they stay; a profile that asks for more makes it red.
    """
    ended = diagnosis.end_all(None, None, PCI_DSS)
    for_ever = diagnosis.end_all("cannot_end_sessions", None, RECOMMENDED)
    refused = diagnosis.end_all("tokens_expire(minutes=15)", A_QUARTER, PCI_DSS)

    assert [each.light for each in (ended, for_ever, refused)] == [GREEN, AMBER, RED]
    assert "for as long as they live" in for_ever.found
    assert "for up to 15 min" in refused.found


LIMITS = {
    "one-worker": (Limits(shared=False), 1, RECOMMENDED, GREEN, ""),
    "four-workers-alone": (Limits(shared=False), 4, RECOMMENDED, RED, "REDIS_URL"),
    "four-workers-together": (Limits(shared=True), 4, PCI_DSS, GREEN, ""),
    "redis-is-away": (Limits(shared=True, answers=False), 1, RECOMMENDED, AMBER, "Redis"),
    "redis-is-away-and-each-counts-alone": (Limits(shared=True, answers=False), 4, RECOMMENDED, RED, "Redis"),
    "redis-is-away-and-nobody-signs-in": (Limits(shared=True, answers=False), 1, PCI_DSS, RED, "Redis"),
    "none-found": (None, 1, RECOMMENDED, AMBER, "app.state.password_limits"),
}


@pytest.mark.parametrize("case", LIMITS)
def test_all_workers_count_together(case):
    """
    Several workers that count wrong passwords alone are red, and so is a Redis without which nobody signs in.
    """
    limits, workers, policy, light, words = LIMITS[case]
    found = diagnosis.password_limits(limits, workers, policy)

    assert found.light is light
    assert words in found.advice


def test_what_alone_costs_is_told():
    """
    Who reads of workers that count alone reads how many times as many passwords are looked at.
    """
    assert "4 times as many" in diagnosis.password_limits(Limits(shared=False), 4, RECOMMENDED).found


def test_routes_that_change_what_a_sign_in_stands_on_are_amber():
    """
    A route that changes password, address or account behind a sign-in alone is amber; others are told, and green.
    """
    usual = Routes(ours=10, guarded=2, signed_in=3, opened=1, writing=["POST /posts"], unseen=["POST /x"])
    weighty = diagnosis.routes(replace(usual, weighty=["PATCH /users/me"]))
    found = diagnosis.routes(replace(usual, waived=["POST /logout (it ends)"]))

    assert [found.light, weighty.light] == [GREEN, AMBER]
    assert found.found == (
        "10 of Twofold's, 2 behind a fresh second factor, 3 behind a sign-in, 1 open; not FastAPI's, and not looked "
        "into: POST /x; they write behind a sign-in alone: POST /posts; no second factor, on purpose: POST /logout "
        "(it ends)"
    )
    assert "PATCH /users/me" in weighty.found
    assert diagnosis.GUARD in weighty.advice
    assert diagnosis.WAIVER in weighty.advice


def test_a_proxy_among_the_admins_is_amber():
    """
    An allow-list of administration with a trusted proxy in it is amber, with what to take out.
    """
    found = diagnosis.routes(Routes(proxies=["192.0.2.1/32"]))

    assert found.light is AMBER
    assert found.found.startswith("a trusted proxy may administer: 192.0.2.1/32 in the allow-list; ")
    assert "out of ADMIN_ALLOWED_IPS" in found.advice


def test_a_way_in_past_the_second_factor_is_red():
    """
    A route that hands out a session by itself is red, one of which nobody knows amber, one that says why green.
    """
    past, unsure = diagnosis.tokens(["POST /token"], [], ["POST /x"]), diagnosis.tokens([], [], ["POST /x"])
    waived, none = diagnosis.tokens([], ["POST /token (a robot's)"], []), diagnosis.tokens([], [], [])

    assert [each.light for each in (past, unsure, waived, none)] == [RED, AMBER, GREEN, GREEN]
    assert "POST /token" in past.found
    assert "sign_in_router" in past.advice.replace("sign-in router", "sign_in_router")
    assert "a robot's" in waived.found


def test_of_many_routes_the_first_are_named():
    """
    A finding stays readable however many routes there are.
    """
    names = [f"POST /{number}" for number in range(ROUTES_SHOWN + 3)]

    assert diagnosis.listed(names[:-3]) == ", ".join(names[:-3])
    assert diagnosis.listed(names) == ", ".join([*names[:-3], "and 3 more"])


CORS = {
    "none": ([], GREEN, ""),
    "whole": ([Cors()], GREEN, ""),
    "header-missing": ([Cors(), Cors(["X-TOTP-Code"], ["Retry-After"])], RED, '"X-TOTP-Code"'),
    "unread": ([Cors([], ["WWW-Authenticate", "Retry-After"])], AMBER, '"Retry-After", "WWW-Authenticate"'),
}


@pytest.mark.parametrize("case", CORS)
def test_scripts_send_the_header_and_read_what_is_asked_for(case):
    """
    CORS without the header is red, CORS that hides our answers is amber, and what to write is said.
    """
    given, light, words = CORS[case]
    found = diagnosis.cors(given)

    assert found.light is light
    assert words in found.advice
