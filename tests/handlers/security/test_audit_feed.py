"""The feed is read to its end, once, through gaps, throttles, deaths and whatever order it comes in."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from domain.jobs import VisitShard
from handlers.delivery import deliver
from handlers.security.parcels import MOST_VISITS
from simulator.faults import Fault
from tests.handlers.security.watched import LOCK, OFF, asked, named, read, watched


async def test_subscriptions_are_started_once_and_started_again_when_somebody_stopped_them(service):
    tenant = await watched(service)
    await read(service, tenant)
    assert tenant.feed.asked.count("POST start") == 2
    tenant.feed.subscriptions.clear()
    await read(service, tenant)
    assert sorted(tenant.feed.subscriptions) == ["Audit.Exchange", "Audit.General"]


async def test_a_subscription_that_cannot_be_started_keeps_the_other_content_type_from_nothing(service):
    tenant = await watched(service)
    del tenant.feed.subscriptions["Audit.Exchange"]
    tenant.feed.add(tenant.feed.record("Set-ProtectionAlert", {}), content_type="Audit.General")
    service.clock.advance(minutes=1)
    tenant.faults.script(Fault("server_error", service="activity", cmdlet="POST start"))
    await read(service, tenant)
    assert len(await service.clients.storage.audit.open(tenant.tenant_id)) == 1
    assert (await service.state(tenant, "audit-feed")).state == "unknown"


async def test_already_enabled_is_a_success(service):
    tenant = service.world.add_tenant("contoso.example")
    await service.look_after(tenant)
    tenant.feed.subscriptions["Audit.Exchange"] = tenant.now()
    await service.clients.activity.start(tenant.tenant_id, "Audit.Exchange")


@pytest.mark.parametrize("shuffled", [False, True])
async def test_every_page_is_read_in_whatever_order(service, shuffled):
    tenant = await watched(service, feed_page=2, feed_shuffle=shuffled)
    for number in range(7):
        tenant.feed.add(tenant.feed.record("Set-TransportRule", {"Identity": f"rule {number}"}))
    service.clock.advance(minutes=1)
    await read(service, tenant)
    assert len(await service.clients.storage.audit.open(tenant.tenant_id)) == 7


async def test_days_that_nobody_came_are_read_window_by_window(service):
    tenant = await watched(service)
    for _ in range(6):
        tenant.feed.add(tenant.feed.record("Set-TransportRule", {"Identity": "x"}))
        service.clock.advance(hours=20)
    await read(service, tenant)
    kept = await service.clients.storage.audit.open(tenant.tenant_id)
    assert {record.at.hour for record in kept} <= set(range(24))
    assert "audit_gap" not in {e.event for e in await service.ledger(tenant)}
    assert sum(path == "GET content" for path in tenant.feed.asked) >= 10


async def test_a_week_that_nobody_came_is_a_gap_that_is_written_down_and_the_rest_is_read(service):
    tenant = await watched(service)
    service.clock.advance(days=9)
    tenant.feed.add(tenant.feed.record("Set-TransportRule", {"Identity": "x"}))
    service.clock.advance(minutes=1)
    await read(service, tenant)
    assert [e.event for e in await service.ledger(tenant, "audit-feed")].count("audit_gap") == 2
    assert await asked(service) == [["lock-bypass", "oof-rule"]]


async def test_a_visit_that_ends_before_all_is_read_keeps_what_was_read_and_what_failed(service, monkeypatch):
    tenant = await watched(service)
    tenant.feed.add(tenant.feed.record("Set-InboundConnector", {}), failing=True)
    healthy = tenant.feed.add(tenant.feed.record("Set-TransportRule", {"Identity": "x"}))
    tenant.feed.add(tenant.feed.record("Set-TransportRule", {"Identity": "y"}), hanging=True)
    monkeypatch.setattr("handlers.loop.visit.LONGEST_LOOK_S", 2)
    for _ in range(10):  # three, and more on a machine that takes longer than this to come to the second parcel
        service.clock.advance(minutes=5)
        shard = VisitShard(tenants=(tenant.tenant_id,), looks=("audit",), due_by=service.clock())
        await deliver("checks", shard.body.encode(), service.clients)
        if gaps := [entry for entry in await service.ledger(tenant, "audit-feed") if entry.event == "audit_gap"]:
            break
    assert "could not be fetched in 3 visits" in gaps[0].detail
    assert tenant.feed.asked.count(f"GET {healthy.id}") == 1
    assert (await service.state(tenant, "audit-feed")).detail == "the look failed: TimeoutError"


async def test_a_listing_that_fails_keeps_the_other_content_type_from_nothing(service):
    tenant = await watched(service)
    tenant.feed.add(tenant.feed.record("Set-ProtectionAlert", {}), content_type="Audit.General")
    tenant.feed.add(tenant.feed.record("Set-InboundConnector", {}), unlistable=True)
    service.clock.advance(minutes=1)
    await read(service, tenant)
    assert len(await service.clients.storage.audit.open(tenant.tenant_id)) == 1
    assert (await service.state(tenant, "audit-feed")).state == "unknown"


async def gaps(service, tenant):
    return [e.detail for e in await service.ledger(tenant, "audit-feed") if e.event == "audit_gap"]


async def hidden_by_the_service(service):
    """A tenant with an hour of its feed that the service cannot list, two hours ago, and a record on either side."""
    tenant = await watched(service)
    tenant.feed.add(tenant.feed.record("Set-TransportRule", {"Identity": "before"}))
    service.clock.time = service.clock.time.replace(minute=20) + timedelta(hours=1)
    lost = tenant.feed.add(tenant.feed.record("Set-InboundConnector", {}), unlistable=True)
    service.clock.advance(hours=2)
    tenant.feed.add(tenant.feed.record("Set-TransportRule", {"Identity": "behind"}))
    service.clock.advance(minutes=1)
    return tenant, lost


async def test_an_hour_that_cannot_be_listed_is_a_gap_after_three_visits_and_all_else_is_read_in_the_first(service):
    tenant, _ = await hidden_by_the_service(service)
    for visits in range(1, MOST_VISITS + 1):
        assert await gaps(service, tenant) == []
        await read(service, tenant)
        assert len(await service.clients.storage.audit.open(tenant.tenant_id)) == 2
        assert (await service.state(tenant, "audit-feed")).state == ("unknown" if visits < MOST_VISITS else "compliant")
        service.clock.advance(minutes=5)
    [gap] = await gaps(service, tenant)
    assert "Audit.Exchange: what came up in the hour before" in gap
    assert "could not be listed in 3 visits: AF50000" in gap
    for _ in range(4):
        await read(service, tenant)
        assert (await service.state(tenant, "audit-feed")).state == "compliant"
        service.clock.advance(minutes=5)
    assert await gaps(service, tenant) == [gap]


async def test_a_visit_to_a_service_or_a_type_that_is_away_as_a_whole_gives_nothing_up(service):
    tenant, lost = await hidden_by_the_service(service)
    for _ in range(MOST_VISITS):
        tenant.faults.script(Fault("server_error", service="activity", cmdlet="GET content", times=1000))
        await read(service, tenant)
        tenant.faults.clear()
        service.clock.advance(hours=9)
    for _ in range(MOST_VISITS):
        away = tenant.feed.add(tenant.feed.record("Set-InboundConnector", {}), unlistable=True)
        service.clock.advance(minutes=1)
        await read(service, tenant)
        tenant.feed.blobs.remove(away)
    assert await gaps(service, tenant) == []
    assert (await service.state(tenant, "audit-feed")).state == "unknown"
    tenant.feed.blobs.remove(lost)
    tenant.feed.add(*lost.records)
    service.clock.advance(minutes=1)
    await read(service, tenant)
    assert len(await service.clients.storage.audit.open(tenant.tenant_id)) == 3
    assert (await service.state(tenant, "audit-feed")).state == "compliant"


async def test_what_cannot_be_listed_of_the_hour_that_is_not_over_waits_for_its_end(service):
    tenant = await watched(service)
    service.clock.time = service.clock.time.replace(minute=10) + timedelta(hours=1)
    tenant.feed.add(tenant.feed.record("Set-InboundConnector", {}), unlistable=True)
    for _ in range(2 * MOST_VISITS):
        service.clock.advance(minutes=5)
        await read(service, tenant)
    assert await gaps(service, tenant) == []
    service.clock.advance(minutes=30)
    for _ in range(MOST_VISITS):
        await read(service, tenant)
    assert len(await gaps(service, tenant)) == 1


@pytest.mark.parametrize("status", [403, 429])
async def test_a_throttled_feed_goes_on_where_it_stopped(service, status):
    tenant = await watched(service)
    for _ in range(3):
        tenant.feed.add(tenant.feed.record("Set-TransportRule", {"Identity": "x"}))
    service.clock.advance(minutes=1)
    tenant.feed.refusals.extend([(status, "AF429")] * 4)
    await read(service, tenant)
    assert (await service.state(tenant, "audit-feed")).state == "unknown"
    service.clock.advance(minutes=2)
    await read(service, tenant)
    assert len(await service.clients.storage.audit.open(tenant.tenant_id)) == 3


async def test_a_cut_between_two_parcels_loses_and_doubles_nothing(service):
    tenant = await watched(service)
    for number in range(3):
        tenant.feed.add(tenant.feed.record("Set-TransportRule", {"Identity": f"rule {number}"}))
    service.clock.advance(minutes=1)
    tenant.faults.script(Fault("server_error", service="activity", cmdlet="GET content", times=9))
    await read(service, tenant)
    tenant.faults.clear()
    await read(service, tenant)
    assert len(await service.clients.storage.audit.open(tenant.tenant_id)) == 3


@settings(
    max_examples=4,
    phases=(Phase.explicit, Phase.generate),  # an example takes too long to be made smaller
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    order=st.permutations(range(3)), repeats=st.lists(st.integers(0, 2), max_size=2), reads=st.sets(st.integers(0, 5))
)
async def test_a_feed_with_gaps_repeats_and_shuffles_gives_the_same_final_state(service, order, repeats, reads):
    """Three drifts by three people: whatever comes when, each is named once, and the last is in the state."""
    domain = f"t{len(list(service.world.tenants))}.example"
    tenant = await watched(service, domain, audit_minutes=1e6)
    records = []
    for number in range(3):
        tenant.feed.by = f"person{number}@{domain}"
        records.append(tenant.feed.record("Set-InboundConnector", OFF))
        tenant.admin("Set-InboundConnector", **OFF)
        service.clock.advance(minutes=2)
        await service.check(tenant, controls=(LOCK,))
        tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=True)
        service.clock.advance(minutes=2)
        await service.check(tenant, controls=(LOCK,))
    for step, number in enumerate([*order, *repeats]):
        tenant.feed.add(records[number])
        service.clock.advance(minutes=1)
        if step in reads:
            await read(service, tenant)
    await read(service, tenant)
    assert sorted(await named(service, tenant)) == [(LOCK, f"person{number}@{domain}") for number in range(3)]
    assert (await service.state(tenant, LOCK)).actor.who == f"person2@{domain}"
