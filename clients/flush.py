"""Sends metrics away before the instance can go: one that is ended tells nobody what it had counted.

An instance of Flex Consumption can be gone half a minute after its last work, and exports on their own come every five
minutes (docs/reference/azure-functions.md#logging).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from time import monotonic

from opentelemetry import metrics

log = logging.getLogger("holdfast.metrics")

EVERY_S = 30.0
PATIENCE_MS = 5_000
"""Longer than an export takes that will succeed."""


class Flush:
    """Flushes the process's metrics.

    *stopwatch*: seconds from an arbitrary start that only ever grow. *wait*: sleeps for so many of them.
    """

    def __init__(
        self,
        stopwatch: Callable[[], float] = monotonic,
        wait: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._stopwatch = stopwatch
        self._wait = wait
        self._done_at: float | None = None
        self._later: asyncio.Task[None] | None = None

    async def now(self) -> None:
        """Flush, if somebody collects who can. The exporter waits for the network, so it does that in a thread."""
        self._done_at = self._stopwatch()
        if force := getattr(metrics.get_meter_provider(), "force_flush", None):
            try:
                await asyncio.to_thread(force, PATIENCE_MS)
            except Exception as error:  # noqa: BLE001 - whatever the exporter raises: no work ends for it
                log.warning("metrics_not_sent error=%s", type(error).__name__)

    async def if_due(self) -> None:
        """Flush, if the last time is EVERY_S ago; else have it done once it is: no later message may come."""
        left_s = self._left_s()
        if left_s <= 0:
            await self.now()
        elif self._later is None or self._later.done():
            self._later = asyncio.create_task(self._flush_in(left_s))

    async def aclose(self) -> None:
        """Send what waits for its time."""
        if self._later and not self._later.done():
            self._later.cancel()
            await asyncio.gather(self._later, return_exceptions=True)
            await self.now()

    def _left_s(self) -> float:
        return 0.0 if self._done_at is None else self._done_at + EVERY_S - self._stopwatch()

    async def _flush_in(self, left_s: float) -> None:
        await self._wait(left_s)
        await self.now()
