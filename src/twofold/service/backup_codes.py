"""Backup codes: regenerate the set, burn one code."""

from dataclasses import dataclass

from twofold.core.backup_codes import TypedBackupCode, new_backup_codes, stored_backup_codes
from twofold.core.enrollment import Accepted, Enrollment, Judgement, Typed
from twofold.core.events import EventKind
from twofold.core.sealing import user_text
from twofold.errors import MalformedCode
from twofold.service.context import Context, Scope
from twofold.service.ports import UserId
from twofold.service.proofs import decide, proof_of, proving


@dataclass(frozen=True)
class BackupCodeCases:
    """The use cases of backup codes."""

    context: Context

    def regenerate(self, user_id: UserId, typed: Typed, *, session_id: str | None = None) -> tuple[str, ...]:
        """
        Replace the whole set, after a code from the authenticator app or a key; the old set is dead at once (G5).

        Args:
            typed: No backup code: the set would live for ever.
            session_id: The host's name of the session that asks; a key proves something only in one.

        Returns:
            The new codes in the clear, to be shown once.

        Raises:
            UnknownUser: There is no such user.
            MalformedCode: It is a backup code.
            NotEnabled: The user has no second factor.
            ProofRefused: The proof was not accepted; a wrong code is counted.
        """
        if isinstance(typed, TypedBackupCode):
            raise MalformedCode("Give a code from your authenticator app, or use a key.")
        codes = new_backup_codes(self.context.policy)

        def work(scope: Scope) -> Judgement:
            enrollment = scope.lock(user_id)

            def change(judged: Enrollment, _: Accepted) -> Enrollment:
                stored = stored_backup_codes(codes, user_text(judged.user_id))
                return judged.with_backup_codes(scope.sealed_backup_codes(stored, judged.user_id), scope.context.policy)

            proof = proof_of(scope, enrollment, typed, proving(session_id))
            return decide(scope, enrollment, proof, done=EventKind.BACKUP_CODES_REGENERATED, change=change)

        self.context.transact(work).outcome()
        return codes

    def burn(self, user_id: UserId, typed: TypedBackupCode) -> int:
        """
        Use up one backup code, outside of any session.

        Returns:
            How many are left.

        Raises:
            UnknownUser: There is no such user.
            NotEnabled: The user has no second factor.
            ProofRefused: The code was not accepted; a wrong one is counted.
        """

        def work(scope: Scope) -> Judgement:
            enrollment = scope.lock(user_id)
            return decide(scope, enrollment, proof_of(scope, enrollment, typed), done=EventKind.CODE_ACCEPTED)

        accepted = self.context.transact(work).outcome()
        return accepted.backup_codes.remaining if accepted.backup_codes else 0
