"""The languages of the pages: whose catalogue is read, who gets which language, and how moments are written."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twofold.core.policy import MAX_PREFERENCE_CHARACTERS
from twofold.errors import ConfigurationError
from twofold.web.languages import Languages, filters

HEAD = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n'
MOMENT = datetime(2026, 11, 27, 22, 35, 59, tzinfo=timezone(timedelta(hours=1)))


def entry(msgid: str, msgstr: str) -> str:
    return f'\nmsgid "{msgid}"\nmsgstr "{msgstr}"\n'


def words_of(languages: Languages, accept_language: str, text: str) -> str:
    return languages.of(accept_language).translations.gettext(text)


@pytest.fixture(scope="module")
def languages(tmp_path_factory: pytest.TempPathFactory) -> Languages:
    """English, German, and two of a host's."""
    folder = tmp_path_factory.mktemp("locale")
    (folder / "pt_BR.po").write_text(HEAD)
    (folder / "zh-Hant.po").write_text(HEAD)
    return Languages(folder)


@pytest.mark.parametrize(
    ("accept_language", "tag"),
    [
        ("de", "de"),
        ("DE", "de"),
        ("de-AT", "de"),
        ("de-Latn-AT-1996", "de"),
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("en-US,en;q=0.9,de;q=0.8", "en"),
        ("en;q=0.8, de", "de"),
        ("en;q=0.8,de;q=0.9", "de"),
        ("de;q=0.8,en;q=0.8", "de"),
        ("fr, de;q=0.1", "de"),
        ("fr", "en"),
        ("fr-CH, fr;q=0.9, *;q=0.5", "en"),
        ("*", "en"),
        ("*, en;q=0", "de"),
        ("de;q=0, de-AT", "en"),
        ("de;q=0", "en"),
        ("en;q=0, de;q=0", "en"),
        ("pt-BR", "pt-BR"),
        ("pt-br, de;q=0.9", "pt-BR"),
        ("pt, de;q=0.9", "de"),
        ("zh-Hant-TW", "zh-Hant"),
        ("der", "en"),
    ],
)
def test_who_gets_which(languages: Languages, accept_language: str, tag: str):
    """
    The language of the highest quality that there is, shortened from its end until there is one; else English.
    """
    assert languages.of(accept_language).tag == tag


@pytest.mark.parametrize(
    "accept_language",
    [
        None,
        "",
        ",",
        "de;q=2",
        "de;q=x",
        "de de",
        "de_DE",
        "déutsch",
        "de\n",
        "de;",
        "de" + "," * MAX_PREFERENCE_CHARACTERS,
    ],
)
def test_nonsense_is_english(languages: Languages, accept_language: str | None):
    """
    Who says nothing, or nothing that can be read, gets English.
    """
    expected = "de" if accept_language == "de;" else "en"  # RFC 9110, 5.6.6: a parameter may be empty.

    assert languages.of(accept_language).tag == expected


@given(
    st.text(max_size=100) | st.lists(st.sampled_from(["de", "-", "en", "*", ";q=", "0", "1", ",", "."])).map("".join)
)
def test_nothing_raises(languages: Languages, accept_language: str):
    """
    Whatever is sent, there is a language for it.
    """
    assert languages.of(accept_language).tag in {"en", "de", "pt-BR", "zh-Hant"}


def test_a_host_adds_and_replaces(tmp_path: Path):
    """
    What a host's catalogue says goes before ours, in English too; what it does not say stays as it was.
    """
    (tmp_path / "de.po").write_text(HEAD + entry("Fill this in.", "Hier fehlt etwas."))
    (tmp_path / "en.po").write_text(HEAD + entry("Fill this in.", "Please fill this in."))
    languages = Languages(tmp_path)

    assert [words_of(languages, tag, "Fill this in.") for tag in ("de", "en", "fr")] == [
        "Hier fehlt etwas.",
        "Please fill this in.",
        "Please fill this in.",
    ]
    assert words_of(languages, "de", "Something went wrong") == words_of(Languages(), "de", "Something went wrong")
    assert words_of(languages, "de", "In no catalogue.") == "In no catalogue."


def test_numbers_that_are_filled_in_already(tmp_path: Path):
    """
    A text with its numbers in it is translated by the one with places for them, and by no other.
    """
    (tmp_path / "de.po").write_text(
        HEAD
        + entry("%(given)s of %(most)d, at most %(most)d.", "%(most)d höchstens, 100 %%, und hier %(given)s.")
        + entry("Empty %(given)s.", "")
        + entry("%(browser)s on %(system)s", "%(browser)s auf %(system)s")
        + "\n#, fuzzy"
        + entry("Doubtful %(given)s.", "Zweifelhaft %(given)s.")
    )
    languages = Languages(tmp_path)

    assert words_of(languages, "de", "3 of 10, at most 10.") == "10 höchstens, 100 %, und hier 3."
    for text in (
        "3 of 10, at most 11.",
        "3. x of 10, at most 10.",
        "Empty 3.",
        "Doubtful 3.",
        "Click on it",
        " of 10, at most 10.",
    ):
        assert words_of(languages, "de", text) == text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('msgid "a"\nmsgid\n', r"de\.po is no catalogue that can be read: missing msgstr"),
        ('msgid "a"\nmsgstr "b\n', r"de\.po: Line 2 is not of a catalogue: msgstr \"b"),
        ("rubbish\n", r"de\.po is no catalogue that can be read"),
        (HEAD + entry("Hello %(name)s.", "Hallo %(nmae)s."), r"'Hallo %\(nmae\)s\.' has other places to fill in"),
        (HEAD + entry("Hello.", "Hallo %(name)s."), r"'Hallo %\(name\)s\.' has other places to fill in"),
        (HEAD + entry("%(number)d left", "%(number)d übrig, 5 % davon"), "has a % that is none; write %%"),
        (HEAD.replace("utf-8", "utf-99"), r"de\.po is no catalogue that can be read"),
        (HEAD + 'msgid "ü"\nmsgstr "ä"\n', r"de\.po is no catalogue that can be read"),
    ],
)
def test_a_malformed_catalogue(tmp_path: Path, text: str, told: str):
    """
    A catalogue that would fail later fails at the start, by its name and with what is wrong.
    """
    (tmp_path / "de.po").write_bytes(text.encode("utf-8" if "ü" not in text or "übrig" in text else "latin-1"))

    with pytest.raises(ConfigurationError, match=told):
        Languages(tmp_path)


@pytest.mark.parametrize("name", ["klingon.po", "xx.po", "de_XX_YY_ZZ.po", ".po"])
def test_a_catalogue_of_no_language(tmp_path: Path, name: str):
    """
    A catalogue is called after a language.
    """
    (tmp_path / name).write_text(HEAD)

    with pytest.raises(ConfigurationError, match="call a catalogue after its language"):
        Languages(tmp_path)


@pytest.mark.parametrize(
    ("tag", "written"), [("en", "27 November 2026, 21:35 UTC"), ("de", "27. November 2026, 21:35 UTC")]
)
def test_moments(languages: Languages, tag: str, written: str):
    """
    A moment is written in UTC in the page's language, and says itself to programs.
    """
    write = filters(languages.of(tag))

    assert write["moment"](MOMENT) == f'<time datetime="2026-11-27T21:35:59Z">{written}</time>'
    assert write["moment"](MOMENT).__html__() == write["moment"](MOMENT)
    assert write["day"](MOMENT) == written.partition(",")[0]
    assert write["day"](datetime(2026, 1, 1, 0, 30, tzinfo=timezone(timedelta(hours=1)))).endswith("2025")


@pytest.mark.parametrize(
    ("seconds", "english", "german"),
    [
        (0, "1 second", "1 Sekunde"),
        (1, "1 second", "1 Sekunde"),
        (1.2, "2 seconds", "2 Sekunden"),
        (30, "30 seconds", "30 Sekunden"),
        (59, "59 seconds", "59 Sekunden"),
        (59.5, "1 minute", "1 Minute"),
        (60, "1 minute", "1 Minute"),
        (61, "2 minutes", "2 Minuten"),
        (1800, "30 minutes", "30 Minuten"),
        (7140, "119 minutes", "119 Minuten"),
        (7141, "2 hours", "2 Stunden"),
        (7201, "3 hours", "3 Stunden"),
        (172_801, "3 days", "3 Tage"),
    ],
)
def test_waits(languages: Languages, seconds: float, english: str, german: str):
    """
    A wait is written in a unit that one can grasp, and never shorter than it is.
    """
    assert [filters(languages.of(tag))["wait"](seconds) for tag in ("en", "de")] == [english, german]


def test_moments_of_any_language():
    """
    Babel writes moments in any language that it knows, so another catalogue is all that one needs.
    """
    now = datetime(2026, 11, 27, tzinfo=UTC)

    assert all("2026" in filters(language)["moment"](now) for language in Languages())
