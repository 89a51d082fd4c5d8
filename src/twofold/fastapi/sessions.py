"""The host's sessions: the two things that a host writes down, and how they are called."""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, cast, get_args, get_origin, get_type_hints

from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, create_model
from typing_extensions import TypeVar

from twofold.core.assurance import Assurance
from twofold.errors import ConfigurationError

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
    """

    user_id: Any
    session_id: str = field(repr=False)
    answer: Answer_co = cast("Answer_co", None)  # noqa: RUF009 - a cast calls nothing
    account: str | None = None
    issuer: str | None = None


class Sessions(Protocol[Answer_co]):
    """The host's class; nothing to inherit. Its `__init__` parameters are dependencies, its methods may be async."""

    def start(self, user_id: Any, assurance: Assurance) -> "SignedIn[Answer_co] | Awaitable[SignedIn[Answer_co]]":
        """Start a session and name it: a `SignedIn`. May refuse (a user made inactive meanwhile) by raising."""

    def end_all(self, user_id: Any) -> Awaitable[None] | None:
        """End every session of this user, now."""


async def call(method: Callable[..., Any], *arguments: Any) -> Any:
    """Call a method of the host's: awaited where it is `async def`, in the thread pool where it is `def`."""
    if inspect.iscoroutinefunction(method):
        return await method(*arguments)
    return await run_in_threadpool(method, *arguments)


def answer_type(sessions: Callable[..., Any]) -> type[BaseModel] | None:
    """
    What a sign-in answers in the host's words, as `start` declares it.

    Raises:
        ConfigurationError: Something is missing in the host's class; the text says what to write.
    """
    name = getattr(sessions, "__name__", repr(sessions))
    kind = sessions if inspect.isclass(sessions) else _hints(sessions, name).get("return")
    if not inspect.isclass(kind):
        raise ConfigurationError(f"sessions={name}: annotate what it returns: def {name}(...) -> Sessions.")
    for method, signature in _SIGNATURES.items():
        if not callable(getattr(kind, method, None)):
            raise ConfigurationError(f"sessions={name}: it has no {method}. Write {signature}.")
    start: Any = getattr(kind, "start")  # noqa: B009 - its type is the host's
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
