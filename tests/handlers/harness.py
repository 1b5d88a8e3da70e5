"""The whole service without its host: real queues and tables, a real DNS server, Microsoft 365 simulated behind respx.

Queue messages are received and handed to the handlers by the tests, so that a test decides what is delivered, how
often and in which order. Time is a clock that tests turn; nothing is waited for.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import respx
from azure.data.tables.aio import TableServiceClient
from azure.storage.blob.aio import BlobServiceClient
from azure.storage.queue.aio import QueueServiceClient

from clients.connect import Clients, connect
from clients.settings import load
from clients.storage import TABLES
from clients.storage.tenants import TenantRow
from domain.fleet import Cursor, LookName
from domain.jobs import QUEUES, CheckTenant, RemediateTenant
from domain.ledger import Entry
from domain.mx_moves import MxMemories, MxMemory
from domain.states import ControlState
from domain.tenant import TenantConfig
from handlers.delivery import deliver
from handlers.loop import gauges, tick
from simulator.dns import DnsServer
from simulator.tenant import Tenant
from simulator.world import World
from tests.mount import mount

DEV_KEY = "the-key-named-dev"
START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@dataclass
class Clock:
    """A clock that tests turn by hand; every look at it is a microsecond later, as real ones are."""

    time: datetime = START
    _tick: timedelta = timedelta(microseconds=1)

    def __call__(self) -> datetime:
        self.time += self._tick
        return self.time

    def advance(self, **duration: float) -> None:
        self.time += timedelta(**duration)


@dataclass(eq=False)
class Service:
    """Holdfast, as its triggers see it. *microsoft*: where its requests to Microsoft arrive; *web*: all others."""

    clients: Clients
    clock: Clock
    world: World
    queues: QueueServiceClient
    microsoft: respx.Route
    web: respx.Router

    async def look_after(self, tenant: Tenant, *, known: bool = True, **config: Any) -> None:
        """Put the tenant's config in place, as `PUT /tenants/{tenant_id}` does.

        *known*: it has been looked after for long, with its MX at the filter. The fleet has been counted once.
        """
        base = {"tenant_id": tenant.tenant_id, "name": tenant.initial_domain, "initial_domain": tenant.initial_domain}
        parsed = TenantConfig.model_validate(base | config)
        tenants = self.clients.storage.tenants
        if kept := await tenants.find(tenant.tenant_id):
            await tenants.replace(kept._replace(config=parsed))
        else:
            newest = self.clients.profiles.newest.get(parsed.profile)
            await tenants.create(TenantRow(parsed, profile_version=newest.version if newest else ""))
        await self.count()
        states = await self.clients.storage.states.load(tenant.tenant_id)
        if known and states.etag is None:
            await self.clients.storage.states.save(tenant.tenant_id, states.remembering(self._long_ago(tenant)))

    def _long_ago(self, tenant: Tenant) -> MxMemories:
        now = self.clock()
        memory = MxMemory(at_filter=True, until=now - timedelta(days=1), seen_at=now - timedelta(minutes=20))
        return MxMemories(domains=dict.fromkeys(tenant.domains, memory))

    async def messages(self, queue: str) -> list[bytes]:
        """Take every message that is visible on *queue*."""
        client = self.queues.get_queue_client(queue)
        taken = []
        async with client:
            async for message in client.receive_messages(messages_per_page=32):
                taken.append(message.content.encode())
                await client.delete_message(message)
        return taken

    async def hidden(self, queue: str) -> int:
        """How many messages wait on *queue* for their time."""
        async with self.queues.get_queue_client(queue) as client:
            return (await client.get_queue_properties()).approximate_message_count or 0

    async def work(self) -> None:
        """Deliver what is on the queues, once each, until nothing is left to deliver."""
        while bodies := await self.messages("checks"):
            for body in bodies:
                await deliver("checks", body, self.clients)
        while bodies := await self.messages("remediations"):
            for body in bodies:
                await deliver("remediations", body, self.clients)

    async def sweep(self) -> None:
        """Every tenant is due in both lanes, and what that asks for is done."""
        await self.ask("fast", "slow")
        await self.work()

    async def ask(self, *looks: LookName) -> None:
        """A tick in which every tenant is due for *looks*."""
        fleet = await self.clients.storage.index.all()
        tenants = {tenant_id: each for tenant_id, each in fleet.items() if each.enabled}
        await tick.ask(dict.fromkeys(tenants, looks), self.clients.now(), self.clients)
        await tick.enqueue_due(self.clients)
        await self.count()
        await gauges.measure(tenants, self.clients.now(), self.clients)

    async def count(self) -> None:
        """Keep how many tenants there are, as a tick does, and nothing else of what it does."""
        fleet = self.clients.storage.fleet
        cursor, version = await fleet.cursor() or (Cursor(done=self.clock()), None)
        await fleet.move(replace(cursor, tenants=len(await self.clients.storage.index.all()), counted=True), version)

    async def check(self, tenant: Tenant, **job: Any) -> None:
        await deliver("checks", CheckTenant(tenant_id=tenant.tenant_id, **job).body.encode(), self.clients)

    async def remediate(self, tenant: Tenant, *controls: str, **job: Any) -> None:
        body = RemediateTenant(tenant_id=tenant.tenant_id, controls=controls, **job).body
        await deliver("remediations", body.encode(), self.clients)

    async def state(self, tenant: Tenant, control: str) -> ControlState:
        return (await self.clients.storage.states.load(tenant.tenant_id)).of(control)

    async def states(self, tenant: Tenant) -> dict[str, str]:
        loaded = await self.clients.storage.states.load(tenant.tenant_id)
        return {control: state.state for control, state in loaded.controls.items()}

    async def ledger(self, tenant: Tenant, control: str | None = None) -> list[Entry]:
        """The tenant's entries, oldest first."""
        entries = await self.clients.storage.ledger.page(tenant.tenant_id, limit=1000)
        return [entry for entry in reversed(entries) if control in (None, entry.control)]


@asynccontextmanager
async def holdfast(azurite_connection: str, **environment: str) -> AsyncIterator[Service]:
    """The service on the storage account of *azurite_connection*; *environment*: settings beside the usual ones."""
    clock = Clock()
    world = World(clock=clock)
    with respx.mock(assert_all_called=False) as router:
        microsoft = mount(router, world)
        async with (
            DnsServer(world.dns) as server,
            QueueServiceClient.from_connection_string(azurite_connection) as queues,
        ):
            usual = {
                "AzureWebJobsStorage": azurite_connection,
                "HOLDFAST_DEV_KEY": DEV_KEY,
                "HOLDFAST_CLIENT_ID": world.client_id,
                "HOLDFAST_CLIENT_SECRET": world.client_secret,
                "HOLDFAST_DNS_SERVERS": server.address,
                "HOLDFAST_FAST_SCHEDULE": "0 */5 * * * *",
                "HOLDFAST_SLOW_SCHEDULE": "0 */15 * * * *",
                "HOLDFAST_ALERTS_SCHEDULE": "30 */5 * * * *",
                "HOLDFAST_AUDIT_SCHEDULE": "45 */5 * * * *",
            }
            clients = replace(await connect(load(usual | environment), now=clock), rereads_s=(0, 0, 0, 0))
            service = Service(clients, clock, world, queues, microsoft, router)
            try:
                yield service
            finally:
                await service.clients.aclose()


async def empty(azurite_connection: str) -> None:
    """Leave nothing in tables, queues and containers for the next test."""
    async with (
        TableServiceClient.from_connection_string(azurite_connection) as tables,
        QueueServiceClient.from_connection_string(azurite_connection) as queues,
        BlobServiceClient.from_connection_string(azurite_connection) as blobs,
    ):
        for name in TABLES:
            table = tables.get_table_client(name)
            async for entity in table.list_entities(select=["PartitionKey", "RowKey"]):
                await table.delete_entity(entity["PartitionKey"], entity["RowKey"])
        for queue in QUEUES:
            await queues.get_queue_client(queue).clear_messages()
        for kept in map(blobs.get_container_client, ("anchors", "evidence")):
            names = [name async for name in kept.list_blob_names()] if await kept.exists() else []
            for name in names:
                await kept.delete_blob(name)
