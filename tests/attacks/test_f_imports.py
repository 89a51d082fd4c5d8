"""F: what comes from another application, by `twofold import` beside the running backend."""

from collections.abc import Callable

import pyotp
import pytest

from tests.attacks.acts import log_in, told
from tests.cli.conftest import Operator, operator, operator_on
from tests.http.world import Person

__all__ = ["operator", "operator_on"]

BASE32 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
Importing = Callable[..., tuple[int, str, str]]


@pytest.fixture
def imports(operator: Operator) -> Importing:
    """Import one person with these parameters; the exit code, what was done, and all that was printed."""

    def imports(person: Person, **parameters: object) -> tuple[int, str, str]:
        header, line = ",".join(parameters), ",".join(map(str, parameters.values()))
        typed = f"account,secret,{header}\n{person.email},{BASE32},{line}\n"
        done = operator.run("import", "csv", "-", "--json", typed=typed)
        return done.code, done.lines[0]["outcome"], done.out + done.err

    return imports


@pytest.mark.parametrize(
    ("parameters", "what"),
    [
        ({"period": 0}, "The period must be 1 to 120 whole seconds"),
        ({"period": -30}, "The period must be 1 to 120 whole seconds"),
        ({"period": 2**63}, "The period must be 1 to 120 whole seconds"),
        ({"digits": 99}, "A code must have 6 to 8 digits"),
        ({"digits": 0}, "A code must have 6 to 8 digits"),
        ({"last_used_step": 2**63}, "no number of a time step"),
        ({"last_used_step": -1}, "no number of a time step"),
        ({"last_used_step": 10**11}, "lies in the future"),
    ],
)
def test_f6_numbers_that_no_code_has(operator: Operator, imports: Importing, parameters: dict[str, int], what: str):
    """
    A period of nothing, 99 digits, a huge counter: the row is refused with what is allowed, and nobody is enrolled.
    """
    person = operator.world.registered()

    code, outcome, printed = imports(person, **parameters)

    assert (code, outcome) == (1, "refused")
    assert what in printed
    assert BASE32 not in printed
    assert log_in(person).json()["status"] == "signed_in"


def test_f7_algorithm_and_digits_are_not_overlooked(operator: Operator, imports: Importing):
    """
    A secret with SHA-256 and steps of 60 seconds is accepted by its own codes, and not by those of SHA-1; one whose
    codes have eight digits is refused, and its user is without a second factor, not with one that is never right.
    """
    own, eight = operator.world.registered(), operator.world.registered()
    phone = pyotp.TOTP(BASE32, digest="sha256", interval=60)
    now = operator.world.clock.now()

    taken = imports(own, algorithm="SHA256", period=60)
    refused = imports(eight, algorithm="SHA256", digits=8)

    assert taken[:2] == (0, "imported")
    assert told(log_in(own, pyotp.TOTP(BASE32).at(now))) == "invalid-code"
    assert told(log_in(own, phone.at(now))) == "success"
    assert refused[:2] == (1, "refused")
    assert "8 digits" in refused[2]
    assert log_in(eight).json()["status"] == "signed_in"
