"""What people switch: the brake, and keys that ended; and the size of the fleet, which the blast radius needs."""

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient

from clients.storage.documents import pack, unpack
from domain.access import ApiKey
from domain.gate import Brake

_BRAKE = ("brake", "brake")
_FLEET = ("fleet", "fleet")
_ENDED_KEYS = "key"


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

    async def end_key(self, key: ApiKey) -> bool:
        """Let this very key in no more; a new one of the same name is another key. False: it had ended before."""
        try:
            await self._table.create_entity({"PartitionKey": _ENDED_KEYS, "RowKey": key.sha256, "name": key.name})
        except ResourceExistsError:
            return False
        return True

    async def ended_keys(self) -> frozenset[str]:
        """The SHA-256 of every key that was ended."""
        ended = self._table.query_entities(f"PartitionKey eq '{_ENDED_KEYS}'", select=["RowKey"])
        return frozenset([entity["RowKey"] async for entity in ended])
