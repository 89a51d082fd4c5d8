"""A host that cannot end its sessions says so, knows what it loses, and is refused where that is not allowed."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import twofold.fastapi
from tests.hosts.running import KINDS, Host, Person, Place, edited, environment, load, running
from tests.hosts.test_mistakes import END_ALL, HOST
from tests.hosts.test_story import told
from twofold import ConfigurationError
from twofold.fastapi.sessions import cannot_end_sessions, tokens_expire

IMPORT = "from twofold.fastapi import SignedIn, TwoFactor\n"
# AAL2 itself is refused before, for want of a phishing-resistant factor.
PROFILES = {"almost": "dataclasses.replace(AAL2, name='almost', phishing_resistant=False)", "pci_dss": "PCI_DSS"}


def edits(end_all: str, policy: str = "RECOMMENDED") -> dict[str, str]:
    """Stateless tokens without a version in them, and this policy."""
    return {
        IMPORT: "import dataclasses\n"
        "from twofold import AAL2, PCI_DSS, RECOMMENDED\n"
        "from twofold.fastapi.sessions import cannot_end_sessions, tokens_expire\n" + IMPORT,
        END_ALL: f"\n    end_all = {end_all}\n",
        'issuer="Acme", ': f'issuer="Acme", policy={policy}, ',
    }


both = pytest.mark.parametrize("end_all", ["cannot_end_sessions", "tokens_expire(minutes=15)"], scope="module")


@pytest.fixture(scope="module")
def running_host(
    place_of: Callable[[str, str], Place], key: str, tmp_path_factory: pytest.TempPathFactory, end_all: str
) -> Iterator[Host]:
    path = edited(HOST, edits(end_all), tmp_path_factory.mktemp("stay"))
    with running(KINDS["a"], place_of("a", "sqlite"), key, path) as host:
        yield host


@both
def test_what_is_lost(ann: Person):
    """
    A session of before a change stays signed in.
    """
    browser, other = ann.browser(), ann.browser()

    ann.enroll(browser)
    enrolled = other.is_signed_in()
    browser.twofold("/disable", code=ann.phone.code())

    assert enrolled
    assert other.is_signed_in()


@both
@pytest.mark.parametrize("change", ["a new factor", "a new password"])
def test_what_is_kept(host: Host, ann: Person, change: str):
    """
    A session of before a change has proved nothing any more: it must prove the factor of now.
    """
    browser, other = ann.enrolled().strong_browser(), ann.strong_browser()
    before = other.pays_out()

    if change == "a new factor":
        browser.twofold("/disable", code=ann.phone.code())
        ann.enroll(browser)
    else:
        host.use(lambda auth: auth.password_changed(ann.id))
    refused = other.post("/payouts")
    accepted = other.post("/payouts", code=ann.phone.code())

    assert before
    assert told(refused) == (401, "step-up-required")
    assert told(accepted) == (200, "")


@both
def test_nothing_is_owed(host: Host, ann: Person):
    """
    A change leaves no debt behind that would sign anybody out later.
    """
    browser = ann.browser()
    ann.enroll(browser)

    answers = [browser.get("/me"), browser.get("/api/auth/2fa/status"), browser.post("/payouts")]

    assert [answer.status_code for answer in answers] == [200] * 3
    assert host.execute(host.module.select(host.module.User.twofa_end_sessions).filter_by(id=ann.id)) == [(0,)]


@both
@pytest.mark.parametrize("profile", PROFILES)
def test_profiles_that_refuse_it(profile: str, end_all: str, tmp_path: Path, key: str):
    """
    A profile that asks for sessions that end stops such a host while it is built.
    """
    path = edited(HOST, edits(end_all, PROFILES[profile]), tmp_path)

    with pytest.raises(ConfigurationError) as refused:
        load(path, environment("sqlite://", key))

    assert f"end_all = {end_all}, and the profile {profile} asks for sessions that can be ended" in str(refused.value)
    assert str(refused.value).endswith("and write def end_all(self, user_id) -> None.")


@pytest.mark.parametrize("minutes", [0, -15, math.inf, math.nan])
def test_a_time_that_is_none(minutes: float):
    """
    Tokens that expire do so after a time.
    """
    with pytest.raises(ConfigurationError, match=r"tokens_expire\(minutes=15\)"):
        tokens_expire(minutes=minutes)


def test_what_they_say():
    """
    Both can be told apart from an `end_all` that ends, and say what they are.
    """
    assert (cannot_end_sessions.said, cannot_end_sessions.at_most) == ("cannot_end_sessions", None)
    assert tokens_expire(minutes=7.5).said == "tokens_expire(minutes=7.5)"


def test_the_front_door():
    """
    Neither lies where it would be found by chance: the front door has four names.
    """
    assert twofold.fastapi.__all__ == ["SecondFactorRequired", "Sessions", "SignedIn", "TwoFactor"]
