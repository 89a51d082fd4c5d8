"""Reads the structured fields (RFC 9651) that we send: lists of strings with integers as parameters, and no more."""

import re

_ITEM = re.compile(r'"(?P<name>[ !#-\[\]-~]*)"(?P<parameters>(; *[a-z*][a-z0-9_.*-]*=-?[0-9]{1,15})*)')


def parsed(field: str) -> dict[str, dict[str, int]]:
    """
    The items of a list, each with its parameters (RFC 9651, 4.2.1 and 4.2.3).

    Raises:
        ValueError: It is no such list.
    """
    items: dict[str, dict[str, int]] = {}
    for text in re.split(r"[ \t]*,[ \t]*", field.strip(" ")):
        item = _ITEM.fullmatch(text)
        if item is None or item["name"] in items:
            raise ValueError(field)
        pairs = [part.strip().split("=") for part in item["parameters"].split(";")[1:]]
        items[item["name"]] = {key: int(value) for key, value in pairs}
    return items
