"""The languages of the pages: catalogues, which of them a browser asks for, and how moments are written in it."""

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from gettext import NullTranslations
from io import BytesIO
from pathlib import Path
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po
from babel.support import Translations
from babel.units import format_unit
from markupsafe import Markup

from twofold.errors import ConfigurationError
from twofold.web.accept import preferences

OURS = Path(__file__).parent / "locale"
ENGLISH = "en"
# CLDR's English without a country writes a date as the United States do.
ENGLISH_LOCALE = Locale("en", "GB")

PLACE = re.compile(r"%\((\w+)\)[sd]")
_PERCENT = re.compile(r"%(?:%|\(\w+\)[sd])?")
_LINE = re.compile(r'((msgctxt|msgid|msgid_plural|msgstr(\[\d\])?)\s+)?"(?:[^"\\]|\\.)*"|#.*|')
LONGEST_FILLED = 500
"""Characters of a text whose msgid is looked for by what stands around its places: an error has some sentences."""


def msgid(text: str) -> str:
    """Marks a text for the catalogues, where it stands in a table and is translated later."""
    return text


@dataclass(frozen=True)
class Language:
    """
    A language of the pages.

    Args:
        tag: Its name in HTML and HTTP (BCP 47).
        translations: Its words; English ones are their own.
        locale: How it writes dates and numbers.
    """

    tag: str
    translations: NullTranslations
    locale: Locale


class Filled(NullTranslations):
    """
    What an error says with its numbers filled in, translated by the msgid that has places for them.

    Errors come from floors that know of no language, so that "A code has 6 digits." is found as "A code has %(digits)s
    digits.".
    """

    def __init__(self, catalog: Catalog) -> None:
        super().__init__()
        self.patterns = [
            (_pattern_of(message.id), message.string)
            for message in catalog
            if isinstance(message.id, str) and isinstance(message.string, str)
            # Only sentences, as errors are: "%(browser)s on %(system)s" would fit much that a host may say.
            if PLACE.search(message.id) and message.id.endswith(".") and message.string and not message.fuzzy
        ]

    def gettext(self, message: str) -> str:
        """The translation with the same numbers; the text itself where it fits no msgid."""
        if len(message) <= LONGEST_FILLED:
            for pattern, translated in self.patterns:
                if found := pattern.fullmatch(message):
                    return PLACE.sub(r"%(\1)s", translated) % found.groupdict()
        return super().gettext(message)


def _pattern_of(text: str) -> re.Pattern[str]:
    # A place holds a number or a name, never the end of a sentence: so a msgid does not swallow another one's text.
    literal, names = PLACE.split(text)[::2], PLACE.findall(text)
    parts = [re.escape(literal[0])]
    for number, name in enumerate(names):
        parts.append(f"(?P={name})" if name in names[:number] else f"(?P<{name}>[^.]+?)")
        parts.append(re.escape(literal[number + 1]))
    return re.compile("".join(parts))


class Languages:
    """
    Every language that there is a catalogue of, read once.

    Args:
        folder: More catalogues, `<language>.po` each; what stands there wins.

    Raises:
        ConfigurationError: A catalogue is malformed; the text names the file and what is wrong.
    """

    def __init__(self, folder: Path | str | None = None) -> None:
        folders = [OURS] if folder is None else [OURS, Path(folder)]
        self.english = Language(ENGLISH, NullTranslations(), ENGLISH_LOCALE)
        self._languages = {ENGLISH: self.english}
        for path in (path for each in folders for path in sorted(each.glob("*.po"))):
            self._add(path)
        self.english = self._languages[ENGLISH]

    def _add(self, path: Path) -> None:
        locale, catalog = locale_of(path), catalogue(path)
        tag = str(locale).replace("_", "-")
        translations = translations_of(catalog)
        if tag in self._languages:
            translations.add_fallback(self._languages[tag].translations)
        self._languages[tag] = Language(tag, translations, ENGLISH_LOCALE if tag == ENGLISH else locale)

    def __iter__(self) -> Iterator[Language]:
        return iter(self._languages.values())

    def of(self, accept_language: str | None) -> Language:
        """
        The language that a browser asks for (RFC 4647, 3.4, "Lookup"), or English.

        Args:
            accept_language: Its `Accept-Language` (RFC 9110, 12.5.4).
        """
        wanted = preferences(accept_language) or []
        refused = {name for name, quality in wanted if quality == 0}
        by_tag = {tag.lower(): language for tag, language in self._languages.items() if tag.lower() not in refused}
        for name, quality in sorted(wanted, key=lambda each: -each[1]):
            if quality and (language := _looked_up(name, by_tag)):
                return language
        return self.english


def _looked_up(name: str, by_tag: dict[str, Language]) -> Language | None:
    if name == "*":
        return next(iter(by_tag.values()), None)
    parts = name.split("-")
    prefixes = ("-".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((by_tag[prefix] for prefix in prefixes if prefix in by_tag), None)


def locale_of(path: Path) -> Locale:
    """
    The language after which a catalogue is called.

    Raises:
        ConfigurationError: There is no such language.
    """
    try:
        return Locale.parse(path.stem.replace("-", "_"))
    except (ValueError, UnknownLocaleError):
        raise ConfigurationError(f"{path}: call a catalogue after its language, as in de.po or pt_BR.po.") from None


def catalogue(path: Path) -> Catalog:
    """
    A catalogue as it stands in its file.

    Raises:
        ConfigurationError: It is malformed, or a translation has other places to fill in than its text.
    """
    try:
        content = path.read_bytes()
        found = read_po(BytesIO(content), abort_invalid=True)
        faults = [*_broken_lines(content, found.charset), *faults_of(found)]
        translations_of(found)
    except (PoFileError, ValueError, LookupError, OSError) as error:
        raise ConfigurationError(f"{path} is no catalogue that can be read: {error}.") from error
    if faults:
        raise ConfigurationError(f"{path}: {' '.join(faults)}")
    return found


def _broken_lines(content: bytes, charset: str) -> list[str]:
    """Lines that Babel passes over, and with them what they say."""
    lines = enumerate(content.decode(charset).splitlines(), start=1)
    return [
        f"Line {number} is not of a catalogue: {line}" for number, line in lines if not _LINE.fullmatch(line.strip())
    ]


def faults_of(catalog: Catalog) -> list[str]:
    """What would fail while a page is written: places to fill in that the text does not have, or a bare `%`."""
    found = []
    for message in catalog:
        ids, strings = texts_of(message.id), texts_of(message.string)
        places = {place for text in ids for place in PLACE.findall(text)}
        for string in filter(None, strings if message.id else ()):
            if set(PLACE.findall(string)) - places:
                found.append(f"{string!r} has other places to fill in than {ids[0]!r}.")
            if places and "%" in _PERCENT.findall(string):
                found.append(f"{string!r} has a % that is none; write %%.")
    return found


def with_bare_percents(text: str) -> str:
    """A text in which a `%` that is no place is one: templates fill in every text, also those without a place."""
    return _PERCENT.sub(lambda found: "%%" if found[0] == "%" else found[0], text)


def texts_of(texts: str | Sequence[str] | None) -> tuple[str, ...]:
    """One text, or those of each number, as Babel has them."""
    return (texts,) if isinstance(texts, str) else tuple(texts or ())


def translations_of(catalog: Catalog) -> Translations:
    """A catalogue as gettext reads it, made in memory."""
    compiled = BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    translations = Translations(compiled)
    translations.add_fallback(Filled(catalog))
    return translations


def filters(language: Language) -> dict[str, Callable[..., Any]]:
    """What templates write in this language: `moment`, `day` and `wait`."""

    def moment(at: datetime) -> Markup:
        utc = at.astimezone(UTC)
        machine = utc.isoformat(timespec="seconds").replace("+00:00", "Z")
        written = f"{day(at)}, {format_time(utc, 'short', tzinfo=UTC, locale=language.locale)} UTC"
        return Markup('<time datetime="{}">{}</time>').format(machine, written)

    def day(at: datetime) -> str:
        return format_date(at.astimezone(UTC), "long", locale=language.locale)

    def wait(seconds: float) -> str:
        return in_words(seconds, language.locale)

    return {"moment": moment, "day": day, "wait": wait}


def in_words(seconds: float, locale: Locale) -> str:
    """A time to wait, in the largest unit of which it is more than one, rounded up: nobody comes back too early."""
    amount = max(math.ceil(seconds), 1)
    for unit, size, at_most in (("second", 1, 59), ("minute", 60, 119), ("hour", 3600, 47)):
        number = -(-amount // size)
        if number <= at_most:
            return format_unit(number, f"duration-{unit}", locale=locale)
    return format_unit(-(-amount // 86_400), "duration-day", locale=locale)
