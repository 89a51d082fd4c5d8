"""What an installation is found to be like: findings, each with a light, and with what to do where it is not green."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from twofold.core.policy import CLOCK_SUSPECT, FEW_BACKUP_CODES, UNFINISHED_ONE_IN, UNFINISHED_SET_UPS, Policy
from twofold.core.sealing import FERNET, UNSEALED


class Light(StrEnum):
    """How bad it is."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"


class Check(StrEnum):
    """What is looked at, in the order in which it is told."""

    APPLICATION = "application"
    DATABASE = "database"
    CLOCK = "clock"
    TABLES = "tables"
    MIGRATIONS = "migrations"
    ROWS_PER_KEY = "rows_per_key"
    SEALED_VALUES = "sealed_values"
    BACKUP_CODES = "backup_codes"
    SET_UPS = "set_ups"
    LAST_STEPS = "last_steps"
    WEBAUTHN_KEYS = "webauthn_keys"
    SESSIONS = "sessions"
    END_ALL = "end_all"
    PASSWORD_LIMITS = "password_limits"  # noqa: S105 - the name of a check
    ROUTES = "routes"
    TOKENS = "tokens"
    CORS = "cors"


@dataclass(frozen=True)
class Finding:
    """
    What one check has found.

    Args:
        found: What is the case, in a sentence.
        advice: What to do; nothing where the light is green.
    """

    check: Check
    light: Light
    found: str
    advice: str = ""


@dataclass(frozen=True)
class Users:
    """
    So many users, and who some of them are.

    Args:
        some: The first of them, as they may be shown.
    """

    count: int = 0
    some: tuple[str, ...] = ()

    def __str__(self) -> str:
        listed, more = ", ".join(self.some), self.count - len(self.some)
        return f"{counted(self.count, 'user')} ({listed}{f' and {more:,} more' if more else ''})"


def worst(findings: Sequence[Finding]) -> Light:
    """The worst light of all."""
    return max((finding.light for finding in findings), key=list(Light).index, default=Light.GREEN)


def not_looked_at(check: Check, why: str, *, light: Light = Light.AMBER) -> Finding:
    """What could not be found out: it is never taken for well."""
    return Finding(check, light, f"not looked at: {why}", "Mend that first, and ask again.")


def refused(why: str) -> Finding:
    """An application that refuses to be built, in its own words."""
    return Finding(Check.APPLICATION, Light.RED, why, "Mend that first; the rest is looked at then.")


def database(fault: str | None) -> Finding:
    """
    Whether the database answers.

    Args:
        fault: Why it does not.
    """
    if fault is None:
        return Finding(Check.DATABASE, Light.GREEN, "the database answers")
    advice = "Nobody signs in meanwhile. Look whether it runs, and at DATABASE_URL; the lines above say more."
    return Finding(Check.DATABASE, Light.RED, f"the database cannot be used ({fault})", advice)


def clock(difference: timedelta, round_trip: timedelta, policy: Policy) -> Finding:
    """
    The application's clock, measured against the database's.

    Args:
        difference: How far it is ahead, by the middle of the round trip.
        round_trip: How long the question took: half of it may be no difference at all.
    """
    step = timedelta(seconds=policy.period * max(policy.drift, 1))
    off = max(abs(difference) - round_trip / 2, timedelta(0))
    way = "ahead of" if difference > timedelta(0) else "behind"
    light = Light.RED if off >= step else Light.AMBER if off >= CLOCK_SUSPECT else Light.GREEN
    if light is Light.GREEN:
        return Finding(Check.CLOCK, light, f"the application's clock and the database's differ by {span(off)}")
    found = f"the application's clock is {span(off)} {way} the database's"
    advice = (
        "Let NTP keep the clocks of both hosts (timedatectl, chronyc tracking). Codes are compared by the "
        f"application's; from {span(step)} on the right ones are refused."
    )
    return Finding(Check.CLOCK, light, found, advice)


def tables(faults: Sequence[str]) -> Finding:
    """What is missing from the tables in the database."""
    if not faults:
        return Finding(Check.TABLES, Light.GREEN, "every table and column is there")
    advice = "Bring the database up to date: `alembic upgrade head`, or the SQL of the release."
    return Finding(Check.TABLES, Light.RED, "; ".join(faults), advice)


@dataclass(frozen=True)
class Revisions:
    """
    The revisions of a folder of migrations, and those of the database.

    Args:
        heads: The newest of the folder: one, where it is in order.
        current: Those that the database is at; none where nothing says so.
        unknown: Those of them that the folder does not know.
    """

    heads: tuple[str, ...]
    current: tuple[str, ...]
    unknown: tuple[str, ...] = ()


def migrations(revisions: Revisions | None) -> Finding:
    """The folder of migrations against the database; nothing, where no folder was found."""
    if revisions is None:
        note = "no folder of Alembic's was found; name it with --migrations where there is one"
        return Finding(Check.MIGRATIONS, Light.GREEN, note)
    heads, current = ", ".join(revisions.heads), ", ".join(revisions.current)
    if len(revisions.heads) > 1:
        found = f"the migrations have {len(revisions.heads)} heads: {heads}"
        return Finding(Check.MIGRATIONS, Light.RED, found, "Make them one: `alembic merge heads`.")
    if revisions.unknown:
        found = f"the database is at {', '.join(revisions.unknown)}, which the migrations do not know"
        advice = "Deploy the release that brought it: this one is older than the database, or another application's."
        return Finding(Check.MIGRATIONS, Light.RED, found, advice)
    if not revisions.current:
        found = f"the database does not say at which revision it is; the newest is {heads or 'none'}"
        advice = "`alembic upgrade head`; or `alembic stamp head`, where the tables were made without it."
        return Finding(Check.MIGRATIONS, Light.AMBER, found, advice)
    if set(revisions.current) != set(revisions.heads):
        found = f"the database is at {current}, and the newest revision is {heads}"
        return Finding(Check.MIGRATIONS, Light.RED, found, "`alembic upgrade head`.")
    return Finding(Check.MIGRATIONS, Light.GREEN, f"the database is at {heads}, the one head")


def rows_per_key(counts: Mapping[str, int], ring: Sequence[str], warnings: Sequence[str]) -> Finding:
    """
    Which keys the stored values need.

    Args:
        counts: Values under each key id, `fernet` and `unsealed` among them.
        ring: The ids of the keys in ENCRYPTION_KEY, the writing one first.
        warnings: What `twofold keys status` says of them.
    """
    others = {FERNET: "of an older version", UNSEALED: "not sealed at all"}
    places = {key_id: f"under {key_id}, which {'opens' if place else 'writes'}" for place, key_id in enumerate(ring)}
    lost = sorted(key_id for key_id, count in counts.items() if count and key_id not in places)
    places |= {key_id: others.get(key_id, f"under {key_id}, which is missing") for key_id in lost}
    found = "; ".join(f"{counts.get(key_id, 0):,} {place}" for key_id, place in places.items())
    # What has no key that is there opens for nobody; what has another than the writing one is to be brought over.
    light = Light.RED if set(lost) - {FERNET} else Light.AMBER if warnings else Light.GREEN
    return Finding(Check.ROWS_PER_KEY, light, found, " ".join(warnings))


def sealed_values(opened: int, closed: Users) -> Finding:
    """
    Whether what is stored opens.

    Args:
        opened: How many values did.
        closed: Whose did not, and not because a key is missing, which is told of the rows per key.
    """
    if not closed.count:
        return Finding(Check.SEALED_VALUES, Light.GREEN, f"{counted(opened, 'value')} opened, all that have their key")
    advice = (
        "The row was changed past Twofold, or belongs to another user: take it from a backup, or let the user begin "
        "anew with `twofold users reset`. Nobody signs in with it meanwhile."
    )
    return Finding(Check.SEALED_VALUES, Light.RED, f"a stored value does not open, of {closed}", advice)


def backup_codes(few: Users) -> Finding:
    """Who has hardly any backup codes left."""
    if not few.count:
        return Finding(Check.BACKUP_CODES, Light.GREEN, f"everybody has more than {FEW_BACKUP_CODES} left")
    found = f"at most {FEW_BACKUP_CODES} are left to {few}"
    advice = "Ask them to make new ones (POST .../backup-codes): with a lost phone they would be locked out."
    return Finding(Check.BACKUP_CODES, Light.AMBER, found, advice)


def set_ups(expired: int, enrolled: int, impossible: Users, bare: Users) -> Finding:
    """
    Set-ups that wait for a code that will not come, and those that are due.

    Args:
        expired: Those that have expired.
        enrolled: How many users have finished one.
        impossible: Who has one that ends later than any can that was begun by now.
        bare: Who has a second factor, and neither an authenticator app nor a key to prove it with.
    """
    if bare.count:
        found = f"a second factor is asked for, and no authenticator app or key is left, of {bare}"
        advice = (
            "Mostly a weak secret that was imported has signed in once. Let them set up anew in the session that it "
            "opened, or after a backup code; who has neither needs `twofold users reset`."
        )
        return Finding(Check.SET_UPS, Light.AMBER, found, advice)
    found = f"{counted(expired, 'set-up')} expired without a code, beside {counted(enrolled, 'enrollment')}"
    if impossible.count:
        found = f"a set-up ends later than it can, of {impossible}"
        return Finding(Check.SET_UPS, Light.AMBER, found, "A clock was ahead. Look after the clocks of all hosts.")
    if expired <= max(UNFINISHED_SET_UPS, enrolled // UNFINISHED_ONE_IN):
        return Finding(Check.SET_UPS, Light.GREEN, found)
    advice = "People begin and do not get through: try it with a phone. Mostly a clock is wrong, or the QR code is cut."
    return Finding(Check.SET_UPS, Light.AMBER, found, advice)


def webauthn_keys(holders: int, stranded: Users) -> Finding:
    """
    Whether those who have WebAuthn keys can use them.

    Args:
        holders: How many users have keys.
        stranded: Who has, where none are on offer.
    """
    if not stranded.count:
        return Finding(Check.WEBAUTHN_KEYS, Light.GREEN, f"{counted(holders, 'user')} with keys, which can be used")
    found = f"no keys are on offer, and some belong to {stranded}"
    advice = (
        "They cannot sign in with them. Write TwoFactorAuth(..., webauthn=RelyingParty(...)), with the origin as it "
        "was; in the reference backend set PUBLIC_URL."
    )
    return Finding(Check.WEBAUTHN_KEYS, Light.RED, found, advice)


def last_steps(beyond: Users, furthest: timedelta) -> Finding:
    """
    Codes that were accepted from the future (G17).

    Args:
        beyond: Whose last one was.
        furthest: How far the furthest is away.
    """
    if not beyond.count:
        return Finding(Check.LAST_STEPS, Light.GREEN, "nobody's last code is from the future")
    found = f"the last accepted code is from the future, by up to {span(furthest)}, of {beyond}"
    advice = (
        "A clock was ahead, or this one is behind: look after the clocks. Until then their codes are refused; a backup "
        "code lets them in to set up anew, or `twofold users reset` does."
    )
    return Finding(Check.LAST_STEPS, Light.RED, found, advice)


def counted(count: int, noun: str) -> str:
    """So many of them."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def span(length: timedelta) -> str:
    """A length of time, for people."""
    seconds = length.total_seconds()
    for unit, name in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * unit:
            return f"{round(seconds / unit, 1):g} {name}"
    return f"{seconds:.3g} s" if seconds >= 0.001 else "less than 1 ms"  # noqa: PLR2004 - a thousandth is one
