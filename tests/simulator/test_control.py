from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from simulator.app import asgi
from simulator.world import World
from tests.simulator.conftest import Clock


@pytest.fixture
async def sim(world: World) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(asgi(world))
    async with httpx.AsyncClient(transport=transport, base_url="https://127.0.0.1/_sim", trust_env=False) as client:
        yield client


@pytest.fixture
async def a(sim: httpx.AsyncClient) -> dict[str, Any]:
    """A tenant made over the control API."""
    made: dict[str, Any] = (
        await sim.post("/tenants", json={"domains": ["a.example"], "switches": {"page_size": 5}})
    ).json()
    return made


async def test_a_tenant_is_made_listed_and_shown(sim: httpx.AsyncClient, a: dict[str, Any]) -> None:
    assert a["state"] == "healthy"
    assert a["domains"] == ["a.example"]
    assert a["switches"]["page_size"] == 5
    assert (await sim.get("/tenants")).json() == [a]
    assert (await sim.get("/tenants/a.example")).json() == a


async def test_many_tenants_are_made_at_once(sim: httpx.AsyncClient) -> None:
    answer = await sim.post("/tenants", json={"count": 3, "state": "never_configured"})

    assert (answer.status_code, [tenant["domains"] for tenant in answer.json()]) == (
        201,
        [["t00000.example"], ["t00001.example"], ["t00002.example"]],
    )


async def test_a_person_runs_cmdlets_and_is_told_when(sim: httpx.AsyncClient, a: dict[str, Any], clock: Clock) -> None:
    url = f"/tenants/{a['tenant_id']}/admin"
    change = {"cmdlet": "Set-InboundConnector", "parameters": {"Identity": "ExchangeDefender", "Enabled": False}}

    changed = await sim.post(url, json=change)
    rows = (await sim.post(url, json={"cmdlet": "Get-InboundConnector"})).json()["value"]

    assert changed.json() == {"value": [], "at": str(clock())}
    assert rows[0]["Enabled"] is False
    assert isinstance(rows[0]["Guid"], str)


@pytest.mark.parametrize(
    ("cmdlet", "parameters", "status"),
    [
        ("Set-InboundConnector", {"Identity": "nobody"}, 404),
        ("Set-InboundConnector", {"Identity": "ExchangeDefender", "Enabled": "x"}, 400),
        ("Get-Bogus", {}, 404),
    ],
)
async def test_a_person_is_refused_with_a_reason(
    sim: httpx.AsyncClient, a: dict[str, Any], cmdlet: str, parameters: dict[str, Any], status: int
) -> None:
    url = f"/tenants/{a['tenant_id']}/admin"

    answer = await sim.post(url, json={"cmdlet": cmdlet, "parameters": parameters})

    assert answer.status_code == status
    assert answer.json()["error"]


async def test_region_switches_and_access_change(sim: httpx.AsyncClient, world: World, a: dict[str, Any]) -> None:
    body = {
        "region": "nam12b",
        "switches": {"alert_set": "ignored"},
        "access": {
            "consented": False,
            "app_roles": ["exchange"],
            "directory_roles": ["Global Reader"],
            "permissions": [],
            "tracing_principal": True,
            "exchange_roles": ["Transport Rules"],
        },
    }

    changed = (await sim.patch(f"/tenants/{a['tenant_id']}", json=body)).json()

    assert (changed["region"], changed["switches"]["alert_set"]) == ("nam12b", "ignored")
    assert changed["access"] == body["access"]
    tenant = world.tenant("a.example")
    assert tenant is not None
    assert tenant.access.directory_roles == {"Global Reader"}


async def test_mail_arrives_or_is_refused_by_the_connectors(sim: httpx.AsyncClient, a: dict[str, Any]) -> None:
    url, mail = f"/tenants/{a['tenant_id']}/mail", {"sender": "kim@sender.example", "recipient": "lee@a.example"}

    came = [(await sim.post(url, json=mail | {"from_ip": ip})).json() for ip in ("65.99.255.7", "198.51.100.20")]
    earlier = (await sim.post(url, json=mail | {"from_ip": "198.51.100.20", "ago": 3600})).json()

    assert [each["came_in"] for each in came] == [True, False]
    assert earlier == {"came_in": True}


@pytest.mark.parametrize(
    "body",
    [
        {"switches": {"odd": 1}},
        {"access": {"directory_roles": ["Emperor"]}},
        {"access": {"app_roles": ["graph"]}},
        {"access": {"odd": 1}},
    ],
)
async def test_a_misspelt_setting_is_refused_and_the_known_ones_are_named(
    sim: httpx.AsyncClient, a: dict[str, Any], body: dict[str, Any]
) -> None:
    answer = await sim.patch(f"/tenants/{a['tenant_id']}", json=body)

    assert answer.status_code == 400
    assert "there are" in answer.json()["error"]


async def test_faults_lag_and_the_log_are_reached(sim: httpx.AsyncClient, world: World, a: dict[str, Any]) -> None:
    tenant = world.tenant("a.example")
    assert tenant is not None
    url = f"/tenants/{a['tenant_id']}"
    await sim.post(f"{url}/faults", json=[{"kind": "throttled", "retry_after": 3}, {"kind": "cut", "phase": "after"}])
    await sim.post("/faults", json={"kind": "html"})
    await sim.put(f"{url}/lag", json={"reads": 2})
    token = (
        await sim.post(
            f"https://127.0.0.1/login/{a['tenant_id']}/oauth2/v2.0/token",
            data={
                "grant_type": "client_credentials",
                "client_id": world.client_id,
                "client_secret": world.client_secret,
                "scope": "https://outlook.office365.com/.default",
            },
        )
    ).json()["access_token"]

    throttled = await sim.post(
        f"https://127.0.0.1/exchange/adminapi/beta/{a['tenant_id']}/InvokeCommand",
        headers={"Authorization": f"Bearer {token}"},
        json={"CmdletInput": {"CmdletName": "Get-AcceptedDomain", "Parameters": {}}},
    )
    log = (await sim.get(f"{url}/log")).json()
    counters = (await sim.get("/counters")).json()

    assert throttled.status_code == 429
    assert [(entry["cmdlet"], entry["status"]) for entry in log["entries"]] == [("Get-AcceptedDomain", 429)]
    assert counters == {"http_requests": {"login": 1, "exchange": 1}, "tenants": 1}
    assert (len(tenant.faults.waiting), len(world.faults.waiting)) == (1, 1)
    for path in (f"{url}/faults", "/faults", f"{url}/log"):
        assert (await sim.delete(path)).status_code == 204
    assert (len(tenant.faults.waiting), len(world.faults.waiting), len(tenant.log)) == (0, 0, 0)


@pytest.mark.parametrize(
    ("action", "cmdlet"),
    [
        ({"action": "add_domain", "name": "b.example"}, "Get-AcceptedDomain"),
        ({"action": "block_connector", "identity": "ExchangeDefender"}, "Get-BlockedConnector"),
        ({"action": "enable_preset", "level": "Standard"}, "Get-EOPProtectionPolicyRule"),
    ],
)
async def test_what_a_portal_does_without_a_cmdlet_can_be_done(
    sim: httpx.AsyncClient, world: World, a: dict[str, Any], action: dict[str, Any], cmdlet: str
) -> None:
    tenant = world.tenant("a.example")
    assert tenant is not None
    before = len(tenant.admin(cmdlet))

    assert (await sim.post(f"/tenants/{a['tenant_id']}/do", json=action)).status_code == 204

    assert len(tenant.admin(cmdlet)) == before + 1


async def test_an_unknown_action_tenant_or_state_is_refused(sim: httpx.AsyncClient, a: dict[str, Any]) -> None:
    assert (await sim.post(f"/tenants/{a['tenant_id']}/do", json={"action": "dance"})).status_code == 400
    assert (await sim.get("/tenants/nobody.example")).status_code == 404
    assert (await sim.post("/tenants", json={"domains": ["b.example"], "state": "odd"})).status_code == 400
    assert (await sim.post("/tenants", json={})).status_code == 400


async def test_dns_records_and_faults_are_set(sim: httpx.AsyncClient, world: World, a: dict[str, Any]) -> None:
    domain = a["domains"][0]
    await sim.put("/dns", json={"name": domain, "type": "MX", "values": ["0 ."]})
    assert world.dns.values(domain, "MX") == ["0 ."]
    await sim.put("/dns", json={"name": domain, "type": "MX", "values": None})
    assert world.dns.values(domain, "MX") == ["10 inbound30.exchangedefender.com."]

    await sim.put("/dns/faults", json={"name": domain, "how": "servfail", "times": 1})
    assert [world.dns.failure(domain) for _ in range(2)] == ["servfail", None]
    await sim.put("/dns/faults", json={"name": domain, "how": "timeout"})
    await sim.put("/dns/faults", json={"name": domain, "how": None})
    assert world.dns.failure(domain) is None


async def test_reset_empties_the_world(sim: httpx.AsyncClient, a: dict[str, Any]) -> None:
    assert a
    await sim.post("/reset")

    assert (await sim.get("/tenants")).json() == []


async def test_people_work_on_tickets(sim: httpx.AsyncClient, world: World) -> None:
    assert "halopsa" in (await sim.get("/psa")).json()
    world.psa.halopsa.webhook_url = "https://127.0.0.1/hook"
    await sim.patch("/psa/halopsa", json={"companies": [7], "down": False})
    opened = (await sim.post("/psa/halopsa/tickets", json={"by": "4", "company": 7, "summary": "Mail"})).json()
    url = f"/psa/halopsa/tickets/{opened['id']}"

    changed = (await sim.patch(url, json={"by": "4", "status": 9})).json()
    note = await sim.post(f"{url}/notes", json={"by": "Kim", "kind": "contact", "text": "Thanks", "internal": False})

    assert (changed["status"], changed["closed"], note.status_code, note.json()["text"]) == (9, True, 201, "Thanks")
    assert (await sim.get("/psa/halopsa/tickets")).json()[0]["notes"] == [note.json()]
    assert (await sim.delete(url)).status_code == 204
    assert (await sim.get("/psa/halopsa/tickets")).json() == []
    assert (len(world.psa.halopsa.deliveries), (await sim.patch("/psa/odd", json={})).status_code) == (4, 400)
