"""Timers can stop for good while all else goes on: whoever wakes sees to it that the tick is done."""

import logging
from datetime import datetime, timedelta

from clients.connect import Clients
from handlers.isolation import isolated
from handlers.loop.tick import overdue, tick
from handlers.operators import tell_operators
from handlers.watch import late_tick

log = logging.getLogger("holdfast.heal")

LOOK_EVERY = timedelta(seconds=30)
LATE = timedelta(minutes=2)
"""A tick that is overdue by more than this is done by whoever notices."""


class Healer:
    """Looks after the tick in one worker process."""

    def __init__(self) -> None:
        self._looked_at: datetime | None = None

    async def look(self, clients: Clients) -> None:
        """Do the tick if it is late, or was never done; look at most every LOOK_EVERY.

        Where a later version keeps the cursor, that version looks after it. Never raises: who woke us has its own work.
        """
        now = clients.now()
        if self._looked_at and now - self._looked_at < LOOK_EVERY:
            return
        self._looked_at = now
        await isolated("look after the tick", _look(clients))


async def _look(clients: Clients) -> None:
    by = await overdue(clients)
    if by is None or by > LATE:
        log.warning("tick_late by_s=%s: done here", "unknown" if by is None else round(by.total_seconds()))
        await tick(clients)
        if by is not None:
            await tell_operators(late_tick(by), clients, at=_hour(clients.now()))


def _hour(now: datetime) -> datetime:
    """Whoever wakes notices the same: it is told once an hour."""
    return now.replace(minute=0, second=0, microsecond=0)
