"""Every sentence that a person may read: in templates, in the code of the pages, and in what errors say."""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from babel.messages.extract import extract

from twofold import errors

ROOT = Path(__file__).resolve().parent.parent
SOURCE, BACKEND = ROOT / "src" / "twofold", ROOT / "backend" / "app"

MsgId = str | tuple[str, ...]
"""A text, or its two numbers."""

KEYWORDS = {"_": None, "gettext": None, "msgid": None, "ngettext": (1, 2)}
TEMPLATE = {"silent": "false", "newstyle_gettext": "true"}
# What these say is for operators.
SILENT = (errors.ConfigurationError, errors.RowRefused)
ERRORS = {
    name
    for name, error in vars(errors).items()
    if isinstance(error, type) and issubclass(error, errors.TwofoldError) and not issubclass(error, SILENT)
}


@dataclass
class Part:
    """
    What has catalogues of its own.

    Args:
        locale: Their folder.
        pages: Folders of templates and of code that marks its sentences.
        floors: Files and folders whose errors a person may read.
        below: What it falls back on.
        root: What the names of files are relative to.
    """

    locale: Path
    pages: list[Path]
    floors: list[Path]
    below: list["Part"] = field(default_factory=list)
    root: Path = ROOT

    @cached_property
    def sentences(self) -> dict[MsgId, list[str]]:
        """Each sentence, with the files in which it stands."""
        found: dict[MsgId, list[str]] = {}
        for path, sentence in self._all():
            places = found.setdefault(sentence, [])
            places += [] if path in places else [path]
        known = {sentence for part in self.below for sentence in part.sentences}
        return {sentence: places for sentence, places in found.items() if sentence not in known}

    def _all(self) -> Iterator[tuple[str, MsgId]]:
        for path in _files(self.floors, ".py"):
            yield from ((self._name(path), sentence) for sentence in told_in(path.read_text()))
        for path in _files(self.pages, ".py"):
            yield from ((self._name(path), sentence) for sentence in _marked_in(path, "python"))
        for path in _files(self.pages, ".html"):
            yield from ((self._name(path), sentence) for sentence in _marked_in(path, "jinja2.ext:babel_extract"))

    def _name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()


TWOFOLD = Part(
    SOURCE / "web" / "locale",
    pages=[SOURCE / "web"],
    floors=[SOURCE / "errors.py", SOURCE / "core", SOURCE / "service"],
)
APP = Part(BACKEND / "locale", pages=[BACKEND], floors=[BACKEND / "models", BACKEND / "routes"], below=[TWOFOLD])
PARTS = [TWOFOLD, APP]


def _files(places: list[Path], suffix: str) -> list[Path]:
    found = [each for place in places for each in ([place] if place.is_file() else place.rglob(f"*{suffix}"))]
    return sorted(each for each in found if each.suffix == suffix)


def _marked_in(path: Path, method: str) -> list[MsgId]:
    with path.open("rb") as file:
        return [sentence for _, sentence, *_ in extract(method, file, KEYWORDS, options=TEMPLATE)]


def told_in(source: str) -> Iterator[str]:
    """
    What errors say in this code: as the text of their class, where they are raised, or of a field.

    A number that is filled in has its name in the sentence.
    """
    tree = ast.parse(source)
    constants = _named_in(tree.body)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    for scope in [tree, *functions]:
        known = constants if scope is tree else constants | _named_in(ast.walk(scope))
        for value in (value for node in ast.walk(scope) for text in _texts_of(node) for value in _branches(text)):
            if text := _sentence(known.get(value.id) if isinstance(value, ast.Name) else value):
                yield text


def _named_in(nodes: Iterable[ast.AST]) -> dict[str, ast.expr]:
    """What names stand for."""
    return {
        target.id: node.value
        for node in nodes
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _texts_of(node: ast.AST) -> list[ast.expr]:
    match node:
        case ast.ClassDef(name=name, body=body) if name in ERRORS:
            return [value for each in body if (value := _detail_in(each)) is not None]
        case ast.Call(func=ast.Name(id=name), args=[text, *_]) if name in ERRORS:
            return [text]
        case ast.Call(func=ast.Attribute(value=ast.Call(func=ast.Name(id="super")), attr="__init__"), args=[text, *_]):
            return [text]
        case ast.Dict(keys=keys, values=values):
            return [
                value
                for key, value in zip(keys, values, strict=True)
                if isinstance(key, ast.Constant) and key.value == "message"
            ]
        case _:
            return []


def _branches(value: ast.expr) -> list[ast.expr]:
    return [value.body, value.orelse] if isinstance(value, ast.IfExp) else [value]


def _detail_in(statement: ast.stmt) -> ast.expr | None:
    match statement:
        case ast.Assign(targets=[ast.Name(id="detail")], value=value):
            return value
        case ast.AnnAssign(target=ast.Name(id="detail"), value=value):
            return value
        case _:
            return None


def _sentence(value: ast.expr | None) -> str | None:
    """A text as it stands in a catalogue; nothing where more than names is filled in, as only programs are told."""
    match value:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=values):
            parts = [_part(each) for each in values]
            return None if None in parts else "".join(part or "" for part in parts)
        case _:
            return None


def _part(value: ast.expr) -> str | None:
    match value:
        case ast.Constant(value=str(text)):
            return text
        case ast.FormattedValue(value=ast.Name(id=name)):
            return f"%({name})s"
        case _:
            return None
