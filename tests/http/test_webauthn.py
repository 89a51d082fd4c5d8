"""WebAuthn keys over HTTP, with a security key in software."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Any

import pytest
from httpx2 import Response

from tests.http.world import ORIGIN, PREFIX, Person, World, in_process, settings_for
from twofold import PCI_DSS
from twofold.testing import SecurityKey

FINISH = "/api/auth/login/second-factor"
OPTIONS = "/webauthn/authenticate/options"


def slug(response: Response) -> str:
    return f"{response.status_code} {str(response.json().get('type', '')).rpartition(':')[2]}".strip()


def finished(person: Person, token: str, credential: dict[str, Any]) -> Response:
    """The second step of a sign-in, by a key."""
    return person.world.post(FINISH, json={"sign_in_token": token, "credential": credential})


def signed_in_by(person: Person, key: SecurityKey, **changes: Any) -> Response:
    """A whole sign-in by a key; *changes* are what it does otherwise than it should."""
    token = person.sign_in_token()
    return finished(person, token, person.touched(key, token, **changes))


def registered(person: Person, key: SecurityKey, name: str | None = None, **changes: Any) -> Response:
    """The answer to a key that is registered in this session."""
    options = person.post("/webauthn/register/options").json()
    body = {"credential": key.create(options, **changes)} | ({} if name is None else {"name": name})
    return person.post("/webauthn/register", body)


@pytest.fixture
def ann(world: World) -> Person:
    """Somebody in a session by password, without a second factor."""
    return world.signed_in()


def test_a_key_alone_signs_in(world: World, ann: Person):
    """
    Who has a key and nothing else gets backup codes with it, signs in with it, makes new codes with it, and may disable
    it, but not remove it.
    """
    key = ann.key()
    [item] = ann.get("/webauthn").json()["items"]

    answer = signed_in_by(ann, key)
    ann.token = answer.json()["access_token"]
    codes = ann.post("/backup-codes", {"credential": ann.touched(key)}).json()["backup_codes"]
    removed = world.request("DELETE", f"{PREFIX}/webauthn/{item['id']}", headers=ann.bearer)
    status = ann.get("/status").json()
    disabled = ann.post("/disable", {"credential": ann.touched(key)})

    assert len(ann.backup_codes) == len(codes) == 10
    assert not set(ann.backup_codes) & set(codes)
    assert (answer.status_code, answer.json()["aal"], answer.json()["amr"]) == (200, 2, ["pwd", "hwk", "user", "mfa"])
    assert slug(removed) == "409 last-factor"
    assert (status["enabled"], status["methods"]) == (True, ["backup_code", "webauthn"])
    assert (disabled.status_code, disabled.json()["enabled"], disabled.json()["aal"]) == (200, False, 2)
    ann.token = disabled.json()["access_token"]
    assert ann.get("/webauthn").json()["items"] == []
    assert not ann.get("/status").json()["enabled"]


def test_who_has_an_app_adds_a_key_and_goes_on(world: World):
    """
    The app stays, the backup codes stay and are not shown again; sign-in names what there is, and either proves it.
    """
    ann = world.enrolled()
    before, old = ann.row()["twofa_backup_codes"], ann.bearer

    answer = registered(ann, key := SecurityKey(ORIGIN), "Blue key")
    ann.token = answer.json()["access_token"]
    token = ann.sign_in_token()
    methods = world.post("/api/auth/login", json=ann.password).json()["methods"]

    assert (answer.status_code, answer.json()["backup_codes"], answer.json()["key"]["name"]) == (201, None, "Blue key")
    assert ann.row()["twofa_backup_codes"] == before
    assert methods == ["totp", "backup_code", "webauthn"]
    assert slug(world.get(f"{PREFIX}/status", headers=old)) == "401 not-signed-in"
    assert finished(ann, token, ann.touched(key, token)).status_code == 200
    assert world.post(FINISH, json={"sign_in_token": ann.sign_in_token(), "code": ann.next_code()}).status_code == 200


def test_several_keys_are_named_renamed_and_removed(world: World, ann: Person):
    """
    Each key has its own name and moments; removing one ends all sessions, and another still signs in.
    """
    first, second = ann.key(), ann.key()
    items = ann.get("/webauthn").json()["items"]
    path = f"{PREFIX}/webauthn/{items[0]['id']}"

    renamed = world.request("PATCH", path, json={"name": "  At home  "}, headers=ann.bearer)
    removed = world.request("DELETE", path, headers=ann.bearer)
    old, ann.token = ann.bearer, removed.json()["access_token"]

    assert [item["name"] for item in items] == ["Key 1", "Key 2"]
    assert (renamed.status_code, renamed.json()["name"]) == (200, "At home")
    assert (removed.status_code, removed.json()["enabled"], removed.json()["aal"]) == (200, True, 2)
    assert slug(world.get(f"{PREFIX}/status", headers=old)) == "401 not-signed-in"
    assert [item["name"] for item in ann.get("/webauthn").json()["items"]] == ["Key 2"]
    assert slug(signed_in_by(ann, first)) == "400 invalid-code"
    assert signed_in_by(ann, second).status_code == 200
    assert [event.kind.value for event in world.events if event.kind.value.startswith("key_")] == [
        "key_renamed",
        "key_removed",
    ]


def test_anothers_key_is_not_there(world: World, ann: Person):
    """
    Another user's key is neither renamed nor removed, and nothing tells that there is one.
    """
    ann.key()
    [item] = ann.get("/webauthn").json()["items"]
    bob = world.signed_in()
    bob.key()

    answers = [
        world.request(method, f"{PREFIX}/webauthn/{item['id']}", headers=bob.bearer, **body)
        for method, body in (("PATCH", {"json": {"name": "mine"}}), ("DELETE", {}))
    ]

    assert [slug(answer) for answer in answers] == ["404 not-found"] * 2
    assert len(ann.get("/webauthn").json()["items"]) == 1


@pytest.mark.parametrize("name", ["", "   ", "x" * 65, "a\nb", "\u202e", 7, None, ["Key"]])
def test_what_is_no_name(world: World, ann: Person, name: Any):
    """
    A name is 1 to 64 characters that can be shown; anything else is told, and changes nothing.
    """
    ann.key()
    [item] = ann.get("/webauthn").json()["items"]

    answer = world.request("PATCH", f"{PREFIX}/webauthn/{item['id']}", json={"name": name}, headers=ann.bearer)

    assert slug(answer) == "422 invalid-request"
    assert ann.get("/webauthn").json()["items"] == [item]


def test_step_up_by_a_key(world: World, ann: Person):
    """
    A session that has grown old proves a key: the same session is fresh again, and says by what.
    """
    key = ann.key()
    world.clock.forward(minutes=6)
    asked = world.request("POST", f"{PREFIX}/webauthn/register/options", json={}, headers=ann.bearer)

    stepped = ann.post("/step-up", {"credential": ann.touched(key)})

    assert slug(asked) == "401 step-up-required"
    assert asked.json()["methods"] == ["backup_code", "webauthn"]
    assert (stepped.status_code, stepped.json()["aal"], stepped.json()["amr"]) == (
        200,
        2,
        ["pwd", "hwk", "user", "mfa"],
    )
    assert ann.post("/webauthn/register/options").status_code == 200


@pytest.mark.parametrize(
    ("kind", "amr"),
    [
        ({"user_verified": False}, ["pwd", "hwk", "user", "mfa"]),
        ({"backup_eligible": True}, ["pwd", "swk", "user", "mfa"]),
        ({"counts": False}, ["pwd", "hwk", "user", "mfa"]),
    ],
)
def test_kinds_of_keys(ann: Person, kind: dict[str, bool], amr: list[str]):
    """
    A key that verifies nobody is one factor beside the password, and no more; one that may be copied is software's; one
    without a counter works again and again.
    """
    key = ann.key(**kind)

    answers = [signed_in_by(ann, key) for _ in range(2)]

    assert [(answer.status_code, answer.json()["amr"]) for answer in answers] == [(200, amr)] * 2


def test_a_copied_key_is_refused_recorded_and_told(world: World, ann: Person, caplog: pytest.LogCaptureFixture):
    """
    WebAuthn Level 3, 7.2, step 22: a signature counter that does not grow is a copy's, or the copy has been used: the
    answer is refused, an event says so, and the operator is told.
    """
    key = ann.key()
    copy = key.copied()
    assert signed_in_by(ann, key).status_code == 200

    answer = signed_in_by(ann, copy)

    assert slug(answer) == "400 invalid-code"
    assert "copy" in answer.json()["detail"]
    assert [event.kind.value for event in world.events if event.outcome == "invalid-code"] == ["sign_count_regressed"]
    assert "signature counter" in caplog.text
    assert signed_in_by(ann, key).status_code == 200


# What is wrong, and what is then done with the key's answer; each is one step of WebAuthn Level 3, 7.2.
def flipped(name: str, place: int) -> Callable[[dict[str, Any]], None]:
    """One bit of a part of the answer, counted from its beginning or its end, is another."""

    def change(credential: dict[str, Any]) -> None:
        text = credential["response"][name]
        data = bytearray(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        data[place] ^= 1
        credential["response"][name] = urlsafe_b64encode(data).rstrip(b"=").decode()

    return change


WRONG: dict[str, dict[str, Any]] = {
    "another origin": {"origin": "https://accounts.example.com.evil.example"},
    "http": {"origin": ORIGIN.replace("https", "http")},
    "a port": {"origin": f"{ORIGIN}:8443"},
    "a trailing dot": {"origin": f"{ORIGIN}."},
    "in a frame of another site": {"crossOrigin": True},
    "in a frame, by another spelling": {"crossOrigin": 1},
    "a page on top": {"topOrigin": "https://evil.example"},
    "a page on top that is the same": {"topOrigin": ORIGIN},
    "another relying party": {"rp_id": "evil.example"},
    "a parent domain": {"rp_id": "example.com"},
    "nobody touched it": {"flags": 4},
    "backed up, and cannot be": {"flags": 5 + 16},
    "may be backed up, and could not": {"flags": 5 + 8},
    "a registration": {"type": "webauthn.create"},
}


@pytest.mark.parametrize("changes", WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_refused(world: World, ann: Person, changes: dict[str, Any]):
    """
    An answer of the right key in which one thing is wrong is refused as an unknown key is; the sign-in goes on.
    """
    key = ann.key()
    token = ann.sign_in_token()

    wrong = finished(ann, token, ann.touched(key, token, **changes))
    stranger = finished(ann, token, ann.touched(SecurityKey(ORIGIN), token))

    assert slug(wrong) == "400 invalid-code"
    assert wrong.json() == stranger.json()
    assert finished(ann, token, ann.touched(key, token)).status_code == 200


@pytest.mark.parametrize("place", [0, 32, 33, 36, -1])
def test_authenticator_data_with_one_bit_flipped(ann: Person, place: int):
    """
    What the key has signed cannot be changed: the hash of the relying party, the flags, the counter.
    """
    key = ann.key()
    token = ann.sign_in_token()
    credential = ann.touched(key, token)

    flipped("authenticatorData", place)(credential)

    assert slug(finished(ann, token, credential)) == "400 invalid-code"


@pytest.mark.parametrize("place", [0, 10, -1])
def test_a_signature_with_one_bit_flipped(ann: Person, place: int):
    """
    A signature that is another is no signature, whether or not it can still be read.
    """
    key = ann.key()
    token = ann.sign_in_token()
    credential = ann.touched(key, token)

    flipped("signature", place)(credential)

    assert slug(finished(ann, token, credential)) == "400 invalid-code"


def test_client_data_that_says_more_than_was_signed(ann: Person):
    """
    The client data are signed as they stand, spaces and all.
    """
    key = ann.key()
    token = ann.sign_in_token()
    credential = ann.touched(key, token)
    text = credential["response"]["clientDataJSON"]
    data = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    credential["response"]["clientDataJSON"] = urlsafe_b64encode(json.dumps(data).encode()).rstrip(b"=").decode()

    assert slug(finished(ann, token, credential)) == "400 invalid-code"


def test_an_answer_works_once(world: World, ann: Person):
    """
    An answer that was accepted is not accepted again, at any door; nor is one that was refused.
    """
    key = ann.key(counts=False)
    token, other = ann.sign_in_token(), ann.sign_in_token()
    credential = ann.touched(key, token)
    refused = ann.touched(key, other)
    wrong = json.loads(json.dumps(refused))
    flipped("signature", -1)(wrong)

    assert finished(ann, token, credential).status_code == 200
    assert slug(finished(ann, other, credential)) == "400 invalid-code"
    assert slug(ann.post("/step-up", {"credential": credential})) == "400 invalid-code"
    assert slug(finished(ann, other, wrong)) == "400 invalid-code"
    assert slug(finished(ann, other, refused)) == "400 invalid-code"


def test_a_stale_challenge(world: World, ann: Person):
    """
    A challenge lives for five minutes.
    """
    key = ann.key()
    options = ann.post(OPTIONS).json()
    world.clock.forward(minutes=5, seconds=31)

    assert slug(ann.post("/step-up", {"credential": key.get(options)})) == "400 invalid-code"


def test_a_challenge_is_for_one_thing(world: World, ann: Person):
    """
    A challenge is for what it was asked for: registering, one pending sign-in, one session; and none is of one's own.
    """
    key = ann.key()
    token, other = ann.sign_in_token(), ann.sign_in_token()
    registering = ann.post("/webauthn/register/options").json() | {"rpId": "accounts.example.com"}
    session = Person(world, ann.email)
    session.id, session.token = ann.id, ann.session()
    own = {"challenge": urlsafe_b64encode(b"x" * 32).rstrip(b"=").decode(), "rpId": "accounts.example.com"}

    answers = [
        finished(ann, token, key.get(registering)),
        finished(ann, token, ann.touched(key, other)),
        finished(ann, token, ann.touched(key)),
        ann.post("/step-up", {"credential": ann.touched(key, token)}),
        session.post("/step-up", {"credential": ann.touched(key)}),
        finished(ann, token, key.get(own)),
    ]

    assert [slug(answer) for answer in answers] == ["400 invalid-code"] * 6


def test_a_challenge_dies_with_a_change(world: World):
    """
    What was asked for before the factors changed is worthless afterwards.
    """
    ann = world.enrolled()
    first = SecurityKey(ORIGIN)
    options = ann.post("/webauthn/register/options").json()
    ann.key()

    late = ann.post("/webauthn/register", {"credential": first.create(options)})

    assert slug(late) == "400 invalid-code"


def test_a_foreign_users_key(world: World, ann: Person):
    """
    A key of another user's proves nothing, whatever it says of whose it is.
    """
    ann.key()
    bob = world.signed_in()
    key = bob.key()
    token = ann.sign_in_token()

    honest, silent = (ann.touched(key, token) for _ in range(2))
    del silent["response"]["userHandle"]

    assert [slug(finished(ann, token, each)) for each in (honest, silent)] == ["400 invalid-code"] * 2
    assert signed_in_by(bob, key).status_code == 200


def test_a_key_that_is_registered_to_somebody(world: World, ann: Person):
    """
    A credential id is registered once, whoever has it; after it was removed it may be again.
    """
    key = ann.key()
    bob = world.signed_in()

    again, others = registered(ann, key), registered(bob, copy := key.copied())
    ann.token = ann.post("/disable", {"credential": ann.touched(key)}).json()["access_token"]

    assert [slug(again), slug(others)] == ["409 already-registered"] * 2
    assert not bob.get("/status").json()["enabled"]
    assert registered(bob, copy).status_code == 201


REGISTRATIONS: dict[str, dict[str, Any]] = {
    name: WRONG[name] for name in WRONG if name not in {"a registration", "may be backed up, and could not"}
} | {"an answer": {"type": "webauthn.get"}}


@pytest.mark.parametrize("changes", REGISTRATIONS.values(), ids=REGISTRATIONS)
def test_what_is_wrong_is_not_registered(world: World, ann: Person, changes: dict[str, Any]):
    """
    A new key in whose answer one thing is wrong is not registered, and nothing changes.
    """
    answer = registered(ann, SecurityKey(ORIGIN), **changes)

    assert slug(answer) == "400 invalid-code"
    assert ann.get("/webauthn").json()["items"] == []
    assert not ann.get("/status").json()["enabled"]


def test_ids_are_at_most_1023_bytes_long(ann: Person):
    """
    WebAuthn Level 3, 7.1, step 25: the longest id is taken, and one that is longer is not.
    """
    longest, longer = (SecurityKey(ORIGIN, credential_id=b"x" * length) for length in (1023, 1024))

    answers = [registered(ann, longer), registered(ann, longest)]
    ann.token = answers[1].json()["access_token"]

    assert [answer.status_code for answer in answers] == [422, 201]
    assert signed_in_by(ann, longest).status_code == 200


def test_keys_stay_usable_while_codes_wait(world: World):
    """
    G4: a wait holds typed codes back, and no key: its owner gets in.
    """
    ann = world.enrolled()
    key = ann.key()
    for _ in range(5):
        ann.post("/step-up", {"code": ann.wrong_code()})
    token = ann.sign_in_token()

    locked = ann.post("/step-up", {"code": ann.wrong_code()})

    assert slug(locked) == "429 locked"
    assert locked.json()["methods"] == ["backup_code", "webauthn"]
    assert finished(ann, token, ann.touched(key, token)).status_code == 200


def test_no_more_keys_than_ten(ann: Person):
    """
    The eleventh key is refused before anybody touches it.
    """
    for _ in range(10):
        ann.key()

    assert slug(ann.post("/webauthn/register/options")) == "409 too-many-keys"


def test_the_options_name_nobody(ann: Person):
    """
    The user handle is 64 bytes of nothing, the same for all keys of a user; the keys that are there are excluded.
    """
    first = ann.post("/webauthn/register/options").json()
    ann.key()
    second, third = (ann.post("/webauthn/register/options").json() for _ in range(2))

    handles = [urlsafe_b64decode(each["user"]["id"] + "==") for each in (first, second, third)]
    assert [len(handle) for handle in handles] == [64] * 3
    assert handles[0] != handles[1] == handles[2]
    assert (len(first["excludeCredentials"]), len(second["excludeCredentials"])) == (0, 1)
    assert len({each["challenge"] for each in (first, second, third)}) == 3


def test_options_for_nobody(world: World):
    """
    Who has no session and no living sign-in is told so; who has no key, that there is none.
    """
    ann = world.enrolled()

    answers = [
        world.post(PREFIX + OPTIONS, json={}),
        world.post(PREFIX + OPTIONS, json={"sign_in_token": "unknown"}),
        ann.post(OPTIONS, {"sign_in_token": 7}),
        ann.post(OPTIONS),
        world.post(PREFIX + OPTIONS, json={"sign_in_token": ann.sign_in_token()}),
    ]

    assert [slug(answer) for answer in answers] == [
        "401 not-signed-in",
        "401 sign-in-token-dead",
        "422 invalid-request",
        "409 not-enabled",
        "409 not-enabled",
    ]


@pytest.mark.parametrize(
    "credential",
    [
        None,
        [],
        "x",
        {},
        {"id": "x"},
        {"id": "AA", "rawId": "AQ", "type": "public-key", "response": {}},
        {"id": "AA", "rawId": "AA", "type": "public-key", "response": {"clientDataJSON": "e30"}},
        {"id": "A A", "rawId": "A A", "type": "public-key", "response": {"clientDataJSON": "e30"}},
        {"id": 7, "rawId": 7, "type": "public-key", "response": {"clientDataJSON": 7}},
        {"id": "AA", "rawId": "AA", "type": "public-key", "response": {"clientDataJSON": "W10"}},
    ],
)
def test_what_is_no_credential(ann: Person, credential: Any):
    """
    What cannot be an answer of a key is malformed, on every road, and leaves a pending sign-in alone.
    """
    ann.key()
    token = ann.sign_in_token()

    answers = [
        finished(ann, token, credential),
        ann.post("/step-up", {"credential": credential}),
        ann.post("/disable", {"credential": credential}),
        ann.post("/backup-codes", {"credential": credential}),
        ann.post("/webauthn/register", {"credential": credential}),
    ]

    assert [slug(answer) for answer in answers] == ["422 invalid-request"] * 5


def test_one_proof_at_a_time(ann: Person):
    """
    A credential beside a code, or beside the header, is two proofs; on `/backup-codes` a backup code is none.
    """
    key = ann.key()

    answers = [
        ann.post("/step-up", {"credential": ann.touched(key), "code": "123456"}),
        ann.post("/step-up", {"credential": ann.touched(key)}, code="123456"),
        ann.post("/backup-codes", {"backup_code": ann.backup_codes[0]}),
    ]

    assert [slug(answer) for answer in answers] == ["422 invalid-request"] * 3


def test_a_key_put_into_another_row_is_none(world: World, ann: Person):
    """
    NIST SP 800-63B-4, 3.1.6.2: whoever can write into the table, and puts keys of an own account into somebody else's
    row, gets in with none of them; an event says that a value does not open.
    """
    ann.key()
    eve = world.signed_in()
    key = eve.key()
    token = ann.sign_in_token()
    ann.set(twofa_webauthn_keys=eve.row()["twofa_webauthn_keys"])

    options = ann.post(OPTIONS, {"sign_in_token": token})
    nobodys = {"challenge": "AA", "rpId": "accounts.example.com"}
    answer = finished(ann, token, key.get(nobodys))

    assert [slug(options), slug(answer)] == ["503 unavailable"] * 2
    assert "value_unreadable" in [event.kind.value for event in world.events if event.user_id == ann.id]


def test_who_has_no_key_is_counted_where_all_is(fresh_place: Any, key: str):
    """
    `PCI_DSS` counts failures of keys, also of somebody who has none: after ten nothing is looked at, and nothing tells
    that there are none.
    """
    place = fresh_place("sqlite")
    with in_process(place, settings_for(place, key, policy=PCI_DSS)) as strict:
        strict.begin()
        ann = strict.enrolled()
        token, stranger = ann.sign_in_token(), SecurityKey(ORIGIN, user_handle=bytes(64))
        nobodys = {"challenge": "AAAA", "rpId": "accounts.example.com"}

        answers = [slug(finished(ann, token, stranger.get(nobodys))) for _ in range(11)]

    assert answers == ["400 invalid-code"] * 10 + ["429 locked"]


def test_a_stranger_with_the_password_takes_no_challenge_away(world: World, ann: Person):
    """
    Options that somebody asks for without end, in a sign-in of his own, leave the challenges of sessions and of other
    sign-ins alone; of his own the last five live.
    """
    key = ann.key()
    mine, his = ann.sign_in_token(), ann.sign_in_token()
    asked = ann.post(OPTIONS).json()
    other = ann.post(OPTIONS, {"sign_in_token": mine}).json()

    his_own = []
    for _ in range(60):
        world.clock.forward(seconds=1)
        his_own.append(ann.post(OPTIONS, {"sign_in_token": his}).json())

    assert len(ann.kept()["twofold_challenges"]) == 2 + 5
    assert ann.post("/step-up", {"credential": key.get(asked)}).status_code == 200
    assert finished(ann, mine, key.get(other)).status_code == 200
    assert slug(finished(ann, his, key.get(his_own[0]))) == "400 invalid-code"
    assert finished(ann, his, key.get(his_own[-1])).status_code == 200
