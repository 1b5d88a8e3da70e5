"""How soon drift is seen and proven put back is counted, and shown with its error budget."""

from tests.handlers.web import ask, of

CONNECTOR = "Automatic Replies (Out of Office) Only"


async def shown(service):
    return {each["id"]: each for each in of(await ask(service, "GET", "objectives"))}


async def test_a_drift_that_is_seen_and_put_back_in_time_meets_its_objectives(service):
    tenant = service.world.add_tenant("contoso.example")
    await service.look_after(tenant)
    await service.sweep()
    assert (await shown(service))["fast-seen"]["achieved"] is None
    service.clock.advance(minutes=5)
    await service.sweep()
    tenant.admin("Set-OutboundConnector", Identity=CONNECTOR, Enabled=False)
    service.clock.advance(minutes=5)
    await service.sweep()
    found = await shown(service)
    for each in ("fast-seen", "fast-proven"):
        assert (found[each]["measured"], found[each]["achieved"], found[each]["budget_left"]) == (1, 1.0, 1.0)
    assert found["slow-seen"]["measured"] == 0


async def test_one_that_is_seen_late_spends_the_budget(service):
    tenant = service.world.add_tenant("contoso.example")
    await service.look_after(tenant)
    await service.sweep()
    tenant.admin("Set-OutboundConnector", Identity=CONNECTOR, Enabled=False)
    service.clock.advance(minutes=30)
    await service.sweep()
    found = (await shown(service))["fast-seen"]
    assert (found["measured"], found["achieved"]) == (1, 0.0)
    assert found["budget_left"] < 0
    assert found["burn"] > 1
