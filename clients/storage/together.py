"""What is kept of the tenants of a shard, read together and written together: a quiet visit costs a few requests.

Table `states` has one partition for each minute (domain/fleet.py), so that the rows of a shard stand side by side.

| row | holds |
|---|---|
| tenant id | its control states (`clients/storage/states.py`) |
| tenant id, `rest`, service | until when the tenant is not asked about there (`clients/storage/rests.py`) |
| tenant id, `alerts` | how far its alerts are read (`clients/storage/alerts.py`) |
| tenant id, `audit` | how far its audit feed is read (`clients/storage/audit.py`) |

While rows are read together, what is news is written at once all the same; what is not waits for WRITE_EVERY_S, and is
written in one transaction with that of the other tenants. What a crash loses of it, the next visit looks at again.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING

from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.data.tables import TableEntity, UpdateMode

from clients.storage.rows import ANY, Entity, RowMoved, Versioned, batches, replace_rows
from domain.fleet import minute_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator
    from datetime import datetime

    from azure.data.tables.aio import TableClient

    from clients.storage.fleet_index import FleetIndex, Pages
    from domain.fleet_index import Summary

log = logging.getLogger("holdfast.together")

WRITE_EVERY_S = 2.0
"""What a crash may cost: looks of so long, at tenants about which there is no news."""


def partition_of(tenant_id: str) -> str:
    """The partition of the tenant's rows."""
    return f"{minute_of(tenant_id):02d}"


class TenantRows:
    """Table `states`, row by row; those of a shard together."""

    def __init__(self, table: TableClient, index: FleetIndex) -> None:
        self._table = table
        self._index = index

    async def get(self, tenant_id: str, kind: str) -> TableEntity | None:
        """A row as it was read together with others, if it was, else as it is now."""
        if together := together_with(tenant_id):
            return together.rows.get(_key(tenant_id, kind))
        return await self.read(tenant_id, kind)

    async def read(self, tenant_id: str, kind: str = "") -> TableEntity | None:
        """A row as it is now."""
        with suppress(ResourceNotFoundError):
            return await self._table.get_entity(partition_of(tenant_id), _key(tenant_id, kind))
        return None

    async def put(self, tenant_id: str, row: Entity, *, at_once: bool = False) -> None:
        """Write a row whatever it was before; *at_once*: it does not wait for others."""
        together = together_with(tenant_id)
        if together:
            together.rows[row["RowKey"]] = TableEntity(row)
        if together and together.deferring and not at_once:
            together.waiting[row["RowKey"]] = (row, ANY)
        else:
            await self._table.upsert_entity(row, mode=UpdateMode.REPLACE)

    async def remove(self, tenant_id: str, kind: str) -> None:
        """Forget a row, at once."""
        if together := together_with(tenant_id):
            together.rows.pop(_key(tenant_id, kind), None)
        with suppress(ResourceNotFoundError):
            await self._table.delete_entity(partition_of(tenant_id), _key(tenant_id, kind))

    def named(self, tenant_id: str, kind: str = "") -> tuple[str, str]:
        """The partition and row key of a row."""
        return partition_of(tenant_id), _key(tenant_id, kind)

    @asynccontextmanager
    async def together(self, tenants: Iterable[str], *, deferring: bool) -> AsyncIterator[Together]:
        """Read all rows of *tenants* at once, and use them for the block; *deferring*: what is no news waits.

        Raises:
            AzureError: They could not be read, or what waited could not be written.
        """
        tenants = sorted(tenants)
        rows, pages = await asyncio.gather(self._read_all(tenants), self._pages(tenants, deferring=deferring))
        together = Together(self._table, self._index, rows, pages, frozenset(tenants), deferring=deferring)
        with _in_force(together):
            writing = asyncio.create_task(together.keep_writing()) if deferring else None
            try:
                yield together
            finally:
                if writing:
                    async with together.lock:  # a transaction that is cut may be done, and looks like somebody else's
                        writing.cancel()
                    await asyncio.gather(writing, return_exceptions=True)
            await together.write()

    async def _pages(self, tenants: list[str], *, deferring: bool) -> Pages:
        return await self._index.some(tenants) if deferring else {}

    async def _read_all(self, tenants: list[str]) -> dict[str, TableEntity]:
        """All that is kept of *tenants*: one request for those of a minute."""
        by_minute: dict[str, list[str]] = {}
        for tenant_id in tenants:
            by_minute.setdefault(partition_of(tenant_id), []).append(tenant_id)
        found = await asyncio.gather(*(self._range(minute, some) for minute, some in by_minute.items()))
        return {row["RowKey"]: row for some in found for row in some}

    async def _range(self, minute: str, tenants: list[str]) -> list[TableEntity]:
        wanted = frozenset(tenants)
        query = self._table.query_entities(
            "PartitionKey eq @minute and RowKey ge @first and RowKey le @last",
            parameters={"minute": minute, "first": tenants[0], "last": f"{tenants[-1]}~"},
        )
        return [row async for row in query if row["RowKey"].partition(" ")[0] in wanted]


class Together:
    """The rows of some tenants, by row key. *waiting*: those to be written.

    *opened*: what was made of a row, or last saved. *lock*: held while they are written. *moved*: the tenants whose
    states somebody else wrote meanwhile, so that what a visit made of them was not kept.
    """

    def __init__(  # noqa: PLR0913 - all that one transaction is about
        self,
        table: TableClient,
        index: FleetIndex,
        rows: dict[str, TableEntity],
        pages: Pages,
        tenants: frozenset[str],
        *,
        deferring: bool,
    ) -> None:
        self.rows = rows
        self.tenants = tenants
        self.deferring = deferring
        self.waiting: dict[str, Versioned] = {}
        self.opened: dict[str, object] = {}
        self.moved: set[str] = set()
        self.lock = asyncio.Lock()
        self._table = table
        self._index = index
        self._pages = pages
        self._seen: dict[str, Summary] = {}
        self._done: set[str] = set()

    def since(self, tenant_id: str) -> datetime | None:
        """Since when the tenant's config is as it is, by the index."""
        entries = (page.tenants[tenant_id] for page, _ in self._pages.values() if tenant_id in page.tenants)
        return next((each.since for each in entries), None)

    def rests(self, tenant_id: str) -> Iterator[tuple[str, TableEntity]]:
        """The rests of a tenant, with their services."""
        for key, row in self.rows.items():
            tenant, _, kind = key.partition(" ")
            if tenant == tenant_id and kind.startswith("rest "):
                yield kind.removeprefix("rest "), row

    def done(self, tenant_id: str, summary: Summary) -> None:
        """Nothing is added any more to what waits of a tenant: it is written with that of the others."""
        self._done.add(tenant_id)
        self._seen[tenant_id] = summary

    async def keep_writing(self) -> None:
        """Write what waits, again and again."""
        while True:
            await asyncio.sleep(WRITE_EVERY_S)
            try:
                await self.write()
            except AzureError as error:  # it waits on, and the last time raises
                log.warning("rows_wait error=%s", type(error).__name__)

    async def write(self) -> None:
        """Write what waits of the tenants that are done, and their entries in the index."""
        async with self.lock:
            ready = {key: row for key, row in self.waiting.items() if key.partition(" ")[0] in self._done}
            for some in batches(ready):
                await self._write(some)
            if seen := dict(self._seen):
                self._pages = await self._index.see(seen, self._pages)
                self._seen = {each: now for each, now in self._seen.items() if now is not seen.get(each)}

    async def _write(self, rows: dict[str, Versioned]) -> None:
        try:
            await replace_rows(self._table, list(rows.values()))
        except RowMoved:
            if len(rows) > 1:  # one of them spoiled it for all
                for key, row in rows.items():
                    await self._write({key: row})
                return
            self.moved |= {key.partition(" ")[0] for key in rows}
        for key in rows:
            del self.waiting[key]


def _key(tenant_id: str, kind: str) -> str:
    return f"{tenant_id} {kind}" if kind else tenant_id


_current: ContextVar[Together | None] = ContextVar("together", default=None)


def together_with(tenant_id: str) -> Together | None:
    """The rows that are read together with those of *tenant_id* in this piece of work."""
    together = _current.get()
    return together if together and tenant_id in together.tenants else None


@contextmanager
def _in_force(together: Together) -> Iterator[None]:
    token = _current.set(together)
    try:
        yield
    finally:
        _current.reset(token)
