"""Timers can stop for good while all else goes on: whoever wakes sees to it that the tick is done."""

import logging
from datetime import datetime, timedelta

from azure.core.exceptions import AzureError

from clients.connect import Clients
from clients.storage.documents import NewerRow
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
        """Do the tick if it is late, or was never done; look at most every LOOK_EVERY. Never raises for storage.

        Where a later version keeps the cursor, that version looks after it.
        """
        now = clients.now()
        if self._looked_at and now - self._looked_at < LOOK_EVERY:
            return
        self._looked_at = now
        try:
            by = await overdue(clients)
            if by is None or by > LATE:
                log.warning("tick_late by_s=%s: done here", "unknown" if by is None else round(by.total_seconds()))
                await tick(clients)
                if by is not None:
                    await tell_operators(late_tick(by), clients, at=_hour(now))
        except (AzureError, NewerRow) as error:  # what woke us says so itself
            log.warning("tick_not_looked_at error=%s", type(error).__name__)


def _hour(now: datetime) -> datetime:
    """Whoever wakes notices the same: it is told once an hour."""
    return now.replace(minute=0, second=0, microsecond=0)
