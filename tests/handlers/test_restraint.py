"""A tenant that is throttled at one service rests there, and costs nobody else anything."""

import pytest

from domain.jobs import VisitShard
from handlers import on_request
from handlers.delivery import deliver
from handlers.on_request import Requester
from simulator.faults import Fault

OFF = ("Set-InboundConnector", {"Identity": "ExchangeDefender", "Enabled": False})


async def visit(service, *tenants, looks=("fast", "slow", "alerts", "audit")):
    shard = VisitShard(tenants=tuple(each.tenant_id for each in tenants), looks=looks, due_by=service.clock())
    await deliver("checks", shard.body.encode(), service.clients)


async def three(service):
    tenants = [service.world.add_tenant(f"t{number}.example", state="healthy") for number in range(3)]
    for tenant in tenants:
        await service.look_after(tenant)
    return tenants


def asked_of_exchange(service):
    return [call for call in service.microsoft.calls if call.request.url.host == "outlook.office365.com"]


@pytest.mark.parametrize("retry_after", [None, 300], ids=["no wait named", "a wait named"])
async def test_a_service_that_turns_a_tenant_away_gets_at_most_four_requests_in_a_visit(service, retry_after):
    [sick, *_] = await three(service)
    sick.faults.script(Fault("throttled", retry_after=retry_after, times=500))
    await visit(service, sick, looks=("fast",))
    assert len(asked_of_exchange(service)) <= 4
    state = await service.state(sick, "oof-rule")
    assert state.state == "unknown"
    assert "throttled until 2026-11-23T12:" in state.detail


async def test_only_that_service_rests_and_only_for_that_tenant(service):
    [sick, *others] = await three(service)
    sick.faults.script(Fault("throttled", service="exchange", retry_after=600, times=500))
    await visit(service, sick, *others)
    assert (await service.state(sick, "oof-rule")).state == "unknown"
    assert (await service.state(sick, "audit-feed")).state == "compliant"
    assert {(await service.state(tenant, "oof-rule")).state for tenant in others} == {"compliant"}


async def test_while_it_rests_nothing_is_asked_there_by_anybody_and_afterwards_it_is_looked_at_again(service):
    [sick, *_] = await three(service)
    sick.faults.script(Fault("throttled", retry_after=600, times=1))
    await visit(service, sick, looks=("fast",))
    asked = len(asked_of_exchange(service))
    service.clock.advance(minutes=5)
    await visit(service, sick, looks=("fast",))
    assert len(asked_of_exchange(service)) == asked

    service.clock.advance(minutes=6)
    await visit(service, sick, looks=("fast",))
    assert (await service.state(sick, "oof-rule")).state == "compliant"


async def test_a_persons_check_during_the_rest_ends_at_once_and_says_so(service):
    [sick, *_] = await three(service)
    sick.faults.script(Fault("throttled", retry_after=600, times=500))
    await visit(service, sick, looks=("fast",))
    operation = await on_request.check(sick.tenant_id, Requester("ann"), service.clients)
    [body] = await service.messages("checks")
    await deliver("checks", body, service.clients)
    ended = await service.clients.storage.operations.get(operation.id)
    assert ended.finished_at
    assert "throttled until" in next(each.detail for each in ended.controls if each.id == "oof-rule")
    assert await service.messages("checks") == []


async def test_a_wait_of_seconds_is_sat_out_and_no_rest(service):
    [tenant, *_] = await three(service)
    tenant.faults.script(Fault("throttled", retry_after=1, times=2))
    await visit(service, tenant, looks=("fast",))
    assert (await service.state(tenant, "oof-rule")).state == "compliant"
    async with service.clients.storage.rows.together([tenant.tenant_id], deferring=False):
        assert service.clients.storage.rests.of(tenant.tenant_id) == {}
