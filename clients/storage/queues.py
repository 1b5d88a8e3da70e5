"""The queues, as plain text (host.json, messageEncoding none): also what is no message of ours reaches a handler."""

import asyncio
from contextlib import AsyncExitStack, suppress
from datetime import timedelta

from azure.core.exceptions import ResourceExistsError
from azure.storage.queue.aio import QueueClient, QueueServiceClient

from clients import telemetry
from clients.account import Account
from clients.http import Clock, utc_now
from domain.jobs import QUEUES, Message, QueueName

LONGEST_DELAY_S = 7 * 24 * 3600 - 1
"""A message cannot be hidden for longer than seven days (Put Message, Azure Storage REST)."""

FOR_EVER = -1
"""Time to live of a message that must not be lost; without one it would be seven days (Put Message)."""


class Queues:
    """The work queues of one account, by name."""

    def __init__(self, service: QueueServiceClient, now: Clock = utc_now) -> None:
        self._now = now
        self._clients: dict[QueueName, QueueClient] = {name: service.get_queue_client(name) for name in QUEUES}

    async def create(self) -> None:
        await asyncio.gather(*(_create(client) for client in self._clients.values()))

    async def send(self, job: Message, *, delay_s: float = 0) -> None:
        """Put *job* on its queue, to show after *delay_s*. It never expires."""
        delay = min(int(delay_s), LONGEST_DELAY_S)
        stamped = telemetry.stamped(job, self._now() + timedelta(seconds=delay))
        await self.put(job.queue, stamped.body, delay_s=delay)

    async def put(self, queue: QueueName, body: str, *, delay_s: int = 0) -> None:
        """Put a message on *queue* as it is, of whatever version."""
        await self._clients[queue].send_message(body, visibility_timeout=delay_s, time_to_live=FOR_EVER)

    async def depths(self) -> dict[str, int]:
        """About how many messages each queue holds, those that are not due yet included."""
        found = await asyncio.gather(*(client.get_queue_properties() for client in self._clients.values()))
        return {name: each.approximate_message_count or 0 for name, each in zip(self._clients, found, strict=True)}


async def put_back(account: Account, queue: str, body: bytes, delay_s: int) -> None:
    """Put *body* on *queue*, to show after *delay_s*: by the *account* alone, for an app that has no other settings."""
    async with AsyncExitStack() as stack:
        if account.storage:
            service = QueueServiceClient.from_connection_string(account.storage)
        else:
            # Only where there is a managed identity: it is a quarter of the time that importing the app takes.
            from azure.identity.aio import ManagedIdentityCredential  # noqa: PLC0415

            identity = ManagedIdentityCredential(client_id=account.storage_identity or None)
            credential = await stack.enter_async_context(identity)
            service = QueueServiceClient(account.storage_url("queue"), credential=credential)
        client = (await stack.enter_async_context(service)).get_queue_client(queue)
        await client.send_message(body.decode(), visibility_timeout=delay_s, time_to_live=FOR_EVER)


async def _create(client: QueueClient) -> None:
    with suppress(ResourceExistsError):
        await client.create_queue()
