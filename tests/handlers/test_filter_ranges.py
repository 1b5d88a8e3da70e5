"""A vendor's ranges that change are told to the operators once, not once for each tenant, and are over when they fit."""

from datetime import timedelta

from domain.incident import SERVICE
from handlers.operators import open_incidents
from handlers.watch import watch

INCLUDE, ID = "proxy.exchangedefender.com", "ranges-exchangedefender"


async def told(service):
    service.clock.advance(minutes=15)
    await watch(timedelta(), {}, service.clients)
    entries = await service.clients.storage.ledger.page(SERVICE)
    return [entry.event for entry in reversed(entries) if entry.control == ID]


async def test_ranges_that_grow_or_shrink_are_told_once_whatever_tenants_there_are_and_end_when_they_fit(service):
    for name in ("a.example", "b.example"):
        await service.look_after(service.world.add_tenant(name))
    assert await told(service) == []
    service.world.dns.set(INCLUDE, "TXT", '"v=spf1 ip4:65.99.255.0/24 ip4:203.0.113.0/24 -all"')
    assert await told(service) == await told(service) == ["incident"]
    [entry] = (await open_incidents(service.clients))[ID]
    assert "203.0.113.0/24, which no connector takes" in entry.detail
    service.world.dns.fail(INCLUDE, "servfail")
    assert await told(service) == ["incident"]
    service.world.dns.heal(INCLUDE)
    service.world.dns.set(INCLUDE, "TXT", '"v=spf1 ip4:65.99.255.0/25 -all"')
    assert await told(service) == ["incident", "incident"]
    service.world.dns.set(INCLUDE, "TXT", '"v=spf1 ip4:65.99.255.0/24 -all"')
    assert await told(service) == ["incident", "incident", "incident_ended"]


async def test_the_range_that_only_the_guide_names_is_told_once_as_soon_as_the_vendor_publishes_it(service):
    service.world.dns.set(INCLUDE, "TXT", '"v=spf1 ip4:65.99.255.0/24 ip4:206.125.40.0/24 -all"')
    assert await told(service) == await told(service) == ["incident"]
    [entry] = (await open_incidents(service.clients))[ID]
    assert "206.125.40.0/24, which no connector takes" in entry.detail


async def test_a_record_that_is_gone_or_broken_says_nothing_of_the_ranges(service):
    for broken in ('"v=spf1 ip4:999 -all"', '"v=spf1 -all"', '"hello"'):
        service.world.dns.set(INCLUDE, "TXT", broken)
        assert await told(service) == []
