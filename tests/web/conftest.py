"""The shop of `examples/pages.py` on SQLite, and people who visit it."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from tests.hosts.running import EXAMPLES, Host, Kind, Place, edited, running
from tests.web.visitor import Visitor

SHOP = Kind("pages.py", "/account/login", asynchronous=True)


@pytest.fixture(scope="module")
def running_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    path = tmp_path_factory.mktemp("shop") / "shop.sqlite"
    place = Place("sqlite", f"sqlite:///{path}", f"sqlite+aiosqlite:///{path}")
    with running(SHOP, place, Fernet.generate_key().decode()) as host:
        yield host


@pytest.fixture
def shop(running_shop: Host) -> Host:
    """The shop, at noon."""
    running_shop.begin()
    return running_shop


@pytest.fixture
def variant(tmp_path: Path) -> Iterator[Callable[..., Host]]:
    """Shops whose author did a few things otherwise."""
    with ExitStack() as stack:

        def variant(edits: dict[str, str]) -> Host:
            place = Place("sqlite", f"sqlite:///{tmp_path}/v.sqlite", f"sqlite+aiosqlite:///{tmp_path}/v.sqlite")
            path = edited("pages.py", edits, tmp_path)
            shutil.copytree(EXAMPLES / "pages_templates", tmp_path / "pages_templates", dirs_exist_ok=True)
            return stack.enter_context(running(SHOP, place, Fernet.generate_key().decode(), path))

        yield variant


@pytest.fixture
def ann(shop: Host) -> Visitor:
    """Somebody with a password, before the shop's pages."""
    return Visitor(shop, shop.somebody())


@pytest.fixture
def signed_in(ann: Visitor) -> Visitor:
    """The same, in a session."""
    ann.sign_in()
    return ann


@pytest.fixture
def enrolled(signed_in: Visitor) -> Visitor:
    """The same, with an authenticator app, in the session that followed."""
    signed_in.set_up()
    return signed_in


@pytest.fixture
def half_way(enrolled: Visitor) -> Visitor:
    """Somebody whose password was right, and who is asked for the second factor."""
    enrolled.cookies.clear()
    enrolled.sign_in()
    return enrolled
