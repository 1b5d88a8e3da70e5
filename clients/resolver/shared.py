"""The same work wanted by several at once is done once."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any


class Shared[K: Hashable, V]:
    """Work in progress, by key."""

    def __init__(self) -> None:
        self._running: dict[K, asyncio.Task[V]] = {}

    async def run(self, key: K, work: Callable[[], Coroutine[Any, Any, V]]) -> V:
        """The outcome of *work*, or of the run of *key* that is under way. It goes on when one caller gives up."""
        if key not in self._running:
            self._running[key] = asyncio.create_task(work())
            self._running[key].add_done_callback(lambda task: self._done(key, task))
        return await asyncio.shield(self._running[key])

    def _done(self, key: K, task: asyncio.Task[V]) -> None:
        del self._running[key]
        if not task.cancelled():
            task.exception()  # looked at here, for all who wanted it may have given up
