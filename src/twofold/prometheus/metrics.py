"""The metrics of one application: an `EventSink` that counts, and what a scrape is told."""

import asyncio
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import product
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector

from twofold.core.events import Event, EventKind
from twofold.errors import Locked
from twofold.prometheus.key_rows import KeyRows
from twofold.prometheus.labels import FACTORS, NONE, OUTCOMES, STATUSES, Scope, closed, method_of, route_template
from twofold.service.two_factor_auth import TwoFactorAuth

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""The bounds of the histogram's buckets."""

READS = 3
"""How often the files of the workers are read: one that is being made is empty for a moment."""


@dataclass(frozen=True)
class Counted:
    """
    One counter.

    Args:
        labels: Those that it has, of `factor` and `outcome`.
        counts: Whether it counts an event.
    """

    name: str
    text: str
    labels: tuple[str, ...]
    counts: Callable[[Event], bool]


def _of_kind(kind: EventKind) -> Callable[[Event], bool]:
    return lambda event: event.kind == kind


COUNTED = (
    Counted(
        "twofold_attempts",
        "Codes that were typed, by what became of them.",
        ("factor", "outcome"),
        lambda event: event.factor is not None and event.kind != EventKind.SECRET_IMPORTED,
    ),
    Counted("twofold_sign_ins", "Sign-ins, by their second factor.", ("factor",), _of_kind(EventKind.SIGNED_IN)),
    Counted("twofold_enrollments", "Factors that were set up.", ("factor",), _of_kind(EventKind.FACTOR_ENROLLED)),
    Counted(
        "twofold_locked",
        "Attempts that were refused because their user has to wait.",
        ("factor",),
        lambda event: event.outcome == Locked.slug,
    ),
    Counted("twofold_unreadable_values", "Stored values that did not open.", (), _of_kind(EventKind.VALUE_UNREADABLE)),
    Counted("twofold_resets", "Second factors that an operator removed.", (), _of_kind(EventKind.SECOND_FACTOR_RESET)),
    Counted("twofold_unlocks", "Waits that an operator ended.", (), _of_kind(EventKind.UNLOCKED)),
    Counted("twofold_imports", "Secrets that were imported.", (), _of_kind(EventKind.SECRET_IMPORTED)),
    Counted(
        "twofold_admin_refusals", "Requests for admin routes that were refused.", (), _of_kind(EventKind.ADMIN_REFUSED)
    ),
)
"""What is counted. What else an event has (user, actor, moment, address, reason) is never a label."""


class Metrics:
    """
    The metrics of one application. Given to `TwoFactorAuth` as `on_event`, it counts what happens.

    Args:
        registry: The application's own, which may have other metrics; never the one that a process shares.
        folder: Where several workers count together: `PROMETHEUS_MULTIPROC_DIR`, which prometheus-client wants to find
            in the environment before it is imported. Each application then needs a process of its own.
        timer: Seconds that only grow, for latencies.
    """

    def __init__(
        self,
        registry: CollectorRegistry | None = None,
        *,
        folder: str = "",
        timer: Callable[[], float] = perf_counter,
    ) -> None:
        self.registry = CollectorRegistry() if registry is None else registry
        self.timer = timer
        self._folder = folder
        self._counters = [
            (each, Counter(each.name, each.text, each.labels, registry=self.registry)) for each in COUNTED
        ]
        self._latency = Histogram(
            "twofold_http_request_duration_seconds",
            "How long requests took, by the template of their route.",
            ("route", "method", "status"),
            buckets=SECONDS,
            registry=self.registry,
        )
        self._rows = KeyRows(self.registry)
        self._begin_at_zero()

    def _begin_at_zero(self) -> None:
        """Tell of what has not happened yet, so that the first of its kind is seen to be one more than none."""
        known = {"factor": FACTORS, "outcome": OUTCOMES}
        for each, counter in self._counters:
            for values in product(*(known[name] for name in each.labels)) if each.labels else ():
                counter.labels(*values)

    def watch_keys(self, auth: TwoFactorAuth) -> None:
        """Tell how many rows each key of this application has sealed, as counted in the last minutes."""
        self._rows.watch(auth)

    def __call__(self, event: Event) -> None:
        """Count one event."""
        words = {"factor": closed(event.factor, FACTORS), "outcome": closed(event.outcome, OUTCOMES)}
        for each, counter in self._counters:
            if each.counts(event):
                labels = [words[name] for name in each.labels]
                (counter.labels(*labels) if labels else counter).inc()

    def observe(self, scope: Scope, status: int | None, seconds: float) -> None:
        """Note how long a request took; without a status nobody was answered."""
        kind = NONE if status is None else closed(f"{status // 100}xx", STATUSES)
        self._latency.labels(route_template(scope), method_of(scope), kind).observe(seconds)

    async def scrape(self) -> bytes:
        """What Prometheus is told; it asks no database, and lets rows be counted meanwhile where it is time."""
        text = await asyncio.to_thread(self.text)
        self._rows.count_where_due()
        return text

    def text(self) -> bytes:
        """What was counted, by all workers; it takes some milliseconds of CPU."""
        families = self._collected()
        families.append(self._rows.up(families))
        return generate_latest(_Families(families))

    def _collected(self) -> list[Metric]:
        for remaining in reversed(range(READS)):
            registry = self.registry
            if self._folder:
                registry = CollectorRegistry()
                MultiProcessCollector(registry, self._folder)  # type: ignore[no-untyped-call] # it has no annotations
            try:
                return [_without_created(family) for family in registry.collect()]
            except (struct.error, RuntimeError, OSError):
                if not remaining:
                    raise
        raise AssertionError  # the loop returns or raises

    async def close(self) -> None:
        """Wait no longer for what has begun."""
        await self._rows.close()


def _without_created(family: Metric) -> Metric:
    """Without the moments at which counting began, of which several workers tell nothing."""
    family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
    return family


class _Families:
    """What was collected, to be written out."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        """The same."""
        return self._families
