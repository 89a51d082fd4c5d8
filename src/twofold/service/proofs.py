"""The one road of a proof through a transaction: open, judge, seal, save, record."""

from collections.abc import Callable
from dataclasses import replace

from twofold.core.backup_codes import TypedBackupCode
from twofold.core.enrollment import (
    Accepted,
    BackupCodeProof,
    Enrollment,
    Judgement,
    Proof,
    TotpProof,
    Typed,
    WebAuthnProof,
    judge,
)
from twofold.core.events import EventKind
from twofold.core.sealing import Purpose, Sealed, reading
from twofold.core.totp import PendingSecret, TotpSecret, time_step_at
from twofold.core.webauthn import Binding, ChallengePurpose, GivenCredential, WebAuthnKeys, hash_of
from twofold.errors import ClockMovedBack, InvalidCode, InvalidKey, KeyCopied, Locked, NoSetupPending, NotEnabled
from twofold.service.context import Scope, logger, named, token_hash

Change = Callable[[Enrollment, Accepted], Enrollment]
"""What an accepted proof does to the enrollment, beyond having been accepted."""


def unchanged(enrollment: Enrollment, _: Accepted) -> Enrollment:
    """The change of a proof that changes nothing more."""
    return enrollment


def proving(session_id: str | None) -> Binding | None:
    """What the challenge of a key is for that proves something in a signed-in session; nothing outside of one."""
    return None if session_id is None else Binding(ChallengePurpose.PROVE, token_hash(session_id))


def proof_of(scope: Scope, enrollment: Enrollment, typed: Typed, binding: Binding | None = None) -> Proof:
    """
    What was given, beside what it is measured against.

    Args:
        binding: For what the challenge of a WebAuthn key must have been handed out; without it no key proves anything.

    Raises:
        NotEnabled: The user has no second factor.
        InvalidCode: The user does not have this one.
        CannotOpen: The stored value does not open.
    """
    if not enrollment.enabled:
        raise NotEnabled
    if isinstance(typed, GivenCredential):
        return _answer_of(scope, enrollment, typed, binding)
    if isinstance(typed, TypedBackupCode):
        return BackupCodeProof(typed, scope.backup_codes(enrollment))
    if enrollment.totp_secret is None:
        raise InvalidCode
    return TotpProof(typed, open_secret(scope, enrollment, enrollment.totp_secret))


def _answer_of(scope: Scope, enrollment: Enrollment, given: GivenCredential, binding: Binding | None) -> WebAuthnProof:
    """
    The answer of a WebAuthn key, as far as it is right; its challenge is used up, whatever comes of it.

    Raises:
        CannotOpen: The stored value does not open.
    """
    # Who has none is refused as who has others: by a proof that is judged, so that it is counted where all is.
    keys, ceremonies = scope.webauthn_keys(enrollment) or WebAuthnKeys(b""), scope.context.ceremonies
    key = keys.of_credential(given.credential_id)
    if not is_answered(scope, enrollment, given, binding) or key is None or ceremonies is None:
        return WebAuthnProof(keys)
    try:
        return WebAuthnProof(keys, key, ceremonies.asserted(given, key, keys))
    except InvalidKey:
        return WebAuthnProof(keys, key)


def is_answered(scope: Scope, enrollment: Enrollment, given: GivenCredential, binding: Binding | None) -> bool:
    """Use up the challenge that *given* says it answers; whether it was handed out for *binding*, and lives."""
    # The one guard of G16 against an answer that comes again: whoever reads the challenge deletes it.
    challenge = scope.tx.take_challenge(hash_of(given.challenge))
    if challenge is None or binding is None:
        return False
    return challenge.is_for(binding, enrollment.user_id, enrollment.epoch, scope.at, scope.context.policy)


def pending_secret_of(scope: Scope, enrollment: Enrollment) -> PendingSecret:
    """
    The secret of the set-up that waits for its first code.

    Raises:
        NoSetupPending: None does, or it has expired.
        CannotOpen: The stored value does not open.
    """
    if enrollment.pending_secret is None or not enrollment.has_pending(scope.at, scope.context.policy):
        raise NoSetupPending
    purpose = Purpose.TOTP_PENDING_SECRET
    opened = scope.context.keys.open_sealed(enrollment.pending_secret, purpose, enrollment.user_id)
    with reading(purpose):
        # It is of our own making, and is not taken if it is weak.
        return PendingSecret.from_bytes(opened)


def open_secret(scope: Scope, enrollment: Enrollment, sealed: Sealed) -> TotpSecret:
    """
    The live TOTP secret in the clear; it never leaves the transaction.

    Raises:
        CannotOpen: The stored value does not open, or is no secret.
    """
    opened = scope.context.keys.open_sealed(sealed, Purpose.TOTP_SECRET, enrollment.user_id)
    with reading(Purpose.TOTP_SECRET):
        return TotpSecret.from_bytes(opened, from_elsewhere=True)


def decide(
    scope: Scope, enrollment: Enrollment, proof: Proof, *, done: EventKind, change: Change = unchanged
) -> Judgement:
    """
    Judge a proof against the row that *scope* holds, and store what was decided.

    The caller lets the transaction commit, and only then asks the judgement for its outcome (G2, G3).

    Args:
        done: The kind of the event if the proof is accepted; otherwise it is `code_refused`.
        change: What an accepted proof does beyond having been accepted.
    """
    judgement = judge(enrollment, proof, at=scope.at, policy=scope.context.policy)
    verdict, judged = judgement.verdict, judgement.enrollment
    if isinstance(verdict, Accepted):
        if verdict.backup_codes is not None:
            judged = replace(judged, backup_codes=scope.sealed_backup_codes(verdict.backup_codes, judged.user_id))
        if verdict.keys is not None:
            judged = replace(judged, webauthn_keys=scope.sealed_webauthn_keys(verdict.keys, judged.user_id))
        judged = change(judged, verdict)
        scope.record(done, factor=verdict.factor)
    else:
        scope.record(judgement.event.kind, judgement.event.outcome, judgement.event.factor)
    if isinstance(verdict, ClockMovedBack):
        _tell_the_operator(scope, enrollment, proof)
    if isinstance(verdict, KeyCopied):
        _tell_of_a_copy(enrollment)
    if isinstance(verdict, Locked):
        verdict.methods = scope.open_methods(judged)
    scope.save(enrollment, judged)
    return replace(judgement, enrollment=judged)


def _tell_the_operator(scope: Scope, enrollment: Enrollment, proof: Proof) -> None:
    """Who types a right code and is refused until the clock has caught up cannot mend the clock (G17)."""
    # A secret that was made elsewhere may have time steps of its own.
    period = proof.secret.period if isinstance(proof, TotpProof) else scope.context.policy.period
    logger.warning(
        "The clock was ahead when a code of user %s was last accepted: by %d s of the present clock. Until it has "
        "caught up no code of this user's app is accepted. Look after the clocks of all hosts; the user signs in with "
        "a backup code and sets up the app again.",
        named(enrollment.user_id),
        (enrollment.last_step - time_step_at(scope.at, period)) * period,
    )


def _tell_of_a_copy(enrollment: Enrollment) -> None:
    """Somebody has copied a key, or a key counts wrong: its owner cannot know which."""
    logger.warning(
        "The signature counter of a key of user %s went back: there may be two of it (WebAuthn Level 3, 6.1.1). The "
        "answer was refused. Let the user remove that key.",
        named(enrollment.user_id),
    )
