"""Marks of what may be untold, in table `tickets`: a row that holds nothing, and says so by being there."""

from contextlib import suppress

from azure.core import MatchConditions
from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError
from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient

from clients.storage.rows import row_at, version_of


class UntoldMarks:
    """The marks of one *partition*, by tenant, or `service`."""

    def __init__(self, table: TableClient, partition: str) -> None:
        self._table = table
        self._partition = partition

    async def make(self, ledger: str) -> str:
        """Say that something may be untold, before it is written, and give the mark's version."""
        entity = {"PartitionKey": self._partition, "RowKey": ledger}
        return str((await self._table.upsert_entity(entity, mode=UpdateMode.REPLACE))["etag"])

    async def standing(self, ledger: str) -> str:
        """The version of the mark; where another worker has taken it away it is made anew."""
        mark = await row_at(self._table, self._partition, ledger)
        return version_of(mark) if mark else await self.make(ledger)

    async def clear(self, ledger: str, version: str) -> None:
        """Take the mark away, unless it was made again since it had that *version*."""
        unchanged = MatchConditions.IfNotModified
        with suppress(ResourceModifiedError, ResourceNotFoundError):
            await self._table.delete_entity(self._partition, ledger, etag=version, match_condition=unchanged)

    async def all(self) -> list[str]:
        """Who has a mark."""
        query = self._table.query_entities(f"PartitionKey eq '{self._partition}'", select=["RowKey"])
        return [entity["RowKey"] async for entity in query]
