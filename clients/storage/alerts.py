"""What is remembered of each tenant's alerts, and how far they have been read."""

from dataclasses import dataclass

from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient
from pydantic import AwareDatetime

from clients.storage.documents import pack, unpack
from domain.alerts.record import AlertRecord

_BOOK = "_book"


@dataclass(frozen=True, slots=True)
class Spent:
    """How many requests a tenant's allowance has been charged since *began*."""

    began: AwareDatetime
    requests: int = 0


@dataclass(frozen=True, slots=True)
class Book:
    """How far a tenant's alerts have been read: by their last change, and when all open ones were gone through."""

    watermark: AwareDatetime | None = None
    swept_at: AwareDatetime | None = None
    spent: Spent | None = None


class AlertTable:
    """Table `alerts`: one partition a tenant, one row an alert."""

    def __init__(self, table: TableClient) -> None:
        self._table = table

    async def book(self, tenant_id: str) -> Book:
        try:
            return unpack(Book, await self._table.get_entity(tenant_id, _BOOK))
        except ResourceNotFoundError:
            return Book()

    async def set_book(self, tenant_id: str, book: Book) -> None:
        await self._table.upsert_entity(pack(tenant_id, _BOOK, book), mode=UpdateMode.REPLACE)

    async def get(self, tenant_id: str, alert_id: str) -> AlertRecord | None:
        try:
            return unpack(AlertRecord, await self._table.get_entity(tenant_id, alert_id))
        except ResourceNotFoundError:
            return None

    async def put(self, tenant_id: str, record: AlertRecord) -> None:
        """Keep *record*; those that are to be read again, or that a person has to look at, can be asked for."""
        entity = pack(tenant_id, record.id, record, again=record.again, standing=record.standing)
        await self._table.upsert_entity(entity, mode=UpdateMode.REPLACE)

    async def waiting(self, tenant_id: str) -> list[AlertRecord]:
        """Those to be read again though they have not changed."""
        return await self._where(tenant_id, "again eq true")

    async def standing(self, tenant_id: str) -> list[AlertRecord]:
        """Those with mail that got round the filter, which no person has settled."""
        return await self._where(tenant_id, "standing eq true")

    async def _where(self, tenant_id: str, condition: str) -> list[AlertRecord]:
        query = self._table.query_entities(f"PartitionKey eq @tenant and {condition}", parameters={"tenant": tenant_id})
        return [unpack(AlertRecord, entity) async for entity in query]
