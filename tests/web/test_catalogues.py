"""The catalogues of the pages: nothing is missing in any of them, and what is wrong in one is found."""

import re
from pathlib import Path

import pytest

from catalogues.files import faults_of, files_of, updated
from catalogues.sentences import APP, PARTS, TWOFOLD, Part, told_in
from twofold.web.languages import catalogue

CATALOGUES = [(part, path) for part in PARTS for path in files_of(part)]
NAMES = [f"{path.parents[1].name}/{path.name}" for _, path in CATALOGUES]


@pytest.mark.parametrize(("part", "path"), CATALOGUES, ids=NAMES)
def test_nothing_is_missing(part: Part, path: Path):
    """
    Every sentence that a person may read is translated, with all that is filled in, and none is there in vain.
    """
    assert faults_of(path, part) == []


@pytest.mark.parametrize(("part", "path"), CATALOGUES, ids=NAMES)
def test_the_file_is_what_is_written_now(part: Part, path: Path):
    """
    `make catalogue` changes nothing in a catalogue that is up to date.
    """
    assert path.read_text() == updated(path, part)


def test_every_part_speaks_the_same_languages():
    """
    The backend speaks every language that the library does.
    """
    assert [path.name for path in files_of(APP)] == [path.name for path in files_of(TWOFOLD)] != []


WRONG_TERMS = ["Wiederherstellungscode", "Sicherungscode", "Authentifizierung", "Token", "Kennwort", "Security-Key"]


@pytest.mark.parametrize("path", [path for _, path in CATALOGUES if path.stem == "de"], ids=str)
def test_german_has_one_word_for_one_thing(path: Path):
    """
    German says Backup-Code, Zwei-Faktor-Authentisierung, Passwort and Schlüssel, and says "Sie".
    """
    said = [text for message in catalogue(path) if message.id for text in [str(message.string)]]
    informal = ("du", "dein", "deine", "dir", "dich")

    assert [text for text in said if any(term in text for term in WRONG_TERMS)] == []
    assert [text for text in said if set(informal) & set(text.lower().split())] == []


def part_of(tmp_path: Path, template: str, catalogue: str) -> tuple[Part, Path]:
    """A part with one template and one catalogue, which stand within the sources."""
    (tmp_path / "page.html").write_text(template)
    (tmp_path / "de.po").write_text(catalogue)
    return Part(tmp_path, pages=[tmp_path], floors=[], root=tmp_path), tmp_path / "de.po"


@pytest.mark.parametrize(
    ("template", "catalogue", "fault"),
    [
        ('{{ _("Hello.") }}', "", "missing: 'Hello.'"),
        ("{% trans %}Hello.{% endtrans %}", "", "missing: 'Hello.'"),
        ('{{ _("Hello.") }}', 'msgid "Hello."\nmsgstr ""\n', "empty: 'Hello.'"),
        ('{{ _("Hello.") }}', '#, fuzzy\nmsgid "Hello."\nmsgstr "Hallo."\n', "fuzzy: 'Hello.'"),
        ("", 'msgid "Hello."\nmsgstr "Hallo."\n', "obsolete: 'Hello.'"),
        ("", '#~ msgid "Hello."\n#~ msgstr "Hallo."\n', "obsolete: 'Hello.'"),
        (
            '{{ _("Hello %(name)s.") }}',
            'msgid "Hello %(name)s."\nmsgstr "Hallo."\n',
            "other places to fill in: 'Hello %(name)s.'",
        ),
        ('{{ _("In {time}.") }}', 'msgid "In {time}."\nmsgstr "In {zeit}."\n', "other places to fill in: 'In {time}.'"),
        (
            '{{ _("Hello.") }}',
            'msgid "Hello."\nmsgstr "Hello."\n',
            "not translated, and no comment says that it is the same word: 'Hello.'",
        ),
        (
            '{{ ngettext("%(num)d code", "%(num)d codes", n) }}',
            'msgid "%(num)d code"\nmsgid_plural "%(num)d codes"\nmsgstr[0] "%(num)d Code"\nmsgstr[1] ""\n',
            "empty: ('%(num)d code', '%(num)d codes')",
        ),
    ],
)
def test_what_is_wrong_is_found(tmp_path: Path, template: str, catalogue: str, fault: str):
    """
    A catalogue that lacks something, or has it wrongly, is told of by what and which sentence.
    """
    part, path = part_of(tmp_path, template, catalogue)

    assert faults_of(path, part) == [fault]


def test_an_update_keeps_translations(tmp_path: Path):
    """
    What was translated stays, with its comments; what is new is added, and what nobody says any more goes.
    """
    said = '# The same word.\n#: page.html\nmsgid "Code"\nmsgstr "Code"\n'
    part, path = part_of(tmp_path, '{{ _("Code") }}{{ _("New.") }}', said + '\nmsgid "Old."\nmsgstr "Alt."\n')
    path.write_text(updated(path, part))

    assert said in path.read_text()
    assert '#: page.html\nmsgid "New."\nmsgstr ""\n' in path.read_text()
    assert "Old." not in path.read_text()
    assert path.read_text() == updated(path, part)


def test_an_empty_file_becomes_a_catalogue(tmp_path: Path):
    """
    Another language is one file, and it may begin empty.
    """
    part, path = part_of(tmp_path, '{{ ngettext("one", "many", n) }}', "")
    path = path.rename(tmp_path / "pl.po")

    assert 'msgstr[2] ""' in updated(path, part)
    assert "Language: pl" in updated(path, part)


SOURCE = """
ANSWER = "From a constant."

class Locked(ProofRefused):
    detail = "From a class."

    def __init__(self, seconds):
        fast = f"It is {seconds} seconds fast."
        super().__init__(fast if seconds > 0 else "It is slow.")

class Other:
    detail = "Of no error."

def check(digits, other):
    raise InvalidCode("Where it is raised.")
    raise InvalidCode(ANSWER)
    raise ValueError("Of no error.")
    raise ConfigurationError("For operators.")
    message = f"A code has {digits} digits."
    raise MalformedCode(message, errors=[{"field": "code", "message": "Of a field."}])
    raise InvalidRequest(f"Only programs are told {', '.join(other)}.")
"""


def test_what_errors_say():
    """
    Errors say what their class says, what is raised and what is said of fields; what only operators see is left out.
    """
    assert set(told_in(SOURCE)) == {
        "From a constant.",
        "From a class.",
        "It is %(seconds)s seconds fast.",
        "It is slow.",
        "Where it is raised.",
        "A code has %(digits)s digits.",
        "Of a field.",
    }


def templates_of(part: Part) -> list[Path]:
    return sorted(path for folder in part.pages for path in folder.rglob("*.html"))


JINJA = re.compile(r"{#.*?#}|{% trans.*?{% endtrans %}|{%.*?%}|{{.*?}}", re.DOTALL)
TAG = re.compile(r"<[^>]*>")
SPOKEN = re.compile(r'(?:alt|aria-label|placeholder|title|value|data-[a-z-]+)="[^"]*[a-z] [a-z][^"]*"')


@pytest.mark.parametrize("path", [path for part in PARTS for path in templates_of(part)], ids=str)
def test_templates_say_nothing_else(path: Path):
    """
    No template has a word outside of what is translated.
    """
    html = JINJA.sub("", path.read_text())

    # A sentence begins with a capital, or has two words; what is left of tags has neither.
    assert re.findall(r"[A-Z][a-z]+|[a-z]+ [a-z]+", TAG.sub("", html)) == []
    assert SPOKEN.findall(html) == []
