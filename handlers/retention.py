"""Forget what was kept for its time: operations, their idempotency keys, and places within the blast radius."""

from datetime import datetime, timedelta

from clients.connect import Clients
from domain.operations import Operation
from handlers.isolation import isolated
from handlers.unfinished import end_as_lost

PARTS = 24
"""Each hour of the day looks at another part of the operations, so that none reads the whole table."""


LONGEST_WORK = timedelta(days=1)
"""More than any message lives that is put back each time a service turns the tenant away."""


async def forget_old(clients: Clients) -> None:
    """Delete what is older than its settings say, and nothing that somebody still works on."""
    settings, now, storage = clients.settings, clients.now(), clients.storage
    await isolated("written", storage.written.forget(now - timedelta(days=settings.keep_written)))
    before = now - timedelta(days=settings.keep_operations)
    async for operation in storage.operations.part(now.hour, PARTS):
        await isolated(f"operation {operation.id}", _look_at(operation, before, clients))
    await storage.operations.forget_lone_requests(now.hour, PARTS, before)


async def _look_at(operation: Operation, before: datetime, clients: Clients) -> None:
    """Delete it, where it ended *before* that; end it, where nobody can: an earlier version kept no message of it."""
    if operation.has_ended:
        if operation.last_meant < before:
            await clients.storage.operations.remove(operation)
    elif operation.created_at < clients.now() - LONGEST_WORK and not await clients.storage.unfinished.has(operation.id):
        await end_as_lost(operation, clients)
