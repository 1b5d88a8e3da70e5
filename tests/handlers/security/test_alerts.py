"""False alerts are closed by their evidence, once; true ones are told to a person; nothing is closed on a guess."""

import json
from datetime import timedelta

import pytest

from clients.restraint import MOST_REQUESTS
from clients.storage.alerts import Book, Spent
from domain.exemption import Exemption
from domain.gate import Brake
from handlers.delivery import deliver
from handlers.security.alerts import MOST_AGAIN
from simulator.defender import ETR
from simulator.faults import Fault
from tests.handlers.security.raised import CLOSED, FOREIGN, OURS, guarded, look, patched, shown, triage
from tests.handlers.web import ask


async def test_nothing_is_done_twice(service):
    tenant = await guarded(service)
    tenant.alerts.raise_alert(tenant.alerts.mail(OURS))
    for _ in range(4):
        await triage(service, tenant)
        service.clock.advance(minutes=5)
    service.clock.advance(days=1, hours=1)
    await triage(service, tenant)
    assert len(tenant.alerts.writes()) == 2
    assert len(await service.ledger(tenant, "false-alerts")) == 1


@pytest.mark.parametrize("sender_ip", [FOREIGN, None, "255.255.255.255", "10.0.0.4"])
async def test_one_message_that_is_not_proven_leaves_the_alert_open(service, sender_ip):
    tenant = await guarded(service)
    alert = tenant.alerts.raise_alert(tenant.alerts.mail(OURS), tenant.alerts.mail(sender_ip))
    await triage(service, tenant)
    assert tenant.alerts.rows[alert["id"]]["status"] == "new"
    assert tenant.alerts.writes() == []


async def test_what_cannot_be_proven_is_written_down_once(service):
    tenant = await guarded(service)
    tenant.alerts.raise_alert(tenant.alerts.mail(None))
    for _ in range(3):
        await triage(service, tenant)
    [entry] = await service.ledger(tenant, "false-alerts")
    assert entry.event == "alert_left_open"
    assert "no usable sender address" in entry.detail


async def test_mail_that_got_round_the_filter_is_one_finding_with_its_messages_however_many_alerts(service):
    tenant = await guarded(service)
    for _ in range(3):
        tenant.alerts.raise_alert(tenant.alerts.mail(FOREIGN, internetMessageId="<odd@mailer.example>"))
        await triage(service, tenant)
        service.clock.advance(minutes=5)
    state = await service.state(tenant, "false-alerts")
    assert state.state == "needs_person"
    assert len(state.drift) == 3
    assert "<odd@mailer.example>" in state.drift[0].field
    assert state.drift[0].found == FOREIGN
    assert [e.event for e in await service.ledger(tenant, "false-alerts")] == ["needs_person"]
    tenant.alerts.raise_alert(tenant.alerts.mail(FOREIGN), title=ETR)
    await triage(service, tenant)
    assert [e.event for e in await service.ledger(tenant, "false-alerts")] == ["needs_person", "needs_person"]
    assert tenant.alerts.writes() == []


async def test_the_finding_ends_when_people_have_settled_the_alerts(service):
    tenant = await guarded(service)
    alert = tenant.alerts.raise_alert(tenant.alerts.mail(FOREIGN))
    await triage(service, tenant)
    service.clock.advance(minutes=5)
    tenant.alerts.person(alert["id"], status="resolved", classification="truePositive", determination="phishing")
    await triage(service, tenant)
    assert (await service.state(tenant, "false-alerts")).state == "compliant"
    assert tenant.alerts.writes() == []


async def test_an_alert_waits_for_the_look_that_proves_the_lockdown(service):
    tenant = await guarded(service)
    alert = tenant.alerts.raise_alert(tenant.alerts.mail(OURS))
    await look(service, tenant)
    assert tenant.alerts.rows[alert["id"]]["status"] == "new"
    assert b'"inbound-lockdown"' in (await service.messages("checks"))[0]
    service.clock.advance(minutes=5)
    await triage(service, tenant)
    assert shown(tenant.alerts.rows[alert["id"]]) == CLOSED


async def test_an_alert_about_mail_that_came_while_the_lockdown_was_off_stays_open(service):
    tenant = await guarded(service)
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    await service.check(tenant)
    service.clock.advance(minutes=20)
    alert = tenant.alerts.raise_alert(tenant.alerts.mail(OURS))
    await service.work()
    service.clock.advance(minutes=20)
    await triage(service, tenant)
    assert tenant.alerts.rows[alert["id"]]["status"] == "new"
    assert (await service.state(tenant, "inbound-lockdown")).state == "compliant"


async def test_an_alert_about_mail_that_came_while_nobody_looked_at_the_lockdown_stays_open(service):
    tenant = await guarded(service)
    await service.check(tenant)
    service.clock.advance(hours=9)
    alert = tenant.alerts.raise_alert(tenant.alerts.mail(OURS, minutes_ago=240))
    for _ in range(2):
        await triage(service, tenant)
        service.clock.advance(minutes=5)
    assert tenant.alerts.rows[alert["id"]]["status"] == "new"


async def test_a_drift_after_the_mail_does_not_undo_the_proof(service):
    tenant = await guarded(service)
    alert = tenant.alerts.raise_alert(tenant.alerts.mail(OURS))
    await service.check(tenant)
    service.clock.advance(minutes=5)
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    await service.check(tenant)
    await look(service, tenant)
    assert shown(tenant.alerts.rows[alert["id"]]) == CLOSED


async def test_an_alert_asks_at_once_for_a_look_at_the_policy_that_raised_it(service):
    tenant = await guarded(service)
    tenant.alerts.raise_alert(tenant.alerts.mail(FOREIGN))
    for _ in range(2):
        await look(service, tenant)
    [body] = await service.messages("checks")
    assert json.loads(body)["controls"] == ["alert-policies", "inbound-lockdown", "lock-bypass"]


async def test_a_closed_alert_that_gathers_more_of_the_same_stays_closed(service):
    tenant = await guarded(service)
    alert = tenant.alerts.raise_alert(tenant.alerts.mail(OURS))
    await triage(service, tenant)
    service.clock.advance(minutes=5)
    tenant.alerts.gather(alert["id"], tenant.alerts.mail(OURS, minutes_ago=1))
    await triage(service, tenant)
    assert len(tenant.alerts.writes()) == 2


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "new", "classification": None, "determination": None},
        {"status": "inProgress", "assignedTo": "ann@contoso.example"},
        {"classification": "truePositive", "determination": "phishing"},
    ],
)
async def test_a_person_who_takes_back_what_we_closed_wins(service, fields):
    tenant = await guarded(service)
    alert = tenant.alerts.raise_alert(tenant.alerts.mail(OURS))
    await triage(service, tenant)
    service.clock.advance(minutes=5)
    tenant.alerts.person(alert["id"], **fields)
    await triage(service, tenant)
    assert len(tenant.alerts.writes()) == 2


@pytest.mark.parametrize(
    "fields", [{"assignedTo": "ann@contoso.example"}, {"classification": "truePositive"}, {"status": "resolved"}]
)
async def test_an_alert_that_a_person_has_taken_or_judged_is_left(service, fields):
    tenant = await guarded(service)
    tenant.alerts.raise_alert(tenant.alerts.mail(OURS), **fields)
    await triage(service, tenant)
    assert tenant.alerts.writes() == []


async def test_a_tenant_without_consent_is_unknown_with_the_grant_and_told_once(service):
    tenant = await guarded(service)
    await triage(service, tenant)
    tenant.access.permissions.clear()
    tenant.expire_tokens()
    for _ in range(3):
        await triage(service, tenant)
    state = await service.state(tenant, "false-alerts")
    assert state.state == "unknown"
    assert "SecurityAlert.ReadWrite.All" in state.detail
    assert "adminconsent" in state.detail
    assert [e.event for e in await service.ledger(tenant, "false-alerts")] == ["unreadable"]
    tenant.access.permissions.add("SecurityAlert.ReadWrite.All")
    await triage(service, tenant)
    assert (await service.state(tenant, "false-alerts")).state == "compliant"


async def test_a_tenant_whose_plan_has_no_defender_has_nothing_to_do(service):
    tenant = await guarded(service)
    tenant.switches.defender_licensed = False
    for _ in range(2):
        await triage(service, tenant)
    state = await service.state(tenant, "false-alerts")
    assert state.state == "not_applicable"
    assert "licensed" in state.detail
    assert await service.ledger(tenant, "false-alerts") == []


@pytest.mark.parametrize("paging", ["link", "none"])
async def test_every_alert_is_found_whichever_way_the_service_pages(service, paging):
    tenant = await guarded(service, mode="observe")
    tenant.switches.alert_paging = paging
    moment, ours = tenant.now(), {0, 60, 117}
    for number in range(118):
        # More of one moment than a page holds.
        service.clock.time = moment + timedelta(seconds=min(number, 10) if number < 112 else number)
        tenant.alerts.raise_alert(tenant.alerts.mail(FOREIGN), title=ETR if number in ours else "Something else")
    assert len({alert["lastUpdateDateTime"] for alert in tenant.alerts.rows.values()}) == 17
    await look(service, tenant)
    marked = await service.clients.storage.alerts.marked(tenant.tenant_id)
    assert sum(each.standing for each in marked) == len(ours)


async def test_the_services_limit_is_never_met_whatever_another_worker_has_spent(service):
    tenant = await guarded(service)
    for _ in range(10):
        tenant.alerts.raise_alert(tenant.alerts.mail(OURS))
    await service.check(tenant)
    spent = Spent(began=service.clock(), requests=125)
    await service.clients.storage.alerts.set_book(tenant.tenant_id, Book(spent=spent))
    await look(service, tenant)
    assert 0 < len(tenant.alerts.asked) <= 15
    assert (await service.state(tenant, "false-alerts")).state == "unknown"
    service.clock.advance(seconds=90)
    await look(service, tenant)
    assert {alert["status"] for alert in tenant.alerts.rows.values()} == {"resolved"}
    assert {len(alert["comments"]) for alert in tenant.alerts.rows.values()} == {1}


async def test_an_alert_that_shows_late_is_found(service):
    tenant = await guarded(service)
    late = tenant.alerts.raise_alert(tenant.alerts.mail(OURS), visible_in=timedelta(minutes=20))
    service.clock.advance(minutes=15)
    tenant.alerts.raise_alert(tenant.alerts.mail(OURS))
    await triage(service, tenant)
    service.clock.advance(minutes=10)
    await triage(service, tenant)
    assert shown(tenant.alerts.rows[late["id"]]) == CLOSED


async def test_a_straggler_is_found_by_the_daily_sweep(service):
    tenant = await guarded(service)
    await triage(service, tenant)
    late = tenant.alerts.raise_alert(tenant.alerts.mail(OURS), visible_in=timedelta(hours=3))
    for hours in (2, 2, 22):
        service.clock.advance(hours=hours)
        tenant.alerts.raise_alert(title="Something else")
        await triage(service, tenant)
    assert shown(tenant.alerts.rows[late["id"]]) == CLOSED


@pytest.mark.parametrize(
    ("mode", "why"), [("observe", "the tenant is only observed"), ("approve", "its mode is approve")]
)
async def test_a_tenant_that_is_only_observed_keeps_its_alerts_and_the_reason_is_written_down(service, mode, why):
    tenant = await guarded(service, controls={"false-alerts": {"mode": mode}})
    tenant.alerts.raise_alert(tenant.alerts.mail(OURS))
    for _ in range(2):
        await triage(service, tenant)
    assert tenant.alerts.writes() == []
    [entry] = await service.ledger(tenant, "false-alerts")
    assert entry.event == "alert_left_open"
    assert f"left open: {why}" in entry.detail


async def test_alerts_that_only_the_mode_keeps_open_are_not_read_in_each_run_and_closed_once_it_allows(service):
    tenant = await guarded(service, mode="observe")
    alert = tenant.alerts.raise_alert(tenant.alerts.mail(OURS))
    await triage(service, tenant)
    service.clock.advance(hours=1)
    await triage(service, tenant)
    asked = service.microsoft.call_count
    await look(service, tenant)
    listing = service.microsoft.call_count - asked
    assert listing == 1
    await service.look_after(tenant)
    await triage(service, tenant)
    assert shown(tenant.alerts.rows[alert["id"]]) == CLOSED


async def engage(service, _tenant):
    await service.clients.storage.switches.set_brake(Brake(engaged=True, reason="stop"))


async def freeze(service, tenant):
    until = service.clock() + timedelta(hours=9)
    await service.look_after(tenant, freeze=[{"start": service.clock(), "end": until, "reason": "move"}])


async def accept(service, tenant):
    exemption = Exemption(reason="ours", owner="ann", until=service.clock() + timedelta(hours=9))
    await service.clients.storage.states.change(
        tenant.tenant_id, lambda states: (states.excepting({"false-alerts": exemption}), [])
    )


@pytest.mark.parametrize("hold", [engage, freeze, accept])
async def test_alerts_that_only_the_gate_keeps_open_are_not_read_again_nor_leased_until_it_says_otherwise(
    service, hold
):
    tenant = await guarded(service)
    alert = tenant.alerts.raise_alert(tenant.alerts.mail(OURS))
    await hold(service, tenant)
    await triage(service, tenant)
    assert tenant.alerts.rows[alert["id"]]["status"] == "new"
    service.clock.advance(hours=1)
    await triage(service, tenant)
    asked = tenant.http_requests["graph"]
    async with service.clients.storage.leases.hold(f"alerts-{tenant.tenant_id}"):
        await look(service, tenant)
    assert tenant.http_requests["graph"] - asked == 1
    assert await service.hidden("alerts") == 0
    service.clock.advance(hours=9)
    await service.clients.storage.switches.set_brake(Brake())
    await service.check(tenant)
    await triage(service, tenant)
    assert shown(tenant.alerts.rows[alert["id"]]) == CLOSED


async def test_of_more_waiting_alerts_than_a_run_reads_each_has_its_turn(service):
    tenant, alerts = await waiting(service, MOST_AGAIN + 20)
    tenant.alerts.log.clear()
    for _ in range(2):
        service.clock.advance(minutes=2)
        await look(service, tenant)
    assert {what for method, what, _ in tenant.alerts.log if what != "alerts"} == {each["id"] for each in alerts}


async def test_the_mode_of_false_alerts_can_be_set(service):
    tenant = service.world.add_tenant("contoso.example")
    config = {"tenant_id": tenant.tenant_id, "name": "x", "initial_domain": tenant.initial_domain}
    body = config | {"controls": {"false-alerts": {"mode": "observe"}}}
    assert (await ask(service, "PUT", f"tenants/{tenant.tenant_id}", body)).status_code == 201


async def test_a_throttled_look_is_unknown_until_the_rest_has_ended(service):
    tenant = await guarded(service)
    tenant.faults.script(Fault("throttled", service="graph", retry_after=45))
    await look(service, tenant)
    assert "throttled until" in (await service.state(tenant, "false-alerts")).detail
    service.clock.advance(seconds=46)
    await look(service, tenant)
    assert (await service.state(tenant, "false-alerts")).state == "compliant"


async def waiting(service, number):
    """A tenant with so many alerts that wait for the proof of its lock-down, and are not listed any more."""
    tenant = await guarded(service)
    alerts = [tenant.alerts.raise_alert(tenant.alerts.mail(OURS)) for _ in range(number)]
    await look(service, tenant)
    service.clock.advance(minutes=45)
    tenant.alerts.raise_alert(title="Something else")
    await look(service, tenant)
    return tenant, alerts


async def test_alerts_that_are_turned_away_inside_a_batch_begin_the_tenants_rest(service):
    tenant, _ = await waiting(service, 90)
    asked = tenant.http_requests["graph"]
    tenant.faults.script(Fault("throttled", service="graph", cmdlet="GET alert", times=500))
    await look(service, tenant)
    assert tenant.http_requests["graph"] - asked <= MOST_REQUESTS
    assert "throttled until" in (await service.state(tenant, "false-alerts")).detail
    asked = tenant.http_requests["graph"]
    await look(service, tenant)
    assert tenant.http_requests["graph"] == asked


async def test_a_part_of_a_batch_that_failed_is_not_taken_for_an_alert(service):
    tenant = await guarded(service)
    alert = tenant.alerts.raise_alert(tenant.alerts.mail(OURS))
    await look(service, tenant)  # it waits for the lock-down's proof
    service.clock.advance(minutes=45)
    tenant.alerts.raise_alert(title="Something else")
    await look(service, tenant)
    await service.check(tenant)
    tenant.faults.script(Fault("server_error", service="graph", cmdlet="GET alert"))
    await look(service, tenant)
    assert (await service.state(tenant, "false-alerts")).state == "unknown"
    assert tenant.alerts.rows[alert["id"]]["status"] == "new"
    await look(service, tenant)
    assert shown(tenant.alerts.rows[alert["id"]]) == CLOSED


async def test_how_far_alerts_are_read_is_found_anew_where_it_makes_no_sense(service, spoil):
    tenant = await guarded(service)
    tenant.alerts.raise_alert(tenant.alerts.mail(OURS))
    await triage(service, tenant)
    await spoil("states", f"{tenant.tenant_id} alerts")
    service.clock.advance(minutes=5)
    other = tenant.alerts.raise_alert(tenant.alerts.mail(OURS))
    await triage(service, tenant)
    assert shown(tenant.alerts.rows[other["id"]]) == CLOSED
    assert len(patched(tenant)) == 2
    assert (await service.state(tenant, "false-alerts")).state == "compliant"


@pytest.mark.parametrize("newer", [False, True])
async def test_one_alert_whose_row_cannot_be_read_is_missing_in_the_list_and_no_other(service, spoil, newer):
    tenant = await guarded(service)
    raised = [tenant.alerts.raise_alert(tenant.alerts.mail(FOREIGN)) for _ in range(3)]
    await triage(service, tenant)
    await spoil("alerts", raised[1]["id"], newer=newer)
    listed = json.loads((await ask(service, "GET", "alerts")).get_body())
    assert {each["id"] for each in listed} == {raised[0]["id"], raised[2]["id"]}


async def test_a_foreign_message_is_parked(service):
    await deliver("alerts", b'{"kind": "check"}', service.clients)
    assert len(await service.clients.storage.parked.all("alerts")) == 1
