"""What is remembered of tickets, and which tenants have something untold.

| partition | row | holds |
|---|---|---|
| `cause <tenant id>` | control | the ticket of a cause |
| `told` | tenant id | how far its ledger was told |
| `news` | tenant id | nothing: that it is there says that something may be untold |
| `asks <tenant id>` | operation id | the ticket that asked for it |
| provider | ticket id | what the ticket showed when it was last read |
| `polled` | provider | until when its changes were looked through |

What channels were told is here, too (`clients/storage/notices.py`).
"""

from collections.abc import AsyncIterator

from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient

from clients.storage.documents import pack, readable
from clients.storage.rows import RowMoved, document_at, replace_row, row_at, versioned_at
from clients.storage.untold import UntoldMarks
from domain.psa.desk import TicketSystem
from domain.psa.records import AskingTicket, CauseTicket, KnownTicket, Polled, Told


class TicketMoved(Exception):  # noqa: N818 - an outcome, not a fault: somebody read the ticket meanwhile
    """What is remembered of the ticket has changed since it was loaded: read the ticket again."""


class OddTicket(ValueError):  # noqa: N818 - an outcome: it is told to people
    """What is remembered of the ticket makes no sense: nobody can say whether what it asks for was done."""


class TicketTable:
    """Table `tickets`."""

    def __init__(self, table: TableClient) -> None:
        self._table = table
        self.news = UntoldMarks(table, "news")

    async def cause(self, tenant_id: str, cause: str) -> CauseTicket | None:
        return await document_at(self._table, CauseTicket, f"cause {tenant_id}", cause)

    async def put_cause(self, tenant_id: str, cause: str, record: CauseTicket) -> None:
        await self._put(f"cause {tenant_id}", cause, record)

    async def told(self, tenant_id: str) -> Told | None:
        return await document_at(self._table, Told, "told", tenant_id)

    async def put_told(self, tenant_id: str, record: Told) -> None:
        await self._put("told", tenant_id, record)

    async def asking(self, tenant_id: str) -> AsyncIterator[AskingTicket]:
        query = self._table.query_entities("PartitionKey eq @asks", parameters={"asks": f"asks {tenant_id}"})
        async for entity in query:
            if asking := readable(AskingTicket, entity):
                yield asking

    async def put_asking(self, tenant_id: str, ask: AskingTicket) -> None:
        await self._put(f"asks {tenant_id}", ask.operation_id, ask)

    async def answered(self, tenant_id: str, ask: AskingTicket) -> None:
        """Forget a question that has its answer."""
        await self._table.delete_entity(f"asks {tenant_id}", ask.operation_id)

    async def known(self, provider: TicketSystem, ticket_id: str) -> tuple[KnownTicket | None, str | None]:
        """What the ticket showed last, with the version of that.

        Raises:
            OddTicket: It makes no sense.
            NewerRow: A later version wrote it.
        """
        try:
            return await versioned_at(self._table, KnownTicket, provider, ticket_id) or (None, None)
        except ValueError:  # whose text has what the row holds
            raise OddTicket(f"what is remembered of {provider} ticket {ticket_id} makes no sense") from None

    async def put_known(self, provider: TicketSystem, ticket_id: str, record: KnownTicket, etag: str | None) -> str:
        """Remember what the ticket shows now, and give the version of that.

        Raises:
            TicketMoved: *etag* is not the version there is.
        """
        try:
            return await replace_row(self._table, pack(provider, ticket_id, record), etag)
        except RowMoved as error:
            raise TicketMoved(f"{provider} ticket {ticket_id} was read by somebody else") from error

    async def polled(self, provider: TicketSystem) -> Polled | None:
        """Until when its changes were looked through; None also where that makes no sense to this version."""
        entity = await row_at(self._table, "polled", provider)
        return readable(Polled, entity) if entity else None

    async def put_polled(self, provider: TicketSystem, record: Polled) -> None:
        await self._put("polled", provider, record)

    async def _put(self, partition: str, row: str, record: object) -> None:
        await self._table.upsert_entity(pack(partition, row, record), mode=UpdateMode.REPLACE)
