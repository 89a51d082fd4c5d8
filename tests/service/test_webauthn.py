"""WebAuthn keys through the use cases: challenges that are used up, keys that come and go, and whose key is whose."""

from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tests.service.people import Person
from twofold import TwoFactorAuth
from twofold.core.events import EventKind
from twofold.core.policy import AAL2, RECOMMENDED
from twofold.core.sealing import Purpose
from twofold.core.webauthn import GivenCredential, WebAuthnKeys, given_credential
from twofold.errors import (
    AlreadyRegistered,
    CannotOpen,
    ConfigurationError,
    InvalidKey,
    InvalidRequest,
    KeyCopied,
    LastFactor,
    MalformedCode,
    NotEnabled,
    NotFound,
    SignInTokenDead,
    StepUpRequired,
    TooManyKeys,
    UnknownUser,
)
from twofold.service.sessions import Proved
from twofold.service.webauthn import Registered
from twofold.testing import SecurityKey
from twofold.webauthn import RelyingParty

ORIGIN = "https://accounts.example.com"
HERE, THERE = "a session", "another session"


@pytest.fixture
def auth(store, clock, keys, told) -> TwoFactorAuth:
    return TwoFactorAuth(
        issuer="Acme", keys=keys, store=store, clock=clock, webauthn=RelyingParty(ORIGIN), on_event=told.append
    )


@pytest.fixture
def with_policy(store, clock, keys) -> Callable[..., TwoFactorAuth]:
    """The same application with other numbers."""
    return lambda **numbers: TwoFactorAuth(
        issuer="Acme",
        keys=keys,
        store=store,
        clock=clock,
        webauthn=RelyingParty(ORIGIN),
        policy=replace(RECOMMENDED, **numbers),
    )


@dataclass
class Owner:
    """Somebody with a security key in hand."""

    person: Person
    device: SecurityKey = field(default_factory=lambda: SecurityKey(ORIGIN))
    backup_codes: tuple[str, ...] = ()
    session: str = HERE

    @property
    def auth(self) -> TwoFactorAuth:
        return self.person.auth

    @property
    def user_id(self) -> Any:
        return self.person.user_id

    def created(self, device: SecurityKey | None = None) -> GivenCredential:
        """A key, this one or another, is created in the session."""
        options = self.auth.webauthn.registration_options(self.user_id, self.session)
        return given_credential((device or self.device).create(options))

    def register(self, device: SecurityKey | None = None, name: str | None = None) -> Registered:
        """A key is registered; the session begins anew, and all others have ended."""
        registered = self.auth.webauthn.register(self.user_id, self.session, self.created(device), name)
        self.auth.sessions.paid(self.user_id, registered.proved.debt)
        self.auth.sessions.started(registered.proved, self.session)
        self.backup_codes = registered.backup_codes or self.backup_codes
        return registered

    def answer(self, session: str | None = None) -> GivenCredential:
        """To options of a session."""
        options = self.auth.webauthn.session_options(self.user_id, session or self.session)
        return given_credential(self.device.get(options))

    def sign_in_answer(self, token: str) -> GivenCredential:
        return given_credential(self.device.get(self.auth.webauthn.sign_in_options(token)))

    def prove(self, given: GivenCredential, session: str | None = None) -> Proved:
        return self.auth.step_up.prove(self.user_id, session or self.session, given)


@pytest.fixture
def ann(newcomer) -> Owner:
    """Somebody whose one factor is a key, in a session that is fresh."""
    ann = Owner(newcomer)
    ann.register(name="Blue key")
    return ann


@pytest.fixture
def bob(auth, clock) -> Owner:
    """Another one."""
    bob = Owner(Person(auth, clock, 8), session="a session of bob's")
    bob.register()
    return bob


def is_refused(call, *arguments: Any, error: type[Exception] = InvalidKey) -> bool:
    try:
        call(*arguments)
    except error as refusal:
        return type(refusal) is error
    return False


def kinds(store) -> list[EventKind]:
    return [event.kind for event in store.events]


def test_a_key_is_a_second_factor_of_its_own(auth, newcomer, store):
    """
    A first key turns the second factor on, proves it at once, brings backup codes, and ends all sessions (G8).
    """
    registered = Owner(newcomer).register(name="Blue key")
    status = auth.enrollment.status(7)

    assert len(registered.backup_codes) == 10
    assert (registered.proved.assurance.aal, registered.proved.debt, newcomer.row.epoch) == (2, 1, 1)
    assert (status.enabled, status.methods) == (True, ("backup_code", "webauthn"))
    assert auth.webauthn.keys(7) == (registered.key,)
    assert (registered.key.name, registered.key.created_at) == ("Blue key", newcomer.clock.now())
    assert kinds(store) == [EventKind.FACTOR_ENROLLED]


def test_backup_codes_come_once(auth, person):
    """
    They come with the first factor, whichever it is; whoever has them keeps them with each further key.
    """
    person.sign_in(HERE)
    owner = Owner(person)
    first, second = owner.register(), owner.register(SecurityKey(ORIGIN))

    assert [first.backup_codes, second.backup_codes] == [None, None]
    assert auth.backup_codes.burn(7, person.backup_code()) == 9


def test_the_handle_of_a_user_is_one(auth, ann):
    """
    All keys of a user know the user by the same handle, of 64 bytes; nobody else has it.
    """
    options = [auth.webauthn.registration_options(user_id, HERE) for user_id in (7, 7, 8, 8)]
    handles = [one["user"]["id"] for one in options]

    assert handles[0] == handles[1] == urlsafe_b64encode(ann.device.user_handle).rstrip(b"=").decode()
    assert len({*handles}) == 3


def test_a_key_signs_in(auth, ann, store):
    """
    A pending sign-in is finished by a key, once; what was counted of the key is kept.
    """
    pending = ann.person.begin()
    proved = auth.sign_in.finish(pending.sign_in_token, ann.sign_in_answer(pending.sign_in_token))
    (key,) = auth.webauthn.keys(7)

    assert pending.methods == ("backup_code", "webauthn")
    assert (proved.assurance.amr, proved.assurance.aal) == (("pwd", "hwk", "user", "mfa"), 2)
    assert (key.sign_count, key.last_used_at) == (ann.device.sign_count, ann.person.clock.now())
    assert kinds(store)[-1] is EventKind.SIGNED_IN
    assert is_refused(auth.webauthn.sign_in_options, pending.sign_in_token, error=SignInTokenDead)


ROADS = {
    "prove": lambda ann, given: ann.prove(given),
    "regenerate": lambda ann, given: ann.auth.backup_codes.regenerate(7, given, session_id=HERE),
    "disable": lambda ann, given: ann.auth.enrollment.disable(7, given, session_id=HERE),
}
"""Every road on which a key proves something in a session."""

each_road = pytest.mark.parametrize("road", ROADS.values(), ids=ROADS)


@each_road
def test_a_key_proves_on_every_road_of_a_session(ann, road):
    """
    A key is good for all that a code is good for: to step up, for new backup codes, to turn the second factor off.
    """
    road(ann, ann.answer())

    assert ann.person.row.enabled == (road is not ROADS["disable"])


@each_road
def test_an_answer_is_accepted_once(newcomer, road):
    """
    An answer that comes again to the letter, of a key without a counter, is refused: its challenge is gone (G16).
    """
    ann = Owner(newcomer, SecurityKey(ORIGIN, counts=False))
    ann.register()
    given = ann.answer()
    ann.prove(given)

    assert is_refused(road, ann, given)
    assert not is_refused(road, ann, ann.answer())


@each_road
def test_a_wrong_answer_uses_the_challenge_up(ann, road):
    """
    A challenge is good for one try: after a wrong answer the right one to it is refused.
    """
    wrong_then_right = ann.auth.webauthn.session_options(7, HERE)
    wrong = given_credential(ann.device.get(wrong_then_right, flags=0))
    right = given_credential(ann.device.get(wrong_then_right))

    assert [is_refused(road, ann, one) for one in (wrong, right)] == [True, True]


def test_a_wrong_registration_uses_the_challenge_up(auth, newcomer):
    """
    The same at registration, also where the answer is refused for something else than a signature.
    """
    owner, options = Owner(newcomer), auth.webauthn.registration_options(7, HERE)
    wrong = given_credential(owner.device.create(options, origin="https://evil.io"))
    right = given_credential(owner.device.create(options))

    assert [is_refused(auth.webauthn.register, 7, HERE, one, None) for one in (wrong, right)] == [True, True]
    assert not newcomer.row.enabled


@pytest.mark.parametrize(("seconds", "dead"), [(299, False), (300, True), (601, True)])
def test_a_challenge_lives_for_five_minutes(ann, clock, seconds, dead):
    """
    WebAuthn Level 3, 15.1: five minutes; at that moment it is dead, for an answer and for a registration.
    """
    answer, created = ann.answer(), ann.created(SecurityKey(ORIGIN))
    clock.forward(seconds=seconds)
    refused = [is_refused(ann.prove, answer), is_refused(ann.auth.webauthn.register, 7, HERE, created, None)]

    assert refused == [dead, dead]


def test_a_challenge_is_of_its_session(auth, ann):
    """
    What one session asked for is nothing to another one of the same user.
    """
    assert is_refused(ann.prove, ann.answer(THERE), HERE)
    assert is_refused(ann.prove, ann.answer(HERE), THERE)
    assert is_refused(auth.webauthn.register, 7, THERE, ann.created(SecurityKey(ORIGIN)), None)


def test_a_challenge_is_of_its_sign_in(auth, ann):
    """
    The challenge of one pending sign-in finishes no other one, though both wait for the same user.
    """
    one, other = (ann.person.begin().sign_in_token for _ in range(2))

    assert is_refused(auth.sign_in.finish, other, ann.sign_in_answer(one))


def test_a_challenge_is_for_its_purpose(auth, ann):
    """
    A challenge of step-up finishes no sign-in, one of a sign-in proves nothing in a session, and one of a registration
    is good for neither (rodauth).
    """
    token = ann.person.begin().sign_in_token
    registering = dict(auth.webauthn.registration_options(7, HERE))
    for_registering = registering | {"rpId": registering["rp"]["id"]}

    assert is_refused(auth.sign_in.finish, token, ann.answer())
    assert is_refused(ann.prove, ann.sign_in_answer(token))
    assert is_refused(ann.prove, given_credential(ann.device.get(for_registering)))
    assert is_refused(auth.sign_in.finish, token, ann.sign_in_answer(token), error=SignInTokenDead) is False


def test_a_challenge_of_another_purpose_registers_no_key(auth, ann):
    """
    What was asked for to prove a key registers none.
    """
    options = auth.webauthn.session_options(7, HERE)
    user = {"id": urlsafe_b64encode(ann.device.user_handle).decode()}
    created = SecurityKey(ORIGIN).create({**options, "rp": {"id": options["rpId"]}, "user": user})

    assert is_refused(auth.webauthn.register, 7, HERE, given_credential(created), None)


def test_a_challenge_is_of_its_user(auth, ann, bob):
    """
    A challenge of another user's is none, whatever the session is called, and it is used up all the same.
    """
    options = auth.webauthn.session_options(8, HERE)
    by_ann = given_credential(ann.device.get(options))
    by_bob = given_credential(bob.device.get(options))

    assert is_refused(ann.prove, by_ann)
    assert is_refused(bob.prove, by_bob)


def test_a_key_of_another_user_finishes_no_sign_in(auth, ann, bob):
    """
    With somebody's password and a key of one's own nobody gets in (GitLab): the key is none of this user's.
    """
    token = ann.person.begin().sign_in_token
    options = auth.webauthn.sign_in_options(token)

    assert is_refused(auth.sign_in.finish, token, given_credential(bob.device.get(options)))


@pytest.mark.parametrize("change", ["password_changed", "disable", "another key"])
def test_a_challenge_dies_with_a_change(auth, ann, change):
    """
    What was asked for before a change of factor or password is worth nothing after it.
    """
    answer, created = ann.answer(), ann.created(SecurityKey(ORIGIN))
    if change == "password_changed":
        auth.password_changed(7)
    if change == "disable":
        auth.enrollment.disable(7, ann.answer(), session_id=HERE)
        ann.register()
    if change == "another key":
        ann.register(SecurityKey(ORIGIN))
    auth.sessions.paid(7, ann.person.row.end_sessions)

    assert is_refused(ann.prove, answer)
    assert is_refused(auth.webauthn.register, 7, HERE, created, None)


def test_the_oldest_challenge_goes_first(ann, clock, with_policy):
    """
    Somebody who asks again and again leaves as many challenges as the policy keeps.
    """
    few, options = with_policy(challenges=2), []
    for _ in range(3):
        clock.forward(seconds=1)
        options.append(few.webauthn.session_options(7, HERE))
    refused = [is_refused(ann.prove, given_credential(ann.device.get(one))) for one in options]

    assert refused == [True, False, False]


def test_a_copied_key_is_refused_and_told(auth, ann, store, caplog):
    """
    Of two keys that are one the second to sign is refused, as an event of its own and to the operator; nothing of it is
    kept (kratos).
    """
    copy = ann.device.copied()
    ann.prove(ann.answer())
    before = ann.person.row
    options = auth.webauthn.session_options(7, HERE)

    assert is_refused(ann.prove, given_credential(copy.get(options)), error=KeyCopied)
    assert before == ann.person.row
    assert kinds(store)[-1] is EventKind.SIGN_COUNT_REGRESSED
    assert "there may be two of it" in caplog.text


def test_a_key_is_registered_to_one(auth, ann, bob):
    """
    WebAuthn Level 3, 7.1, step 26: a credential id that anybody has registered is refused, one's own too.
    """
    again = ann.created()
    elsewhere = bob.created(ann.device)

    assert is_refused(auth.webauthn.register, 7, HERE, again, None, error=AlreadyRegistered)
    assert is_refused(auth.webauthn.register, 8, bob.session, elsewhere, None, error=AlreadyRegistered)
    assert len(auth.webauthn.keys(8)) == 1


@pytest.mark.parametrize("way", ["removed", "disabled", "reset", "forgotten"])
def test_a_key_that_is_gone_can_be_registered_again(auth, store, ann, bob, way):
    """
    Removed, or gone with everything else, a key is nobody's, and another user may register it.
    """
    if way == "removed":
        (key,) = auth.webauthn.keys(7)
        ann.register(SecurityKey(ORIGIN))
        auth.webauthn.remove(7, HERE, key.id)
    if way == "disabled":
        auth.enrollment.disable(7, ann.answer(), session_id=HERE)
    if way == "reset":
        auth.users.reset(7, reason="Lost key", actor="tester")
    if way == "forgotten":
        auth.forget(7)

    assert bob.register(ann.device).key.credential_id == ann.device.credential_id


def test_a_user_has_as_many_keys_as_the_policy_allows(auth, ann, with_policy):
    """
    Ten, and the eleventh is refused before it is touched; where a policy allows fewer from now on, one that was begun
    under the old one is refused too.
    """
    ann.register(SecurityKey(ORIGIN))
    begun = ann.created(SecurityKey(ORIGIN))
    stricter = with_policy(webauthn_keys=2).webauthn

    assert is_refused(stricter.register, 7, HERE, begun, None, error=TooManyKeys)
    for _ in range(8):
        ann.register(SecurityKey(ORIGIN))
    assert is_refused(auth.webauthn.registration_options, 7, HERE, error=TooManyKeys)
    assert len(auth.webauthn.keys(7)) == 10


def test_keys_have_names(auth, ann, store):
    """
    A key is called what its owner says, or a number; renaming it is an event, and changes nothing else.
    """
    second = ann.register(SecurityKey(ORIGIN)).key
    before = ann.person.row.epoch
    renamed = auth.webauthn.rename(7, HERE, second.id, "  Red key ")

    assert second.name == "Key 2"
    assert [key.name for key in auth.webauthn.keys(7)] == ["Blue key", "Red key"]
    assert renamed == replace(second, name="Red key")
    assert ann.person.row.epoch == before
    assert kinds(store)[-1] is EventKind.KEY_RENAMED


def test_a_name_that_is_none_changes_nothing(auth, ann):
    """
    A name that cannot be shown is refused before anything, the challenge of a registration included.
    """
    (key,) = auth.webauthn.keys(7)
    created = ann.created(SecurityKey(ORIGIN))

    assert is_refused(auth.webauthn.rename, 7, HERE, key.id, "\n", error=InvalidRequest)
    assert is_refused(auth.webauthn.register, 7, HERE, created, "\n", error=InvalidRequest)
    assert auth.webauthn.register(7, HERE, created, "Red key").key.name == "Red key"


def test_a_key_is_removed(auth, ann, store):
    """
    A key that is removed signs in no more, and all sessions end (G8); the others stay.
    """
    lost, device = auth.webauthn.keys(7)[0], SecurityKey(ORIGIN)
    ann.register(device)
    before = ann.person.row.epoch
    proved = auth.webauthn.remove(7, HERE, lost.id)
    auth.sessions.paid(7, proved.debt)
    token = ann.person.begin().sign_in_token

    assert (proved.epoch, ann.person.row.epoch) == (before + 1, before + 1)
    assert proved.debt
    assert [key.credential_id for key in auth.webauthn.keys(7)] == [device.credential_id]
    assert EventKind.KEY_REMOVED in kinds(store)
    assert is_refused(auth.sign_in.finish, token, ann.sign_in_answer(token))


def test_the_last_factor_is_not_removed(auth, ann):
    """
    The last key of somebody without an app is not removed: the second factor is turned off, by a proof of it.
    """
    (key,) = auth.webauthn.keys(7)

    assert is_refused(auth.webauthn.remove, 7, HERE, key.id, error=LastFactor)
    assert auth.webauthn.keys(7) == (key,)


def test_the_last_key_goes_where_there_is_an_app(auth, person):
    """
    Whoever has an app may remove every key, and has no keys then: not even an empty list of them is kept.
    """
    person.sign_in(HERE)
    owner = Owner(person)
    key = owner.register().key
    proved = auth.webauthn.remove(7, HERE, key.id)
    auth.sessions.paid(7, proved.debt)

    assert (auth.webauthn.keys(7), person.row.webauthn_keys, person.row.enabled) == ((), None, True)
    assert is_refused(auth.webauthn.session_options, 7, HERE, error=NotEnabled)


def test_a_key_is_no_other_users(auth, ann, bob):
    """
    By the name of another user's key nothing is renamed, removed or told (OpenProject).
    """
    (key,) = auth.webauthn.keys(7)

    assert is_refused(auth.webauthn.rename, 8, bob.session, key.id, "Mine", error=NotFound)
    assert is_refused(auth.webauthn.remove, 8, bob.session, key.id, error=NotFound)
    assert auth.webauthn.keys(7) == (key,)


def test_keys_change_only_after_a_fresh_second_factor(auth, ann, clock):
    """
    G8: a session whose second factor is stale registers, renames and removes nothing; the end of a registration may
    use the freshness of its beginning.
    """
    (key,) = auth.webauthn.keys(7)
    clock.forward(seconds=299)
    begun = ann.created(SecurityKey(ORIGIN))
    clock.forward(seconds=2)

    assert is_refused(auth.webauthn.registration_options, 7, HERE, error=StepUpRequired)
    assert is_refused(auth.webauthn.rename, 7, HERE, key.id, "Mine", error=StepUpRequired)
    assert is_refused(auth.webauthn.remove, 7, HERE, key.id, error=StepUpRequired)
    assert auth.webauthn.register(7, HERE, begun, None).key.name == "Key 2"


def test_a_public_key_in_another_row_does_not_open(auth, ann, bob, store):
    """
    NIST SP 800-63B-4, 3.1.6.2: public keys are protected against modification: those that somebody copied into
    another user's row, or wrote there, open nothing (G10).
    """
    token = ann.person.begin().sign_in_token
    answer = bob.device.get(auth.webauthn.sign_in_options(token))
    store.transact(lambda tx: tx.save(replace(tx.lock(7), webauthn_keys=bob.person.row.webauthn_keys)))

    assert is_refused(auth.sign_in.finish, token, given_credential(answer), error=CannotOpen)


def test_keys_are_sealed(ann, keys):
    """
    Neither the public key nor the name of a key stands in the row as it is; both stand in what is sealed.
    """
    row = ann.person.row
    opened = WebAuthnKeys.from_bytes(keys.open_sealed(row.webauthn_keys, Purpose.WEBAUTHN_KEYS, 7))

    assert opened.keys[0].name == "Blue key"
    assert "Blue key" not in row.webauthn_keys
    assert is_refused(keys.open_sealed, row.webauthn_keys, Purpose.TOTP_SECRET, 7, error=CannotOpen)


def test_a_backup_code_regenerates_nothing(auth, ann):
    """
    A set of backup codes does not live for ever by its own last code.
    """
    code = auth.typed_backup_code(ann.backup_codes[0])

    assert is_refused(auth.backup_codes.regenerate, 7, code, error=MalformedCode)
    assert auth.backup_codes.burn(7, code) == 9


def test_an_answer_outside_of_a_session_proves_nothing(auth, ann):
    """
    Where a use case is not told for which session a key proves something, it proves nothing.
    """
    assert is_refused(auth.enrollment.disable, 7, ann.answer())
    assert is_refused(auth.backup_codes.regenerate, 7, ann.answer())
    assert ann.person.row.enabled


def test_where_no_keys_are_on_offer_there_are_none(store, clock, keys, ann):
    """
    Without ceremonies nothing of keys is found, and a key that is there signs in no more: backup codes do.
    """
    bare = TwoFactorAuth(issuer="Acme", keys=keys, store=store, clock=clock)
    pending = bare.sign_in.begin(7)

    for call, arguments in [
        (bare.webauthn.registration_options, (7, HERE)),
        (bare.webauthn.session_options, (7, HERE)),
        (bare.webauthn.sign_in_options, (pending.sign_in_token,)),
    ]:
        assert is_refused(call, *arguments, error=NotFound)
    assert pending.methods == ("backup_code",)
    assert is_refused(bare.sign_in.finish, pending.sign_in_token, ann.sign_in_answer(pending.sign_in_token))


def test_nobody_has_keys_whom_nobody_knows(auth):
    """
    For a user who does not exist every use case says so, and no challenge is kept.
    """
    for call in (auth.webauthn.registration_options, auth.webauthn.session_options):
        assert is_refused(call, 99, HERE, error=UnknownUser)
    assert is_refused(auth.webauthn.keys, 99, error=UnknownUser)


def test_aal2_needs_keys_on_offer(store, keys):
    """
    NIST SP 800-63B-4, 2.2.2: a phishing-resistant factor is on offer, or the profile is refused with what to write.
    """
    with pytest.raises(ConfigurationError, match="webauthn=RelyingParty"):
        TwoFactorAuth(issuer="Acme", keys=keys, store=store, policy=AAL2)


def test_who_has_no_name_is_called_by_the_id(auth, store):
    """
    A key needs a name to show: where the account has none it is the id.
    """
    store.add_user(8, "")

    assert auth.webauthn.registration_options(8, HERE)["user"]["name"] == "8"
