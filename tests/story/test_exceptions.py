"""There is no way around the second factor: what docs/exceptions.md says, proved as far as a program can."""

import ast
import re
from collections.abc import Iterator
from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from app.main import create_app
from tests.service.people import Person
from twofold import PCI_DSS, RECOMMENDED, KeyRing, Policy, TwoFactorAuth
from twofold.core.enrollment import Enrollment
from twofold.core.policy import BOUNDS, PROFILE_BOUNDS, checked_policy
from twofold.core.totp import TimeStep, time_step_at
from twofold.errors import ConfigurationError, InvalidCode, StepUpRequired
from twofold.service.sign_in import SecondFactorPending
from twofold.settings import Settings
from twofold.testing import MemoryStore, StoppedClock
from twofold.webauthn import RelyingParty

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "exceptions.md").read_text()
KEY = Fernet.generate_key().decode()
SOURCES = {
    str(path.relative_to(ROOT)): ast.parse(path.read_text())
    for folder in ("src/twofold", "backend")
    for path in sorted((ROOT / folder).rglob("*.py"))
}
TESTING = "src/twofold/testing/"
TEMPTING = ("000000", "111111", "123456", "654321", "999999", "012345")
VARIABLES = {
    name: value
    for names, value in (
        (("DISABLE_2FA", "TWOFA_DISABLED", "TWOFA_BYPASS", "SKIP_2FA", "DEBUG", "TESTING", "CI", "TWOFA_DEBUG"), "1"),
        (("TWOFA_ENABLED", "TWOFA_REQUIRED", "REQUIRE_2FA"), "0"),
        (("TWOFA_BYPASS_CODE", "TWOFA_TEST_CODE", "TWOFA_MASTER_CODE"), "123456"),
        (("TWOFA_EXEMPT_USERS", "TWOFA_SUPERUSER", "ADMIN_EMAIL"), "7"),
    )
    for name in names
}


@cache
def nodes() -> list[tuple[str, str, ast.AST]]:
    """Every node of the product with its file and the function around it, but for what is for tests."""
    product = [(file, tree) for file, tree in SOURCES.items() if not file.startswith(TESTING)]
    return [(file, function, node) for file, tree in product for function, node in within(tree)]


def within(tree: ast.AST, function: str = "") -> Iterator[tuple[str, ast.AST]]:
    for node in ast.iter_child_nodes(tree):
        yield function, node
        yield from within(node, node.name if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else function)


def callers_of(name: str) -> set[str]:
    """Where something of this name is called: `file::function`."""
    return {
        f"{file}::{function}"
        for file, function, node in nodes()
        if isinstance(node, ast.Call) and name_of(node.func) == name
    }


def name_of(node: ast.AST) -> str:
    """The name that a node uses; nothing where it uses none."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.alias(name=name) | ast.ImportFrom(module=str(name)):
            return name
        case _:
            return ""


def someone(policy: Policy = RECOMMENDED, user_id: int | str = 7) -> Person:
    """Somebody enrolled, over a store in memory."""
    store, clock = MemoryStore(), StoppedClock()
    store.add_user(user_id, "ann@example.com")
    site = RelyingParty("https://accounts.example.com")
    auth = TwoFactorAuth(issuer="Acme", keys=KeyRing([KEY]), store=store, clock=clock, policy=policy, webauthn=site)
    person = Person(auth, clock, user_id)
    person.enroll()
    return person


def padded(number: int, person: Person) -> str:
    return f"{number:0{person.secret.digits}d}"


def right_codes(person: Person) -> set[str]:
    """What the phone shows at any step that any policy accepts now."""
    step = time_step_at(person.clock.now(), person.secret.period)
    return {person.secret.code_at(TimeStep(step + away)) for away in range(-2, 3)}


def assert_the_password_is_not_enough(person: Person) -> None:
    """What the password gives is a sign-in to be finished, and neither that nor a session named after it opens more."""
    begun = person.auth.sign_in.begin(person.user_id)

    assert isinstance(begun, SecondFactorPending)
    with pytest.raises(StepUpRequired):
        person.auth.step_up.require(person.user_id, begun.sign_in_token)
    wrong = next(code for number in range(100) if (code := padded(number, person)) not in right_codes(person))
    with pytest.raises(InvalidCode):
        person.auth.sign_in.finish(begun.sign_in_token, person.auth.typed(wrong))
    assert person.auth.sessions.state(person.user_id, begun.sign_in_token).assurance is None


def policies() -> list[Policy]:
    """Every policy that starts, with one number at an end of its bounds."""
    found = [RECOMMENDED, PCI_DSS]
    for policy in (RECOMMENDED, PCI_DSS):
        bounds = {**BOUNDS, **PROFILE_BOUNDS.get(policy.name, {})}
        ends: dict[str, tuple[Any, Any]] = {name: (each.lowest, each.highest) for name, each in bounds.items()}
        flags = {field.name: (False, True) for field in fields(Policy) if field.type is bool}
        found += [replace(policy, **{name: end}) for name, both in (flags | ends).items() for end in both]
    return [policy for policy in found if starts(policy)]


def starts(policy: Policy) -> bool:
    try:
        checked_policy(policy)
    except ConfigurationError:
        return False
    return True


def test_no_number_lets_a_password_suffice():
    """
    With each number of the policy at either end of its bounds, and with each flag on and off, the password of somebody
    with a second factor opens nothing but the second step.
    """
    tried = policies()

    for policy in tried:
        assert_the_password_is_not_enough(someone(policy))
    assert len(tried) > 50


def test_no_variable_lets_a_password_suffice():
    """
    Variables that other programs know change no setting; and of those that are read, all that can be switched on
    together leave the second factor as it was.
    """
    plain = {"ENCRYPTION_KEY": KEY, "DATABASE_URL": "sqlite://"}
    switched = Settings.from_environment({**plain, "TWOFA_READ_FERNET": "1", "APP_ENV": "development"})
    auth = create_app(switched).state.two_factor.auth

    assert Settings.from_environment(plain) == Settings.from_environment({**plain, **VARIABLES})
    assert auth.policy == RECOMMENDED
    assert_the_password_is_not_enough(someone(auth.policy))


def test_one_module_reads_the_environment():
    """
    Nothing but `settings.py` reads the environment or the command line, and the page tells what each variable can do.
    """
    reading = {"environ", "environb", "getenv", "getenvb", "argv", "dotenv"}
    read = {file for file, _, node in nodes() if name_of(node) in reading}
    names = re.findall(r'reader\.\w+\("([A-Z_]+)"', (ROOT / "src" / "twofold" / "settings.py").read_text())
    told = PAGE.partition("| variable |")[2].partition("\n\n")[0]

    assert read == {"src/twofold/settings.py"}
    assert sorted(set(names)) == sorted(re.findall(r"`([A-Z_]+)`", told))


@pytest.mark.parametrize("user_id", [0, 1, -1, "", "root", "admin", "superuser", "test"])
def test_no_code_is_always_right(user_id: int | str):
    """
    Codes that people try first are wrong for whomever, but when they are what the phone shows.
    """
    person = someone(replace(RECOMMENDED, first_wait_at=99), user_id)

    for code in sorted(set(TEMPTING) - right_codes(person)):
        with pytest.raises(InvalidCode):
            person.auth.verify_totp_code(user_id, code)
    assert_the_password_is_not_enough(person)


def test_what_decides_knows_nobody():
    """
    What a proof is judged by is the second factor's own row; of whose it is it knows the id, to which things are bound.
    """
    assert {field.name for field in fields(Enrollment)} == {
        "user_id",
        "totp_secret",
        "pending_secret",
        "pending_until",
        "enabled",
        "backup_codes",
        "webauthn_keys",
        "last_step",
        "epoch",
        "attempts",
        "enabled_at",
        "end_sessions",
    }


def test_what_is_proved_comes_from_an_accepted_proof():
    """
    Two functions say that a second factor was proved: of a proof that was accepted, and of a key that was registered a
    moment ago; one module accepts proofs; and what a session has proved is stored in two places, where a session starts
    and where it steps up.
    """
    assert callers_of("second_factor_assurance") == {
        "src/twofold/service/sessions.py::by",
        "src/twofold/service/sessions.py::by_key",
    }
    assert callers_of("by_key") == {"src/twofold/service/webauthn.py::_registered"}
    assert callers_of("save_session") == {
        "src/twofold/service/sessions.py::work",
        "src/twofold/service/step_up.py::_proved",
    }
    assert callers_of("Accepted") == {
        f"src/twofold/core/enrollment.py::{what}"
        for what in ("_totp_accepted", "_compared_with_backup_codes", "_compared_with_keys")
    }
    assert callers_of("_totp_accepted") == {
        f"src/twofold/core/enrollment.py::_compared_with_{what}" for what in ("pending", "secret")
    }
    assert callers_of("judge") == {"src/twofold/service/proofs.py::decide"}


def test_no_guard_is_an_assert():
    """
    What `python -O` leaves out guards nothing: the product has no `assert`, and asks nowhere how it was started.
    """
    found = {file for file, _, node in nodes() if isinstance(node, ast.Assert) or name_of(node) == "__debug__"}

    assert found == set()


def test_what_is_for_tests_is_used_by_tests_alone():
    """
    Nothing of the product imports `twofold.testing`, where clocks stand still.
    """
    imports = {(file, name_of(node)) for file, _, node in nodes() if isinstance(node, ast.ImportFrom | ast.alias)}

    assert ("src/twofold/settings.py", "twofold.core.policy") in imports
    assert [file for file, name in sorted(imports) if name.startswith("twofold.testing")] == []
