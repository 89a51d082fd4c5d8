"""`make soak`: every storm, or the one that is named; prints a table and writes `results.json`."""

import argparse
import json
import secrets
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from soak import memory, table
from soak.people import Numbers
from soak.storms import STORMS, Crowds, Result
from soak.world import World

SPEED = 30
"""A time step takes a second."""
SECONDS = 28
RESULTS = Path(__file__).parent / "results.json"


def main() -> None:
    """Run what is asked for; exit status 1 where anything is not zero that must be."""
    parser = argparse.ArgumentParser(prog="make soak")
    parser.add_argument("--storm", default="", help=f"one of {', '.join([*STORMS, memory.NAME])}")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each storm")
    parser.add_argument("--checks", type=int, default=memory.CHECKS, help="of the memory")
    asked = parser.parse_args()
    names = [asked.storm] if asked.storm else [*STORMS, memory.NAME]
    if unknown := set(names) - {*STORMS, memory.NAME}:
        parser.error(f"there is no {unknown.pop()}")
    if asked.checks < memory.EVERY:
        parser.error(f"--checks: at least {memory.EVERY}, for so many are a point")
    say(f"seed {asked.seed}")
    began = time.monotonic()
    results = run_storms([name for name in names if name in STORMS], asked.seed, asked.seconds)
    curve = memory.run(asked.checks, say) if memory.NAME in names else None
    finish(asked.seed, results, curve)
    say(f"{time.monotonic() - began:.0f} s in all")
    sys.exit(0 if all(result.passed for result in results) and (curve is None or curve.flat) else 1)


def say(line: str) -> None:
    """Progress; the table alone goes to standard output."""
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


def run_storms(names: Sequence[str], seed: int, seconds: float) -> list[Result]:
    """One after the other, each in a world of its own."""
    if not names:
        return []
    crowds = Crowds()
    try:
        return [run_storm(crowds, name, seed, seconds) for name in names]
    finally:
        crowds.close()


def run_storm(crowds: Crowds, name: str, seed: int, seconds: float) -> Result:
    """One storm; what it found goes to standard error."""
    storm, seconds = STORMS[name], seconds * STORMS[name].times
    say(f"{name}: starting {storm.kind} and workers")
    with World(storm.kind, speed=SPEED, workers=storm.workers, front=storm.front, drain=storm.drain) as world:
        say(f"{name}: {seconds:.0f} s of it")
        result = crowds.run(storm, world, seconds=seconds, seed=seed, numbers=Numbers())
        say(table.row(result))
        for finding in result.verdict.findings[:40]:
            say(f"    {finding}")
        if not result.passed:
            for worker in world.workers:
                say(worker.end_of_log())
    return result


def finish(seed: int, results: Sequence[Result], curve: memory.Curve | None) -> None:
    """The table, and the file."""
    if results:
        print("\n".join([table.HEAD, table.RULE, *map(table.row, results)]))
    if curve is not None:
        print(curve.as_text())
    known: dict[str, Any] = {"seed": seed, "storms": [result.as_json() for result in results]}
    known |= {"memory": curve.as_json()} if curve is not None else {}
    RESULTS.write_text(json.dumps(known, indent=2) + "\n")


if __name__ == "__main__":
    main()
