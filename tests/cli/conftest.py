"""The command line on the reference backend, on each database, and people who use the backend meanwhile."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.http.conftest import fresh_place, key, world_on
from tests.http.world import World
from twofold.cli import app

__all__ = ["fresh_place", "key", "world_on"]

APPLICATION = "app.main:create_app"


@dataclass(frozen=True)
class Done:
    """What a command printed, and what it ended with."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed for a program."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """The same where each line is JSON."""
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass(frozen=True)
class Operator:
    """Somebody at the command line."""

    world: World
    url: str
    keys: Sequence[str]

    def run(self, *words: str, keys: Sequence[str] | None = None, typed: str | None = None, **variables: str) -> Done:
        """Type a command; *keys* is what `ENCRYPTION_KEY` holds, *typed* what it reads."""
        entries = ",".join(self.keys if keys is None else keys)
        environment = {"DATABASE_URL": self.url, "ENCRYPTION_KEY": entries, "TWOFOLD_APP": APPLICATION, **variables}
        result = CliRunner().invoke(app, list(words), env=environment, input=typed)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Done(result.exit_code, result.stdout, result.stderr)


@pytest.fixture
def operator_on(world_on: Callable[[str], World], key: str) -> Callable[[str], Operator]:
    def operator_on(kind: str) -> Operator:
        world = world_on(kind)
        return Operator(world, world.app.state.settings.database_url, [key])

    return operator_on


@pytest.fixture
def operator(operator_on: Callable[[str], Operator]) -> Operator:
    """Where the database does not matter."""
    return operator_on("sqlite")


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def each_operator(request: pytest.FixtureRequest, operator_on: Callable[[str], Operator]) -> Operator:
    """On each database in turn."""
    return operator_on(request.param)
