"""One client for all tests of the wire, a router that refuses what no test expects, and an Entra that counts tokens."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import respx
import stamina

from clients.entra.clouds import ENDPOINTS
from clients.entra.credentials import ClientSecret, Credentials
from clients.exchange.exchange import Exchange
from clients.http import Http, make_client
from simulator.tenant import Tenant
from simulator.world import World
from tests.mount import mount

TENANT = "7b1f6a3e-52c4-4d0e-9c1a-2f8e61d0a9b4"
CLIENT_ID = "2f9d1b54-0c1a-4a63-8c3e-6f6a6e0b1c77"


@dataclass
class Clock:
    """A clock that tests turn by hand."""

    time: datetime = datetime(2026, 8, 11, 14, 2, 37, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def advance(self, **duration: float) -> None:
        self.time += timedelta(**duration)


@dataclass
class Entra:
    """Gives every token a number; remembers who asked for what."""

    asked: list[dict[str, str]] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        form = dict(httpx.QueryParams(request.content.decode()))
        self.asked.append(form | {"tenant": request.url.path.split("/")[1]})
        token = f"token-{len(self.asked)}"
        return httpx.Response(200, json={"token_type": "Bearer", "expires_in": 3599, "access_token": token})


async def allowed() -> float:
    """Permit a write."""
    return asyncio.get_running_loop().time()


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    with stamina.set_testing(True, attempts=5, cap=True):
        yield


@pytest.fixture(scope="session")
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with make_client() as client:
        yield client


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def http(client: httpx.AsyncClient, clock: Clock) -> Http:
    return Http(client, now=clock)


@pytest.fixture
def router() -> Iterator[respx.MockRouter]:
    with respx.mock(assert_all_called=False) as router:
        yield router


@pytest.fixture
def entra(router: respx.MockRouter) -> Entra:
    entra = Entra()
    router.post(host="login.microsoftonline.com").mock(side_effect=entra)
    return entra


@pytest.fixture
def credentials(http: Http, clock: Clock, entra: Entra) -> Credentials:
    assert entra.asked == []
    return Credentials(http, ENDPOINTS["global"], CLIENT_ID, ClientSecret("s3cret"), now=clock)


@pytest.fixture
def exchange(http: Http, credentials: Credentials, clock: Clock) -> Exchange:
    return Exchange(http, credentials, ENDPOINTS["global"], now=clock)


@pytest.fixture
def world(router: respx.MockRouter, clock: Clock) -> World:
    """The simulated Microsoft and ticket systems, behind the router."""
    world = World(clock=clock)
    mount(router, world)
    return world


@pytest.fixture
def tenant(world: World) -> Tenant:
    return world.add_tenant("northwindlegal.example", audit_minutes=0)


@pytest.fixture
def simulated(http: Http, world: World, clock: Clock) -> Credentials:
    """Credentials that the simulated Entra takes."""
    return Credentials(http, ENDPOINTS["global"], world.client_id, ClientSecret(world.client_secret), now=clock)
