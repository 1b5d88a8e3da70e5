"""The lease on a received message: invisible to others while its function runs, and no longer."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from azure.core.exceptions import AzureError
from azure.storage.queue import QueueMessage
from azure.storage.queue.aio import QueueClient

_LOG = logging.getLogger(__name__)
_SOON = 0.1  # of the lease: when an extension failed, the next attempt comes sooner


@asynccontextmanager
async def leased(queue: QueueClient, message: QueueMessage, lease_s: int) -> AsyncIterator[None]:
    """Extend the lease of *message* at half time while the block runs, and keep its newest receipt."""
    done = asyncio.Event()
    extending = asyncio.create_task(_extend(queue, message, lease_s, done))
    try:
        yield
    finally:
        done.set()
        await extending  # an extension under way changes the receipt that settles the message


async def _extend(queue: QueueClient, message: QueueMessage, lease_s: int, done: asyncio.Event) -> None:
    pause_s = lease_s / 2
    while True:
        with suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await done.wait()
                return
        try:
            extended = await queue.update_message(message.id, message.pop_receipt, visibility_timeout=lease_s)
            message.pop_receipt, pause_s = extended.pop_receipt, lease_s / 2
        except AzureError as error:
            _LOG.debug("Lease of message %s is not extended: %s", message.id, str(error).splitlines()[0])
            pause_s = lease_s * _SOON
