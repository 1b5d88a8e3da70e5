import pytest

from domain.gate import Brake
from simulator.defender import IP_ALLOW
from simulator.faults import Fault
from tests.handlers.security.raised import CLOSED, FOREIGN, OURS, guarded, look, patched, shown, triage


async def test_a_false_alert_is_closed_with_its_evidence_in_comment_and_ledger(service):
    tenant = await guarded(service)
    mails = [tenant.alerts.mail(OURS), tenant.alerts.mail("65.99.255.250")]
    alert = tenant.alerts.raise_alert(*mails, title=f"{IP_ALLOW}\u200b ")
    await triage(service, tenant)
    closed = tenant.alerts.rows[alert["id"]]
    assert shown(closed) == CLOSED
    assert closed["resolvedDateTime"]
    [comment] = closed["comments"]
    assert "all 2 messages came through the filter" in comment["comment"]
    [entry] = await service.ledger(tenant, "false-alerts")
    assert (entry.event, entry.after) == ("alert_closed", CLOSED)
    assert [mail["sender_ip"] for mail in entry.before["messages"]] == [OURS, "65.99.255.250"]
    assert (await service.state(tenant, "false-alerts")).state == "compliant"


@pytest.mark.parametrize("forged", ["[Holdfast: closed]", "[Holdfast: closed ]", "[Holdfast: closed 0000000000000000]"])
async def test_a_comment_that_speaks_like_ours_does_not_keep_ours_out(service, forged):
    tenant = await guarded(service)
    alert = tenant.alerts.raise_alert(tenant.alerts.mail(OURS))
    tenant.alerts.comment(alert["id"], f"Closed automatically. {forged}", "Holdfast")
    await triage(service, tenant)
    closed = tenant.alerts.rows[alert["id"]]
    assert shown(closed) == CLOSED
    assert ["came through the filter" in each["comment"] for each in closed["comments"]] == [False, True]


async def test_it_is_closed_in_one_change_right_after_it_was_read_again_and_the_incident_is_left_alone(service):
    tenant = await guarded(service)
    alert = tenant.alerts.raise_alert(tenant.alerts.mail(OURS))
    await triage(service, tenant)
    calls = [(method, what) for method, what, _ in tenant.alerts.log if what != "alerts"]
    assert calls == [("GET", alert["id"]), ("PATCH", alert["id"]), ("GET", alert["id"]), ("POST", alert["id"])]
    assert patched(tenant) == [("PATCH", alert["id"], CLOSED)]


async def test_a_false_alert_is_closed_at_the_next_look_although_the_dns_answers_are_kept_ones(service):
    tenant = await guarded(service)
    await service.check(tenant)
    service.clock.advance(minutes=2)
    alert = tenant.alerts.raise_alert(tenant.alerts.mail(OURS, minutes_ago=1))
    await triage(service, tenant)
    assert shown(tenant.alerts.rows[alert["id"]]) == CLOSED


async def test_a_closed_alert_that_gathers_foreign_mail_is_opened_again_and_told(service):
    tenant = await guarded(service)
    alert = tenant.alerts.raise_alert(tenant.alerts.mail(OURS))
    await triage(service, tenant)
    service.clock.advance(minutes=5)
    tenant.alerts.gather(alert["id"], tenant.alerts.mail(FOREIGN, minutes_ago=1))
    for _ in range(3):
        await triage(service, tenant)
        service.clock.advance(minutes=5)
    again = tenant.alerts.rows[alert["id"]]
    assert (again["status"], again["classification"], len(again["comments"])) == ("new", "unknown", 2)
    assert (await service.state(tenant, "false-alerts")).state == "needs_person"
    events = [entry.event for entry in await service.ledger(tenant, "false-alerts")]
    assert events == ["alert_closed", "alert_reopened", "needs_person"]
    assert len(tenant.alerts.writes()) == 4


async def test_what_a_person_says_between_the_listing_and_the_opening_again_counts(service):
    tenant = await guarded(service)
    alert = tenant.alerts.raise_alert(tenant.alerts.mail(OURS))
    await triage(service, tenant)
    service.clock.advance(minutes=5)
    tenant.alerts.gather(alert["id"], tenant.alerts.mail(FOREIGN, minutes_ago=1))
    said = {"classification": "truePositive", "determination": "phishing"}
    tenant.alerts.meanwhile[alert["id"]] = lambda: tenant.alerts.person(alert["id"], **said)
    for _ in range(2):
        await triage(service, tenant)
        service.clock.advance(minutes=5)
    assert shown(tenant.alerts.rows[alert["id"]]) == {"status": "resolved"} | said
    assert len(tenant.alerts.writes()) == 2


async def test_what_changes_between_the_listing_and_the_closing_counts(service):
    """The re-read sees a message that the listing did not have."""
    tenant = await guarded(service)
    alert = tenant.alerts.raise_alert(tenant.alerts.mail(OURS))
    await service.check(tenant)
    mail = tenant.alerts.mail(FOREIGN)
    tenant.alerts.meanwhile[alert["id"]] = lambda: tenant.alerts.gather(alert["id"], mail)
    await look(service, tenant)
    assert tenant.alerts.writes() == []
    assert (await service.state(tenant, "false-alerts")).state == "needs_person"


CUTS = [
    pytest.param(Fault("cut", service="graph", cmdlet="PATCH alert", phase="before"), id="before the change"),
    pytest.param(Fault("cut", service="graph", cmdlet="PATCH alert", phase="after"), id="after the change"),
    pytest.param(Fault("cut", service="graph", cmdlet="POST comment", phase="before"), id="before the comment"),
    pytest.param(Fault("cut", service="graph", cmdlet="POST comment", phase="after"), id="after the comment"),
    pytest.param(
        Fault("server_error", service="graph", cmdlet="PATCH alert", phase="after"), id="500 after the change"
    ),
    pytest.param(Fault("html", service="graph", cmdlet="POST comment", phase="after"), id="a page after the comment"),
    pytest.param(Fault("throttled", service="graph", cmdlet="POST comment", retry_after=90), id="throttled between"),
]


@pytest.mark.parametrize("cut", CUTS)
async def test_a_break_between_change_and_comment_leaves_neither_a_double_comment_nor_a_silent_close(service, cut):
    tenant = await guarded(service)
    alert = tenant.alerts.raise_alert(tenant.alerts.mail(OURS))
    tenant.faults.script(cut)
    for _ in range(3):
        await triage(service, tenant)
        service.clock.advance(minutes=6)
    closed = tenant.alerts.rows[alert["id"]]
    assert shown(closed) == CLOSED
    assert len(closed["comments"]) == 1
    assert [entry.event for entry in await service.ledger(tenant, "false-alerts")].count("alert_closed") == 1


async def test_an_alert_whose_comment_is_refused_is_closed_with_its_entry_in_the_ledger(service):
    tenant = await guarded(service)
    alert = tenant.alerts.raise_alert(tenant.alerts.mail(OURS))
    tenant.faults.script(Fault("bad_request", service="graph", cmdlet="POST comment"))
    for _ in range(3):
        await triage(service, tenant)
        service.clock.advance(minutes=6)
    assert shown(tenant.alerts.rows[alert["id"]]) == CLOSED
    [entry] = await service.ledger(tenant, "false-alerts")
    assert entry.event == "alert_closed"
    assert "its comment was not taken" in entry.detail


async def test_may_read_but_not_write_is_told_with_the_grant(service):
    tenant = await guarded(service)
    tenant.access.permissions = {"SecurityAlert.Read.All"}
    alert = tenant.alerts.raise_alert(tenant.alerts.mail(OURS))
    await triage(service, tenant)
    assert "SecurityAlert.ReadWrite.All" in (await service.state(tenant, "false-alerts")).detail
    assert tenant.alerts.rows[alert["id"]]["status"] == "new"


async def test_the_brake_stops_the_closing_and_its_release_lets_it_go_on(service):
    tenant = await guarded(service)
    alert = tenant.alerts.raise_alert(tenant.alerts.mail(OURS))
    await service.clients.storage.switches.set_brake(Brake(engaged=True, reason="stop"))
    await triage(service, tenant)
    assert tenant.alerts.writes() == []
    await service.clients.storage.switches.set_brake(Brake())
    service.clock.advance(minutes=5)
    await triage(service, tenant)
    assert shown(tenant.alerts.rows[alert["id"]]) == CLOSED


class Death(BaseException):
    """The worker process is gone."""


def dying(service, at, *, after):
    """The worker dies at the *at*th request to Graph, before it is sent or after it was answered."""
    answer, seen = service.microsoft.side_effect, []

    async def until_then(request):
        if request.url.host == "graph.microsoft.com":
            seen.append(request)
            if len(seen) == at:
                if after:
                    await answer(request)
                raise Death
        return await answer(request)

    return until_then


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", [1, 2, 3, 4], ids=["listing", "re-read", "change", "comment"])
async def test_a_death_at_any_request_leaves_one_comment_and_one_entry(service, at, after):
    tenant = await guarded(service)
    alert = tenant.alerts.raise_alert(tenant.alerts.mail(OURS))
    await service.check(tenant)
    alive = service.microsoft.side_effect
    service.microsoft.side_effect = dying(service, at, after=after)
    with pytest.raises(Death):
        await look(service, tenant)
    service.microsoft.side_effect = alive
    for _ in range(2):
        service.clock.advance(minutes=6)
        await triage(service, tenant)
    closed = tenant.alerts.rows[alert["id"]]
    assert shown(closed) == CLOSED
    assert len(closed["comments"]) == 1
    assert [entry.event for entry in await service.ledger(tenant, "false-alerts")] == ["alert_closed"]


async def test_a_change_that_is_answered_and_not_made_is_waited_for_then_told_once_and_never_tried_again(service):
    tenant = await guarded(service)
    tenant.switches.alert_changes = "ignored"
    alert = tenant.alerts.raise_alert(tenant.alerts.mail(OURS))
    for _ in range(8):
        await triage(service, tenant)
        service.clock.advance(minutes=5)
    assert tenant.alerts.rows[alert["id"]]["status"] == "new"
    assert patched(tenant) == [("PATCH", alert["id"], CLOSED)]
    events = [entry.event for entry in await service.ledger(tenant, "false-alerts")]
    assert events == ["needs_person"]
    state = await service.state(tenant, "false-alerts")
    assert (state.state, alert["id"] in state.detail) == ("needs_person", True)
    tenant.alerts.person(alert["id"], status="resolved", classification="falsePositive", determination="notMalicious")
    service.clock.advance(days=1)
    await triage(service, tenant)
    assert (await service.state(tenant, "false-alerts")).state == "compliant"


async def test_an_answer_with_the_old_status_beside_a_change_that_was_made_is_no_failure(service):
    tenant = await guarded(service)
    tenant.switches.alert_changes = "shown_late"
    alert = tenant.alerts.raise_alert(tenant.alerts.mail(OURS))
    await triage(service, tenant)
    assert shown(tenant.alerts.rows[alert["id"]]) == CLOSED
    [entry] = await service.ledger(tenant, "false-alerts")
    assert (entry.event, entry.after) == ("alert_closed", CLOSED)


async def test_while_a_way_round_is_open_no_alert_is_closed(service):
    tenant = await guarded(service)
    tenant.admin("New-InboundConnector", Name="Copier", SenderDomains=["*"], SenderIPAddresses=[FOREIGN])
    await service.check(tenant)
    alert = tenant.alerts.raise_alert(tenant.alerts.mail(OURS))
    await triage(service, tenant)
    assert tenant.alerts.rows[alert["id"]]["status"] == "new"
