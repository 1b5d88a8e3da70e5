"""The clients of this worker process, opened when its first invocation needs them."""

import asyncio
from datetime import datetime

import azure.functions as func

from clients.connect import Clients, connect
from clients.settings import Settings

_lock = asyncio.Lock()
_opened: list[Clients] = []


async def clients(settings: Settings) -> Clients:
    """The process's one set of clients. Each function of a Flex app has processes of its own, so nothing is shared."""
    async with _lock:
        if not _opened:
            _opened.append(await connect(settings))
        return _opened[0]


def next_run(timer: func.TimerRequest) -> datetime | None:
    """When the timer fires next, as the platform's schedule monitor has it; None when it keeps none."""
    status = getattr(timer, "schedule_status", None) or {}
    text = status.get("Next")
    return datetime.fromisoformat(text) if text else None
