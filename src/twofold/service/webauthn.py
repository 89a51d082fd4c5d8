"""WebAuthn keys: hand out challenges, register a key, name it, remove it."""

import math
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from twofold.core.backup_codes import new_backup_codes, stored_backup_codes
from twofold.core.enrollment import Enrollment
from twofold.core.events import SUCCESS, EventKind
from twofold.core.factors import Authenticator, Factor
from twofold.core.sealing import user_text
from twofold.core.totp import checked_issuer
from twofold.core.webauthn import (
    CHALLENGE_BYTES,
    KEY_ID_BYTES,
    Attested,
    Binding,
    Challenge,
    ChallengePurpose,
    GivenCredential,
    WebAuthnKey,
    WebAuthnKeys,
    hash_of,
    key_name,
    user_handle_of,
)
from twofold.errors import (
    AlreadyRegistered,
    InvalidKey,
    LastFactor,
    Locked,
    NotEnabled,
    NotFound,
    TooManyKeys,
    TwofoldError,
)
from twofold.service.context import Context, Scope, token_hash
from twofold.service.ports import Ceremonies, UserId
from twofold.service.proofs import is_answered
from twofold.service.sessions import Proved, require_fresh, require_fresh_to_set_up
from twofold.service.sign_in import held_sign_in


@dataclass(frozen=True)
class Registered:
    """
    A WebAuthn key is on.

    Args:
        backup_codes: The new set in the clear, to be shown once; nothing where the user keeps an older set.
    """

    key: WebAuthnKey
    proved: Proved
    backup_codes: tuple[str, ...] | None = field(repr=False)


@dataclass(frozen=True)
class WebAuthnCases:
    """The use cases of WebAuthn keys, beside those that take an answer of theirs for a proof."""

    context: Context

    def registration_options(
        self, user_id: UserId, session_id: str, *, issuer: str | None = None, account: str | None = None
    ) -> Mapping[str, Any]:
        """
        Begin to register a key; nothing changes before its answer.

        Args:
            session_id: The host's name of the session that asks. Where a factor is active, it must be fresh; its answer
                need not be.
            issuer: In place of the application's issuer.
            account: In place of the account name that the store knows.

        Returns:
            `PublicKeyCredentialCreationOptionsJSON` (WebAuthn Level 3, 5.1.9).

        Raises:
            NotFound: No keys are on offer here.
            UnknownUser: There is no such user.
            StepUpRequired: A factor is active, and this session's second factor is not fresh.
            TooManyKeys: The user has as many as the policy allows.
        """
        ceremonies = self._ceremonies()
        issuer = self.context.issuer if issuer is None else checked_issuer(issuer)

        def work(scope: Scope) -> Mapping[str, Any]:
            enrollment = scope.lock(user_id)
            if enrollment.enabled:
                require_fresh_to_set_up(scope, enrollment, session_id)
            keys = scope.webauthn_keys(enrollment)
            self._refuse_too_many(keys)
            challenge = _handed_out(scope, enrollment, Binding(ChallengePurpose.REGISTER, token_hash(session_id)))
            name = scope.tx.account(user_id) if account is None else account
            return ceremonies.creation_options(
                challenge=challenge,
                user_handle=user_handle_of(challenge) if keys is None else keys.user_handle,
                account=name or user_text(user_id),
                issuer=issuer,
                keys=() if keys is None else keys.keys,
            )

        return self.context.transact(work)

    def register(self, user_id: UserId, session_id: str, given: GivenCredential, name: str | None) -> Registered:
        """
        Register a key by its answer; all sessions are to end (G8).

        Args:
            session_id: The host's name of the session that got the options.
            name: What its owner calls it; a number where it is not given.

        Raises:
            NotFound: No keys are on offer here.
            UnknownUser: There is no such user.
            InvalidRequest: *name* is none.
            InvalidKey: The challenge was none for this session, or is too old; or the answer is not right.
            AlreadyRegistered: Somebody has registered this key, this user or another.
            TooManyKeys: The user has as many as the policy allows.
            Locked: Everything has one count, and the user waits.
        """
        ceremonies, called = self._ceremonies(), None if name is None else key_name(name)
        binding = Binding(ChallengePurpose.REGISTER, token_hash(session_id))

        def work(scope: Scope) -> Registered | TwofoldError:
            enrollment = scope.lock(user_id)
            answered = is_answered(scope, enrollment, given, binding)
            # Refusals are returned: the challenge is used up whatever comes of it, so this is committed.
            if until := enrollment.attempts.wait_of(Factor.WEBAUTHN, scope.at, self.context.policy):
                return _refused(scope, Locked(until, math.ceil((until - scope.at).total_seconds())))
            try:
                attested = ceremonies.attested(given) if answered else None
            except InvalidKey:
                attested = None
            if attested is None:
                return _refused(scope, InvalidKey())
            keys = scope.webauthn_keys(enrollment) or WebAuthnKeys(user_handle_of(given.challenge))
            try:
                self._refuse_too_many(keys)
            except TooManyKeys as error:
                return error
            if not scope.tx.add_credential(hash_of(attested.credential_id), enrollment.user_id):
                return AlreadyRegistered()
            return self._registered(
                scope, enrollment, keys, _new_key(scope, attested, given, called or f"Key {len(keys.keys) + 1}")
            )

        result = self.context.transact(work)
        if isinstance(result, TwofoldError):
            raise result
        return result

    def _registered(self, scope: Scope, enrollment: Enrollment, keys: WebAuthnKeys, key: WebAuthnKey) -> Registered:
        policy, user_id, codes = self.context.policy, enrollment.user_id, None
        sealed = scope.sealed_webauthn_keys(keys.with_key(key), user_id)
        after = enrollment.with_keys(sealed, at=scope.at)
        if enrollment.backup_codes is None:
            codes = new_backup_codes(policy)
            stored = stored_backup_codes(codes, user_text(user_id))
            after = after.with_backup_codes(scope.sealed_backup_codes(stored, user_id), policy)
        scope.save(enrollment, after)
        scope.record(EventKind.FACTOR_ENROLLED, factor=Factor.WEBAUTHN)
        proved = Authenticator.of_key(backup_eligible=key.backup_eligible, user_verified=key.user_verified)
        return Registered(key, Proved.by_key(after, proved, scope.at), codes)

    def session_options(self, user_id: UserId, session_id: str) -> Mapping[str, Any]:
        """
        Begin to prove a key in a session that is signed in: for step-up, to disable, to regenerate backup codes.

        Returns:
            `PublicKeyCredentialRequestOptionsJSON` (WebAuthn Level 3, 5.1.10).

        Raises:
            NotFound: No keys are on offer here.
            UnknownUser: There is no such user.
            NotEnabled: The user has no keys.
        """

        def work(scope: Scope) -> Mapping[str, Any]:
            enrollment = scope.lock(user_id)
            return self._options(scope, enrollment, Binding(ChallengePurpose.PROVE, token_hash(session_id)))

        return self.context.transact(work)

    def sign_in_options(self, sign_in_token: str) -> Mapping[str, Any]:
        """
        Begin to finish a pending sign-in with a key.

        Returns:
            `PublicKeyCredentialRequestOptionsJSON` (WebAuthn Level 3, 5.1.10).

        Raises:
            NotFound: No keys are on offer here.
            SignInTokenDead: It is unknown, expired, used, or outlived by a change.
            NotEnabled: The user has no keys.
        """
        handle = token_hash(sign_in_token)

        def work(scope: Scope) -> Mapping[str, Any]:
            _, enrollment = held_sign_in(scope, handle)
            return self._options(scope, enrollment, Binding(ChallengePurpose.SIGN_IN, handle))

        return self.context.transact(work)

    def _options(self, scope: Scope, enrollment: Enrollment, binding: Binding) -> Mapping[str, Any]:
        ceremonies, keys = self._ceremonies(), scope.webauthn_keys(enrollment)
        if keys is None:
            raise NotEnabled("No key is registered to this account. Use another method.")
        return ceremonies.request_options(challenge=_handed_out(scope, enrollment, binding), keys=keys.keys)

    def keys(self, user_id: UserId) -> tuple[WebAuthnKey, ...]:
        """
        All keys of a user, in the order in which they were registered.

        Raises:
            UnknownUser: There is no such user.
            CannotOpen: The stored value does not open.
        """

        def work(scope: Scope) -> tuple[WebAuthnKey, ...]:
            keys = scope.webauthn_keys(scope.enrollment(user_id))
            return () if keys is None else keys.keys

        return self.context.read(work)

    def rename(self, user_id: UserId, session_id: str, key_id: str, name: str) -> WebAuthnKey:
        """
        Give a key another name.

        Raises:
            UnknownUser: There is no such user.
            StepUpRequired: This session's second factor is not fresh.
            NotFound: The user has no such key.
            InvalidRequest: *name* is none.
        """
        called = key_name(name)

        def work(scope: Scope) -> WebAuthnKey:
            enrollment, keys, key = _own_key(scope, user_id, session_id, key_id)
            renamed = replace(key, name=called)
            sealed = scope.sealed_webauthn_keys(keys.with_key(renamed), enrollment.user_id)
            scope.save(enrollment, replace(enrollment, webauthn_keys=sealed))
            scope.record(EventKind.KEY_RENAMED, factor=Factor.WEBAUTHN)
            return renamed

        return self.context.transact(work)

    def remove(self, user_id: UserId, session_id: str, key_id: str) -> Proved:
        """
        Remove a key; all sessions are to end (G8).

        Raises:
            UnknownUser: There is no such user.
            StepUpRequired: This session's second factor is not fresh.
            NotFound: The user has no such key.
            LastFactor: It is the last second factor of the user.
        """

        def work(scope: Scope) -> Proved:
            enrollment, keys, key = _own_key(scope, user_id, session_id, key_id)
            assurance = require_fresh(scope, enrollment, session_id)
            left = keys.without(key)
            if not left.keys and not enrollment.has_usable_totp(self.context.policy):
                raise LastFactor
            after = enrollment.with_keys(scope.sealed_webauthn_keys(left, enrollment.user_id), at=scope.at)
            scope.save(enrollment, after)
            scope.tx.drop_credential(hash_of(key.credential_id))
            scope.record(EventKind.KEY_REMOVED, SUCCESS, Factor.WEBAUTHN)
            return Proved(after.user_id, assurance, after.epoch, after.end_sessions)

        return self.context.transact(work)

    def _ceremonies(self) -> Ceremonies:
        """
        The ceremonies.

        Raises:
            NotFound: No keys are on offer here.
        """
        if self.context.ceremonies is None:
            raise NotFound
        return self.context.ceremonies

    def _refuse_too_many(self, keys: WebAuthnKeys | None) -> None:
        if keys is not None and len(keys.keys) >= self.context.policy.webauthn_keys:
            raise TooManyKeys


def _handed_out(scope: Scope, enrollment: Enrollment, binding: Binding) -> bytes:
    """A fresh challenge, of which the store keeps the hash."""
    policy, challenge = scope.context.policy, secrets.token_bytes(CHALLENGE_BYTES)
    until = scope.at + policy.challenge_life
    row = Challenge(hash_of(challenge), enrollment.user_id, enrollment.epoch, binding, until)
    scope.tx.add_challenge(row, at=scope.at, keep=policy.challenges)
    return challenge


def _refused(scope: Scope, error: TwofoldError) -> TwofoldError:
    scope.record(EventKind.CODE_REFUSED, error.slug, Factor.WEBAUTHN)
    return error


def _new_key(scope: Scope, attested: Attested, given: GivenCredential, name: str) -> WebAuthnKey:
    return WebAuthnKey(
        id=secrets.token_urlsafe(KEY_ID_BYTES),
        name=name,
        credential_id=attested.credential_id,
        public_key=attested.public_key,
        sign_count=attested.sign_count,
        backup_eligible=attested.backup_eligible,
        backed_up=attested.backed_up,
        user_verified=attested.user_verified,
        transports=given.transports,
        created_at=scope.at,
    )


def _own_key(
    scope: Scope, user_id: UserId, session_id: str, key_id: str
) -> tuple[Enrollment, WebAuthnKeys, WebAuthnKey]:
    """
    A key of this user's, whose row is held from now on, for a session that may change it.

    Raises:
        StepUpRequired: This session's second factor is not fresh.
        NotFound: The user has no such key.
    """
    enrollment = scope.lock(user_id)
    if enrollment.enabled:
        require_fresh(scope, enrollment, session_id)
    keys = scope.webauthn_keys(enrollment)
    key = None if keys is None else keys.of_id(key_id)
    if keys is None or key is None:
        raise NotFound
    return enrollment, keys, key
