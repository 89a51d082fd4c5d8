"""The host's application: found by its name, and used from outside of any request."""

import asyncio
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from traceback import extract_tb
from typing import Annotated, Any, TypeVar

import typer
from fastapi import FastAPI
from starlette.types import ASGIApp

from twofold.errors import ConfigurationError
from twofold.fastapi import TwoFactor
from twofold.fastapi.seen_routes import layers
from twofold.service.two_factor_auth import TwoFactorAuth

T = TypeVar("T")

_APP = "Where the application is: its FastAPI object, its TwoFactor or TwoFactorAuth, or what makes one."
AppOption = Annotated[str | None, typer.Option("--app", metavar="MODULE:OBJECT", help=f"{_APP} Else TWOFOLD_APP.")]
# The variable belongs to this one alone: what is typed before a command would otherwise give way to it.
CommonAppOption = Annotated[str | None, typer.Option("--app", metavar="MODULE:OBJECT", envvar="TWOFOLD_APP", help=_APP)]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Say what would happen, and change nothing.")]


class ApplicationRefuses(ConfigurationError):
    """An application that is there, and cannot be built as it is set; the text says what to change."""


@dataclass(frozen=True)
class Options:
    """What was said before the command."""

    app: str | None = None
    json: bool = False


@dataclass(frozen=True)
class Application:
    """
    An application that was found.

    Args:
        app: Its FastAPI object, with what stands around it, where that is known.
        two_factor: Its second factor in that, where that is known.
    """

    auth: TwoFactorAuth
    app: ASGIApp | None
    two_factor: TwoFactor[Any] | None
    _runner: asyncio.Runner

    def use(self, use_case: Callable[[TwoFactorAuth], T]) -> T:
        """One use case, over whichever engine."""
        return self.run(self.auth.run(use_case))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What has to run on an event loop, on that of the use cases."""
        return self._runner.run(work)


@contextmanager
def opened(ctx: typer.Context, named: str | None) -> Iterator[Application]:
    """
    The application that was named, before the command or after it.

    Raises:
        ConfigurationError: None was named, or it cannot be loaded.
        ApplicationRefuses: It was found, and is put together wrongly.
    """
    name = named or ctx.ensure_object(Options).app
    if not name:
        raise ConfigurationError("Say which application: --app module:object, or TWOFOLD_APP.")
    app, two_factor, auth = _parts_of(_loaded(name), name)
    with asyncio.Runner() as runner:
        try:
            yield Application(auth, app, two_factor, runner)
        finally:
            close = getattr(auth.store, "close", None)
            if close is not None:
                with suppress(Exception):  # the process ends anyway
                    runner.run(close())


def wants_json(ctx: typer.Context, said: bool) -> bool:  # noqa: FBT001 - an option
    """Whether JSON was asked for, before the command or after it."""
    return said or ctx.ensure_object(Options).json


def _loaded(name: str) -> Any:  # noqa: ANN401 - whatever the host has
    module, colon, path = name.partition(":")
    if not module or not colon or not path:
        raise ConfigurationError("--app: write module:object, for example app.main:create_app.")
    # As `python -m` does: an application is found from where it lies.
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        with _built(name):
            found: Any = import_module(module)
    except ApplicationRefuses as error:
        cause = error.__cause__
        if not isinstance(cause, ModuleNotFoundError) or not f"{module}.".startswith(f"{cause.name}."):
            raise
        raise ConfigurationError(f"--app: there is no module {module} here.") from error
    for part in path.split("."):
        if not hasattr(found, part):
            raise ConfigurationError(f"--app: {module} has no {path}.")
        found = getattr(found, part)
    return found


@contextmanager
def _built(name: str) -> Iterator[None]:
    """Whatever an application raises while it is built: our own in its words, all else by its name and place."""
    try:
        yield
    except ConfigurationError as error:
        raise ApplicationRefuses(str(error)) from error
    except Exception as error:
        frames = [(Path(frame.filename), frame.lineno) for frame in extract_tb(error.__traceback__)]
        # Where the host's own files are, as far as they are here: what they call lies elsewhere.
        own = [
            frame for frame in frames if frame[0].is_relative_to(Path.cwd()) and "site-packages" not in frame[0].parts
        ]
        path, line = (own or frames)[-1]
        text = f"{name} raised {type(error).__name__} while it was built, in {path.name}, line {line}."
        raise ApplicationRefuses(text) from error


def _parts_of(found: Any, name: str) -> tuple[ASGIApp | None, TwoFactor[Any] | None, TwoFactorAuth]:  # noqa: ANN401
    if not isinstance(layers(found)[-1], FastAPI | TwoFactor | TwoFactorAuth) and callable(found):
        with _built(name):
            found = found()
    inner = layers(found)[-1]
    if isinstance(inner, FastAPI):
        two_factor = getattr(inner.state, "twofold", None)
        if two_factor is None:
            raise ConfigurationError(f"--app: {name} is an application without two_factor.install(app, ...).")
        return found, two_factor, two_factor.auth
    if isinstance(found, TwoFactor):
        return None, found, found.auth
    if isinstance(found, TwoFactorAuth):
        return None, None, found
    raise ConfigurationError(f"--app: {name} is no FastAPI application, TwoFactor or TwoFactorAuth.")
