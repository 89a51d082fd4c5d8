"""Which tests stay together on one worker, and which begin first."""

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

TOGETHER = {"browser": "browser"} | dict.fromkeys(("attacks", "nodes", "races", "rotation", "storms"), "crowds")
"""
Folders that share what they start, or must not run side by side: one browser at a time; and what starts many processes,
takes most of a server's connections, or measures itself by how long a lock is held.
"""

FIRST = ("crowds", "backend")
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
