"""Which tests stay together on one worker, and which begin first."""

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

TOGETHER = {"attacks": "races", "nodes": "nodes", "races": "races", "storms": "storms"}
"""Folders that share what they start: a crew, which takes most of a server's connections; the worlds of the storms."""

FIRST = ("races", "storms", "rotation", "nodes", "backend")
"""The longest, so that no worker is left with one of them at the end."""


def group_of(nodeid: str) -> str:
    """What a test belongs to: its file, or its folder's group."""
    path = nodeid.partition("::")[0]
    folder = path.removeprefix("tests/").partition("/")[0]
    return TOGETHER.get(folder, path)


def place_of(nodeid: str) -> int:
    """When its turn comes."""
    found = [place for place, name in enumerate(FIRST) if name in group_of(nodeid).split("/")]
    return found[0] if found else len(FIRST)


class ByGroup(LoadScopeScheduling):  # type: ignore[misc]  # It has no types.
    """A group goes to one worker as a whole."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)
