"""Work on one tenant, sparing the services that have turned it away."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from clients import restraint
from clients.connect import Clients


@asynccontextmanager
async def sparing(tenant_id: str, clients: Clients, *, way_out: bool = False) -> AsyncIterator[None]:
    """Ask no service at which the tenant rests; the rests that begin inside are kept for every worker to see.

    *way_out*: a person opens the tenant, which no rest keeps from being tried.
    The tenant's rows have been read together (`clients/storage/together.py`).
    """
    restrained = restraint.Restraint(tenant_id, clients.storage.rests.of(tenant_id), way_out=way_out)
    try:
        with restraint.in_force(restrained):
            yield
    finally:
        await clients.storage.rests.keep(tenant_id, restrained.begun, restrained.ended)


@asynccontextmanager
async def alone(tenant_id: str, clients: Clients, *, way_out: bool = False) -> AsyncIterator[None]:
    """As `sparing`, for a tenant that is not visited with others."""
    async with (
        clients.storage.rows.together([tenant_id], deferring=False),
        sparing(tenant_id, clients, way_out=way_out),
    ):
        yield
