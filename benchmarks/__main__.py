"""`make bench`: every figure, or the one named; prints a table and writes `results.json`."""

import json
import sys
from importlib import import_module
from pathlib import Path

FIGURES = {
    "P1": "p1_step_up",
    "P3": "p3_set_up",
    "P4": "p4_unrelated",
    "P5": "p5_users",
    "P6": "p6_rotation",
    "P7": "p7_import",
    "enumeration": "enumeration",
    "pages": "pages",
}
RESULTS = Path(__file__).parent / "results.json"


def main() -> None:
    """Measure what is asked for; what was measured before and is not asked for stays in the file."""
    asked = [name for name in sys.argv[1:] if name] or list(FIGURES)
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    print("| | what | median | spread | target | | |\n| --- | --- | --- | --- | --- | --- | --- |")
    for name in asked:
        figure = import_module(f"benchmarks.{FIGURES[name]}").run()
        print(figure.as_row(), flush=True)
        known[name] = figure.as_json()
        RESULTS.write_text(json.dumps(known, indent=2) + "\n")


if __name__ == "__main__":
    main()
