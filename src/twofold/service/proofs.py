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
    SetUpProof,
    TotpProof,
    Typed,
    judge,
)
from twofold.core.events import EventKind
from twofold.core.sealing import Purpose, Sealed, reading
from twofold.core.totp import TotpSecret, TypedCode, time_step_at
from twofold.errors import ClockMovedBack, InvalidCode, Locked, NoSetupPending, NotEnabled
from twofold.service.context import Scope, logger, named

Change = Callable[[Enrollment, Accepted], Enrollment]
"""What an accepted proof does to the enrollment, beyond having been accepted."""


def unchanged(enrollment: Enrollment, _: Accepted) -> Enrollment:
    """The change of a proof that changes nothing more."""
    return enrollment


def proof_of(scope: Scope, enrollment: Enrollment, typed: Typed) -> Proof:
    """
    What was typed, beside what it is measured against.

    Raises:
        NotEnabled: The user has no second factor.
        InvalidCode: The user does not have this one.
        CannotOpen: The stored value does not open.
    """
    if not enrollment.enabled:
        raise NotEnabled
    if isinstance(typed, TypedBackupCode):
        return BackupCodeProof(typed, scope.backup_codes(enrollment))
    if enrollment.totp_secret is None:
        raise InvalidCode
    return TotpProof(typed, open_secret(scope, enrollment, enrollment.totp_secret, Purpose.TOTP_SECRET))


def set_up_proof_of(scope: Scope, enrollment: Enrollment, typed: TypedCode) -> SetUpProof:
    """
    A typed code, beside the secret of the set-up that waits for it.

    Raises:
        NoSetupPending: None does, or it has expired.
        CannotOpen: The stored value does not open.
    """
    if enrollment.pending_secret is None or not enrollment.has_pending(scope.at, scope.context.policy):
        raise NoSetupPending
    return SetUpProof(typed, open_secret(scope, enrollment, enrollment.pending_secret, Purpose.TOTP_PENDING_SECRET))


def open_secret(scope: Scope, enrollment: Enrollment, sealed: Sealed, purpose: Purpose) -> TotpSecret:
    """
    A TOTP secret in the clear; it never leaves the transaction.

    Raises:
        CannotOpen: The stored value does not open, or is no secret.
    """
    opened = scope.context.keys.open_sealed(sealed, purpose, enrollment.user_id)
    with reading(purpose):
        # One that waits for its first code is of our own making, and is not taken if it is weak.
        return TotpSecret.from_bytes(opened, from_elsewhere=purpose is Purpose.TOTP_SECRET)


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
        judged = change(judged, verdict)
        scope.record(done, factor=verdict.factor)
    else:
        scope.record(judgement.event.kind, judgement.event.outcome, judgement.event.factor)
    if isinstance(verdict, ClockMovedBack):
        _tell_the_operator(scope, enrollment, proof)
    if isinstance(verdict, Locked):
        verdict.methods = scope.open_methods(judged)
    if judged != enrollment:
        scope.tx.save(judged)
    if judged.epoch != enrollment.epoch:
        scope.tx.drop_handed_out(judged.user_id)
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
