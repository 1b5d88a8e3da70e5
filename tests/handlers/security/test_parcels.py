"""One parcel of the feed that fails, is refused, is gone or is odd is told as a gap in the end, and stops no other."""

import pytest

from handlers.security.parcels import MOST_VISITS
from tests.handlers.security.watched import asked, read, watched


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


async def test_records_of_mailboxes_and_other_work_are_passed_over(service):
    tenant = await watched(service)
    tenant.feed.add(
        {"Operation": "MailItemsAccessed"}, {"Operation": "Set-Mailbox"}, {"Operation": "Get-InboundConnector"}
    )
    service.clock.advance(minutes=1)
    await read(service, tenant)
    assert await asked(service) == []
    assert await service.clients.storage.parked.all("audit") == []


@pytest.mark.parametrize("status", [401, 403])
async def test_a_parcel_that_alone_is_refused_keeps_no_other_from_being_read_and_is_a_gap_after_three_visits(
    service, status
):
    tenant = await watched(service)
    tenant.feed.add(tenant.feed.record("Set-InboundConnector", {}), refused=status)
    tenant.feed.add(tenant.feed.record("Set-TransportRule", {"Identity": "x"}))
    tenant.feed.add(tenant.feed.record("Set-ProtectionAlert", {}), content_type="Audit.General")
    service.clock.advance(minutes=1)
    for visits in range(1, MOST_VISITS + 1):
        await read(service, tenant)
        assert len(await service.clients.storage.audit.open(tenant.tenant_id)) == 2
        gaps = [entry for entry in await service.ledger(tenant, "audit-feed") if entry.event == "audit_gap"]
        assert len(gaps) == (visits == MOST_VISITS)
        service.clock.advance(minutes=5)
    assert "could not be fetched in 3 visits" in gaps[0].detail
    await read(service, tenant)
    assert (await service.state(tenant, "audit-feed")).state == "compliant"


async def test_a_feed_that_is_refused_as_a_whole_is_unknown_with_the_grant_and_gives_no_parcel_up(service):
    tenant = await watched(service)
    tenant.feed.add(tenant.feed.record("Set-TransportRule", {"Identity": "x"}))
    service.clock.advance(minutes=1)
    tenant.access.permissions.discard("ActivityFeed.Read")
    tenant.expire_tokens()
    for _ in range(MOST_VISITS):
        await read(service, tenant)
        service.clock.advance(minutes=5)
    state = await service.state(tenant, "audit-feed")
    assert (state.state, "ActivityFeed.Read" in state.detail) == ("unknown", True)
    tenant.access.permissions.add("ActivityFeed.Read")
    tenant.expire_tokens()
    await read(service, tenant)
    assert len(await service.clients.storage.audit.open(tenant.tenant_id)) == 1
    assert "audit_gap" not in {entry.event for entry in await service.ledger(tenant, "audit-feed")}
