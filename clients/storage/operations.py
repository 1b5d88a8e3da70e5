"""Operations, so that a caller can follow its request across workers and restarts."""

from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime

from azure.core.exceptions import ResourceExistsError
from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient

from clients.storage.documents import pack, readable
from clients.storage.recent import RecentTable
from clients.storage.rows import document_at, row_at
from domain.operations import Operation

_ROW = "operation"
_REQUEST = "request"

_FIRST_BYTES = 256
_AFTER_ALL = "g"
"""Behind every id: they are written in hexadecimal digits."""


class OperationTable:
    """Table `operations`: one row an operation, and one for the request that it belongs to, if that has a key."""

    def __init__(self, table: TableClient, recent: RecentTable) -> None:
        self._table = table
        self._recent = recent

    async def get(self, operation_id: str) -> Operation | None:
        return await document_at(self._table, Operation, operation_id, _ROW)

    async def put(self, operation: Operation) -> None:
        await self._table.upsert_entity(_entity(operation), mode=UpdateMode.REPLACE)

    async def create(self, operation: Operation) -> Operation:
        """Keep *operation*, unless there is one of its id: of many callers at once, one is first.

        Returns:
            The one that is kept.
        """
        await self._recent.note_operation(operation)
        with suppress(ResourceExistsError):
            await self._table.create_entity(_entity(operation))
        return await self.get(operation.id) or operation

    async def claim(self, operation_id: str, fingerprint: str, at: datetime) -> str:
        """Bind an id to the request with *fingerprint* that came *at* that time, while its operation is kept.

        Returns:
            The fingerprint that it is bound to: another one where another request was first.
        """
        with suppress(ResourceExistsError):
            await self._table.create_entity(
                {"PartitionKey": operation_id, "RowKey": _REQUEST, "fingerprint": fingerprint, "at": at}
            )
        return await self.claimed(operation_id) or fingerprint

    async def claimed(self, operation_id: str) -> str | None:
        """The fingerprint that an id is bound to; None: no request has used it."""
        request = await row_at(self._table, operation_id, _REQUEST)
        return str(request["fingerprint"]) if request else None

    async def part(self, number: int, of: int) -> AsyncIterator[Operation]:
        """Every operation whose id is in that *part* of the ids, but for those that this version cannot read."""
        first, end = _ids(number, of)
        rows = self._table.query_entities(
            "PartitionKey ge @first and PartitionKey lt @end and RowKey eq @row",
            parameters={"first": first, "end": end, "row": _ROW},
        )
        async for row in rows:
            if operation := readable(Operation, row):
                yield operation

    async def remove(self, operation: Operation) -> None:
        """Forget *operation*, the request that it belongs to, and its line in the list; the list last, as it finds."""
        for row in (_ROW, _REQUEST):
            await self._table.delete_entity(operation.id, row)
        await self._recent.forget_operation(operation)

    async def forget_lone_requests(self, number: int, of: int, before: datetime) -> None:
        """Forget the requests of that part of the ids that came *before* and made no operation: their worker died."""
        first, end = _ids(number, of)
        rows = self._table.query_entities(
            "PartitionKey ge @first and PartitionKey lt @end and RowKey eq @row and at lt @before",
            parameters={"first": first, "end": end, "row": _REQUEST, "before": before},
            select=["PartitionKey"],
        )
        async for row in rows:
            if await row_at(self._table, row["PartitionKey"], _ROW, ["RowKey"]) is None:
                await self._table.delete_entity(row["PartitionKey"], _REQUEST)


def _ids(number: int, of: int) -> tuple[str, str]:
    """The first id of a part of all of them, which are evenly spread, and the first behind it."""
    first, end = (f"{_FIRST_BYTES * each // of:02x}" for each in (number, number + 1))
    return first, end if number + 1 < of else _AFTER_ALL


def _entity(operation: Operation) -> dict[str, object]:
    return pack(operation.id, _ROW, operation, tenant_id=operation.tenant_id)
