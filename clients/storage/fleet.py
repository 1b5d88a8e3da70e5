"""The compact index of the fleet, and how far the ticks have come: so that a tick reads no tenant's config.

| partition | row | holds |
|---|---|---|
| `tenants` | page, two hexadecimal digits | the enabled tenants whose place falls into it |
| `tick` | `cursor` | up to when looks are enqueued, and by whom the next are |
| `due` | job | a message that waits for longer than one should be hidden (`clients/storage/due.py`) |
| `rest` | tenant id, service | until when the service is not asked about the tenant (`clients/storage/rests.py`) |

An index page is written with each config that changes, and compared with the configs each hour.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from azure.core import MatchConditions
from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient
from pydantic import AwareDatetime

from clients.storage.documents import pack, unpack
from domain.fleet import Cursor, place_of

PAGES = 64
"""A page of a fleet of 10,000 has some 160 tenants: few enough for one row, and rarely written twice at once."""

_INDEX = "tenants"
_CURSOR = ("tick", "cursor")


@dataclass(frozen=True, slots=True)
class IndexPage:
    """Some of the tenants that are switched on, with the time since which each one's config is as it is."""

    tenants: Mapping[str, AwareDatetime] = field(default_factory=dict)


class CursorMoved(Exception):  # noqa: N818 - an outcome, not a fault: another tick was first
    """Another tick has taken this over. Nothing was written."""


class FleetTable:
    """Table `fleet`."""

    def __init__(self, table: TableClient) -> None:
        self._table = table

    async def tenants(self) -> dict[str, datetime]:
        """Every tenant that is switched on, with the time since which its config is as it is."""
        return {tenant: at for page, _ in (await self.pages()).values() for tenant, at in page.tenants.items()}

    async def note(self, tenant_id: str, since: datetime | None) -> None:
        """Keep that a tenant is switched on since *since*, or (None) that it is not."""
        row = _page_of(tenant_id)
        while True:
            page, etag = await self._page(row)
            others = {each: at for each, at in page.tenants.items() if each != tenant_id}
            if since is None and len(others) == len(page.tenants):
                return
            with suppress(ResourceExistsError, ResourceModifiedError):
                await self._put(row, IndexPage(others if since is None else {**others, tenant_id: since}), etag)
                return

    async def compare(self, tenants: Mapping[str, datetime], before: Mapping[str, tuple[IndexPage, str]]) -> None:
        """Write each page anew that says otherwise than *tenants*, which was read after *before*.

        A page that somebody wrote meanwhile is newer than *tenants*, and is left alone.
        """
        wanted = dict[str, dict[str, datetime]]()
        for tenant_id, at in tenants.items():
            wanted.setdefault(_page_of(tenant_id), {})[tenant_id] = at
        for row in wanted.keys() | before.keys():
            page, etag = before.get(row, (IndexPage(), None))
            if page.tenants.keys() != wanted.get(row, {}).keys():
                with suppress(ResourceExistsError, ResourceModifiedError):
                    await self._put(row, IndexPage(wanted.get(row, {})), etag)

    async def cursor(self) -> tuple[Cursor, str] | None:
        """How far the ticks have come, with the version of that; None before the first."""
        try:
            entity = await self._table.get_entity(*_CURSOR)
        except ResourceNotFoundError:
            return None
        return unpack(Cursor, entity), str(entity.metadata["etag"])

    async def size(self) -> int | None:
        """How many tenants the last tick counted; None before the first."""
        found = await self.cursor()
        return found[0].tenants if found and found[0].counted else None

    async def move(self, cursor: Cursor, etag: str | None) -> str:
        """Write *cursor* over the version *etag* (None: there is none yet), and give the new one's.

        Raises:
            CursorMoved: Another tick did so first.
        """
        entity = pack(*_CURSOR, cursor)
        try:
            if etag is None:
                written = await self._table.create_entity(entity)
            else:
                written = await self._table.update_entity(
                    entity, mode=UpdateMode.REPLACE, etag=etag, match_condition=MatchConditions.IfNotModified
                )
        except (ResourceExistsError, ResourceModifiedError, ResourceNotFoundError) as error:
            raise CursorMoved from error
        return str(written["etag"])

    async def pages(self) -> dict[str, tuple[IndexPage, str]]:
        """Every page of the index with its version."""
        query = self._table.query_entities(f"PartitionKey eq '{_INDEX}'")
        return {row["RowKey"]: (unpack(IndexPage, row), str(row.metadata["etag"])) async for row in query}

    async def _page(self, row: str) -> tuple[IndexPage, str | None]:
        try:
            entity = await self._table.get_entity(_INDEX, row)
        except ResourceNotFoundError:
            return IndexPage(), None
        return unpack(IndexPage, entity), str(entity.metadata["etag"])

    async def _put(self, row: str, page: IndexPage, etag: str | None) -> None:
        entity = pack(_INDEX, row, page)
        if etag is None:
            await self._table.create_entity(entity)
            return
        await self._table.update_entity(
            entity, mode=UpdateMode.REPLACE, etag=etag, match_condition=MatchConditions.IfNotModified
        )


def _page_of(tenant_id: str) -> str:
    return f"{place_of(tenant_id) % PAGES:02x}"
