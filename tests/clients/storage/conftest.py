"""A table of its own for each test, on the real emulator."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from azure.data.tables.aio import TableClient


@pytest.fixture
async def table(azurite_connection: str) -> AsyncIterator[TableClient]:
    async with TableClient.from_connection_string(azurite_connection, f"t{uuid4().hex}") as table:
        await table.create_table()
        yield table
