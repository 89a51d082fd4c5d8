"""What the guide says is true: every command in it is typed as it stands, and every answer compared."""

import re
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import reduce
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from app.main import create_app
from tests.backend.old_tables import ANN, OldDatabase, Running, old_database, running
from tests.story.desk import Desk
from tests.story.documents import FENCED, fits, story_of
from tests.story.live import serving, settings_in
from twofold import PCI_DSS, RECOMMENDED, KeyRing, Policy, settings
from twofold.cli import host
from twofold.fastapi.errors import KINDS
from twofold.settings import Settings
from twofold.testing import Phone, enroll

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "backend" / "2FA_SETUP_GUIDE.md").read_text()
KEY, NEW_KEY = (Fernet.generate_key().decode() for _ in range(2))
STORY = story_of(GUIDE)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Where the reader of the guide works."""
    return Desk(tmp_path_factory.mktemp("desk"), tmp_path_factory.mktemp("tools"))


@pytest.fixture(scope="module")
def printed(desk: Desk) -> list[list[Any]]:
    """What each block of commands printed, typed as it stands against a backend that listens."""
    settings = replace(settings_in(desk.tools), cors_origins=("http://localhost:5173",))
    with serving(settings, desk.clock()) as address:
        environment = {"DATABASE_URL": settings.database_url, "ENCRYPTION_KEY": ",".join(settings.encryption_key)}
        return desk.type_in([block.command for block in STORY], f"{address}/api/auth", **environment)


@pytest.mark.parametrize("number", range(len(STORY)), ids=lambda number: f"line {STORY[number].line}")
def test_each_command_gives_the_answer_that_is_shown(number, printed):
    """What a block of commands prints is what the guide shows behind it, whole and in its order."""
    pairs = list(zip_longest(STORY[number].shown, printed[number]))

    assert [pair for pair in pairs if not fits(*pair)] == []


def test_nothing_is_left_on_the_desk(printed, desk):
    """The guide's commands clear away the files that they made, secrets among them."""
    assert len(printed) == len(STORY)
    assert list(desk.folder.iterdir()) == []


# -- What is not typed into a shell ----------------------------------------------------------------------------------


def rows_under(heading: str) -> list[list[str]]:
    """The rows of the table in a section."""
    section = re.split(r"\n##+ ", GUIDE.split(f"\n### {heading}\n")[1])[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")][2:]
    return [[cell.strip() for cell in re.split(r" \| ", row.strip("|"))] for row in rows]


def test_every_endpoint_is_asked():
    """The guide asks every endpoint that the backend has, and names each by its method and address."""
    settings = settings_in(Path())
    paths = create_app(settings).openapi()["paths"]
    asked = "\n".join(block.command for block in STORY)
    bases = (("/api/auth/", "$api/"), ("/api/admin/2fa/", "$admin/"))
    typed = {path: reduce(lambda text, base: text.replace(*base), bases, path) for path in paths}
    forms = {path: re.escape(text).replace(r"\{id\}", r"\$[^\n]+?") for path, text in typed.items()}

    assert [path for path, form in forms.items() if not re.search(form, asked) and f"}}{path}" not in asked] == []
    named = [f"{method.upper()} {path}" for path, methods in paths.items() for method in methods]
    assert [name for name in named if f"`{name}`" not in GUIDE] == []
    assert len(paths) > 15


def test_every_error_is_explained():
    """The table of errors has every error that there is, with its status, and no other."""
    told = {name: int(row[1]) for row in rows_under("Errors") for name in re.findall(r"[a-z]+(?:-[a-z]+)*", row[0])}

    assert told == {slug: kind.status for slug, kind in KINDS.items()}


def test_things_are_kept_as_long_as_the_guide_says():
    """The guide's table of what is kept shows what the policies hold."""

    def shown(policy: Policy) -> list[str]:
        return [f"{each.days} days" for each in (policy.events_kept, policy.addresses_kept, policy.assurance_kept)]

    rows = rows_under("How long things are kept")
    assert [[row[1] for row in rows], [row[2] for row in rows]] == [shown(RECOMMENDED), shown(PCI_DSS)]


def test_the_numbers_of_the_profiles_are_the_numbers():
    """The guide's table of profiles shows what the policies hold."""

    def shown(policy: Policy) -> list[str]:
        seconds = (policy.first_wait, policy.longest_wait, policy.session_idle, policy.session_life)
        first, longest, idle, life = (f"{span.total_seconds():.0f} s" for span in seconds)
        counted = "yes" if policy.one_count else "no"
        return [str(policy.first_wait_at), first, longest, str(policy.cap), counted, idle, life]

    rows = rows_under("Profiles")
    assert [[row[1] for row in rows], [row[2] for row in rows]] == [shown(RECOMMENDED), shown(PCI_DSS)]


def test_every_setting_is_one():
    """A variable that the guide names is one that the backend reads, or the command line."""
    read = set(re.findall(r'reader\.\w+\("([A-Z_]+)"', Path(settings.__file__).read_text()))
    cli = Path(host.__file__).parent.glob("*.py")
    read |= {name for file in cli for name in re.findall(r'envvar="([A-Z_]+)"', file.read_text())}
    named = set(re.findall(r"`([A-Z]+_[A-Z_]+)[`=]|-e ([A-Z_]+)", GUIDE))

    assert {name for pair in named for name in pair if name} <= read
    assert re.search(r"-e DATABASE_URL", GUIDE)


def test_the_made_key_is_a_key(printed):
    """What the guide's command for a key prints is taken as `ENCRYPTION_KEY`."""
    [key] = next(came for block, came in zip(STORY, printed, strict=True) if "urandom" in block.command)

    assert len(KeyRing([key]).key_ids) == 1


def test_each_file_and_each_link_is_there():
    """What the guide links to is there, in it and beside it; so is each file that its commands name."""
    anchors = {re.sub(r"[^a-z0-9 _-]", "", title.lower()).replace(" ", "-") for title in titles()}
    links = re.findall(r"\]\(([^)]+)\)", GUIDE)
    files = re.findall(r"backend/[a-z0-9_./]+\.(?:sql|txt)", GUIDE)

    assert [link for link in links if link.startswith("#") and link[1:] not in anchors] == []
    assert [link for link in links if not (ROOT / "backend" / link.partition("#")[0]).exists()] == []
    assert [file for file in files if not (ROOT / file).exists()] == []
    assert len(links) > 10


def titles() -> list[str]:
    return [title.replace("`", "") for title in re.findall(r"^#+ (.*)$", FENCED.sub("", GUIDE), re.MULTILINE)]


def test_what_the_log_is_said_to_say_it_says():
    """Each line of the log, and of a start that is refused, that the guide quotes stands in the code."""
    code = "\n".join(path.read_text() for folder in ("src", "backend/app") for path in (ROOT / folder).rglob("*.py"))
    quoted = [text for row in rows_under("Troubleshooting") for text in re.findall(r"`([^`]* [^`]*)`", row[0])]

    parts = [part.strip() for text in quoted for part in text.removeprefix("Twofold does not start. ").split("...")]
    assert [part for part in parts if part not in code] == []
    assert len(quoted) > 5


# -- By hand in the database -----------------------------------------------------------------------------------------


def statements() -> list[str]:
    found = [text for kind, text in FENCED.findall(GUIDE) if kind == "sql"]
    return [statement.strip() for text in found for statement in text.split(";") if statement.strip()]


OLD_FERNET, BY_KEY, CODES_BY_KEY, KEYS_BY_KEY, EVENTS, UNLOCK, RESET, FREE_KEYS = statements()


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> OldDatabase:
    """An empty database of each kind in turn."""
    return old_database(request.param, tmp_path, request.getfixturevalue)


def started(database: OldDatabase, keys: str = KEY) -> AbstractContextManager[Running]:
    return running(Settings.from_environment({"DATABASE_URL": database.url, "ENCRYPTION_KEY": keys}))


def enrolled(backend: Running) -> Phone:
    """Ann registers and sets up."""
    backend.post("/register", ANN)
    token = backend.post("/login", ANN).json()["access_token"]
    phone, _ = enroll(backend.client, clock=backend.clock, headers={"Authorization": f"Bearer {token}"})
    return phone


def test_the_statements_help_somebody_who_is_locked_out(database):
    """The guide's SQL shows what happened, ends a wait, and removes a second factor with all that hangs on it."""
    with started(database) as backend:
        phone = enrolled(backend)
        session = backend.post("/login", ANN, **{"X-TOTP-Code": phone.code()}).json()
        wrong = [backend.post("/login", ANN, **{"X-TOTP-Code": "000000"}).status_code for _ in range(6)]
        events = database.execute(EVENTS)
        database.execute(UNLOCK)
        unlocked = backend.post("/login", ANN, **{"X-TOTP-Code": phone.code()}).status_code
        pending = backend.post("/login", ANN).json()
        database.execute(RESET)
        database.execute(FREE_KEYS)
        after = backend.client.get(
            "/api/auth/session", headers={"Authorization": f"Bearer {session['access_token']}"}
        ).status_code
        proof = {"sign_in_token": pending["sign_in_token"], "code": phone.code()}
        finished = backend.post("/login/second-factor", proof).status_code
        again = backend.post("/login", ANN).json()
        anew = enrolled(backend)

    assert wrong == [400] * 5 + [429]
    assert [(kind, outcome) for _, kind, outcome, *_ in events][:2] == [
        ("code_refused", "locked"),
        ("code_refused", "invalid-code"),
    ]
    assert unlocked == 200
    assert (after, finished) == (401, 401)
    assert (again["status"], again["aal"]) == ("signed_in", 1)
    assert anew.secret != phone.secret


def test_the_keys_are_counted(database):
    """In the order of the guide keys change with nobody shut out, and its SQL shows which key seals how many rows."""
    old, new = KeyRing([KEY]).key_ids[0], KeyRing([NEW_KEY]).key_ids[0]
    with started(database) as backend:
        phone = enrolled(backend)
    answers = []
    for keys in (f"{KEY},{NEW_KEY}", f"{NEW_KEY},{KEY}"):
        with started(database, keys) as backend:
            backend.clock.moment = phone.clock.moment
            phone.clock = backend.clock
            answers.append(backend.post("/login", ANN, **{"X-TOTP-Code": phone.code()}).status_code)
    before = database.execute(BY_KEY), database.execute(CODES_BY_KEY)
    with started(database, f"{NEW_KEY},{KEY}") as backend:
        backend.clock.moment = phone.clock.moment
        pending = backend.post("/login", ANN).json()
        proof = {"sign_in_token": pending["sign_in_token"], "backup_code": phone.backup_codes[0]}
        answers.append(backend.post("/login/second-factor", proof).status_code)

    assert answers == [200, 200, 200]
    assert before == ([(f"v1.{old}", 1)], [(f"v1.{old}", 1)])
    assert database.execute(BY_KEY) == [(f"v1.{old}", 1)]
    assert database.execute(CODES_BY_KEY) == [(f"v1.{new}", 1)]
    assert (database.execute(KEYS_BY_KEY), database.execute(OLD_FERNET)) == ([], [(0,)])


def test_without_the_old_key_the_log_names_it(tmp_path, caplog):
    """Whoever drops a key that is still in use is told so by the log, by the name that the guide's SQL shows."""
    database = old_database("sqlite", tmp_path, str)
    with started(database) as backend:
        enrolled(backend)
    with started(database, NEW_KEY) as backend:
        answer = backend.post("/login", ANN)
    [(named, _)] = database.execute(BY_KEY)

    assert (answer.status_code, answer.json()["type"]) == (503, "urn:twofold:problem:unavailable")
    assert f"sealed under key {named.removeprefix('v1.')}, which is not configured" in caplog.text
