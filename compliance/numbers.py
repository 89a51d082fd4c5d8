"""The numbers of the profiles, as the page shows them: with unit and origin, out of `core/policy.py`."""

import inspect
import re
from dataclasses import dataclass, fields
from datetime import timedelta

from twofold.core.policy import BOUNDS, PROFILE_BOUNDS, PROFILES, Bounds, Policy

UNITS = {
    "secret_bytes": "bytes",
    "digits": "digits",
    "period": "s",
    "drift": "steps",
    "first_wait_at": "failures",
    "cap": "failures",
    "backup_codes": "codes",
    "webauthn_keys": "keys",
    "challenges": "challenges",
    "pending_sign_ins": "sign-ins",
    "password_failures": "failures",
    "address_failures": "failures",
}
"""The units of what is a mere number; a length of time has its own."""

A_DAY, ENDLESS = timedelta(days=1), timedelta(days=36_500)
LENGTHS = ((A_DAY, "days"), (timedelta(hours=1), "h"), (timedelta(minutes=1), "min"))
CITED = re.compile(
    r"(NIST SP 800-63B-4|PCI DSS 4\.0\.1|OWASP ASVS 5\.0|RFC \d+|GDPR),? (?:sections? )?"
    r"((?:Art\. )?[0-9](?:[0-9A-Za-z.()]*[0-9)])?(?:, R\d+)?)"
)


@dataclass(frozen=True)
class Number:
    """
    One field of `Policy`.

    Args:
        meaning: What it is, from the docstring.
        origins: Where it comes from: the docstring's words in parentheses, and sources of its bounds that say more.
    """

    name: str
    meaning: str
    origins: tuple[str, ...]

    def of(self, policy: Policy) -> str:
        """The number in one profile, with its unit."""
        return shown(getattr(policy, self.name), UNITS.get(self.name, ""))


def cited_in(*texts: str) -> set[str]:
    """The clauses that texts name, as the ids of clauses are written."""
    return {f"{standard}, {place}" for text in texts for standard, place in CITED.findall(text)}


def shown(value: object, unit: str) -> str:
    """A number for people: `30 min`, `20 bytes`, `yes`."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, timedelta):
        return f"{value} {unit if value != 1 else unit.removesuffix('s') or unit}".strip()
    for length, name in LENGTHS:
        # A day is told in hours, as the standards do.
        if value and not value % length and value != A_DAY:
            return f"{value // length} {name}"
    return "24 h" if value == A_DAY else f"{value.total_seconds():g} s"


def numbers() -> list[Number]:
    """Every field of `Policy` but its name, in its order."""
    said = _docstring()
    return [_number(each.name, said[each.name]) for each in fields(Policy) if each.name != "name"]


def _docstring() -> dict[str, str]:
    """What the docstring says of each field."""
    attributes = inspect.cleandoc(Policy.__doc__ or "").partition("Attributes:\n")[2]
    entries = re.split(r"^ {4}(\w+): ", attributes, flags=re.MULTILINE)[1:]
    return dict(zip(entries[::2], (" ".join(text.split()) for text in entries[1::2]), strict=True))


def _number(name: str, said: str) -> Number:
    meaning, _, origin = said.rstrip(".").partition(" (")
    bounds = [(None, BOUNDS.get(name)), *((profile, each.get(name)) for profile, each in PROFILE_BOUNDS.items())]
    origins = [origin.removesuffix(")")] if origin else []
    for profile, bound in bounds:
        if bound is not None and not cited_in(bound.source) <= cited_in(*origins):
            origins.append(f"`{profile}`: {bound.source}" if profile else bound.source)
    return Number(name, meaning, tuple(origins or [BOUNDS[name].source]))


def kept_by(profile: str) -> list[tuple[str, str, str]]:
    """What a policy of that name must keep: the field, its bounds, and who says so."""
    return [
        (name, _between(bound, UNITS.get(name, "")), bound.source)
        for name, bound in PROFILE_BOUNDS.get(profile, {}).items()
    ]


def _between(bound: Bounds, unit: str) -> str:
    lowest, highest = shown(bound.lowest, unit), shown(bound.highest, unit)
    if bound.lowest == bound.highest:
        return lowest
    if bound.highest == ENDLESS:
        return f"at least {lowest}"
    return f"{lowest} to {highest}"


def profiles() -> list[Policy]:
    """The profiles, in the order of `core/policy.py`."""
    return list(PROFILES.values())
