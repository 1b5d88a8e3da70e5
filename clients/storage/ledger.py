"""The ledger: append-only, one partition a tenant, row keys that sort newest first, each entry linked to a chain."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterable, Sequence
from datetime import datetime
from typing import Any, Protocol

from azure.data.tables.aio import TableClient

from clients import telemetry
from clients.storage.chains import LAST_ENTRY, ChainTable
from clients.storage.documents import pack, readable, unpack, unpack_or
from clients.storage.recent import RecentTable
from clients.storage.rows import document_at, row_at
from domain.ledger import Entry, LedgerEvent, row_key


class Listener(Protocol):
    """Who wants to know that a tenant's ledger grows: asked before, and told after."""

    async def expect(self, tenant_id: str) -> None: ...

    async def announce(self, tenant_id: str) -> None: ...


class LedgerTable:
    """Table `ledger`. *listener*: set where somebody is to be told of what is new."""

    def __init__(self, table: TableClient, chains: ChainTable, recent: RecentTable) -> None:
        self._table = table
        self._chains = chains
        self._recent = recent
        self.listener: Listener | None = None

    async def append(self, *entries: Entry, announced: bool = True) -> None:
        """Add *entries* of one tenant, in their order. Adding one again changes nothing; none is changed or removed.

        *announced*: somebody is to be told of them by themselves, not only with the next that is.
        """
        if not entries:
            return
        tenant_id = entries[0].tenant_id
        listener = self.listener if announced else None
        if listener:
            await listener.expect(tenant_id)
        end, _ = await asyncio.gather(self._chains.end(tenant_id), self._recent.note_entries(entries))
        added = await self._chains.add(tenant_id, end, [_row(each) for each in entries], entries[-1].at)
        for each in entries:
            if each.id in added:
                telemetry.count_entry(each)
        if listener and added:
            await listener.announce(tenant_id)

    async def ensure(self, entries: Sequence[Entry], *, announced: bool = True) -> None:
        """Add *entries* that a crash may have left out: one request where it left out none."""
        if entries and not await self._chains.has(entries[-1].tenant_id, entries[-1].id):
            await self.append(*entries, announced=announced)

    async def get(self, tenant_id: str, entry_id: str) -> Entry | None:
        return await document_at(self._table, Entry, tenant_id, entry_id)

    async def readable(self, tenant_id: str, entry_id: str) -> Entry | None:
        """As `get`, and None for one that makes no sense, which is logged: to tell people, not to decide."""
        entity = await row_at(self._table, tenant_id, entry_id)
        return unpack_or(Entry, entity, None) if entity else None

    async def page(self, tenant_id: str, *, after: str = "", limit: int = 100) -> list[Entry]:
        """At most *limit* entries of a tenant, newest first, older than the entry with id *after*.

        One that makes no sense is left out, and logged: the chain shows it.
        """
        query = self._table.query_entities(
            "PartitionKey eq @tenant and RowKey gt @after and RowKey lt @last",
            parameters={"tenant": tenant_id, "after": after, "last": LAST_ENTRY},
            results_per_page=limit,
        )
        entries: list[Entry] = []
        async for entity in query:
            entries += filter(None, [unpack_or(Entry, entity, None)])
            if len(entries) == limit:
                break
        return entries

    async def since(self, tenant_id: str, since: datetime) -> list[Entry]:
        """Every entry of a tenant from *since* on, oldest first."""
        entries = [unpack(Entry, entity) async for entity in self._since(tenant_id, since)]
        return entries[::-1]

    async def readable_since(self, tenant_id: str, since: datetime) -> list[Entry]:
        """As `since`, without what makes no sense, which is logged: to tell people, not to decide. Raises NewerRow."""
        found = [unpack_or(Entry, entity, None) async for entity in self._since(tenant_id, since)]
        return [each for each in reversed(found) if each]

    def _since(self, tenant_id: str, since: datetime) -> AsyncIterable[dict[str, Any]]:
        return self._table.query_entities(
            "PartitionKey eq @tenant and RowKey lt @since",
            parameters={"tenant": tenant_id, "since": f"{row_key(since)}~"},
        )

    async def events(self, tenant_id: str, since: datetime, *events: LedgerEvent) -> list[Entry]:
        """The tenant's entries of *events* since then, newest first."""
        return [unpack(Entry, entity) async for entity in self._of(events, tenant_id, since)]

    async def readable_events(self, tenant_id: str, since: datetime, *events: LedgerEvent) -> list[Entry]:
        """As `events`, without what makes no sense to this version, which is logged: to tell people, not to decide."""
        found = [readable(Entry, entity) async for entity in self._of(events, tenant_id, since)]
        return [each for each in found if each]

    def _of(self, events: Sequence[LedgerEvent], tenant_id: str, since: datetime) -> AsyncIterable[dict[str, Any]]:
        either = " or ".join(f"event eq '{event}'" for event in events)
        return self._table.query_entities(
            f"PartitionKey eq @tenant and RowKey lt @since and ({either})",
            parameters={"tenant": tenant_id, "since": row_key(since)},
        )

    async def put_back(self, tenant_id: str, control: str, since: datetime) -> Counter[str]:
        """How often each field of *control* was put back since *since*."""
        query = self._table.query_entities(
            "PartitionKey eq @tenant and RowKey lt @since and control eq @control and event eq 'corrected'",
            parameters={"tenant": tenant_id, "since": row_key(since), "control": control},
        )
        entries = [unpack(Entry, entity) async for entity in query]
        return Counter(drift.field for entry in entries for drift in entry.drift)


def _row(entry: Entry) -> dict[str, object]:
    return pack(entry.tenant_id, entry.id, entry, control=entry.control, event=entry.event)
