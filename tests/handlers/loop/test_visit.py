"""A shard isolates its tenants: what goes wrong with one is told in its own state, and stops nobody else."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from azure.data.tables.aio import TableServiceClient

from clients.storage.together import partition_of
from domain.jobs import VisitShard
from handlers.delivery import deliver
from handlers.loop import visit as visits
from handlers.operators import open_incidents
from handlers.watch import watch
from simulator.faults import Fault
from tests.handlers.web import ask, of


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


UNREADABLE = pytest.mark.parametrize(("newer", "why"), [(False, "makes no sense"), (True, "newer version")])


async def compared(service):
    """The index says since when each config is as it is, as whoever writes one says."""
    index = service.clients.storage.index
    await index.compare(await service.clients.storage.tenants.all_since(), await index.pages())


async def told_of_unread(service):
    """The incidents that tell of a tenant of which nothing can be read, once an hour has passed over its last visit."""
    service.clock.time = max(service.clock.time, datetime.now(UTC))  # the storage service has a clock of its own
    service.clock.advance(hours=2)
    await watch(timedelta(), await service.clients.storage.index.all(), service.clients)
    return [each for each in await open_incidents(service.clients) if each.startswith("unreachable")]


@UNREADABLE
async def test_a_tenant_whose_config_cannot_be_read_is_unknown_in_everything_and_told_of(service, spoil, newer, why):
    [first, second, third] = await three(service)
    every = ("fast", "slow", "alerts", "audit")
    await visit(service, first, second, third, looks=every)
    await spoil("tenants", second.tenant_id, newer=newer)
    await compared(service)
    service.clock.advance(minutes=15)
    await visit(service, first, second, third, looks=every)
    for tenant in (first, third):
        assert "unknown" not in (await service.states(tenant)).values()
    states = (await service.clients.storage.states.load(second.tenant_id)).controls
    assert {each.state for each in states.values()} == {"unknown"}
    assert all(why in each.detail for each in states.values())
    shown = of(await ask(service, "GET", f"tenants/{second.tenant_id}/state"))["controls"]
    assert {each["state"] for each in shown} == {"unknown"}
    assert await told_of_unread(service) == [f"unreachable-{second.tenant_id[:23]}"]


async def test_what_was_proven_of_a_tenant_stays_proven_once_its_config_can_be_read_again(service, spoil):
    [tenant, *_] = await three(service)
    await visit(service, tenant, looks=("fast", "slow"))
    before = await service.state(tenant, "inbound-lockdown")
    await spoil("tenants", tenant.tenant_id)
    await compared(service)
    service.clock.advance(minutes=15)
    await visit(service, tenant, looks=("fast", "slow"))
    unread = await service.state(tenant, "inbound-lockdown")
    assert (unread.proofs, unread.asked) == (before.proven, before.asked)


@pytest.mark.parametrize("work", ["check", "reprovision"])
async def test_a_person_who_asked_hears_that_the_config_makes_no_sense(service, spoil, work):
    [tenant, *_] = await three(service)
    asked = of(await ask(service, "POST", f"tenants/{tenant.tenant_id}/{work}"))
    await spoil("tenants", tenant.tenant_id)
    await service.work()
    ended = of(await ask(service, "GET", f"operations/{asked['id']}"))
    assert ended["state"] == "failed"
    assert {"makes no sense" in each["detail"] for each in ended["controls"]} == {True}


async def test_a_tenant_whose_states_make_no_sense_is_told_of(service, spoil, caplog):
    tenants = await three(service)
    await visit(service, *tenants)
    await spoil("states", tenants[1].tenant_id)
    await visit(service, *tenants)
    since = (await service.state(tenants[1], "oof-rule")).since
    service.clock.advance(minutes=5)
    await visit(service, *tenants)
    assert (await service.state(tenants[1], "oof-rule")).since == since
    assert f"{tenants[1].tenant_id}' property=body error=ValidationError" in caplog.text
    assert await told_of_unread(service) == [f"unreachable-{tenants[1].tenant_id[:23]}"]


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


async def test_a_shard_whose_time_is_over_comes_once_more_for_the_rest(service, posted, monkeypatch, caplog):
    tenants = await three(service)
    monkeypatch.setattr(visits, "LONGEST_SHARD_S", 0.05)
    full = replace(service.clients, visits=asyncio.Semaphore(0))  # other shards have every place
    shard = VisitShard(tenants=tuple(each.tenant_id for each in tenants), looks=("fast",), due_by=service.clock())
    await deliver("checks", shard.body.encode(), full)
    assert "shard_cut tenants=3" in caplog.text
    assert [await service.states(tenant) for tenant in tenants] == [{}, {}, {}]

    [again] = posted
    assert (again.queue, again.hidden_s) == ("checks", 5)
    monkeypatch.setattr(visits, "LONGEST_SHARD_S", 480)
    await deliver("checks", again.body, service.clients)
    assert [(await service.state(tenant, "oof-rule")).state for tenant in tenants] == ["compliant"] * 3


async def test_who_is_looked_at_once_more_takes_a_place_like_any_other(service, meanwhile):
    [tenant, *_] = await three(service)
    await visit(service, tenant)
    service.clock.advance(minutes=5)
    places, asked, inner = asyncio.Semaphore(1), list[bool](), service.microsoft.side_effect

    async def noted(request):
        asked.append(places.locked())
        return await inner(request)

    async def written_by_somebody_else():
        locked = service.clock()
        await service.clients.storage.states.change(
            tenant.tenant_id, lambda states: (states.remembering(states.mx.seen_locked(locked)), [])
        )

    service.microsoft.side_effect = noted
    service.clients = replace(service.clients, visits=places)
    meanwhile(r"(PUT|POST|PATCH|MERGE) \S*/(\$batch|states)", written_by_somebody_else)
    await visit(service, tenant)
    assert asked == [True, True]


async def test_a_tenant_that_hangs_ends_with_its_shard_and_is_looked_at_by_the_next(service, monkeypatch):
    [tenant, *_] = await three(service)
    monkeypatch.setattr(visits, "LONGEST_SHARD_S", 0.05)
    tenant.faults.script(Fault("slow", service="exchange", seconds=3600))
    await visit(service, tenant)
    assert "oof-rule" not in await service.states(tenant)

    monkeypatch.undo()
    await visit(service, tenant)
    assert (await service.state(tenant, "oof-rule")).state == "compliant"


def test_a_shard_ends_before_the_platform_ends_its_worker():
    settings = json.loads((Path(__file__).parents[3] / "host.json").read_text())
    hours, minutes, seconds = map(int, settings["functionTimeout"].split(":"))
    assert timedelta(hours=hours, minutes=minutes, seconds=seconds).total_seconds() >= visits.LONGEST_SHARD_S + 60
