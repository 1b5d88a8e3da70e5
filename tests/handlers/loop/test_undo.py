"""What a correction found can be put back: through the same gate, proven, and not fought by the next sweep."""

import json
from datetime import timedelta

import pytest

from domain.corrections import PROOF_PATIENCE
from domain.gate import Brake
from handlers.delivery import deliver
from simulator.faults import Fault
from tests.handlers.web import ask, of

LOCK, RULE, SPOOF, OOF = "inbound-lockdown", "oof-rule", "spoof-allow", "oof-connector"
OFF = {"Identity": "ExchangeDefender", "Enabled": False, "RequireTls": False}
ETR = "Phish delivered due to an ETR override"


async def corrected(service, tenant, control):
    """The entry of a correction that has just been made."""
    await service.look_after(tenant)
    await service.check(tenant, controls=(control,))
    await service.work()
    entry = (await service.ledger(tenant, control))[-1]
    assert entry.event == "corrected"
    return entry


async def undo(service, tenant, control, entry, **more):
    path = f"tenants/{tenant.tenant_id}/controls/{control}/undo"
    return await ask(service, "POST", path, {"entry": entry.id} | more)


async def end_of(service, answer):
    return of(await ask(service, "GET", f"operations/{of(answer)['id']}"))


@pytest.fixture
def tenant(service):
    tenant = service.world.add_tenant("contoso.example")
    tenant.admin("Set-InboundConnector", **OFF)
    return tenant


async def test_the_before_image_is_put_back_and_the_next_sweep_does_not_fight_it(service, tenant):
    entry = await corrected(service, tenant, LOCK)
    answer = await undo(service, tenant, LOCK, entry, reason="mail stopped")
    assert answer.status_code == 202
    await service.work()
    ended = await end_of(service, answer)
    assert (ended["kind"], ended["state"]) == ("undo", "succeeded")
    writes = len(tenant.writes)
    await service.sweep()
    assert len(tenant.writes) == writes == 2
    state = await service.state(tenant, LOCK)
    assert state.state == "excepted"
    assert {d.field: d.found for d in state.drift} == {"Enabled": False, "RequireTls": False}
    events = [e.event for e in await service.ledger(tenant, LOCK)][-4:]
    assert sorted(events[:3]) == ["exception_made", "undoing", "undone"]
    undone = next(e for e in await service.ledger(tenant, LOCK) if e.event == "undone")
    assert (undone.of, undone.actor, undone.reason) == (entry.id, "key dev", "mail stopped")


async def test_the_steps_of_an_undo_are_shown_and_nothing_is_written(service, tenant):
    entry = await corrected(service, tenant, LOCK)
    entries, writes = await service.ledger(tenant, LOCK), len(tenant.writes)
    answer = await undo(service, tenant, LOCK, entry, dry_run=True)
    await service.work()
    shown = await end_of(service, answer)
    [control] = shown["controls"]
    assert (shown["state"], control["state"]) == ("succeeded", "compliant")
    assert "-Enabled $false" in control["steps"][0]["powershell"]
    assert (len(tenant.writes), await service.ledger(tenant, LOCK)) == (writes, entries)
    assert (await service.clients.storage.states.load(tenant.tenant_id)).exceptions == {}


@pytest.mark.parametrize(
    ("cmdlet", "more", "state", "said"),
    [
        ("Set-InboundConnector", OFF, "succeeded", "as it was before"),
        (
            "Remove-InboundConnector",
            {"Identity": "ExchangeDefender", "Confirm": False},
            "needs_person",
            "changed it since",
        ),
    ],
)
async def test_where_nothing_is_left_to_undo_that_is_shown(service, tenant, cmdlet, more, state, said):
    entry = await corrected(service, tenant, LOCK)
    tenant.admin(cmdlet, **more)
    entries = await service.ledger(tenant, LOCK)
    answer = await undo(service, tenant, LOCK, entry, dry_run=True)
    await service.work()
    shown = await end_of(service, answer)
    assert (shown["state"], said in shown["controls"][0]["detail"], shown["controls"][0]["steps"]) == (state, True, [])
    assert await service.ledger(tenant, LOCK) == entries


async def test_the_exception_of_an_undo_ends_by_itself(service, tenant):
    entry = await corrected(service, tenant, LOCK)
    until = service.clock() + timedelta(hours=1)
    await undo(service, tenant, LOCK, entry, until=until.isoformat())
    await service.work()
    service.clock.advance(hours=1)
    await service.sweep()
    assert (await service.state(tenant, LOCK)).state == "compliant"


async def test_what_is_as_it_was_before_already_is_accepted_all_the_same(service, tenant):
    entry = await corrected(service, tenant, LOCK)
    tenant.admin("Set-InboundConnector", **OFF)
    answer = await undo(service, tenant, LOCK, entry)
    await service.work()
    assert (await end_of(service, answer))["state"] == "succeeded"
    writes = len(tenant.writes)
    await service.sweep()
    assert (len(tenant.writes), (await service.state(tenant, LOCK)).state) == (writes, "excepted")


BROKEN = {
    "a_rule_that_was_switched_off": (RULE, lambda t: t.admin("Disable-TransportRule", Identity="Send Automatic Replies to connector Automatic Replies", Confirm=False)),
    "a_rule_that_was_gone": (RULE, lambda t: t.admin("Remove-TransportRule", Identity="Send Automatic Replies to connector Automatic Replies", Confirm=False)),
    "a_connector_of_another_kind": (OOF, lambda t: t.admin("Set-OutboundConnector", Identity="Automatic Replies (Out of Office) Only", Enabled=False)),
    "spoof_intelligence_on": ("spoof-intelligence", lambda t: t.admin("Set-AntiPhishPolicy", Identity="Office365 AntiPhish Default", EnableSpoofIntelligence=True)),
    "an_alert_policy_on": ("alert-policies", lambda t: t.admin("Set-ProtectionAlert", Identity=ETR, Disabled=False)),
}  # fmt: skip


@pytest.mark.parametrize(("control", "break_it"), BROKEN.values(), ids=list(BROKEN))
async def test_every_kind_of_write_has_its_way_back(service, control, break_it):
    tenant = service.world.add_tenant("contoso.example")
    break_it(tenant)
    entry = await corrected(service, tenant, control)
    answer = await undo(service, tenant, control, entry)
    await service.work()
    assert (await end_of(service, answer))["state"] == "succeeded"
    await service.work()
    state = await service.state(tenant, control)
    assert state.state == "excepted"
    assert [(d.field, d.found) for d in state.drift] == [(d.field, d.found) for d in entry.drift]


async def test_another_object_of_the_name_of_what_was_made_is_left_to_a_person(service):
    tenant = service.world.add_tenant("contoso.example")
    break_it = BROKEN["a_rule_that_was_gone"][1]
    break_it(tenant)
    entry = await corrected(service, tenant, RULE)
    name = entry.steps[0].parameters["Name"]
    tenant.admin("Set-TransportRule", Identity=name, DeleteMessage=True)
    writes = len(tenant.writes)
    answer = await undo(service, tenant, RULE, entry)
    await service.work()
    ended = await end_of(service, answer)
    assert (ended["state"], "changed it since" in ended["controls"][0]["detail"]) == ("needs_person", True)
    assert not [each for each in tenant.writes[writes:] if each.cmdlet.startswith("Remove-")]


async def test_what_was_made_is_taken_away_again(service):
    tenant = service.world.add_tenant("contoso.example", state="never_configured")
    service.world.dns.set("contoso.example", "MX", "10 inbound30.exchangedefender.com.")
    entry = await corrected(service, tenant, SPOOF)
    answer = await undo(service, tenant, SPOOF, entry)
    await service.work()
    assert (await end_of(service, answer))["state"] == "succeeded"
    assert [e.cmdlet for e in tenant.writes][-2:] == ["Remove-TenantAllowBlockListSpoofItems"] * 2


async def test_what_somebody_has_changed_since_is_left_to_a_person(service, tenant):
    entry = await corrected(service, tenant, LOCK)
    answer = await undo(service, tenant, LOCK, entry)
    tenant.admin("Remove-InboundConnector", Identity="ExchangeDefender", Confirm=False)
    writes = len(tenant.writes)
    [body] = await service.messages("remediations")
    await deliver("remediations", body, service.clients)
    assert len(tenant.writes) == writes
    ended = await end_of(service, answer)
    assert ended["state"] == "needs_person"
    assert "changed it since" in ended["controls"][0]["detail"]
    assert "exception_made" not in [e.event for e in await service.ledger(tenant)]


async def test_what_is_as_it_was_before_is_not_written(service, tenant):
    entry = await corrected(service, tenant, LOCK)
    tenant.admin("Set-InboundConnector", **OFF)
    writes = len(tenant.writes)
    answer = await undo(service, tenant, LOCK, entry)
    [body] = await service.messages("remediations")
    await deliver("remediations", body, service.clients)
    assert (await end_of(service, answer))["state"] == "succeeded"
    assert len(tenant.writes) == writes


async def test_an_undo_passes_the_same_gate(service, tenant):
    entry = await corrected(service, tenant, LOCK)
    await service.clients.storage.switches.set_brake(Brake(engaged=True, reason="incident 7"))
    answer = await undo(service, tenant, LOCK, entry)
    await service.work()
    ended = await end_of(service, answer)
    assert (ended["state"], ended["controls"][0]["detail"]) == ("held", "brake: incident 7")
    assert len(tenant.writes) == 1
    assert "exception_made" not in [e.event for e in await service.ledger(tenant)]


async def test_taking_the_lock_off_needs_no_mx_at_the_filter(service, tenant):
    entry = await corrected(service, tenant, LOCK)
    service.world.dns.set("contoso.example", "MX", "0 contoso-example.mail.protection.outlook.com.")
    answer = await undo(service, tenant, LOCK, entry)
    await service.work()
    assert (await end_of(service, answer))["state"] == "succeeded"


async def test_an_undo_that_is_delivered_twice_writes_once(service, tenant):
    entry = await corrected(service, tenant, LOCK)
    tenant.lag(3, "InboundConnector")
    await undo(service, tenant, LOCK, entry)
    [body] = await service.messages("remediations")
    for _ in range(3):
        await deliver("remediations", body, service.clients)
    assert len(tenant.writes) == 2
    events = [e.event for e in await service.ledger(tenant, LOCK)]
    assert [events.count(each) for each in ("undoing", "undone", "exception_made")] == [1, 1, 1]


async def test_a_refused_undo_is_told_and_accepts_nothing(service, tenant):
    entry = await corrected(service, tenant, LOCK)
    tenant.access.directory_roles = {"Global Reader"}
    tenant.expire_tokens()
    answer = await undo(service, tenant, LOCK, entry)
    await service.work()
    ended = await end_of(service, answer)
    assert ended["state"] == "needs_person"
    await service.work()
    assert (await service.state(tenant, LOCK)).state == "compliant"
    assert "excepted" not in [e.event for e in await service.ledger(tenant)]


@pytest.mark.parametrize(
    ("control", "body", "status", "named"),
    [
        (LOCK, {}, 422, "body.entry"),
        (LOCK, {"entry": "0" * 16 + "-corrected-inbound-lockdown"}, 422, "no such ledger entry"),
        (LOCK, {"entry": "../x"}, 422, "no such ledger entry"),
        (LOCK, {"entry": "first"}, 422, "only an entry that wrote"),
        (LOCK, {"entry": "last", "until": "2020-01-01T00:00:00Z"}, 422, "body.until"),
        (RULE, {"entry": "last"}, 422, "no such ledger entry"),
        ("lock", {"entry": "last"}, 404, "no control 'lock'"),
    ],
    ids=str,
)
async def test_what_cannot_be_undone_is_refused(service, tenant, control, body, status, named):
    entry = await corrected(service, tenant, LOCK)
    known = {"last": entry.id, "first": (await service.ledger(tenant, LOCK))[0].id}
    body = {name: known.get(value, value) for name, value in body.items()}
    refused = await ask(service, "POST", f"tenants/{tenant.tenant_id}/controls/{control}/undo", body)
    assert (refused.status_code, named in of(refused)["detail"]) == (status, True)
    assert await service.messages("remediations") == []


async def test_a_refused_undo_leaves_the_exception_that_somebody_had_made(service, tenant):
    entry = await corrected(service, tenant, LOCK)
    until = (service.clock() + timedelta(days=90)).isoformat()
    path = f"tenants/{tenant.tenant_id}/controls/{LOCK}/except"
    made = of(await ask(service, "POST", path, {"reason": "migration", "owner": "ann@msp.example", "until": until}))
    await service.work()
    tenant.access.directory_roles = {"Global Reader"}
    tenant.expire_tokens()
    answer = await undo(service, tenant, LOCK, entry)
    await service.work()
    assert (await end_of(service, answer))["state"] == "needs_person"
    kept = (await service.clients.storage.states.load(tenant.tenant_id)).exceptions[LOCK]
    assert kept.model_dump(mode="json") == made


async def test_what_is_not_proven_to_be_our_making_is_not_taken_away(service):
    tenant = service.world.add_tenant("contoso.example", state="never_configured")
    service.world.dns.set("contoso.example", "MX", "10 inbound30.exchangedefender.com.")
    await corrected(service, tenant, SPOOF)
    [applying] = [each for each in await service.ledger(tenant, SPOOF) if each.event == "applying"]
    refused = await undo(service, tenant, SPOOF, applying)
    assert (refused.status_code, "'corrected'" in of(refused)["detail"]) == (422, True)
    assert await service.messages("remediations") == []


async def test_what_somebody_made_in_the_same_moment_is_not_taken_away(service):
    tenant = service.world.add_tenant("contoso.example")
    rule = "Send Automatic Replies to connector Automatic Replies"
    tenant.admin("Remove-TransportRule", Identity=rule, Confirm=False)
    microsoft = service.microsoft.side_effect

    async def somebody_is_first(request):
        """An administrator does what the request asks for, just before it arrives."""
        asked = json.loads(request.content)["CmdletInput"] if b"New-TransportRule" in request.content else None
        if asked:
            given = {name: each for name, each in asked["Parameters"].items() if not name.startswith("@")}
            if not tenant.writes:
                tenant.admin(asked["CmdletName"], **given)
        return await microsoft(request)

    service.microsoft.side_effect = somebody_is_first
    entry = await corrected(service, tenant, RULE)
    service.microsoft.side_effect = microsoft
    assert [step.existed for step in entry.steps] == [True]
    answer = await undo(service, tenant, RULE, entry)
    writes = len(tenant.writes)
    await service.work()
    assert (await end_of(service, answer))["state"] == "needs_person"
    assert len(tenant.writes) == writes


async def test_an_undo_does_not_shorten_the_exception_that_somebody_had_made(service, tenant):
    entry = await corrected(service, tenant, LOCK)
    now = service.clock()
    path = f"tenants/{tenant.tenant_id}/controls/{LOCK}/except"
    body = {"reason": "migration", "owner": "ann@msp.example", "until": (now + timedelta(days=90)).isoformat()}
    made = of(await ask(service, "POST", path, body))
    await service.work()
    answer = await undo(service, tenant, LOCK, entry, until=(now + timedelta(days=1)).isoformat())
    await service.work()
    assert (await end_of(service, answer))["state"] == "succeeded"
    kept = (await service.clients.storage.states.load(tenant.tenant_id)).exceptions[LOCK]
    assert kept.model_dump(mode="json")["until"] == made["until"]


async def test_an_undo_that_is_given_up_leaves_an_opening_that_was_made_meanwhile(service, tenant):
    entry = await corrected(service, tenant, LOCK)
    tenant.lag(1000, "InboundConnector")
    await undo(service, tenant, LOCK, entry)
    [undoing] = await service.messages("remediations")
    await deliver("remediations", undoing, service.clients)
    until = service.clock() + timedelta(days=3)
    body = {"reason": "mail is refused", "until": until.isoformat()}
    assert (await ask(service, "POST", f"tenants/{tenant.tenant_id}/open", body)).status_code == 202
    for opening in await service.messages("remediations"):
        if opening != undoing:
            await deliver("remediations", opening, service.clients)
    service.clock.advance(seconds=PROOF_PATIENCE.total_seconds())
    await deliver("remediations", undoing, service.clients)
    kept = (await service.clients.storage.states.load(tenant.tenant_id)).exceptions[LOCK]
    assert kept.held_open_until == until


async def test_an_undo_whose_write_cannot_be_read_again_never_says_that_nothing_was_written(service, tenant):
    entry = await corrected(service, tenant, LOCK)
    tenant.lag(1000, "InboundConnector")
    answer = await undo(service, tenant, LOCK, entry)
    [undoing] = await service.messages("remediations")
    await deliver("remediations", undoing, service.clients)
    tenant.faults.script(Fault("value_empty", times=10**6))
    await deliver("remediations", undoing, service.clients)
    assert (await end_of(service, answer))["state"] == "running"
    service.clock.advance(seconds=PROOF_PATIENCE.total_seconds())
    await deliver("remediations", undoing, service.clients)
    ended = await end_of(service, answer)
    assert (ended["state"], "no read could prove it" in ended["controls"][0]["detail"]) == ("needs_person", True)
    assert LOCK in (await service.clients.storage.states.load(tenant.tenant_id)).exceptions
