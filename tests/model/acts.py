"""What every act of one user must be answered, and what it leaves behind."""

from datetime import datetime, timedelta

from tests.model.account import Account, Begun, Proof
from tests.model.numbers import (
    AMR,
    BACKUP_CODE,
    MAX_AGE,
    SESSION_LIFE,
    SET_UP_LIFE,
    SHEET,
    SIGN_IN_LIFE,
    SIGN_INS,
    SKEW,
    TOTP,
    Told,
    step_at,
    told,
)


def proved(who: Account, factor: str | None, at: datetime) -> Told:
    """What the host is told that a person has proved, and of whom."""
    return told(
        "ok",
        amr=AMR[factor] if factor else ("pwd",),
        second_factor_at=at if factor else None,
        epoch=who.epoch,
        debt=who.owed,
        remaining=who.unused if factor == BACKUP_CODE else None,
    )


def verify(who: Account, text: str, at: datetime) -> Told:
    answer = who.prove(TOTP, text, at, "code_accepted")
    return told("ok", step=who.last) if answer.slug == "ok" else answer


def burn(who: Account, text: str, at: datetime) -> Told:
    answer = who.prove(BACKUP_CODE, text, at, "code_accepted")
    return told("ok", remaining=who.unused) if answer.slug == "ok" else answer


def begin(who: Account, token: str, at: datetime) -> Told:
    """The right password; *token* names the pending sign-in, where there is to be one."""
    if who.user_waits(at):
        return told("sign-in-failed")
    if not who.enabled:
        if who.profile.one_count:
            who.succeed(TOTP)
        who.events.append(("signed_in", "success", None))
        return proved(who, None, at)
    if who.methods_need_a_key():
        return who.unreadable()
    who.events.append(("password_accepted", "success", None))
    alive = {name: begun for name, begun in who.begun.items() if begun.expires_at > at}
    newest = sorted(alive, key=lambda name: alive[name].expires_at, reverse=True)[: SIGN_INS - 1]
    who.begun = {name: alive[name] for name in newest} | {token: Begun(who.epoch, at + SIGN_IN_LIFE)}
    return told("pending", methods=who.methods(), expires_at=at + SIGN_IN_LIFE, locked_until=who.waits(TOTP, at))


def begin_with_code(who: Account, text: str, at: datetime) -> Told:
    """Password and code in one: nothing is pending. Without a factor the code is not looked at."""
    if not who.enabled:
        return begin(who, "", at)
    if who.user_waits(at):
        return told("sign-in-failed")
    answer = who.prove(TOTP, text, at, "signed_in")
    return proved(who, TOTP, at) if answer.slug == "ok" else answer


def finish(who: Account, token: str, factor: str, text: str, at: datetime) -> Told:
    """Bound to user and epoch, five minutes, survives typos and replays, dies on success (G6)."""
    begun = who.begun.get(token)
    if begun is None or begun.epoch != who.epoch or not who.enabled:
        return told("sign-in-token-dead")
    if not timedelta(0) < begun.expires_at - at <= SIGN_IN_LIFE + SKEW:
        return told("sign-in-token-dead")
    answer = who.prove(factor, text, at, "signed_in")
    if answer.slug != "ok":
        return answer
    del who.begun[token]
    return proved(who, factor, at)


def prove(who: Account, session: str, factor: str, text: str, at: datetime) -> Told:
    """Who was let in before all sessions had to end is seen at the last moment, and no code is spent on him (G8)."""
    if who.owed:
        return told("not-signed-in")
    answer = who.prove(factor, text, at, "stepped_up")
    if answer.slug != "ok":
        return answer
    who.proved[session] = Proof(who.epoch, factor, at)
    return proved(who, factor, at)


def is_fresh(who: Account, session: str, at: datetime, max_age: timedelta) -> bool:
    """At most so old, and not from the future."""
    proof = who.proved.get(session)
    return proof is not None and timedelta(0) <= at - proof.at <= max_age


def ask_again(who: Account, max_age: timedelta) -> Told:
    if who.methods_need_a_key():
        return who.unreadable()
    return told("step-up-required", methods=who.methods(), max_age=int(max_age.total_seconds()))


def require(
    who: Account, session: str, code: str | None, at: datetime, *, max_age: timedelta, if_enabled: bool
) -> Told:
    """A guarded route; the header's code is looked at, and spent, only where the session is not fresh."""
    if who.owed and code is not None:
        return told("not-signed-in")
    if not who.enabled:
        return told("ok", at=None) if if_enabled else told("second-factor-not-set-up")
    if is_fresh(who, session, at, max_age):
        return told("ok", at=who.proved[session].at)
    asked = ask_again(who, max_age)
    if asked.slug == "unavailable" or code is None:
        return asked
    answer = prove(who, session, TOTP, code, at)
    return told("ok", at=at) if answer.slug == "ok" else answer


def set_up(who: Account, session: str | None, at: datetime, *, replace: bool) -> Told:
    """The caller puts the new secret in."""
    if who.enabled and session is not None and not is_fresh(who, session, at, MAX_AGE):
        # Who has signed in with a weak secret, and has nothing else, cannot prove it anew.
        cannot = who.live is None and not who.methods() and not who.methods_need_a_key()
        age = SESSION_LIFE if cannot else MAX_AGE
        if not cannot or not is_fresh(who, session, at, age):
            return ask_again(who, age)
    if who.live is not None and not who.is_capped(TOTP) and not replace:
        return told("already-enabled")
    who.new_until = at + SET_UP_LIFE
    who.events.append(("set_up_started", "success", None))
    return told("ok", expires_at=at + SET_UP_LIFE)


def confirm(who: Account, text: str, at: datetime) -> Told:
    """The new secret is live from the step that confirmed it on; the caller puts the first sheet in."""
    new, enabled_at = who.new, who.enabled_at or at
    answer = who.prove_new(text, at)
    if answer.slug != "ok" or new is None:
        return answer
    who.live, who.enabled_at, who.spent = who.keep(new.value), enabled_at, False
    if who.sheet is None and not who.profile.one_count:
        who.failures.pop(BACKUP_CODE, None)
    who.changed(ends_sessions=True)
    facts = dict(proved(who, TOTP, at).facts)
    return told("ok", **facts, backup_codes=SHEET if who.sheet is None else 0)


def bring(who: Account, secret: str, at: datetime) -> Told:
    """A secret of another application: whoever has, or has had, a second factor here keeps to that."""
    if not who.readable(who.live):
        who.unreadable()
        return told("ok", outcome="refused")
    if who.enabled or who.turned_off:
        return told("ok", outcome="kept")
    if not who.profile.one_count:
        who.succeed(TOTP)
    # Whatever could be accepted now may have been used there.
    who.live, who.last, who.enabled_at = who.keep(secret), step_at(at) + 1, who.enabled_at or at
    who.changed(ends_sessions=True)
    who.events.append(("secret_imported", "success", None))
    return told("ok", outcome="imported")


def regenerate(who: Account, text: str, at: datetime) -> Told:
    """The caller puts the new sheet in; nothing else ends."""
    answer = who.prove(TOTP, text, at, "backup_codes_regenerated")
    if answer.slug != "ok":
        return answer
    if not who.profile.one_count:
        who.failures.pop(BACKUP_CODE, None)
    return told("ok", backup_codes=SHEET)


def disable(who: Account, factor: str, text: str, at: datetime) -> Told:
    """Every factor goes, with what was counted against it."""
    answer = who.prove(factor, text, at, "second_factor_disabled")
    if answer.slug != "ok":
        return answer
    remaining = who.unused if factor == BACKUP_CODE else None
    who.live, who.sheet, who.enabled_at, who.wait_until, who.last = None, None, None, None, 0
    who.spent, who.turned_off = False, True
    who.failures.clear()
    who.changed(ends_sessions=True)
    return told("ok", **dict(proved(who, factor, at).facts) | {"remaining": remaining})


def change_password(who: Account, *, ends_sessions: bool) -> Told:
    who.changed(ends_sessions=ends_sessions)
    who.events.append(("password_changed", "success", None))
    return told("ok", debt=who.owed)


def status(who: Account, at: datetime) -> Told:
    if not who.readable(who.sheet):
        return who.unreadable()
    return told(
        "ok",
        enabled=who.enabled,
        pending=who.is_setting_up(at),
        methods=who.methods(),
        remaining=who.unused,
        enabled_at=who.enabled_at,
        last_used_at=who.last_used_at if who.enabled else None,
    )


def state(who: Account, session: str) -> Told:
    """What one session of the host's has proved."""
    proof = who.proved.get(session)
    return told(
        "ok",
        amr=AMR[proof.factor] if proof else None,
        second_factor_at=proof.at if proof else None,
        enabled=who.enabled,
        debt=who.owed,
        epoch=who.epoch,
    )


def forget(who: Account) -> None:
    who.live, who.new, who.new_until, who.sheet = None, None, None, None
    who.last, who.owed, who.enabled_at, who.wait_until, who.last_used_at = 0, 0, None, None, None
    who.spent, who.turned_off = False, False
    who.failures.clear()
    who.begun.clear()
    who.proved.clear()
