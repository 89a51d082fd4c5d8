"""What an import says: a line for each row as it is done, and what is to be known at the end."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from twofold.cli.host import Application
from twofold.cli.output import print_json, print_line, print_table, shown, told_on_stderr
from twofold.core.imports import Outcome
from twofold.service.imports import Found, Taken

RED = {Outcome.REFUSED, Outcome.UNKNOWN, Outcome.AMBIGUOUS}
"""Of whom somebody has to take care."""

GONE = {Outcome.IMPORTED, Outcome.ALREADY_THERE, Outcome.SEALED}
"""What is no more needed where it stood."""

Row = tuple[Found, Callable[[], bool] | None]
"""What was found, and what deletes it where it stood once it is here; nothing where it is not to be deleted so."""

STAY = {
    "sqlite": "the file is overwritten where secrets stood. Copies that were left in it before now go with VACUUM",
    "postgresql": "older versions of the rows stay in the table's files until VACUUM FULL, which locks the table",
    "mysql": "older versions of the rows may stay in the table's file until OPTIMIZE TABLE, and in the binary logs",
}
"""What still has the deleted secrets, by the kind of database."""


@dataclass
class Summary:
    """
    What was done with all rows.

    Args:
        weak: Imported secrets that sign in only once more.
        deleted: Rows that were deleted, or emptied, where they stood.
        still_there: Rows whose secret still stands where it stood, in the clear.
        log_is_full: A log of the database still has what was deleted, and could not be emptied.
    """

    dry_run: bool
    outcomes: dict[str, int] = field(default_factory=dict)
    weak: int = 0
    deleted: int = 0
    still_there: int = 0
    log_is_full: bool = False
    remarks: list[str] = field(default_factory=list)

    @property
    def is_red(self) -> bool:
        """Whether somebody has to take care of something."""
        return self.log_is_full or not RED.isdisjoint(self.outcomes)


@dataclass(frozen=True)
class Report:
    """
    How an import is carried out and told.

    Args:
        origin: Where it all comes from; the users can read it.
        actor: Who does it.
    """

    application: Application
    origin: str
    actor: str
    dry_run: bool
    as_json: bool

    def of(self, rows: Iterable[Row], total: int | None = None) -> Summary:
        """
        Take over all *rows*, one after the other, and say of each what was done with it.

        Args:
            total: How many there are, where that is known.
        """
        summary = Summary(self.dry_run)
        with _progress(total) as advance:
            for found, delete in rows:
                taken = self._taken(found)
                summary.outcomes[taken.outcome] = summary.outcomes.get(taken.outcome, 0) + 1
                summary.weak += taken.weak
                self._delete(found, taken, delete, summary)
                self._tell(taken)
                advance()
        return summary

    def _taken(self, found: Found) -> Taken:
        return self.application.use(
            lambda auth: auth.imports.take(found, origin=self.origin, actor=self.actor, dry_run=self.dry_run)
        )

    def _delete(self, found: Found, taken: Taken, delete: Callable[[], bool] | None, summary: Summary) -> None:
        """Only after it was stored here, and that is committed: whoever ends the import in between loses nothing."""
        gone = taken.outcome in GONE and not self.dry_run and delete is not None and delete()
        # What stands in the host's own column is deleted with what is stored, in one transaction.
        with_it = found.erase is not None and taken.outcome in GONE | {Outcome.SKIPPED} and not self.dry_run
        summary.deleted += gone or with_it
        summary.still_there += not (gone or with_it)

    def _tell(self, taken: Taken) -> None:
        if self.as_json:
            print_json(asdict(taken), lines=True)
            return
        who = taken.account or (taken.user and f"user {taken.user}")
        facts = [taken.place, *([] if who in {None, taken.place} else [who]), taken.outcome.replace("_", " ")]
        print_line("  ".join([*map(shown, facts), *map(shown, taken.notes)]))

    def end(self, summary: Summary) -> None:
        """Say what is to be known of all rows."""
        if summary.weak:
            summary.remarks.append(
                f"Weak, with fewer than 112 bits: {summary.weak}. Each signs in once more, and must be set up anew "
                "in that session. Tell these people before they come."
            )
        if self.as_json:
            print_json({"summary": summary}, lines=True)
            return
        title = "What would be done" if self.dry_run else "What was done"
        print_table(title, ("outcome", "rows"), [(name.replace("_", " "), n) for name, n in summary.outcomes.items()])
        for remark in summary.remarks:
            told_on_stderr(remark)


@contextmanager
def _progress(total: int | None) -> Iterator[Callable[[], None]]:
    """How far it has come, for somebody who does not see the rows go by."""
    console = Console(stderr=True)
    if not console.is_terminal or Console().is_terminal:
        yield lambda: None
        return
    columns = (SpinnerColumn(), TextColumn("Importing"), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=total)
        yield lambda: progress.advance(task)
