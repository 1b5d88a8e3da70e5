"""The clients of this worker process, opened when its first invocation needs them."""

import asyncio
from datetime import datetime

import azure.functions as func

from clients import telemetry
from clients.connect import Clients, connect
from clients.entra.clouds import ENDPOINTS
from clients.settings import Settings
from domain.jobs import QUEUES

_lock = asyncio.Lock()
_opened: list[Clients] = []


async def clients(settings: Settings) -> Clients:
    """The process's one set of clients. Each function of a Flex app has processes of its own, so nothing is shared."""
    async with _lock:
        if not _opened:
            telemetry.start_series(QUEUES, ENDPOINTS[settings.cloud].hosts)
            _opened.append(await connect(settings))
        return _opened[0]


def interval_s(timer: func.TimerRequest) -> float:
    """Seconds between two runs of the timer, from the platform's schedule monitor; 0 where it does not know yet.

    At an invocation the monitor still has the run before as `Last` and this one as `Next`; before the first run `Last`
    is the year 1 (docs/reference/azure-functions.md#timers).
    """
    status = getattr(timer, "schedule_status", None) or {}
    last, this = (datetime.fromisoformat(status[name]) if status.get(name) else None for name in ("Last", "Next"))
    if last is None or this is None or last.year == 1:
        return 0.0
    return max(0.0, (this - last).total_seconds())
