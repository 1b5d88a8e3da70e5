"""Which tenants were written lately, so that the blast radius holds across workers."""

from datetime import datetime

from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient

_PARTITION = "tenant"


class WrittenTable:
    """Table `written`: one row a tenant, with the time of its reservation."""

    def __init__(self, table: TableClient) -> None:
        self._table = table

    async def reserve(self, tenant_id: str, now: datetime, since: datetime) -> int:
        """Take a place for *tenant_id* among the tenants written since *since*.

        Reserving first and counting after is what makes the limit hold when many workers begin at once: each sees
        every reservation made before its own, in the order of the service's clock.

        Returns:
            The tenant's number in that order, from 1.
        """
        order = await self._order(since)
        if tenant_id not in order:
            entity = {"PartitionKey": _PARTITION, "RowKey": tenant_id, "at": now}
            await self._table.upsert_entity(entity, mode=UpdateMode.REPLACE)
            order = await self._order(since)
        return order.index(tenant_id) + 1

    async def release(self, tenant_id: str) -> None:
        """Give the place back: nothing was written."""
        await self._table.delete_entity(_PARTITION, tenant_id)

    async def _order(self, since: datetime) -> list[str]:
        """The tenants written since *since*, the first one first."""
        query = self._table.query_entities(
            "PartitionKey eq @partition and at ge @since",
            parameters={"partition": _PARTITION, "since": since},
            select=["RowKey", "Timestamp"],
        )
        return [key for _, key in sorted([(row.metadata["timestamp"], row["RowKey"]) async for row in query])]
