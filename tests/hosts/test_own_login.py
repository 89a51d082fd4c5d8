"""A host whose password route stays its own, and takes the rest as a dependency."""

from collections.abc import Callable

import pytest

from tests.hosts.running import Browser, Host, Person
from tests.hosts.test_openapi import answers
from tests.hosts.test_story import told, wrong

EDITS = {
    "import SignedIn, TwoFactor\n": "import SecondFactorRequired, SignedIn, TwoFactor\n",
    'app.include_router(two_factor.sign_in_router(check_password, path="/token"))\n': """
Answer = Token | SecondFactorRequired

app.include_router(two_factor.sign_in_router(path="/token"))


@app.post("/token")
def login(answer: Annotated[Answer, Depends(two_factor.sign_in(check_password))]) -> Answer:
    return answer
""",
}


@pytest.fixture
def host(variant: Callable[..., Host]) -> Host:
    return variant("a", EDITS)


def test_a_password_alone(host: Host, ann: Person):
    """
    Who has no second factor is answered what the host always answered, and no more.
    """
    browser = Browser(host)

    answer = browser.sign_in(ann)

    assert answer.json() == {"access_token": answer.json()["access_token"], "token_type": "bearer"}
    assert browser.is_signed_in()


def test_a_wrong_password(host: Host, ann: Person):
    """
    A wrong password is refused in the host's own words.
    """
    answer = Browser(host).sign_in(ann, password="wrong")

    assert answer.status_code == 401
    assert answer.json() == {"detail": "Incorrect username or password"}


def test_the_second_factor(host: Host, ann: Person):
    """
    Who has a second factor is asked for it in a second step, or gives it at once; no token stays in a cache.
    """
    ann.enrolled()
    code, two_steps, in_one_go = ann.phone.code(), Browser(host), Browser(host)

    pending = two_steps.sign_in(ann)
    refused = in_one_go.sign_in(ann, code=wrong(code))
    finished = two_steps.finish(pending.json()["sign_in_token"], code=code)
    at_once = in_one_go.sign_in(ann, code=ann.phone.code())

    assert pending.json()["status"] == "second_factor_required"
    assert told(refused) == (400, "invalid-code")
    assert [finished.status_code, at_once.status_code] == [200] * 2
    assert {answer.headers["cache-control"] for answer in (pending, finished, at_once)} == {"no-store"}
    assert two_steps.pays_out()
    assert in_one_go.pays_out()


def test_what_is_described(host: Host):
    """
    The host's own annotation is what OpenAPI shows.
    """
    described = host.app.openapi()

    assert answers(described, "/token") == ["Token", "SecondFactorRequired"]
