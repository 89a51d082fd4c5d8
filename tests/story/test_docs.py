"""What the documents say of the code is true as far as a program can see."""

import re
from pathlib import Path

import pytest

from tests.story.desk import answers_in

ROOT = Path(__file__).parents[2]
DECISIONS = sorted((ROOT / "docs" / "adr").glob("*.md"))
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text()
SOURCES = "\n".join(
    path.read_text() for folder in ("src", "backend/app", "tests") for path in sorted((ROOT / folder).rglob("*.py"))
)
LINES_OF_A_DECISION = 40


def words_of_the_glossary() -> list[str]:
    rows = [
        line for line in GLOSSARY.splitlines() if line.startswith("| ") and not line.startswith(("| word", "| ---"))
    ]
    return [row.split(" | ")[0].removeprefix("| ") for row in rows]


def names_in(text: str) -> set[str]:
    """The words of code in a text that are names of ours, as far as their form tells."""
    quoted = re.findall(r"`([A-Za-z_.]+)(?:\([^`]*\))?=?`", text)
    return {name.split(".")[-1] for name in quoted if not name.endswith((".py", ".toml"))}


def test_the_decisions_are_numbered():
    """The decisions are numbered from one on without a gap, in their file names and in their titles."""
    numbers = [int(path.name[:4]) for path in DECISIONS]
    titles = [int(re.match(r"# (\d+)\. ", path.read_text())[1]) for path in DECISIONS]

    assert numbers == titles == list(range(1, len(DECISIONS) + 1))


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_is_short(decision):
    """A decision has its three parts in forty lines at most."""
    text = decision.read_text()

    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]
    assert len(text.splitlines()) <= LINES_OF_A_DECISION


@pytest.mark.parametrize("document", [*DECISIONS, ROOT / "docs" / "glossary.md"], ids=lambda path: path.stem)
def test_what_is_named_is_there(document):
    """Each name that a decision or the glossary shows as code stands in the code."""
    known = SOURCES + (ROOT / "pyproject.toml").read_text() + (ROOT / "Makefile").read_text()

    missing = [name for name in names_in(document.read_text()) if not re.search(rf"\b{re.escape(name)}\b", known)]
    assert missing == []


def test_the_words_of_the_glossary_are_used():
    """A word stands in the glossary because the library uses it, and stands there once."""
    library = "\n".join(path.read_text() for path in sorted((ROOT / "src").rglob("*.py")))
    words = words_of_the_glossary()

    forms = {word: word.replace(" ", "[ _]").replace("-", "[-_]") for word in words}
    assert [word for word, form in forms.items() if not re.search(rf"\b{form}", library, re.IGNORECASE)] == []
    assert sorted(set(words)) == sorted(words)
    assert len(words) > 30


def test_each_link_leads_somewhere():
    """Each file that a document links to is there."""
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    links = [(path, link) for path in documents for link in re.findall(r"\]\(([^)#:]+)\)", path.read_text())]

    assert [(path.name, link) for path, link in links if not (path.parent / link).exists()] == []
    assert links


def test_what_begins_like_a_number_is_a_line():
    """
    What a command prints is read as JSON where it is JSON to its end: a random key may begin with a digit.
    """
    assert list(answers_in('200\n7abc=\n-1x\n{"a": 1}\n{\n "b": 2\n}\n')) == [200, "7abc=", "-1x", {"a": 1}, {"b": 2}]
