"""Step-up as its document tells it, typed with curl: on a host with stateless JWTs, and on the reference backend."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from httpx2 import post

from tests.hosts.running import EXAMPLES, environment, load
from tests.story.desk import Desk
from tests.story.documents import fits, story_of
from tests.story.live import listening, serving, settings_in

ROOT = Path(__file__).parents[2]
ANN = {"email": "ann@example.com", "password": "correct horse battery"}
STORY = story_of((ROOT / "docs" / "step-up.md").read_text())

# How the reference backend signs in, and a route of its own that is guarded.
BACKEND = """
sign_in() { curl -sS $API/login -H 'Content-Type: application/json' \\
    -d '{"email": "ann@example.com", "password": "correct horse battery"}' "$@"; }
pay_out() { curl -sS $API/2fa/setup -H "$bearer" -H 'Content-Type: application/json' -d '{"replace": true}' "$@"; }
twofold() { curl -sS $API/2fa/$1 -H "$bearer" -H 'Content-Type: application/json' "${@:2}"; }
code() { jq -r .secret setup.json | oathtool --totp -b -; }
status() { pay_out -o /dev/null -w '%{http_code}\\n' "$@"; }

bearer="Authorization: Bearer $(sign_in | jq -r .access_token)"
api=$API/none
echo 403  # its guarded routes let those pass who have nothing to be asked for
"""


@contextmanager
def stateless(desk: Desk) -> Iterator[tuple[list[str], str]]:
    """Host (a) as it stands, and the document as it stands."""
    url = f"sqlite:///{desk.tools / 'host.sqlite'}"
    host = load(EXAMPLES / "tutorial_jwt.py", environment(url, Fernet.generate_key().decode()))
    host.auth.clock = desk.clock()
    host.Base.metadata.create_all(host.engine)
    with host.Session(host.engine) as db:
        db.add(host.User(email=ANN["email"], hashed_password=host.passwords.hash(ANN["password"])))
        db.commit()
    with listening(host.app) as address:
        yield [block.command for block in STORY], address
    asyncio.run(host.auth.store.close())
    host.engine.dispose()


@contextmanager
def reference(desk: Desk) -> Iterator[tuple[list[str], str]]:
    """The reference backend, with its own words for what the first block of the document says."""
    with serving(settings_in(desk.tools), desk.clock()) as address:
        assert post(f"{address}/api/auth/register", json=ANN, trust_env=False).status_code == 201
        commands = [block.command for block in STORY]
        last = commands[-1].replace("$api/api/auth/2fa", "$API/2fa")
        yield [BACKEND, *commands[1:-1], last], f"{address}/api/auth"


Hosting = Callable[[Desk], AbstractContextManager[tuple[list[str], str]]]


@pytest.mark.parametrize("hosting", [stateless, reference])
def test_a_session_goes_stale_and_is_asked_again(hosting: Hosting, tmp_path: Path):
    """
    An AAL2 session goes stale; a guarded route answers 401 with the header; five calls side by side with one code all
    pass; the next needs none; five minutes later it is asked again.
    """
    desk = Desk(tmp_path / "desk", tmp_path / "tools")
    desk.folder.mkdir()
    desk.tools.mkdir()
    with hosting(desk) as (commands, address):
        printed: list[list[Any]] = desk.type_in(commands, address)

    differ = [
        (block.line, pair)
        for block, answers in zip(STORY, printed, strict=True)
        for pair in zip_longest(block.shown, answers)
        if not fits(*pair)
    ]
    assert differ == []
    assert list(desk.folder.iterdir()) == []
