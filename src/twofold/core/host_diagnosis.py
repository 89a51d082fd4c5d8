"""What an application around the second factor is found to be like: sessions, limits, routes, CORS."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from twofold.core.diagnosis import Check, Finding, Light, span
from twofold.core.policy import RECOMMENDED, ROUTES_SHOWN, Policy

WAIVER = 'Depends(no_second_factor("why"))'
MOUNTED = 'app.mount("/path", no_second_factor("why").around(application))'
GUARD = "Depends(two_factor.require_second_factor())"


def sessions(idle: timedelta | None, life: timedelta | None, policy: Policy) -> Finding:
    """
    How long the host's sessions live, against what the policy says.

    Args:
        idle: Without a request; nothing where the host does not say.
        life: At most; nothing where the host does not say.
    """
    given = (("idle", idle, policy.session_idle), ("in all", life, policy.session_life))
    longer = [(name, span(value), span(most)) for name, value, most in given if value is not None and value > most]
    if longer:
        found = "; ".join(
            f"sessions live {value} {name}, and {policy.name} says {most}" for name, value, most in longer
        )
        return Finding(
            Check.SESSIONS, Light.RED, found, "End them earlier, and say so in the class: idle = ..., life = ..."
        )
    unknown = [name for name, value, _ in given if value is None]
    found = "; ".join(f"{span(most)} {name}{' (not known)' if name in unknown else ''}" for name, _, most in given)
    if not unknown:
        return Finding(Check.SESSIONS, Light.GREEN, f"sessions live no longer than {policy.name} says: {found}")
    found = f"how long sessions live is not known; {policy.name} says: {found}"
    if policy.name == RECOMMENDED.name:
        return Finding(Check.SESSIONS, Light.GREEN, found)
    advice = "Say it in the sessions class: idle = timedelta(...), life = timedelta(...); by_policy where it asks ours."
    return Finding(Check.SESSIONS, Light.AMBER, found, advice)


def end_all(said: str | None, at_most: timedelta | None, policy: Policy) -> Finding:
    """
    Whether sessions can be ended (G8).

    Args:
        said: How the host says that they cannot; nothing where they can.
        at_most: How long one lives then, where the host knows.
    """
    if said is None:
        return Finding(Check.END_ALL, Light.GREEN, "sessions end when factor or password change")
    until = f"for up to {span(at_most)}" if at_most else "for as long as they live"
    found = f"end_all = {said}: after a change of factor or password, sessions of before stay, {until}"
    advice = "Keep a row for each session, or in every token a version that stands on the user, and write end_all."
    return Finding(Check.END_ALL, Light.RED if policy.must_end_sessions else Light.AMBER, found, advice)


@dataclass(frozen=True)
class Limits:
    """
    Where wrong passwords are counted.

    Args:
        shared: Whether all workers count together, in Redis.
        answers: Whether Redis does, where they do.
    """

    shared: bool
    answers: bool = True


def password_limits(limits: Limits | None, workers: int, policy: Policy) -> Finding:
    """
    Whether wrong passwords are counted, and by all workers together.

    Args:
        limits: Nothing, where none were found.
        workers: How many there are on this host.
    """
    check = Check.PASSWORD_LIMITS
    if limits is None:
        advice = (
            "Where the application has PasswordLimits, keep them where they are found as soon as it is made: "
            "app.state.password_limits = PasswordLimits(auth.policy, redis_url=...). Where it has none, let its login "
            "use them."
        )
        return Finding(check, Light.AMBER, "no PasswordLimits were found in app.state", advice)
    if not limits.shared and workers > 1:
        found = f"{workers} workers count wrong passwords, each alone: {workers} times as many are looked at"
        return Finding(check, Light.RED, found, "Set REDIS_URL, where all workers count together; or serve with one.")
    if limits.shared and not limits.answers:
        meanwhile = "nobody signs in" if policy.limits_fail_closed else "each worker counts alone"
        light = Light.RED if policy.limits_fail_closed or workers > 1 else Light.AMBER
        return Finding(check, light, f"Redis does not answer; {meanwhile} meanwhile", "Start Redis; look at REDIS_URL.")
    where = "in Redis, for all workers together" if limits.shared else "by the one worker of this host, in memory"
    return Finding(check, Light.GREEN, f"wrong passwords are counted {where}")


@dataclass(frozen=True)
class Routes:
    """
    The routes of an application, by what stands before them.

    Args:
        ours: How many the library made.
        guarded: How many ask for a fresh second factor.
        signed_in: How many ask who is signed in, and for no more.
        opened: How many ask nothing.
        unseen: Those that are none of FastAPI's, so that nobody knows what they ask for.
        writing: Those of *signed_in* that change something, and say nothing about that.
        weighty: Those of *writing* that change what a sign-in stands on: password, address, account.
        waived: Those that say why they need no second factor, with what they say.
        overridden: How many of the second factor's dependencies something else stands in for.
        proxies: What of the allow-list of administration is a trusted proxy's.
    """

    ours: int = 0
    guarded: int = 0
    signed_in: int = 0
    opened: int = 0
    unseen: Sequence[str] = field(default=())
    writing: Sequence[str] = field(default=())
    weighty: Sequence[str] = field(default=())
    waived: Sequence[str] = field(default=())
    overridden: int = 0
    proxies: Sequence[str] = field(default=())


def routes(seen: Routes) -> Finding:
    """What stands before the routes."""
    found = (
        f"{seen.ours} of Twofold's, {seen.guarded} behind a fresh second factor, {seen.signed_in} behind a sign-in, "
        f"{seen.opened} open"
    )
    told = [
        ("not FastAPI's, and not looked into", seen.unseen),
        ("they write behind a sign-in alone", seen.writing),
        ("no second factor, on purpose", seen.waived),
    ]
    if seen.weighty:
        told.insert(0, ("they change what a sign-in stands on, without a fresh second factor", seen.weighty))
    found = "; ".join([found, *(f"{what}: {listed(which)}" for what, which in told if which)])
    if seen.overridden:
        found = f"app.dependency_overrides stands in for {seen.overridden} of the second factor's dependencies"
        return Finding(Check.ROUTES, Light.RED, found, "Take them out: overrides are for tests, and guard nothing.")
    if seen.proxies:
        found = f"a trusted proxy may administer: {listed(seen.proxies)} in the allow-list; {found}"
        advice = (
            "Take the proxies out of ADMIN_ALLOWED_IPS (allowed_ips=): what a proxy sends without saying for whom has "
            "its own address. List where admins sit."
        )
        return Finding(Check.ROUTES, Light.AMBER, found, advice)
    if not seen.weighty:
        return Finding(Check.ROUTES, Light.GREEN, found)
    advice = f"Put {GUARD} before them; if_enabled=True lets those pass who have none. Or say why not: {WAIVER}."
    return Finding(Check.ROUTES, Light.AMBER, found, advice)


def tokens(issuing: Sequence[str], waived: Sequence[str], unsure: Sequence[str]) -> Finding:
    """
    Routes that look as if they hand out a session without the second factor.

    Args:
        issuing: Those that do, with what says so.
        waived: Those that say why they need none.
        unsure: Those whose answers cannot be looked into.
    """
    if issuing:
        advice = (
            "Let them go through the sign-in router, or two_factor.sign_in(check_password); or put "
            f"{GUARD} before them. Where one is something else, say so: {WAIVER}."
        )
        return Finding(Check.TOKENS, Light.RED, f"a way in past the second factor: {listed(issuing)}", advice)
    if unsure:
        advice = f"Look at them, and say what they are: {WAIVER}, or around an application that is mounted: {MOUNTED}."
        return Finding(Check.TOKENS, Light.AMBER, f"they cannot be looked into: {listed(unsure)}", advice)
    found = "no route was recognised as a way in past the second factor"
    return Finding(Check.TOKENS, Light.GREEN, f"{found}; on purpose: {listed(waived)}" if waived else found)


@dataclass(frozen=True)
class Cors:
    """
    What one CORS middleware lets scripts of other origins send and read.

    Args:
        unsent: The headers that they may not send, and we read.
        unread: The headers that they may not read, and we send.
    """

    unsent: Sequence[str] = ()
    unread: Sequence[str] = ()


def cors(found: Sequence[Cors]) -> Finding:
    """What scripts of other origins may send and read."""
    unsent = sorted({name for one in found for name in one.unsent})
    unread = sorted({name for one in found for name in one.unread})
    if unsent:
        text, add = f"CORS does not let scripts send {', '.join(unsent)}", f"allow_headers=[..., {quoted(unsent)}]"
        return Finding(Check.CORS, Light.RED, text, f"Write CORSMiddleware, {add}: a browser asks before it sends it.")
    if unread:
        text, add = f"CORS does not let scripts read {', '.join(unread)}", f"expose_headers=[..., {quoted(unread)}]"
        advice = (
            f"Write CORSMiddleware, {add}: a page cannot tell otherwise what is asked for, and for how long to wait."
        )
        return Finding(Check.CORS, Light.AMBER, text, advice)
    text = (
        "CORS lets scripts send X-TOTP-Code, and read what is asked for"
        if found
        else "no CORS around what asks for a second factor: one origin alone"
    )
    return Finding(Check.CORS, Light.GREEN, text)


def quoted(names: Sequence[str]) -> str:
    """Names as they are written in code."""
    return ", ".join(f'"{name}"' for name in names)


def listed(names: Sequence[str]) -> str:
    """The first of them, and how many more there are."""
    more = len(names) - ROUTES_SHOWN
    return ", ".join([*names[:ROUTES_SHOWN], *([f"and {more} more"] if more > 0 else [])])
