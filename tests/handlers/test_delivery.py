"""Nothing on a queue is lost, believed without reading, or tried for ever."""

import json

import pytest

from domain.jobs import QUEUES, CheckTenant
from handlers import park
from handlers.delivery import deliver
from handlers.loop.sweep import sweep

FOREIGN = {
    "not_json": b"hello",
    "binary": b"\x00\xff\xfe",
    "oversized": b"x" * 40_000,
    "no_version": b'{"kind": "check", "version": 0, "tenant_id": "7b1f6a3e-52c4-4d0e-9c1a-2f8e61d0a9b4"}',
    "other_kind": b'{"kind": "reboot"}',
}


@pytest.mark.parametrize("body", FOREIGN.values(), ids=list(FOREIGN))
@pytest.mark.parametrize("queue", QUEUES)
async def test_a_foreign_message_is_parked_with_content_and_reason(service, queue, body):
    await deliver(queue, body, service.clients)
    [(content, reason)] = await service.clients.storage.parked.all(queue)
    assert content == body
    assert reason.startswith(f"a message on '{queue}': message")


async def test_a_parked_message_shows_in_the_ledger_of_its_tenant(service):
    tenant = service.world.add_tenant("contoso.example")
    body = json.dumps({"kind": "check", "version": 0, "tenant_id": tenant.tenant_id}).encode()
    await deliver("checks", body, service.clients)
    [entry] = await service.ledger(tenant)
    assert entry.event == "parked"
    assert "version" in entry.detail


async def test_what_a_worker_parked_and_died_before_telling_is_told_when_it_comes_again(service):
    tenant = service.world.add_tenant("contoso.example", state="healthy")
    body = json.dumps({"version": 1, "tenant_id": tenant.tenant_id, "lane": "fast"}).encode()
    await service.clients.storage.parked.add("checks", body, "gave up", service.clients.now())
    service.clock.advance(minutes=1)

    await park.given_up("checks", body, service.clients)
    service.clock.advance(minutes=1)
    await park.given_up("checks", body, service.clients)

    entries = await service.clients.storage.ledger.page(tenant.tenant_id)
    assert [entry.event for entry in entries] == ["parked"]
    assert len(await service.clients.storage.parked.all("checks")) == 1


async def test_what_the_platform_gave_up_on_is_parked(service):
    body = CheckTenant(tenant_id="7b1f6a3e-52c4-4d0e-9c1a-2f8e61d0a9b4").body.encode()
    await park.given_up("checks", body, service.clients)
    [(content, reason)] = await service.clients.storage.parked.all("checks")
    assert content == body
    assert "gave up" in reason


async def test_a_job_for_a_tenant_that_is_gone_is_done(service):
    tenant = service.world.add_tenant("contoso.example")
    await service.check(tenant)
    await service.remediate(tenant, "oof-rule")
    assert await service.states(tenant) == {}


async def test_a_config_that_no_longer_makes_sense_is_told_and_stops_nobody(service):
    """A profile may go, or an override may no longer fit it, while tenants still name them."""
    lost = service.world.add_tenant("lost.example")
    fine = service.world.add_tenant("fine.example")
    await service.look_after(lost, profile="gone")
    await service.look_after(fine)
    await service.sweep()
    await service.remediate(lost, "oof-rule")
    state = await service.state(lost, "oof-rule")
    assert state.state == "unknown"
    assert "profile: 'gone' does not exist" in state.detail
    assert (await service.state(fine, "oof-rule")).state == "compliant"


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


async def test_shuffled_doubled_and_lost_messages_change_nothing_but_time(service):
    tenant = service.world.add_tenant("contoso.example")
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    await service.look_after(tenant)
    await sweep("fast", 0, service.clients)
    await service.messages("checks")  # lost
    await service.remediate(tenant, "spoof-allow", "inbound-lockdown")  # nobody asked
    await service.sweep()
    await service.remediate(tenant, "inbound-lockdown")  # late
    assert (await service.state(tenant, "inbound-lockdown")).state == "compliant"
    assert len(tenant.writes) == 1
