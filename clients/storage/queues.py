"""The queues, as plain text (host.json, messageEncoding none): also what is no message of ours reaches a handler."""

import asyncio
from contextlib import suppress
from datetime import timedelta

from azure.core.exceptions import ResourceExistsError
from azure.storage.queue.aio import QueueClient, QueueServiceClient

from clients import telemetry
from clients.http import Clock, utc_now
from domain.jobs import (
    CheckTenant,
    Message,
    Notify,
    ReadAudit,
    ReadTicket,
    RemediateTenant,
    TicketRequest,
    TriageAlerts,
)

LONGEST_DELAY_S = 7 * 24 * 3600 - 1
"""A message cannot be hidden for longer than seven days (Put Message, Azure Storage REST)."""


class Queues:
    """The work queues of one account, by name."""

    def __init__(self, service: QueueServiceClient, names: tuple[str, ...], now: Clock = utc_now) -> None:
        self._now = now
        self._clients: dict[str, QueueClient] = {name: service.get_queue_client(name) for name in names}

    async def create(self) -> None:
        await asyncio.gather(*(_create(client) for client in self._clients.values()))

    async def check(self, job: CheckTenant, *, delay_s: float = 0, keep_s: int | None = None) -> None:
        """Ask for a check after *delay_s*; a message older than *keep_s* is worth nothing and expires."""
        await self._send("checks", job, delay_s, keep_s)

    async def remediate(self, job: RemediateTenant, *, delay_s: float = 0) -> None:
        await self._send("remediations", job, delay_s, None)

    async def alerts(self, job: TriageAlerts | ReadAudit, *, delay_s: float = 0, keep_s: int | None = None) -> None:
        """Ask for a look at what a tenant's security services say, as *check* does."""
        await self._send("alerts", job, delay_s, keep_s)

    async def ticket(self, job: ReadTicket | TicketRequest, *, delay_s: float = 0) -> None:
        await self._send("tickets", job, delay_s, None)

    async def notify(self, job: Notify, *, delay_s: float = 0) -> None:
        await self._send("notifications", job, delay_s, None)

    async def depths(self) -> dict[str, int]:
        """About how many messages each queue holds, those that are not due yet included."""
        found = await asyncio.gather(*(client.get_queue_properties() for client in self._clients.values()))
        return {name: each.approximate_message_count or 0 for name, each in zip(self._clients, found, strict=True)}

    async def _send(self, queue: str, job: Message, delay_s: float, keep_s: int | None) -> None:
        delay = min(int(delay_s), LONGEST_DELAY_S)
        body = telemetry.stamped(job, self._now() + timedelta(seconds=delay)).body
        await self._clients[queue].send_message(body, visibility_timeout=delay, time_to_live=keep_s)


async def _create(client: QueueClient) -> None:
    with suppress(ResourceExistsError):
        await client.create_queue()
