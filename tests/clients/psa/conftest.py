"""One ticket system of the simulator, and the client that talks to it."""

import pytest
import pytest_asyncio
import respx

from clients.http import Http, make_client
from clients.psa import systems
from clients.settings import load
from simulator.world import World
from tests.clients.test_settings import GOOD
from tests.handlers.harness import Clock
from tests.handlers.tickets.msp import COMPANY, desk_of, settings
from tests.mount import mount


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def world(clock):
    return World(clock=clock)


@pytest.fixture
def provider():
    return "autotask"


@pytest.fixture
def system(world, provider):
    found = world.psa.by_name[provider]
    found.companies = {COMPANY}
    return found


@pytest.fixture
def router(world):
    with respx.mock(assert_all_called=False) as router:
        mount(router, world)
        yield router


@pytest_asyncio.fixture
async def psa(router, clock, provider):  # noqa: ARG001 - it answers
    async with make_client() as web:
        environ = GOOD | settings(provider, **desk_of(provider))
        yield systems.connect_ticket_systems(load(environ), Http(web, now=clock), web, now=clock).by_provider[provider]
