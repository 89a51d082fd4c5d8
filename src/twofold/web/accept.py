"""What a client would rather have: lists with quality values, and whether it prefers HTML."""

import re

from twofold.core.policy import MAX_PREFERENCE_CHARACTERS

HTML = ("text/html", "application/xhtml+xml")
JSON = ("application/json", "application/problem+json")

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - RFC 9110, 5.6.2
_NAME = re.compile(f"{_TOKEN}(/{_TOKEN})?")
_PARAMETER = re.compile(f"({_TOKEN})=({_TOKEN})")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*("?)')
# RFC 9110, 12.4.2.
_WEIGHT = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")


def preferences(header: str | None) -> list[tuple[str, float]] | None:
    """
    What a list names (RFC 9110, 12.4.2), in lower case, each with its quality, in the order in which it stands there.

    Returns:
        Nothing where the list is missing, malformed, or longer than any that a browser sends.
    """
    if header is None or len(header) > MAX_PREFERENCE_CHARACTERS:
        return None
    # A quoted text may hold what separates; what it says is of no interest.
    plain = _QUOTED.sub(lambda text: "quoted" if text[1] else '"', header)
    found = []
    for element in plain.split(","):
        name, *parameters = (part.strip(" \t") for part in element.split(";"))
        # 5.6.1.2 asks to ignore an empty element.
        if not name and not parameters:
            continue
        weight = _weight_of([each for each in parameters if each])
        if weight is None or not _NAME.fullmatch(name):
            return None
        found.append((name.lower(), weight))
    return found


def _weight_of(parameters: list[str]) -> float | None:
    """The quality among these; nothing where one of them is malformed."""
    weight = "1"
    for parameter in reversed(parameters):
        pair = _PARAMETER.fullmatch(parameter)
        if pair is None:
            return None
        weight = pair[2] if pair[1] in {"q", "Q"} else weight
    return float(weight) if _WEIGHT.fullmatch(weight) else None


def prefers_html(accept: str | None) -> bool:
    """
    Whether a client would rather have HTML than JSON; whoever does not say so gets JSON.

    Args:
        accept: Its `Accept` (RFC 9110, 12.5.1).
    """
    wanted = preferences(accept) or []
    return max(_quality(each, wanted) for each in HTML) > max(_quality(each, wanted) for each in JSON)


def _quality(media_type: str, wanted: list[tuple[str, float]]) -> float:
    """The quality of the most specific range that a type lies in; its parameters are none of ours."""
    for media_range in (media_type, f"{media_type.partition('/')[0]}/*", "*/*"):
        given = [quality for name, quality in wanted if name == media_range]
        if given:
            return max(given)
    return 0.0
