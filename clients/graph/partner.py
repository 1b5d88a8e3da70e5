"""The customers of a partner, from its own tenant.

Source: docs/reference/defender-alerts-and-audit.md#partner-customers.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from clients.entra.clouds import Endpoints
from clients.entra.credentials import Credentials
from clients.errors import ClientError
from clients.graph.graph import Graph, Raw
from clients.http import Http

_RELATIONSHIPS = "/v1.0/tenantRelationships/delegatedAdminRelationships?$top=300"
_INFORMATION = "/tenantRelationships/findTenantInformationByTenantId(tenantId='{}')"


class Partner:
    """Graph, asked in the partner's own tenant."""

    def __init__(self, http: Http, credentials: Credentials, endpoints: Endpoints) -> None:
        self._graph = Graph(http, credentials, endpoints, "DelegatedAdminRelationship.Read.All")

    async def relationships(self, partner_id: str) -> list[Any]:
        """Every delegated admin relationship (GDAP), as it came. Raises ClientError."""
        return [raw async for page in self._graph.pages(partner_id, _RELATIONSHIPS) for raw in page]

    async def information(self, partner_id: str, tenant_ids: Sequence[str]) -> dict[str, Raw | ClientError]:
        """Name and default domain of each tenant, or why it could not be read. Raises ClientError where none could."""
        answers = await self._graph.each(partner_id, [_INFORMATION.format(quote(each)) for each in tenant_ids])
        return dict(zip(tenant_ids, answers, strict=True))
