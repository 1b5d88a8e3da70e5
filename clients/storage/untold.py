"""Marks of what may be untold, in table `tickets`: a row says so by being there, and holds when it was made."""

from contextlib import suppress
from datetime import datetime, timedelta

from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient

from clients.storage.rows import RowMoved, delete_row, row_at, version_of

WRITTEN_WITHIN = timedelta(seconds=1.5)
"""What a mark was made for may not be there yet for so long: whoever tells meanwhile does not see it."""


class UntoldMarks:
    """The marks of one *partition*, by tenant, or `service`."""

    def __init__(self, table: TableClient, partition: str) -> None:
        self._table = table
        self._partition = partition

    async def make(self, ledger: str, at: datetime) -> str:
        """Say that something may be untold, before it is written, and give the mark's version."""
        entity = {"PartitionKey": self._partition, "RowKey": ledger, "made_at": at}
        return str((await self._table.upsert_entity(entity, mode=UpdateMode.REPLACE))["etag"])

    async def standing(self, ledger: str, now: datetime) -> str | None:
        """The version of the mark that who has told all by what is read after *now* may clear.

        None where that may not show yet what the mark was made for: it is to stay. Where another worker has taken the
        mark away it is made anew.
        """
        mark = await row_at(self._table, self._partition, ledger)
        if mark is None:
            return await self.make(ledger, now)
        made_at: datetime | None = mark.get("made_at")  # none in a mark of the version before
        return None if made_at and now - made_at < WRITTEN_WITHIN else version_of(mark)

    async def clear(self, ledger: str, version: str | None) -> None:
        """Take the mark away, unless it is to stay, or was made again since it had that *version*."""
        if version is None:
            return
        with suppress(RowMoved):
            await delete_row(self._table, self._partition, ledger, version)

    async def all(self) -> list[str]:
        """Who has a mark."""
        query = self._table.query_entities(f"PartitionKey eq '{self._partition}'", select=["RowKey"])
        return [entity["RowKey"] async for entity in query]
