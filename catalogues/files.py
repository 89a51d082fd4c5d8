"""The files of the catalogues: how they are written, and what is wrong with them."""

import re
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import write_po

from catalogues.sentences import MsgId, Part
from twofold.web.languages import catalogue, locale_of, texts_of

WIDTH = 120
# What gettext fills in, and what the pages' script does.
PLACES = re.compile(r"%\(\w+\)[sd]|\{\w+\}")


def files_of(part: Part) -> list[Path]:
    """The catalogues of a part."""
    return sorted(part.locale.glob("*.po"))


def updated(path: Path, part: Part) -> str:
    """A catalogue with every sentence, and with what it says of them already; an empty file becomes one, too."""
    before, after = catalogue(path), Catalog(locale=locale_of(path))
    for sentence, places in part.sentences.items():
        known = before.get(sentence[0] if isinstance(sentence, tuple) else sentence)
        string = known.string if known is not None and known.id == sentence else ""
        after.add(
            sentence,
            string,
            locations=[(place, None) for place in places],  # type: ignore[misc]  # Without numbers of lines.
            flags={"fuzzy"} if known is not None and known.fuzzy else set(),
            user_comments=known.user_comments if known is not None else (),
        )
    return _head(after) + _written(after)


def _head(catalog: Catalog) -> str:
    """What gettext needs to know, and no dates."""
    head = {
        "Language": catalog.locale_identifier,
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Transfer-Encoding": "8bit",
        "Plural-Forms": catalog.plural_forms,
    }
    lines = "".join(f'"{name}: {value}\\n"\n' for name, value in head.items())
    return f'# Written by `make catalogue`, but for the lines that begin with msgstr.\nmsgid ""\nmsgstr ""\n{lines}\n'


def _written(catalog: Catalog) -> str:
    file = BytesIO()
    write_po(file, catalog, width=WIDTH, omit_header=True, include_lineno=False)
    return file.getvalue().decode().strip() + "\n"


def faults_of(path: Path, part: Part) -> list[str]:
    """What is missing in a catalogue, and what is wrong in it, a line each."""
    catalog, sentences = catalogue(path), part.sentences
    known = {sentence: message for sentence in sentences if (message := _message(catalog, sentence))}
    obsolete = [*catalog.obsolete, *(message.id for message in catalog if message.id and message.id not in sentences)]
    return [
        *(f"missing: {sentence!r}" for sentence in sentences if sentence not in known),
        *(f"obsolete: {sentence!r}" for sentence in obsolete),
        *(f"{fault}: {sentence!r}" for sentence, message in known.items() for fault in _faults(message)),
    ]


def _message(catalog: Catalog, sentence: MsgId) -> Message | None:
    found = catalog.get(sentence[0] if isinstance(sentence, tuple) else sentence)
    return found if found is not None and found.id == sentence else None


def _faults(message: Message) -> list[str]:
    ids, strings = texts_of(message.id), texts_of(message.string)
    # One of two numbers may do without the number, as in "the last one".
    wanted = [set(PLACES.findall(text)) for text in ids]
    found = []
    if not all(strings):
        found.append("empty")
    if message.fuzzy:
        found.append("fuzzy")
    if any(string and set(PLACES.findall(string)) not in wanted for string in strings):
        found.append("other places to fill in")
    if any(string in ids for string in strings) and not message.user_comments:
        found.append("not translated, and no comment says that it is the same word")
    return found
