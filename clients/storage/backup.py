"""Rows of the tables that an installation cannot be made again without, as JSON, out and in.

| table | why |
|---|---|
| `tenants`, `states` | configs with declarations; exceptions, findings, what is remembered of MX |
| `ledger`, `heads` | entries and their chains |
| `switches` | signatures beyond the radius, keys that ended; not the brake, which engages by itself, nor a restore |
| `tickets` | marks: which cause has which ticket, what was told |
| `waves` | how far a change of profile is, whose tenants are held to two versions meanwhile |
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import batched
from typing import Any, Literal

from azure.core.exceptions import ResourceExistsError
from azure.data.tables import EdmType, EntityProperty, UpdateMode
from azure.data.tables.aio import TableClient, TableServiceClient

type BackedUp = Literal["tenants", "states", "ledger", "heads", "switches", "tickets", "waves"]

_OF_HERE = {"brake", "restore"}
"""Partitions of table `switches` that tell of this installation alone."""

_AT_ONCE = 50
"""Rows that are written at the same time."""


class BackupStore:
    """Whole rows, as they are stored."""

    def __init__(self, tables: TableServiceClient) -> None:
        self._tables = tables

    async def page(self, table: BackedUp, after: tuple[str, str], limit: int) -> list[dict[str, Any]]:
        """At most *limit* rows behind the one with these keys, in the order of their keys."""
        query = self._client(table).query_entities(
            "PartitionKey gt @partition or PartitionKey eq @partition and RowKey gt @row",
            parameters={"partition": after[0], "row": after[1]},
            results_per_page=limit,
        )
        rows = list[dict[str, Any]]()
        async for entity in query:
            rows.append({name: _encoded(value) for name, value in entity.items()})
            if len(rows) == limit:
                break
        return rows

    async def put(self, table: BackedUp, rows: Sequence[Mapping[str, Any]]) -> int:
        """Write *rows* and return how many were written. What the ledger has already stays as it is."""
        entities = [{name: _decoded(value) for name, value in row.items()} for row in rows]
        if table == "switches":
            entities = [each for each in entities if each["PartitionKey"] not in _OF_HERE]
        written = 0
        for some in batched(entities, _AT_ONCE, strict=False):
            written += sum(await asyncio.gather(*(self._put(table, each) for each in some)))
        return written

    async def _put(self, table: BackedUp, entity: dict[str, Any]) -> bool:
        """Whether *entity* was written."""
        client = self._client(table)
        if table != "ledger":
            await client.upsert_entity(entity, mode=UpdateMode.REPLACE)
            return True
        try:
            await client.create_entity(entity)
        except ResourceExistsError:
            return False
        return True

    async def has_rows(self, table: BackedUp) -> bool:
        return bool(await self.page(table, ("", ""), 1))

    def _client(self, table: BackedUp) -> TableClient:
        return self._tables.get_table_client(table)


def _encoded(value: Any) -> Any:  # noqa: ANN401 - EDM values
    match value:
        case datetime():
            return {"datetime": value.isoformat()}
        case EntityProperty():
            return {"int64": str(value.value)}
        case _:
            return value


def _decoded(value: Any) -> Any:  # noqa: ANN401 - as above
    match value:
        case {"datetime": str(text)}:
            return datetime.fromisoformat(text).astimezone(UTC)
        case {"int64": str(text)}:
            return EntityProperty(int(text), EdmType.INT64)
        case str() | bool() | int() | float():
            return value
        case _:
            raise ValueError("a property that is none of a table's")
