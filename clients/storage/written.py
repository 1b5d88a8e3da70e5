"""Which tenants got steps of which signature lately, so that the blast radius holds across workers."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from itertools import batched

from azure.core import MatchConditions
from azure.data.tables import TableEntity, TableTransactionError, UpdateMode
from azure.data.tables.aio import TableClient

from clients.storage.rows import MOST_AT_ONCE


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
        """Delete the places that were taken before *before*, but for those that are taken anew meanwhile."""
        query = self._table.query_entities(
            "at lt @before", parameters={"before": before}, select=["PartitionKey", "RowKey"]
        )
        old = defaultdict[str, list[TableEntity]](list)
        async for row in query:
            old[row["PartitionKey"]].append(row)
        for places in old.values():
            for some in batched(places, MOST_AT_ONCE, strict=False):
                await self._forget(some)

    async def _forget(self, places: Sequence[TableEntity]) -> None:
        unchanged = MatchConditions.IfNotModified
        conditions = ({"etag": row.metadata["etag"], "match_condition": unchanged} for row in places)
        with suppress(TableTransactionError):  # one was taken anew: the next time deletes the others
            await self._table.submit_transaction(
                [("delete", row, condition) for row, condition in zip(places, conditions, strict=True)]
            )
