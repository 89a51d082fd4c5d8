"""Keys in a real browser: registered, used to sign in and to confirm, copied, without a PIN, removed elsewhere."""

from collections.abc import Callable

from tests.browser.keys import Key
from tests.browser.past_the_page import REFUSED, events_of, options_for, sent, told
from tests.browser.visitor import Visitor
from tests.http.world import World

TWO_FACTORS = "This session has proved two factors (pwd, hwk, user, mfa)."
TRY_ANOTHER = "Plug in a key that is registered to it and try again, or use a code."


def signed_out(visitor: Visitor) -> None:
    visitor.click("Sign out")
    assert visitor.title == "Sign in"


def test_two_keys(ann: Visitor, origin: str):
    """
    Two keys are registered, the backup codes are shown with the first, and each of the two signs in; the page asks
    nobody but its own server.
    """
    blue, red = Key(), Key()

    ann.sign_in()
    before = ann.proved
    ann.register(blue, "Blue key")
    codes = ann.backup_codes
    ann.register(red, "Red key")
    seen = []
    for key in (blue, red):
        signed_out(ann)
        ann.sign_in_with(key)
        seen.append((ann.title, ann.proved, ann.keys))

    assert before == "This session has proved one factor (pwd)."
    assert len(set(codes)) == 10
    assert seen == [(f"Signed in as {ann.person.email}", TWO_FACTORS, ["Blue key", "Red key"])] * 2
    assert events_of(ann.person)[-1] == ("signed_in", "success", "webauthn")
    assert ann.faults == []
    assert {address for address in ann.asked if not address.startswith(f"{origin}/")} <= {"data:,"}


def test_a_foreign_script(ann: Visitor):
    """
    The page runs its own script, and none that somebody has put into it.
    """
    ran = ann.page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "window.ran = true";
            document.body.append(script);
            return window.ran ?? false;
        }"""
    )

    assert ran is False


def test_a_wrong_password(ann: Visitor):
    """
    Who mistypes the password, or chooses one that is too short, is told what to do.
    """
    ann.write("E-mail address", ann.person.email)
    ann.write("Password", "short")
    told = []
    for button in ("Sign in", "Create an account"):
        ann.click(button)
        told.append(ann.warned)

    assert told == [
        "That address and password do not go together. Look at both and try again.",
        "Choose a password of at least 8 characters.",
    ]
    assert ann.title == "Sign in"


def test_the_same_key_again(ann: Visitor):
    """
    A key that is registered is not registered again, and the page says to take another one.
    """
    key = Key()
    ann.sign_in()
    ann.register(key, "Blue key")

    ann.register(key, "Once more")

    assert ann.warned == "This key is registered already. Use another one."
    assert ann.keys == ["Blue key"]


def test_step_up(ann: Visitor, world: World):
    """
    Where the second factor is no longer fresh, the page asks for the key, and then does what it was told to do.
    """
    key = Key()
    ann.sign_in()
    ann.register(key, "Blue key")
    world.clock.forward(minutes=30)

    ann.write("Name of Blue key", "Old key")
    ann.click("Rename Blue key")
    asked = (ann.title, ann.warned)
    with ann.with_key(key):
        ann.click("Use your key")

    assert asked == ("Confirm that it is you", "Confirm with your second factor to go on.")
    assert (ann.told, ann.keys) == ("The key is called Old key now.", ["Old key"])
    assert [kind for kind, _, _ in events_of(ann.person)[-2:]] == ["stepped_up", "key_renamed"]


def test_new_backup_codes_and_turning_it_off(ann: Visitor):
    """
    A key makes new backup codes, and turns two-factor authentication off.
    """
    key = Key()
    ann.sign_in()
    ann.register(key, "Blue key")
    first = ann.backup_codes

    with ann.with_key(key):
        ann.click("Make new backup codes")
        second = ann.backup_codes
        ann.click("Turn two-factor authentication off")

    assert len(set(first) | set(second)) == 20
    assert (ann.told, ann.keys) == ("Two-factor authentication is off.", [])


def test_a_copied_key(ann: Visitor):
    """
    A copy of a key is refused once the key itself was used after the copying; that is recorded, and the page says what
    it means and what to do.
    """
    key = Key()
    ann.sign_in()
    ann.register(key, "Blue key")
    copy = key.copied()
    signed_out(ann)
    ann.sign_in_with(key)
    signed_out(ann)

    ann.sign_in_with(copy)

    assert [credential["signCount"] for credential in (*key.credentials, *copy.credentials)] == [2, 2]
    assert ann.title == "Confirm that it is you"
    assert ann.warned.startswith("That key was not accepted: its counter went back, so that there may be a copy of it.")
    assert "remove the key" in ann.warned
    assert events_of(ann.person)[-1] == ("sign_count_regressed", "invalid-code", "webauthn")


def test_a_key_that_verifies_nobody(ann: Visitor):
    """
    A key that only feels a touch is registered and signs in: it is the second factor beside the password, and what the
    session has proved is told as such (RFC 8176: `hwk`, `user`).
    """
    key = Key(verifies=False)
    ann.sign_in()
    ann.register(key, "Plain key")
    signed_out(ann)

    ann.sign_in_with(key)

    assert (ann.warned, ann.proved, ann.keys) == ("", TWO_FACTORS, ["Plain key"])


def test_a_wrong_pin(ann: Visitor):
    """
    Who fails at the key's own PIN is told by the page what to do, in registering and in signing in; the server hears
    nothing, and counts nothing.
    """
    key = Key()
    ann.sign_in()
    with ann.with_key(key, right_pin=False):
        ann.click("Register a key")
    not_registered = (ann.warned, ann.keys)
    ann.register(key, "Blue key")
    signed_out(ann)
    ann.sign_in()
    before = events_of(ann.person)

    with ann.with_key(key, right_pin=False):
        ann.click("Use your key")
    refused, heard = ann.warned, events_of(ann.person)
    with ann.with_key(key):
        ann.click("Use your key")

    assert not_registered == (
        "No key answered: it was cancelled, or took too long. Plug a key in and try again.",
        [],
    )
    assert refused.endswith(TRY_ANOTHER)
    assert heard == before
    assert ann.proved == TWO_FACTORS


def test_a_backup_code_without_the_key(ann: Visitor):
    """
    Whose key is not at hand signs in with a backup code.
    """
    ann.sign_in()
    ann.register(Key(), "Blue key")
    code = ann.backup_codes[0]
    signed_out(ann)

    ann.sign_in()
    ann.write("Without a key: a code from your app, or a backup code", code)
    ann.click("Use the code")

    assert ann.title == f"Signed in as {ann.person.email}"


def test_a_key_that_was_removed_elsewhere(ann: Visitor, at_computer: Callable[..., Visitor]):
    """
    A key that was removed in another session signs in no more: not in a sign-in that had begun before, nor in a new
    one; each time the page says what to do, and the key that is left signs in.
    """
    lost, left = Key(), Key()
    ann.sign_in()
    ann.register(lost, "Lost key")
    ann.register(left, "Key at home")
    elsewhere = at_computer(ann.person)
    elsewhere.sign_in()

    ann.click("Remove Lost key")
    with elsewhere.with_key(lost):
        elsewhere.click("Use your key")
        begun_before = (elsewhere.title, elsewhere.warned)
        elsewhere.sign_in()
        elsewhere.click("Use your key")
        begun_after = (elsewhere.title, elsewhere.warned)
    with elsewhere.with_key(left):
        elsewhere.click("Use your key")

    assert ann.keys == ["Key at home"]
    assert begun_before == ("Sign in", "This sign-in has ended. Start again with your password.")
    assert begun_after[0] == "Confirm that it is you"
    assert begun_after[1].endswith(TRY_ANOTHER)
    assert elsewhere.title == f"Signed in as {ann.person.email}"


def test_a_removed_key_that_is_asked_nevertheless(ann: Visitor):
    """
    A page that asks a removed key all the same gets an answer of it, which the server refuses, saying what to do.
    """
    lost = Key()
    ann.sign_in()
    ann.register(lost, "Lost key")
    ann.register(Key(), "Key at home")
    token = ann.person.sign_in_token()
    asked = options_for(ann.person, "get", token)["allowCredentials"]
    ann.click("Remove Lost key")
    token = ann.person.sign_in_token()
    options = options_for(ann.person, "get", token)

    with ann.with_key(lost):
        answer = ann.answer_of("get", options | {"allowCredentials": asked})
    refused = sent(ann.person, "get", answer, token)

    assert answer["id"] in {each["id"] for each in asked}
    assert answer["id"] not in {each["id"] for each in options["allowCredentials"]}
    assert told(refused) == REFUSED
    assert events_of(ann.person)[-1] == ("code_refused", "invalid-code", "webauthn")
