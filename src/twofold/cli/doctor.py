"""`twofold doctor`: what is wrong, and what to do."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from twofold.cli.host import Application, ApplicationRefuses, AppOption, JsonOption, opened, wants_json
from twofold.cli.output import print_json, shown
from twofold.core import diagnosis
from twofold.core.diagnosis import Check, Finding, Light, Revisions, not_looked_at, worst
from twofold.errors import ConfigurationError
from twofold.fastapi.doctor import examined, sessions_examined
from twofold.service.doctor import Told
from twofold.settings import workers

OF_SESSIONS = (Check.SESSIONS, Check.END_ALL)
OF_ROUTES = (Check.PASSWORD_LIMITS, Check.ROUTES, Check.TOKENS, Check.CORS)
NO_APPLICATION = "--app names no FastAPI application"

WIDEST = max(len(check.value) for check in Check)
MARKS = {Light.GREEN: "green", Light.AMBER: "yellow", Light.RED: "bold red"}
"""The colours of a terminal; the word is there in any case."""


def doctor(
    ctx: typer.Context,
    *,
    app: AppOption = None,
    migrations: Annotated[
        Path | None,
        typer.Option("--migrations", metavar="DIR", help="Alembic's folder, or alembic.ini, where it is not found."),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Amber is not good enough either.")] = False,
    json: JsonOption = False,
) -> None:
    """
    Say what is wrong with clocks, keys, rows, tables, sessions and routes, and what to do; nothing is changed.

    Ends with 1 where something is red.
    """
    try:
        with opened(ctx, app) as application:
            found = _found(application, migrations)
    except ApplicationRefuses as error:
        found = [diagnosis.refused(str(error))]
    found.sort(key=lambda finding: list(Check).index(finding.check))
    print_json(found) if wants_json(ctx, json) else _show(found)
    if worst(found) is Light.RED or (strict and worst(found) is Light.AMBER):
        raise typer.Exit(1)


def _found(application: Application, folder: Path | None) -> list[Finding]:
    auth = application.auth
    built = Finding(Check.APPLICATION, Light.GREEN, f"{auth.issuer} is built, with the profile {auth.policy.name}")
    with _progress() as told:
        store = application.use(lambda auth: auth.doctor.examined(told))
    return [built, *store, _migrations(application, folder, store), *_of_the_host(application)]


def _of_the_host(application: Application) -> list[Finding]:
    app, two_factor = application.app, application.two_factor
    if two_factor is None:
        return [not_looked_at(check, NO_APPLICATION) for check in (*OF_SESSIONS, *OF_ROUTES)]
    if app is None:
        return [*sessions_examined(two_factor), *(not_looked_at(check, NO_APPLICATION) for check in OF_ROUTES)]
    return application.run(examined(app, two_factor, workers=workers()))


def _migrations(application: Application, folder: Path | None, store: Sequence[Finding]) -> Finding:
    """
    The migrations against the database.

    Args:
        store: What was found about the store: where it is away, that is why its revision is not known.
    """
    try:
        revisions = _revisions(application, folder)
    except ConfigurationError:
        raise
    except Exception as error:  # noqa: BLE001 - Alembic runs the files of revisions, which may raise anything
        away = any(each.check is Check.DATABASE and each.light is Light.RED for each in store)
        why = f"the migrations cannot be read ({type(error).__name__})"
        return not_looked_at(Check.MIGRATIONS, why, light=Light.AMBER if away else Light.RED)
    return diagnosis.migrations(revisions)


def _revisions(application: Application, folder: Path | None) -> Revisions | None:
    try:
        from twofold.sqlalchemy import SqlAlchemyStore  # noqa: PLC0415 - a host may have a store of its own
        from twofold.sqlalchemy.schema_check import migrations_in  # noqa: PLC0415 - as above
    except ModuleNotFoundError:
        return None
    scripts = migrations_in(folder, Path.cwd())
    # Another store has no migrations of Alembic's, whatever lies beside it.
    if scripts is None or not isinstance(application.auth.store, SqlAlchemyStore):
        return None
    heads = tuple(scripts.get_heads())
    if len(heads) > 1:
        return Revisions(heads, ())
    return application.run(application.auth.store.run(lambda store: store.read(lambda tx: _asked(tx, scripts))))


def _asked(transaction: Any, scripts: Any) -> Revisions:  # noqa: ANN401 - of SQLAlchemy's and Alembic's
    revisions: Revisions = transaction.revisions(scripts)
    return revisions


@contextmanager
def _progress() -> Iterator[Told]:
    """How far it has come, where somebody watches."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    with console.status("Looking at the enrollments") as status:
        yield lambda number: status.update(f"Looking at the enrollments: {number:,}")


def _show(found: Sequence[Finding]) -> None:
    """One line a check, with a word and a colour; below it what to do."""
    console = Console(soft_wrap=True, highlight=False)
    for each in found:
        name = each.check.value.replace("_", " ")
        console.print(
            Text.assemble((f"{each.light:<5}", MARKS[each.light]), f"  {name:<{WIDEST}}  {shown(each.found)}")
        )
        if each.advice:
            console.print(Text(f"{'':<{WIDEST + 9}}{shown(each.advice)}"))
    lights = {light: sum(each.light is light for each in found) for light in Light}
    console.print(Text(", ".join(f"{count} {light}" for light, count in lights.items() if count or light is Light.RED)))
