"""Leases: one tenant is never remediated twice at once, whichever workers hold its messages.

A blob lease is kept by the storage service's clock, ends by itself when a worker dies, and is renewed while one lives.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from azure.core.exceptions import AzureError, HttpResponseError, ResourceExistsError
from azure.storage.blob.aio import BlobLeaseClient, ContainerClient

LEASE_S = 60
"""The longest a lease can be without being endless: what a crash costs before another worker may go on."""

RENEW_EVERY_S = 20


class Lease:
    """A lease that is held, until *lost* says otherwise. Look before every write."""

    def __init__(self) -> None:
        self.lost = False


class Leases:
    """Blob container `leases`: one blob a tenant."""

    def __init__(self, container: ContainerClient) -> None:
        self._container = container

    async def create(self) -> None:
        with suppress(ResourceExistsError):
            await self._container.create_container()

    @asynccontextmanager
    async def hold(self, name: str) -> AsyncIterator[Lease | None]:
        """Hold the lease *name* for the block, or give None when another worker has it."""
        client = await self._acquire(name)
        if client is None:
            yield None
            return
        lease = Lease()
        renewal = asyncio.create_task(_renew(client, lease))
        try:
            yield lease
        finally:
            renewal.cancel()
            with suppress(AzureError):  # it ends by itself
                await client.release()

    async def _acquire(self, name: str) -> BlobLeaseClient | None:
        blob = self._container.get_blob_client(name)
        with suppress(ResourceExistsError):
            await blob.upload_blob(b"", overwrite=False)
        try:
            return await blob.acquire_lease(LEASE_S)
        except ResourceExistsError:
            return None


async def _renew(client: BlobLeaseClient, lease: Lease) -> None:
    while True:
        await asyncio.sleep(RENEW_EVERY_S)
        try:
            await client.renew()
        except HttpResponseError:
            lease.lost = True
            return
