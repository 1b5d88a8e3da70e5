"""One worker at a time, on real blob leases; only the clock that a lease is judged by is turned by hand."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from azure.core.pipeline import PipelineResponse
from azure.core.rest import AsyncHttpResponse, HttpRequest
from azure.storage.blob.aio import BlobLeaseClient, BlobServiceClient, ContainerClient

from clients.storage.leases import LEASE_S, MARGIN_S, Leases
from tests.clients.conftest import TENANT

SOON_S = 5.0


@dataclass
class Stopwatch:
    seconds: float = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def stopwatch() -> Stopwatch:
    return Stopwatch()


@asynccontextmanager
async def opened(connection: str, name: str, **habits: Any) -> AsyncIterator[ContainerClient]:
    async with BlobServiceClient.from_connection_string(connection, **habits) as blobs:
        yield blobs.get_container_client(name)


@pytest.fixture
async def container(azurite_connection: str) -> AsyncIterator[ContainerClient]:
    async with opened(azurite_connection, f"leases-{uuid4()}") as container:
        await Leases(container).create()
        yield container


async def becomes(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(SOON_S):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_second_holder_gets_none_and_after_the_block_it_is_free(container: ContainerClient) -> None:
    async with Leases(container).hold(TENANT) as first, Leases(container).hold(TENANT) as second:
        assert first
        assert not first.lost
        assert second is None
    async with Leases(container).hold(TENANT) as third:
        assert third


async def test_leases_of_different_tenants_do_not_meet(container: ContainerClient) -> None:
    async with Leases(container).hold("one") as one, Leases(container).hold("other") as other:
        assert one
        assert other


async def test_whoever_is_patient_gets_it_when_it_is_given_back(container: ContainerClient) -> None:
    async with AsyncExitStack() as first:
        await first.enter_async_context(Leases(container).hold(TENANT))
        async with asyncio.TaskGroup() as group:
            second = group.create_task(gets(container, patience_s=SOON_S))
            await asyncio.sleep(0)
            await first.aclose()

    assert second.result()


async def test_patience_ends_with_none(container: ContainerClient) -> None:
    async with Leases(container).hold(TENANT):
        assert not await gets(container, patience_s=0.2)


async def gets(container: ContainerClient, *, patience_s: float = 0) -> bool:
    async with Leases(container).hold(TENANT, patience_s=patience_s) as lease:
        return lease is not None


async def test_a_block_that_fails_gives_the_lease_back(container: ContainerClient) -> None:
    with pytest.raises(LookupError):
        async with Leases(container).hold(TENANT):
            raise LookupError

    assert await gets(container)


async def test_without_any_renewal_it_is_lost_before_it_ends(container: ContainerClient, stopwatch: Stopwatch) -> None:
    async with Leases(container, stopwatch=stopwatch).hold(TENANT) as lease:
        assert lease
        stopwatch.seconds += LEASE_S - MARGIN_S - 0.1
        assert not lease.lost
        stopwatch.seconds += 0.1
        assert lease.lost


async def test_a_renewal_moves_the_deadline(container: ContainerClient, stopwatch: Stopwatch) -> None:
    async with Leases(container, stopwatch=stopwatch, renew_every_s=0.2).hold(TENANT) as lease:
        assert lease
        stopwatch.seconds += LEASE_S
        await becomes(lambda: not lease.lost)


class Renewals:
    """Counts the renewals that the storage service refused, as they cross the wire."""

    def __init__(self) -> None:
        self.refused = 0

    def __call__(self, response: PipelineResponse[HttpRequest, AsyncHttpResponse]) -> None:
        is_renewal = response.http_request.headers.get("x-ms-lease-action") == "renew"
        self.refused += is_renewal and response.http_response.status_code >= 400


async def broken(container: ContainerClient) -> None:
    await BlobLeaseClient(container.get_blob_client(TENANT)).break_lease(0)


async def test_a_broken_lease_is_lost_at_the_deadline(
    azurite_connection: str, container: ContainerClient, stopwatch: Stopwatch
) -> None:
    renewals = Renewals()
    async with (
        opened(azurite_connection, container.container_name, raw_response_hook=renewals) as watched,
        Leases(watched, stopwatch=stopwatch, renew_every_s=0.2).hold(TENANT) as lease,
    ):
        assert lease
        await broken(container)
        stopwatch.seconds += LEASE_S - MARGIN_S
        await becomes(lambda: renewals.refused > 1)
        assert lease.lost


async def test_the_old_holder_of_a_broken_lease_does_not_disturb_the_new_one(container: ContainerClient) -> None:
    async with AsyncExitStack() as old:
        await old.enter_async_context(Leases(container, renew_every_s=0.2).hold(TENANT))
        await broken(container)
        async with Leases(container).hold(TENANT) as new:
            assert new
            await old.aclose()
            assert not await gets(container)


def address_of(server: asyncio.Server) -> str:
    return f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


class Line:
    """A line to the storage service that can go dead: what is sent then is never answered, not even later."""

    def __init__(self, host: str, port: int) -> None:
        self._there = (host, port)
        self.is_dead = False
        self._ends: list[asyncio.StreamWriter] = []

    def cut(self) -> None:
        """Close every connection."""
        for each in self._ends:
            each.close()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection(*self._there)
        self._ends += [writer, forth]
        with closing(writer), closing(forth):
            async with asyncio.TaskGroup() as group:
                group.create_task(self._carry(reader, forth))
                group.create_task(self._carry(back, writer))

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                if not self.is_dead:
                    writer.write(data)
        writer.close()


async def test_a_lease_whose_renewal_hangs_is_lost_in_time_and_is_renewed_when_the_line_is_back(
    azurite_connection: str, container: ContainerClient, stopwatch: Stopwatch
) -> None:
    there = urlsplit(container.url)
    line = Line(str(there.hostname), there.port or 80)
    async with await asyncio.start_server(line, "127.0.0.1", 0) as server:
        through = azurite_connection.replace(there.netloc, address_of(server))
        async with (
            opened(through, container.container_name) as distant,
            Leases(distant, stopwatch=stopwatch, renew_every_s=0.2).hold(TENANT) as lease,
        ):
            assert lease
            line.is_dead = True
            stopwatch.seconds += LEASE_S - MARGIN_S
            assert lease.lost
            await asyncio.sleep(0.5)
            assert lease.lost
            line.is_dead = False
            await becomes(lambda: not lease.lost)
            line.is_dead = True  # and giving it back does not hang either


async def test_a_lease_that_cannot_be_renewed_at_all_is_lost(
    azurite_connection: str, container: ContainerClient, stopwatch: Stopwatch
) -> None:
    there = urlsplit(container.url)
    line = Line(str(there.hostname), there.port or 80)
    async with await asyncio.start_server(line, "127.0.0.1", 0) as server:
        through = azurite_connection.replace(there.netloc, address_of(server))
        async with opened(through, container.container_name) as distant, AsyncExitStack() as stack:
            leases = Leases(distant, stopwatch=stopwatch, renew_every_s=0.2)
            lease = await stack.enter_async_context(leases.hold(TENANT))
            assert lease
            server.close()
            line.cut()
            await asyncio.sleep(0.5)
            stopwatch.seconds += LEASE_S - MARGIN_S
            assert lease.lost


async def test_the_first_of_all_leases_makes_their_container(azurite_connection: str) -> None:
    async with opened(azurite_connection, f"leases-{uuid4()}") as container, Leases(container).hold(TENANT) as lease:
        assert lease
        assert await container.exists()


@pytest.mark.parametrize("status", ["409 LeaseAlreadyPresent", "412 LeaseIdMissing"])
async def test_either_way_of_saying_that_somebody_has_it_is_none(status: str) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer):
            await reader.readuntil(b"\r\n\r\n")
            code = status.split()[1]
            writer.write(f"HTTP/1.1 {status}\r\nx-ms-error-code: {code}\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        connection = f"AccountName=account;AccountKey=a2V5;BlobEndpoint=http://{address_of(server)}/account"
        async with opened(connection, "leases") as container, Leases(container).hold(TENANT) as lease:
            assert lease is None
