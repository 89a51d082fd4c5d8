"""What a host can get wrong is said where it is wrong: by mypy at the call, and in any case while it is built."""

import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from tests.hosts.running import EXAMPLES, edited, environment, load
from twofold import ConfigurationError

ROOT = EXAMPLES.parent
HOST = "tutorial_jwt.py"

START = "    def start(self, user_id: int, assurance: Assurance) -> SignedIn[Token]:\n"
END_ALL = """
    def end_all(self, user_id: int) -> None:
        self.db.execute(update(User).where(User.id == user_id).values(token_version=User.token_version + 1))
        self.db.commit()
"""

TYPED = {
    "no-end-all": {END_ALL: ""},
    "the-wrong-answer-of-start": {
        START: START.replace("SignedIn[Token]", "Token"),
        "return SignedIn(user_id, sid, Token(access_token=jwt.encode(claims, SECRET)))": (
            "return Token(access_token=jwt.encode(claims, SECRET))"
        ),
    },
    "the-wrong-argument-of-end-all": {"def end_all(self, user_id: int)": "def end_all(self, user_id: int, keep: str)"},
    "no-session-id": {'return SignedIn(user.id, session_id=claims["sid"])': "return SignedIn(user.id)"},
    "right": {},
}
"""Mistakes that types know of."""

SAID = {
    "no-end-all": (TYPED["no-end-all"], r"Sessions: it has no end_all\. Write def end_all\(self, user_id\) -> None\."),
    "no-start": (
        {"    def start(": "    def begin("},
        r"Sessions: it has no start\. Write def start\(self, user_id, assurance: Assurance\) -> SignedIn\[Token\]\.",
    ),
    "the-wrong-answer-of-start": (
        TYPED["the-wrong-answer-of-start"],
        r"Sessions\.start: annotate what it returns, SignedIn\[Token\] or SignedIn; its answers are made of it\.",
    ),
    "no-answer-of-start": (
        {START: START.replace(" -> SignedIn[Token]", "")},
        r"Sessions\.start: annotate what it returns, SignedIn\[Token\] or SignedIn; its answers are made of it\.",
    ),
    "no-model": (
        {START: START.replace("SignedIn[Token]", "SignedIn[str]")},
        r"Sessions\.start: SignedIn\[\.\.\.\] takes a pydantic model, or nothing\.",
    ),
    "no-class": (
        {"sessions=Sessions)": "sessions=lambda: Sessions(Session(engine)))"},
        r"annotate what it returns: def <lambda>\(\.\.\.\) -> Sessions\.",
    ),
    "neither-mixin-nor-side-table": (
        {"class User(TwoFactorMixin, Base)": "class User(Base)"},
        r"User has no column totp_secret\. Write class User\(TwoFactorMixin, \.\.\.\), or .* side_table=",
    ),
    "an-unknown-account": (
        {"SqlAlchemyStore(engine, User)": 'SqlAlchemyStore(engine, User, account="nickname")'},
        r'User has no column "nickname"\. .* SqlAlchemyStore\(\.\.\., account="username"\)\.',
    ),
    "a-composite-key": (
        {"mapped_column(String(254), unique=True)": "mapped_column(String(254), primary_key=True)"},
        r'User has a composite primary key\. Give a class whose one key names the user, .* "tenant:id"\.',
    ),
    "no-class-of-users": (
        {"SqlAlchemyStore(engine, User)": "SqlAlchemyStore(engine, Token)"},
        r"Token'> is not a mapped class; give it the class of your users\.",
    ),
}
"""Mistakes that are said while the application is built, and what is said."""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What mypy finds in each of the hosts, as `line: text`; strictly, as in our own code."""
    folder = tmp_path_factory.mktemp("typed")
    paths = [edited(HOST, edits, folder, f"{name.replace('-', '_')}.py") for name, edits in TYPED.items()]
    command = [sys.executable, "-m", "mypy", "--no-error-summary", "--hide-error-context", "--no-pretty"]
    done = subprocess.run([*command, *paths], cwd=ROOT, capture_output=True, text=True, check=False)
    found = defaultdict(list)
    for line in done.stdout.splitlines():
        path, _, text = line.partition(":")
        if " error: " in line:
            found[Path(path).stem.replace("_", "-")].append(text)
    assert done.stderr == ""
    return found


def place_of(text: str, mistake: str, folder: Path) -> int:
    """The number of the line in which something stands."""
    return edited(HOST, TYPED[mistake], folder).read_text().splitlines().index(text) + 1


@pytest.mark.parametrize("mistake", ["no-end-all", "the-wrong-answer-of-start", "the-wrong-argument-of-end-all"])
def test_types_of_sessions(found: dict[str, list[str]], mistake: str, tmp_path: Path):
    """
    A class that is not what `TwoFactor` needs is found by mypy, at the call and nowhere else.
    """
    call = "two_factor = TwoFactor(auth, current_session=current_session, sessions=Sessions)"
    at = place_of(call, mistake, tmp_path)

    [error] = found[mistake]
    assert error.startswith(f'{at}: error: Argument "sessions" to "TwoFactor" has incompatible type')


def test_types_of_a_session(found: dict[str, list[str]], tmp_path: Path):
    """
    A session without a name is found by mypy where it is made.
    """
    at = place_of("    return SignedIn(user.id)", "no-session-id", tmp_path)

    [error] = found["no-session-id"]
    assert error.startswith(f'{at}: error: Missing positional argument "session_id" in call to "SignedIn"')


def test_types_of_a_host(found: dict[str, list[str]]):
    """
    In a host that is right mypy finds nothing, strictly.
    """
    assert found["right"] == []


@pytest.mark.parametrize("mistake", SAID)
def test_while_it_is_built(mistake: str, tmp_path: Path, key: str):
    """
    A host that is not whole does not start, and the error says what to write.
    """
    edits, sentence = SAID[mistake]
    path = edited(HOST, edits, tmp_path)

    with pytest.raises(ConfigurationError, match=sentence):
        load(path, environment("sqlite://", key))
