"""What runs beside the one who started it: none is forgotten, and one that fails is logged."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

_LOG = logging.getLogger(__name__)


class Tasks:
    """The tasks of one host."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run *work* from now on."""
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._forget)

    async def ended(self, within_s: float) -> bool:
        """Wait for those that run, *within_s* seconds at most; gives whether all have come to their end."""
        if self._running:
            await asyncio.wait(self._running, timeout=within_s)
        return not self._running

    async def abandon(self) -> None:
        """End those that run, as a crash does."""
        late = list(self._running)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()):
            _LOG.critical("A part of the devhost has stopped working", exc_info=error)
