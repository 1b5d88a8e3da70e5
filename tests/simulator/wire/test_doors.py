from typing import Any

import httpx
import pytest

from simulator.app import asgi
from simulator.world import World
from tests.simulator.conftest import COMPLIANCE, Caller, command

OLD = f"eur02b.{COMPLIANCE}"


@pytest.mark.parametrize("probe", ["EXOBanner('AutogenSession')?Version=3.9.0", "EXOModuleFile"])
async def test_a_probe_is_sent_to_the_region_on_port_446(caller: Caller, probe: str) -> None:
    answer = await caller.http.get(f"https://{COMPLIANCE}/AdminApi/v1.0/{caller.tenant.tenant_id}/{probe}")

    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("https://eur02b.admin.protection.outlook.com:446/")


async def test_a_cmdlet_at_the_front_door_is_redirected_and_not_run(caller: Caller) -> None:
    answer = await caller.run("Set-ProtectionAlert", COMPLIANCE, Identity="x", Disabled=True)

    assert answer.status_code == 302
    assert not caller.tenant.log
    assert caller.tenant.http_requests["compliance"] == 1


async def test_the_region_serves_the_cmdlet(caller: Caller) -> None:
    answer = await caller.compliance("Get-ProtectionAlert")

    assert answer.status_code == 200
    assert answer.json()["@odata.context"].startswith(f"https://{OLD}/adminapi/beta/")


async def test_a_front_door_may_serve_by_itself(caller: Caller) -> None:
    caller.tenant.switches.front_door = "serve"

    assert (await caller.run("Get-ProtectionAlert", COMPLIANCE)).status_code == 200
    probe = await caller.http.get(f"https://{COMPLIANCE}/adminapi/beta/{caller.tenant.tenant_id}/EXOModuleFile")
    assert probe.status_code == 200


@pytest.mark.parametrize(("switch", "status"), [("redirect", 302), ("not_found", 404)])
async def test_when_the_tenant_has_moved_the_old_host_sends_away(caller: Caller, switch: Any, status: int) -> None:
    caller.tenant.region = "nam12b"
    caller.tenant.switches.old_region = switch

    answer = await caller.run("Get-ProtectionAlert", OLD)

    assert answer.status_code == status
    assert answer.headers.get("Location", "https://nam12b.").startswith("https://nam12b.")
    assert (await caller.compliance("Get-ProtectionAlert")).status_code == 200


async def test_or_the_old_host_cannot_be_reached(caller: Caller) -> None:
    caller.tenant.region = "nam12b"
    caller.tenant.switches.old_region = "unreachable"

    with pytest.raises(httpx.ConnectError):
        await caller.run("Get-ProtectionAlert", OLD)


async def test_an_unknown_tenant_is_not_found(caller: Caller) -> None:
    url = caller.url(COMPLIANCE).replace(caller.tenant.tenant_id, "00000000-0000-4000-8000-000000000000")

    assert (await caller.post(url, command("Get-ProtectionAlert"), COMPLIANCE)).status_code == 404


async def test_on_loopback_the_services_are_path_prefixes(world: World, caller: Caller) -> None:
    tenant = caller.tenant
    transport = httpx.ASGITransport(asgi(world))
    async with httpx.AsyncClient(transport=transport, base_url="https://127.0.0.1:8443", trust_env=False) as http:
        login = await http.get(f"/login/{tenant.tenant_id}/v2.0/.well-known/openid-configuration")
        door = await http.get(f"/compliance/adminapi/beta/{tenant.tenant_id}/EXOBanner('AutogenSession')?Version=3.9.0")
        url = f"/exchange/adminapi/beta/{tenant.tenant_id}/InvokeCommand"
        rows = await http.post(
            url, json=command("Get-AcceptedDomain"), headers=await caller.headers("outlook.office365.com")
        )
        nowhere = await http.get("/elsewhere/x")

    assert login.json()["token_endpoint"] == f"https://127.0.0.1:8443/login/{tenant.tenant_id}/oauth2/v2.0/token"
    assert door.headers["Location"] == (
        f"https://127.0.0.1:8443/compliance-eur02b/adminapi/beta/{tenant.tenant_id}/EXOBanner('AutogenSession')?Version=3.9.0"
    )
    assert rows.json()["@odata.context"].startswith("https://127.0.0.1:8443/exchange/adminapi/beta/")
    assert nowhere.status_code == 404
