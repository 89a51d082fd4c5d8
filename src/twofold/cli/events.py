"""`twofold events`: what happened, as it happens."""

import time
from typing import Annotated

import typer

from twofold.cli.host import Application, AppOption, JsonOption, opened, wants_json
from twofold.cli.output import print_json, print_line, shown
from twofold.cli.users import IdOption, found_user
from twofold.core.events import RecordedEvent
from twofold.core.policy import EVENTS_AT_ONCE
from twofold.core.sealing import user_text
from twofold.service.ports import UserId

LOOK_AGAIN_SECONDS = 1
"""Between two looks for what is new."""
LOOK_BACK = 100
"""Numbers of events that may come to light behind one of a higher number."""
EVENTS_A_LOOK = 2 * LOOK_BACK

app = typer.Typer(no_args_is_help=True, help="What happened to second factors.")


@app.command()
def tail(
    ctx: typer.Context,
    *,
    number: Annotated[int, typer.Option("-n", "--number", min=1, max=EVENTS_AT_ONCE, help="How many.")] = 20,
    user: Annotated[str | None, typer.Option("--user", help="Only this user's: id or account name.")] = None,
    by_id: IdOption = False,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on as more happens, until Ctrl-C.")] = False,
    app: AppOption = None,
    json: JsonOption = False,
) -> None:
    """Show the last events, the newest last; as JSON one a line."""
    as_json = wants_json(ctx, json)
    with opened(ctx, app) as application:
        user_id = found_user(application, user, by_id=by_id) if user else None
        known = _newest(application, user_id, None, max(number, LOOK_BACK))
        for event in known[-number:]:
            _show(event, as_json=as_json)
        while follow:
            time.sleep(LOOK_AGAIN_SECONDS)
            # By what was seen, and not by the last number: of two at once the first may come to light as the second.
            seen, oldest = {event.number for event in known}, min((event.number for event in known), default=0)
            known = _since(application, user_id, max(seen, default=0) - LOOK_BACK)
            for event in known:
                if event.number not in seen and event.number > oldest:
                    _show(event, as_json=as_json)


def _since(application: Application, only: UserId | None, number: int) -> list[RecordedEvent]:
    """At least all events behind this number, the newest last."""
    found = page = _newest(application, only, None, EVENTS_A_LOOK)
    while len(page) == EVENTS_A_LOOK and page[0].number > number:
        page = _newest(application, only, str(page[0].number), EVENTS_A_LOOK)
        found = page + found
    return found


def _newest(application: Application, only: UserId | None, before: str | None, at_most: int) -> list[RecordedEvent]:
    page = application.use(lambda auth: auth.events.of_everybody(before, only=only, at_most=at_most))
    return list(page.items)[::-1]


def _show(event: RecordedEvent, *, as_json: bool) -> None:
    user = None if event.user_id is None else user_text(event.user_id)
    facts = {
        "moment": event.moment,
        "user": user,
        "kind": event.kind,
        "outcome": event.outcome,
        "factor": event.factor,
        "client_address": event.client_address,
        "actor": event.actor,
        "reason": event.reason,
    }
    if as_json:
        print_json({"number": event.number, **facts}, lines=True)
    else:
        print_line("  ".join(shown(fact) for fact in facts.values()))
