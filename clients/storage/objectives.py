"""How often objectives were met, by day: partition `objectives` of table `fleet`, a row a day."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta

from azure.data.tables.aio import TableClient

from clients.storage.documents import pack, unpack
from clients.storage.rows import RowMoved, replace_row, versioned_at
from domain.objectives import DAYS, DayTallies, ObjectiveId

_PARTITION = "objectives"
_TRIES = 5
"""Drifts are few; where many workers count at once one that is not counted changes nothing."""


class ObjectiveTable:
    """The tallies of each day."""

    def __init__(self, table: TableClient) -> None:
        self._table = table

    async def count(self, objective: ObjectiveId, now: datetime, *, met: bool) -> None:
        """Count one that was met, or missed."""
        day = f"{now:%Y-%m-%d}"
        for _ in range(_TRIES):
            before, etag = await versioned_at(self._table, DayTallies, _PARTITION, day) or (DayTallies(), None)
            with suppress(RowMoved):
                await replace_row(self._table, pack(_PARTITION, day, before.counting(objective, met=met)), etag)
                return

    async def since(self, now: datetime) -> Mapping[str, DayTallies]:
        """The tallies of the last DAYS, by day."""
        first = f"{now - timedelta(days=DAYS):%Y-%m-%d}"
        query = self._table.query_entities(
            "PartitionKey eq @partition and RowKey gt @first", parameters={"partition": _PARTITION, "first": first}
        )
        return {row["RowKey"]: unpack(DayTallies, row) async for row in query}
