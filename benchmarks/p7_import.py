"""P7: `import twofold` in a fresh process, in milliseconds of CPU, interpreter included."""

import os
import subprocess
import sys

from benchmarks.measure import Figure

ROUNDS = 15
HEAVY = ("fastapi", "sqlalchemy", "starlette", "pydantic", "webauthn", "asyncio", "PIL")
# As where it is installed: compiled once.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
SAY_HEAVY = f"import sys, twofold; print(*(name for name in {HEAVY!r} if name in sys.modules))"


def run() -> Figure:
    """Measure, after a first process that writes the bytecode."""
    said = subprocess.run(  # noqa: S603 - our own
        [sys.executable, "-c", SAY_HEAVY], capture_output=True, text=True, check=True, env=ENVIRONMENT
    )
    bare = sorted(_milliseconds("pass") for _ in range(ROUNDS))[ROUNDS // 2]
    return Figure(
        "P7",
        "`import twofold`, ms of CPU",
        [_milliseconds("import twofold") for _ in range(ROUNDS)],
        100,
        notes=f"a bare interpreter takes {bare:.0f}; loaded of {', '.join(HEAVY)}: {said.stdout.strip() or 'none'}",
    )


def _milliseconds(program: str) -> float:
    """User and system time of one process, and of nobody else (wait4(2))."""
    _, status, usage = os.wait4(os.posix_spawn(sys.executable, [sys.executable, "-c", program], ENVIRONMENT), 0)
    if status != 0:
        raise RuntimeError(program)
    return 1e3 * (usage.ru_utime + usage.ru_stime)
