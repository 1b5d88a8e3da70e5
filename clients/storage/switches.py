"""What people switch: the brake; and the size of the fleet, which the blast radius needs."""

from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient

from clients.storage.documents import pack, unpack
from domain.gate import Brake

_BRAKE = ("brake", "brake")
_FLEET = ("fleet", "fleet")


class SwitchTable:
    """Table `switches`. Read afresh each time: a brake that is cached is no brake."""

    def __init__(self, table: TableClient) -> None:
        self._table = table

    async def brake(self) -> Brake:
        try:
            return unpack(Brake, await self._table.get_entity(*_BRAKE))
        except ResourceNotFoundError:
            return Brake()

    async def set_brake(self, brake: Brake) -> None:
        await self._table.upsert_entity(pack(*_BRAKE, brake), mode=UpdateMode.REPLACE)

    async def fleet(self) -> int:
        """How many tenants the last sweep asked about; 0 before the first."""
        try:
            return int((await self._table.get_entity(*_FLEET))["tenants"])
        except ResourceNotFoundError:
            return 0

    async def set_fleet(self, tenants: int) -> None:
        entity = {"PartitionKey": _FLEET[0], "RowKey": _FLEET[1], "tenants": tenants}
        await self._table.upsert_entity(entity, mode=UpdateMode.REPLACE)
