"""Who changed what: asked for at once, named an hour later, and never mistaken for us."""

import json

import pytest

from handlers import findings
from simulator.faults import Fault
from simulator.feed import GENERAL
from tests.handlers.security.watched import ADMIN, LOCK, OFF, asked, named, read, watched


async def test_a_drift_gets_the_name_of_who_made_it_an_hour_after_it_was_put_back(service):
    tenant = await watched(service)
    service.clock.advance(minutes=2)
    tenant.admin("Set-InboundConnector", **OFF)
    service.clock.advance(minutes=3)
    await service.sweep()
    assert (await service.state(tenant, LOCK)).state == "compliant"
    service.clock.advance(minutes=70)
    await read(service, tenant)
    state = await service.state(tenant, LOCK)
    assert (state.actor.who, state.actor.address, state.actor.operation) == (
        ADMIN,
        "203.0.113.9",
        "Set-InboundConnector",
    )
    [entry] = [e for e in await service.ledger(tenant, LOCK) if e.event == "actor_named"]
    [drift] = [e for e in await service.ledger(tenant, LOCK) if e.event == "drift_found"]
    assert (entry.actor, entry.of) == (ADMIN, drift.id)
    assert "eve@contoso.example from 203.0.113.9 at 2026-11-23 13:02" in entry.detail


async def test_a_record_that_comes_before_the_sweep_asks_for_a_look_at_once_and_names_who_did_it(service):
    tenant = await watched(service, audit_minutes=1)
    tenant.admin("Set-InboundConnector", **OFF)
    service.clock.advance(minutes=2)
    await read(service, tenant)
    concerned = ["inbound-lockdown", "lock-bypass", "mail-flow", "service-connectors"]
    assert await asked(service) == [concerned]
    assert await named(service, tenant) == []
    await service.check(tenant, controls=(LOCK,))
    await read(service, tenant)
    assert await named(service, tenant) == [(LOCK, ADMIN)]


async def test_who_has_opened_a_way_round_the_filter_is_named(service):
    tenant = await watched(service, audit_minutes=1)
    tenant.admin("New-InboundConnector", Name="Backup", SenderDomains=["*"], SenderIPAddresses=["198.51.100.66"])
    service.clock.advance(minutes=2)
    await read(service, tenant)
    await service.work()
    await read(service, tenant)
    assert ("lock-bypass", ADMIN) in await named(service, tenant)
    state = await service.state(tenant, "lock-bypass")
    assert (state.state, state.actor and state.actor.who) == ("needs_person", ADMIN)


async def test_each_way_round_names_who_made_it_and_not_who_made_another(service):
    tenant = await watched(service, audit_minutes=1)
    tenant.admin("New-InboundConnector", Name="Backup", SenderDomains=["*"], SenderIPAddresses=["198.51.100.66"])
    service.clock.advance(minutes=2)
    await service.sweep()
    tenant.feed.by = "mallory@contoso.example"
    tenant.faults.script(Fault("server_error", cmdlet="Get-RemoteDomain", times=99))  # so that the control is unknown
    tenant.admin("New-InboundConnector", Name="Second", SenderDomains=["*"], SenderIPAddresses=["198.51.100.67"])
    service.clock.advance(minutes=15)
    await service.sweep()
    service.clock.advance(minutes=2)
    await read(service, tenant)
    there = await findings.findings_of(tenant.tenant_id, service.clients)
    assert {each.name: each.actor.partition(" ")[0] for each in there} == {
        "connector Backup": ADMIN,
        "connector Second": "mallory@contoso.example",
    }
    assert {("lock-bypass", ADMIN), ("lock-bypass", "mallory@contoso.example")} <= {*await named(service, tenant)}
    before = await named(service, tenant)
    await read(service, tenant)
    assert await named(service, tenant) == before


async def test_our_own_writes_are_nobody_elses(service):
    tenant = await watched(service)
    tenant.admin("Set-InboundConnector", **OFF)
    await service.sweep()
    await service.messages("checks")
    service.clock.advance(minutes=70)
    await read(service, tenant)
    assert len(tenant.feed.blobs) == 2
    assert [actor for _, actor in await named(service, tenant)] == [ADMIN]
    assert len(await service.clients.storage.audit.open(tenant.tenant_id)) == 0


@pytest.mark.parametrize("user", ["00000000-1111-4222-8333-444444444444", "Not Available", "", "Another Tool"])
async def test_what_is_not_known_to_be_ours_is_looked_at(service, user):
    tenant = await watched(service)
    record = tenant.feed.record("Remove-TransportRule", {"Identity": "x"}, UserId=user, UserKey=user, AppId="")
    tenant.feed.add(record)
    service.clock.advance(minutes=1)
    await read(service, tenant)
    assert await asked(service) == [["lock-bypass", "oof-rule"]]


async def test_records_twice_in_one_parcel_and_in_two_count_once(service):
    tenant = await watched(service)
    record = tenant.feed.record("Set-TransportRule", {"Identity": "x"})
    for _ in range(2):
        tenant.feed.add(record, record)
        service.clock.advance(minutes=1)
        await read(service, tenant)
    assert await asked(service) == [["lock-bypass", "oof-rule"]]


async def test_a_change_of_another_object_explains_nothing(service):
    tenant = await watched(service)
    tenant.admin(
        "New-InboundConnector",
        Name="Scanner",
        ConnectorType="OnPremises",
        SenderDomains=["*"],
        SenderIPAddresses=["192.0.2.4"],
    )
    tenant.admin("Set-InboundConnector", **OFF)
    service.clock.advance(minutes=3)
    await service.sweep()
    service.clock.advance(minutes=70)
    await read(service, tenant)
    operations = [e.detail for e in await service.ledger(tenant, LOCK) if e.event == "actor_named"]
    assert len(operations) == 1
    assert "Set-InboundConnector" in operations[0]


async def test_a_new_drift_is_not_the_last_ones_actors(service):
    tenant = await watched(service)
    tenant.admin("Set-InboundConnector", **OFF)
    service.clock.advance(minutes=3)
    await service.sweep()
    service.clock.advance(minutes=70)
    await read(service, tenant)
    await service.sweep()
    service.clock.advance(minutes=5)
    tenant.feed.by = "mallory@contoso.example"
    tenant.admin("Set-InboundConnector", **OFF)
    service.clock.advance(minutes=3)
    await service.sweep()
    assert (await service.state(tenant, LOCK)).actor is None
    service.clock.advance(minutes=70)
    await read(service, tenant)
    assert (await service.state(tenant, LOCK)).actor.who == "mallory@contoso.example"


async def test_the_breaker_names_the_other_tool(service):
    tenant = await watched(service, audit_minutes=0.5)
    tenant.feed.by = "00000000-1111-4222-8333-444444444444"
    for _ in range(4):
        tenant.admin("Set-InboundConnector", **OFF)
        service.clock.advance(minutes=3)
        await service.sweep()
        await read(service, tenant)
        await service.work()
    state = await service.state(tenant, LOCK)
    assert state.state == "held"
    assert "24 hours: application 00000000-1111-4222-8333-444444444444 undoes it" in state.detail


async def test_a_change_of_an_alert_policy_comes_by_the_general_feed_with_its_parameters_as_text(service):
    tenant = await watched(service)
    name = "Phish delivered due to an ETR override"
    tenant.admin("Set-ProtectionAlert", Identity=name, Disabled=False)
    service.clock.advance(minutes=2)
    await service.sweep()
    service.clock.advance(minutes=70)
    await read(service, tenant)
    assert isinstance(next(b for b in tenant.feed.blobs if b.content_type == GENERAL).records[0]["Parameters"], str)
    assert await named(service, tenant) == [("alert-policies", ADMIN)]


@pytest.mark.parametrize(
    ("spoil", "state", "word"),
    [
        (lambda t: t.access.permissions.discard("ActivityFeed.Read"), "unknown", "ActivityFeed.Read"),
        (lambda t: setattr(t.switches, "audit_licensed", False), "not_applicable", "AF20012"),
        (lambda t: t.feed.refusals.extend([(400, "AF20011")] * 6), "unknown", "UnifiedAuditLogIngestionEnabled"),
    ],
    ids=["no consent", "no licence", "auditing off"],
)
async def test_a_feed_that_cannot_be_read_says_what_to_grant_once(service, spoil, state, word):
    tenant = await watched(service)
    spoil(tenant)
    tenant.expire_tokens()
    for _ in range(3):
        await read(service, tenant)
    shown = await service.state(tenant, "audit-feed")
    assert (shown.state, word in shown.detail) == (state, True)
    assert len(await service.ledger(tenant, "audit-feed")) == 1


@pytest.mark.parametrize(
    "odd",
    [
        "text",
        {"Operation": 7},
        {"Id": None},
        {"CreationTime": None},
        {"CreationTime": 12},
        {"UserId": ["a"]},
        {"Parameters": 7},
        {"ObjectId": "x" * 200_000},
        {"AppAccessContext": "x"},
    ],
    ids=lambda odd: str(odd)[:40],
)
async def test_an_odd_record_is_kept_as_it_came_and_the_others_are_read(service, odd):
    tenant = await watched(service)
    good = tenant.feed.record("Set-TransportRule", {"Identity": "x"})
    bad = odd if isinstance(odd, str) else tenant.feed.record("Set-InboundConnector", {"Identity": "y"}, **odd)
    tenant.feed.add(bad, good, bad)
    service.clock.advance(minutes=1)
    await read(service, tenant)
    [(content, reason)] = await service.clients.storage.parked.all("audit")
    assert json.loads(content) == bad
    assert reason.startswith("an odd audit record: record")
    assert await asked(service) == [["lock-bypass", "oof-rule"]]


@pytest.mark.parametrize("newer", [False, True])
async def test_one_record_that_cannot_be_read_keeps_nobody_elses_name_from_being_found(service, spoil, newer):
    tenant = await watched(service, audit_minutes=1)
    service.clock.advance(minutes=2)
    odd = tenant.feed.record("Set-TransportRule", {"Identity": "x"})
    tenant.feed.add(odd)
    service.clock.advance(minutes=1)
    await read(service, tenant)
    await spoil("audit", odd["Id"], newer=newer)
    tenant.admin("Set-InboundConnector", **OFF)
    service.clock.advance(minutes=3)
    await service.sweep()
    await read(service, tenant)
    assert await named(service, tenant) == [(LOCK, ADMIN)]
    assert (await service.state(tenant, "audit-feed")).state == "compliant"


async def test_how_far_the_feed_is_read_is_found_anew_where_it_makes_no_sense(service, spoil):
    tenant = await watched(service, audit_minutes=1)
    tenant.admin("Set-InboundConnector", **OFF)
    service.clock.advance(minutes=3)
    await service.sweep()
    await read(service, tenant)
    await spoil("states", f"{tenant.tenant_id} audit")
    service.clock.advance(minutes=5)
    await read(service, tenant)
    assert await named(service, tenant) == [(LOCK, ADMIN)]
    assert (await service.state(tenant, "audit-feed")).state == "compliant"
