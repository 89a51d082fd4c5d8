"""Every number, with its unit and its origin, in named profiles."""

from dataclasses import Field, dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any

from twofold.errors import ConfigurationError

MAX_BODY_BYTES = 65_536
"""Bytes of a request's body at most: three orders above any body we take, three below what hurts."""

MAX_PREFERENCE_CHARACTERS = 4096
"""Characters of an `Accept` or `Accept-Language` that is read: ten times what a browser with many languages sends."""

MAX_LOGO_BYTES = 20_000
"""Bytes of a host's logo: with it, the heaviest page of ours stays below 60 kilobytes."""

MAX_LABEL_CHARACTERS = 128
"""Characters of issuer and of account name shown in an authenticator app; keeps the QR code small enough to scan."""

MAX_ISSUER_ENCODED = 300
"""Characters of a percent-encoded issuer: twice it and any account fit the largest QR code (ISO/IEC 18004: 2331)."""

EVENTS_A_PAGE = 50
"""Events on one page of a person's own view, as many as sessions: what is looked through at one go."""

USERS_A_PAGE = 50
"""Users on one page of an admin's search."""

STRANGERS_A_MINUTE = 100
"""Refusals of strangers at the routes of administration that a process stores each minute, one of each client network:
the table grows by 150,000 a day at most, and by 1,440 for whoever has one IPv4 address, or one /48 of IPv6. Who has
many can use them up, and of others in that minute the log alone tells."""

STRANGERS_IPV6_NETWORK = 48
"""The network of one stranger: what a provider gives to one customer at most (RFC 6177)."""

REFUSED_A_MINUTE = 5
"""Refusals of one kind at the routes of administration that a process stores of one user each minute."""

KEY_NAME_CHARACTERS = 64
"""Characters of what somebody calls a key: "Blue YubiKey, at home"."""

SEARCH_CHARACTERS = 254
"""Characters of an account name that is looked for; RFC 5321's e-mail addresses have no more."""

REASON_CHARACTERS = 255
"""Characters of the reason that an admin gives: a sentence or two, and the number of a ticket."""

ACTOR_CHARACTERS = 128
"""Characters of what names an admin or operator in an event."""

ROTATED_AT_ONCE = 1000
"""Rows that a key rotation rewrites in one transaction: some hundredths of a second in which they are held."""

EVENTS_AT_ONCE = 1000
"""Events in memory at once while all of a person's are exported: a few hundred kilobytes, and few transactions."""

MAX_LINE_BYTES = 4096
"""Bytes of a line that is imported: an `otpauth://` URI with secret, issuer and account takes half of it."""

DEVICES_AT_ONCE = 5000
"""Devices of another application in memory at once: a megabyte, and few looks at how many users have one name."""

ROWS_AT_ONCE = 200
"""Rows that maintenance deletes in one transaction: some milliseconds in which their users' rows are held."""

CLOCK_GRACE = timedelta(days=1)
"""What has expired is deleted so much later: the clocks of hosts differ by less."""

CLOCK_WITNESSES = 15
"""Events that maintenance compares its clock with: enough to see that the clocks of several hosts disagree."""

CLOCK_DOUBTED = timedelta(days=30)
"""A clock is so far ahead of those at most: an application that nobody uses for longer is rare, and loses nothing."""

CLOCK_SUSPECT = timedelta(seconds=5)
"""A difference of two clocks that somebody should look into: NTP keeps hosts within tens of milliseconds (RFC 5905)."""

CLOCK_HINT_STEPS = 20
"""How far a phone's clock may be off for its owner to be told by how much: ten minutes; more is another mistake."""

FEW_BACKUP_CODES = 2
"""Backup codes left at most where new ones should be made: one to get in with, and one to set up anew with."""

UNFINISHED_SET_UPS, UNFINISHED_ONE_IN = 10, 10
"""Set-ups without a code that are no sign of trouble: so many, or one in so many users; people change their minds."""

ENROLLMENTS_AT_ONCE = 1000
"""Enrollments in memory at once while all are looked through: a few megabytes, and few transactions."""

USERS_SHOWN, ROUTES_SHOWN = 5, 12
"""Users, and routes, that a finding names: enough to begin with, few enough to read."""

WIDEST_ADMIN_NETWORK = {4: 8, 6: 7}
"""The shortest prefix in a list of who may administer, by version of IP: no organization has more (RFC 1918, RFC 4193);
what is wider is everybody, or nearly."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """
    The numbers of one profile.

    Attributes:
        secret_bytes: Bytes of a new TOTP secret (RFC 4226, section 4, R6: 160 bits recommended).
        digits: Digits of a code (RFC 4226, section 5.3: at least 6; what every authenticator app shows).
        period: Seconds of a time step (RFC 6238, section 5.2: 30 recommended).
        drift: Time steps accepted to each side of the current one (RFC 6238, section 5.2: one for the delay).
        set_up_life: How long a set-up waits for its first code.
        first_wait_at: The failure in a row that sets the first wait.
        first_wait: The first wait (NIST SP 800-63B-4, 3.2.2: from 30 s).
        longest_wait: Each further failure doubles the wait up to this (NIST SP 800-63B-4, 3.2.2: to an hour).
        cap: Failures in a row after which a factor is dead until enrolled anew (NIST SP 800-63B-4, 3.2.2: at most 100).
        one_count: One count and one wait for all factors of a user (PCI DSS 4.0.1, 8.3.4 locks the user id).
        backup_codes: Backup codes in a set.
        webauthn_keys: WebAuthn keys of one user.
        challenge_life: How long a challenge waits for a key's answer (WebAuthn Level 3, 15.1: 5 to 10 minutes).
        challenges: Challenges side by side of one session or pending sign-in; the oldest goes first.
        sign_in_life: How long a pending sign-in waits for the second factor.
        pending_sign_ins: Pending sign-ins of one user side by side; the oldest goes first.
        max_age: How old a second factor may be to count as fresh.
        session_idle: How long a session of the reference backend lives without a request (NIST SP 800-63B-4, 2.2.3).
        session_life: How long it lives at most (NIST SP 800-63B-4, 2.2.3: 24 h).
        password_failures: Wrong passwords of one account, known or not, within *password_window*; a further attempt is
            refused before the password is looked at.
        address_failures: Wrong passwords from one client address within *password_window*, over all accounts.
        password_window: How long a wrong password counts.
        limits_fail_closed: Nobody signs in while those counts are out of reach; otherwise each worker counts alone.
        events_kept: How long an event is kept (PCI DSS 4.0.1, 10.5.1: twelve months).
        addresses_kept: How long an event keeps its client address (GDPR, Art. 5(1)(e): no longer than needed).
        assurance_kept: How long what a session has proved is remembered after its last proof; one that lives on counts
            as by its password alone (NIST SP 800-63B-4, 2.1.3: even at AAL1 a session should end after 30 days).
        must_end_sessions: A host that cannot end its sessions is refused.
        phishing_resistant: A phishing-resistant factor must be on offer (NIST SP 800-63B-4, 2.2.2).
    """

    name: str
    secret_bytes: int = 20
    digits: int = 6
    period: int = 30
    drift: int = 1
    set_up_life: timedelta = timedelta(minutes=10)
    first_wait_at: int = 5
    first_wait: timedelta = timedelta(seconds=30)
    longest_wait: timedelta = timedelta(minutes=30)
    cap: int = 100
    one_count: bool = False
    backup_codes: int = 10
    webauthn_keys: int = 10
    challenge_life: timedelta = timedelta(minutes=5)
    challenges: int = 5
    sign_in_life: timedelta = timedelta(minutes=5)
    pending_sign_ins: int = 50
    max_age: timedelta = timedelta(seconds=300)
    session_idle: timedelta = timedelta(minutes=60)
    session_life: timedelta = timedelta(hours=24)
    password_failures: int = 10
    address_failures: int = 60
    password_window: timedelta = timedelta(minutes=15)
    limits_fail_closed: bool = False
    events_kept: timedelta = timedelta(days=365)
    addresses_kept: timedelta = timedelta(days=90)
    assurance_kept: timedelta = timedelta(days=30)
    must_end_sessions: bool = False
    phishing_resistant: bool = False

    def lasts(self, until: datetime, life: timedelta, at: datetime) -> bool:
        """
        Whether what lives for *life* and ends at *until* lives at the moment *at*.

        What would live longer was begun by a clock that was ahead, and is over now that the clock is right (G17).
        Another host's clock may be as far ahead as a phone's: by the drift.
        """
        skew = timedelta(seconds=self.period * self.drift)
        return timedelta(0) < until - at <= life + skew


RECOMMENDED = Policy(name="recommended")
"""The owner can always get in: a wait holds back typed TOTP codes and nothing else."""

AAL2 = replace(
    RECOMMENDED,
    name="aal2",
    must_end_sessions=True,  # NIST SP 800-63B-4, 5.1: a new session in place of the old one, which is dead
    phishing_resistant=True,  # 2.2.2
    limits_fail_closed=True,  # 3.2.2: attempts are limited, also while the counts are out of reach
)
"""For the verifier requirements of NIST SP 800-63B-4 at AAL2."""

PCI_DSS = replace(
    RECOMMENDED,
    name="pci_dss",
    first_wait_at=10,  # PCI DSS 4.0.1, 8.3.4: not more than 10 attempts
    first_wait=timedelta(minutes=30),  # 8.3.4: for a minimum of 30 minutes
    one_count=True,
    must_end_sessions=True,  # 8.2.5: access is revoked at once
    session_idle=timedelta(minutes=15),  # 8.2.8
    password_window=timedelta(minutes=30),  # 8.3.4
    limits_fail_closed=True,  # 8.3.4
    addresses_kept=timedelta(days=365),  # 10.2.2 asks for the origin, 10.5.1 for twelve months
)
"""For PCI DSS 4.0.1: ten failures of any kind lock the user for half an hour."""

PROFILES = {profile.name: profile for profile in (RECOMMENDED, AAL2, PCI_DSS)}


@dataclass(frozen=True)
class Bounds:
    """
    Between what a number must lie, both included, and who says so.

    Args:
        source: The clause, or what would break.
    """

    lowest: float | timedelta
    highest: float | timedelta
    source: str

    def fault_of(self, policy: Policy, name: str) -> str | None:
        """What to write instead, where this number of *policy* lies outside."""
        value = getattr(policy, name)
        if self.lowest <= value <= self.highest:
            return None
        return f"{name} is {value}, and must be from {self.lowest} to {self.highest} ({self.source})"


_ALL_COUNTS = 10**6
_A_DAY, _A_SECOND, _FOR_EVER = timedelta(days=1), timedelta(seconds=1), timedelta(days=36_500)

BOUNDS: dict[str, Bounds] = {
    "secret_bytes": Bounds(16, 64, "RFC 4226, section 4, R6: at least 128 bits"),
    "digits": Bounds(6, 8, "RFC 4226, section 5.3"),
    "period": Bounds(1, 120, "NIST SP 800-63B-4, 3.1.4.1: a code changes at least every two minutes"),
    "drift": Bounds(0, 2, "RFC 6238, section 5.2: a wider window is more to guess"),
    "set_up_life": Bounds(_A_SECOND, timedelta(hours=1), "a set-up that is not finished expires"),
    "first_wait_at": Bounds(1, 100, "NIST SP 800-63B-4, 3.2.2"),
    "first_wait": Bounds(_A_SECOND, _A_DAY, "a wait holds guesses back"),
    "longest_wait": Bounds(_A_SECOND, _A_DAY, "a wait is no lock for ever"),
    "cap": Bounds(1, 100, "NIST SP 800-63B-4, 3.2.2: at most 100 failures in a row"),
    "backup_codes": Bounds(1, 100, "each costs 24 characters of a page, and a comparison"),
    "webauthn_keys": Bounds(2, 15, "NIST SP 800-63B-4, 4.1.2.1: several; with the longest ids they fit one column"),
    "challenge_life": Bounds(_A_SECOND, timedelta(minutes=10), "WebAuthn Level 3, 15.1"),
    "challenges": Bounds(1, 100, "rows of one session"),
    "sign_in_life": Bounds(_A_SECOND, timedelta(minutes=10), "what a right password opens is not left lying about"),
    "pending_sign_ins": Bounds(1, 1000, "rows of one user"),
    "max_age": Bounds(_A_SECOND, _A_DAY, "a second factor is fresh for a while"),
    "session_idle": Bounds(timedelta(minutes=1), _A_DAY, "NIST SP 800-63B-4, 2.2.3"),
    "session_life": Bounds(timedelta(minutes=1), timedelta(days=400), "NIST SP 800-63B-4, 2.2.3: there is a limit"),
    "password_failures": Bounds(1, 100, "NIST SP 800-63B-4, 3.2.2"),
    "address_failures": Bounds(1, _ALL_COUNTS, "a limit"),
    "password_window": Bounds(_A_SECOND, _A_DAY, "what is counted is forgotten again"),
    "events_kept": Bounds(_A_DAY, _FOR_EVER, "who is told of an attack a day later must find it"),
    "addresses_kept": Bounds(timedelta(0), _FOR_EVER, "none is kept longer than its event"),
    "assurance_kept": Bounds(_A_DAY, timedelta(days=400), "as long as the longest session"),
}
"""What every policy keeps."""

PROFILE_BOUNDS: dict[str, dict[str, Bounds]] = {
    AAL2.name: {
        "session_idle": Bounds(timedelta(minutes=1), timedelta(hours=1), "NIST SP 800-63B-4, 2.2.3"),
        "session_life": Bounds(timedelta(minutes=1), _A_DAY, "NIST SP 800-63B-4, 2.2.3"),
        "must_end_sessions": Bounds(True, True, "NIST SP 800-63B-4, 5.1"),  # noqa: FBT003 - from and to
        "phishing_resistant": Bounds(True, True, "NIST SP 800-63B-4, 2.2.2"),  # noqa: FBT003 - from and to
        "limits_fail_closed": Bounds(True, True, "NIST SP 800-63B-4, 3.2.2"),  # noqa: FBT003 - from and to
    },
    PCI_DSS.name: {
        "first_wait_at": Bounds(1, 10, "PCI DSS 4.0.1, 8.3.4"),
        "first_wait": Bounds(timedelta(minutes=30), _A_DAY, "PCI DSS 4.0.1, 8.3.4"),
        "one_count": Bounds(True, True, "PCI DSS 4.0.1, 8.3.4: the user is locked"),  # noqa: FBT003 - from and to
        "password_failures": Bounds(1, 10, "PCI DSS 4.0.1, 8.3.4"),
        "password_window": Bounds(timedelta(minutes=30), _A_DAY, "PCI DSS 4.0.1, 8.3.4"),
        "limits_fail_closed": Bounds(True, True, "PCI DSS 4.0.1, 8.3.4"),  # noqa: FBT003 - from and to
        "must_end_sessions": Bounds(True, True, "PCI DSS 4.0.1, 8.2.5"),  # noqa: FBT003 - from and to
        "session_idle": Bounds(timedelta(minutes=1), timedelta(minutes=15), "PCI DSS 4.0.1, 8.2.8"),
        "events_kept": Bounds(timedelta(days=365), _FOR_EVER, "PCI DSS 4.0.1, 10.5.1"),
        "addresses_kept": Bounds(timedelta(days=365), _FOR_EVER, "PCI DSS 4.0.1, 10.2.2 and 10.5.1"),
    },
}
"""What a policy keeps beyond that, which bears the name of a standard."""


def checked_policy(policy: Policy) -> Policy:
    """
    A policy that contradicts neither itself nor the standard whose name it bears, and that this version can keep.

    Raises:
        ConfigurationError: Everything that is wrong with it, each with what to write and who says so.
    """
    # Before anything is compared: a half of a failure would set no wait, ever.
    kinds = [f"{one.name} must be of type {_type_of(one)}" for one in fields(policy) if _is_other(policy, one)]
    if kinds:
        raise ConfigurationError(f"policy: {'; '.join(kinds)}.")
    bounds = [*BOUNDS.items(), *PROFILE_BOUNDS.get(policy.name, {}).items()]
    faults = [fault for name, bound in bounds if (fault := bound.fault_of(policy, name))]
    faults += [fault for holds, fault in _contradictions(policy) if not holds]
    if faults:
        raise ConfigurationError(f"policy: {'; '.join(faults)}.")
    return policy


def _type_of(one: Field[Any]) -> str:
    return getattr(one.type, "__name__", str(one.type))


def _is_other(policy: Policy, one: Field[Any]) -> bool:
    """Whether a number is of another type than its field: `True` is no number, and 4.5 is no count."""
    return type(getattr(policy, one.name)) is not one.type


def _contradictions(policy: Policy) -> list[tuple[bool, str]]:
    """What of a policy must hold between its own numbers, and what to say where it does not."""
    return [
        (policy.first_wait_at < policy.cap, "the first wait must come before the cap"),
        (policy.first_wait <= policy.longest_wait, "the first wait must not be longer than the longest"),
        (policy.session_idle <= policy.session_life, "a session must not lie idle for longer than it lives"),
        (policy.max_age <= policy.session_life, "a second factor must not be fresh for longer than its session lives"),
        (
            policy.session_life <= policy.assurance_kept,
            "what a session has proved must not be forgotten while the session lives",
        ),
        (policy.addresses_kept <= policy.events_kept, "no client address must be kept for longer than its event"),
        (
            policy.password_failures <= policy.address_failures,
            "one address must be allowed the wrong passwords of one account",
        ),
    ]
