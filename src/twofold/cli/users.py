"""`twofold users`: look at one user's second factor, reset it, end a wait."""

from typing import Annotated, Any

import typer

from twofold.cli.host import Application, AppOption, DryRunOption, JsonOption, opened, wants_json
from twofold.cli.output import print_facts, print_json, print_line, shown
from twofold.core.sealing import user_text
from twofold.core.users import checked_reason
from twofold.service.export import Export
from twofold.service.ports import UserId

NO_SESSION = ""
"""Nobody asks from within a session."""

app = typer.Typer(no_args_is_help=True, help="One user's second factor.")
UserArgument = Annotated[str, typer.Argument(metavar="USER", help="The user's id, or account name.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why. The user can read it.")]
ByOption = Annotated[str, typer.Option("--by", metavar="NAME", help="Who does it, for the event.")]
IdOption = Annotated[bool, typer.Option("--id", help="What names the user is the id, and no account name.")]
BY = "command line"


@app.command()
def show(
    ctx: typer.Context,
    user: UserArgument,
    *,
    by_id: IdOption = False,
    app: AppOption = None,
    json: JsonOption = False,
) -> None:
    """Show where a user's second factor stands; no secret, no code."""
    with opened(ctx, app) as application:
        user_id = found_user(application, user, by_id=by_id)
        found = application.use(lambda auth: auth.export.legible(user_id, NO_SESSION))
    facts = _facts(user_id, found)
    print_json(facts) if wants_json(ctx, json) else print_facts(facts)


@app.command()
def reset(
    ctx: typer.Context,
    *,
    user: UserArgument,
    reason: ReasonOption,
    by: ByOption = BY,
    by_id: IdOption = False,
    app: AppOption = None,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
) -> None:
    """
    Remove every factor of a user who has lost them; all sessions end.

    The next sign-in is by password alone. Be sure who asks for it.
    """
    why = checked_reason(reason)
    with opened(ctx, app) as application:
        user_id = found_user(application, user, by_id=by_id)
        application.use(lambda auth: auth.users.reset(user_id, reason=why, actor=by, dry_run=dry_run))
    _told(ctx, user_id, "reset", json=json, dry_run=dry_run)


@app.command()
def unlock(
    ctx: typer.Context,
    *,
    user: UserArgument,
    reason: ReasonOption,
    by: ByOption = BY,
    by_id: IdOption = False,
    app: AppOption = None,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
) -> None:
    """
    End the wait of a user; the counts stay, so that the next wrong code sets a wait again.

    A method that was switched off stays so: that needs a reset.
    """
    why = checked_reason(reason)
    with opened(ctx, app) as application:
        user_id = found_user(application, user, by_id=by_id)
        application.use(lambda auth: auth.users.unlock(user_id, reason=why, actor=by, dry_run=dry_run))
    _told(ctx, user_id, "unlocked", json=json, dry_run=dry_run)


def found_user(application: Application, user: str, *, by_id: bool) -> UserId:
    """
    The id of the user who is named.

    Raises:
        UnknownUser: Nobody is meant, or several could be.
    """
    return application.use(lambda auth: auth.users.by_id(user) if by_id else auth.users.find(user))


def _told(ctx: typer.Context, user_id: UserId, what: str, *, json: bool, dry_run: bool) -> None:
    if wants_json(ctx, json):
        print_json({"user": user_text(user_id), "done": what, "dry_run": dry_run})
    else:
        print_line(f"User {shown(user_text(user_id))} {'would be' if dry_run else 'is'} {what}.")


def _facts(user_id: UserId, found: Export) -> dict[str, Any]:
    codes = found.backup_codes
    return {
        "user": user_text(user_id),
        "account": found.account,
        "enabled": found.enabled,
        "factors": [factor.factor for factor in found.factors],
        "switched_off": [factor.factor for factor in found.factors if factor.switched_off],
        "enabled_at": min((one.enabled_at for one in found.factors if one.enabled_at), default=None),
        "last_used_at": max((one.last_used_at for one in found.factors if one.last_used_at), default=None),
        "backup_codes_remaining": codes.remaining if codes else 0,
        "set_up_until": found.set_up_until,
        "failures": dict(found.failures),
        "locked_until": found.locked_until,
        "sessions": len(found.sessions),
        "pending_sign_ins": len(found.pending_sign_ins),
        "unreadable": list(found.unreadable),
    }
