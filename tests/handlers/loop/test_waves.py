"""A new range goes through a fleet: canary, 5 %, 25 %, all, each proven first. The ticks play it on the test clock."""

from dataclasses import replace

import pytest

from clients.storage.tenants import TenantTable
from domain.errors import UnreadableConfig
from domain.mx_moves import MxMemories
from domain.profile import Profile
from domain.waves import STAGES
from handlers.loop import waves
from handlers.waves import WaveRequest, begin_wave, pause, resume
from tests.filters import NEW, OLD, OTHER, RANGE, SHIPPED, WIDER, deployed
from tests.handlers.web import ask

LOCK = "inbound-lockdown"


@pytest.fixture
def environment():
    return {"HOLDFAST_MAX_TENANTS_PER_HOUR": "2"}


async def fleet(service, size):
    """Tenants that were proven by the version of before, in a package that has a newer one."""
    tenants = [service.world.add_tenant(f"customer{n}.example") for n in range(size)]
    for tenant in tenants:
        await service.look_after(tenant)
    await service.sweep()
    assert {(await service.state(each, LOCK)).state for each in tenants} == {"compliant"}
    service.clock.advance(minutes=1)
    return tenants


async def begin(service, *canaries):
    ids = [each.tenant_id for each in canaries]
    return await begin_wave(WaveRequest(version=NEW, canaries=ids, reason="a new range"), "key dev", service.clients)


async def go_on(service, minutes=1):
    """What a tick does for the waves, and then what that asked for is done, and every look that comes due later."""
    service.clock.advance(minutes=minutes)
    await waves.go_on(service.clients)
    await service.work()
    await service.sweep()


async def the_wave(service):
    [wave] = await service.clients.storage.waves.all()
    return wave


async def held_to(service):
    return {row.config.tenant_id: row.profile_version async for row in service.clients.storage.tenants.rows()}


def addresses(tenant):
    [connector] = tenant.admin("Get-InboundConnector")
    return connector["SenderIPAddresses"]


async def test_a_new_range_goes_through_the_fleet_stage_by_stage_with_a_radius_of_its_own(service):
    tenants = await fleet(service, 20)
    service.clients = deployed(service.clients, WIDER)
    begun = await begin(service, tenants[0])
    moved = dict[str, set[str]]()
    for _ in range(20):
        await go_on(service)
        wave = await the_wave(service)
        now = {each for each, version in (await held_to(service)).items() if version == NEW}
        moved.setdefault(wave.stage, set()).update(now)
        assert all(STAGES.index(wave.stage_of(each)) <= STAGES.index(wave.stage) for each in now)
        if wave.is_over:
            break
    assert (wave.state, [each.proven for each in wave.progress]) == ("ended", [1, 1, 4, 14])
    assert [len(moved[stage]) for stage in STAGES] == [1, 2, 6, 20]
    assert all(set(addresses(each)) == set(WIDER.delivery_networks) for each in tenants)
    assert all(len(each.writes) == 1 for each in tenants)  # the connector, and nothing twice
    told = await service.clients.storage.ledger.page("service", limit=100)
    assert [each.event for each in reversed(told) if each.control == begun.id] == [
        "wave_begun", *["wave_stage"] * 3, "wave_ended",
    ]  # fmt: skip
    for tenant in tenants:
        [configured] = [each for each in await service.ledger(tenant) if each.event == "configured"]
        assert (configured.before, configured.after) == ({"profile_version": OLD}, {"profile_version": NEW})
        assert configured.requested_by == "key dev"


async def test_a_range_that_a_version_drops_goes_with_its_pair_and_its_mail_of_before_came_round_nothing(service):
    [tenant] = await fleet(service, 1)
    tenant.access.permissions.add("ExchangeMessageTrace.Read.All")
    tenant.mail.principal = True
    service.clock.advance(hours=7)
    await service.sweep()
    assert (await service.state(tenant, "mail-flow")).state == "compliant"
    service.clock.advance(minutes=1)
    tenant.mail.arrive("65.99.255.7", "kim@sender.example", f"lee@{tenant.domains[0]}")
    pairs = SHIPPED.model_dump()["spoof_allow"] | {"networks": [RANGE, "206.125.40.0/24"]}
    moved = Profile.model_validate(OTHER.model_dump(exclude_unset=True) | {"spoof_allow": pairs})
    service.clients = deployed(service.clients, moved)
    await begin(service, tenant)
    for _ in range(10):
        await go_on(service)
    wave = await the_wave(service)
    assert (wave.state, [each.proven for each in wave.progress]) == ("ended", [1, 0, 0, 0])
    items = tenant.admin("Get-TenantAllowBlockListSpoofItems")
    assert {each["SendingInfrastructure"] for each in items} == {RANGE, "206.125.40.0/24"}
    await go_on(service, minutes=60 * 25)
    flow = await service.state(tenant, "mail-flow")
    assert (flow.state, "1 by the filter" in flow.detail) == ("compliant", True)
    assert (await service.state(tenant, "lock-bypass")).state == "compliant"


async def test_a_canary_that_fails_pauses_the_wave_and_the_operators_are_told_once(service):
    tenants = await fleet(service, 4)
    service.clients = deployed(service.clients, OTHER)
    await service.clients.storage.states.change(
        tenants[0].tenant_id, lambda states: (states.remembering(MxMemories(domains={})), [])
    )
    service.world.dns.set("customer0.example", "MX", "0 customer0-example.mail.protection.outlook.com.")
    await begin(service, tenants[0])
    for _ in range(2):
        await go_on(service)
    assert (await the_wave(service)).state == "running"
    await go_on(service, minutes=15)
    for _ in range(2):
        await go_on(service, minutes=5)
    wave = await the_wave(service)
    assert (wave.state, wave.stage, [each.tenant_id for each in wave.failed]) == (
        "paused",
        "canaries",
        [tenants[0].tenant_id],
    )
    assert addresses(tenants[0]) == ["65.99.255.0/24"]  # what narrows still asks the MX guard
    incidents = [
        each for each in await service.clients.storage.ledger.page("service", limit=100) if each.event == "incident"
    ]
    assert [each.control for each in incidents] == [f"wave-{wave.id}"]
    assert list((await held_to(service)).values()).count(NEW) == 1

    await resume(wave.id, "looked at", "key dev", service.clients)
    for _ in range(20):
        await go_on(service)
    wave = await the_wave(service)
    assert (wave.state, wave.detail) == ("ended", "tenants passed over: 1")
    assert all(addresses(each) == [RANGE] for each in tenants[1:])


async def test_a_tick_that_dies_anywhere_and_two_at_once_move_each_tenant_once(service, monkeypatch):
    tenants = await fleet(service, 6)
    service.clients = deployed(service.clients, WIDER)
    await begin(service, tenants[0])
    real, count = TenantTable.replace, {"calls": 0}

    async def dies_every_other_time(self, *given):
        count["calls"] += 1
        if count["calls"] % 2:
            raise RuntimeError("killed")
        await real(self, *given)
        if count["calls"] % 4 == 0:
            raise RuntimeError("killed right after")

    for n in range(40):
        with monkeypatch.context() as patched:
            if n % 2:
                patched.setattr(TenantTable, "replace", dies_every_other_time)
            service.clock.advance(minutes=1)
            for _ in range(2):
                try:
                    await waves.go_on(service.clients)
                except RuntimeError:
                    continue
        await service.sweep()
        if (await the_wave(service)).is_over:
            break
    assert (await the_wave(service)).state == "ended"
    for tenant in tenants:
        entries = [each for each in await service.ledger(tenant) if each.event == "configured"]
        assert len(entries) == 1


async def test_a_paused_wave_moves_nobody(service):
    tenants = await fleet(service, 4)
    service.clients = deployed(service.clients, WIDER)
    wave = await begin(service, tenants[0])
    await pause(wave.id, "a question", "key dev", service.clients)
    for _ in range(3):
        await go_on(service)
    assert set((await held_to(service)).values()) == {OLD}


async def test_while_a_wave_is_paused_the_blast_radius_holds_the_tenants_that_it_moved(service):
    tenants = await fleet(service, 6)
    service.clients = deployed(service.clients, WIDER)
    await begin(service, tenants[0])
    wave, etag = await service.clients.storage.waves.find("exchangedefender")
    proven = replace(wave, stage="all")
    await service.clients.storage.waves.change(proven, etag)
    await waves.go_on(service.clients)
    assert set((await held_to(service)).values()) == {NEW}

    await pause(wave.id, "a question", "key dev", service.clients)
    await service.work()
    states = [await service.state(each, LOCK) for each in tenants]
    assert sorted(each.state for each in states) == ["compliant"] * 2 + ["held"] * 4
    assert all("radius" in each.detail for each in states if each.state == "held")

    await resume(wave.id, "answered", "key dev", service.clients)
    await service.sweep()
    assert {(await service.state(each, LOCK)).state for each in tenants} == {"compliant"}


async def test_a_tenant_whose_config_makes_no_sense_fails_its_wave_alone_until_a_person_replaces_it(service, spoil):
    tenants = await fleet(service, 3)
    service.clients = deployed(service.clients, WIDER)
    await begin(service, tenants[0])
    await waves.go_on(service.clients)
    await spoil("tenants", tenants[0].tenant_id)
    await go_on(service)
    wave = await the_wave(service)
    assert (wave.state, "its config makes no sense" in wave.detail) == ("paused", True)
    with pytest.raises(UnreadableConfig, match="PUT"):
        await resume(wave.id, "", "key dev", service.clients)

    config = {"tenant_id": tenants[0].tenant_id, "name": "Again", "initial_domain": tenants[0].initial_domain}
    assert (await ask(service, "PUT", f"tenants/{tenants[0].tenant_id}", config)).status_code == 200
    assert (await held_to(service))[tenants[0].tenant_id] == NEW
    await resume(wave.id, "", "key dev", service.clients)
    for _ in range(2):
        await go_on(service, minutes=30)  # what was read of DNS is kept meanwhile
    assert (await the_wave(service)).progress[0].proven == 1


async def test_a_tenant_that_a_later_version_writes_is_moving(service, spoil):
    tenants = await fleet(service, 2)
    service.clients = deployed(service.clients, WIDER)
    await begin(service, tenants[0])
    await waves.go_on(service.clients)
    await spoil("tenants", tenants[0].tenant_id, newer=True)
    await go_on(service)
    assert ((await the_wave(service)).state, (await the_wave(service)).progress[0].moved) == ("running", 1)


async def test_neither_a_wave_nor_a_tenant_that_makes_no_sense_keeps_a_wave_from_being_begun(service, spoil):
    tenants = await fleet(service, 3)
    service.clients = deployed(service.clients, WIDER)
    former = await begin(service, tenants[0])
    await waves.go_on(service.clients)
    await spoil("waves", "exchangedefender")
    await go_on(service)
    assert (await service.state(tenants[0], LOCK)).state == "compliant"  # put back within the fleet's radius
    assert set(addresses(tenants[0])) == set(WIDER.delivery_networks)
    await spoil("tenants", tenants[1].tenant_id)
    begun = await begin(service, tenants[2])
    assert begun.id != former.id
    assert [each.id for each in await service.clients.storage.waves.all()] == [begun.id]
