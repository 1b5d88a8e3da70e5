"""Work on one tenant, sparing the services that have turned it away."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from clients import restraint
from clients.connect import Clients
from domain.rests import Rest

type Rests = Mapping[str, Mapping[str, Rest]]


@asynccontextmanager
async def sparing(tenant_id: str, rests: Rests, clients: Clients) -> AsyncIterator[None]:
    """Ask no service at which the tenant rests; the rests that begin inside are kept for every worker to see."""
    restrained = restraint.Restraint(tenant_id, rests.get(tenant_id, {}))
    try:
        with restraint.in_force(restrained):
            yield
    finally:
        await clients.storage.rests.keep(tenant_id, restrained.begun)
