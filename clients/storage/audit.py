"""How far each tenant's audit feed has been read, and what others did there that may explain a drift."""

from dataclasses import dataclass, field

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient
from pydantic import AwareDatetime

from clients.storage.documents import pack, unpack
from domain.audit.record import AuditRecord

_BOOK = "_book"


@dataclass(frozen=True, slots=True)
class AuditBook:
    """Until when each content type has been listed, and when the parcels of it fetched of late came up, by id."""

    until: dict[str, AwareDatetime] = field(default_factory=dict)
    fetched: dict[str, dict[str, AwareDatetime]] = field(default_factory=dict)


class AuditTable:
    """Table `audit`: one partition a tenant, one row a record that is not explained yet or was lately."""

    def __init__(self, table: TableClient) -> None:
        self._table = table

    async def book(self, tenant_id: str) -> AuditBook:
        try:
            return unpack(AuditBook, await self._table.get_entity(tenant_id, _BOOK))
        except ResourceNotFoundError:
            return AuditBook()

    async def set_book(self, tenant_id: str, book: AuditBook) -> None:
        await self._table.upsert_entity(pack(tenant_id, _BOOK, book), mode=UpdateMode.REPLACE)

    async def add(self, tenant_id: str, record: AuditRecord) -> bool:
        """Keep *record*. False when it is kept already: the feed repeats records by design."""
        try:
            await self._table.create_entity(pack(tenant_id, record.id, record, open=True))
        except ResourceExistsError:
            return False
        return True

    async def open(self, tenant_id: str) -> list[AuditRecord]:
        """The records that no drift has been found for."""
        query = self._table.query_entities("PartitionKey eq @tenant and open eq true", parameters={"tenant": tenant_id})
        return [unpack(AuditRecord, entity) async for entity in query]

    async def settle(self, tenant_id: str, record: AuditRecord) -> None:
        """*record* is explained, or too old to be."""
        await self._table.upsert_entity(pack(tenant_id, record.id, record, open=False), mode=UpdateMode.REPLACE)
