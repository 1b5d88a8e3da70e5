"""One HTTP client, a router that refuses what no test expects, and a real Knot for updates."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import pytest
import respx
import stamina

from clients.http import Http, make_client
from tests.knot import knot_server  # noqa: F401 - a fixture

NOW = datetime(2026, 8, 11, 14, 2, 37, tzinfo=UTC)


class Permitted:
    """A provider whose every write is permitted."""

    def __init__(self, provider):
        self._provider = provider
        self.read = provider.read

    async def swap(self, *change):
        await self._provider.swap(*change, permit=granted)


async def granted() -> float:
    """Say nothing against a write."""
    return asyncio.get_running_loop().time()


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    with stamina.set_testing(True, attempts=2, cap=True):
        yield


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    async with make_client() as client:
        yield Http(client, now=lambda: NOW)


@pytest.fixture
def router() -> Iterator[respx.MockRouter]:
    with respx.mock(assert_all_called=True) as router:
        yield router
