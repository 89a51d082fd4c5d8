"""`TwoFactor`: the one object of a host, with all that its application mounts and asks for."""

from collections.abc import Awaitable, Callable, Collection
from datetime import timedelta
from typing import Annotated, Any, Generic

from fastapi import APIRouter, Depends, FastAPI
from pydantic import BaseModel

from twofold.core.assurance import Assurance
from twofold.fastapi.errors import install_errors
from twofold.fastapi.guards import Guard, second_factor_guard
from twofold.fastapi.host import CurrentSession, Host
from twofold.fastapi.openapi import install_schemas
from twofold.fastapi.requests import TwofoldRoute
from twofold.fastapi.routes.backup_codes import add_backup_code_routes
from twofold.fastapi.routes.enrollment import add_enrollment_routes
from twofold.fastapi.routes.events import add_event_routes
from twofold.fastapi.routes.export import add_export_routes
from twofold.fastapi.routes.sign_in import install_second_factor_needed, sign_in_dependency, sign_in_routes
from twofold.fastapi.routes.step_up import add_step_up_routes
from twofold.fastapi.routes.totp import add_totp_routes
from twofold.fastapi.routes.webauthn import add_webauthn_routes
from twofold.fastapi.sessions import Answer, Sessions, SignedIn
from twofold.service.two_factor_auth import TwoFactorAuth


class TwoFactor(Generic[Answer]):
    """
    The second factor of one FastAPI application.

    Args:
        auth: The use cases.
        current_session: The host's dependency that says who is signed in: it returns a `SignedIn`, or raises.
        sessions: The host's class that starts and ends sessions, or a dependency that makes one.

    Attributes:
        auth: The use cases.
        host: The application as the routes see it.
        signed_in: A dependency: the host's *current_session*, after sessions that should have ended have ended (G8).
        assurance: A dependency: what the session has proved. The moment of a password alone is not known here: 1970.

    Raises:
        ConfigurationError: Something is missing in *sessions*, or the policy refuses it; the text says what to write.
    """

    def __init__(
        self,
        auth: TwoFactorAuth,
        *,
        current_session: Callable[..., Any],
        sessions: Callable[..., Sessions[Answer]] | Callable[..., Awaitable[Sessions[Answer]]],
    ) -> None:
        self.auth = auth
        self.host = Host(auth, current_session=current_session, sessions=sessions)
        self.signed_in = _signed_in(self.host)
        self.assurance = _assurance(self.host)
        self._guards: dict[tuple[int, bool], Guard] = {}

    def install(self, app: FastAPI, *, prefix: str) -> None:
        """
        Put our routes under *prefix*, and tell our errors as problem details.

        Args:
            prefix: For example `/api/auth/2fa`.
        """
        router = APIRouter(route_class=TwofoldRoute, tags=["Two-factor authentication"])
        fresh = second_factor_guard(self.host, self.auth.policy.max_age, if_enabled=True, to_set_up=True)
        add_totp_routes(router, self.host, fresh)
        add_enrollment_routes(router, self.host)
        add_backup_code_routes(router, self.host)
        add_step_up_routes(router, self.host)
        if self.auth.offers_webauthn:
            add_webauthn_routes(router, self.host, fresh, self.require_second_factor(if_enabled=True))
        # Proved at any time in this session; one that lives longer than any of ours proves it anew.
        life = int(self.auth.policy.session_life.total_seconds())
        proved = self.require_second_factor(max_age=life, if_enabled=True)
        add_event_routes(router, self.host, proved)
        add_export_routes(router, self.host, proved)
        self.host.own_routes += router.routes
        app.include_router(router, prefix=prefix)
        app.state.twofold = self  # where the command line finds it
        install_errors(app)
        install_schemas(app)
        install_second_factor_needed(app, self.host.password_routes)

    def sign_in_router(self, check_password: Callable[..., Any] | None = None, *, path: str = "/login") -> APIRouter:
        """
        The routes of signing in: `POST {path}`, then `POST {path}/second-factor`.

        Args:
            check_password: The host's dependency that takes the credentials and returns the id of the user (or a
                `CheckedPassword`, so that a password that changes meanwhile does not count any more), or raises.
                Without it only the second step is made.
            path: For example `/login`.
        """
        return sign_in_routes(self.host, check_password, path)

    def sign_in(self, check_password: Callable[..., Any]) -> Callable[..., Awaitable[BaseModel]]:
        """
        The dependency that the router above is made of, for a login route of the host's own.

        It gives the host's answer, with `status`, `aal` and `amr` beside it, or `SecondFactorRequired`.
        """
        return sign_in_dependency(self.host, check_password)

    async def end_sessions(self, sessions: Sessions[Answer], user_id: Any, debt: int) -> None:
        """
        End all sessions of a user, and only then clear what is owed (G8).

        Args:
            sessions: The host's, as its route got it.
            debt: What `password_changed` returned.
        """
        await self.host.end_sessions(sessions, user_id, debt)

    def require_second_factor(self, *, max_age: int | None = None, if_enabled: bool = False) -> Guard:
        """
        A dependency: this session's second factor, at most *max_age* seconds old.

        `X-TOTP-Code` may supply it, once; a session that is still fresh ignores the header, and nothing is spent. The
        callable is the same for the same arguments, so that FastAPI asks once a request.

        Args:
            max_age: Seconds; the policy's where it is not given.
            if_enabled: Let those through who have no second factor (password change, profile).
        """
        seconds = int(self.auth.policy.max_age.total_seconds()) if max_age is None else max_age
        if (seconds, if_enabled) not in self._guards:
            guard = second_factor_guard(self.host, timedelta(seconds=seconds), if_enabled=if_enabled)
            self._guards[seconds, if_enabled] = guard
        return self._guards[seconds, if_enabled]

    @property
    def guards(self) -> Collection[Guard]:
        """Every dependency that `require_second_factor` gave."""
        return self._guards.values()


def _signed_in(host: Host) -> Callable[..., Awaitable[SignedIn[Any]]]:
    async def signed_in(current: Annotated[CurrentSession, Depends(host.current)]) -> SignedIn[Any]:
        return current.signed_in

    return signed_in


def _assurance(host: Host) -> Guard:
    async def assurance(current: Annotated[CurrentSession, Depends(host.current)]) -> Assurance:
        return current.assurance

    return assurance
