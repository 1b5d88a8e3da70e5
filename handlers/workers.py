"""The clients of this worker process, opened when its first invocation needs them."""

import asyncio

from clients import telemetry
from clients.connect import Clients, connect
from clients.entra.clouds import ENDPOINTS
from clients.settings import Settings
from domain.jobs import QUEUES
from handlers.evidence import note_settings
from handlers.guard import guard_ledger

_lock = asyncio.Lock()
_opened: list[Clients] = []


async def clients(settings: Settings) -> Clients:
    """The process's one set of clients. Each function of a Flex app has processes of its own, so nothing is shared."""
    async with _lock:
        if not _opened:
            telemetry.start_series(QUEUES, ENDPOINTS[settings.cloud].hosts)
            _opened.append(await connect(settings))
            if await guard_ledger(_opened[0]):
                await note_settings(_opened[0])
        return _opened[0]


def opened() -> list[Clients]:
    """The process's clients, if something has needed them."""
    return list(_opened)
