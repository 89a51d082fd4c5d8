"""Step-up: a signed-in session proves its second factor again."""

from dataclasses import dataclass
from datetime import timedelta

from twofold.core.assurance import Assurance, ProvedSession
from twofold.core.enrollment import Enrollment, Judgement, Typed
from twofold.core.events import EventKind
from twofold.core.totp import typed_code
from twofold.errors import SecondFactorNotSetUp, SessionsOwed, StepUpRequired
from twofold.service.context import Context, Scope, token_hash
from twofold.service.ports import UserId
from twofold.service.proofs import decide, proof_of, proving
from twofold.service.sessions import Proved, require_fresh, require_fresh_to_set_up


@dataclass(frozen=True)
class StepUp:
    """The use cases of a session that proves more."""

    context: Context

    def prove(self, user_id: UserId, session_id: str, typed: Typed) -> Proved:
        """
        Prove the second factor once more; the same session is fresh from now on.

        Raises:
            UnknownUser: There is no such user.
            SessionsOwed: The session is one of those that are to end first; nothing was looked at.
            NotEnabled: The user has no second factor.
            ProofRefused: The proof was not accepted; a wrong one is counted.
        """

        def work(scope: Scope) -> Judgement:
            return _proved(scope, _held(scope, user_id), session_id, typed)

        return Proved.by(self.context.transact(work))

    def require(
        self,
        user_id: UserId,
        session_id: str,
        *,
        max_age: timedelta | None = None,
        code: str | None = None,
        if_enabled: bool = False,
        to_set_up: bool = False,
    ) -> Assurance | None:
        """
        Ask for a second factor at most *max_age* old; *code* may supply it, and is spent only if it must be.

        Args:
            if_enabled: Let a user pass who has no second factor; the answer is then nothing.
            to_set_up: Ask for what `Totp.set_up` asks for, in place of *max_age*.

        Raises:
            UnknownUser: There is no such user.
            SessionsOwed: The session is one of those that are to end first; *code* was not looked at.
            SecondFactorNotSetUp: The user has none.
            StepUpRequired: It is missing or too old, and *code* is not given.
            MalformedCode: *code* was needed and cannot be one.
            ProofRefused: *code* was not accepted; a wrong one is counted.
        """

        def standing(scope: Scope, enrollment: Enrollment) -> Assurance | None:
            if enrollment.enabled:
                if to_set_up:
                    return require_fresh_to_set_up(scope, enrollment, session_id)
                return require_fresh(scope, enrollment, session_id, max_age)
            if if_enabled:
                return None
            raise SecondFactorNotSetUp

        def look(scope: Scope) -> Assurance | None:
            return standing(scope, scope.enrollment(user_id))

        def claim(scope: Scope) -> Assurance | Judgement | None:
            enrollment = _held(scope, user_id)
            try:
                # Read again under the lock: a call side by side may have spent the same code for this session.
                return standing(scope, enrollment)
            except StepUpRequired:
                return _proved(scope, enrollment, session_id, typed_code(code or "", self.context.policy.digits))

        if code is None:
            return self.context.read(look)
        result = self.context.transact(claim)
        return Proved.by(result).assurance if isinstance(result, Judgement) else result


def _held(scope: Scope, user_id: UserId) -> Enrollment:
    """
    The enrollment of a user who is signed in, held.

    Raises:
        SessionsOwed: Nobody of this user's is signed in any more.
    """
    enrollment = scope.lock(user_id)
    # What the host read of the session is older than this lock.
    if enrollment.end_sessions:
        raise SessionsOwed(enrollment.end_sessions)
    return enrollment


def _proved(scope: Scope, enrollment: Enrollment, session_id: str, typed: Typed) -> Judgement:
    """Judge a proof, and remember for the session what it proves."""
    proof = proof_of(scope, enrollment, typed, proving(session_id))
    judgement = decide(scope, enrollment, proof, done=EventKind.STEPPED_UP)
    if judgement.accepted:
        proved = Proved.by(judgement)
        row = ProvedSession(token_hash(session_id), proved.user_id, proved.epoch, proved.assurance)
        scope.tx.save_session(row)
    return judgement
