"""What was there at first sight stays until a person has declared or removed it."""

import json
from datetime import timedelta

import pytest

from domain.findings import FIRST_SIGHT_AFTER
from handlers.delivery import deliver
from simulator.faults import Fault
from tests.filters import locked_by_a_former_filter
from tests.handlers.web import ask, of

LOCK, COPIER, SECOND = "inbound-lockdown", "203.0.113.7/32", "206.125.40.0/24"
OURS = "65.99.255.0/24"


def addresses(tenant):
    return tenant.admin("Get-InboundConnector")[0]["SenderIPAddresses"]


async def found(service, tenant):
    answer = await ask(service, "GET", f"tenants/{tenant.tenant_id}/findings")
    assert answer.status_code == 200
    return of(answer)


async def answer_to(service, tenant, finding, verb, **body):
    return await ask(service, "POST", f"tenants/{tenant.tenant_id}/findings/{finding}/{verb}", body)


async def end_of(service, answer):
    assert answer.status_code == 202
    await service.work()
    return of(await ask(service, "GET", f"operations/{of(answer)['id']}"))


async def declared(service, tenant, finding, **changed):
    until = service.clock() + timedelta(days=90)
    body = {"reason": "the copier", "owner": "ann@msp.example", "until": until.isoformat()} | changed
    return await answer_to(service, tenant, finding, "declare", **body)


@pytest.fixture
async def tenant(service):
    """A tenant whose connector takes a copier's mail besides, and is switched off."""
    tenant = service.world.add_tenant("contoso.example")
    tenant.admin(
        "Set-InboundConnector",
        Identity="ExchangeDefender",
        SenderIPAddresses=[OURS, COPIER],
        Enabled=False,
    )
    await service.look_after(tenant)
    return tenant


async def test_an_address_of_first_sight_stays_and_what_is_off_beside_it_is_switched_on(service, tenant):
    await service.sweep()
    assert sorted(addresses(tenant)) == sorted([OURS, COPIER])
    assert tenant.admin("Get-InboundConnector")[0]["Enabled"] is True
    state = await service.state(tenant, LOCK)
    assert state.state == "needs_person"
    assert COPIER in state.detail
    [finding] = await found(service, tenant)
    assert (finding["kind"], finding["control"], finding["value"]) == ("address", LOCK, COPIER)
    assert (finding["state"], finding["first_sight"], finding["declaration"]) == ("open", True, None)
    assert not of(await ask(service, "GET", f"tenants/{tenant.tenant_id}/state"))["inventoried"]


async def test_the_guides_own_second_range_stays_and_the_missing_one_is_added(service):
    tenant = service.world.add_tenant("contoso.example")
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", SenderIPAddresses=[SECOND])
    await service.look_after(tenant)
    await service.sweep()
    assert sorted(addresses(tenant)) == sorted([OURS, SECOND])
    assert (await service.state(tenant, LOCK)).state == "needs_person"


async def test_what_is_declared_is_part_of_the_config_and_the_control_is_compliant(service, tenant):
    await service.sweep()
    [finding] = await found(service, tenant)
    answer = await declared(service, tenant, finding["id"])
    assert answer.status_code == 200
    await service.work()
    assert (await service.state(tenant, LOCK)).state == "compliant"
    [kept] = of(await ask(service, "GET", f"tenants/{tenant.tenant_id}"))["declared"]
    assert (kept["finding"], kept["owner"], kept["value"]) == (finding["id"], "ann@msp.example", COPIER)
    [finding] = await found(service, tenant)
    assert finding["state"] == "declared"
    assert of(await ask(service, "GET", f"tenants/{tenant.tenant_id}/state"))["inventoried"]
    [entry] = [each for each in await service.ledger(tenant, LOCK) if each.event == "declared"]
    assert (entry.actor, entry.reason, entry.finding) == ("key dev", "the copier", finding["id"])
    service.clock.advance(days=1)
    await service.sweep()
    assert sorted(addresses(tenant)) == sorted([OURS, COPIER])


async def test_a_declaration_ends_and_the_address_is_a_finding_again_and_stays(service, tenant):
    await service.sweep()
    [finding] = await found(service, tenant)
    await declared(service, tenant, finding["id"], until=(service.clock() + timedelta(hours=1)).isoformat())
    await service.work()
    service.clock.advance(hours=2)
    await service.sweep()
    assert (await service.state(tenant, LOCK)).state == "needs_person"
    assert sorted(addresses(tenant)) == sorted([OURS, COPIER])


async def test_one_more_address_beside_a_proven_state_is_drift_and_is_taken_out(service, tenant):
    await service.sweep()
    [finding] = await found(service, tenant)
    await declared(service, tenant, finding["id"])
    await service.work()
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", SenderIPAddresses=[OURS, COPIER, "198.51.100.9"])
    service.clock.advance(minutes=5)
    await service.sweep()
    assert sorted(addresses(tenant)) == sorted([OURS, COPIER])
    assert (await service.state(tenant, LOCK)).state == "compliant"


def connector(tenant, name, *addresses):
    sender = {"ConnectorType": "Partner", "SenderDomains": ["*"], "SenderIPAddresses": list(addresses)}
    tenant.admin("New-InboundConnector", Name=name, **sender)


def takes(tenant, name):
    return next(sorted(r["SenderIPAddresses"]) for r in tenant.admin("Get-InboundConnector") if r["Name"] == name)


SCANNER = {"name": "Scanner", "sender_ips": ["198.51.100.5"]}
PRINTER = {"name": "Printer", "sender_ips": ["198.51.100.7"]}
BOTH = ["198.51.100.7/32", "198.51.100.8/32"]


@pytest.fixture
async def printing(service):
    """A tenant whose declared connector is proven, and that has had another one for years."""
    tenant = service.world.add_tenant("contoso.example")
    connector(tenant, "Scanner", "198.51.100.5")
    connector(tenant, "Printer", *BOTH)
    await service.look_after(tenant, service_connectors=[SCANNER])
    await service.sweep()
    assert (await service.state(tenant, "service-connectors")).state == "compliant"
    return tenant


async def test_a_service_that_is_declared_later_has_a_first_sight_of_its_own(service, printing):
    await service.look_after(printing, service_connectors=[SCANNER, PRINTER])
    tenant = printing
    tenant.admin("Set-InboundConnector", Identity="Scanner", SenderIPAddresses=["198.51.100.5", "198.51.100.6"])
    service.clock.advance(minutes=5)
    await service.sweep()
    assert takes(tenant, "Printer") == BOTH
    assert takes(tenant, "Scanner") == ["198.51.100.5/32"], "it was proven as it is declared"
    state = await service.state(tenant, "service-connectors")
    assert state.state == "needs_person"
    assert BOTH[1] in state.detail
    [finding] = [each for each in await found(service, tenant) if each["control"] == "service-connectors"]
    assert (finding["kind"], finding["value"], finding["first_sight"]) == ("address", BOTH[1], True)
    await declared(service, tenant, finding["id"])
    await service.work()
    assert (await service.state(tenant, "service-connectors")).state == "compliant"
    tenant.admin("Set-InboundConnector", Identity="Printer", SenderIPAddresses=[*BOTH, "198.51.100.9"])
    service.clock.advance(minutes=5)
    await service.sweep()
    assert takes(tenant, "Printer") == BOTH


async def test_and_so_has_one_whose_declaration_is_narrowed(service, printing):
    tenant, wide = printing, PRINTER | {"sender_ips": BOTH}
    await service.look_after(tenant, service_connectors=[SCANNER, wide])
    service.clock.advance(minutes=5)
    await service.sweep()
    assert (await service.state(tenant, "service-connectors")).state == "compliant"
    await service.look_after(tenant, service_connectors=[SCANNER, PRINTER])
    service.clock.advance(minutes=5)
    await service.sweep()
    assert takes(tenant, "Printer") == BOTH
    assert (await service.state(tenant, "service-connectors")).state == "needs_person"


async def test_what_came_up_while_a_service_was_not_declared_stays_when_it_is_again(service, printing):
    tenant = printing
    await service.look_after(tenant, service_connectors=[])
    service.clock.advance(minutes=5)
    await service.sweep()
    tenant.admin("Set-InboundConnector", Identity="Scanner", SenderIPAddresses=["198.51.100.5", "198.51.100.6"])
    await service.look_after(tenant, service_connectors=[SCANNER])
    service.clock.advance(minutes=5)
    await service.sweep()
    assert takes(tenant, "Scanner") == ["198.51.100.5", "198.51.100.6"], "nothing was written"


async def test_a_tenant_that_goes_over_to_other_ranges_is_seen_for_the_first_time_by_them(service):
    tenant = service.world.add_tenant("contoso.example")
    await service.look_after(tenant)
    await service.sweep()
    assert (await service.state(tenant, LOCK)).state == "compliant"
    narrower = {"delivery_networks": ["65.99.255.0/25"]}
    await service.look_after(tenant, overrides=narrower)
    service.clock.advance(minutes=5)
    await service.sweep()
    assert takes(tenant, "ExchangeDefender") == [OURS, "65.99.255.0/25"]
    assert (await service.state(tenant, LOCK)).state == "needs_person"


async def test_after_seven_days_without_a_good_read_all_is_first_sight_again(service):
    tenant = service.world.add_tenant("contoso.example")
    await service.look_after(tenant)
    await service.sweep()
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", SenderIPAddresses=[OURS, COPIER])
    service.clock.advance(days=FIRST_SIGHT_AFTER.days)
    await service.sweep()
    assert sorted(addresses(tenant)) == sorted([OURS, COPIER])
    assert (await service.state(tenant, LOCK)).state == "needs_person"


async def test_removing_shows_its_steps_takes_the_one_entry_and_undo_puts_it_back(service, tenant):
    await service.sweep()
    [finding] = await found(service, tenant)
    shown = await end_of(service, await answer_to(service, tenant, finding["id"], "remove", dry_run=True))
    [control] = [each for each in shown["controls"] if each["id"] == LOCK]
    assert [step["powershell"] for step in control["steps"]] == [
        f"Set-InboundConnector -Identity 'ExchangeDefender' -SenderIPAddresses @('{OURS}')"
    ]
    assert COPIER in addresses(tenant)
    ended = await end_of(service, await answer_to(service, tenant, finding["id"], "remove", reason="nobody knows it"))
    assert (ended["kind"], ended["state"]) == ("remove", "succeeded")
    assert addresses(tenant) == [OURS]
    assert await found(service, tenant) == []
    entry = next(e for e in await service.ledger(tenant, LOCK) if e.event == "corrected" and e.finding)
    assert (entry.actor, entry.reason) == ("key dev", "nobody knows it")
    undo = await ask(service, "POST", f"tenants/{tenant.tenant_id}/controls/{LOCK}/undo", {"entry": entry.id})
    assert (await end_of(service, undo))["state"] == "succeeded"
    assert sorted(addresses(tenant)) == sorted([OURS, COPIER])
    await service.sweep()
    [again] = await found(service, tenant)
    assert again["id"] == finding["id"]


@pytest.fixture
async def scoped(service):
    """A tenant whose lock somebody has scoped to another of its domains."""
    tenant = service.world.add_tenant("contoso.example")
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", AssociatedAcceptedDomains=["other.example"])
    await service.look_after(tenant)
    await service.sweep()
    return tenant


def scope(tenant):
    return tenant.admin("Get-InboundConnector")[0]["AssociatedAcceptedDomains"]


@pytest.fixture
async def removed(service):
    """A tenant of whose connector two foreign addresses were removed, one after the other, and the first entry."""
    tenant = service.world.add_tenant("contoso.example")
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", SenderIPAddresses=[OURS, *BOTH])
    await service.look_after(tenant)
    await service.sweep()
    known = {each["value"]: each["id"] for each in await found(service, tenant)}
    for address in BOTH:
        await end_of(service, await answer_to(service, tenant, known[address], "remove", reason="no"))
    assert takes(tenant, "ExchangeDefender") == [OURS]
    first, _ = [each for each in await service.ledger(tenant, LOCK) if each.event == "corrected"]
    return tenant, first, known


async def undone(service, tenant, entry):
    path = f"tenants/{tenant.tenant_id}/controls/{LOCK}/undo"
    return await end_of(service, await ask(service, "POST", path, {"entry": entry.id, "reason": "it was needed"}))


async def test_an_undo_lets_in_no_other_address_that_was_removed(service, removed):
    tenant, entry, _ = removed
    assert (await undone(service, tenant, entry))["state"] == "succeeded"
    assert takes(tenant, "ExchangeDefender") == [BOTH[0], OURS]
    [said] = [each for each in await service.ledger(tenant, LOCK) if each.event == "undone"]
    assert set(said.after["SenderIPAddresses"]) == {BOTH[0], OURS}


async def test_and_takes_none_out_that_was_declared_since(service, removed):
    tenant, entry, known = removed
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", SenderIPAddresses=[OURS, BOTH[1]])
    service.clock.advance(minutes=15)
    await service.sweep()
    await declared(service, tenant, known[BOTH[1]])
    await service.work()
    assert (await undone(service, tenant, entry))["state"] == "succeeded"
    assert takes(tenant, "ExchangeDefender") == sorted([OURS, *BOTH])


async def test_a_scope_of_the_lock_that_others_set_can_be_declared(service, scoped):
    assert (await service.state(scoped, LOCK)).state == "needs_person"
    assert scope(scoped) == ["other.example"]
    [finding] = await found(service, scoped)
    assert finding["value"] == "AssociatedAcceptedDomains leaves open: contoso.example"
    assert (await declared(service, scoped, finding["id"])).status_code == 200
    await service.work()
    assert (await service.state(scoped, LOCK)).state == "compliant"
    assert scope(scoped) == ["other.example"]


async def test_or_removed_which_takes_it_off_whole_and_undo_puts_it_back(service, scoped):
    [finding] = await found(service, scoped)
    shown = await end_of(service, await answer_to(service, scoped, finding["id"], "remove", dry_run=True))
    [control] = [each for each in shown["controls"] if each["id"] == LOCK]
    assert [step["powershell"] for step in control["steps"]] == [
        "Set-InboundConnector -Identity 'ExchangeDefender' -AssociatedAcceptedDomains @()"
    ]
    ended = await end_of(service, await answer_to(service, scoped, finding["id"], "remove", reason="by mistake"))
    assert ended["state"] == "succeeded"
    assert scope(scoped) == []
    assert (await service.state(scoped, LOCK)).state == "compliant"
    entry = next(e for e in await service.ledger(scoped, LOCK) if e.event == "corrected" and e.finding)
    undo = await ask(service, "POST", f"tenants/{scoped.tenant_id}/controls/{LOCK}/undo", {"entry": entry.id})
    assert (await end_of(service, undo))["state"] == "succeeded"
    assert scope(scoped) == ["other.example"]


@pytest.fixture
async def opened_in_part(service):
    """A tenant whose lock was proven before somebody scoped it to another of its domains."""
    tenant = service.world.add_tenant("contoso.example")
    await service.look_after(tenant)
    await service.sweep()
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", AssociatedAcceptedDomains=["other.example"])
    service.clock.advance(minutes=15)
    return tenant


async def test_a_scope_that_came_up_beside_a_proven_lock_is_taken_off_again(service, opened_in_part):
    await service.sweep()
    assert scope(opened_in_part) == []
    assert (await service.state(opened_in_part, LOCK)).state == "compliant"
    [told] = await found(service, opened_in_part)
    assert (told["kind"], told["name"]) == ("bypass", "scope of connector ExchangeDefender")
    service.clock.advance(minutes=15)
    await service.sweep()
    assert await found(service, opened_in_part) == []


async def test_but_not_while_an_mx_is_elsewhere(service, opened_in_part):
    service.world.dns.set("contoso.example", "MX", "0 contoso-example.mail.protection.outlook.com.")
    await service.sweep()
    assert scope(opened_in_part) == ["other.example"]
    state = await service.state(opened_in_part, LOCK)
    assert state.state == "held"
    assert "move the MX first" in state.detail


async def test_a_scope_is_not_taken_off_while_an_mx_is_elsewhere(service, scoped):
    [finding] = await found(service, scoped)
    service.world.dns.set("contoso.example", "MX", "10 mx.hoster.example.")
    await answer_to(service, scoped, finding["id"], "remove", reason="by mistake")
    await service.work()
    assert scope(scoped) == ["other.example"]


async def test_a_removal_that_is_done_has_succeeded_whatever_else_is_off_there(service, tenant):
    await service.sweep()
    [finding] = await found(service, tenant)
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    ended = await end_of(service, await answer_to(service, tenant, finding["id"], "remove", reason="nobody knows it"))
    assert (ended["kind"], ended["state"]) == ("remove", "succeeded")
    assert (await service.state(tenant, "inbound-lockdown")).state != "compliant"


async def test_removing_takes_nothing_else_where_the_tenant_is_only_observed(service, tenant):
    await service.look_after(tenant, mode="observe")
    await service.sweep()
    assert (await service.state(tenant, LOCK)).state == "needs_person"
    [finding] = await found(service, tenant)
    await end_of(service, await answer_to(service, tenant, finding["id"], "remove"))
    assert addresses(tenant) == [OURS]
    assert tenant.admin("Get-InboundConnector")[0]["Enabled"] is False


async def test_a_removal_that_the_gate_holds_leaves_the_finding_open(service, tenant):
    now = service.clock()
    await service.sweep()
    freeze = {"start": now.isoformat(), "end": (now + timedelta(hours=1)).isoformat()}
    await service.look_after(tenant, freeze=[freeze])
    [finding] = await found(service, tenant)
    ended = await end_of(service, await answer_to(service, tenant, finding["id"], "remove"))
    assert ended["state"] == "held"
    [finding] = await found(service, tenant)
    assert finding["state"] == "open"
    service.clock.advance(hours=2)
    await service.sweep()
    assert COPIER in addresses(tenant)


async def test_what_is_not_there_cannot_be_answered(service, tenant):
    await service.sweep()
    [finding] = await found(service, tenant)
    assert (await answer_to(service, tenant, "0" * 16, "remove")).status_code == 404
    assert (await declared(service, tenant, "0" * 16)).status_code == 404
    assert (await declared(service, tenant, finding["id"], until=service.clock().isoformat())).status_code == 422


WALL, ATTACKER = "lock-bypass", "198.51.100.66"


@pytest.fixture
async def attacked(service):
    """A tenant as documented, to which somebody has added a connector for an address of theirs."""
    tenant = service.world.add_tenant("contoso.example")
    await service.look_after(tenant)
    await service.sweep()
    assert (await service.state(tenant, WALL)).state == "compliant"
    tenant.admin("New-InboundConnector", Name="Backup", SenderDomains=["*"], SenderIPAddresses=[ATTACKER])
    return tenant


@pytest.mark.parametrize("obstacle", ["", "brake", "observe", "freeze"])
async def test_a_new_way_round_is_told_at_once_whatever_stops_writes(service, attacked, obstacle):
    now = service.clock()
    if obstacle == "brake":
        await ask(service, "PUT", "brake", {"engaged": True, "reason": "a drill"})
    elif obstacle == "observe":
        await service.look_after(attacked, mode="observe")
    elif obstacle == "freeze":
        await service.look_after(attacked, freeze=[{"start": now, "end": now + timedelta(hours=9)}])
    await service.sweep()
    state = await service.state(attacked, WALL)
    assert state.state == "needs_person"
    [entry] = [each for each in await service.ledger(attacked, WALL) if each.event == "needs_person"]
    assert f"{ATTACKER}/32 (1 IPv4 address)" in entry.detail
    assert attacked.admin("Get-InboundConnector")[1]["Enabled"] is True


async def test_a_way_round_is_taken_away_by_one_step_and_undo_opens_it_again(service, attacked):
    await service.sweep()
    [finding] = await found(service, attacked)
    assert (finding["kind"], finding["name"], finding["first_sight"]) == ("bypass", "connector Backup", False)
    ended = await end_of(service, await answer_to(service, attacked, finding["id"], "remove", reason="an attack"))
    assert ended["state"] == "succeeded"
    assert attacked.admin("Get-InboundConnector")[1]["Enabled"] is False
    assert (await service.state(attacked, WALL)).state == "compliant"
    assert await found(service, attacked) == []
    entry = next(e for e in await service.ledger(attacked, WALL) if e.event == "corrected")
    assert (entry.finding, entry.before) == (finding["id"], {"connector Backup: Enabled": True})
    undo = await ask(service, "POST", f"tenants/{attacked.tenant_id}/controls/{WALL}/undo", {"entry": entry.id})
    assert (await end_of(service, undo))["state"] == "succeeded"
    assert attacked.admin("Get-InboundConnector")[1]["Enabled"] is True


async def test_a_strangers_address_is_taken_off_a_connector_that_a_certificate_declares(service):
    tenant = service.world.add_tenant("contoso.example")
    named = {"ConnectorType": "Partner", "SenderDomains": ["*"], "TlsSenderCertificateName": "scan.example"}
    tenant.admin("New-InboundConnector", Name="Scan", **named)
    await service.look_after(tenant, service_connectors=[{"name": "Scan", "certificate": "scan.example"}])
    await service.sweep()
    tenant.admin("Set-InboundConnector", Identity="Scan", SenderIPAddresses=[ATTACKER])
    service.clock.advance(minutes=15)
    await service.sweep()
    [finding] = await found(service, tenant)
    ended = await end_of(service, await answer_to(service, tenant, finding["id"], "remove", reason="an attack"))
    assert (ended["state"], await found(service, tenant)) == ("succeeded", [])
    scan = {row["Name"]: row for row in tenant.admin("Get-InboundConnector")}["Scan"]
    assert (scan["Enabled"], scan["SenderIPAddresses"], scan["TlsSenderCertificateName"]) == (True, [], "scan.example")


@pytest.fixture
async def held(service):
    """A tenant whose lock is not proven; a former filter's connector locks it, and a person has that removed."""
    tenant = await locked_by_a_former_filter(service, "contoso.example")
    [finding] = [each for each in await found(service, tenant) if each["control"] == WALL]
    ended = await end_of(service, await answer_to(service, tenant, finding["id"], "remove", reason="long gone"))
    [control] = [each for each in ended["controls"] if each["id"] == WALL]
    assert (ended["state"], "lock not proven" in control["detail"], tenant.writes) == ("held", True, [])
    return tenant


def old_filter(tenant):
    return {row["Name"]: row["Enabled"] for row in tenant.admin("Get-InboundConnector")}["Old filter"]


async def approved(service, tenant, **body):
    return await ask(service, "POST", f"tenants/{tenant.tenant_id}/controls/{WALL}/approve", body)


async def its_answer(service, tenant):
    until = (service.clock() + timedelta(days=1)).isoformat()
    [finding] = [each for each in await found(service, tenant) if each["control"] == WALL]
    assert finding["held"]["steps"][0]["powershell"] == "Set-InboundConnector -Identity 'Old filter' -Enabled $false"
    return {"plan": finding["held"]["plan"], "reason": "nobody sends by it", "owner": "Ann", "until": until}


@pytest.mark.parametrize("looks", [0, 2])
async def test_a_removal_that_opens_is_taken_once_a_person_answers_for_what_was_shown(service, held, looks):
    for _ in range(looks):
        service.clock.advance(minutes=15)
        await service.sweep()
    answer = await its_answer(service, held)
    [finding] = [each["id"] for each in await found(service, held) if each["control"] == WALL]
    waiting = of(await ask(service, "GET", "inbox?kind=lock+not+proven"))
    assert [(each["control"], each["plan"]) for each in waiting] == [(WALL, answer["plan"])]
    assert (await approved(service, held, plan=answer["plan"])).status_code == 422
    assert (await approved(service, held, **answer | {"plan": "another"})).status_code == 409
    ended = await end_of(service, await approved(service, held, **answer))
    assert (ended["kind"], ended["state"], old_filter(held)) == ("approve", "succeeded", False)
    assert [write.cmdlet for write in held.writes] == ["Set-InboundConnector"]
    assert WALL not in {each["control"] for each in await found(service, held)}
    [entry] = [each for each in await service.ledger(held, WALL) if each.event == "corrected"]
    assert (entry.finding, entry.before) == (finding, {"connector Old filter: Enabled": True})


async def test_a_removal_that_was_shown_is_not_taken_where_the_connector_has_changed_since(service, held):
    answer = await its_answer(service, held)
    held.admin("Set-InboundConnector", Identity="Old filter", SenderIPAddresses=["203.0.113.0/24"])
    await end_of(service, await approved(service, held, **answer))
    assert (old_filter(held), held.writes) == (True, [])


async def test_a_held_removal_is_forgotten_once_its_finding_is_gone(service, held):
    answer = await its_answer(service, held)
    held.admin("Set-InboundConnector", Identity="Old filter", Enabled=False)
    service.clock.advance(minutes=15)
    await service.sweep()
    assert (await approved(service, held, **answer)).status_code == 409


@pytest.fixture
async def removing(service, attacked, posted):
    """Of two ways round, one is being removed: its step was answered, and does not show yet. Gives its message."""
    attacked.admin("New-TransportRule", Name="X", SetSCL=-1)
    service.clock.advance(minutes=15)
    await service.sweep()
    ways = {each["name"]: each["id"] for each in await found(service, attacked)}
    attacked.lag(4, "InboundConnector")
    await answer_to(service, attacked, ways["connector Backup"], "remove", reason="an attack")
    await service.work()
    assert [write.cmdlet for write in attacked.writes] == ["Set-InboundConnector"]
    return ways["rule X"], [each.body for each in posted if each.queue == "remediations"][-1]


@pytest.mark.parametrize("obstacle", ["refused", "held"])
async def test_a_removal_that_was_not_taken_is_not_done_by_the_proof_of_another(service, attacked, removing, obstacle):
    rule, other = removing
    backup = json.loads(other)["remove"]
    if obstacle == "refused":
        attacked.faults.script(Fault("nul_403", cmdlet="Disable-TransportRule", times=9))
    else:
        now = service.clock()
        await service.look_after(attacked, freeze=[{"start": now, "end": now + timedelta(hours=9)}])
    ended = await end_of(service, await answer_to(service, attacked, rule, "remove", reason="an attack"))
    assert ended["state"] == ("needs_person" if obstacle == "refused" else "held")
    there = {each["id"]: each["state"] for each in await found(service, attacked)}
    assert there == {backup: "removing", rule: "open"}
    await deliver("remediations", other, service.clients)
    ended = of(await ask(service, "GET", f"operations/{json.loads(other)['operation_id']}"))
    assert (ended["state"], [each["id"] for each in await found(service, attacked)]) == ("succeeded", [rule])
    [entry] = [each for each in await service.ledger(attacked, WALL) if each.event == "corrected"]
    assert entry.finding == backup


CERTIFICATE = {"TlsSenderCertificateName": "*.oldfilter.example"}
CERTIFICATE_OFF = "-RestrictDomainsToCertificate $false -TlsSenderCertificateName $null"
ASKED = CERTIFICATE | {"RestrictDomainsToCertificate": True}


def settings(tenant, *names):
    [lock] = [row for row in tenant.admin("Get-InboundConnector") if row["Name"] == "ExchangeDefender"]
    return {name: lock[name] for name in names}


async def test_a_way_round_on_the_lock_itself_is_taken_from_it_and_the_lock_stays_closed(service):
    tenant = service.world.add_tenant("contoso.example")
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", **CERTIFICATE)
    await service.look_after(tenant)
    await service.sweep()
    [finding] = await found(service, tenant)
    assert (finding["control"], finding["kind"]) == (WALL, "bypass")
    ended = await end_of(service, await answer_to(service, tenant, finding["id"], "remove", reason="an old one"))
    assert ended["state"] == "succeeded"
    assert settings(tenant, "Enabled", *CERTIFICATE) == {"Enabled": True, "TlsSenderCertificateName": None}
    assert [write.cmdlet for write in tenant.writes] == ["Set-InboundConnector"]
    entry = next(e for e in await service.ledger(tenant, WALL) if e.event == "corrected")
    undo = await ask(service, "POST", f"tenants/{tenant.tenant_id}/controls/{WALL}/undo", {"entry": entry.id})
    assert (await end_of(service, undo))["state"] == "succeeded"
    assert settings(tenant, "Enabled", *CERTIFICATE) == {"Enabled": True} | CERTIFICATE


@pytest.fixture
async def certified(service):
    """A tenant whose lock is off, and would ask every sender for somebody else's certificate."""
    tenant = service.world.add_tenant("contoso.example")
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False, **ASKED)
    await service.look_after(tenant)
    await service.sweep()
    return tenant


async def test_a_lock_that_asks_for_a_foreign_certificate_is_not_switched_on(service, certified):
    assert settings(certified, "Enabled", *ASKED) == {"Enabled": False} | ASKED
    state = await service.state(certified, LOCK)
    assert state.state == "needs_person"
    [finding] = await found(service, certified)
    assert (finding["kind"], finding["value"]) == ("term", "RestrictDomainsToCertificate: *.oldfilter.example")
    assert (await declared(service, certified, finding["id"])).status_code == 200
    service.clock.advance(minutes=15)
    await service.sweep()
    assert (await service.state(certified, LOCK)).state == "needs_person"
    assert settings(certified, "Enabled") == {"Enabled": False}
    assert (await service.clients.storage.states.load(certified.tenant_id)).lock.against


async def test_removed_the_certificate_goes_and_the_lock_is_switched_on_after_that(service, certified):
    [finding] = await found(service, certified)
    shown = await end_of(service, await answer_to(service, certified, finding["id"], "remove", dry_run=True))
    [control] = [each for each in shown["controls"] if each["id"] == LOCK]
    assert [step["powershell"] for step in control["steps"]] == [
        f"Set-InboundConnector -Identity 'ExchangeDefender' {CERTIFICATE_OFF}"
    ]
    await end_of(service, await answer_to(service, certified, finding["id"], "remove", reason="the old filter"))
    assert settings(certified, "Enabled", *ASKED) == {"Enabled": False} | dict.fromkeys(CERTIFICATE) | {
        "RestrictDomainsToCertificate": False
    }
    service.clock.advance(minutes=15)
    await service.sweep()
    wanted = {"Enabled": True, "RestrictDomainsToCertificate": False, "TlsSenderCertificateName": None}
    assert settings(certified, *wanted) == wanted
    assert (await service.state(certified, LOCK)).state == "compliant"


@pytest.mark.parametrize("mode", ["observe", "correct"])
async def test_a_certificate_that_a_proven_lock_begins_to_ask_for_is_drift_and_taken_off(service, mode):
    tenant = service.world.add_tenant("contoso.example")
    await service.look_after(tenant, mode=mode)
    await service.sweep()
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", **ASKED)
    service.clock.advance(minutes=15)
    await service.sweep()
    left = ASKED if mode == "observe" else {"RestrictDomainsToCertificate": False, "TlsSenderCertificateName": None}
    assert settings(tenant, "Enabled", *ASKED) == {"Enabled": True} | left
    assert (await service.state(tenant, LOCK)).state == ("drifted" if mode == "observe" else "compliant")


async def test_a_spoofed_sender_is_taken_away_and_undo_makes_it_again(service):
    tenant = service.world.add_tenant("contoso.example")
    await service.look_after(tenant)
    await service.sweep()
    theirs = {"SpoofedUser": "ceo@contoso.example", "SendingInfrastructure": "203.0.113.0/24", "SpoofType": "External"}
    tenant.admin("New-TenantAllowBlockListSpoofItems", Identity="Default", **theirs, Action="Allow")

    def pairs():
        rows = tenant.admin("Get-TenantAllowBlockListSpoofItems")
        return [row for row in rows if row["SpoofedUser"] == "ceo@contoso.example"]

    await service.sweep()
    [finding] = await found(service, tenant)
    shown = await end_of(service, await answer_to(service, tenant, finding["id"], "remove", dry_run=True))
    [control] = [each for each in shown["controls"] if each["id"] == WALL]
    assert "cannot be put back" not in control["detail"]
    ended = await end_of(service, await answer_to(service, tenant, finding["id"], "remove"))
    assert (ended["state"], pairs()) == ("succeeded", [])
    entry = next(e for e in await service.ledger(tenant, WALL) if e.event == "corrected")
    undo = await ask(service, "POST", f"tenants/{tenant.tenant_id}/controls/{WALL}/undo", {"entry": entry.id})
    assert (await end_of(service, undo))["state"] == "succeeded"
    [again] = pairs()
    assert theirs.items() <= again.items()


RULE = "Send Automatic Replies to connector Automatic Replies"


async def test_what_others_wrote_into_the_documented_rule_stays_and_the_rule_is_switched_on(service):
    tenant = service.world.add_tenant("contoso.example")
    tenant.admin("Set-TransportRule", Identity=RULE, SubjectContainsWords=["holiday"])
    tenant.admin("Disable-TransportRule", Identity=RULE, Confirm=False)
    await service.look_after(tenant)
    await service.sweep()
    [row] = tenant.admin("Get-TransportRule")
    assert (row["SubjectContainsWords"], row["State"]) == (["holiday"], "Enabled")
    state = await service.state(tenant, "oof-rule")
    assert state.state == "needs_person"
    assert "SubjectContainsWords: " in state.detail
    [finding] = await found(service, tenant)
    shown = await end_of(service, await answer_to(service, tenant, finding["id"], "remove", dry_run=True))
    [control] = [each for each in shown["controls"] if each["id"] == "oof-rule"]
    assert control["detail"].startswith("cannot be put back by an undo: Set-TransportRule")
    await end_of(service, await answer_to(service, tenant, finding["id"], "remove"))
    [row] = tenant.admin("Get-TransportRule")
    assert not row["SubjectContainsWords"]
    assert (await service.state(tenant, "oof-rule")).state == "compliant"


async def test_the_terms_of_other_senders_are_findings_and_a_first_look_is_over_once_they_are_answered(service):
    tenant = service.world.add_tenant("contoso.example")
    guide = "v=spf1 include:proxy.exchangedefender.com include:spf.protection.outlook.com"
    service.world.dns.set("contoso.example", "TXT", f'"{guide} ip4:203.0.113.7 -all"')
    await service.look_after(tenant)
    await service.check(tenant, lane="fast")
    assert not of(await ask(service, "GET", f"tenants/{tenant.tenant_id}/state"))["inventoried"]
    await service.sweep()
    assert (await service.state(tenant, "spf")).state == "needs_person"
    [finding] = await found(service, tenant)
    assert (finding["kind"], finding["name"], finding["value"]) == ("term", "contoso.example", "ip4:203.0.113.7")
    assert not of(await ask(service, "GET", f"tenants/{tenant.tenant_id}/state"))["inventoried"]
    await declared(service, tenant, finding["id"])
    await service.work()
    assert (await service.state(tenant, "spf")).state == "compliant"
    assert of(await ask(service, "GET", f"tenants/{tenant.tenant_id}/state"))["inventoried"]


async def test_what_cannot_be_read_of_the_wall_is_named(service, attacked):
    attacked.faults.script(Fault("nul_403", cmdlet="Get-HostedContentFilterPolicy", times=100))
    await service.sweep()
    state = await service.state(attacked, WALL)
    assert state.state == "unknown"
    assert "Get-HostedContentFilterPolicy" in state.detail


PARTNER = {"ConnectorType": "Partner", "SenderDomains": ["*"]}
STRANGER = "198.51.100.66"
HOSTILE = {
    "a connector by address": ("New-InboundConnector", PARTNER | {"Name": "X", "SenderIPAddresses": [STRANGER]}),
    "a connector by certificate": ("New-InboundConnector", PARTNER | {"Name": "X", "TlsSenderCertificateName": "x.example"}),
    "one more address of the service": (
        "Set-InboundConnector",
        {"Identity": "Scanner", "SenderIPAddresses": ["203.0.113.7", STRANGER]},
    ),
    "a certificate for the service": (
        "Set-InboundConnector",
        {"Identity": "Scanner", "TlsSenderCertificateName": "x.example"},
    ),
    "a scope of the lock": (
        "Set-InboundConnector",
        {"Identity": "ExchangeDefender", "AssociatedAcceptedDomains": ["other.example"]},
    ),
    "Enhanced Filtering": ("Set-InboundConnector", {"Identity": "ExchangeDefender", "EFSkipIPs": [STRANGER]}),
    "the last address": ("Set-InboundConnector", {"Identity": "ExchangeDefender", "EFSkipLastIP": True}),
    "a pair": (
        "New-TenantAllowBlockListSpoofItems",
        {"Identity": "Default", "SpoofedUser": "*", "SendingInfrastructure": "198.51.100.0/24", "SpoofType": "External", "Action": "Allow"},
    ),
    "a pair of another type": (
        "New-TenantAllowBlockListSpoofItems",
        {"Identity": "Default", "SpoofedUser": "*", "SendingInfrastructure": OURS, "SpoofType": "Internal", "Action": "Allow"},
    ),
    "an IPv6 address": ("New-TenantAllowBlockListItems", {"ListType": "IP", "Entries": ["2001:db8::1"], "Allow": True}),
    "a sender": ("New-TenantAllowBlockListItems", {"ListType": "Sender", "Entries": ["x.example"], "Allow": True}),
    "an IP allow list": (
        "Set-HostedConnectionFilterPolicy",
        {"Identity": "Default", "IPAllowList": [STRANGER]},
    ),
    "the safe list": ("Set-HostedConnectionFilterPolicy", {"Identity": "Default", "EnableSafeList": True}),
    "a sender of one policy": ("New-HostedContentFilterPolicy", {"Name": "Sales", "AllowedSenders": ["x@x.example"]}),
    "a domain of the default policy": (
        "Set-HostedContentFilterPolicy",
        {"Identity": "Default", "AllowedSenderDomains": ["x.example"]},
    ),
    "a rule with exceptions": (
        "New-TransportRule",
        {"Name": "X", "SetSCL": -1, "ExceptIfSenderDomainIs": ["y.example"]},
    ),
    "a rule that skips by header": (
        "New-TransportRule",
        {"Name": "X", "SetHeaderName": "X-MS-Exchange-Organization-SkipSafeLinksProcessing", "SetHeaderValue": "1"},
    ),
    "a remote domain": ("Set-RemoteDomain", {"Identity": "Default", "TrustedMailInboundEnabled": True}),
}  # fmt: skip


@pytest.mark.parametrize(("cmdlet", "parameters"), HOSTILE.values(), ids=HOSTILE)
async def test_a_hostile_admins_way_round_is_told_at_once_while_nothing_may_be_written(service, cmdlet, parameters):
    tenant = service.world.add_tenant("contoso.example")
    service_connector = PARTNER | {"Name": "Scanner", "SenderIPAddresses": ["203.0.113.7"]}
    tenant.admin("New-InboundConnector", **service_connector, RequireTls=False)
    declared = [{"name": "Scanner", "sender_ips": ["203.0.113.7"]}]
    await service.look_after(tenant, mode="observe", service_connectors=declared)
    await service.sweep()
    assert await found(service, tenant) == []
    tenant.admin(cmdlet, **parameters)
    service.clock.advance(minutes=15)
    await service.sweep()
    [one] = [each for each in await found(service, tenant) if each["kind"] in {"bypass", "term"}]
    told = [entry for entry in await service.ledger(tenant) if entry.event == "needs_person"]
    assert [entry.control for entry in told] == [one["control"]]
    assert one["value"] in told[0].detail
    assert (one["state"], one["first_sight"]) == ("open", False)
