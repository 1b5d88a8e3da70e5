"""What the service tells its operators of by itself: once while it lasts, and that it is over."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from azure.data.tables.aio import TableClient

from clients.entra.credentials import ClientSecret
from clients.errors import Unreachable
from domain.controls import in_lane
from domain.fleet_index import CATALOGUE_DIGEST, NotCompliant, Summary
from domain.incident import SERVICE
from domain.reading import LANES
from domain.rests import THROTTLED_LONG, Rest
from handlers.loop.tick import tick
from handlers.operators import open_incidents
from handlers.watch import FEW, watch
from simulator.faults import Fault
from tests.handlers.web import ask


async def watched(clients, late=timedelta()):
    tenants = {each: known for each, known in (await clients.storage.index.all()).items() if known.enabled}
    await watch(late, tenants, clients)


async def lasting(service):
    return {each: entries[-1].detail for each, entries in (await open_incidents(service.clients)).items()}


async def entries(service):
    return [each.event for each in await service.clients.storage.ledger.page(SERVICE) if each.control]


async def test_a_quiet_installation_tells_of_nothing(service):
    await watched(service.clients)
    assert await entries(service) == []


async def test_a_brake_is_told_of_once_while_it_lasts_and_when_it_is_over(service):
    await ask(service, "PUT", "brake", {"engaged": True, "reason": "incident 7"})
    for _ in range(3):
        service.clock.advance(minutes=15)
        await watched(service.clients)
    assert await entries(service) == ["incident"]
    await ask(service, "PUT", "brake", {"engaged": False})
    assert await lasting(service) == {}


@pytest.mark.parametrize("odd", [{"body0": "{"}, {"version": 99}])
async def test_an_entry_that_makes_no_sense_keeps_nobody_from_being_told(service, azurite_connection, odd):
    await ask(service, "PUT", "brake", {"engaged": False, "reason": "let us begin"})
    service.clock.advance(days=2)  # what is added to a chain that is older than a day reads none of it
    await ask(service, "PUT", "brake", {"engaged": True, "reason": "incident 7"})
    await watched(service.clients)
    [told] = [each for each in await service.clients.storage.ledger.page(SERVICE) if each.event == "incident"]
    async with TableClient.from_connection_string(azurite_connection, "ledger") as table:
        await table.update_entity({"PartitionKey": SERVICE, "RowKey": told.id} | odd)
    service.clock.advance(minutes=15)
    await watched(service.clients)
    assert "incident 7" in (await lasting(service))["brake"]


async def test_a_brake_whose_row_is_gone_is_told_of(service, azurite_connection):
    async with TableClient.from_connection_string(azurite_connection, "switches") as table:
        await table.delete_entity("brake", "brake")
    await watched(service.clients)
    assert "its row is missing" in (await lasting(service))["brake"]


@pytest.fixture
def environment(request):
    return getattr(request, "param", {})


KEYS = '[{"name": "Night.Shift", "sha256": "' + "0" * 64 + '", "roles": ["Reader"], "until": "2026-12-20T00:00:00Z"}]'


@pytest.mark.parametrize("environment", [{"HOLDFAST_KEYS": KEYS}], indirect=True)
async def test_a_key_that_ends_is_told_of_at_30_14_and_3_days(service):
    told = []
    for day in range(23, 60):
        service.clock.time = datetime(2026, 11, 1, 12, tzinfo=UTC) + timedelta(days=day - 1)
        await watched(service.clients)
        if (now := await lasting(service)) not in told:
            told.append(now)
    assert [each["credential-key-night-shift"].partition(":")[0] for each in told] == [
        "a credential ends within 30 days",
        "a credential ends within 14 days",
        "a credential ends within 3 days",
    ]
    assert await entries(service) == ["incident"] * 3


@dataclass(frozen=True)
class OwnCredential:
    """One whose end a vault knows; without *until* the vault does not answer."""

    until: datetime | None

    async def for_msal(self, _):
        raise NotImplementedError

    async def ends(self):
        if self.until is None:
            raise Unreachable("the vault does not answer", sent=False)
        return self.until


async def test_a_certificate_that_only_the_vault_knows_is_told_of_before_it_ends_and_until_it_is_renewed(service):
    now = service.clock()
    ends = {"soon": now + timedelta(days=13), "nobody says": None, "renewed": now + timedelta(days=365)}
    told = {}
    for what, until in ends.items():
        clients = replace(service.clients, credential=OwnCredential(until))
        await watched(clients)
        told[what] = [each.partition(":")[0] for each in (await lasting(service)).values()]
    assert told == {
        "soon": ["a credential ends within 14 days"],
        "nobody says": ["a credential ends within 14 days"],
        "renewed": [],
    }


async def test_a_client_secret_is_told_of_before_the_day_that_a_person_has_named(service):
    day = service.clock().date() + timedelta(days=2)
    await watched(replace(service.clients, credential=ClientSecret("secret", day)))
    [told] = (await lasting(service)).values()
    assert told.startswith("a credential ends within 3 days")
    assert f"ends at {day} 00:00 UTC" in told


async def test_a_tenant_whose_exchange_cannot_be_read_for_long_is_told_of_until_it_can(service):
    tenant = service.world.add_tenant("contoso.example")
    await service.look_after(tenant)
    tenant.faults.script(Fault("truncated", times=100_000))
    await service.check(tenant)
    await watched(service.clients)
    assert await lasting(service) == {}
    service.clock.advance(minutes=61)
    await service.check(tenant)
    await watched(service.clients)
    [(incident, detail)] = (await lasting(service)).items()
    assert incident == f"unreachable-{tenant.tenant_id[:23]}"
    assert f"tenant {tenant.tenant_id} since 2026-11-23 12:00 UTC" in detail
    await watched(service.clients)
    assert [each.event for each in await service.ledger(tenant, "unreadable")] == ["incident"]
    tenant.faults.clear()
    await service.check(tenant)
    await watched(service.clients)
    assert await lasting(service) == {}
    assert [each.event for each in await service.ledger(tenant, "unreadable")] == ["incident", "incident_ended"]


async def unreadable(service, numbers):
    """Tenants of which visits could read nothing of Exchange for two hours."""
    unread = NotCompliant("unknown", service.clock() - timedelta(hours=2))
    tenants = [
        service.world.add_tenant(f"t{number}.example", tenant_id=f"7b1f6a3{number}-52c4-4d0e-9c1a-2f8e61d0a9b4")
        for number in numbers
    ]
    for tenant in tenants:
        await service.look_after(tenant)
        summary = Summary(states=dict.fromkeys(in_lane("fast"), unread))
        await service.clients.storage.index.see({tenant.tenant_id: summary})
    return tenants


async def test_of_those_that_still_cannot_be_read_nothing_is_over_when_one_more_makes_them_many(service):
    tenants = await unreadable(service, range(FEW))
    await watched(service.clients)
    tenants += await unreadable(service, [FEW])
    await watched(service.clients)
    assert "unreachable-many" in await lasting(service)
    said = [[each.event for each in await service.ledger(each, "unreadable")] for each in tenants]
    assert said == [["incident"]] * FEW + [[]]


async def test_a_tenant_that_is_switched_off_unread_is_not_said_to_be_read_again(service):
    [tenant] = await unreadable(service, [1])
    await watched(service.clients)
    await service.look_after(tenant, enabled=False)
    await watched(service.clients)
    assert await lasting(service) == {}
    *_, ended = await service.ledger(tenant, "unreadable")
    assert (ended.event, ended.detail) == ("incident_ended", "it is not watched any more")


async def test_a_zone_that_cannot_be_read_for_an_hour_is_told_of_until_it_can_and_the_others_are_judged(service):
    tenant = service.world.add_tenant("contoso.example", state="healthy")
    await service.look_after(tenant)
    await service.check(tenant)
    service.world.dns.fail("contoso.example", "servfail")
    for _ in range(5):
        service.clock.advance(minutes=15)
        await service.check(tenant, lane="slow")
        await watched(service.clients)
    [(incident, detail)] = (await lasting(service)).items()
    assert incident == f"zones-{tenant.tenant_id[:23]}"
    assert "spf" in detail
    service.world.dns.heal("contoso.example")
    service.clock.advance(minutes=15)
    await service.check(tenant, lane="slow")
    await watched(service.clients)
    assert await lasting(service) == {}


async def test_a_zone_is_not_said_to_be_readable_while_exchange_keeps_anyone_from_reading_it(service):
    tenant = service.world.add_tenant("contoso.example", state="healthy")
    await service.look_after(tenant)
    service.world.dns.fail("contoso.example", "servfail")
    await service.check(tenant)
    service.clock.advance(minutes=61)
    await service.check(tenant)
    await watched(service.clients)
    tenant.faults.script(Fault("truncated", times=100_000))
    await service.check(tenant)
    await watched(service.clients)
    assert list(await lasting(service)) == [f"zones-{tenant.tenant_id[:23]}"]


async def with_unread_zones(service, numbers):
    """Tenants whose DNS no look could read for two hours; all else is well."""
    unread = NotCompliant("unknown", service.clock() - timedelta(hours=2))
    for number in numbers:
        tenant_id = f"7b1f6a3{number}-52c4-4d0e-9c1a-2f8e61d0a9b4"
        await service.look_after(service.world.add_tenant(f"t{number}.example", tenant_id=tenant_id))
        await service.clients.storage.index.see({tenant_id: Summary({"spf": unread}, catalogue=CATALOGUE_DIGEST)})


async def test_of_zones_that_still_cannot_be_read_nothing_is_over_when_one_more_makes_them_many(service):
    await with_unread_zones(service, range(FEW))
    await watched(service.clients)
    await with_unread_zones(service, [FEW])
    await watched(service.clients)
    assert sorted(await lasting(service)) == sorted(
        ["zones-many", *(f"zones-7b1f6a3{number}-52c4-4d0e-9c1a" for number in range(FEW))]
    )


@pytest.mark.parametrize("tenants", [1, FEW + 1])
async def test_nothing_is_over_because_the_index_of_the_fleet_was_made_anew(service, tenants, azurite_connection):
    await unreadable(service, range(tenants))
    await with_unread_zones(service, [8])
    await resting(service, [9], THROTTLED_LONG)
    await watched(service.clients)
    before = await lasting(service)
    assert {each.partition("-")[0] for each in before} == {"unreachable", "zones", "throttled"}
    async with TableClient.from_connection_string(azurite_connection, "fleet") as table:
        async for row in table.query_entities("PartitionKey eq 'index'"):
            await table.delete_entity(row)
    await tick(service.clients)
    await watched(service.clients)
    assert await lasting(service) == before


async def resting(service, numbers, times, *, silent=False):
    """Tenants of which the last visit knew that they were turned away *times* in a row."""
    now = service.clock()
    rest = Rest(until=now + timedelta(hours=1), times=times, silent=silent)
    for number in numbers:
        tenant_id = f"7b1f6a3{number}-52c4-4d0e-9c1a-2f8e61d0a9b4"
        tenant = service.world.add_tenant(f"t{number}.example", tenant_id=tenant_id)
        await service.look_after(tenant)
        await visited(service, tenant_id, rest)


async def visited(service, tenant_id, rest):
    """A visit has looked in both lanes, and knows of *rest* at Exchange."""
    looked = dict.fromkeys(LANES, service.clock())
    summary = Summary(looked=looked, rests={"exchange": rest}, catalogue=CATALOGUE_DIGEST)
    await service.clients.storage.index.see({tenant_id: summary})


async def test_of_many_tenants_at_once_one_incident_tells(service):
    await resting(service, range(FEW), THROTTLED_LONG)
    await watched(service.clients)
    assert len(await lasting(service)) == FEW
    await resting(service, [FEW], THROTTLED_LONG)
    await watched(service.clients)
    assert len(await lasting(service)) == FEW + 1
    assert "throttled-many" in await lasting(service)


async def test_a_throttled_tenant_is_not_let_in_before_a_look_after_its_rest_says_so(service):
    await resting(service, [1], THROTTLED_LONG)
    await watched(service.clients)
    service.clock.advance(minutes=61)
    await watched(service.clients)
    assert len(await lasting(service)) == 1
    [tenant_id] = await service.clients.storage.index.all()
    await visited(service, tenant_id, Rest(until=service.clock() + timedelta(minutes=36), times=THROTTLED_LONG + 1))
    await watched(service.clients)
    assert await entries(service) == ["incident"]
    service.clock.advance(minutes=40)
    await visited(service, tenant_id, Rest(until=service.clock() - timedelta(minutes=4), times=THROTTLED_LONG + 1))
    await watched(service.clients)
    assert await lasting(service) == {}


async def test_what_is_told_of_a_service_that_gives_no_answer_is_not_that_it_turns_away(service):
    await resting(service, [1], THROTTLED_LONG, silent=True)
    await watched(service.clients)
    [told] = (await lasting(service)).values()
    assert "gets no answer" in told
    assert "at exchange (no answer)" in told


async def test_a_short_rest_is_nobodys_business(service):
    await resting(service, [1], THROTTLED_LONG - 1)
    await watched(service.clients)
    assert await lasting(service) == {}
