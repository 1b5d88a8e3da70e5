"""Operations, so that a caller can follow its request across workers and restarts."""

from contextlib import suppress

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient

from clients.storage.documents import pack, unpack
from clients.storage.recent import RecentTable
from domain.operations import Operation

_ROW = "operation"
_REQUEST = "request"


class OperationTable:
    """Table `operations`: one row an operation, and one for the request that it belongs to, if that has a key."""

    def __init__(self, table: TableClient, recent: RecentTable) -> None:
        self._table = table
        self._recent = recent

    async def get(self, operation_id: str) -> Operation | None:
        try:
            return unpack(Operation, await self._table.get_entity(operation_id, _ROW))
        except ResourceNotFoundError:
            return None

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

    async def claim(self, operation_id: str, fingerprint: str) -> str:
        """Bind an id to the request with *fingerprint*, for ever.

        Returns:
            The fingerprint that it is bound to: another one where another request was first.
        """
        with suppress(ResourceExistsError):
            await self._table.create_entity(
                {"PartitionKey": operation_id, "RowKey": _REQUEST, "fingerprint": fingerprint}
            )
        return await self.claimed(operation_id) or fingerprint

    async def claimed(self, operation_id: str) -> str | None:
        """The fingerprint that an id is bound to; None: no request has used it."""
        try:
            return str((await self._table.get_entity(operation_id, _REQUEST))["fingerprint"])
        except ResourceNotFoundError:
            return None


def _entity(operation: Operation) -> dict[str, object]:
    return pack(operation.id, _ROW, operation, tenant_id=operation.tenant_id)
