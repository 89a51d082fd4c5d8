"""`twofold keys`: make a key, see what stands under which, rewrite everything under the writing one, let one go."""

import secrets
import sys
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from twofold.cli.host import AppOption, DryRunOption, JsonOption, opened, wants_json
from twofold.cli.output import print_json, print_line, print_table, told_on_stderr
from twofold.core.sealing import KEY_BYTES
from twofold.service.keys import KeyStatus, Rotated, Told

app = typer.Typer(no_args_is_help=True, help="The keys that secrets are sealed under.")


@app.command()
def new() -> None:
    """Make a new key: 32 random bytes as url-safe base64, for ENCRYPTION_KEY."""
    print_line(urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).decode())
    if sys.stdout.isatty():
        told_on_stderr(
            "Put it behind the present key in ENCRYPTION_KEY on every node, then before it, then run "
            "`twofold keys rotate`. Keep it where the database's backups are not."
        )


@app.command()
def status(ctx: typer.Context, *, app: AppOption = None, json: JsonOption = False) -> None:
    """Show which values stand under which key."""
    with opened(ctx, app) as application:
        found = application.use(lambda auth: auth.keys_in_use.status())
    if wants_json(ctx, json):
        print_json(found)
        return
    _show(found)
    for warning in found.warnings:
        told_on_stderr(f"Warning: {warning}")


def _show(found: KeyStatus, title: str = "Values by key") -> None:
    columns = list(found.keys[0].rows) if found.keys else []
    rows = [
        (
            key.key_id,
            "writes" if key.place == 1 else "opens" if key.place else "not in ENCRYPTION_KEY",
            *key.rows.values(),
        )
        for key in found.keys
    ]
    print_table(title, ("key", "in ENCRYPTION_KEY", *columns), rows)


@app.command()
def rotate(
    ctx: typer.Context, *, app: AppOption = None, dry_run: DryRunOption = False, json: JsonOption = False
) -> None:
    """
    Rewrite every value under the first key of ENCRYPTION_KEY, with traffic running.

    It can be ended at any point, and run again: it goes on where it was.
    """
    with opened(ctx, app) as application:
        before = application.use(lambda auth: auth.keys_in_use.status())
        with _progress("Opening" if dry_run else "Rewriting") as told:
            done = application.use(lambda auth: auth.keys_in_use.rotate(told, dry_run=dry_run))
        after = application.use(lambda auth: auth.keys_in_use.status())
    if wants_json(ctx, json):
        print_json({"dry_run": dry_run, "rotated": done, "before": before.keys, "after": after.keys})
    else:
        _show(before, "Values by key, before")
        _show(after, "Values by key, now")
    if dry_run:
        told_on_stderr(f"{done.rows} rows would be rewritten; {done.unreadable} of them do not open. Nothing changed.")
    elif done.left:
        told_on_stderr(
            f"{done.left} rows are left: {done.unreadable} do not open (see the lines above, and `twofold keys "
            "status`), the others were busy. Run it again."
        )
    if done.unreadable or (done.left and not dry_run):
        raise typer.Exit(1)


@contextmanager
def _progress(what: str) -> Iterator[Told]:
    """How far it has come: a bar with rate and time left, or a line every tenth where nobody watches."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _by_tenths(what)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TaskProgressColumn(show_speed=True))
    rate = TextColumn("{task.fields[rate]} rows/s")
    with Progress(*columns, rate, TimeRemainingColumn(), console=console, transient=True) as progress:
        task = progress.add_task(what, total=None, rate="-")

        def told(state: Rotated) -> None:
            speed = progress.tasks[0].speed
            rate = f"{speed:,.0f}" if speed else "-"
            progress.update(task, total=state.rows, completed=state.done, rate=rate)

        yield told


def _by_tenths(what: str) -> Told:
    reached = 0

    def told(state: Rotated) -> None:
        nonlocal reached
        tenth = 10 * state.done // max(state.rows, 1)
        if tenth > reached:
            reached = tenth
            told_on_stderr(f"{what}: {state.done} of {state.rows} rows")

    return told


@app.command()
def retire(
    ctx: typer.Context,
    *,
    key_id: Annotated[str, typer.Argument(metavar="KEY", help="Its id, as `twofold keys status` shows it.")],
    app: AppOption = None,
    json: JsonOption = False,
) -> None:
    """Make sure that nothing stands under a key, so that it can be taken out of ENCRYPTION_KEY."""
    with opened(ctx, app) as application:
        key = application.use(lambda auth: auth.keys_in_use.retire(key_id))
    if wants_json(ctx, json):
        print_json(key)
        return
    print_line(
        f"Nothing stands under key {key.key_id}. Take entry {key.place} out of ENCRYPTION_KEY on every node, once each "
        "of them runs with another key first."
    )
