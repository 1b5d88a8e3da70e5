"""The blast radius is asked by many workers at once, while people release what it holds."""

from dataclasses import replace
from urllib.parse import unquote

import pytest
from azure.core.pipeline.transport import AioHttpTransport

from handlers.health import service_health
from tests.handlers.web import ask, of

RULE = "oof-rule"
SET, ENABLE = f"{RULE}:Set-TransportRule", f"{RULE}:Enable-TransportRule"
REPLIES = "Send Automatic Replies to connector Automatic Replies"


async def ruled(service, number, *signatures):
    """A tenant whose rule needs a step of each of *signatures*."""
    tenant = service.world.add_tenant(f"r{number}.example")
    await service.look_after(tenant)
    drift(tenant, *signatures)
    return tenant


def drift(tenant, *signatures):
    if SET in signatures:
        tenant.admin("Set-TransportRule", Identity=REPLIES, Mode="Audit")
    if ENABLE in signatures:
        tenant.admin("Disable-TransportRule", Identity=REPLIES, Confirm=False)


async def places(service):
    """How many tenants got each kind of step within the hour, as the console's Health has it."""
    return dict((await service_health(service.clients)).written)


def most_tenants(service, most):
    settings = service.clients.settings.model_copy(update={"most_tenants_per_hour": most})
    service.clients = replace(service.clients, settings=settings)


@pytest.mark.parametrize("full", [ENABLE, SET])
async def test_a_plan_that_the_radius_holds_takes_no_place_of_its_other_kinds_of_step(service, full):
    most_tenants(service, 1)
    other = next(each for each in (ENABLE, SET) if each != full)
    await ruled(service, 0, full)
    await service.sweep()
    both = [await ruled(service, number, ENABLE, SET) for number in range(1, 4)]
    await service.sweep()
    assert [(await service.state(tenant, RULE)).state for tenant in both] == ["held"] * 3
    assert await places(service) == {full: 1}

    alone = await ruled(service, 4, other)
    await service.sweep()
    assert (await service.state(alone, RULE)).state == "compliant"
    assert list((await service_health(service.clients)).radius) == [full]


@pytest.mark.parametrize("full", [ENABLE, SET])
async def test_the_place_of_an_earlier_write_stays_when_a_later_plan_is_held(service, full):
    most_tenants(service, 1)
    other = next(each for each in (ENABLE, SET) if each != full)
    first, second = await ruled(service, 0, full), await ruled(service, 1, other)
    await service.sweep()
    service.clock.advance(minutes=10)
    drift(second, full, other)
    await service.sweep()
    assert (await service.state(second, RULE)).state == "held"
    assert len(first.writes) == len(second.writes) == 1
    assert await places(service) == {full: 1, other: 1}


async def beyond_the_radius(service):
    """Two tenants that are held, or would be: the radius is full."""
    most_tenants(service, 1)
    await ruled(service, 0, ENABLE)
    await service.sweep()
    return await ruled(service, 1, ENABLE), await ruled(service, 2, ENABLE)


async def let_go(service, signature=ENABLE):
    answer = await ask(service, "POST", f"radius/{signature}/release", {"reason": "looked at"})
    assert answer.status_code == 200
    return of(answer)


async def test_a_worker_that_read_before_a_release_does_not_undo_it(service, meanwhile):
    late, early = await beyond_the_radius(service)

    async def by_others():
        await service.remediate(early, RULE)
        assert (await service.state(early, RULE)).state == "held"
        await let_go(service)

    meanwhile("(PUT|PATCH|POST) .*/switches", by_others)
    await service.remediate(late, RULE)
    assert (await service_health(service.clients)).radius == {}
    assert (await service.state(late, RULE)).state == "compliant"
    assert (await let_go(service))["by"] == "key dev"


async def test_of_two_workers_beyond_the_radius_one_holds_it_and_both_say_so(service, meanwhile):
    late, early = await beyond_the_radius(service)
    held = []

    async def by_another():
        await service.remediate(early, RULE)
        held.append((await service_health(service.clients)).radius)

    meanwhile("(PUT|PATCH|POST) .*/switches", by_another)
    await service.remediate(late, RULE)
    assert held == [(await service_health(service.clients)).radius]
    assert [(await service.state(tenant, RULE)).state for tenant in (late, early)] == ["held"] * 2
    assert await places(service) == {ENABLE: 1}


async def test_a_worker_that_tells_of_a_hold_after_its_release_begins_no_incident_that_nobody_ends(service, meanwhile):
    late, _ = await beyond_the_radius(service)
    meanwhile("GET .*/ledger.*incident-radius", lambda: let_go(service))
    await service.remediate(late, RULE)
    assert (await service_health(service.clients)).radius == {}
    assert of(await ask(service, "GET", "incidents")) == []


async def test_the_radius_costs_a_plan_that_may_go_on_three_requests_for_each_kind_of_step(service, monkeypatch):
    tenant, sent = await ruled(service, 0, ENABLE, SET), list[str]()
    leave = AioHttpTransport.send

    async def to_storage(transport, request, **options):
        sent.append(unquote(request.url))
        return await leave(transport, request, **options)

    monkeypatch.setattr(AioHttpTransport, "send", to_storage)
    await service.remediate(tenant, RULE)
    assert (await service.state(tenant, RULE)).state == "compliant"
    assert len([url for url in sent if "/written" in url or "/switches(PartitionKey='radius'" in url]) == 6
