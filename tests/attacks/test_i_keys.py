"""I: keys, and what was forgotten in their ceremonies."""

from tests.attacks.acts import events_of, finish, told
from tests.http.world import ORIGIN, World
from twofold.core.assurance import second_factor_assurance
from twofold.core.factors import Authenticator, aal_of
from twofold.testing import SecurityKey
from twofold.testing.clock import NOON


def test_i3_an_answer_is_used_once_and_a_counter_only_grows(world: World):
    """
    The answer of a key without a counter is refused when it comes again; so is one whose counter went back, of which an
    event tells.
    """
    ann = world.signed_in()
    uncounted, counted = ann.key(counts=False), ann.key()
    copy = counted.copied()
    tokens = [ann.sign_in_token() for _ in range(4)]
    once = ann.touched(uncounted, tokens[0])

    answers = [finish(ann, tokens[0], credential=once), finish(ann, tokens[1], credential=once)]
    answers.append(finish(ann, tokens[2], credential=ann.touched(counted, tokens[2])))
    answers.append(finish(ann, tokens[3], credential=ann.touched(copy, tokens[3])))

    assert [told(answer) for answer in answers] == ["success", "invalid-code", "success", "invalid-code"]
    assert ("sign_count_regressed", "invalid-code") in events_of(ann)


def test_i5_somebody_has_to_be_there(world: World):
    """
    An answer that nobody touched the key for is refused, and so is a registration.
    """
    ann = world.signed_in()
    key, token = ann.key(), ann.sign_in_token()
    verified_and_absent = 4
    options = ann.post("/webauthn/register/options").json()
    absent = SecurityKey(ORIGIN).create(options, flags=verified_and_absent)

    answers = [finish(ann, token, credential=ann.touched(key, token, flags=verified_and_absent))]
    answers.append(ann.post("/webauthn/register", {"credential": absent}))

    assert [told(answer) for answer in answers] == ["invalid-code"] * 2


def test_i7_a_forged_answer_is_none(world: World):
    """
    A signature with another byte, and the signature of one key under the id of another, are refused alike.
    """
    ann = world.signed_in()
    key, other = ann.key(), ann.key()
    token = ann.sign_in_token()
    forged, swapped = ann.touched(key, token), ann.touched(key, token)
    signature = forged["response"]["signature"]
    forged["response"]["signature"] = signature[:-4] + ("AAAA" if signature[-4:] != "AAAA" else "BBBB")
    swapped["id"] = swapped["rawId"] = ann.touched(other, token)["id"]

    answers = [finish(ann, token, credential=each) for each in (forged, swapped)]

    assert [told(answer) for answer in answers] == ["invalid-code"] * 2
    assert answers[0].json() == answers[1].json()


def test_i10_a_key_that_verifies_its_user_is_two_factors(world: World):
    """
    By the arithmetic of NIST SP 800-63B-4, 2.2.1, a key that verified its user is two factors alone, and one that did
    not is one; beside a password either makes AAL2.
    """
    verified = (Authenticator.VERIFIED_HARDWARE_KEY, Authenticator.VERIFIED_SOFTWARE_KEY)
    touched = (Authenticator.HARDWARE_KEY, Authenticator.SOFTWARE_KEY)
    ann = world.signed_in()
    key, token = ann.key(backup_eligible=True), ann.sign_in_token()

    answer = finish(ann, token, credential=ann.touched(key, token)).json()

    assert [aal_of(each) for each in verified] == [2, 2]
    assert [aal_of(each) for each in touched] == [1, 1]
    assert {second_factor_assurance(each, NOON).aal for each in verified + touched} == {2}
    assert (answer["aal"], answer["amr"]) == (2, ["pwd", "swk", "user", "mfa"])
