"""The tenants and their configs."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import datetime

from azure.core import MatchConditions
from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient

from clients.storage.documents import pack, unpack
from domain.tenant import PsaCompany, TenantConfig

_PARTITION = "tenant"


class ConfigMoved(Exception):  # noqa: N818 - an outcome, not a fault: somebody wrote first
    """The config is another one than the caller knew. Nothing was written."""


class TenantTable:
    """Table `tenants`: one row a tenant."""

    def __init__(self, table: TableClient) -> None:
        self._table = table

    async def get(self, tenant_id: str) -> TenantConfig | None:
        try:
            return unpack(TenantConfig, await self._table.get_entity(_PARTITION, tenant_id))
        except ResourceNotFoundError:
            return None

    async def find(self, tenant_id: str) -> tuple[TenantConfig, str] | None:
        """A tenant's config with its version, for `replace` and `remove`."""
        try:
            entity = await self._table.get_entity(_PARTITION, tenant_id)
        except ResourceNotFoundError:
            return None
        return unpack(TenantConfig, entity), str(entity.metadata["etag"])

    async def put(self, config: TenantConfig) -> None:
        await self._table.upsert_entity(_entity(config), mode=UpdateMode.REPLACE)

    async def create(self, config: TenantConfig) -> None:
        """Add a tenant. Raises ConfigMoved when it is there already."""
        with _conditional():
            await self._table.create_entity(_entity(config))

    async def replace(self, config: TenantConfig, version: str) -> None:
        """Write *config* over *version*. Raises ConfigMoved when somebody wrote since."""
        with _conditional():
            await self._table.update_entity(
                _entity(config), mode=UpdateMode.REPLACE, etag=version, match_condition=MatchConditions.IfNotModified
            )

    async def delete(self, tenant_id: str, version: str | None = None) -> None:
        """Forget the tenant's config; its states and ledger stay, as what happened stays true.

        Raises:
            ConfigMoved: There is a *version*, and somebody wrote since.
        """
        condition = MatchConditions.IfNotModified if version else MatchConditions.Unconditionally
        with _conditional():
            await self._table.delete_entity(_PARTITION, tenant_id, etag=version, match_condition=condition)

    async def all(self) -> AsyncIterator[TenantConfig]:
        async for entity in self._table.query_entities("PartitionKey eq 'tenant'"):
            yield unpack(TenantConfig, entity)

    async def of_company(self, psa: PsaCompany) -> list[TenantConfig]:
        """The tenants whose company in the ticket system *psa* is: this table alone says so."""
        query = self._table.query_entities(
            "PartitionKey eq 'tenant' and company eq @company", parameters={"company": _company(psa)}
        )
        return [unpack(TenantConfig, entity) async for entity in query]

    async def enabled_since(self) -> dict[str, datetime]:
        """The tenants that are switched on, with the time since which their config is as it is."""
        query = self._table.query_entities(
            "PartitionKey eq 'tenant' and enabled eq true", select=["RowKey", "Timestamp"]
        )
        return {entity["RowKey"]: at async for entity in query if (at := entity.metadata["timestamp"])}

    async def enabled_ids(self) -> list[str]:
        """The ids of the tenants that are switched on, without their configs."""
        query = self._table.query_entities("PartitionKey eq 'tenant' and enabled eq true", select=["RowKey"])
        return [entity["RowKey"] async for entity in query]


def _entity(config: TenantConfig) -> dict[str, object]:
    columns = {"enabled": config.enabled, "company": _company(config.psa)}
    return pack(_PARTITION, config.tenant_id, config, **columns)


@contextmanager
def _conditional() -> Iterator[None]:
    try:
        yield
    except (ResourceExistsError, ResourceModifiedError, ResourceNotFoundError) as error:
        raise ConfigMoved("somebody else changed the config meanwhile") from error


def _company(psa: PsaCompany | None) -> str:
    return f"{psa.provider} {psa.company_id}" if psa else ""
