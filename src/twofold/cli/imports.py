"""`twofold import`: people who come from another application bring their authenticator apps along."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, TypeVar

import typer

from twofold.cli.host import Application, AppOption, DryRunOption, JsonOption, opened, wants_json
from twofold.cli.import_report import STAY, Report, Row, Summary
from twofold.core.import_lines import Line, csv_reader, line_of, lines_of
from twofold.core.imports import Brought
from twofold.core.sealing import fernet_opener
from twofold.errors import ConfigurationError
from twofold.service.imports import Found
from twofold.service.ports import Transaction
from twofold.settings import key_entries

if TYPE_CHECKING:
    from twofold.sqlalchemy.foreign import Database, HostDatabase

T = TypeVar("T")

app = typer.Typer(
    no_args_is_help=True,
    help="Take over the authenticator apps that people have set up in another application.",
    epilog="Stop the other application first: what it accepts after its secrets were taken over, works here once more. "
    "Whoever has a second factor here keeps it. It can be ended at any point, and run again.",
)

ByOption = Annotated[str, typer.Option("--by", metavar="NAME", help="Who does it, for the event.")]
FileArgument = Annotated[typer.FileBinaryRead, typer.Argument(metavar="FILE", help="The file; - for standard input.")]
LowerOption = Annotated[bool, typer.Option("--lower-case", help="Look accounts up in lower case.")]
BY = "command line"
STDIN = "<stdin>"


@app.command("csv")
def csv_(
    ctx: typer.Context,
    *,
    file: FileArgument,
    lower_case: LowerOption = False,
    by: ByOption = BY,
    app: AppOption = None,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
) -> None:
    """
    Import a CSV file in UTF-8 whose first line names its columns.

    They are account and secret (base32) or otpauth (a URI), and where you have them algorithm, digits, period and
    last_used_step.
    """
    lines = lines_of(file.readline)
    header = next(lines, None)
    if header is None:
        raise ConfigurationError("The file is empty.")
    rows = _rows_of(lines, csv_reader(header.text()), lower_case=lower_case)
    with opened(ctx, app) as application:
        report = Report(application, "imported from a CSV file", by, dry_run, wants_json(ctx, json))
        _end_of_file(report, report.of(rows), file)


@app.command()
def otpauth(
    ctx: typer.Context,
    *,
    file: FileArgument,
    lower_case: LowerOption = False,
    by: ByOption = BY,
    app: AppOption = None,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
) -> None:
    """
    Import a list of otpauth:// URIs, one a line.

    The account is what the label says, or what stands before the URI with a tab between.
    """
    rows = _rows_of(lines_of(file.readline), line_of, lower_case=lower_case)
    with opened(ctx, app) as application:
        report = Report(application, "imported from a list", by, dry_run, wants_json(ctx, json))
        _end_of_file(report, report.of(rows), file)


@app.command()
def columns(
    ctx: typer.Context,
    *,
    column: Annotated[str, typer.Option("--column", help="The column with the secrets.")] = "totp_secret",
    enabled_column: Annotated[
        str | None, typer.Option("--enabled-column", help="The column that says whose second factor was on.")
    ] = None,
    fernet_key_env: Annotated[
        str | None, typer.Option("--fernet-key-env", metavar="NAME", help="The variable with the Fernet key.")
    ] = None,
    fernet_key_file: Annotated[
        Path | None, typer.Option("--fernet-key-file", help="The file with the Fernet key.", dir_okay=False)
    ] = None,
    by: ByOption = BY,
    app: AppOption = None,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
) -> None:
    """
    Import a column of the application's own users: base32, otpauth:// URIs, or either under Fernet.

    Our own column is sealed in place; another one is emptied, row by row, in the transaction that stores the secret
    sealed. Fernet keys are those of ENCRYPTION_KEY unless others are named.
    """
    # With the store's libraries, which the other commands do not need.
    from twofold.sqlalchemy.user_columns import UserColumn  # noqa: PLC0415

    decrypted = _decrypted(fernet_key_env, fernet_key_file)
    with opened(ctx, app) as application:
        database = _host_database(application)
        source = UserColumn(column, enabled_column, decrypted)
        report = Report(application, f"imported from the column {column}", by, dry_run, wants_json(ctx, json))
        summary = report.of((found, None) for found in source.found(database.reading))
        summary.remarks.append("Backup codes of the other application are not taken over: people make new ones.")
        if summary.still_there:
            summary.remarks.append(f"Still in the clear, in the column {column}: {summary.still_there}.")
        _wiped(database, summary)
        _end(report, summary)


@app.command("django-otp")
def django_otp(
    ctx: typer.Context,
    *,
    database: Annotated[
        str | None,
        typer.Option(
            "--database",
            metavar="URL",
            envvar="TWOFOLD_IMPORT_DATABASE",
            help="Where its tables are; a password is better given in the variable. Without it: in the application's.",
        ),
    ] = None,
    user_table: Annotated[str, typer.Option("--user-table", help="Its table of users.")] = "auth_user",
    user_column: Annotated[
        str, typer.Option("--user-column", help="The column with the name under which a user is known here.")
    ] = "username",
    user_key: Annotated[str, typer.Option("--user-key", help="The primary key of that table.")] = "id",
    erase: Annotated[bool, typer.Option("--erase", help="Delete each device once it is stored here.")] = False,
    lower_case: LowerOption = False,
    by: ByOption = BY,
    app: AppOption = None,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
) -> None:
    """
    Import the TOTP devices of django-otp, from the tables that its own package writes.

    Of each user the first confirmed device is taken.
    """
    from twofold.sqlalchemy.django_otp import TOTP_DEVICES, DjangoOtp  # noqa: PLC0415 - as above
    from twofold.sqlalchemy.foreign import OtherDatabase  # noqa: PLC0415 - as above

    with opened(ctx, app) as application, ExitStack() as stack:
        there: Database = (
            stack.enter_context(closing(OtherDatabase(database))) if database else _host_database(application)
        )
        drift = application.auth.policy.drift
        source = DjangoOtp(there, user_table, user_column, user_key, drift, lower_case)
        total = source.check()
        report = Report(application, "imported from django-otp", by, dry_run, wants_json(ctx, json))
        rows = ((found, delete if erase else None) for found, delete in source.found())
        summary = report.of(rows, total)
        summary.remarks += [f"Not taken over: {count} {what}." for what, count in source.others().items()]
        if summary.still_there:
            summary.remarks.append(
                f"Still in the clear, in {TOTP_DEVICES}: {summary.still_there}. --erase deletes those that are "
                "stored here."
            )
        _wiped(there, summary)
        _end(report, summary)


def _decrypted(variable: str | None, file: Path | None) -> Callable[[str], bytes] | None:
    """What opens Fernet tokens; nothing where there is no key."""
    if variable and file:
        raise ConfigurationError("Name the Fernet key by --fernet-key-env or by --fernet-key-file, not by both.")
    if file is not None:
        try:
            text = file.read_text(encoding="ascii")
        except (OSError, ValueError):
            raise ConfigurationError("--fernet-key-file: the file cannot be read.") from None
        return fernet_opener(re.split(r"[,\s]+", text.strip()))
    entries = key_entries(variable or "ENCRYPTION_KEY")
    if variable and not entries:
        raise ConfigurationError("--fernet-key-env: this variable is not set.")
    return fernet_opener(entries) if entries else None


def _host_database(application: Application) -> "HostDatabase":
    from twofold.sqlalchemy.foreign import HostDatabase  # noqa: PLC0415 - as above

    def read(work: Callable[[Transaction], T]) -> T:
        return application.use(lambda auth: auth.imports.read(work))

    def write(work: Callable[[Transaction], T]) -> T:
        return application.use(lambda auth: auth.imports.write(work))

    return HostDatabase(read, write)


def _wiped(database: "Database", summary: Summary) -> None:
    """See that SQLite's log is empty, and say what else still has what was deleted."""
    from twofold.sqlalchemy.foreign import empty_journal  # noqa: PLC0415 - as above

    if summary.dry_run:
        return
    if summary.deleted:
        kind = database.read(lambda connection: connection.dialect.name)
        summary.remarks.append(
            f"Deleted where they stood in the clear: {summary.deleted}; {STAY.get(kind, STAY['mysql'])}. "
            "Backups and replicas of the database keep them for as long as you keep those."
        )
    # Each time, for it may not have gone the last time.
    if not database.read(empty_journal):
        summary.log_is_full = True
        summary.remarks.append(
            "The write-ahead log of the database could not be emptied, for somebody is reading: it still has them. Run "
            "the import again, or PRAGMA wal_checkpoint(TRUNCATE) when nobody is."
        )


def _rows_of(lines: Iterator[Line], read: Callable[[str], Brought], *, lower_case: bool) -> Iterator[Row]:
    def brought(line: Line) -> Brought:
        found = read(line.text())
        return replace(found, account=found.account.lower()) if lower_case and found.account else found

    for line in lines:
        yield Found(f"line {line.number}", partial(brought, line)), None


def _end_of_file(report: Report, summary: Summary, file: BinaryIO) -> None:
    name = getattr(file, "name", STDIN)
    if name != STDIN:
        summary.remarks.append(
            f"{name} still has all secrets in the clear: delete it, and its copies, when you are done."
        )
    _end(report, summary)


def _end(report: Report, summary: Summary) -> None:
    report.end(summary)
    if summary.is_red:
        raise typer.Exit(1)
