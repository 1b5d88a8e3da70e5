"""The feed is read to its end, once, through gaps, throttles, deaths and whatever order it comes in."""

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from domain.jobs import VisitShard
from handlers.delivery import deliver
from handlers.security.audit_feed import MOST_VISITS
from simulator.faults import Fault
from tests.handlers.security.watched import LOCK, OFF, asked, named, read, watched


async def test_subscriptions_are_started_once_and_started_again_when_somebody_stopped_them(service):
    tenant = await watched(service)
    await read(service, tenant)
    assert tenant.feed.asked.count("POST start") == 2
    tenant.feed.subscriptions.clear()
    await read(service, tenant)
    assert sorted(tenant.feed.subscriptions) == ["Audit.Exchange", "Audit.General"]


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


async def test_a_parcel_that_is_gone_is_a_gap_and_the_others_are_read(service):
    tenant = await watched(service)
    tenant.feed.add(tenant.feed.record("Set-InboundConnector", {}), expired=True)
    tenant.feed.add(tenant.feed.record("Set-TransportRule", {"Identity": "x"}))
    service.clock.advance(minutes=1)
    for _ in range(2):
        await read(service, tenant)
    assert [e.event for e in await service.ledger(tenant, "audit-feed")] == ["audit_gap"]
    assert await asked(service) == [["lock-bypass", "oof-rule"]]


async def test_a_parcel_that_cannot_be_fetched_keeps_no_other_from_being_read_and_is_a_gap_after_three_visits(service):
    tenant = await watched(service)
    tenant.feed.add(tenant.feed.record("Set-InboundConnector", {}), failing=True)
    tenant.feed.add(tenant.feed.record("Set-TransportRule", {"Identity": "x"}))
    tenant.feed.add(tenant.feed.record("Set-ProtectionAlert", {}), content_type="Audit.General")
    service.clock.advance(minutes=1)
    await read(service, tenant)
    assert len(await service.clients.storage.audit.open(tenant.tenant_id)) == 2
    assert (await service.state(tenant, "audit-feed")).state == "unknown"
    for _ in range(2):
        assert "audit_gap" not in {entry.event for entry in await service.ledger(tenant, "audit-feed")}
        service.clock.advance(minutes=5)
        await read(service, tenant)
    [gap] = [entry for entry in await service.ledger(tenant, "audit-feed") if entry.event == "audit_gap"]
    assert "could not be fetched in 3 visits: AF50000" in gap.detail
    fetched = len(tenant.feed.asked)
    service.clock.advance(minutes=5)
    await read(service, tenant)
    assert (await service.state(tenant, "audit-feed")).state == "compliant"
    assert not [path for path in list(tenant.feed.asked)[fetched:] if "audit/" in path]


async def test_a_burst_of_parcels_that_cannot_be_fetched_costs_a_visit_hardly_more_than_one_of_them(service):
    tenant = await watched(service)
    for _ in range(30):
        tenant.feed.add(tenant.feed.record("Set-InboundConnector", {}), failing=True)
    tenant.feed.add(tenant.feed.record("Set-ProtectionAlert", {}), content_type="Audit.General")
    service.clock.advance(minutes=1)
    for visits in range(1, MOST_VISITS + 1):
        before = tenant.http_requests["activity"]
        await read(service, tenant)
        assert tenant.http_requests["activity"] - before < 50  # five tries for each would be 150
        assert len(await service.clients.storage.audit.open(tenant.tenant_id)) == 1
        gaps = [entry for entry in await service.ledger(tenant, "audit-feed") if entry.event == "audit_gap"]
        assert len(gaps) == (30 if visits == MOST_VISITS else 0)
        service.clock.advance(minutes=5)
    await read(service, tenant)
    assert (await service.state(tenant, "audit-feed")).state == "compliant"


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


async def test_a_piece_that_is_listed_without_its_address_is_parked_and_the_others_are_read(service):
    tenant = await watched(service)
    tenant.feed.add(tenant.feed.record("Set-InboundConnector", {}), odd=True)
    tenant.feed.add(tenant.feed.record("Set-TransportRule", {"Identity": "x"}))
    service.clock.advance(minutes=1)
    for _ in range(2):
        await read(service, tenant)
    assert len(await service.clients.storage.audit.open(tenant.tenant_id)) == 1
    [(_, reason)] = await service.clients.storage.parked.all("audit")
    assert reason == "an odd piece of content: it has no id, address or time"
    assert (await service.state(tenant, "audit-feed")).state == "compliant"


async def test_a_listing_that_fails_keeps_the_other_content_type_from_nothing(service):
    tenant = await watched(service)
    tenant.feed.add(tenant.feed.record("Set-ProtectionAlert", {}), content_type="Audit.General")
    service.clock.advance(minutes=1)
    tenant.faults.script(Fault("server_error", service="activity", cmdlet="GET content", times=5))
    await read(service, tenant)
    assert len(await service.clients.storage.audit.open(tenant.tenant_id)) == 1
    assert (await service.state(tenant, "audit-feed")).state == "unknown"


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


async def test_records_of_mailboxes_and_other_work_are_passed_over(service):
    tenant = await watched(service)
    tenant.feed.add(
        {"Operation": "MailItemsAccessed"}, {"Operation": "Set-Mailbox"}, {"Operation": "Get-InboundConnector"}
    )
    service.clock.advance(minutes=1)
    await read(service, tenant)
    assert await asked(service) == []
    assert await service.clients.storage.parked.all("audit") == []


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
