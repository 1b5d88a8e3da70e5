"""What the service remembers, in Azure Storage: tables, queues and leases of one account."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from contextlib import AsyncExitStack
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import HttpResponseError
from azure.core.settings import settings as azure_settings
from azure.data.tables.aio import TableServiceClient
from azure.storage.queue.aio import QueueServiceClient

from clients.http import Clock, utc_now
from clients.storage.alerts import AlertTable
from clients.storage.anchors import Anchors
from clients.storage.audit import AuditTable
from clients.storage.backup import BackupStore
from clients.storage.chains import ChainTable
from clients.storage.due import DueTable
from clients.storage.evidence import EvidenceStore
from clients.storage.fleet import FleetTable
from clients.storage.fleet_index import FleetIndex
from clients.storage.heads import HeadTable
from clients.storage.leases import Leases
from clients.storage.ledger import LedgerTable
from clients.storage.notices import NoticeTable
from clients.storage.objectives import ObjectiveTable
from clients.storage.operations import OperationTable
from clients.storage.parked import ParkedTable
from clients.storage.queues import Queues
from clients.storage.recent import RecentTable
from clients.storage.rests import RestTable
from clients.storage.states import StateTable
from clients.storage.switches import SwitchTable, has_rows
from clients.storage.tenants import TenantTable
from clients.storage.tickets import TicketTable
from clients.storage.together import TenantRows
from clients.storage.traces import TraceTable
from clients.storage.unfinished import UnfinishedTable
from clients.storage.vanished import MendingTransport
from clients.storage.waves import WaveTable
from clients.storage.written import WrittenTable
from domain.incident import service_entry
from domain.jobs import QUEUES

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure.storage.blob.aio import BlobServiceClient

    from clients.settings import Settings

log = logging.getLogger("holdfast.storage")

_LEDGER = "ledger"
LEDGER_VANISHED = "the ledger had vanished and was made again: see what became of it, then release the brake"

CONTAINERS = ("leases", "anchors", "evidence")
TABLES = (
    "tenants",
    "tickets",
    "states",
    "operations",
    "ledger",
    "heads",
    "parked",
    "switches",
    "written",
    "alerts",
    "audit",
    "fleet",
    "waves",
)


class Storage:
    """One storage account, opened. Close it with *aclose*."""

    def __init__(
        self,
        tables: TableServiceClient,
        queues: QueueServiceClient,
        blobs: Callable[[], BlobServiceClient],
        now: Clock = utc_now,
    ) -> None:
        self._stack = AsyncExitStack()
        self._mending = defaultdict[str, asyncio.Lock](asyncio.Lock)
        self._now = now
        self._tables, self._queues, self._blobs = tables, queues, blobs
        self.chains = ChainTable(tables.get_table_client("ledger"), HeadTable(tables.get_table_client("heads")))
        self.recent = RecentTable(tables.get_table_client("fleet"))
        self.ledger = LedgerTable(tables.get_table_client("ledger"), self.chains, self.recent)
        self.fleet = FleetTable(tables.get_table_client("fleet"))
        self.index = FleetIndex(tables.get_table_client("fleet"), now)
        self.tenants = TenantTable(tables.get_table_client("tenants"), self.ledger, self.index, now)
        states = tables.get_table_client("states")
        self.rows = TenantRows(states, self.index)
        self.states = StateTable(states, self.rows, self.ledger, self.index)
        self.traces = TraceTable(states)
        self.due = DueTable(tables.get_table_client("fleet"))
        self.rests = RestTable(self.rows)
        self.unfinished = UnfinishedTable(tables.get_table_client("fleet"))
        self.operations = OperationTable(tables.get_table_client("operations"), self.recent)
        self.parked = ParkedTable(tables.get_table_client("parked"))
        self.switches = SwitchTable(tables.get_table_client("switches"), self.ledger)
        self.tickets = TicketTable(tables.get_table_client("tickets"))
        self.notices = NoticeTable(tables.get_table_client("tickets"))
        self.written = WrittenTable(tables.get_table_client("written"))
        self.alerts = AlertTable(tables.get_table_client("alerts"), self.rows)
        self.audit = AuditTable(tables.get_table_client("audit"), self.rows)
        self.objectives = ObjectiveTable(tables.get_table_client("fleet"))
        self.backup = BackupStore(tables)
        self.waves = WaveTable(tables.get_table_client("waves"), self.ledger)
        self.queues = Queues(queues)

    @cached_property
    def _blobs_client(self) -> BlobServiceClient:
        """Opened when it is first needed: most functions need no blob, nor to wait for the SDK to be loaded."""
        client = self._blobs()
        self._stack.push_async_callback(client.close)
        return client

    @cached_property
    def leases(self) -> Leases:
        return Leases(self._blobs_client.get_container_client("leases"))

    @cached_property
    def anchors(self) -> Anchors:
        return Anchors(self._blobs_client.get_container_client("anchors"))

    @cached_property
    def evidence(self) -> EvidenceStore:
        return EvidenceStore(self._blobs_client.get_container_client("evidence"))

    async def open(self) -> None:
        """Connect, and create what does not exist yet: also the brake, before anything else is written."""
        for client in (self._tables, self._queues):
            await self._stack.enter_async_context(client)
        try:
            created, _ = await asyncio.gather(asyncio.gather(*map(self._create, TABLES)), self.queues.create())
            tenants = self._tables.get_table_client("tenants")
            await self.switches.begin(tenants, self._tables.get_table_client(_LEDGER))
            if created[TABLES.index(_LEDGER)] and await has_rows(tenants):
                await self.switches.engage(LEDGER_VANISHED, self._now())
                await self._tell_vanished()
        except BaseException:
            await self.aclose()
            raise

    async def make_again(self, name: str) -> bool:
        """Make the table or queue *name*, which vanished, if it is one of ours.

        A ledger comes back braked: nothing is written before a person has looked at what is not known any more. Others
        that vanished with it are made again on the way, each under a lock of its own.
        """
        if name not in TABLES and name not in QUEUES:
            return False
        async with self._mending[name]:
            log.error("vanished name=%s: made again", name)
            if name in QUEUES:
                await self.queues.create()
            elif name == _LEDGER:
                await self.switches.engage(LEDGER_VANISHED, self._now())
                if await self._create(name):
                    await self._tell_vanished()
            else:
                await self._create(name)
        return True

    async def _create(self, table: str) -> bool:
        """Create a table. Returns whether that was done: one is there, or is still being deleted."""
        try:
            await self._tables.create_table(table)
        except HttpResponseError as error:
            if error.status_code != HTTPStatus.CONFLICT:
                raise
            return False
        return True

    async def _tell_vanished(self) -> None:
        told = service_entry("brake_engaged", self._now(), detail=LEDGER_VANISHED)
        await self.ledger.append(told, announced=False)

    async def aclose(self) -> None:
        await self._stack.aclose()


_HABITS: dict[str, Any] = {
    # The SDKs wait 15 s before their first retry; a check is over long before. Names differ between their generations.
    "retry_total": 3,
    "initial_backoff": 1,
    "increment_base": 2,
    "retry_backoff_factor": 0.5,
}


_BLOB_HABITS: dict[str, Any] = {"use_env_settings": False}
"""As of `MendingTransport`, which blobs do without: leases make their container again by themselves."""


async def open_storage(settings: Settings, *, now: Clock = utc_now) -> Storage:
    """Open the account that the settings name: by connection string, or by managed identity."""
    azure_settings.tracing_enabled = False  # else each call asks the environment several times whether it should trace
    tables, queues = MendingTransport(), MendingTransport()
    if settings.storage:
        storage = Storage(
            TableServiceClient.from_connection_string(settings.storage, transport=tables, **_HABITS),
            QueueServiceClient.from_connection_string(settings.storage, transport=queues, **_HABITS),
            lambda: _blobs().from_connection_string(settings.storage, **_HABITS, **_BLOB_HABITS),
            now,
        )
    else:
        # Only where there is a managed identity: it is a quarter of the time that importing the app takes.
        from azure.identity.aio import ManagedIdentityCredential  # noqa: PLC0415

        credential = ManagedIdentityCredential(client_id=settings.storage_identity or None)
        storage = Storage(
            TableServiceClient(settings.storage_url("table"), credential=credential, transport=tables, **_HABITS),
            QueueServiceClient(settings.storage_url("queue"), credential=credential, transport=queues, **_HABITS),
            lambda: _blobs()(settings.storage_url("blob"), credential=credential, **_HABITS, **_BLOB_HABITS),
            now,
        )
        storage._stack.push_async_exit(credential)  # noqa: SLF001 - its own constructor's helper
    tables.make_again = queues.make_again = storage.make_again
    await storage.open()
    return storage


def _blobs() -> type[BlobServiceClient]:
    # A sixth of the time that importing the app takes.
    from azure.storage.blob.aio import BlobServiceClient  # noqa: PLC0415

    return BlobServiceClient
