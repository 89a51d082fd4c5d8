"""A document with commands in it, and what it shows of their answers."""

import re
from dataclasses import dataclass, field
from typing import Any

from tests.story.desk import answers_in

FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass
class Block:
    """A block of commands, and what is shown of its answers."""

    line: int
    command: str
    shown: list[Any] = field(default_factory=list)


def story_of(document: str) -> list[Block]:
    """The blocks of commands of a document, in their order."""
    blocks = list[Block]()
    for fenced in FENCED.finditer(document):
        kind, text = fenced.groups()
        if kind == "sh":
            blocks.append(Block(document.count("\n", 0, fenced.start()) + 1, text))
        elif kind in {"json", "text"}:
            blocks[-1].shown += answers_in(text)
    return blocks


def fits(shown: Any, came: Any) -> bool:
    """Whether an answer is the one that is shown: `...` stands for anything, and at the end of a list for its rest."""
    match shown:
        case "...":
            return True
        case str():
            form = re.escape(shown).replace(re.escape("..."), ".*")
            return isinstance(came, str) and re.fullmatch(form, came, re.DOTALL) is not None
        case dict():
            same = isinstance(came, dict) and list(shown) == list(came)
            return same and all(fits(value, came[name]) for name, value in shown.items())
        case [*first, "..."]:
            return isinstance(came, list) and len(came) > len(first) and all(map(fits, first, came))
        case list():
            return isinstance(came, list) and len(came) == len(shown) and all(map(fits, shown, came))
        case _:
            return type(shown) is type(came) and shown == came
