"""What every refusal looks like on the wire."""

from typing import Any

from httpx2 import Response

STATUSES = {
    "invalid-code": {400},
    "code-already-used": {400},
    "not-signed-in": {401},
    "sign-in-failed": {401},
    "step-up-required": {401},
    "sign-in-token-dead": {401},
    "second-factor-not-set-up": {403},
    "forbidden": {403},
    "cross-site-request": {403},
    "factor-disabled": {403},
    "not-found": {404},
    "method-not-allowed": {405},
    "already-enabled": {409},
    "not-enabled": {409},
    "no-setup-pending": {409},
    "already-registered": {409},
    "too-many-keys": {409},
    "last-factor": {409},
    "invalid-request": {422, 413, 415},
    "locked": {429},
    "rate-limited": {429},
    "unavailable": {503},
}
"""The table that clients rely on: the last part of `type`, and the statuses it comes with."""

PREFIX = "urn:twofold:problem:"


def headers_of(response: Response) -> dict[str, str]:
    """The headers of an answer, but for the id of its request, which is drawn anew for each."""
    return {name: value for name, value in response.headers.items() if name != "x-request-id"}


def everything(response: Response) -> tuple[object, ...]:
    """All that an answer says, but for that id."""
    return response.status_code, response.content, sorted(headers_of(response).items())


def assert_private(response: Response) -> None:
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["referrer-policy"] == "no-referrer"


def slug_of(response: Response) -> str:
    """Which problem is told; that it is told as it should be is asserted on the way."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    assert_private(response)
    problem = response.json()
    slug = str(problem["type"]).removeprefix(PREFIX)
    assert PREFIX + slug == problem["type"]
    assert response.status_code in STATUSES[slug]
    assert response.status_code == problem["status"]
    assert problem["title"]
    assert problem["detail"]
    assert (response.status_code == 401) == ("www-authenticate" in response.headers)
    assert (slug == "invalid-request") == ("errors" in problem)
    return slug


def problem_of(response: Response, slug: str, status: int | None = None) -> dict[str, Any]:
    """The body of a refusal that is *slug*, and, where it comes with several statuses, *status*."""
    assert slug == slug_of(response), response.text
    assert response.status_code == (status or min(STATUSES[slug] - {413, 415}))
    problem: dict[str, Any] = response.json()
    return problem
