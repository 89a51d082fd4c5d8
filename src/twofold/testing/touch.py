"""
A security key in software for the shell, in place of browser and key: for trying out requests, and for tests.

`python -m twofold.testing.touch FILE create|get [ORIGIN]` reads options from its input and prints a credential. The
key is kept in FILE as it is, so let it open nothing that matters.
"""

import json
import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from twofold.testing.security_key import SecurityKey


def _kept(key: SecurityKey) -> str:
    pem = key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    names = (key.sign_count, key.credential_id.hex(), key.user_handle.hex(), pem.decode())
    return json.dumps(dict(zip(("sign_count", "credential_id", "user_handle", "private"), names, strict=True)))


def _key_in(text: str, origin: str) -> SecurityKey:
    kept = json.loads(text)
    private = load_pem_private_key(kept["private"].encode(), None)
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise TypeError
    ids = (bytes.fromhex(kept["credential_id"]), bytes.fromhex(kept["user_handle"]))
    return SecurityKey(origin, True, False, True, kept["sign_count"], *ids, private)  # noqa: FBT003 - a whole key


def main(file: str, ceremony: str, origin: str = "http://localhost:8000") -> None:
    """Answer the options on the standard input with the key that is kept in *file*; a new one registers."""
    path, options = Path(file), json.load(sys.stdin)
    key = _key_in(path.read_text(), origin) if ceremony == "get" else SecurityKey(origin)
    answer = key.get(options) if ceremony == "get" else key.create(options)
    path.touch(mode=0o600)
    path.write_text(_kept(key))
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
