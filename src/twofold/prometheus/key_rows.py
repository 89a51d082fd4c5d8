"""How many rows each key has sealed: counted now and then, and told with its age."""

import asyncio
from collections.abc import Iterable
from datetime import timedelta

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from twofold.core.sealing import FERNET, SEALED, UNSEALED
from twofold.prometheus.labels import OTHER, closed
from twofold.service.keys import KeyStatus
from twofold.service.two_factor_auth import TwoFactorAuth

COUNT_EVERY = timedelta(minutes=5)
"""How often rows are counted at most: that takes a look at every enrollment."""

ROWS = "twofold_rows_per_key"
COUNTED_AT = f"{ROWS}_timestamp_seconds"


class KeyRows:
    """
    Rows per key, as a scrape finds them.

    Where several workers count together each tells what any of them counted last, and counts only when that is old.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._rows = Gauge(
            ROWS,
            "Values of this column that this key has sealed; other: by a key that is not in ENCRYPTION_KEY.",
            ("column", "key"),
            registry=registry,
            multiprocess_mode="mostrecent",
        )
        self._counted_at = Gauge(
            COUNTED_AT,
            "When rows per key were last counted; 0 for never.",
            registry=registry,
            multiprocess_mode="mostrecent",
        )
        self._auth: TwoFactorAuth | None = None
        self._task: asyncio.Task[None] | None = None
        self._last_count = self._last_try = self._last_failure = 0.0

    def watch(self, auth: TwoFactorAuth) -> None:
        """Count the rows of this application; by its clock, too."""
        self._auth = auth

    def up(self, families: Iterable[Metric]) -> Metric:
        """Whether what was collected is what the last count found, and no older than two counts."""
        told = (sample.value for family in families if family.name == COUNTED_AT for sample in family.samples)
        self._last_count = max(told, default=0.0)
        age = None if self._auth is None else self._auth.clock.now().timestamp() - self._last_count
        fresh = age is not None and abs(age) < 2 * COUNT_EVERY.total_seconds()
        up = fresh and self._last_failure <= self._last_count
        return GaugeMetricFamily(f"{ROWS}_up", "Whether rows per key are told as they are.", float(up))

    def count_where_due(self) -> None:
        """Begin to count where the last time, by anybody, was long ago; nobody waits for it."""
        if self._auth is None or (self._task and not self._task.done()):
            return
        now = self._auth.clock.now().timestamp()
        # By however much the clock was ahead: what was counted in a future that never came is old.
        if abs(now - max(self._last_count, self._last_try)) >= COUNT_EVERY.total_seconds():
            self._last_try = now
            self._task = asyncio.ensure_future(self._counted(self._auth, now))

    async def _counted(self, auth: TwoFactorAuth, now: float) -> None:
        try:
            status = await auth.run(lambda auth: auth.keys_in_use.status())
        except Exception:  # noqa: BLE001 - the store has logged what there is to say, and the gauge says that it failed
            self._last_failure = now
            return
        for labels, number in _rows_in(status).items():
            self._rows.labels(*labels).set(number)
        self._counted_at.set(now)

    async def close(self) -> None:
        """Wait no longer for a count that has begun."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})


def _rows_in(status: KeyStatus) -> dict[tuple[str, str], int]:
    """By column and key: all that there may be, so that what has gone is told as none."""
    known = (*(key.key_id for key in status.keys if key.place is not None), FERNET, UNSEALED)
    rows = {(purpose.value, key): 0 for purpose in SEALED for key in (*known, OTHER)}
    for key in status.keys:
        for purpose in SEALED:
            rows[purpose.value, closed(key.key_id, known)] += key.rows[purpose.value]
    return rows
