"""The table of a soak."""

from soak.storms import Result

HEAD = (
    "| storm | attempts | accepted | refused | locked | unavailable | 500 | double accepts | lost failures "
    "| half-enabled users | old sessions alive | | |"
)
RULE = "|" + " --- |" * 13
OTHER = {"accepted", "locked", "unavailable", "error"}


def row(result: Result) -> str:
    """One storm as a row."""
    told = result.told
    refused = sum(count for name, count in told.items() if name not in OTHER)
    verdict = "MISSED" if not result.passed else "measured" if result.storm.measures else "met"
    cells = (
        result.storm.name,
        told.total(),
        *(told["accepted"], refused, told["locked"], told["unavailable"], result.errors),
        *result.verdict.counts,
        verdict,
        result.notes,
    )
    return f"| {' | '.join(map(str, cells))} |"
