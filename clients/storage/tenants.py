"""The tenants and their configs.

A change and its ledger entry belong together, as with states: the entry is written in the tenant's row (the outbox) and
copied right after; `find`, which comes before each change, copies what a crash left behind.
"""

from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any, NamedTuple

from azure.core import MatchConditions
from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError
from azure.data.tables import TableEntity, UpdateMode
from azure.data.tables.aio import TableClient

from clients.http import Clock
from clients.storage.documents import (
    NewerRow,
    body,
    chunks,
    log_unreadable,
    pack,
    read_body,
    read_chunks,
    read_outbox,
    readable,
    unpack_or,
)
from clients.storage.fleet_index import FleetIndex
from clients.storage.ledger import LedgerTable
from clients.storage.rows import RowMoved, delete_row, replace_row, row_at, version_of, written_at
from clients.storage.together import together_with
from domain.errors import UnreadableConfig
from domain.ledger import Entry
from domain.tenant import PsaCompany, TenantConfig
from domain.waves import TenantMove
from domain.widening import ProposedConfig

_PARTITION = "tenant"
_PROPOSED = "proposed"
_OUTBOX = "outbox"
_VERSION = "profile_version"
_MOVE = "move"

CONFIGS_KEPT = 12_000
"""As many configs as a worker keeps, of about 1 KB each: a fleet."""


class ConfigMoved(Exception):  # noqa: N818 - an outcome, not a fault: somebody wrote first
    """The config is another one than the caller knew. Nothing was written."""


class TenantRow(NamedTuple):
    """A tenant's config, and what stands beside it in its row. *etag*: the row's version.

    *profile_version*: the version of its profile that the tenant is held to; empty in rows from before there was more
    than one, which are held to the oldest. *move*: the last wave that moved the tenant.
    """

    config: TenantConfig
    etag: str = ""
    profile_version: str = ""
    move: TenantMove | None = None


class OddConfig(NamedTuple):
    """What can be read of a tenant's row whose config makes no sense to this version.

    *newer*: since a later version wrote it, so that nothing may be written over it.
    """

    tenant_id: str
    etag: str = ""
    profile_version: str = ""
    move: TenantMove | None = None
    newer: bool = False


class _Text(NamedTuple):
    """A row as text, which takes the least room."""

    config: str
    etag: str
    profile_version: str
    move: dict[str, Any]

    @classmethod
    def of(cls, entity: dict[str, Any]) -> "_Text":
        """Raises NewerRow."""
        move = {name: value for name, value in entity.items() if name.startswith(_MOVE)}
        return cls(body(entity), str(entity.metadata["etag"]), str(entity.get(_VERSION, "")), move)  # type: ignore[attr-defined]

    def row(self) -> TenantRow:
        """Raises ValueError."""
        move = read_chunks(TenantMove, _MOVE, self.move)
        return TenantRow(read_body(TenantConfig, self.config), self.etag, self.profile_version, move)


class TenantTable:
    """Table `tenants`: one row a tenant. Each that changes is noted in the index of the fleet, too."""

    def __init__(self, table: TableClient, ledger: LedgerTable, index: FleetIndex, now: Clock) -> None:
        self._table = table
        self._ledger = ledger
        self._index = index
        self._now = now
        self._kept: OrderedDict[str, tuple[_Text, datetime]] = OrderedDict()

    async def get(self, tenant_id: str) -> TenantConfig | None:
        row = await self.row(tenant_id)
        return row.config if row else None

    async def row(self, tenant_id: str) -> TenantRow | None:
        """A tenant's config and what stands beside it, for reading. Raises NewerRow, UnreadableConfig."""
        text = await self._read(tenant_id)
        return _opened(tenant_id, text) if text else None

    async def _read(self, tenant_id: str) -> _Text | None:
        entity = await row_at(self._table, _PARTITION, tenant_id)
        return _Text.of(entity) if entity else None

    async def recall(self, tenant_id: str) -> TenantRow | None:
        """As `row`; where rows are read together, a config that the index says has not changed is not read again."""
        together = together_with(tenant_id)
        since = together.since(tenant_id) if together else None
        if since is None:
            return await self.row(tenant_id)
        kept, kept_since = self._kept.get(tenant_id, (None, None))
        if since != kept_since:
            kept = await self._read(tenant_id)
            if kept is None:
                return None
            self._keep(tenant_id, kept, since)
        return _opened(tenant_id, kept) if kept else None

    def _keep(self, tenant_id: str, text: _Text, since: datetime) -> None:
        self._kept.pop(tenant_id, None)
        self._kept[tenant_id] = (text, since)
        if len(self._kept) > CONFIGS_KEPT:
            self._kept.popitem(last=False)

    async def find(self, tenant_id: str) -> TenantRow | None:
        """A tenant's row, for a change, once the last entry is in the ledger. Raises NewerRow, UnreadableConfig."""
        row = await self.standing(tenant_id)
        if isinstance(row, OddConfig):
            raise UnreadableConfig(tenant_id)
        return row

    async def standing(self, tenant_id: str) -> TenantRow | OddConfig | None:
        """As `find`, of a config that makes no sense, too: it may be replaced or deleted. Raises NewerRow."""
        entity = await self._told(_PARTITION, tenant_id)
        return _standing(entity) if entity else None

    async def _told(self, partition: str, tenant_id: str) -> TableEntity | None:
        entity = await row_at(self._table, partition, tenant_id)
        if entity and (told := read_outbox(Entry, _OUTBOX, entity)):
            await self._ledger.ensure([told])
        return entity

    async def create(self, row: TenantRow, told: Entry | None = None) -> None:
        """Add a tenant. Raises ConfigMoved when it is there already."""
        await self._write(row, None, told)

    async def replace(self, row: TenantRow, told: Entry | None = None) -> None:
        """Write *row* over its version. Raises ConfigMoved when somebody wrote since."""
        await self._write(row, row.etag, told)

    async def _write(self, row: TenantRow, etag: str | None, told: Entry | None) -> None:
        with _conditional():
            await replace_row(self._table, _entity(row, told), etag)
        await self._index.note(row.config, self._now())
        await self._tell(told)

    async def delete(self, tenant_id: str, version: str, told: Entry) -> None:
        """Forget the tenant's config; its states and ledger stay, as what happened stays true.

        Raises:
            ConfigMoved: Somebody wrote since *version*.
        """
        key = {"PartitionKey": _PARTITION, "RowKey": tenant_id}
        on_version = MatchConditions.IfNotModified
        with _conditional():
            kept = await self._table.update_entity(
                key | chunks(_OUTBOX, told), mode=UpdateMode.MERGE, etag=version, match_condition=on_version
            )
            await self._tell(told)
            await delete_row(self._table, _PARTITION, tenant_id, kept["etag"])
        await self._index.forget(tenant_id)

    async def _tell(self, told: Entry | None) -> None:
        if told:
            await self._ledger.append(told)

    async def proposed(self, tenant_id: str) -> tuple[ProposedConfig, str] | None:
        """The config that waits for another person, with its row's version; its entry is in the ledger after this.

        One that makes no sense does not wait: nobody could say yes to it. Raises NewerRow.
        """
        entity = await self._told(_PROPOSED, tenant_id)
        proposed = unpack_or(ProposedConfig, entity, None) if entity else None
        return (proposed, version_of(entity)) if entity and proposed else None

    async def all_proposed(self) -> AsyncIterator[ProposedConfig]:
        """Every config that waits, or waited, for another person."""
        async for entity in self._table.query_entities(f"PartitionKey eq '{_PROPOSED}'"):
            if proposed := readable(ProposedConfig, entity):
                yield proposed

    async def propose(self, proposed: ProposedConfig, told: Entry) -> None:
        """Keep a config for another person, in the place of an earlier one, with the entry that tells of it."""
        await self._told(_PROPOSED, proposed.config.tenant_id)
        entity = pack(_PROPOSED, proposed.config.tenant_id, proposed, **chunks(_OUTBOX, told))
        await self._table.upsert_entity(entity, mode=UpdateMode.REPLACE)
        await self._tell(told)

    async def forget_proposed(self, tenant_id: str, version: str) -> None:
        """Forget the proposed config of this version; another one that came meanwhile stays."""
        with suppress(RowMoved):
            await delete_row(self._table, _PROPOSED, tenant_id, version)

    async def rows(self) -> AsyncIterator[TenantRow]:
        """Every tenant whose config can be read."""
        async for row in self.all_rows():
            if isinstance(row, TenantRow):
                yield row

    async def all_rows(self) -> AsyncIterator[TenantRow | OddConfig]:
        async for entity in self._table.query_entities("PartitionKey eq 'tenant'"):
            yield _one_of_many(entity)

    async def of_company(self, psa: PsaCompany) -> list[TenantConfig]:
        """The tenants whose company in the ticket system *psa* is: this table alone says so.

        None where the config of one of them makes no sense: nobody can say then which one is meant. Raises NewerRow.
        """
        query = self._table.query_entities(
            "PartitionKey eq 'tenant' and company eq @company", parameters={"company": _company(psa)}
        )
        found = [unpack_or(TenantConfig, entity, None) async for entity in query]
        configs = [config for config in found if config]
        return configs if len(configs) == len(found) else []

    async def all_since(self) -> dict[str, tuple[TenantConfig | None, datetime]]:
        """Every config with the time since which it is as it is; None for one that makes no sense to this version."""
        query = self._table.query_entities("PartitionKey eq 'tenant'")
        return {row["RowKey"]: (readable(TenantConfig, row), written_at(row)) async for row in query}


def _opened(tenant_id: str, text: _Text) -> TenantRow:
    """Raises UnreadableConfig."""
    try:
        return text.row()
    except ValueError:
        raise UnreadableConfig(tenant_id) from None  # what it holds is in pydantic's own text


def _standing(entity: TableEntity) -> TenantRow | OddConfig:
    """Raises NewerRow."""
    text = _Text.of(entity)
    try:
        return text.row()
    except ValueError as error:
        log_unreadable("body", entity, error)
        move = read_outbox(TenantMove, _MOVE, entity)
        return OddConfig(entity["RowKey"], text.etag, text.profile_version, move)


def _one_of_many(entity: TableEntity) -> TenantRow | OddConfig:
    try:
        return _standing(entity)
    except NewerRow:
        return OddConfig(entity["RowKey"], move=read_outbox(TenantMove, _MOVE, entity), newer=True)


def _entity(row: TenantRow, told: Entry | None) -> dict[str, object]:
    config = row.config
    columns = {"enabled": config.enabled, "company": _company(config.psa), _VERSION: row.profile_version}
    columns |= chunks(_OUTBOX, told) if told else {}
    columns |= chunks(_MOVE, row.move) if row.move else {}
    return pack(_PARTITION, config.tenant_id, config, **columns)


@contextmanager
def _conditional() -> Iterator[None]:
    try:
        yield
    except (RowMoved, ResourceModifiedError, ResourceNotFoundError) as error:
        raise ConfigMoved("somebody else changed the config meanwhile") from error


def _company(psa: PsaCompany | None) -> str:
    return f"{psa.provider} {psa.company_id}" if psa else ""
