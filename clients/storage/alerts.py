"""What is remembered of each tenant's alerts, and how far they have been read."""

from dataclasses import dataclass

from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient
from pydantic import AwareDatetime

from clients.storage.documents import pack, readable, unpack_or
from clients.storage.rows import document_at, row_at
from clients.storage.together import TenantRows
from domain.alerts.record import AlertRecord

_FORMER_BOOK = "_book"


@dataclass(frozen=True, slots=True)
class Spent:
    """How many requests a tenant's allowance has been charged since *began*."""

    began: AwareDatetime
    requests: int = 0


@dataclass(frozen=True, slots=True)
class Book:
    """How far a tenant's alerts have been read: by their last change, and when all open ones were gone through.

    *marked*: there may be alerts that are to be read again, or that a person has to look at. *read_to*: the last that
    was read again, where more waited than one run reads.
    """

    watermark: AwareDatetime | None = None
    swept_at: AwareDatetime | None = None
    spent: Spent | None = None
    marked: bool = True
    read_to: str = ""


class AlertTable:
    """Table `alerts`: one partition a tenant, one row an alert."""

    def __init__(self, table: TableClient, rows: TenantRows) -> None:
        self._table = table
        self._rows = rows

    async def book(self, tenant_id: str) -> Book:
        """How far they were read. A former version kept it in this table, where it is left as it is.

        One that makes no sense is none: all that is open is gone through, and what was judged is known by its record.

        Raises:
            NewerRow: A later version wrote it.
        """
        row = await self._rows.get(tenant_id, "alerts") or await row_at(self._table, tenant_id, _FORMER_BOOK)
        return unpack_or(Book, row, Book()) if row else Book()

    async def set_book(self, tenant_id: str, book: Book, *, at_once: bool = False) -> None:
        """Keep it; unless *at_once*, a visit writes it with what else it keeps."""
        await self._rows.put(tenant_id, pack(*self._rows.named(tenant_id, "alerts"), book), at_once=at_once)

    async def get(self, tenant_id: str, alert_id: str) -> AlertRecord | None:
        """What is kept of one alert. Raises ValueError where that makes no sense, and NewerRow."""
        return await document_at(self._table, AlertRecord, tenant_id, alert_id)

    async def put(self, tenant_id: str, record: AlertRecord) -> None:
        """Keep *record*; those that are to be read again, or that a person has to look at, can be asked for."""
        entity = pack(tenant_id, record.id, record, again=record.again, standing=record.standing)
        await self._table.upsert_entity(entity, mode=UpdateMode.REPLACE)

    async def page(
        self, *, standing: bool, tenant_id: str = "", after: tuple[str, str] = ("", ""), limit: int = 100
    ) -> list[tuple[str, AlertRecord]]:
        """At most *limit* alerts with their tenants, by tenant, from after the one of tenant and id *after* on.

        *standing*: only those that a person has to look at. Rows that make no sense are left out.
        """
        found: list[tuple[str, AlertRecord]] = []
        condition = "RowKey ne @book" + (" and standing eq true" if standing else "")
        condition += " and PartitionKey eq @tenant" if tenant_id else " and PartitionKey ge @from"
        given = {"book": _FORMER_BOOK, "tenant": tenant_id, "from": after[0]}
        used = {name: value for name, value in given.items() if f"@{name}" in condition}
        async for row in self._table.query_entities(condition, parameters=used, results_per_page=min(limit + 1, 1000)):
            if (row["PartitionKey"], row["RowKey"]) > after and (record := readable(AlertRecord, row)):
                found.append((row["PartitionKey"], record))
            if len(found) == limit:
                break
        return found

    async def marked(self, tenant_id: str) -> list[AlertRecord]:
        """Those to be read again though they have not changed, and those that no person has settled.

        Rows that make no sense are left out.
        """
        query = self._table.query_entities(
            "PartitionKey eq @tenant and (again eq true or standing eq true)", parameters={"tenant": tenant_id}
        )
        return [record async for entity in query if (record := readable(AlertRecord, entity))]
