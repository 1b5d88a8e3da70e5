"""A tenant leaves in the safe order, and is not forgotten while it refuses mail."""

from datetime import timedelta

import pytest

from tests.handlers.web import ask, of

ORDER = ["spoof-intelligence", "alert-policies", "spoof-allow", "oof-rule", "oof-connector"]


@pytest.fixture
async def tenant(service):
    """A tenant in which Holdfast has made the lock, the pairs, the rule and its connector."""
    tenant = service.world.add_tenant("contoso.example", state="never_configured")
    service.world.dns.set("contoso.example", "MX", "10 inbound30.exchangedefender.com.")
    await service.look_after(tenant)
    await service.sweep()
    return tenant


async def left(service, tenant):
    return of(await ask(service, "GET", f"tenants/{tenant.tenant_id}/leaving"))


async def opened(service, tenant):
    until = (service.clock() + timedelta(days=30)).isoformat()
    await ask(service, "POST", f"tenants/{tenant.tenant_id}/open", {"reason": "they leave", "until": until})
    await service.work()


async def test_the_steps_of_leaving_are_told_in_the_safe_order(service, tenant):
    way = await left(service, tenant)
    assert (way["locked"], way["held_open_until"], way["mx_at_filter"]) == (True, None, ["contoso.example"])
    controls = [each["control"] for each in way["put_back"]]
    assert controls == sorted(controls, key=ORDER.index)
    assert {"spoof-intelligence", "spoof-allow", "oof-rule", "oof-connector"} <= set(controls)
    assert service.clients.settings.client_id in way["consent"]


async def test_taken_in_that_order_they_leave_the_tenant_as_it_was_found(service, tenant):
    await opened(service, tenant)
    service.world.dns.set("contoso.example", "MX", "0 contoso-example.mail.protection.outlook.com.")
    service.clock.advance(minutes=20)
    await service.sweep()
    way = await left(service, tenant)
    assert (way["locked"], way["mx_at_filter"]) == (False, [])
    assert way["held_open_until"]
    for each in way["put_back"]:
        path = f"tenants/{tenant.tenant_id}/controls/{each['control']}/undo"
        answer = await ask(service, "POST", path, {"entry": each["entry"], "reason": "they leave"})
        await service.work()
        ended = of(await ask(service, "GET", f"operations/{of(answer)['id']}"))
        assert (each["control"], ended["state"]) == (each["control"], "succeeded")
    await service.sweep()
    assert tenant.admin("Get-TransportRule") == []
    assert tenant.admin("Get-TenantAllowBlockListSpoofItems") == []
    assert all(row["EnableSpoofIntelligence"] for row in tenant.admin("Get-AntiPhishPolicy"))
    assert (await left(service, tenant))["put_back"] == []
    assert (await ask(service, "DELETE", f"tenants/{tenant.tenant_id}")).status_code == 204


async def test_a_tenant_that_is_locked_is_not_forgotten_whatever_its_control_says(service, tenant):
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", RequireTls=False)
    await service.look_after(tenant, mode="observe")
    service.clock.advance(minutes=5)
    await service.sweep()
    assert (await service.state(tenant, "inbound-lockdown")).state == "drifted"
    answer = await ask(service, "DELETE", f"tenants/{tenant.tenant_id}")
    assert answer.status_code == 409
    assert "holdfast offboard" in of(answer)["detail"]


async def test_what_nobody_could_read_for_long_keeps_no_config(service, tenant):
    service.clock.advance(days=8)
    assert (await ask(service, "DELETE", f"tenants/{tenant.tenant_id}")).status_code == 204
