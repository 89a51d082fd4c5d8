"""Every number, with its unit and its origin, in named profiles."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from twofold.errors import ConfigurationError

MAX_BODY_BYTES = 65_536
"""Bytes of a request's body at most: three orders above any body we take, three below what hurts."""

MAX_LABEL_CHARACTERS = 128
"""Characters of issuer and of account name shown in an authenticator app; keeps the QR code small enough to scan."""

MAX_ISSUER_ENCODED = 300
"""Characters of a percent-encoded issuer: twice it and any account fit the largest QR code (ISO/IEC 18004: 2331)."""


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
        longest_wait: Each further failure doubles the wait up to this (same place: up to an hour).
        cap: Failures in a row after which a factor is dead until enrolled anew (NIST SP 800-63B-4, 3.2.2: at most 100).
        one_count: One count and one wait for all factors of a user (PCI DSS 4.0.1, 8.3.4 locks the user id).
        backup_codes: Backup codes in a set.
        sign_in_life: How long a pending sign-in waits for the second factor.
        pending_sign_ins: Pending sign-ins of one user side by side; the oldest goes first.
        max_age: How old a second factor may be to count as fresh.
        session_idle: How long a session of the reference backend lives without a request (NIST SP 800-63B-4, 2.2.3).
        session_life: How long it lives at most (same place: 24 h).
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
    sign_in_life: timedelta = timedelta(minutes=5)
    pending_sign_ins: int = 50
    max_age: timedelta = timedelta(seconds=300)
    session_idle: timedelta = timedelta(minutes=60)
    session_life: timedelta = timedelta(hours=24)
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
)
"""For PCI DSS 4.0.1: ten failures of any kind lock the user for half an hour."""

PROFILES = {profile.name: profile for profile in (RECOMMENDED, AAL2, PCI_DSS)}


def checked_policy(policy: Policy) -> Policy:
    """
    A policy that this version can keep.

    Raises:
        ConfigurationError: It needs a phishing-resistant factor on offer, and there is none yet.
    """
    if policy.phishing_resistant:
        raise ConfigurationError(
            "policy: this profile needs a phishing-resistant factor on offer, which this version does not have; "
            f"take {RECOMMENDED.name} or {PCI_DSS.name}."
        )
    return policy
