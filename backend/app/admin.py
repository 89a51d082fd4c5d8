"""
Who may administer: `python -m app.admin grant EMAIL`, `revoke EMAIL`, `list`; the first admin is made so.

Exit codes, as of `twofold`: 0 it is done; 1 there is no such user; 2 the call or a setting is wrong; 3 the database is
out of reach.
"""

import asyncio
import logging
import sys
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence

from sqlalchemy import select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.database import OutOfReach, make_engine, migrate
from app.models.user import ADMIN, USER, User, plain
from app.utils.two_factor_auth import KEY_FILE, make_store, make_two_factor_auth
from twofold import ConfigurationError, TwoFactorAuth, Unavailable
from twofold.errors import NotFound
from twofold.settings import Settings

NOT_FOUND, WRONG_CALL, OUT_OF_REACH = 1, 2, 3
ACTOR = "command line"


async def change_role(engine: AsyncEngine, auth: TwoFactorAuth, email: str, role: str) -> str:
    """
    Give the user of this address a role; what was done, in words.

    Raises:
        NotFound: There is no such user.
        Unavailable: The database is out of reach.
    """
    address = plain(email)
    wanted = select(User.id, User.email, User.role, User.twofa_enabled).filter_by(email=address)
    async with engine.begin() as connection:
        rows = (await connection.execute(wanted)).all() if address.isprintable() else []
    # A table that was there before may find equal what is not, accents for one: that is nobody.
    user = next((row for row in rows if plain(row.email) == address), None)
    if user is None:
        raise NotFound("Nobody has that e-mail address. Register first, or look for a slip of the pen.")
    if user.role == role:
        return f"User {user.id} was that before; nothing is changed."
    # Recorded before it is so: nobody gets a role of which nothing is known.
    await auth.run(lambda auth: auth.users.role_changed(user.id, granted=role == ADMIN, actor=ACTOR))
    async with engine.begin() as connection:
        await connection.execute(update(User).filter_by(id=user.id).values(role=role))
    if role == ADMIN and not user.twofa_enabled:
        return f"User {user.id} is an admin now, and has no second factor: it is asked for on every route of admins."
    return f"User {user.id} is {'an admin now' if role == ADMIN else 'no admin any more'}."


async def list_admins(engine: AsyncEngine) -> str:
    """Who may administer, a line each."""
    admins = select(User.id, User.email, User.twofa_enabled).filter_by(role=ADMIN).order_by(User.id)
    async with engine.connect() as connection:
        rows = (await connection.execute(admins)).all()
    lines = [f"{row.id}\t{row.email}\t{'with' if row.twofa_enabled else 'without'} second factor" for row in rows]
    return "\n".join(lines) or "Nobody is an admin. Make one: python -m app.admin grant EMAIL"


async def done(settings: Settings, command: str, email: str) -> str:
    """
    Carry a command out, on tables that are up to date; what was done, in words.

    Raises:
        ConfigurationError: A setting is wrong.
        NotFound: There is no such user.
        OutOfReach: The database is out of reach.
        Unavailable: It goes away meanwhile.
    """
    engine = make_engine(settings.database_url)
    store = make_store(engine)
    auth = make_two_factor_auth(settings, settings.key_ring(KEY_FILE), store)
    try:
        await migrate(engine)
        if command == "list":
            return await list_admins(engine)
        return await change_role(engine, auth, email, ADMIN if command == "grant" else USER)
    finally:
        await store.close()
        await engine.dispose()


def main(arguments: Sequence[str] | None = None, environment: Mapping[str, str] | None = None) -> None:
    """
    Do what the command line says, or say in one line why not.

    Args:
        arguments: In place of those that the process was started with.
        environment: In place of the environment.
    """
    logging.basicConfig(level=logging.ERROR, format="%(levelname)s:     %(message)s")
    parser = ArgumentParser(prog="python -m app.admin", description="Who may administer second factors.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, says in {"grant": "make a user an admin", "revoke": "make an admin a user"}.items():
        commands.add_parser(name, help=says).add_argument("email", help="as it was registered")
    commands.add_parser("list", help="show who is an admin")
    asked = parser.parse_args(arguments)
    code, text = 0, ""
    try:
        text = asyncio.run(done(Settings.from_environment(environment), asked.command, getattr(asked, "email", "")))
    except NotFound as error:
        code, text = NOT_FOUND, str(error)
    except OutOfReach as error:
        code, text = OUT_OF_REACH, str(error)
    except ConfigurationError as error:
        code, text = WRONG_CALL, str(error)
    except (Unavailable, SQLAlchemyError, OSError) as error:
        code, text = (
            OUT_OF_REACH,
            f"The database could not be used ({type(error).__name__}). Is it there, and writable?",
        )
    print(text, file=sys.stderr if code else sys.stdout)
    sys.exit(code)


if __name__ == "__main__":
    main()
