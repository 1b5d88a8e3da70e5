"""What every part of the tests shares: Azurite, one for the whole run."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest_asyncio
import uvloop
from hypothesis import settings

from clients import log_lines
from devhost.azurite import azurite

# The same examples on every run, so that a red one can be repeated; and no deadline, which would be a timing assertion.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

log_lines.install()  # as the service makes them, whichever test comes first


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Every asynchronous test and fixture runs on the event loop of the platform's worker."""
    return {"uvloop": uvloop.new_event_loop}


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def azurite_connection() -> AsyncIterator[str]:
    """A connection string of a real storage account on loopback, empty at the start of the run."""
    async with azurite() as connection_string:
        yield connection_string
