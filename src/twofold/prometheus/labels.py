"""The values of labels: from closed sets alone, for each is kept for ever, and some words come from outside."""

from collections.abc import Container, Mapping, MutableMapping
from typing import Any

from twofold.core.events import SUCCESS
from twofold.core.factors import Factor
from twofold.errors import ProofRefused

Scope = MutableMapping[str, Any]
"""A request, in the words of ASGI."""

NONE, OTHER, UNMATCHED = "none", "other", "unmatched"
FACTORS = frozenset(factor.value for factor in Factor)
OUTCOMES = frozenset({SUCCESS, *(kind.slug for kind in ProofRefused.__subclasses__())})
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
STATUSES = frozenset(f"{hundreds}xx" for hundreds in range(1, 6))


def closed(word: str | None, known: Container[str]) -> str:
    """*word* where it is known; nothing is `none`, and whatever else there may be is `other`."""
    if word is None:
        return NONE
    # The one guard of labels: a value that is not known is not told.
    return word if word in known else OTHER


def method_of(scope: Scope) -> str:
    """The method of a request; clients may make up their own."""
    return closed(scope["method"], METHODS)


def route_template(scope: Scope) -> str:
    """The template of the route that served a request, as the application wrote it: `/sessions/{id}`."""
    # Of a router that was included the route itself knows only the end; FastAPI keeps the whole template here.
    included = scope.get("fastapi")
    context = included.get("effective_route_context") if isinstance(included, Mapping) else None
    for each in (context, scope.get("route")):
        template = getattr(each, "path_format", None)
        if isinstance(template, str):
            return template
    # The one guard against paths: strangers ask for as many as they like, and some hold what nobody should read.
    return UNMATCHED
