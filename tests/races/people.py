"""People with a phone in hand, enrolled some minutes ago."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from sqlalchemy.orm import Session

from tests.races.place import ORIGIN, Place
from twofold import TwoFactorAuth
from twofold.core.backup_codes import TypedBackupCode, typed_backup_code
from twofold.core.enrollment import Enrollment
from twofold.core.totp import TotpSecret, TypedCode, time_step_at
from twofold.core.webauthn import GivenCredential, WebAuthnKey, given_credential
from twofold.service.sign_in import SecondFactorPending
from twofold.testing import SecurityKey
from twofold.testing.clock import NOON

EARLIER = NOON - timedelta(minutes=5)
STEP = timedelta(seconds=30)
SESSION = "a session"


def right_code(secret: TotpSecret, at: datetime = NOON) -> TypedCode:
    return TypedCode(secret.code_at(time_step_at(at, secret.period)))


def wrong_codes(secret: TotpSecret, number: int, at: datetime = NOON) -> list[TypedCode]:
    """Codes that are right nowhere near *at*."""
    right = {right_code(secret, at + steps * STEP).text for steps in range(-5, 6)}
    guesses = (f"{guess:06}" for guess in count(123_456, 7))
    return [TypedCode(next(guess for guess in guesses if guess not in right)) for _ in range(number)]


@dataclass(frozen=True)
class Person:
    """Somebody enrolled."""

    people: "People"
    user_id: int
    secret: TotpSecret
    backup_codes: tuple[TypedBackupCode, ...]

    def code(self, at: datetime = NOON) -> TypedCode:
        """What the phone shows."""
        return right_code(self.secret, at)

    def wrong_codes(self, number: int, at: datetime = NOON) -> list[TypedCode]:
        return wrong_codes(self.secret, number, at)

    def sign_in_tokens(self, number: int, at: datetime = NOON) -> list[str]:
        """Handles of pending sign-ins: the password was right so many times."""
        begin = self.people.auth(at).sign_in.begin
        begun = [begin(self.user_id) for _ in range(number)]
        return [pending.sign_in_token for pending in begun if isinstance(pending, SecondFactorPending)]

    @property
    def enrollment(self) -> Enrollment:
        """What is stored now."""
        return self.people.enrollment(self.user_id)


@dataclass(frozen=True)
class KeyOwner:
    """Somebody whose second factor is a security key."""

    people: "People"
    user_id: int
    device: SecurityKey

    def answer(self, device: SecurityKey | None = None, **changes: int) -> GivenCredential:
        """An answer of the key, or of another one, to a challenge of its own."""
        options = self.people.auth().webauthn.session_options(self.user_id, SESSION)
        return given_credential((device or self.device).get(options, **changes))

    @property
    def key(self) -> WebAuthnKey:
        """What is stored of the key."""
        (key,) = self.people.auth().webauthn.keys(self.user_id)
        return key


class People:
    """The people of one place."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.engine = place.engine()
        self.store = place.store(self.engine)

    def close(self) -> None:
        self.store._engine.dispose()
        self.engine.dispose()

    def auth(self, at: datetime = NOON) -> TwoFactorAuth:
        return self.place.auth(self.store, at=at)

    def somebody(self) -> int:
        """A user without a second factor."""
        with Session(self.engine) as session, session.begin():
            user = self.place.user(email="somebody@example.com")
            session.add(user)
            session.flush()
            return user.id

    def enrolled(self) -> Person:
        """A user whose second factor has been on for some minutes."""
        user_id, auth = self.somebody(), self.auth(EARLIER)
        secret = auth.totp.set_up(user_id).secret
        confirmed = auth.totp.confirm(user_id, right_code(secret, EARLIER))
        auth.sessions.paid(user_id, confirmed.proved.debt)
        return Person(self, user_id, secret, tuple(map(typed_backup_code, confirmed.backup_codes or ())))

    def created(self, user_id: int, device: SecurityKey, at: datetime = NOON) -> GivenCredential:
        """A key that a user without a second factor is about to register."""
        return given_credential(device.create(self.auth(at).webauthn.registration_options(user_id, SESSION)))

    def with_key(self, **kind: Any) -> KeyOwner:
        """A user whose security key has been registered for some minutes."""
        user_id, device, auth = self.somebody(), SecurityKey(ORIGIN, **kind), self.auth(EARLIER)
        registered = auth.webauthn.register(user_id, SESSION, self.created(user_id, device, EARLIER), None)
        auth.sessions.paid(user_id, registered.proved.debt)
        return KeyOwner(self, user_id, device)

    def enrollment(self, user_id: int) -> Enrollment:
        return self.store.read(lambda tx: tx.enrollment(user_id))
