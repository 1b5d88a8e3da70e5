"""How far each tenant's audit feed has been read, and what others did there that may explain a drift."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Self

from azure.core.exceptions import ResourceExistsError
from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient
from pydantic import AwareDatetime

from clients.storage.documents import pack, readable, unpack_or
from clients.storage.rows import row_at
from clients.storage.together import TenantRows
from domain.audit.record import AuditRecord

_FORMER_BOOK = "_book"


@dataclass(frozen=True, slots=True)
class AuditBook:
    """Until when each content type has been listed, and when the parcels of it fetched of late came up, by id.

    *failed*: in how many visits a parcel could not be fetched, by id. *unlisted*: in how many visits a window of a
    content type could not be listed, by its end. *open*: there may be records without a drift.
    """

    until: dict[str, AwareDatetime] = field(default_factory=dict)
    fetched: dict[str, dict[str, AwareDatetime]] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)
    unlisted: dict[str, dict[AwareDatetime, int]] = field(default_factory=dict)
    open: bool = True

    def has(self, content_type: str, parcel: str) -> bool:
        """Whether the parcel of that id is settled: it was read, or will never be."""
        return parcel in self.fetched.get(content_type, {})

    def settling(self, content_type: str, parcel: str, created: datetime) -> Self:
        """This book once the parcel, which came up at *created*, is settled."""
        both = self.fetched.get(content_type, {}) | {parcel: created}
        failed = {each: visits for each, visits in self.failed.items() if each != parcel}
        return replace(self, fetched=self.fetched | {content_type: both}, failed=failed)

    def not_fetched(self, parcel: str) -> Self:
        """This book after one more visit in which the parcel could not be fetched."""
        return replace(self, failed=self.failed | {parcel: self.failed.get(parcel, 0) + 1})

    def visits_unlisted(self, content_type: str, end: datetime) -> int:
        """In how many visits the window up to *end* could not be listed."""
        return self.unlisted.get(content_type, {}).get(end, 0)

    def not_listed(self, content_type: str, end: datetime) -> Self:
        """This book after one more of those visits."""
        counted = self.unlisted.get(content_type, {}) | {end: self.visits_unlisted(content_type, end) + 1}
        return replace(self, unlisted=self.unlisted | {content_type: counted})

    def passing(self, content_type: str, end: datetime, again_from: datetime) -> Self:
        """This book once all before *end* is settled; only what may be listed again is remembered of it."""
        fetched, unlisted = self.fetched.get(content_type, {}), self.unlisted.get(content_type, {})
        parcels = {parcel: created for parcel, created in fetched.items() if created >= again_from}
        windows = {window: visits for window, visits in unlisted.items() if window > again_from}
        return replace(
            self,
            until=self.until | {content_type: end},
            fetched=self.fetched | {content_type: parcels},
            unlisted=self.unlisted | {content_type: windows},
        )


class AuditTable:
    """Table `audit`: one partition a tenant, one row a record that is not explained yet or was lately."""

    def __init__(self, table: TableClient, rows: TenantRows) -> None:
        self._table = table
        self._rows = rows

    async def book(self, tenant_id: str) -> AuditBook:
        """How far they were read. A former version kept it in this table, where it is left as it is.

        One that makes no sense is none: the last day is read again, of which each record is kept once.

        Raises:
            NewerRow: A later version wrote it.
        """
        row = await self._rows.get(tenant_id, "audit") or await row_at(self._table, tenant_id, _FORMER_BOOK)
        return unpack_or(AuditBook, row, AuditBook()) if row else AuditBook()

    async def set_book(self, tenant_id: str, book: AuditBook, *, at_once: bool = False) -> None:
        """Keep it; unless *at_once*, a visit writes it with what else it keeps."""
        await self._rows.put(tenant_id, pack(*self._rows.named(tenant_id, "audit"), book), at_once=at_once)

    async def add(self, tenant_id: str, record: AuditRecord) -> bool:
        """Keep *record*. False when it is kept already: the feed repeats records by design."""
        try:
            await self._table.create_entity(pack(tenant_id, record.id, record, open=True))
        except ResourceExistsError:
            return False
        return True

    async def open(self, tenant_id: str) -> list[AuditRecord]:
        """The records that no drift has been found for, less those that make no sense."""
        query = self._table.query_entities("PartitionKey eq @tenant and open eq true", parameters={"tenant": tenant_id})
        return [record async for entity in query if (record := readable(AuditRecord, entity))]

    async def settle(self, tenant_id: str, record: AuditRecord) -> None:
        """*record* is explained, or too old to be."""
        await self._table.upsert_entity(pack(tenant_id, record.id, record, open=False), mode=UpdateMode.REPLACE)
