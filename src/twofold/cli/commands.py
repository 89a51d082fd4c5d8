"""The commands, put together; and what each error ends with."""

from typing import Any

import typer
from typer.core import TyperGroup

from twofold.cli import doctor, events, imports, keys, maintenance, users
from twofold.cli.host import CommonAppOption, JsonOption, Options
from twofold.cli.output import told_on_stderr, write_what_can_be_written
from twofold.errors import ConfigurationError, InvalidRequest, KeyInUse, TwofoldError, Unavailable, UnknownUser

REFUSED, WRONG_CALL, OUT_OF_REACH = 1, 2, 3
"""Exit codes, beside 0."""

OUT_OF_REACH_TEXT = "The store or a key is out of reach; what was done so far stays done. The lines above say more."


class Told(TyperGroup):
    """The commands; every error of ours ends with one line and a code."""

    def main(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - as below
        """Run all of it, help too."""
        write_what_can_be_written()
        return super().main(*arguments, **options)

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - of the click that typer brings along
        """Run the command that was named."""
        try:
            return super().invoke(ctx)
        except UnknownUser as error:
            told_on_stderr("There is no such user, or several could be meant: give the id, with --id.")
            raise typer.Exit(REFUSED) from error
        except Unavailable as error:
            told_on_stderr(f"{OUT_OF_REACH_TEXT} ({type(error).__name__})")
            raise typer.Exit(OUT_OF_REACH) from error
        except TwofoldError as error:
            wrong = isinstance(error, ConfigurationError | InvalidRequest) and not isinstance(error, KeyInUse)
            told_on_stderr(str(error))
            raise typer.Exit(WRONG_CALL if wrong else REFUSED) from error


app = typer.Typer(
    cls=Told,
    name="twofold",
    no_args_is_help=True,
    # A trace with local variables would show what is in them.
    pretty_exceptions_enable=False,
    help="The operator's side of two-factor authentication.",
    epilog="Exit codes: 0 done; 1 refused, not found, or something is red; 2 a wrong call, or an application that "
    "cannot be loaded; 3 the store is out of reach.",
)
app.add_typer(keys.app, name="keys")
app.add_typer(users.app, name="users")
app.add_typer(events.app, name="events")
app.add_typer(imports.app, name="import")
app.command("maintenance")(maintenance.maintenance)
app.command("doctor")(doctor.doctor)


@app.callback()
def common(ctx: typer.Context, *, app: CommonAppOption = None, json: JsonOption = False) -> None:
    """Keep what is said before the command for the command."""
    ctx.obj = Options(app=app, json=json)
