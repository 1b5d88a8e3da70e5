"""What channels were told, in table `tickets`.

| partition | row | holds |
|---|---|---|
| `notices <tenant id>` | channel | how far it was told of that ledger, and which incidents last |
| `events` | tenant id | how far its events were sent |
| `unsent` | tenant id | nothing: that it is there says that a channel or the receiver of events may not know all |
"""

from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient

from clients.storage.documents import pack
from clients.storage.rows import document_at, replace_row, versioned_at
from clients.storage.untold import UntoldMarks
from domain.events import Position
from domain.notices import ChannelTold


class NoticeTable:
    """The part of table `tickets` that is about channels."""

    def __init__(self, table: TableClient) -> None:
        self._table = table
        self.unsent = UntoldMarks(table, "unsent")

    async def told(self, ledger: str, channel: str) -> ChannelTold | None:
        return await document_at(self._table, ChannelTold, f"notices {ledger}", channel)

    async def put_told(self, ledger: str, channel: str, told: ChannelTold) -> None:
        await self._table.upsert_entity(pack(f"notices {ledger}", channel, told), mode=UpdateMode.REPLACE)

    async def position(self, ledger: str) -> tuple[Position, str] | None:
        """How far the ledger's events were sent, with the version of that; None before the first."""
        return await versioned_at(self._table, Position, "events", ledger)

    async def put_position(self, ledger: str, position: Position, version: str | None) -> str:
        """Note how far the ledger's events were sent, over *version*, and give the new one. Raises RowMoved."""
        return await replace_row(self._table, pack("events", ledger, position), version)
