"""The ledger: append-only, one partition a tenant, row keys that sort newest first."""

from collections import Counter
from contextlib import suppress
from datetime import datetime
from typing import Protocol

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.data.tables.aio import TableClient

from clients import telemetry
from clients.storage.documents import pack, unpack
from domain.ledger import Entry, LedgerEvent, row_key


class Listener(Protocol):
    """Who wants to know that a tenant's ledger grows: asked before, and told after."""

    async def expect(self, tenant_id: str) -> None: ...

    async def announce(self, tenant_id: str) -> None: ...


class LedgerTable:
    """Table `ledger`. *listener*: set where somebody is to be told of what is new."""

    def __init__(self, table: TableClient) -> None:
        self._table = table
        self.listener: Listener | None = None

    async def append(self, entry: Entry, *, announced: bool = True) -> None:
        """Add *entry*. Adding it again changes nothing, and nothing is ever changed or taken away.

        *announced*: somebody is to be told of it by itself, not only with the next that is.
        """
        listener = self.listener if announced else None
        columns = {"control": entry.control, "event": entry.event}
        if listener:
            await listener.expect(entry.tenant_id)
        with suppress(ResourceExistsError):
            await self._table.create_entity(pack(entry.tenant_id, entry.id, entry, **columns))
            telemetry.count_entry(entry)
            if listener:
                await listener.announce(entry.tenant_id)

    async def get(self, tenant_id: str, entry_id: str) -> Entry | None:
        try:
            return unpack(Entry, await self._table.get_entity(tenant_id, entry_id))
        except ResourceNotFoundError:
            return None

    async def page(self, tenant_id: str, *, after: str = "", limit: int = 100) -> list[Entry]:
        """At most *limit* entries of a tenant, newest first, older than the entry with id *after*."""
        query = self._table.query_entities(
            "PartitionKey eq @tenant and RowKey gt @after",
            parameters={"tenant": tenant_id, "after": after},
            results_per_page=limit,
        )
        entries: list[Entry] = []
        async for entity in query:
            entries.append(unpack(Entry, entity))
            if len(entries) == limit:
                break
        return entries

    async def since(self, tenant_id: str, since: datetime) -> list[Entry]:
        """Every entry of a tenant from *since* on, oldest first."""
        query = self._table.query_entities(
            "PartitionKey eq @tenant and RowKey lt @since",
            parameters={"tenant": tenant_id, "since": f"{row_key(since)}~"},
        )
        entries = [unpack(Entry, entity) async for entity in query]
        return entries[::-1]

    async def events(self, tenant_id: str, since: datetime, *events: LedgerEvent) -> list[Entry]:
        """The tenant's entries of *events* since then, newest first."""
        either = " or ".join(f"event eq '{event}'" for event in events)
        query = self._table.query_entities(
            f"PartitionKey eq @tenant and RowKey lt @since and ({either})",
            parameters={"tenant": tenant_id, "since": row_key(since)},
        )
        return [unpack(Entry, entity) async for entity in query]

    async def put_back(self, tenant_id: str, control: str, since: datetime) -> Counter[str]:
        """How often each field of *control* was put back since *since*."""
        query = self._table.query_entities(
            "PartitionKey eq @tenant and RowKey lt @since and control eq @control and event eq 'corrected'",
            parameters={"tenant": tenant_id, "since": row_key(since), "control": control},
        )
        entries = [unpack(Entry, entity) async for entity in query]
        return Counter(drift.field for entry in entries for drift in entry.drift)
