"""The simulated Microsoft, for the clients of Graph and of the audit feed."""

import pytest
import respx

from clients.entra.clouds import ENDPOINTS
from clients.entra.credentials import ClientSecret, Credentials
from clients.http import Http
from simulator.tenant import Tenant
from simulator.world import World
from tests.clients.conftest import Clock
from tests.mount import mount


@pytest.fixture
def world(router: respx.MockRouter, clock: Clock) -> World:
    world = World(clock=clock)
    mount(router, world)
    return world


@pytest.fixture
def tenant(world: World) -> Tenant:
    return world.add_tenant("northwindlegal.example", audit_minutes=0)


@pytest.fixture
def credentials(http: Http, world: World, clock: Clock) -> Credentials:
    return Credentials(http, ENDPOINTS["global"], world.client_id, ClientSecret(world.client_secret), now=clock)
