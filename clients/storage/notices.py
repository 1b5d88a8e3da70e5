"""What channels were told, in table `tickets`.

| partition | row | holds |
|---|---|---|
| `notices <tenant id>` | channel | how far it was told of that ledger, and which incidents last |
| `events` | tenant id | how far its events were sent |
| `unsent` | tenant id | nothing: that it is there says that a channel or the receiver of events may not know all |
"""

from contextlib import suppress

from azure.core import MatchConditions
from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError
from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient

from clients.storage.documents import pack
from clients.storage.rows import document_at, row_at, version_of
from domain.events import Position
from domain.notices import ChannelTold

_UNSENT = "unsent"


class NoticeTable:
    """The part of table `tickets` that is about channels."""

    def __init__(self, table: TableClient) -> None:
        self._table = table

    async def told(self, ledger: str, channel: str) -> ChannelTold | None:
        return await document_at(self._table, ChannelTold, f"notices {ledger}", channel)

    async def put_told(self, ledger: str, channel: str, told: ChannelTold) -> None:
        await self._table.upsert_entity(pack(f"notices {ledger}", channel, told), mode=UpdateMode.REPLACE)

    async def position(self, ledger: str) -> Position | None:
        """How far the ledger's events were sent; None before the first."""
        return await document_at(self._table, Position, "events", ledger)

    async def put_position(self, ledger: str, position: Position) -> None:
        await self._table.upsert_entity(pack("events", ledger, position), mode=UpdateMode.REPLACE)

    async def mark(self, ledger: str) -> str:
        """Say that a channel may have something to be told, and give the mark's version."""
        entity = {"PartitionKey": _UNSENT, "RowKey": ledger}
        return str((await self._table.upsert_entity(entity, mode=UpdateMode.REPLACE))["etag"])

    async def clear(self, ledger: str, etag: str) -> None:
        """Take the mark away, unless it was made again since it had version *etag*."""
        with suppress(ResourceModifiedError, ResourceNotFoundError):
            await self._table.delete_entity(_UNSENT, ledger, etag=etag, match_condition=MatchConditions.IfNotModified)

    async def mark_of(self, ledger: str) -> str | None:
        """The version of the mark, None where there is none."""
        mark = await row_at(self._table, _UNSENT, ledger)
        return version_of(mark) if mark else None

    async def unsent(self) -> list[str]:
        """The ledgers that have a mark."""
        query = self._table.query_entities(f"PartitionKey eq '{_UNSENT}'", select=["RowKey"])
        return [entity["RowKey"] async for entity in query]
