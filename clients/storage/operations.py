"""Operations, so that a caller can follow its request across workers and restarts."""

from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient

from clients.storage.documents import pack, unpack
from domain.operations import Operation

_ROW = "operation"


class OperationTable:
    """Table `operations`: one row an operation."""

    def __init__(self, table: TableClient) -> None:
        self._table = table

    async def get(self, operation_id: str) -> Operation | None:
        try:
            return unpack(Operation, await self._table.get_entity(operation_id, _ROW))
        except ResourceNotFoundError:
            return None

    async def put(self, operation: Operation) -> None:
        entity = pack(operation.id, _ROW, operation, tenant_id=operation.tenant_id)
        await self._table.upsert_entity(entity, mode=UpdateMode.REPLACE)
