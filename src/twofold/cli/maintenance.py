"""`twofold maintenance`: delete what is kept for long enough."""

from dataclasses import asdict

import typer

from twofold.cli.host import AppOption, JsonOption, opened, wants_json
from twofold.cli.output import print_facts, print_json


def maintenance(ctx: typer.Context, *, app: AppOption = None, json: JsonOption = False) -> None:
    """
    Delete what the policy keeps no longer: events, addresses, expired sign-ins. To be run from time to time.

    It may run on several hosts at once, and be ended at any point: the next run does the rest.
    """
    with opened(ctx, app) as application:
        done = application.use(lambda auth: auth.maintenance())
    print_json(done) if wants_json(ctx, json) else print_facts(asdict(done))
