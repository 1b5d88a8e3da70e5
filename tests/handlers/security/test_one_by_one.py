"""One alert that is odd, fails, or of which what is kept makes no sense is a person's in the end, and stops no other."""

import json

import httpx
import pytest

from simulator.faults import Fault
from tests.handlers.security.raised import CLOSED, FOREIGN, OURS, guarded, patched, shown, triage


@pytest.mark.parametrize(
    "odd",
    [
        {"title": None},
        {"title": 7},
        {"evidence": "huge " * 30_000},
        {"evidence": [{"@odata.type": "#microsoft.graph.security.analyzedMessageEvidence", "senderIp": 7}]},
        {"status": None},
        {"firstActivityDateTime": 17},
    ],
    ids=["no title", "title a number", "huge", "senderIp a number", "no status", "time a number"],
)
async def test_an_odd_alert_is_kept_as_it_came_with_the_reason_and_never_closed(service, odd):
    tenant = await guarded(service)
    good = tenant.alerts.raise_alert(tenant.alerts.mail(OURS))
    raw = tenant.alerts.raise_alert(tenant.alerts.mail(OURS), **odd)
    for _ in range(2):
        await triage(service, tenant)
    [(content, reason)] = await service.clients.storage.parked.all("alerts")
    assert json.loads(content) == raw
    assert reason.startswith("an odd alert: alert")
    assert shown(tenant.alerts.rows[good["id"]]) == CLOSED
    assert [what[1] for what in patched(tenant)] == [good["id"]]


async def test_an_alert_that_cannot_be_closed_in_three_visits_is_a_persons_and_the_others_go_on(service):
    tenant = await guarded(service)
    stuck = tenant.alerts.raise_alert(tenant.alerts.mail(OURS))
    round_it = tenant.alerts.raise_alert(tenant.alerts.mail(FOREIGN))
    tenant.faults.script(Fault("server_error", service="graph", cmdlet="PATCH alert", times=1000))
    for _ in range(3):
        await triage(service, tenant)
        service.clock.advance(minutes=45)
    state = await service.state(tenant, "false-alerts")
    assert state.state == "needs_person"
    assert stuck["id"] in state.detail
    assert round_it["id"] in state.drift[0].field
    told = [e.detail for e in await service.ledger(tenant, "false-alerts") if e.event == "alert_left_open"]
    assert len(told) == 1
    assert "could not be read or closed in 3 visits" in told[0]

    asked = len(patched(tenant))
    await triage(service, tenant)
    assert len(patched(tenant)) == asked
    tenant.faults.clear()
    service.clock.advance(days=1)
    await triage(service, tenant)
    assert shown(tenant.alerts.rows[stuck["id"]]) == CLOSED
    assert stuck["id"] not in (await service.state(tenant, "false-alerts")).detail


async def test_what_is_kept_of_one_alert_and_makes_no_sense_stops_no_other_and_is_a_persons(service, spoil):
    tenant = await guarded(service)
    odd = tenant.alerts.raise_alert(tenant.alerts.mail(FOREIGN))
    await triage(service, tenant)
    await spoil("alerts", odd["id"])
    service.clock.advance(minutes=5)
    other = tenant.alerts.raise_alert(tenant.alerts.mail(OURS))
    for _ in range(2):
        await triage(service, tenant)
        assert shown(tenant.alerts.rows[other["id"]]) == CLOSED
        assert tenant.alerts.rows[odd["id"]]["status"] == "new"
        state = await service.state(tenant, "false-alerts")
        assert (state.state, odd["id"] in state.detail) == ("needs_person", True)
        service.clock.advance(days=1, hours=1)
    told = [e.detail for e in await service.ledger(tenant, "false-alerts") if e.event == "alert_left_open"]
    assert len(told) == 1
    assert "made no sense" in told[0]


async def test_an_alert_that_a_person_opened_again_is_not_closed_though_nobody_knows_that_we_did(service, spoil):
    tenant = await guarded(service)
    alert = tenant.alerts.raise_alert(tenant.alerts.mail(OURS))
    await triage(service, tenant)
    service.clock.advance(minutes=5)
    opened = {"status": "new", "classification": "unknown", "determination": "unknown"}
    tenant.alerts.person(alert["id"], **opened)
    await spoil("alerts", alert["id"])
    for _ in range(2):
        await triage(service, tenant)
        assert shown(tenant.alerts.rows[alert["id"]]) == opened
        service.clock.advance(days=1, hours=1)


async def test_what_a_later_version_keeps_of_one_alert_is_left_alone_and_stops_no_other(service, spoil):
    tenant = await guarded(service)
    newer = tenant.alerts.raise_alert(tenant.alerts.mail(FOREIGN))
    await triage(service, tenant)
    await spoil("alerts", newer["id"], newer=True)
    service.clock.advance(minutes=5)
    other = tenant.alerts.raise_alert(tenant.alerts.mail(OURS))
    await triage(service, tenant)
    assert shown(tenant.alerts.rows[other["id"]]) == CLOSED
    state = await service.state(tenant, "false-alerts")
    assert state.state == "unknown"
    assert f"what is kept of alert {newer['id']} is of a newer version" in state.detail


@pytest.mark.parametrize(("refusal", "requests"), [("nul_403", 1), ("unauthorized", 2)])
async def test_an_alert_that_alone_is_refused_stops_no_other_and_is_a_persons_after_three_visits(
    service, refusal, requests
):
    tenant = await guarded(service)
    refused = tenant.alerts.raise_alert(tenant.alerts.mail(OURS))
    service.clock.advance(seconds=1)
    other = tenant.alerts.raise_alert(tenant.alerts.mail(OURS))
    for _ in range(3):
        tenant.faults.script(Fault(refusal, service="graph", cmdlet="PATCH alert", times=requests))
        assert "alert_left_open" not in {entry.event for entry in await service.ledger(tenant, "false-alerts")}
        await triage(service, tenant)
        assert tenant.alerts.rows[refused["id"]]["status"] == "new"
        assert shown(tenant.alerts.rows[other["id"]]) == CLOSED
        service.clock.advance(minutes=45)
    state = await service.state(tenant, "false-alerts")
    assert (state.state, refused["id"] in state.detail) == ("needs_person", True)
    [told] = [e.detail for e in await service.ledger(tenant, "false-alerts") if e.event == "alert_left_open"]
    assert "could not be read or closed in 3 visits" in told


def changes(service, *refused):
    """Collects each PATCH of an alert, as it leaves for Graph; those of *refused* are answered 403."""
    answer, sent = service.microsoft.side_effect, []

    async def watched(request):
        if request.method == "PATCH":
            sent.append(request.url.path.rpartition("/")[2])
            if sent[-1] in refused:
                return httpx.Response(403, json={"error": {"code": "Forbidden", "message": "not this one"}})
        return await answer(request)

    service.microsoft.side_effect = watched
    return sent


def may_only_read(tenant):
    tenant.access.permissions.discard("SecurityAlert.ReadWrite.All")
    tenant.access.permissions.add("SecurityAlert.Read.All")
    tenant.expire_tokens()


@pytest.mark.parametrize("alerts", [1, 12])
async def test_where_every_change_is_refused_the_state_names_the_grant_and_the_next_visit_after_it_closes_all(
    service, alerts
):
    tenant = await guarded(service)
    may_only_read(tenant)
    raised = []
    for _ in range(alerts):
        raised.append(tenant.alerts.raise_alert(tenant.alerts.mail(OURS))["id"])
        service.clock.advance(seconds=1)
    sent = changes(service)
    for _ in range(4):
        sent.clear()
        await triage(service, tenant)
        assert len(set(sent)) == min(alerts, 2)
        state = await service.state(tenant, "false-alerts")
        assert state.state == "unknown"
        assert "Grant the application SecurityAlert.ReadWrite.All" in state.detail
        service.clock.advance(minutes=45)
    assert "alert_left_open" not in {entry.event for entry in await service.ledger(tenant, "false-alerts")}
    tenant.access.permissions.add("SecurityAlert.ReadWrite.All")
    tenant.expire_tokens()
    await triage(service, tenant)
    assert [shown(tenant.alerts.rows[each]) for each in raised] == [CLOSED] * alerts
    assert (await service.state(tenant, "false-alerts")).state == "compliant"


async def test_two_alerts_that_are_refused_beside_others_stop_none_and_are_a_persons(service):
    tenant = await guarded(service)
    names = []
    for _ in range(3):
        names.append(tenant.alerts.raise_alert(tenant.alerts.mail(OURS))["id"])
        service.clock.advance(seconds=1)
    first, other, last = names
    changes(service, first, last)
    for _ in range(3):
        await triage(service, tenant)
        service.clock.advance(minutes=45)
    assert shown(tenant.alerts.rows[other]) == CLOSED
    state = await service.state(tenant, "false-alerts")
    assert (state.state, first in state.detail, last in state.detail) == ("needs_person", True, True)
