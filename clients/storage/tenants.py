"""The tenants and their configs."""

from collections.abc import AsyncIterator

from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient

from clients.storage.documents import pack, unpack
from domain.tenant import TenantConfig

_PARTITION = "tenant"


class TenantTable:
    """Table `tenants`: one row a tenant."""

    def __init__(self, table: TableClient) -> None:
        self._table = table

    async def get(self, tenant_id: str) -> TenantConfig | None:
        try:
            return unpack(TenantConfig, await self._table.get_entity(_PARTITION, tenant_id))
        except ResourceNotFoundError:
            return None

    async def put(self, config: TenantConfig) -> None:
        entity = pack(_PARTITION, config.tenant_id, config, enabled=config.enabled)
        await self._table.upsert_entity(entity, mode=UpdateMode.REPLACE)

    async def delete(self, tenant_id: str) -> None:
        """Forget the tenant's config; its states and ledger stay, as what happened stays true."""
        await self._table.delete_entity(_PARTITION, tenant_id)

    async def all(self) -> AsyncIterator[TenantConfig]:
        async for entity in self._table.query_entities("PartitionKey eq 'tenant'"):
            yield unpack(TenantConfig, entity)

    async def enabled_ids(self) -> list[str]:
        """The ids of the tenants that are switched on, without their configs."""
        query = self._table.query_entities("PartitionKey eq 'tenant' and enabled eq true", select=["RowKey"])
        return [entity["RowKey"] async for entity in query]
