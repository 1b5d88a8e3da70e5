"""A tenant, and a caller that speaks to it as docs/reference/exchange.md says a client should."""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import respx

from simulator.tenant import Tenant
from simulator.world import World
from tests.mount import mount

EXCHANGE = "outlook.office365.com"
COMPLIANCE = "ps.compliance.protection.outlook.com"


@dataclass
class Clock:
    now: datetime = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class Caller:
    """Signs in and sends cmdlets; adds nothing to the answers."""

    http: httpx.AsyncClient
    tenant: Tenant
    tokens: dict[str, str] = field(default_factory=dict)

    async def sign_in(self, audience: str = EXCHANGE, **form: str) -> httpx.Response:
        world = self.tenant.world
        sent = {
            "grant_type": "client_credentials",
            "client_id": world.client_id,
            "client_secret": world.client_secret,
            "scope": f"https://{audience}/.default",
        }
        url = f"https://login.microsoftonline.com/{self.tenant.tenant_id}/oauth2/v2.0/token"
        return await self.http.post(url, data=sent | form)

    async def token(self, audience: str) -> str:
        if audience not in self.tokens:
            self.tokens[audience] = (await self.sign_in(audience)).json()["access_token"]
        return self.tokens[audience]

    async def headers(self, host: str) -> dict[str, str]:
        audience = EXCHANGE if host == EXCHANGE else COMPLIANCE
        return {
            "Authorization": f"Bearer {await self.token(audience)}",
            "Accept": "application/json",
            "Prefer": "odata.maxpagesize=1000;odata.continue-on-error",
            "X-AnchorMailbox": f"APP:SystemMailbox{{bb558c35-97f1-4cb9-8ff7-d53741dc928c}}@{self.tenant.tenant_id}",
        }

    def url(self, host: str = EXCHANGE, resource: str = "InvokeCommand") -> str:
        return f"https://{host}/adminapi/beta/{self.tenant.tenant_id}/{resource}"

    async def run(self, cmdlet: str, host: str = EXCHANGE, **parameters: Any) -> httpx.Response:
        return await self.post(self.url(host), command(cmdlet, **parameters), host)

    async def post(self, url: str, body: object, host: str = EXCHANGE, **headers: str) -> httpx.Response:
        return await self.http.post(url, json=body, headers=await self.headers(host) | headers)

    async def compliance(self, cmdlet: str, **parameters: Any) -> httpx.Response:
        return await self.run(cmdlet, f"{self.tenant.region}.{COMPLIANCE}", **parameters)

    async def value(self, cmdlet: str, **parameters: Any) -> list[dict[str, Any]]:
        answer = await self.run(cmdlet, **parameters)
        assert answer.status_code == 200, answer.text
        value: list[dict[str, Any]] = answer.json()["value"]
        return value

    async def batch(self, *cmdlets: str | dict[str, Any], **headers: str) -> httpx.Response:
        own = await self.headers(EXCHANGE)
        inner = {"Authorization": own["Authorization"], "Content-Type": "application/json"}
        requests = [
            {
                "id": str(number),
                "method": "POST",
                "url": self.url(),
                "headers": inner,
                "body": command(cmdlet) if isinstance(cmdlet, str) else cmdlet,
            }
            for number, cmdlet in enumerate(cmdlets)
        ]
        return await self.post(self.url(resource="$batch"), {"requests": requests}, **headers)


def command(cmdlet: str, **parameters: Any) -> dict[str, Any]:
    return {"CmdletInput": {"CmdletName": cmdlet, "Parameters": parameters}}


def error_of(answer: httpx.Response) -> tuple[int, str, str]:
    """Status, exception type and text of a refusal, from whichever of the three forms of 5.1 it is in."""
    error = answer.json()["error"]
    if not error.get("details"):
        inner = error["innererror"]["internalexception"]
        return answer.status_code, inner["type"].rpartition(".")[2], inner["message"]
    message = error["details"][0]["message"]
    if message.startswith("{"):
        told = json.loads(message)
        return answer.status_code, told["TypeName"].rpartition(".")[2], told["Message"]
    _, kind, text = message.split("|", 2)
    return answer.status_code, kind.rpartition(".")[2], text


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def world(clock: Clock) -> World:
    return World(clock)


@pytest.fixture
def tenant(world: World) -> Tenant:
    return world.add_tenant("northwindlegal.example", initial_domain="northwindlegal.onmicrosoft.com")


@pytest.fixture
def router(world: World) -> Iterator[respx.Router]:
    with respx.mock(assert_all_called=False) as mocked:
        mount(mocked, world)
        yield mocked


@pytest.fixture(scope="session")
async def one_client() -> AsyncIterator[httpx.AsyncClient]:
    """Loading the CA bundle takes longer than most tests, so it is done once."""
    async with httpx.AsyncClient(follow_redirects=False) as client:
        yield client


@pytest.fixture
def http(router: respx.Router, one_client: httpx.AsyncClient) -> httpx.AsyncClient:
    assert router
    return one_client


@pytest.fixture
def caller(http: httpx.AsyncClient, tenant: Tenant) -> Caller:
    return Caller(http, tenant)


@pytest.fixture
def fresh(world: World, http: httpx.AsyncClient) -> Caller:
    """A caller to a tenant that nobody configured."""
    return Caller(http, world.add_tenant("fabrikam.example", state="never_configured"))
