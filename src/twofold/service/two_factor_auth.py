"""`TwoFactorAuth`: every use case of the second factor, in one object."""

from collections.abc import Callable
from copy import copy
from typing import Any, Self, TypeVar

from twofold.clock import SystemClock
from twofold.core.backup_codes import TypedBackupCode, new_backup_codes, typed_backup_code
from twofold.core.policy import RECOMMENDED, Policy, checked_policy
from twofold.core.qr_code import qr_code_data_uri
from twofold.core.refusals import RefusalsKept
from twofold.core.sealing import KeyRing
from twofold.core.totp import (
    TimeStep,
    TotpSecret,
    TypedCode,
    checked_issuer,
    new_totp_secret,
    otpauth_uri,
    typed_code,
)
from twofold.errors import ConfigurationError
from twofold.service.backup_codes import BackupCodeCases
from twofold.service.context import Context
from twofold.service.doctor import DoctorCases
from twofold.service.enrollment import EnrollmentCases
from twofold.service.events import EventCases
from twofold.service.export import ExportCases
from twofold.service.imports import Imports
from twofold.service.keys import KeyCases
from twofold.service.maintenance import GoesOn, Maintained, Maintenance
from twofold.service.ports import Ceremonies, Clock, EventSink, Store, Transactions, UserId
from twofold.service.sessions import SessionBook
from twofold.service.sign_in import SignIn
from twofold.service.step_up import StepUp
from twofold.service.totp import Totp
from twofold.service.users import UserCases
from twofold.service.webauthn import WebAuthnCases

T = TypeVar("T")
_running: set[Any] = set()  # The loop itself holds its tasks only weakly.


class TwoFactorAuth:
    """
    The use cases of the second factor, synchronous; from an event loop call them through `run`.

    Args:
        issuer: The application's name, as people see it in their authenticator app.
        keys: The keys that seal what is stored.
        store: Where enrollments live.
        policy: The numbers.
        clock: What tells the time.
        webauthn: The ceremonies of WebAuthn, `twofold.webauthn.RelyingParty`; without them no keys are on offer.
        on_event: Is told each event after its commit. What it raises is logged and changes nothing.

    Raises:
        ConfigurationError: *issuer* is empty, too long, or has a colon; or *policy* contradicts itself, the standard
            whose name it bears, or what is on offer.
    """

    def __init__(
        self,
        *,
        issuer: str,
        keys: KeyRing,
        store: Store,
        policy: Policy = RECOMMENDED,
        clock: Clock | None = None,
        webauthn: Ceremonies | None = None,
        on_event: EventSink | None = None,
    ) -> None:
        self.issuer = checked_issuer(issuer)
        self.keys = keys
        self.store = store
        self.policy = checked_policy(policy)
        if policy.phishing_resistant and webauthn is None:
            raise ConfigurationError(
                f"policy: {policy.name} needs a phishing-resistant factor on offer (NIST SP 800-63B-4, 2.2.2): write "
                'TwoFactorAuth(..., webauthn=RelyingParty("https://your-site.example")).'
            )
        self._ceremonies = webauthn
        self.clock: Clock = SystemClock() if clock is None else clock
        self.on_event = on_event
        # One for all doors of this process.
        self.refusals_kept = RefusalsKept()
        self._transactions: Transactions = store
        self._client_address: str | None = None

    async def run(self, use_case: "Callable[[TwoFactorAuth], T]", *, client_address: str | None = None) -> T:
        """
        From an event loop: one use case where it may block, shielded from cancellation.

        A client that hangs up cancels the task that waits, not the use case: what was counted stays counted (G3).

        Args:
            client_address: The address that the request came from, for the events.
        """

        def bound(transactions: Transactions) -> T:
            return use_case(self._over(transactions, client_address))

        # Who runs an event loop has loaded it; nobody else pays for it.
        import asyncio  # noqa: PLC0415

        task = asyncio.ensure_future(self.store.run(bound))
        _running.add(task)
        task.add_done_callback(_done)
        # The one guard of G3 against a client that hangs up.
        return await asyncio.shield(task)

    def _over(self, transactions: Transactions, client_address: str | None) -> Self:
        auth = copy(self)
        auth._transactions = transactions  # noqa: SLF001 - a copy of itself
        auth._client_address = client_address  # noqa: SLF001 - a copy of itself
        return auth

    @property
    def _context(self) -> Context:
        return Context(
            issuer=self.issuer,
            keys=self.keys,
            store=self._transactions,
            policy=self.policy,
            clock=self.clock,
            ceremonies=self._ceremonies,
            on_event=self.on_event,
            client_address=self._client_address,
        )

    @property
    def totp(self) -> Totp:
        """Enroll an authenticator app."""
        return Totp(self._context)

    @property
    def backup_codes(self) -> BackupCodeCases:
        """Regenerate and burn backup codes."""
        return BackupCodeCases(self._context)

    @property
    def webauthn(self) -> WebAuthnCases:
        """Register, name and remove WebAuthn keys, and hand out challenges."""
        return WebAuthnCases(self._context)

    @property
    def offers_webauthn(self) -> bool:
        """Whether keys are on offer."""
        return self._ceremonies is not None

    @property
    def sign_in(self) -> SignIn:
        """Sign in after the right password."""
        return SignIn(self._context)

    @property
    def step_up(self) -> StepUp:
        """Prove more in a session that is signed in."""
        return StepUp(self._context)

    @property
    def sessions(self) -> SessionBook:
        """What the host's sessions have proved."""
        return SessionBook(self._context)

    @property
    def enrollment(self) -> EnrollmentCases:
        """The whole second factor of a user."""
        return EnrollmentCases(self._context)

    @property
    def events(self) -> EventCases:
        """What happened, as its user may see it, or an operator."""
        return EventCases(self._context)

    @property
    def users(self) -> UserCases:
        """What an operator does for users, and sees of them."""
        return UserCases(self._context)

    @property
    def doctor(self) -> DoctorCases:
        """What is wrong with the store, and with what is in it."""
        return DoctorCases(self._context)

    @property
    def imports(self) -> Imports:
        """Take over what another application kept."""
        return Imports(self._context)

    @property
    def keys_in_use(self) -> KeyCases:
        """Which values stand under which key, and rotation."""
        return KeyCases(self._context)

    @property
    def export(self) -> ExportCases:
        """All that is stored about a user, in words."""
        return ExportCases(self._context)

    def password_changed(self, user_id: UserId, *, end_sessions: bool = False, epoch: int | None = None) -> int:
        """
        Raise the user's epoch: pending sign-ins and assurance die (G6). Not for a mere rehash.

        Args:
            end_sessions: Also owe the end of all sessions, to be paid by `TwoFactor.end_sessions`, or before the next
                answer behind *current_session* (G8).
            epoch: The user's epoch when it was decided that the password may change; a change since then is refused.

        Returns:
            What is owed; 0 for nothing.

        Raises:
            UnknownUser: There is no such user.
            NotSignedIn: Factor or password changed since *epoch*.
            Unavailable: The store is out of reach.
        """
        return self.enrollment.password_changed(user_id, end_sessions=end_sessions, epoch=epoch)

    def forget(self, user_id: UserId) -> None:
        """
        Delete everything kept about a user, for the host's own account deletion, after that is committed.

        A request of the user's that is still on its way then finds nobody, and writes no row.

        Raises:
            Unavailable: The store is out of reach.
        """
        self.enrollment.forget(user_id)

    def maintenance(self, goes_on: GoesOn = lambda: True) -> Maintained:
        """
        Delete what is kept for long enough, as the policy says; to be run from time to time, for example each hour.

        It may run on several hosts at once, and be cut short: the next run does the rest.

        Args:
            goes_on: Is asked between its short transactions whether to go on.

        Returns:
            What was done.

        Raises:
            Unavailable: The store is out of reach.
        """
        return Maintenance(self._context).run(goes_on)

    def typed(self, code: str) -> TypedCode:
        """
        A TOTP code as a person typed it.

        Raises:
            MalformedCode: It cannot be one.
        """
        return typed_code(code, self.policy.digits)

    def typed_backup_code(self, code: str) -> TypedBackupCode:
        """
        A backup code as a person typed it.

        Raises:
            MalformedCode: It cannot be one.
        """
        return typed_backup_code(code)

    def generate_totp_secret(self) -> str:
        """A fresh random secret as base32 without padding (RFC 4226, section 4, R6: 160 bits)."""
        return new_totp_secret(self.policy).base32

    def generate_qr_code(self, secret: str, account: str) -> str:
        """
        The QR code that an authenticator app scans.

        Args:
            secret: The secret as base32.
            account: The name that people see beside the issuer.

        Returns:
            A PNG as `data:image/png;base64,...`.
        """
        return qr_code_data_uri(otpauth_uri(TotpSecret(secret), issuer=self.issuer, account=account))

    def verify_totp_code(self, user_id: UserId, code: str) -> TimeStep:
        """
        Claim a code of this user: it is accepted once, ever, on all roads together (G1).

        Returns:
            The time step that was claimed.

        Raises:
            MalformedCode: *code* cannot be one; nothing was counted.
            UnknownUser: There is no such user.
            NotEnabled: The user has no authenticator app.
            ProofRefused: The code was not accepted; a wrong one is counted.
            Unavailable: Store or key are out of reach.
        """
        return self.totp.verify(user_id, self.typed(code))

    def generate_backup_codes(self) -> tuple[str, ...]:
        """A fresh set of backup codes in the clear; `backup_codes.regenerate` makes and stores one."""
        return new_backup_codes(self.policy)

    def verify_backup_code(self, user_id: UserId, code: str) -> int:
        """
        Use up one backup code of this user.

        Returns:
            How many are left.

        Raises:
            MalformedCode: *code* cannot be one; nothing was counted.
            UnknownUser: There is no such user.
            NotEnabled: The user has no second factor.
            ProofRefused: The code was not accepted; a wrong one is counted.
            Unavailable: Store or key are out of reach.
        """
        return self.backup_codes.burn(user_id, self.typed_backup_code(code))


def _done(task: Any) -> None:  # noqa: ANN401 - a task of asyncio, which is not loaded here
    _running.discard(task)
    # Taken note of here, for the case that whoever waited has gone: the store has logged what mattered.
    if not task.cancelled():
        task.exception()
