"""Which tenants got steps of which signature lately, so that the blast radius holds across workers."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import batched

from azure.core import MatchConditions
from azure.data.tables import TableEntity, TableTransactionError
from azure.data.tables.aio import TableClient

from clients.storage.rows import ANY, MOST_AT_ONCE, Entity, RowMoved, delete_row, replace_row


@dataclass(frozen=True, slots=True)
class RadiusPlace:
    """A tenant's place among those that get steps of *signature*. *number*: in the order of their places, from 1.

    *etag*: of the row, where this call took the place; None where the place stood already, for an earlier write.
    *before*: when the place was taken that this one is instead of; it counts no more, and is kept for people.
    """

    signature: str
    tenant_id: str
    number: int
    etag: str | None = None
    before: datetime | None = None


class WrittenTable:
    """Table `written`: one partition a signature, one row a tenant with the time of its reservation."""

    def __init__(self, table: TableClient) -> None:
        self._table = table

    async def reserve(self, signature: str, tenant_id: str, now: datetime, since: datetime) -> RadiusPlace:
        """Take a place for *tenant_id* among the tenants that got steps of *signature* since *since*.

        Reserving first and counting after is what makes the limit hold when many workers begin at once: each sees
        every reservation made before its own, in the order of the service's clock.
        """
        row, before = _row(signature, tenant_id, now), None
        try:
            etag = await replace_row(self._table, row, None)
        except RowMoved:  # it had a place before
            rows = await self._rows(signature, tenant_id, since)
            own = rows.get(tenant_id)
            if own and own["at"] >= since:
                return RadiusPlace(signature, tenant_id, _number(rows, tenant_id, since))
            etag, before = await replace_row(self._table, row, ANY), own["at"] if own else None
        number = _number(await self._rows(signature, tenant_id, since), tenant_id, since)
        return RadiusPlace(signature, tenant_id, number, etag, before)

    async def give_back(self, place: RadiusPlace) -> None:
        """Nothing was written: the place is as it was before this call took it; one that stood already stays."""
        if place.etag is None:
            return
        with suppress(RowMoved):  # it was taken anew, so it is no longer ours to give
            if place.before:
                await replace_row(self._table, _row(place.signature, place.tenant_id, place.before), place.etag)
            else:
                await delete_row(self._table, place.signature, place.tenant_id, place.etag)

    async def _rows(self, signature: str, tenant_id: str, since: datetime) -> dict[str, TableEntity]:
        """The places since *since*, by tenant, and that of *tenant_id* however old it is."""
        query = self._table.query_entities(
            "PartitionKey eq @partition and ( at ge @since or RowKey eq @tenant )",  # names stand between spaces
            parameters={"partition": signature, "since": since, "tenant": tenant_id},
            select=["RowKey", "Timestamp", "at"],
        )
        return {row["RowKey"]: row async for row in query}

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


def _row(signature: str, tenant_id: str, at: datetime) -> Entity:
    return {"PartitionKey": signature, "RowKey": tenant_id, "at": at}


def _number(rows: Mapping[str, TableEntity], tenant_id: str, since: datetime) -> int:
    """The tenant's number among those with a place since *since*, from 1, in the order of the service's clock."""
    places = ((row.metadata["timestamp"], key) for key, row in rows.items() if row["at"] >= since)
    return [key for _, key in sorted(places)].index(tenant_id) + 1
