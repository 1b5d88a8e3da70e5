"""A service for each test, and nothing left behind for the next."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from contextvars import Context
from html import unescape
from typing import Any, NamedTuple, cast
from urllib.parse import parse_qs

import pytest
import pytest_asyncio
import stamina
from azure.core.pipeline.transport import AioHttpTransport
from azure.data.tables.aio import TableServiceClient

from clients.storage.documents import ROW_VERSION
from domain.jobs import QueueName
from tests.handlers.harness import Service, empty, holdfast


@pytest.fixture(scope="session", autouse=True)
def no_waiting_between_tries() -> Iterator[None]:
    """Retries happen as in life, without their pauses."""
    with stamina.set_testing(True, attempts=5, cap=True):
        yield


@pytest.fixture
def environment() -> dict[str, str]:
    """Settings beside the usual ones, for a file of tests to replace."""
    return {}


@pytest_asyncio.fixture
async def service(azurite_connection: str, environment: dict[str, str]) -> AsyncIterator[Service]:
    async with fresh(azurite_connection, **environment) as service:
        yield service


@asynccontextmanager
async def fresh(azurite_connection: str, **environment: str) -> AsyncIterator[Service]:
    """A service that leaves nothing behind."""
    async with holdfast(azurite_connection, **environment) as service:
        try:
            yield service
        finally:
            await empty(azurite_connection)


class Posted(NamedTuple):
    """A message on its way to a queue: hidden ones cannot be read there before their time."""

    queue: QueueName
    body: bytes
    hidden_s: int


@pytest.fixture
def posted(service: Service, monkeypatch: pytest.MonkeyPatch) -> list[Posted]:  # noqa: ARG001 - the service is there first
    """What is put on the queues, as it leaves the Azure SDK's transport."""
    found, leave = list[Posted](), AioHttpTransport.send

    async def to_storage(transport: Any, request: Any, **options: Any) -> Any:
        if request.method == "POST" and (post := re.search(r"/(\w+)/messages\?(.*)", request.url)):
            [text] = re.findall(rb"<MessageText>(.*)</MessageText>", request.content, re.DOTALL)
            [hidden] = parse_qs(post[2]).get("visibilitytimeout", ["0"])
            found.append(Posted(cast("QueueName", post[1]), unescape(text.decode()).encode(), int(hidden)))
        return await leave(transport, request, **options)

    monkeypatch.setattr(AioHttpTransport, "send", to_storage)
    return found


type Meanwhile = Callable[[str, Callable[[], Awaitable[Any]]], None]


@pytest.fixture
def meanwhile(service: Service, monkeypatch: pytest.MonkeyPatch) -> Meanwhile:  # noqa: ARG001 - as above
    """What somebody else does, from now on once, just before the first request to storage that fits a pattern.

    The pattern is for `METHOD URL`, as the request leaves the Azure SDK's transport.
    """
    waiting, leave = list[tuple[str, Callable[[], Awaitable[Any]]]](), AioHttpTransport.send

    async def to_storage(transport: Any, request: Any, **options: Any) -> Any:
        for each in waiting:
            if re.search(each[0], f"{request.method} {request.url}"):
                waiting.remove(each)
                await asyncio.create_task(_awaited(each[1]), context=Context())
                break
        return await leave(transport, request, **options)

    monkeypatch.setattr(AioHttpTransport, "send", to_storage)
    return lambda pattern, act: waiting.append((pattern, act))


async def _awaited(act: Callable[[], Awaitable[Any]]) -> Any:
    return await act()


type Spoil = Callable[..., Awaitable[None]]


@pytest.fixture
def spoil(azurite_connection: str) -> Spoil:
    """Makes what a row of a table holds no sense to this version; *newer*: as a later one wrote it."""

    async def spoil(table: str, row_key: str, *, newer: bool = False) -> None:
        odd = {"version": ROW_VERSION + 1} if newer else {"body0": "7"}
        async with TableServiceClient.from_connection_string(azurite_connection) as tables:
            client = tables.get_table_client(table)
            [row] = [each async for each in client.query_entities("RowKey eq @key", parameters={"key": row_key})]
            await client.update_entity({"PartitionKey": row["PartitionKey"], "RowKey": row_key} | odd)

    return spoil
