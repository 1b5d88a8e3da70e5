"""The way out: a person opens the lock at once, and it is closed again by the usual road when that ends."""

import json
from datetime import datetime, timedelta

import pytest

from domain.gate import Brake
from handlers.delivery import deliver
from handlers.monthly import month_now
from simulator.faults import Fault
from tests.handlers.web import ask, of

LOCK = "inbound-lockdown"


@pytest.fixture
async def tenant(service):
    tenant = service.world.add_tenant("contoso.example")
    await service.look_after(tenant)
    await service.sweep()
    assert (await service.state(tenant, LOCK)).state == "compliant"
    return tenant


def refusing(tenant):
    rows = tenant.admin("Get-InboundConnector")
    return [row["Name"] for row in rows if row["Enabled"] and row["Name"] in restricting(tenant)]


def restricting(tenant):
    rows = tenant.admin("Get-InboundConnector")
    return [row["Name"] for row in rows if row["RestrictDomainsToIPAddresses"] or row["RestrictDomainsToCertificate"]]


async def asked_for(service, tenant, hours=4):
    until = (service.clock() + timedelta(hours=hours)).isoformat()
    answer = await ask(
        service, "POST", f"tenants/{tenant.tenant_id}/open", {"reason": "mail is refused", "until": until}
    )
    assert answer.status_code == 202
    return of(answer)["id"]


async def opened(service, tenant, hours=4):
    operation = await asked_for(service, tenant, hours)
    await service.work()
    return of(await ask(service, "GET", f"operations/{operation}"))


LAST_ATTEMPT = {"attempt": 20}


async def delivered_as_the_last_attempt(service):
    [body] = await service.messages("remediations")
    assert json.loads(body)["way_out"]
    await deliver("remediations", json.dumps(json.loads(body) | LAST_ATTEMPT).encode(), service.clients)


async def test_every_restricting_connector_is_loosened_and_held_open_until_then(service, tenant):
    ended = await opened(service, tenant)
    assert (ended["kind"], ended["state"]) == ("open", "succeeded")
    assert restricting(tenant) == []
    service.clock.advance(minutes=5)
    await service.sweep()
    state = await service.state(tenant, LOCK)
    assert state.state == "excepted"
    assert "held open: mail is refused" in state.detail
    assert restricting(tenant) == []
    service.clock.advance(hours=4)
    await service.sweep()
    assert restricting(tenant) == ["ExchangeDefender"]
    assert (await service.state(tenant, LOCK)).state == "compliant"


async def test_the_steps_of_an_opening_are_shown_and_nothing_is_written(service, tenant):
    wish = {"reason": "a look", "until": (service.clock() + timedelta(hours=4)).isoformat(), "dry_run": True}
    answer = await ask(service, "POST", f"tenants/{tenant.tenant_id}/open", wish)
    entries = await service.ledger(tenant, LOCK)
    await service.work()
    shown = of(await ask(service, "GET", f"operations/{of(answer)['id']}"))
    [control] = shown["controls"]
    assert (shown["state"], shown["dry_run"], control["state"]) == ("succeeded", True, "compliant")
    assert "-RestrictDomainsToIPAddresses $false" in control["steps"][0]["powershell"]
    assert (restricting(tenant), tenant.writes, await service.ledger(tenant, LOCK)) == (
        ["ExchangeDefender"],
        [],
        entries,
    )
    assert (await service.clients.storage.states.load(tenant.tenant_id)).exceptions == {}


@pytest.mark.parametrize("config", [{"mode": "observe"}, {"mode": "approve"}, "freeze"])
async def test_mode_and_freeze_do_not_keep_a_company_without_mail(service, tenant, config):
    now = service.clock()
    frozen = {"freeze": [{"start": now.isoformat(), "end": (now + timedelta(days=1)).isoformat()}]}
    await service.look_after(tenant, **(frozen if config == "freeze" else config))
    assert (await opened(service, tenant))["state"] == "succeeded"
    assert restricting(tenant) == []


async def test_a_connector_that_somebody_else_made_is_loosened_and_a_person_is_told_how_to_close_it(service, tenant):
    tenant.admin(
        "New-InboundConnector",
        Name="Old filter",
        ConnectorType="Partner",
        SenderDomains=["*"],
        SenderIPAddresses=["198.51.100.0/24"],
        RestrictDomainsToIPAddresses=True,
    )
    await opened(service, tenant)
    assert restricting(tenant) == []
    service.clock.advance(hours=5)
    await service.sweep()
    findings = of(await ask(service, "GET", f"tenants/{tenant.tenant_id}/findings"))
    [finding] = [each for each in findings if each["kind"] == "connector" and each["name"] == "Old filter"]
    assert "Set-InboundConnector -Identity 'Old filter' -RestrictDomainsToIPAddresses $true" in finding["lets_in"]
    assert "Old filter" not in restricting(tenant)


async def test_a_declared_connector_that_was_loosened_is_closed_again_by_the_usual_road(service, tenant):
    restricts = {"SenderDomains": ["*"], "SenderIPAddresses": ["198.51.100.7"], "RestrictDomainsToIPAddresses": True}
    tenant.admin("New-InboundConnector", Name="Scanner", ConnectorType="Partner", **restricts)
    await service.look_after(tenant, service_connectors=[{"name": "Scanner", "sender_ips": ["198.51.100.7"]}])
    await service.sweep()
    await opened(service, tenant)
    await service.sweep()
    assert restricting(tenant) == []
    assert "connector" not in await kinds(service, tenant)
    service.clock.advance(hours=5)
    await service.sweep()
    assert sorted(restricting(tenant)) == ["ExchangeDefender", "Scanner"]
    assert (await service.state(tenant, "service-connectors")).state == "compliant"
    service.clock.advance(minutes=5)
    await service.sweep()
    tenant.admin("Set-InboundConnector", Identity="Scanner", RestrictDomainsToIPAddresses=False)
    service.clock.advance(minutes=5)
    await service.sweep()
    assert restricting(tenant) == ["ExchangeDefender"]  # nobody ever declared that it restricts


async def other_filter(service, tenant):
    """Another's connector that restricts as well, and the finding that it was loosened."""
    tenant.admin(
        "New-InboundConnector",
        Name="Old filter",
        ConnectorType="Partner",
        SenderDomains=["*"],
        SenderIPAddresses=["198.51.100.0/24"],
        RestrictDomainsToIPAddresses=True,
    )
    await opened(service, tenant)
    service.clock.advance(hours=5)
    await service.sweep()
    assert restricting(tenant) == ["ExchangeDefender"]
    findings = of(await ask(service, "GET", f"tenants/{tenant.tenant_id}/findings"))
    [finding] = [each for each in findings if each["kind"] == "connector"]
    assert (await service.state(tenant, LOCK)).state == "needs_person"
    return f"tenants/{tenant.tenant_id}/findings/{finding['id']}"


async def kinds(service, tenant):
    return [each["kind"] for each in of(await ask(service, "GET", f"tenants/{tenant.tenant_id}/findings"))]


async def test_the_loosened_connector_of_another_is_switched_off_where_a_person_has_it_removed(service, tenant):
    finding = await other_filter(service, tenant)
    assert (await ask(service, "POST", f"{finding}/remove", {"reason": "long gone"})).status_code == 202
    await service.work()
    enabled = {row["Name"]: row["Enabled"] for row in tenant.admin("Get-InboundConnector")}
    assert enabled == {"ExchangeDefender": True, "Old filter": False}
    assert "connector" not in await kinds(service, tenant)
    [entry] = [each for each in await service.ledger(tenant, LOCK) if each.event == "corrected" and each.finding]
    await ask(service, "POST", f"tenants/{tenant.tenant_id}/controls/{LOCK}/undo", {"entry": entry.id})
    await service.work()
    assert {row["Name"]: row["Enabled"] for row in tenant.admin("Get-InboundConnector")}["Old filter"]


async def test_the_finding_is_over_once_somebody_has_closed_that_connector_again(service, tenant):
    await other_filter(service, tenant)
    tenant.admin("Set-InboundConnector", Identity="Old filter", RestrictDomainsToIPAddresses=True)
    service.clock.advance(minutes=5)
    await service.sweep()
    assert "connector" not in await kinds(service, tenant)
    assert (await service.state(tenant, LOCK)).state == "compliant"


async def test_an_undo_that_would_close_is_refused_while_mail_is_held_open(service, tenant):
    restricts = {"SenderDomains": ["*"], "SenderIPAddresses": ["198.51.100.7"], "RestrictDomainsToIPAddresses": True}
    tenant.admin("New-InboundConnector", Name="Old filter", ConnectorType="Partner", **restricts)
    service.clock.advance(minutes=15)
    await service.sweep()
    findings = of(await ask(service, "GET", f"tenants/{tenant.tenant_id}/findings"))
    [finding] = [each for each in findings if each["control"] == "lock-bypass"]
    await ask(service, "POST", f"tenants/{tenant.tenant_id}/findings/{finding['id']}/remove", {"reason": "not ours"})
    await service.work()
    [entry] = [each for each in await service.ledger(tenant, "lock-bypass") if each.event == "corrected"]
    await opened(service, tenant)
    answer = await ask(
        service, "POST", f"tenants/{tenant.tenant_id}/controls/lock-bypass/undo", {"entry": entry.id, "reason": "ours"}
    )
    await service.work()
    ended = of(await ask(service, "GET", f"operations/{of(answer)['id']}"))
    assert ended["state"] == "held"
    assert "guard: mail is held open until" in ended["controls"][0]["detail"]
    assert {row["Name"]: row["Enabled"] for row in tenant.admin("Get-InboundConnector")}["Old filter"] is False


async def test_an_engaged_brake_stops_it_and_shows_what_to_type(service, tenant):
    await service.clients.storage.switches.set_brake(Brake(engaged=True, reason="incident", by="ann"))
    ended = await opened(service, tenant)
    assert ended["state"] == "held"
    [control] = ended["controls"]
    assert "incident" in control["detail"]
    assert [step["powershell"] for step in control["steps"]] == [
        "Set-InboundConnector -Identity 'ExchangeDefender' -RestrictDomainsToIPAddresses $false"
    ]
    assert restricting(tenant) == ["ExchangeDefender"]


async def test_a_lost_answer_is_looked_for(service, tenant):
    tenant.faults.script(Fault("cut", cmdlet="Set-InboundConnector", phase="after"))
    assert (await opened(service, tenant))["state"] == "succeeded"
    assert restricting(tenant) == []


def set_lock(tenant, *, restricts):
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", RestrictDomainsToIPAddresses=restricts)


async def closed_a_moment_ago(service, tenant, lag=0):
    """A write that closes has left, and one delivery of its job is over. *lag*: looks that do not show it yet."""
    set_lock(tenant, restricts=False)
    tenant.lag(lag, "InboundConnector")
    service.clock.advance(minutes=5)
    await service.check(tenant, controls=(LOCK,))
    [body] = await service.messages("remediations")
    await deliver("remediations", body, service.clients)


async def later(service, minutes):
    for _ in range(minutes // 2):
        service.clock.advance(minutes=2)
        await service.sweep()


async def test_a_close_that_was_answered_and_does_not_show_yet_is_loosened_at_once(service, tenant):
    await closed_a_moment_ago(service, tenant, lag=30)
    tenant.lag(0, "InboundConnector")
    assert restricting(tenant) == ["ExchangeDefender"]
    ended = await opened(service, tenant)
    assert (ended["state"], restricting(tenant)) == ("running", [])
    assert "may still close it" in ended["controls"][0]["detail"]
    await later(service, 24)
    ended = of(await ask(service, "GET", f"operations/{ended['id']}"))
    assert (ended["state"], len(ended["controls"][0]["steps"]), restricting(tenant)) == ("succeeded", 1, [])
    assert (await service.state(tenant, LOCK)).state == "excepted"


async def test_a_close_whose_answer_was_lost_is_loosened_when_it_lands(service, tenant):
    tenant.faults.script(Fault("cut", cmdlet="Set-InboundConnector", phase="before"))
    await closed_a_moment_ago(service, tenant)
    ended = await opened(service, tenant)
    assert (ended["state"], restricting(tenant)) == ("running", [])
    await later(service, 12)
    set_lock(tenant, restricts=True)  # it has run for so long
    await later(service, 4)
    assert restricting(tenant) == []
    await later(service, 8)
    ended = of(await ask(service, "GET", f"operations/{ended['id']}"))
    assert (ended["state"], restricting(tenant)) == ("succeeded", [])


async def test_a_look_that_lags_behind_a_close_that_was_proven_hides_nothing(service, tenant):
    await closed_a_moment_ago(service, tenant)
    assert (await service.state(tenant, LOCK)).state == "compliant"
    set_lock(tenant, restricts=False)
    tenant.lag(30, "InboundConnector")
    set_lock(tenant, restricts=True)
    tenant.lag(0, "InboundConnector")
    assert (await opened(service, tenant))["state"] == "succeeded"
    assert restricting(tenant) == []


async def test_who_ends_the_hold_while_a_write_may_still_land_is_not_overruled(service, tenant):
    tenant.faults.script(Fault("cut", cmdlet="Set-InboundConnector", phase="before"))
    await closed_a_moment_ago(service, tenant)
    ended = await opened(service, tenant)
    await ask(service, "DELETE", f"tenants/{tenant.tenant_id}/controls/{LOCK}/except")
    set_lock(tenant, restricts=True)
    await later(service, 4)
    assert restricting(tenant) == ["ExchangeDefender"]
    ended = of(await ask(service, "GET", f"operations/{ended['id']}"))
    assert (ended["state"], ended["controls"][0]["detail"]) == ("succeeded", "loosened, and no longer held open")


async def test_a_lock_that_was_switched_off_by_hand_is_open_only_once_its_lost_enabling_cannot_land(service, tenant):
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    tenant.faults.script(Fault("cut", cmdlet="Set-InboundConnector", phase="before"))
    service.clock.advance(minutes=5)
    await service.check(tenant, controls=(LOCK,))
    [body] = await service.messages("remediations")
    await deliver("remediations", body, service.clients)
    assert (refusing(tenant), restricting(tenant)) == ([], ["ExchangeDefender"])
    tenant.faults.script(Fault("nul_403", cmdlet="Set-InboundConnector"))  # the loosening is refused
    ended = await opened(service, tenant)
    assert ended["state"] == "running"
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=True)  # it lands
    await later(service, 4)
    assert refusing(tenant) == []
    await later(service, 20)
    ended = of(await ask(service, "GET", f"operations/{ended['id']}"))
    assert (ended["state"], refusing(tenant)) == ("succeeded", [])


async def test_a_proven_close_that_a_look_lags_behind_is_loosened_again_where_that_was_refused(service, tenant):
    await closed_a_moment_ago(service, tenant)
    assert (await service.state(tenant, LOCK)).state == "compliant"
    set_lock(tenant, restricts=False)
    tenant.lag(8, "InboundConnector")
    set_lock(tenant, restricts=True)
    tenant.faults.script(Fault("nul_403", cmdlet="Set-InboundConnector"))
    ended = await opened(service, tenant)
    assert (ended["state"], restricting(tenant)) == ("running", ["ExchangeDefender"])
    tenant.lag(0, "InboundConnector")
    await later(service, 4)
    ended = of(await ask(service, "GET", f"operations/{ended['id']}"))
    assert (ended["state"], restricting(tenant)) == ("succeeded", [])


async def test_an_opening_waits_for_whoever_has_the_tenant_and_nothing_closes_meanwhile(service, tenant):
    set_lock(tenant, restricts=False)
    async with service.clients.storage.leases.hold(tenant.tenant_id):
        operation = await asked_for(service, tenant)
        service.clock.advance(minutes=50)
        await delivered_as_the_last_attempt(service)
        kept = await service.clients.storage.states.load(tenant.tenant_id)
        assert {control for control, each in kept.exceptions.items() if each.held_open_until} == {
            LOCK,
            "service-connectors",
        }
    assert of(await ask(service, "GET", f"operations/{operation}"))["state"] == "queued"
    set_lock(tenant, restricts=True)
    tenant.lag(5, "InboundConnector")
    await service.remediate(
        tenant, LOCK, operation_id=operation, requested_by="ann", way_out=True, asked_at=service.clock()
    )
    assert of(await ask(service, "GET", f"operations/{operation}"))["state"] == "running"  # it may show late
    tenant.lag(0, "InboundConnector")
    await service.remediate(tenant, LOCK, operation_id=operation, requested_by="ann", way_out=True)
    assert (of(await ask(service, "GET", f"operations/{operation}"))["state"], restricting(tenant)) == ("succeeded", [])


async def test_a_worker_that_has_the_tenant_as_it_is_held_open_does_not_close_it(service, tenant, meanwhile):
    set_lock(tenant, restricts=False)
    service.clock.advance(minutes=5)
    await service.check(tenant, controls=(LOCK,))
    [body] = await service.messages("remediations")

    async def opening_meanwhile():
        await asked_for(service, tenant)
        [opening] = await service.messages("remediations")
        await deliver("remediations", opening, service.clients)

    meanwhile("(PUT|POST|PATCH) .*/written", opening_meanwhile)  # every gate has let the close pass
    await deliver("remediations", body, service.clients)
    assert (tenant.writes, restricting(tenant)) == ([], [])


async def test_an_opening_that_no_worker_could_begin_for_an_hour_is_given_up_and_stays_held(service, tenant):
    async with service.clients.storage.leases.hold(tenant.tenant_id):
        operation = await asked_for(service, tenant)
        service.clock.advance(minutes=61)
        await delivered_as_the_last_attempt(service)
    assert of(await ask(service, "GET", f"operations/{operation}"))["state"] == "failed"
    assert (await service.clients.storage.states.load(tenant.tenant_id)).exceptions[LOCK].held_open_until


async def test_an_opening_that_comes_after_its_end_loosens_nothing(service, tenant):
    async with service.clients.storage.leases.hold(tenant.tenant_id):
        operation = await asked_for(service, tenant, hours=0.5)
        await delivered_as_the_last_attempt(service)
    service.clock.advance(minutes=31)
    await service.remediate(tenant, LOCK, operation_id=operation, requested_by="ann", way_out=True)
    ended = of(await ask(service, "GET", f"operations/{operation}"))
    assert (ended["state"], restricting(tenant)) == ("failed", ["ExchangeDefender"])


async def test_waiting_for_a_lost_close_uses_no_attempt(service, tenant):
    tenant.faults.script(Fault("cut", cmdlet="Set-InboundConnector", phase="before"))
    await closed_a_moment_ago(service, tenant)
    operation = await asked_for(service, tenant)
    for body in await service.messages("remediations"):
        if json.loads(body)["way_out"]:
            await deliver("remediations", json.dumps(json.loads(body) | LAST_ATTEMPT).encode(), service.clients)
    assert of(await ask(service, "GET", f"operations/{operation}"))["state"] == "running"
    await later(service, 12)
    set_lock(tenant, restricts=True)
    await later(service, 12)
    assert of(await ask(service, "GET", f"operations/{operation}"))["state"] == "succeeded"
    assert restricting(tenant) == []


async def test_a_hold_stays_where_the_connectors_cannot_be_read(service, tenant):
    tenant.faults.script(Fault("nul_403", cmdlet="Get-InboundConnector", times=50))
    ended = await opened(service, tenant)
    assert (ended["state"], "could not be read" in ended["controls"][0]["detail"]) == ("failed", True)
    assert (await service.clients.storage.states.load(tenant.tenant_id)).exceptions[LOCK].held_open_until


@pytest.mark.parametrize("control", [LOCK, "service-connectors"])
async def test_an_opening_does_not_shorten_an_exception_that_somebody_had_made(service, tenant, control):
    until = (service.clock() + timedelta(days=90)).isoformat()
    made = {"reason": "migration", "owner": "ann", "until": until}
    await ask(service, "POST", f"tenants/{tenant.tenant_id}/controls/{control}/except", made)
    await service.work()
    ended = await opened(service, tenant)
    service.clock.advance(hours=5)
    await service.sweep()
    assert restricting(tenant) == ([] if control == LOCK else ["ExchangeDefender"])
    kept = (await service.clients.storage.states.load(tenant.tenant_id)).exceptions[control]
    assert kept.until.isoformat() == until
    [told] = [each for each in await service.ledger(tenant, LOCK) if each.event == "opening"]
    for said in ("held open: mail is refused", "migration", "accepted by ann"):
        assert said in kept.reason or said in kept.sentence
        assert said in told.detail
    stays = "NOT put back at 2026-11-23 16:00:00 UTC, as an exception lasts longer: "
    stays += f"{control} until 2027-02-21 12:00:00 UTC"
    [done] = [each for each in await service.ledger(tenant, LOCK) if each.event == "opened"]
    assert ended["controls"][0]["detail"] == f"no connector refuses mail any more; {stays}"
    assert stays in told.detail
    assert stays in done.detail


async def test_how_long_it_stays_open_under_a_longer_exception_is_told_to_who_leaves(service, tenant):
    until = service.clock() + timedelta(days=90)
    await accept(service, tenant, until)
    await opened(service, tenant)
    await service.sweep()
    leaving = of(await ask(service, "GET", f"tenants/{tenant.tenant_id}/leaving"))
    assert datetime.fromisoformat(leaving["held_open_until"]) == until
    told = (await service.state(tenant, LOCK)).detail
    assert "held open: mail is refused until 2026-11-23T16:00" in told
    assert "and not put back then: accepted by ann until 2027-02-21" in told


async def accept(service, tenant, until, control=LOCK):
    wish = {"reason": "migration", "owner": "ann", "until": until.isoformat()}
    return await ask(service, "POST", f"tenants/{tenant.tenant_id}/controls/{control}/except", wish)


async def test_an_exception_made_while_mail_is_held_open_ends_no_hold(service, tenant):
    await opened(service, tenant)
    end = service.clock() + timedelta(hours=4)
    refused = await accept(service, tenant, service.clock() + timedelta(hours=1))
    assert refused.status_code == 422
    assert "body.until: should not be before that, as a person holds mail open until" in of(refused)["detail"]
    longer = await accept(service, tenant, service.clock() + timedelta(days=90))
    assert longer.status_code == 200
    held = (await service.clients.storage.states.load(tenant.tenant_id)).exceptions[LOCK]
    assert held.held_open_until
    assert abs(held.held_open_until - end) < timedelta(seconds=1)
    assert of(longer)["held_open_until"]


async def test_who_ends_the_hold_first_may_accept_less(service, tenant):
    await opened(service, tenant)
    await ask(service, "DELETE", f"tenants/{tenant.tenant_id}/controls/{LOCK}/except")
    assert (await accept(service, tenant, service.clock() + timedelta(hours=1))).status_code == 200
    held = (await service.clients.storage.states.load(tenant.tenant_id)).exceptions[LOCK]
    assert held.held_open_until is None


async def test_the_ledger_names_who_holds_mail_open_once_however_often_the_job_is_delivered(service, tenant):
    until = (service.clock() + timedelta(hours=4)).isoformat()
    wish = {"reason": "mail is refused", "until": until}
    await ask(service, "POST", f"tenants/{tenant.tenant_id}/open", wish)
    [body] = await service.messages("remediations")
    for _ in range(2):
        await deliver("remediations", body, service.clients)
    made = [each for each in await service.ledger(tenant) if each.event == "exception_made"]
    assert {(each.control, each.detail, each.actor, each.reason) for each in made} == {
        (control, f"accepted by key dev until {until}: held open: mail is refused", "key dev", "mail is refused")
        for control in (LOCK, "service-connectors")
    }
    assert len(made) == 2
    service.clock.advance(hours=5)
    await service.sweep()
    month = await month_now(tenant.tenant_id, "2026-11", service.clients)
    assert sorted((each.control, each.owner, each.reason) for each in month.accepted) == [
        (control, "key dev", "held open: mail is refused") for control in (LOCK, "service-connectors")
    ]


async def test_the_end_has_to_be_in_the_future(service, tenant):
    body = {"reason": "x", "until": service.clock().isoformat()}
    assert (await ask(service, "POST", f"tenants/{tenant.tenant_id}/open", body)).status_code == 422


async def test_and_at_most_a_year_ahead(service, tenant):
    until = (service.clock() + timedelta(days=367)).isoformat()
    answer = await ask(service, "POST", f"tenants/{tenant.tenant_id}/open", {"reason": "x", "until": until})
    assert answer.status_code == 422
    assert restricting(tenant) == ["ExchangeDefender"]


async def test_what_was_proven_before_it_lets_nothing_open_where_the_connectors_cannot_be_read(service, tenant):
    tenant.admin("Set-AntiPhishPolicy", Identity="Office365 AntiPhish Default", EnableSpoofIntelligence=True)
    await opened(service, tenant)
    tenant.faults.script(Fault("nul_403", cmdlet="Get-InboundConnector", times=50))
    answer = await ask(
        service, "POST", f"tenants/{tenant.tenant_id}/reprovision", {"controls": ["spoof-intelligence"], "reason": "x"}
    )
    assert answer.status_code == 202
    await service.work()
    state = await service.state(tenant, "spoof-intelligence")
    assert state.state == "held"
    assert "lock not proven: accepted by" in state.detail


async def test_a_locked_tenant_is_not_forgotten_before_it_was_opened(service, tenant):
    answer = await ask(service, "DELETE", f"tenants/{tenant.tenant_id}")
    assert answer.status_code == 409
    assert "open it first" in of(answer)["detail"]
    await opened(service, tenant)
    await service.work()
    assert (await ask(service, "DELETE", f"tenants/{tenant.tenant_id}")).status_code == 204


async def test_a_lock_that_was_opened_in_the_portal_is_closed_again_and_what_is_told_says_how_to_hold_it(
    service, tenant
):
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", RestrictDomainsToIPAddresses=False)
    service.clock.advance(minutes=5)
    await service.sweep()
    assert restricting(tenant) == ["ExchangeDefender"]
    [told] = [entry for entry in await service.ledger(tenant, LOCK) if entry.event == "drift_found"]
    assert "holdfast open" in told.detail


@pytest.mark.parametrize(("kind", "begun"), [("throttled", "throttled until"), ("cut", "no answer, not asked until")])
async def test_a_rest_of_the_tenant_keeps_no_opening_from_being_tried(service, tenant, kind, begun):
    tenant.faults.script(Fault(kind, service="exchange", retry_after=3600, times=500))
    for _ in range(2):
        service.clock.advance(minutes=5)
        await service.sweep()
    assert begun in (await service.state(tenant, LOCK)).detail
    tenant.faults.clear()
    ended = await opened(service, tenant)
    assert (ended["state"], restricting(tenant)) == ("succeeded", [])
