"""The host's sessions: the two things that a host writes down, and how they are called."""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Generic, Protocol, cast, get_args, get_origin, get_type_hints

from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, create_model
from typing_extensions import TypeVar

from twofold.core.assurance import Assurance
from twofold.core.policy import Policy
from twofold.errors import ConfigurationError, NotSignedIn

Answer = TypeVar("Answer", default=None)
_SIGNATURES = {
    "start": "def start(self, user_id, assurance: Assurance) -> SignedIn[Token]",
    "end_all": "def end_all(self, user_id) -> None",
}
Answer_co = TypeVar("Answer_co", default=None, covariant=True)


@dataclass(frozen=True)
class SignedIn(Generic[Answer_co]):
    """
    One session of the host's.

    Args:
        user_id: The primary key of its user, as the model types it.
        session_id: What names it from sign-in to sign-out: a row's id, a JWT's `sid`, the opaque token itself. Stored
            only as a hash.
        answer: What a sign-in answers in the host's own words (its token model); nothing where a cookie says it all.
        account: The name in the authenticator app, only where it differs per request.
        issuer: The issuer, only where it differs per request (tenants).
        owed: The user's `twofa_end_sessions`, where the host reads it in the same statement as the session: then not
            even a request that began before the sessions were ended, after a crash, gets an answer after it (G8).
    """

    user_id: Any
    session_id: str = field(repr=False)
    answer: Answer_co = cast("Answer_co", None)  # noqa: RUF009 - a cast calls nothing
    account: str | None = None
    issuer: str | None = None
    owed: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.session_id, str):
            raise ConfigurationError("SignedIn: session_id names the session, as text. Write session_id=str(...).")
        if not self.session_id:  # all sessions without a name would be one
            raise NotSignedIn


@dataclass(frozen=True)
class CheckedPassword:
    """
    Whose password was right, and when it was read.

    What takes time between reading a password's hash and the sign-in (the hashing itself) is time in which the
    password may change; with the epoch such a sign-in is refused.

    Args:
        epoch: `twofa_epoch` of the row from which the hash was read.
    """

    user_id: Any
    epoch: int


class Sessions(Protocol[Answer_co]):
    """
    The host's class; nothing to inherit. Its `__init__` parameters are dependencies, its methods may be async.

    It may say how long its sessions live, which `twofold doctor` compares with the policy: *idle* without a request,
    and *life* in all, each a `timedelta`, or `by_policy` where it asks the policy itself.
    """

    def start(self, user_id: Any, assurance: Assurance) -> "SignedIn[Answer_co] | Awaitable[SignedIn[Answer_co]]":
        """Start a session and name it: a `SignedIn`. May refuse (a user made inactive meanwhile) by raising."""

    def end_all(self, user_id: Any) -> Awaitable[None] | None:
        """End every session of this user, now."""


@dataclass(frozen=True)
class SessionsStay:
    """
    The `end_all` of a host that cannot end its sessions: it ends none.

    Args:
        said: How the host said so.
        at_most: How long a session lives at most, where the host knows.
    """

    said: str
    at_most: timedelta | None = None

    def __call__(self, user_id: Any) -> None:
        """End nothing."""


@dataclass(frozen=True)
class ByPolicy:
    """How long sessions live whose host looks it up in the policy."""


by_policy = ByPolicy()
"""For a class whose sessions live as long as the policy says: `idle = life = by_policy`."""


def lives_of(kind: Any, policy: Policy) -> tuple[timedelta | None, timedelta | None]:
    """
    How long the sessions of a host's class live, without a request and in all, as far as it says.

    Raises:
        ConfigurationError: It says something that is no length of time.
    """
    told = {"idle": policy.session_idle, "life": policy.session_life}
    idle, life = (_life_of(kind, name, most) for name, most in told.items())
    # A token that nobody can end lies idle for as long as it lives.
    known = kind.end_all.at_most if isinstance(kind.end_all, SessionsStay) else None
    return known if idle is None else idle, known if life is None else life


def _life_of(kind: Any, name: str, most: timedelta) -> timedelta | None:
    said: Any = getattr(kind, name, None)
    if isinstance(said, ByPolicy):
        return most
    if said is None or isinstance(said, timedelta):
        return said
    raise ConfigurationError(f"sessions={_name_of(kind)}: write {name} = timedelta(...), or {name} = by_policy.")


cannot_end_sessions = SessionsStay("cannot_end_sessions")
"""
For a host that cannot end its sessions, and says so: `end_all = cannot_end_sessions`.

What is lost: "factors change, then all sessions end" (G8). After the authenticator app is set up, replaced or turned
off, or the password is changed, every session of before stays signed in for as long as the host lets it live, that of a
thief too. What is kept: such a session has proved nothing any more, and opens no route behind `require_second_factor`.

Refused by the profiles AAL2 and PCI_DSS while the application is built.
"""


def tokens_expire(*, minutes: float) -> SessionsStay:
    """
    For a host whose tokens cannot be revoked and end by themselves, and that says so in place of `def end_all`.

    What is lost: "factors change, then all sessions end" (G8). After the authenticator app is set up, replaced or
    turned off, or the password is changed, every token of before stays signed in until it expires, that of a thief
    too. Nothing checks the promise, which must hold for a token's refreshed successors too. What is kept: such a token
    has proved nothing any more, and opens no route behind `require_second_factor`.

    Refused by the profiles AAL2 and PCI_DSS while the application is built.

    Args:
        minutes: How long a token lives at most.

    Raises:
        ConfigurationError: *minutes* is not a time.
    """
    if not 0 < minutes < float("inf"):
        raise ConfigurationError("tokens_expire: say how long a token lives at most: tokens_expire(minutes=15).")
    return SessionsStay(f"tokens_expire(minutes={minutes:g})", timedelta(minutes=minutes))


async def call(method: Callable[..., Any], *arguments: Any) -> Any:
    """Call a method of the host's: awaited where it is `async def`, in the thread pool where it is `def`."""
    if inspect.iscoroutinefunction(method):
        return await method(*arguments)
    result = await run_in_threadpool(method, *arguments)
    # A `def`, or a lambda, may still hand on what has to be awaited.
    return await result if inspect.isawaitable(result) else result


def class_of(sessions: Callable[..., Any], policy: Policy) -> Any:
    """
    The host's class, whole.

    Raises:
        ConfigurationError: A method is missing, or *policy* refuses the class; the text says what to write.
    """
    name = _name_of(sessions)
    kind = sessions if inspect.isclass(sessions) else _hints(sessions, name).get("return")
    if not inspect.isclass(kind):
        raise ConfigurationError(f"sessions={name}: annotate what it returns: def {name}(...) -> Sessions.")
    for method, signature in _SIGNATURES.items():
        if not callable(getattr(kind, method, None)):
            raise ConfigurationError(f"sessions={name}: it has no {method}. Write {signature}.")
    end_all: Any = getattr(kind, "end_all")  # noqa: B009 - its type is the host's
    if isinstance(end_all, SessionsStay) and policy.must_end_sessions:
        raise ConfigurationError(
            f"sessions={name}: end_all = {end_all.said}, and the profile {policy.name} asks for sessions that can be "
            "ended. Keep a row for each, or in every token a version that stands on the user, and write "
            f"{_SIGNATURES['end_all']}."
        )
    return kind


def answer_type(kind: Any) -> type[BaseModel] | None:
    """
    What a sign-in answers in the host's words, as `start` declares it.

    Raises:
        ConfigurationError: It does not declare it; the text says what to write.
    """
    name, start = _name_of(kind), kind.start
    returned = _hints(start, f"{name}.start").get("return")
    if (get_origin(returned) or returned) is not SignedIn:
        raise ConfigurationError(
            f"{name}.start: annotate what it returns, SignedIn[Token] or SignedIn; its answers are made of it."
        )
    answer = next(iter(get_args(returned)), None)
    if answer is None or answer is type(None):
        return None
    if inspect.isclass(answer) and issubclass(answer, BaseModel):
        return answer
    raise ConfigurationError(f"{name}.start: SignedIn[...] takes a pydantic model, or nothing.")


def _name_of(thing: Any) -> str:
    return str(getattr(thing, "__name__", repr(thing)))


def _hints(function: Any, name: str) -> dict[str, Any]:
    try:
        return get_type_hints(function)
    except NameError as error:
        raise ConfigurationError(f"{name}: its annotations cannot be read: {error}.") from error


def answer_model(answer: type[BaseModel] | None, name: str, fields: dict[str, Any]) -> type[BaseModel]:
    """The host's answer with *fields* of ours beside it."""
    prefix = answer.__name__ if answer else ""
    return create_model(f"{prefix}{name}", __base__=answer or BaseModel, **fields)


def filled(model: type[BaseModel], answer: BaseModel | None, **values: Any) -> BaseModel:
    """An answer of *model*, from the host's words and ours; what is not given is left out of it."""
    own = {name: getattr(answer, name) for name in type(answer).model_fields} if answer is not None else {}
    return model.model_construct(_fields_set={*own, *values}, **own, **values)
