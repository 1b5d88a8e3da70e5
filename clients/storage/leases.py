"""Leases: one tenant is never remediated twice at once, whichever workers hold its messages.

A blob lease is kept by the storage service's clock, ends by itself when a worker dies, and is renewed while one lives.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from time import monotonic
from typing import TYPE_CHECKING

from azure.core.exceptions import AzureError, HttpResponseError, ResourceExistsError, ResourceNotFoundError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from azure.storage.blob.aio import BlobClient, BlobLeaseClient, ContainerClient

LEASE_S = 60
"""The longest a lease can be without being endless: what a crash costs before another worker may go on."""
MARGIN_S = 10
"""A lease counts as lost this long before it ends, so that a write begun at the last moment is out before that."""
RENEW_EVERY_S = 10.0
"""Also the longest that one renewal is waited for: a lease outlives three that fail."""
TRY_EVERY_S = 0.5

type Stopwatch = Callable[[], float]
"""Seconds from an arbitrary start that only ever grow."""

# LeaseAlreadyPresent, LeaseIdMissing. The SDK has classes for some of their codes only.
_TAKEN = {409, 412}


class Lease:
    """A lease that is held, until *lost* says otherwise. Look before every write."""

    def __init__(self, client: BlobLeaseClient, stopwatch: Stopwatch) -> None:
        self._client = client
        self._stopwatch = stopwatch
        self._lost_at = stopwatch()

    @property
    def lost(self) -> bool:
        """Whether another worker may have it by now. No answer is needed to know: a lease ends by the clock."""
        return self._stopwatch() >= self._lost_at

    async def acquire(self) -> None:
        """Raises AzureError."""
        asked_at = self._stopwatch()
        await self._client.acquire(LEASE_S)
        self._lost_at = asked_at + LEASE_S - MARGIN_S

    async def keep(self, every_s: float) -> None:
        """Renew for ever. What fails is tried again, and *lost* comes true if nothing helps."""
        while True:
            await asyncio.sleep(every_s)
            asked_at = self._stopwatch()
            with suppress(AzureError, TimeoutError):
                async with asyncio.timeout(every_s):
                    await self._client.renew()
                self._lost_at = asked_at + LEASE_S - MARGIN_S

    async def release(self, patience_s: float) -> None:
        """Give it back; if that fails it ends by itself."""
        with suppress(AzureError, TimeoutError):
            async with asyncio.timeout(patience_s):
                await self._client.release()


class Leases:
    """Blob container `leases`: one blob a tenant."""

    def __init__(
        self, container: ContainerClient, *, stopwatch: Stopwatch = monotonic, renew_every_s: float = RENEW_EVERY_S
    ) -> None:
        self._container = container
        self._stopwatch = stopwatch
        self._renew_every_s = renew_every_s

    async def create(self) -> None:
        """Create the container if it does not exist yet."""
        with suppress(ResourceExistsError):
            await self._container.create_container()

    @asynccontextmanager
    async def hold(self, name: str, *, patience_s: float = 0) -> AsyncIterator[Lease | None]:
        """Hold the lease *name* for the block, or give None when another worker has it, for all of *patience_s*.

        Raises:
            AzureError: The storage account could not be asked.
        """
        until = self._stopwatch() + patience_s
        try:
            lease = await self._acquire(name, until)
        except ResourceNotFoundError:  # the first of all leases
            await self.create()
            lease = await self._acquire(name, until)
        if lease is None:
            yield None
            return
        renewal = asyncio.create_task(lease.keep(self._renew_every_s))
        try:
            yield lease
        finally:
            renewal.cancel()
            await lease.release(self._renew_every_s)

    async def _acquire(self, name: str, until: float) -> Lease | None:
        while True:
            lease = await self._try(name)
            if lease or self._stopwatch() >= until:
                return lease
            await asyncio.sleep(TRY_EVERY_S)

    async def _try(self, name: str) -> Lease | None:
        # Imported where leases are taken: it takes a sixth of the time that importing the app does.
        from azure.storage.blob.aio import BlobLeaseClient  # noqa: PLC0415

        blob = self._container.get_blob_client(name)
        lease = Lease(BlobLeaseClient(blob), self._stopwatch)
        try:
            await self._acquired(lease, blob)
        except HttpResponseError as error:
            if error.status_code not in _TAKEN:
                raise
            return None
        return lease

    async def _acquired(self, lease: Lease, blob: BlobClient) -> None:
        """Acquire, and make the blob only where there is none: each try to make it is paid for as a write."""
        try:
            await lease.acquire()
        except ResourceNotFoundError:
            with suppress(ResourceExistsError):
                await blob.upload_blob(b"", overwrite=False)
            await lease.acquire()
