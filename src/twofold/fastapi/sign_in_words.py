"""What paths and fields are called where people sign in; and nothing is known of them but their names."""

import re
from itertools import pairwise

SIGN_INS = {"token", "tokens", "login", "signin", "logon", "authenticate", "auth", "session", "sessions"}
"""How the paths end on which people sign in."""

WITHIN = {"login", "signin", "logon", "authenticate"}
"""What says so anywhere in a path."""

AREAS = {"auth", "oauth", "oauth2", "sso", "session", "sessions"}
"""What says that something of the kind is near: signing in, or registering, or who is there."""

RETURNS = {"callback", "acs"}
"""Where the browser comes back to from somebody else's sign-in."""

OTHERS = {"register", "registration", "signup", "reset", "forgot", "forgotten", "change"} | {
    *("logout", "logoff", "signout", "revoke")
}
"""What is done beside signing in, with a password or without."""

PASSWORDS = {"pass", "pin", "pwd", "passwd", "passcode", "passphrase"}
CREDENTIALS = {
    "token",
    "code",
    "key",
    "otp",
    "ticket",
    "assertion",
    "credential",
    "secret",
    "signature",
    "authorization",
}
"""What somebody shows instead of a password."""


def is_sign_in(path: str) -> bool:
    """Whether people sign in on such a path."""
    if _ends_on(path, SIGN_INS):
        return True
    segments = [words_of(segment) for segment in _segments(path)]
    # One may say both: login-or-register.
    return any(words & WITHIN for words in segments) and not any(
        words & OTHERS and not words & WITHIN for words in segments
    )


def is_near_a_sign_in(path: str) -> bool:
    """Whether people may sign in on such a path, for all that it says."""
    segments = _segments(path)
    other = any(words_of(segment) & OTHERS for segment in segments)
    return is_sign_in(path) or is_return(path) or (not other and any(plain(segment) in AREAS for segment in segments))


def is_return(path: str) -> bool:
    """Whether the browser comes back to such a path from somebody else's sign-in."""
    return any(words_of(segment) & RETURNS for segment in _segments(path))


def is_password(name: str) -> bool:
    """Whether a field of such a name is a password."""
    return "password" in plain(name) or bool(words_of(name) & PASSWORDS)


def is_credential(name: str) -> bool:
    """Whether a field of such a name opens something, and does not only name it."""
    words = words_of(name)
    return is_password(name) or (bool(words & CREDENTIALS) and "id" not in words)


def last_word(path: str) -> str:
    """The end of a path, without parameters."""
    return next((word for word in reversed(_segments(path))), "")


def plain(name: str) -> str:
    """A name without what separates its words: `accessToken`, `access_token` and `access-token` are one."""
    return re.sub(r"[^a-z]", "", name.lower())


def words_of(name: str) -> set[str]:
    """The words of a name, however they are separated; two in a row are one, too: `sign-in`."""
    words = [word.lower() for word in re.findall(r"[A-Z]*[a-z]+|[A-Z]+", name)]
    return {*words, *(one + other for one, other in pairwise(words))}


def _ends_on(path: str, words: set[str]) -> bool:
    return plain(last_word(path)) in words


def _segments(path: str) -> list[str]:
    return [segment for segment in path.split("/") if segment and "{" not in segment]
