"""What a second factor costs a host, in lines."""

import sys

import pytest

from tests.hosts.running import EXAMPLES, KINDS

BEGIN, END = "# -- Twofold: what this application adds -", "# -- the application's own routes -"


@pytest.mark.parametrize(("letter", "at_most"), [("a", 30), ("b", 30), ("c", 12), ("d", 25)])
def test_lines(letter: str, at_most: int, capsys: pytest.CaptureFixture[str]):
    """
    Between the two marks stands everything that Twofold adds but imports and the mixin, and it is a screenful.
    """
    _, _, rest = (EXAMPLES / KINDS[letter].file).read_text().partition(BEGIN)
    added, end, _ = rest.partition(END)

    lines = [line for line in added.splitlines()[1:] if line.strip()]

    with capsys.disabled():
        sys.stdout.write(f"\nHost ({letter}) pays {len(lines)} lines for Twofold, of {at_most} at most.\n")
    assert end
    assert 0 < len(lines) <= at_most
