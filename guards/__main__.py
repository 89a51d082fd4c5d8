"""`make guards`: run the table, print it, and fail where a guard can be taken away unnoticed."""

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from guards.removals import Removal, named
from guards.trial import TEST_SECONDS, Broken, Copy, cases_of, database_servers

CAUGHT = {"FAILED": "fails without it", "WAITED": "waits for ever without it"}


def main() -> None:
    """Exit with 1 where a guard is not caught, or the table has rotted."""
    try:
        table = named([name for name in sys.argv[1:] if name])
    except KeyError as unknown:
        sys.exit(f"There is no guard of the name {unknown}.")
    with tempfile.TemporaryDirectory(prefix="twofold-guards-") as folder, database_servers() as environment:
        try:
            verdicts = run(Copy(Path(folder), environment), table)
        except Broken as broken:
            sys.exit(f"The unchanged tree: {broken}")
    caught = sum(verdict in CAUGHT.values() for verdict in verdicts)
    print(f"\n{caught} of {len(verdicts)} guards are caught when they are taken away.")
    sys.exit(caught != len(verdicts))


def run(copy: Copy, table: Sequence[Removal]) -> list[str]:
    """
    Let the tests pass on the unchanged copy, and then take away one guard after the other.

    Raises:
        Broken: A test does not pass on the unchanged copy, so that its failure would say nothing.
    """
    tests = sorted({test for removal in table for test in removal.tests})
    told = copy.told(tests)
    if broken := [test for test in tests if set(cases_of(test, told)) != {"PASSED"}]:
        message = "these do not pass:\n" + "\n".join(broken)
        raise Broken(message)
    print(f"{len(told)} cases of {len(tests)} tests pass on the unchanged tree.\n", flush=True)
    print("| guard | guarantee | without it | seconds | test |\n| --- | --- | --- | --- | --- |", flush=True)
    return [tried(copy, removal) for removal in table]


def tried(copy: Copy, removal: Removal) -> str:
    """What happens without one guard; printed as a row of the table."""
    begun = time.monotonic()
    verdict = verdict_on(copy, removal)
    row = [removal.name, removal.guarantee, verdict, f"{time.monotonic() - begun:.0f}", "; ".join(removal.tests)]
    print(f"| {' | '.join(row)} |", flush=True)
    return verdict


def verdict_on(copy: Copy, removal: Removal) -> str:
    """Whether each of its tests fails, by itself and not by falling over before."""
    try:
        with copy.without(removal):
            told = copy.told(removal.tests, f"--timeout={TEST_SECONDS}")
    except Broken as broken:
        return f"NOT CAUGHT ({str(broken).splitlines()[-1]})"
    words = {test: set(cases_of(test, told)) & CAUGHT.keys() for test in removal.tests}
    if missed := [test for test in removal.tests if not words[test]]:
        return f"NOT CAUGHT by {', '.join(missed)}"
    return CAUGHT["FAILED" if all("FAILED" in found for found in words.values()) else "WAITED"]


if __name__ == "__main__":
    main()
