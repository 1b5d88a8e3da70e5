"""A shard isolates its tenants: what goes wrong with one is told in its own state, and stops nobody else."""

import json

import pytest
from azure.data.tables.aio import TableServiceClient

from clients.storage.together import partition_of
from domain.jobs import VisitShard
from handlers.delivery import deliver
from simulator.faults import Fault


async def visit(service, *tenants, looks=("fast",), due_by=None):
    shard = VisitShard(tenants=tuple(each.tenant_id for each in tenants), looks=looks, due_by=due_by or service.clock())
    await deliver("checks", shard.body.encode(), service.clients)
    return shard


async def three(service):
    tenants = [service.world.add_tenant(f"t{number}.example", state="healthy") for number in range(3)]
    for tenant in tenants:
        await service.look_after(tenant)
    return tenants


async def test_one_visit_does_every_look_that_is_due(service):
    [first, *others] = await three(service)
    first.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    await visit(service, first, *others, looks=("fast", "slow", "alerts", "audit"))
    for tenant in (first, *others):
        states = await service.states(tenant)
        assert {"oof-rule", "spf", "false-alerts", "audit-feed"} <= states.keys()
        assert "unknown" not in {states["oof-rule"], states["spf"], states["false-alerts"]}
    [job] = [json.loads(body) for body in await service.messages("remediations")]
    assert job["tenant_id"] == first.tenant_id


async def test_a_shard_that_comes_twice_is_worked_on_once(service):
    tenants = await three(service)
    shard = await visit(service, *tenants, looks=("fast", "slow", "alerts", "audit"))
    asked = service.microsoft.call_count
    await deliver("checks", shard.body.encode(), service.clients)
    assert service.microsoft.call_count == asked


async def test_what_a_shard_that_died_left_out_is_looked_at_when_it_comes_again(service):
    [first, second, third] = await three(service)
    due_by = service.clock()
    await visit(service, first, due_by=due_by)
    await visit(service, first, second, third, due_by=due_by)
    entries = [
        [entry for entry in tenant.log if entry.cmdlet == "Get-TransportRule"] for tenant in (first, second, third)
    ]
    assert list(map(len, entries)) == [1, 1, 1]


async def test_a_tenant_whose_stored_state_makes_no_sense_is_its_own_trouble(service, azurite_connection):
    [first, second, third] = await three(service)
    async with TableServiceClient.from_connection_string(azurite_connection) as tables:
        key = {"PartitionKey": partition_of(second.tenant_id), "RowKey": second.tenant_id}
        poison = key | {"version": 2, "body0": '{"controls": 7}'}
        await tables.get_table_client("states").upsert_entity(poison)
    await visit(service, first, second, third)
    states = [await service.state(tenant, "oof-rule") for tenant in (first, second, third)]
    assert [state.state for state in states] == ["compliant", "unknown", "compliant"]
    assert states[1].detail == "what is stored of it makes no sense"


async def test_a_rest_that_makes_no_sense_keeps_nobody_from_looking(service, azurite_connection):
    [first, second, third] = await three(service)
    first.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    async with TableServiceClient.from_connection_string(azurite_connection) as tables:
        key = {"PartitionKey": partition_of(first.tenant_id), "RowKey": f"{first.tenant_id} rest exchange"}
        await tables.get_table_client("states").upsert_entity(key | {"version": 2, "body0": '{"until": "soon"}'})
    await visit(service, first, second, third)
    states = [await service.state(tenant, "inbound-lockdown") for tenant in (first, second, third)]
    assert [state.state for state in states] == ["drifted", "compliant", "compliant"]


async def test_a_tenant_that_is_throttled_is_unknown_and_the_others_go_on(service):
    [first, second, third] = await three(service)
    await visit(service, first, second, third)
    service.clock.advance(minutes=5)
    second.faults.script(Fault("throttled", retry_after=300, times=50))
    await visit(service, first, second, third)
    assert (await service.state(second, "oof-rule")).state == "unknown"
    for tenant in (first, third):
        assert (await service.state(tenant, "oof-rule")).state == "compliant"
    assert await service.messages("checks") == []


@pytest.mark.parametrize(
    ("host", "broken"),
    [
        ("outlook.office365.com", "oof-rule"),
        ("graph.microsoft.com", "false-alerts"),
        ("manage.office.com", "audit-feed"),
    ],
)
async def test_an_error_that_nobody_expected_in_one_look_leaves_the_others_of_the_tenant_alone(service, host, broken):
    """What came from one host makes httpx fail in a way that no code knows."""
    [tenant, *_] = await three(service)
    answer = service.microsoft.side_effect

    async def breaks(request, **parts):
        if request.url.host == host:
            raise ZeroDivisionError
        return await answer(request, **parts)

    service.microsoft.side_effect = breaks
    await visit(service, tenant, looks=("fast", "slow", "alerts", "audit"))
    states = (await service.clients.storage.states.load(tenant.tenant_id)).controls
    failed = {each for each in ("oof-rule", "false-alerts", "audit-feed") if "ZeroDivision" in states[each].detail}
    assert failed == {broken}
