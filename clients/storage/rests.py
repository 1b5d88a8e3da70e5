"""Which tenant rests at which service, for every worker to see: a row beside the tenant's states."""

from collections.abc import Iterable, Mapping

from clients.storage.documents import pack, readable
from clients.storage.together import TenantRows, together_with
from domain.rests import Rest


class RestTable:
    """One row for a tenant at a service; the next rest there takes its place."""

    def __init__(self, rows: TenantRows) -> None:
        self._rows = rows

    def of(self, tenant_id: str) -> dict[str, Rest]:
        """Every rest that holds or held, by service, as it was read together with the rest of the tenant's rows.

        One that makes no sense is none: the service is asked, and says by itself whether the tenant should rest.
        """
        together = together_with(tenant_id)
        rows = together.rests(tenant_id) if together else ()
        return {service: rest for service, row in rows if (rest := readable(Rest, row))}

    async def keep(self, tenant_id: str, begun: Mapping[str, Rest], ended: Iterable[str] = ()) -> None:
        """Keep the rests that have *begun*, by service, and forget those that have *ended*."""
        for service, rest in begun.items():
            await self._rows.put(tenant_id, pack(*self._rows.named(tenant_id, f"rest {service}"), rest), at_once=True)
        for service in ended:
            await self._rows.remove(tenant_id, f"rest {service}")
