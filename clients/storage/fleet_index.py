"""The compact index of the fleet: one entry a tenant, in pages, so that nobody reads 10,000 rows to list a fleet.

Partition `index` of table `fleet`. A page has the tenants of one minute (domain/fleet.py) whose ids begin alike: those
of a shard stand on one or a few pages, side by side, and are read and written together. Who changes a config, or what
is known of a tenant, writes its entry; each hour the pages are compared with the configs.

What reads the whole fleet reads it here: `all` is a few requests, whatever the size. *The console and the API's lists*
take `all()`; an entry says name, mode, profile, every control that is not compliant and since when, the number of open
findings, and when each lane was last visited (`domain/fleet_index.py`).
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from azure.core.async_paging import AsyncItemPaged
from azure.data.tables import TableEntity
from azure.data.tables.aio import TableClient

from clients.http import Clock, utc_now
from clients.storage.documents import pack, unpack_or
from clients.storage.rows import RowMoved, Versioned, batches, replace_row, replace_rows, row_at, size_of, version_of
from domain.fleet import WORKERS_DIFFER, minute_of
from domain.fleet_index import MOST_FINDINGS, Summary, TenantInFleet
from domain.tenant import TenantConfig

_INDEX = "index"
_LARGEST_ROW = 480_000
"""Characters of a row, which is 1 MiB at most, of two bytes each (Azure Table service data model)."""

KEPT_FOR = timedelta(seconds=2)
"""How long a process shows the index that it read, unless it wrote to it."""

MOST_READ_ALONE = 16
"""Pages that are read each by itself; where more have changed, one query reads them."""

type Change = Callable[[TenantInFleet | None], TenantInFleet | None]
"""What becomes of an entry; None: there is none, or is none any more."""


@dataclass(frozen=True, slots=True)
class IndexPage:
    """Some tenants of one minute, by id."""

    tenants: Mapping[str, TenantInFleet] = field(default_factory=dict)


class UnreadablePage(IndexPage):
    """One that makes no sense. What is on it is known again once the pages are compared with the configs."""


type Pages = dict[str, tuple[IndexPage, str | None]]
"""Pages by row key, each with its version; None for one that there is not yet."""


class FleetIndex:
    """Partition `index` of table `fleet`."""

    def __init__(self, table: TableClient, now: Clock = utc_now) -> None:
        self._table = table
        self._now = now
        self._kept: tuple[datetime, tuple[TenantInFleet, ...]] | None = None
        self._shown: dict[str, tuple[str | None, tuple[TenantInFleet, ...]]] = {}
        self._by_name: tuple[TenantInFleet, ...] = ()
        self._reading = asyncio.Lock()

    async def rows(self) -> tuple[TenantInFleet, ...]:
        """Every tenant that has a config, by name, as at most KEPT_FOR ago.

        Many readers at once cost one query of versions. A page that nobody wrote since it was read is not parsed
        again: its tenants are the same objects, with what they have worked out about themselves.
        """
        async with self._reading:
            now = self._now()
            if self._kept is None or not timedelta() <= now - self._kept[0] < KEPT_FOR:
                self._kept = now, await self._read_moved()
            return self._kept[1]

    async def _read_moved(self) -> tuple[TenantInFleet, ...]:
        """Every tenant by name, after the pages are read of which there is another version than was read last."""
        versions = {row["RowKey"]: str(row.metadata["etag"]) async for row in self._query("", "~", ["RowKey"])}
        moved = {row for row, etag in versions.items() if row not in self._shown or self._shown[row][0] != etag}
        if len(moved) > MOST_READ_ALONE:
            read = {row["RowKey"]: _page_in(row) async for row in self._query("", "~") if row["RowKey"] in moved}
        else:
            read = dict(zip(moved, await asyncio.gather(*map(self._page, moved)), strict=True))
        if read or versions.keys() != self._shown.keys():
            shown = self._shown | {row: (etag, _named(page)) for row, (page, etag) in read.items()}
            self._shown = {row: shown[row] for row in versions}
            self._by_name = tuple(
                sorted((each for _, some in self._shown.values() for each in some), key=lambda each: each.list_key)
            )
        return self._by_name

    async def all(self) -> dict[str, TenantInFleet]:
        """Every tenant that has a config, by id."""
        return in_fleet(await self.pages())

    async def some(self, tenants: Iterable[str]) -> Pages:
        """The pages of *tenants*: one request for those of one minute."""
        rows = sorted({_page_of(each) for each in tenants})
        by_minute = {minute: [row for row in rows if row[:2] == minute] for minute in {row[:2] for row in rows}}
        found = await asyncio.gather(*(self._range(each[0], each[-1]) for each in by_minute.values()))
        pages: Pages = {row: page for some in found for row, page in some.items()}
        return {row: pages.get(row, (IndexPage(), None)) for row in rows}

    async def pages(self) -> Pages:
        return await self._range("", "~")

    async def note(self, config: TenantConfig, since: datetime) -> None:
        """Keep that a tenant's config is as it is since *since*."""
        await self._change({config.tenant_id: lambda before: TenantInFleet.of(config, since, before)})

    async def forget(self, tenant_id: str) -> None:
        """Keep that a tenant has no config any more."""
        await self._change({tenant_id: lambda _: None})

    async def see(self, summaries: Mapping[str, Summary], pages: Pages | None = None) -> Pages:
        """Keep how tenants stand: one request where nobody wrote *pages* since. Who has no config is left out.

        Returns:
            The pages as they are then.
        """
        return await self._change({tenant_id: _seeing(summary) for tenant_id, summary in summaries.items()}, pages)

    async def follow(self, tenants: Iterable[str], now: datetime, until: datetime) -> None:
        """Keep until when messages are expected that follow what of *tenants* is lost at *now*; all else stays."""
        await self._change(dict.fromkeys(tenants, lambda before: _following(before, now, until)))

    async def compare(self, configs: Mapping[str, tuple[TenantConfig | None, datetime]], before: Pages) -> None:
        """Write each page anew that does not fit *configs*, which were read after *before*, with the time of each.

        A page that somebody wrote meanwhile is newer than *configs*, and is left alone. A config that cannot be read
        leaves what its entry says; where there is none it gets one that says no more than that the tenant is there.
        """
        wanted = dict[str, dict[str, TenantInFleet]]()
        known = in_fleet(before)
        for tenant_id, (config, at) in configs.items():
            entry = _compared(tenant_id, config, at, known.get(tenant_id))
            wanted.setdefault(_page_of(tenant_id), {})[tenant_id] = entry
        for row in wanted.keys() | before.keys():
            page, etag = before.get(row, (IndexPage(), None))
            if isinstance(page, UnreadablePage) or page.tenants != wanted.get(row, {}):
                with suppress(RowMoved):
                    await self._put(row, IndexPage(wanted.get(row, {})), etag)

    async def _change(self, changes: Mapping[str, Change], pages: Pages | None = None) -> Pages:
        pages = await self.some(changes) if pages is None else pages
        after = {row: (page, etag) for row, (before, etag) in pages.items() if (page := _after(row, before, changes))}
        rows: dict[str, Versioned] = {row: (_packed(row, page), etag) for row, (page, etag) in after.items()}
        written: Pages = {}
        self._kept = None
        for some in batches(rows):
            try:
                etags = await replace_rows(self._table, [*some.values()])
                written |= {row: (after[row][0], etag) for row, etag in zip(some, etags, strict=True)}
            except RowMoved:
                written |= {row: await self._change_page(row, changes) for row in some}
        return pages | written

    async def _change_page(self, row: str, changes: Mapping[str, Change]) -> tuple[IndexPage, str | None]:
        while True:
            page, etag = await self._page(row)
            after = _after(row, page, changes)
            if after is None:
                return page, etag
            with suppress(RowMoved):
                return after, await self._put(row, after, etag)

    async def _range(self, first: str, last: str) -> Pages:
        return {row["RowKey"]: _page_in(row) async for row in self._query(first, last)}

    def _query(self, first: str, last: str, columns: list[str] | None = None) -> AsyncItemPaged[TableEntity]:
        return self._table.query_entities(
            "PartitionKey eq @index and RowKey ge @first and RowKey le @last",
            parameters={"index": _INDEX, "first": first, "last": last},
            select=columns,
        )

    async def _page(self, row: str) -> tuple[IndexPage, str | None]:
        entity = await row_at(self._table, _INDEX, row)
        return _page_in(entity) if entity else (IndexPage(), None)

    async def _put(self, row: str, page: IndexPage, etag: str | None) -> str:
        self._kept = None
        return await replace_row(self._table, _packed(row, page), etag)


def _page_in(entity: TableEntity) -> tuple[IndexPage, str | None]:
    return unpack_or(IndexPage, entity, UnreadablePage()), version_of(entity)


def _packed(row: str, page: IndexPage) -> dict[str, Any]:
    """The row of *page*. Where that would be too large fewer of each tenant's findings are named; they stay counted."""
    entity, most = pack(_INDEX, row, page), MOST_FINDINGS
    while size_of(entity) > _LARGEST_ROW and most:
        most //= 2
        fewer = IndexPage({tenant_id: each.naming(most) for tenant_id, each in page.tenants.items()})
        entity = pack(_INDEX, row, fewer)
    return entity


def _named(page: IndexPage) -> tuple[TenantInFleet, ...]:
    """The tenants of *page*; an entry of a former version does not say whose it is."""
    return tuple(each if each.tenant_id else replace(each, tenant_id=key) for key, each in page.tenants.items())


def _page_of(tenant_id: str) -> str:
    return f"{minute_of(tenant_id):02d}{tenant_id[0]}"


def in_fleet(pages: Pages) -> dict[str, TenantInFleet]:
    """The tenants on *pages*, by id."""
    return {tenant_id: each for page, _ in pages.values() for tenant_id, each in page.tenants.items()}


def _after(row: str, page: IndexPage, changes: Mapping[str, Change]) -> IndexPage | None:
    """*page* with those of *changes* that are about its tenants; None where it stays, as what makes no sense does."""
    if isinstance(page, UnreadablePage):
        return None
    tenants = dict(page.tenants)
    for tenant_id, change in changes.items():
        if _page_of(tenant_id) == row:
            entry = change(tenants.pop(tenant_id, None))
            tenants |= {tenant_id: entry} if entry else {}
    return None if tenants == page.tenants else IndexPage(tenants)


def _seeing(summary: Summary) -> Change:
    return lambda before: before.seeing(summary) if before else None


def _following(before: TenantInFleet | None, now: datetime, until: datetime) -> TenantInFleet | None:
    return before.followed_until(until) if before and before.lost_corrections(now) else before


def _compared(tenant_id: str, config: TenantConfig | None, at: datetime, before: TenantInFleet | None) -> TenantInFleet:
    """The entry that fits a config whose row was written *at*."""
    since = before.since if before and at - before.since < WORKERS_DIFFER else at
    if config:
        return TenantInFleet.of(config, since, before)
    return replace(before or _nothing_known(tenant_id, at), since=since)


def _nothing_known(tenant_id: str, at: datetime) -> TenantInFleet:
    return TenantInFleet(at, tenant_id, name=tenant_id, summary=Summary.of({}, ()))
