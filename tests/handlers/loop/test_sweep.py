"""A sweep asks for a look at every tenant that is switched on."""

import json

from handlers.loop.sweep import sweep


async def test_a_sweep_asks_once_for_each_enabled_tenant(service):
    tenants = [service.world.add_tenant(f"t{number}.example") for number in range(3)]
    for tenant in tenants:
        await service.look_after(tenant, enabled=tenant is not tenants[0])
    await sweep("fast", 0, service.clients)
    asked = [json.loads(body) for body in await service.messages("checks")]
    assert {job["tenant_id"] for job in asked} == {tenant.tenant_id for tenant in tenants[1:]}
    assert {job["lane"] for job in asked} == {"fast"}
    assert await service.clients.storage.switches.fleet() == 2


async def test_a_sweep_is_spread_over_its_interval(service):
    for number in range(4):
        await service.look_after(service.world.add_tenant(f"t{number}.example"))
    await sweep("fast", 300, service.clients)
    assert len(await service.messages("checks")) == 1
    assert await service.hidden("checks") == 3
