"""One service for all the lives of a module."""

import asyncio
from collections.abc import AsyncGenerator, Iterator

import pytest
import stamina
import uvloop
from azure.data.tables.aio import TableServiceClient
from azure.storage.blob.aio import BlobServiceClient

from handlers.loop import remediate
from tests.handlers.harness import empty, holdfast
from tests.lives.stage import Stage


@pytest.fixture(scope="module")
def stage(azurite_connection: str) -> Iterator[Stage]:
    with (
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        stamina.set_testing(True, attempts=5, cap=True),
        pytest.MonkeyPatch.context() as monkeypatch,
    ):
        opened = _opened(azurite_connection, runner)
        stage = runner.run(_first(opened))
        stage.watch(monkeypatch)
        # On one loop nobody gives a lease back while another waits for it.
        monkeypatch.setattr(remediate, "WAIT_FOR_LEASE_S", 0)
        try:
            yield stage
        finally:
            runner.run(stage.clear())
            runner.run(opened.aclose())
            runner.run(empty(azurite_connection))


async def _first(opened: AsyncGenerator[Stage]) -> Stage:
    return await anext(opened)


async def _opened(azurite_connection: str, runner: asyncio.Runner) -> AsyncGenerator[Stage]:
    async with (
        holdfast(azurite_connection) as service,
        TableServiceClient.from_connection_string(azurite_connection) as tables,
        BlobServiceClient.from_connection_string(azurite_connection) as blobs,
    ):
        yield Stage(runner, service, tables, blobs)
