"""
The command line: what the person needs who is woken at night.

Exit codes: 0 it is done; 1 it is refused, not found, or something is red; 2 the call is wrong, or the application
cannot be loaded; 3 the store is out of reach.
"""

try:
    from twofold.cli.commands import app
except ModuleNotFoundError as error:
    if error.name not in {"typer", "rich", "click"}:
        raise
    message = "the command line needs typer and rich: pip install 'twofold[cli]'"
    raise ModuleNotFoundError(message, name=error.name) from error

__all__ = ["app"]
