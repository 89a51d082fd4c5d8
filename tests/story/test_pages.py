"""What `docs/pages.md` says is there, and nothing else is."""

import re
from pathlib import Path

from cryptography.fernet import Fernet
from fastapi.routing import iter_route_contexts

from app.main import create_app
from twofold.settings import Settings

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "pages.md").read_text()
EXAMPLE = (ROOT / "examples" / "pages.py").read_text()


def pages_of_the_backend(tmp_path: Path) -> set[str]:
    settings = Settings(
        database_url=f"sqlite+aiosqlite:///{tmp_path}/pages.sqlite",
        encryption_key=(Fernet.generate_key().decode(),),
        public_url="https://accounts.example.com",
    )
    app = create_app(settings)
    return {
        route.path or ""
        for route in iter_route_contexts(app.router.routes)
        if type(route.original_route).__name__ == "PageRoute" and "GET" in (route.methods or ())
    }


def test_every_page_is_named(tmp_path: Path):
    """
    The table has each page of the library, and the sentence below it those of the backend.
    """
    table = set(re.findall(r"^\| `(/[^`]*)` \|", TEXT, re.MULTILINE))
    [sentence] = re.findall(r"The reference backend adds ([^\n]*)\.", TEXT)
    own = set(re.findall(r"`([^`]+)`", sentence))

    assert table | own == pages_of_the_backend(tmp_path)
    assert own == {"/", "/security/password", "/security/leave"}


def test_the_lines_are_those_of_the_example():
    """
    What a host writes is shown as the example has it, which runs as a test.
    """
    [block] = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)

    assert [line for line in block.splitlines() if line and line not in EXAMPLE] == []
