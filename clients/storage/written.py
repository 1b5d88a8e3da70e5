"""Which tenants got steps of which signature lately, so that the blast radius holds across workers."""

from collections import Counter
from datetime import datetime

from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient


class WrittenTable:
    """Table `written`: one partition a signature, one row a tenant with the time of its reservation."""

    def __init__(self, table: TableClient) -> None:
        self._table = table

    async def reserve(self, signature: str, tenant_id: str, now: datetime, since: datetime) -> int:
        """Take a place for *tenant_id* among the tenants that got steps of *signature* since *since*.

        Reserving first and counting after is what makes the limit hold when many workers begin at once: each sees
        every reservation made before its own, in the order of the service's clock.

        Returns:
            The tenant's number in that order, from 1.
        """
        order = await self._order(signature, since)
        if tenant_id not in order:
            entity = {"PartitionKey": signature, "RowKey": tenant_id, "at": now}
            await self._table.upsert_entity(entity, mode=UpdateMode.REPLACE)
            order = await self._order(signature, since)
        return order.index(tenant_id) + 1

    async def release(self, signature: str, tenant_id: str) -> None:
        """Give the place back: nothing was written."""
        await self._table.delete_entity(signature, tenant_id)

    async def _order(self, signature: str, since: datetime) -> list[str]:
        """The tenants with a place since *since*, the first one first."""
        query = self._table.query_entities(
            "PartitionKey eq @partition and at ge @since",
            parameters={"partition": signature, "since": since},
            select=["RowKey", "Timestamp"],
        )
        return [key for _, key in sorted([(row.metadata["timestamp"], row["RowKey"]) async for row in query])]

    async def counts(self, since: datetime) -> dict[str, int]:
        """How many tenants have a place since *since*, by signature."""
        query = self._table.query_entities("at ge @since", parameters={"since": since}, select=["PartitionKey"])
        return dict(Counter([row["PartitionKey"] async for row in query]))

    async def forget(self, before: datetime) -> None:
        """Delete the places that were taken before *before*."""
        old = self._table.query_entities(
            "at lt @before", parameters={"before": before}, select=["PartitionKey", "RowKey"]
        )
        async for row in old:
            await self._table.delete_entity(row["PartitionKey"], row["RowKey"])
