"""What becomes of an account: made, its password checked and changed, left; the same for JSON and for pages."""

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Db
from app.models.user import DUMMY_HASH, PASSWORDS, User, UserSession, is_hash, password_faults, plain
from twofold import TwoFactorAuth
from twofold.errors import Forbidden, InvalidRequest, SignInFailed, Unavailable
from twofold.fastapi.cores import on_a_core
from twofold.fastapi.host import CurrentSession, Host
from twofold.fastapi.password_limits import PasswordLimits
from twofold.fastapi.requests import client_address
from twofold.fastapi.sessions import CheckedPassword

EMAIL_MAX = 254  # Characters (RFC 5321, 4.5.3.1.3, less the brackets).
PASSWORD_MAX = 1024  # Characters.
NOBODY = 0  # An id that no user has.


@dataclass(frozen=True)
class Passwords:
    """The passwords of the application, for one request."""

    request: Request
    db: AsyncSession

    async def check(self, password: str, *, account: str, **user: str | int) -> CheckedPassword:
        """
        Whose password this is.

        Raises:
            RateLimited: There were too many wrong ones for *account*, or from this client; it was not looked at.
            SignInFailed: It is wrong, or there is no such user, in the same time.
        """
        limits: PasswordLimits = self.request.app.state.password_limits
        async with limits.attempt(client_address(self.request), account):
            return await self._compare(password, account, **user)

    async def check_credentials(self, email: str, password: str) -> CheckedPassword:
        """Whose these are, however the address was typed; raises as `check`."""
        account = plain(email)
        # Not every database can be asked for a control character; no address has one.
        return await self.check(password, account=account, email=account if account.isprintable() else "")

    async def check_own(self, password: str, user_id: int) -> None:
        """Whether it is the password of somebody who is signed in; raises as `check`, by the same counts."""
        email = await self.db.scalar(select(User.email).filter_by(id=user_id))
        await self.db.rollback()  # As below: the counts may be elsewhere, and take their time.
        await self.check(password, account=plain(email or ""), id=user_id)

    async def _compare(self, password: str, account: str, **user: str | int) -> CheckedPassword:
        auth: TwoFactorAuth = self.request.app.state.two_factor.auth
        columns = (User.id, User.email, User.hashed_password, User.twofa_epoch)
        found = (await self.db.execute(select(*columns).filter_by(**user))).first()
        await self.db.rollback()  # The connection goes back before the hash takes its time.
        # A table that was there before may find equal what is counted apart, accents for one: that is nobody.
        found = found if found and plain(found.email) == account else None
        # A hash of another kind, as an older application may have left it, opens for nobody.
        known = found.hashed_password if found and is_hash(found.hashed_password) else DUMMY_HASH
        right = await on_a_core(lambda: PASSWORDS.verify(password, known)) and known is not DUMMY_HASH
        # Nobody goes the same way, which has a queue: by its time, too, who is unknown is somebody who is wrong.
        user_id, address = found.id if found else NOBODY, client_address(self.request)
        await auth.run(lambda auth: auth.sign_in.password_checked(user_id, right=right), client_address=address)
        if found is None:
            raise SignInFailed
        return CheckedPassword(found.id, found.twofa_epoch)

    async def register(self, email: str, password: str) -> str:
        """
        Make an account; nothing tells whether the address was free. One that is in use keeps its password.

        Returns:
            The address as it is stored.

        Raises:
            Forbidden: Registration is closed.
            InvalidRequest: The address is none, or the password will not do.
        """
        if self.request.app.state.settings.production:
            raise Forbidden("Registration is closed.")
        errors, email = password_faults(password, "password"), plain(email)
        if len(email) > EMAIL_MAX or not email.isprintable() or not re.fullmatch(r"[^@\s]+@[^@\s]+", email):
            errors.append({"field": "email", "message": "This is not an e-mail address."})
        if errors:
            raise InvalidRequest(errors=errors)
        limits: PasswordLimits = self.request.app.state.password_limits
        begun = limits.clock.now()
        self.db.add(User(email=email, hashed_password=await on_a_core(lambda: PASSWORDS.hash(password))))
        try:
            await self.db.commit()
        except IntegrityError:
            await self.db.rollback()
        await limits.beat(begun)  # What is written takes longer than what is not.
        return email

    async def change(self, host: Host, current: CurrentSession, old: str, new: str) -> None:
        """
        Put a new password in the place of the old one; all sessions end, the one that asks, too.

        Raises:
            InvalidRequest: The new one will not do.
            SignInFailed: The old one is wrong; raises also as `check`.
        """
        if errors := password_faults(new, "new_password"):
            raise InvalidRequest(errors=errors)
        auth, user_id, epoch = host.auth, current.user_id, current.state.epoch
        await self.check_own(old, user_id)
        new_hash = await on_a_core(lambda: PASSWORDS.hash(new))
        # Owed and recorded before the change, so that sessions end also if this process dies after it, and only if
        # nothing changed since this request was let in; owed again after it, for what began in between with the old
        # password.
        address = current.client_address
        await auth.run(
            lambda auth: auth.password_changed(user_id, end_sessions=True, epoch=epoch), client_address=address
        )
        await self.db.execute(update(User).filter_by(id=user_id).values(hashed_password=new_hash))
        await self.db.commit()
        debt = await auth.run(lambda auth: auth.enrollment.end_sessions(user_id))
        await host.end_sessions(current.sessions, user_id, debt)

    async def leave(self, host: Host, current: CurrentSession, password: str) -> None:
        """
        Delete the account and everything that is kept about it.

        Raises:
            SignInFailed: The password is wrong; raises also as `check`.
        """
        auth, user_id, epoch = host.auth, current.user_id, current.state.epoch
        await self.check_own(password, user_id)
        # As above; and nothing is taken away before the account itself is.
        await auth.run(lambda auth: auth.enrollment.end_sessions(user_id, epoch=epoch))
        await self.db.execute(delete(UserSession).filter_by(user_id=user_id))
        await self.db.execute(delete(User).filter_by(id=user_id))
        await self.db.commit()
        # They have gone, and with them what the database knew to be theirs: to be told to try again would be wrong.
        with suppress(Unavailable):
            await auth.run(lambda auth: auth.forget(user_id))


async def passwords_of(request: Request, db: Db) -> Passwords:
    """The same as a dependency."""
    return Passwords(request, db)


GivenPasswords = Annotated[Passwords, Depends(passwords_of)]
