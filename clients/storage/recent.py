"""What happened lately over the whole fleet, newest first: partitions of table `fleet`, so that a list reads no other.

`ledger`: a line for each entry of every ledger, written before the entry itself, so that none is without its line.
`operations`: the id of each operation, written before it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import batched
from typing import Any

from azure.core.async_paging import AsyncItemPaged
from azure.data.tables import TableEntity, UpdateMode
from azure.data.tables.aio import TableClient

from clients.storage.documents import pack, unpack
from domain.ledger import Entry, LedgerLine
from domain.operations import Operation, RecentOperation

MOST_STORAGE_PAGES = 10
"""Pages of the storage service, of up to 1,000 rows, that one list reads: rare things are found by going on."""

_END = "~"
_MOST_ROWS = 1000
"""Rows on a page of the storage service."""
_TRANSACTION = 100
"""Rows of one transaction (Azure Table service, entity group transactions)."""


@dataclass(frozen=True, slots=True)
class RecentPage[T]:
    """Some of a list. *after*: where the next go on; empty where there is no more."""

    items: tuple[T, ...]
    after: str = ""


class RecentTable:
    """Partitions `ledger` and `operations` of table `fleet`."""

    def __init__(self, table: TableClient) -> None:
        self._table = table

    async def note_entries(self, entries: Sequence[Entry]) -> None:
        """Keep a line for each of *entries*; one that is there already stays as it is."""
        lines = [LedgerLine.of(entry) for entry in entries]
        rows = {line.key: pack("ledger", line.key, line, **line.columns) for line in lines}
        if len(rows) == 1:  # as most have; one row costs the worker half of what a transaction does
            [row] = rows.values()
            await self._table.upsert_entity(row, mode=UpdateMode.REPLACE)
            return
        for some in batched(rows.values(), _TRANSACTION, strict=False):
            await self._table.submit_transaction([("upsert", row, {"mode": UpdateMode.REPLACE}) for row in some])

    async def note_operation(self, operation: Operation) -> None:
        recent = RecentOperation.of(operation)
        row = pack("operations", recent.key, recent, tenant_id=recent.tenant_id, kind=recent.kind)
        await self._table.upsert_entity(row, mode=UpdateMode.REPLACE)

    async def forget_operation(self, operation: Operation) -> None:
        await self._table.delete_entity("operations", RecentOperation.of(operation).key)

    async def entries(
        self,
        wanted: Mapping[str, str],
        *,
        newer_than: str = "",
        after: str = "",
        limit: int = 100,
        takes: Callable[[LedgerLine], bool] | None = None,
    ) -> RecentPage[LedgerLine]:
        """Lines with the *wanted* columns, older than the one with key *after* and newer than key *newer_than*.

        *takes*: only those that it takes; a page may then be short although there is more.
        """
        rows = self._rows("ledger", wanted, after, newer_than or _END, _MOST_ROWS if takes else limit)
        return await _page(LedgerLine, rows, limit, takes)

    async def operations(
        self, wanted: Mapping[str, str], *, after: str = "", limit: int = 100
    ) -> RecentPage[RecentOperation]:
        return await _page(RecentOperation, self._rows("operations", wanted, after, _END, limit), limit)

    def _rows(
        self, partition: str, wanted: Mapping[str, str], after: str, until: str, limit: int
    ) -> AsyncItemPaged[TableEntity]:
        given: dict[str, Any] = {"partition": partition, "after": after, "until": until, **wanted}
        columns = "".join(f" and {name} eq @{name}" for name in wanted)
        return self._table.query_entities(
            f"PartitionKey eq @partition and RowKey gt @after and RowKey lt @until{columns}",
            parameters=given,
            results_per_page=min(limit + 1, _MOST_ROWS),
        )


async def _page[T](
    kind: type[T], rows: AsyncItemPaged[TableEntity], limit: int, takes: Callable[[T], bool] | None = None
) -> RecentPage[T]:
    """At most *limit* of the *rows* taken, or those of as many pages of the storage service as one list may read."""
    found: list[tuple[str, T]] = []
    pages, last = rows.by_page(), ""
    for _ in range(MOST_STORAGE_PAGES):
        try:
            page = await anext(pages)
        except StopAsyncIteration:
            return _cut(found, limit)
        async for row in page:
            last, each = row["RowKey"], unpack(kind, row)
            if takes is None or takes(each):
                found.append((last, each))
        if len(found) > limit:
            return _cut(found, limit)
    return RecentPage(tuple(each for _, each in found), last)


def _cut[T](found: Sequence[tuple[str, T]], limit: int) -> RecentPage[T]:
    after = found[limit - 1][0] if len(found) > limit else ""
    return RecentPage(tuple(each for _, each in found[:limit]), after)
