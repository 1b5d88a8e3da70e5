"""Which tenants rest at which service, for every worker to see: partition `rest` of table `fleet`."""

from collections.abc import Mapping
from datetime import datetime

from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient

from clients.storage.documents import pack, unpack
from domain.rests import RESTS_FORGOTTEN_AFTER, Rest

_PARTITION = "rest"


class RestTable:
    """One row for a tenant at a service. Rests are few, and read all at once."""

    def __init__(self, table: TableClient) -> None:
        self._table = table

    async def all(self) -> dict[str, dict[str, Rest]]:
        """Every rest that holds or lately held, by tenant and service."""
        found: dict[str, dict[str, Rest]] = {}
        async for row in self._table.query_entities(f"PartitionKey eq '{_PARTITION}'"):
            tenant_id, _, service = row["RowKey"].partition(" ")
            found.setdefault(tenant_id, {})[service] = unpack(Rest, row)
        return found

    async def keep(self, tenant_id: str, rests: Mapping[str, Rest]) -> None:
        """Keep the rests that began, by service."""
        for service, rest in rests.items():
            entity = pack(_PARTITION, f"{tenant_id} {service}", rest, until=rest.until)
            await self._table.upsert_entity(entity, mode=UpdateMode.REPLACE)

    async def forget(self, now: datetime) -> None:
        """Delete those that ended so long ago that they mean nothing any more."""
        ended = self._table.query_entities(
            "PartitionKey eq @partition and until lt @then",
            parameters={"partition": _PARTITION, "then": now - RESTS_FORGOTTEN_AFTER},
            select=["RowKey"],
        )
        async for row in ended:
            await self._table.delete_entity(_PARTITION, row["RowKey"])
