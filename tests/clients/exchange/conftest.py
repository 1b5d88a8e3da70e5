"""The simulated Exchange and compliance, for the clients that were written apart from them.

Both sides are made from one reference (docs/reference/README.md); in `test_*_as_simulated.py` they meet.
"""

import pytest
import respx

from clients.entra.clouds import ENDPOINTS
from clients.entra.credentials import ClientSecret, Credentials
from clients.http import Http
from domain.facts import Service
from domain.steps import Step, Value
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
    return world.add_tenant("northwindlegal.example")


@pytest.fixture
def simulated(http: Http, world: World, clock: Clock) -> Credentials:
    """Credentials that the simulated Entra takes."""
    return Credentials(http, ENDPOINTS["global"], world.client_id, ClientSecret(world.client_secret), now=clock)


def step(service: Service, cmdlet: str, **parameters: Value) -> Step:
    return Step(service, cmdlet, parameters)
