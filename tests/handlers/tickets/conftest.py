"""A service connected to a simulated ticket system: Autotask, unless a test asks for another or for each."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from azure.storage.queue.aio import QueueClient

from tests.handlers.conftest import no_waiting_between_tries
from tests.handlers.harness import empty, holdfast
from tests.handlers.tickets.msp import COMPANY, Msp, desk_of, settings

__all__ = ["no_waiting_between_tries"]


@pytest.fixture(autouse=True)
def nothing_is_hidden(monkeypatch):
    """Messages come up at once: tests decide when they are delivered."""
    send = QueueClient.send_message

    async def at_once(self, content, **given):
        return await send(self, content, **(given | {"visibility_timeout": 0}))

    monkeypatch.setattr(QueueClient, "send_message", at_once)


@pytest_asyncio.fixture
async def emptied(azurite_connection) -> AsyncIterator[None]:
    """Nothing is left for the next test."""
    yield
    await empty(azurite_connection)


@pytest.fixture
def provider():
    return "autotask"


@pytest.fixture
def desk(provider):
    return desk_of(provider)


@pytest_asyncio.fixture
async def msp(azurite_connection, provider, desk, emptied):  # noqa: ARG001 - it cleans up
    async with holdfast(azurite_connection, **settings(provider, **desk)) as service:
        system = service.world.psa.by_name[provider]
        system.companies = {COMPANY, 251}
        yield Msp(service, system)


@pytest_asyncio.fixture
async def tenant(msp):
    tenant = msp.service.world.add_tenant("contoso.example", alert_set="not_found")
    await msp.service.look_after(tenant, psa={"provider": msp.system.name, "company_id": str(COMPANY)})
    return tenant
