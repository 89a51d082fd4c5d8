"""
Twofold: two-factor authentication for Python web applications.

`TwoFactorAuth` has every use case; `twofold.fastapi.TwoFactor` puts them into an application,
`twofold.sqlalchemy.SqlAlchemyStore` onto its database.
"""

from twofold.core.assurance import Assurance
from twofold.core.events import Event, EventKind
from twofold.core.factors import Factor
from twofold.core.policy import AAL2, PCI_DSS, RECOMMENDED, Policy
from twofold.core.sealing import KeyRing
from twofold.errors import (
    CodeAlreadyUsed,
    ConfigurationError,
    FactorDisabled,
    InvalidCode,
    Locked,
    TwofoldError,
    Unavailable,
)
from twofold.service.two_factor_auth import TwoFactorAuth

__all__ = [
    "AAL2",
    "PCI_DSS",
    "RECOMMENDED",
    "Assurance",
    "CodeAlreadyUsed",
    "ConfigurationError",
    "Event",
    "EventKind",
    "Factor",
    "FactorDisabled",
    "InvalidCode",
    "KeyRing",
    "Locked",
    "Policy",
    "TwoFactorAuth",
    "TwofoldError",
    "Unavailable",
]
