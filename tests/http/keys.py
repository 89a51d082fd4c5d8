"""Keys that are registered past everything, for requests that need one to be there."""

from tests.http.world import ORIGIN, PREFIX, Person
from twofold.core.sealing import Purpose
from twofold.core.webauthn import WebAuthnKey, WebAuthnKeys
from twofold.testing import SecurityKey
from twofold.testing.clock import NOON


def put_key(person: Person, key_id: str = "1") -> SecurityKey:
    """Give somebody who is enrolled a key of this name in paths; sessions stay as they are."""
    key = SecurityKey(ORIGIN, user_handle=bytes(64))
    kept = WebAuthnKey(key_id, "Key 1", key.credential_id, key.cose_key, 0, False, False, False, ("usb",), NOON)
    keys = WebAuthnKeys(key.user_handle, (kept,)).to_bytes()
    person.set(twofa_webauthn_keys=person.world.auth.keys.seal(keys, Purpose.WEBAUTHN_KEYS, person.id))
    return key


def new_key(person: Person) -> dict[str, object]:
    """The body that registers a new key in this session, in answer to options of a moment ago."""
    options = person.world.post(f"{PREFIX}/webauthn/register/options", json={}, headers=person.bearer).json()
    return {"credential": SecurityKey(ORIGIN).create(options)}
