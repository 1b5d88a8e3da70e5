"""The tick asks for every look once an interval: late, twice at once, half dead or alone."""

import asyncio
import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from azure.core.pipeline.transport import AioHttpTransport
from azure.data.tables.aio import TableServiceClient

from domain.corrections import FOLLOWED_FOR
from domain.fleet import Cursor
from domain.jobs import ReadTicket
from domain.tenant import TenantConfig
from handlers.loop.heal import Healer
from handlers.loop.tick import tick
from tests.handlers.web import ask, of

REMOVED = "0e0f3c2b-8a5d-4a67-9d0e-6a4c1f2b3d4e"


async def asked(service):
    """Who is to be visited for what, taken from the queue."""
    found: Counter[tuple[str, str]] = Counter()
    for body in await service.messages("checks"):
        job = json.loads(body)
        found.update((tenant, look) for tenant in job["tenants"] for look in job["looks"])
    return found


async def fleet_of(service, number, name="t", **config):
    tenants = [service.world.add_tenant(f"{name}{each}.example") for each in range(number)]
    for tenant in tenants:
        await service.look_after(tenant, known=False, **config)
    return [tenant.tenant_id for tenant in tenants]


async def ticking(service, minutes):
    """A tick each minute, and what they asked for."""
    found: Counter[tuple[str, str]] = Counter()
    for _ in range(minutes):
        service.clock.advance(minutes=1)
        await tick(service.clients)
        found += await asked(service)
    return found


async def test_every_tenant_that_is_switched_on_is_due_once_an_interval_for_each_look(service):
    tenants = await fleet_of(service, 30)
    await fleet_of(service, 2, "off", enabled=False)
    await tick(service.clients)
    once = {(tenant, look): 3 for tenant in tenants for look in ("fast", "alerts", "audit")}
    assert await ticking(service, 15) == Counter(once | {(tenant, "slow"): 1 for tenant in tenants})
    cursor, _ = await service.clients.storage.fleet.cursor()
    assert cursor.tenants == 30


async def test_messages_are_visible_at_once_and_hold_at_most_a_shard(service):
    await fleet_of(service, 60)
    await tick(service.clients)
    service.clock.advance(minutes=30)
    await tick(service.clients)
    bodies = await service.messages("checks")
    assert await service.hidden("checks") == 0
    assert max(len(json.loads(body)["tenants"]) for body in bodies) == 25
    assert max(map(len, bodies)) < 2048


async def test_two_ticks_at_once_ask_once(service):
    tenants = await fleet_of(service, 5)
    await tick(service.clients)
    service.clock.advance(minutes=15)
    await asyncio.gather(*(tick(service.clients) for _ in range(4)))
    assert set((await asked(service)).values()) == {1}
    assert (await service.clients.storage.fleet.size()) == len(tenants)


async def test_a_late_tick_asks_for_one_intervals_work(service):
    tenants = await fleet_of(service, 5)
    await tick(service.clients)
    service.clock.advance(days=2)
    await tick(service.clients)
    assert await asked(service) == dict.fromkeys(
        ((t, look) for t in tenants for look in ("fast", "slow", "alerts", "audit")), 1
    )


async def test_what_a_tick_that_died_left_out_the_next_one_asks_for(service):
    await fleet_of(service, 5)
    await tick(service.clients)
    service.clock.advance(minutes=15)
    cursor, version = await service.clients.storage.fleet.cursor()
    claimed = Cursor(done=cursor.done, claimed=service.clock(), compared=cursor.compared)
    await service.clients.storage.fleet.move(claimed, version)  # and here it died
    await tick(service.clients)
    assert await asked(service) == {}

    service.clock.advance(minutes=1)
    await tick(service.clients)
    assert set((await asked(service)).values()) == {1}


async def test_a_cursor_that_a_clock_put_hours_ahead_stops_no_look(service):
    tenants = await fleet_of(service, 5)
    await tick(service.clients)
    cursor, version = await service.clients.storage.fleet.cursor()
    wrong = service.clock() + timedelta(hours=10)
    await service.clients.storage.fleet.move(replace(cursor, done=wrong, claimed=wrong, compared=wrong), version)
    assert (await ask(service, "GET", "health")).status_code == 503
    assert (await ask(service, "GET", "health")).status_code == 200
    assert set(await ticking(service, 5)) >= {(tenant, "fast") for tenant in tenants}


async def test_a_tenant_that_the_index_lost_is_found_within_the_hour(service):
    [tenant] = await fleet_of(service, 1)
    await tick(service.clients)
    index = service.clients.storage.index
    [entry] = (await index.all()).values()
    await index.forget(tenant)
    removed = TenantConfig(tenant_id=REMOVED, name=entry.name, initial_domain="removed.onmicrosoft.com")
    await index.note(removed, service.clock())
    service.clock.advance(minutes=61)
    await tick(service.clients)
    assert {each for each, _ in await asked(service)} == {tenant}
    assert (await index.all()).keys() == {tenant}


async def test_a_page_of_the_index_that_makes_no_sense_is_made_anew_and_its_tenants_are_asked_for(
    service, azurite_connection
):
    tenants = await fleet_of(service, 3)
    await tick(service.clients)
    async with TableServiceClient.from_connection_string(azurite_connection) as tables:
        for row in await service.clients.storage.index.pages():
            odd = {"PartitionKey": "index", "RowKey": row, "version": 3, "body0": '{"tenants": 7}'}
            await tables.get_table_client("fleet").upsert_entity(odd)
    await service.messages("checks")
    service.clock.advance(minutes=5)
    await tick(service.clients)
    assert {each for each, _ in await asked(service)} == set(tenants)


async def test_of_a_tenants_corrections_those_are_asked_for_that_no_message_follows(service):
    tenant = service.world.add_tenant("contoso.example", state="healthy")
    await service.look_after(tenant)
    await service.sweep()
    service.clock.advance(hours=1)
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    rule = "Send Automatic Replies to connector Automatic Replies"
    tenant.admin("Disable-TransportRule", Identity=rule, Confirm=False)
    tenant.lag(10_000)
    for control in ("inbound-lockdown", "oof-rule"):
        await service.remediate(tenant, control)
        assert (await service.state(tenant, control)).state == "correcting"
        service.clock.advance(seconds=FOLLOWED_FOR.total_seconds() / 2)
    await service.messages("remediations")
    await no_longer_followed(service, tenant)
    await tick(service.clients)
    [job] = [json.loads(body) for body in await service.messages("remediations")]
    assert job["controls"] == ["inbound-lockdown"]


async def unfollowed(service, lag_s):
    """A tenant whose lock-down is being put back, which shows after *lag_s*, when no message is expected any more."""
    tenant = service.world.add_tenant("contoso.example", state="healthy")
    await service.look_after(tenant)
    await service.sweep()
    service.clock.advance(hours=1)
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    tenant.lag(lag_s)
    await service.remediate(tenant, "inbound-lockdown")
    assert (await service.state(tenant, "inbound-lockdown")).state == "correcting"
    await no_longer_followed(service, tenant)
    return tenant


async def no_longer_followed(service, tenant):
    followed = (await service.clients.storage.states.load(tenant.tenant_id)).followed
    service.clock.time = followed["inbound-lockdown"] + timedelta(seconds=1)


async def test_a_correction_whose_worker_waits_long_for_a_write_is_not_taken_for_lost(service):
    tenant = await unfollowed(service, 10_000)
    await service.messages("remediations")
    async with service.clients.storage.leases.hold(tenant.tenant_id):
        await tick(service.clients)
        assert await service.messages("remediations") == []
    service.clock.advance(minutes=1)
    await tick(service.clients)
    [job] = [json.loads(body) for body in await service.messages("remediations")]
    assert job["controls"] == ["inbound-lockdown"]


async def test_a_correction_that_is_proven_while_a_tick_takes_it_for_lost_stays_so_and_is_not_asked_for(
    service, meanwhile
):
    tenant = await unfollowed(service, 20)

    async def proven():
        while (await service.state(tenant, "inbound-lockdown")).state == "correcting":
            await service.remediate(tenant, "inbound-lockdown")
        await service.messages("remediations")

    meanwhile(r"PUT .*/leases/", proven)
    await tick(service.clients)
    assert (await service.state(tenant, "inbound-lockdown")).state == "compliant"
    assert (await service.clients.storage.index.all())[tenant.tenant_id].state_of("inbound-lockdown") == "compliant"
    assert await service.messages("remediations") == []


@pytest.mark.parametrize(
    "environment", [{"HOLDFAST_MAX_TENANTS_PER_HOUR": "9", "HOLDFAST_MAX_PERCENT_PER_HOUR": "100"}]
)
@pytest.mark.parametrize("place", [0, 2], ids=["the first", "the last"])
async def test_a_tenant_whose_lost_correction_cannot_be_taken_up_keeps_none_of_the_others_waiting(
    service, meanwhile, place
):
    tenants = [service.world.add_tenant(f"t{number}.example", state="healthy") for number in range(3)]
    for tenant in tenants:
        await service.look_after(tenant)
    await service.sweep()
    service.clock.advance(hours=1)
    for tenant in tenants:
        tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
        tenant.lag(10_000)
        await service.remediate(tenant, "inbound-lockdown")
    await service.messages("remediations")
    await no_longer_followed(service, tenants[-1])
    fleet = [*await service.clients.storage.index.all()]

    async def broken():
        raise RuntimeError("nobody expected that")

    meanwhile(f"PUT .*/leases/{fleet[place]}", broken)
    for minutes, taken_up in ((0, [each for each in fleet if each != fleet[place]]), (1, [fleet[place]])):
        service.clock.advance(minutes=minutes)
        await tick(service.clients)
        jobs = [json.loads(body) for body in await service.messages("remediations")]
        assert sorted(job["tenant_id"] for job in jobs) == sorted(taken_up)


async def test_a_job_that_waited_for_longer_than_a_message_may_is_enqueued_when_it_is_due(service):
    job = ReadTicket(provider="halopsa", ticket_id="7", asked_at=service.clock())
    await service.clients.storage.due.add(job, service.clock() + timedelta(minutes=5))
    await tick(service.clients)
    assert await service.messages("tickets") == []
    service.clock.advance(minutes=5)
    await tick(service.clients)
    [body] = await service.messages("tickets")
    assert json.loads(body)["ticket_id"] == "7"


@pytest.mark.parametrize(("minutes", "done"), [(2.5, False), (3.5, True)])
async def test_whoever_wakes_does_a_tick_that_is_over_two_minutes_late(service, minutes, done):
    await fleet_of(service, 5)
    await tick(service.clients)
    service.clock.advance(minutes=minutes)
    before, _ = await service.clients.storage.fleet.cursor()
    await Healer().look(service.clients)
    after, _ = await service.clients.storage.fleet.cursor()
    assert (after.done > before.done) is done


async def test_the_first_to_wake_counts_the_fleet_where_no_tick_ever_came(service):
    tenants = await fleet_of(service, 5)
    await Healer().look(service.clients)
    cursor, _ = await service.clients.storage.fleet.cursor()
    assert cursor.tenants == len(tenants)


async def test_a_worker_looks_after_the_tick_at_most_every_thirty_seconds(service):
    healer = Healer()
    await healer.look(service.clients)
    service.clock.advance(minutes=10)
    await healer.look(service.clients)
    done, _ = await service.clients.storage.fleet.cursor()
    cursor, version = await service.clients.storage.fleet.cursor()
    await service.clients.storage.fleet.move(Cursor(done=cursor.done - timedelta(minutes=30)), version)
    service.clock.advance(seconds=29)
    await healer.look(service.clients)
    assert (await service.clients.storage.fleet.cursor())[0].done < done.done
    service.clock.advance(seconds=1)
    await healer.look(service.clients)
    assert (await service.clients.storage.fleet.cursor())[0].done > done.done


@pytest.fixture
async def fleet_rows(azurite_connection):
    """Table `fleet` itself."""
    async with TableServiceClient.from_connection_string(azurite_connection) as tables:
        yield tables.get_table_client("fleet")


@pytest.mark.parametrize(
    "row", [{"queue": "of a later version", "body": "{}"}, {"queue": "checks"}, {}], ids=["queue", "no body", "nothing"]
)
async def test_a_waiting_job_that_cannot_be_enqueued_stays_and_stops_nothing_else(service, fleet_rows, caplog, row):
    odd = {"PartitionKey": "due", "RowKey": "a row of its own", "due_at": service.clock()}
    await fleet_rows.create_entity(odd | row)
    job = ReadTicket(provider="halopsa", ticket_id="7", asked_at=service.clock())
    await service.clients.storage.due.add(job, service.clock())
    await tick(service.clients)
    assert len(await service.messages("tickets")) == 1
    assert "a row of its own" in caplog.text
    assert await fleet_rows.get_entity("due", "a row of its own")
    cursor, _ = await service.clients.storage.fleet.cursor()
    assert (cursor.claimed, cursor.counted) == (None, True)


async def test_who_wakes_does_its_own_work_where_the_tick_cannot_be_looked_at(service, monkeypatch, caplog):
    async def in_vain(_transport, request, **_options):
        raise ValueError(f"an answer that nobody expected from {request.url}")

    with monkeypatch.context() as patch:
        patch.setattr(AioHttpTransport, "send", in_vain)
        await Healer().look(service.clients)
    assert "failed_alone what='look after the tick'" in caplog.text


@pytest.mark.parametrize(
    "environment", [{"HOLDFAST_SLOW_SCHEDULE": "0 0 6 * * *", "HOLDFAST_FAST_SCHEDULE": "0 0 7 * * *"}]
)
async def test_what_the_service_does_for_itself_waits_for_no_daily_look(service, caplog):
    tenant = service.world.add_tenant("contoso.example")
    await service.look_after(tenant)
    await tick(service.clients)
    lost = of(await ask(service, "POST", f"tenants/{tenant.tenant_id}/check"))["id"]
    await service.messages("checks")
    await ask(service, "PUT", "brake", {"engaged": True, "reason": "incident 7"})
    with caplog.at_level("INFO"):
        for _ in range(30):
            service.clock.advance(minutes=1)
            await tick(service.clients)
    assert [json.loads(body).get("operation_id") for body in await service.messages("checks")].count(lost) == 1
    assert await service.clients.storage.anchors.has("2026-11-23T12")
    assert caplog.text.count("fleet_measured") == 2


@pytest.mark.parametrize(
    "environment", [{"HOLDFAST_SLOW_SCHEDULE": "0 */15 8-17 * * *", "HOLDFAST_FAST_SCHEDULE": "0 */5 8-17 * * *"}]
)
async def test_a_look_that_no_schedule_asks_for_by_night_is_not_late(service, caplog):
    service.clock.time = datetime(2040, 3, 1, 17, 55, tzinfo=UTC)  # after any row was written, by the account's clock
    await service.look_after(service.world.add_tenant("contoso.example"))
    await service.sweep()
    with caplog.at_level("INFO"):
        for hour, minute in ((22, 0), (6, 30), (8, 0)):
            service.clock.advance(days=hour < 12 <= service.clock.time.hour)
            service.clock.time = service.clock.time.replace(hour=hour, minute=minute)
            await tick(service.clients)
        service.clock.advance(minutes=40)
        await tick(service.clients)
    told = [each for each in caplog.records if each.getMessage().startswith("fleet_measured")]
    assert [(each.fast_s, each.slow_s) for each in told] == [("300", "300")] * 3 + [("2700", "2700")]
