"""A tenant that is throttled at one service rests there, and costs nobody else anything."""

import asyncio
import re
from dataclasses import replace
from datetime import timedelta

import pytest

from domain.controls import CATALOGUE
from domain.jobs import CheckTenant, VisitShard
from handlers import on_request
from handlers.delivery import deliver
from handlers.loop import tick
from handlers.on_request import ReprovisionRequest, Requester
from simulator.faults import Fault
from tests.handlers.security.watched import read, watched
from tests.handlers.web import ask

OFF = ("Set-InboundConnector", {"Identity": "ExchangeDefender", "Enabled": False})


async def visit(service, *tenants, looks=("fast", "slow", "alerts", "audit")):
    shard = VisitShard(tenants=tuple(each.tenant_id for each in tenants), looks=looks, due_by=service.clock())
    await deliver("checks", shard.body.encode(), service.clients)


async def three(service):
    tenants = [service.world.add_tenant(f"t{number}.example", state="healthy") for number in range(3)]
    for tenant in tenants:
        await service.look_after(tenant)
    return tenants


def asked_of_exchange(service):
    return [call for call in service.microsoft.calls if call.request.url.host == "outlook.office365.com"]


@pytest.mark.parametrize("retry_after", [None, 300], ids=["no wait named", "a wait named"])
async def test_a_service_that_turns_a_tenant_away_gets_at_most_four_requests_in_a_visit(service, retry_after):
    [sick, *_] = await three(service)
    sick.faults.script(Fault("throttled", retry_after=retry_after, times=500))
    await visit(service, sick, looks=("fast",))
    assert len(asked_of_exchange(service)) <= 4
    state = await service.state(sick, "oof-rule")
    assert state.state == "unknown"
    assert "throttled until 2026-11-23T12:" in state.detail


async def test_a_wait_of_hours_is_told_as_the_service_named_it_and_a_job_comes_back_sooner(service):
    [sick, *_] = await three(service)
    await visit(service, sick, looks=("fast",))
    sick.admin(OFF[0], **OFF[1])
    service.clock.advance(minutes=5)
    sick.faults.script(Fault("throttled", retry_after=5 * 3600, times=1))
    await service.remediate(sick, "inbound-lockdown")
    await visit(service, sick, looks=("fast",))
    state = await service.state(sick, "oof-rule")
    assert (state.state, state.detail[:32]) == ("unknown", "throttled until 2026-11-23T17:05")
    [due] = [each async for each in service.clients.storage.due.due(service.clock() + timedelta(hours=1, minutes=1))]
    assert due.queue == "remediations"

    service.clock.advance(hours=4, minutes=50)
    await visit(service, sick, looks=("fast",))
    assert (await service.state(sick, "oof-rule")).state == "unknown"
    service.clock.advance(minutes=15)
    await visit(service, sick, looks=("fast",))
    assert (await service.state(sick, "oof-rule")).state == "compliant"


async def test_only_that_service_rests_and_only_for_that_tenant(service):
    [sick, *others] = await three(service)
    sick.faults.script(Fault("throttled", service="exchange", retry_after=600, times=500))
    await visit(service, sick, *others)
    assert (await service.state(sick, "oof-rule")).state == "unknown"
    assert (await service.state(sick, "audit-feed")).state == "compliant"
    assert {(await service.state(tenant, "oof-rule")).state for tenant in others} == {"compliant"}


async def test_while_it_rests_nothing_is_asked_there_by_anybody_and_afterwards_it_is_looked_at_again(service):
    [sick, *_] = await three(service)
    sick.faults.script(Fault("throttled", retry_after=600, times=1))
    await visit(service, sick, looks=("fast",))
    asked = len(asked_of_exchange(service))
    service.clock.advance(minutes=5)
    await visit(service, sick, looks=("fast",))
    assert len(asked_of_exchange(service)) == asked

    service.clock.advance(minutes=6)
    await visit(service, sick, looks=("fast",))
    assert (await service.state(sick, "oof-rule")).state == "compliant"


async def test_a_persons_check_during_the_rest_ends_at_once_and_says_so(service):
    [sick, *_] = await three(service)
    sick.faults.script(Fault("throttled", retry_after=600, times=500))
    await visit(service, sick, looks=("fast",))
    operation = await on_request.check(sick.tenant_id, Requester("ann"), service.clients)
    [body] = await service.messages("checks")
    await deliver("checks", body, service.clients)
    ended = await service.clients.storage.operations.get(operation.id)
    assert ended.finished_at
    assert "throttled until" in next(each.detail for each in ended.controls if each.id == "oof-rule")
    assert await service.messages("checks") == []


async def test_checks_that_many_people_ask_for_at_once_cost_two_at_most_and_each_gets_an_answer(service):
    [tenant, *_] = await three(service)
    tenant.faults.script(Fault("slow", service="exchange", seconds=0.2, times=50))
    asked = [on_request.check(tenant.tenant_id, Requester(f"p{number}"), service.clients) for number in range(8)]
    operations = [await each for each in asked]
    bodies = await service.messages("checks")
    assert len(bodies) == 8
    await asyncio.gather(*(deliver("checks", body, service.clients) for body in bodies[:4]))
    for body in (*bodies[4:], *bodies[:4]):  # those that were put back come again
        await deliver("checks", body, service.clients)
    ended = [await service.clients.storage.operations.get(each.id) for each in operations]
    assert {each.state for each in ended} == {"succeeded"}
    assert {len(each.controls) for each in ended} == {len(CATALOGUE)}
    batches = sum("$batch" in str(call.request.url) for call in asked_of_exchange(service))
    assert batches <= 2


async def test_who_asks_after_a_look_began_gets_a_look_of_their_own(service):
    [tenant, *_] = await three(service)
    for _ in range(2):
        await on_request.check(tenant.tenant_id, Requester("ann"), service.clients)
        asked = len(asked_of_exchange(service))
        for body in await service.messages("checks"):
            await deliver("checks", body, service.clients)
        assert len(asked_of_exchange(service)) > asked


async def looks_for(service, tenant, bodies):
    """How many looks *bodies* cost, delivered at once, and again what was put back."""
    before = sum("$batch" in str(call.request.url) for call in asked_of_exchange(service))
    tenant.faults.script(Fault("slow", service="exchange", seconds=0.2, times=50))
    await asyncio.gather(*(deliver("checks", body, service.clients) for body in bodies))
    for body in bodies:
        await deliver("checks", body, service.clients)
    tenant.faults.clear()
    return sum("$batch" in str(call.request.url) for call in asked_of_exchange(service)) - before


async def test_looks_that_the_service_itself_asks_for_cost_one_where_one_will_do(service):
    [tenant, *_] = await three(service)
    until = (service.clock() + timedelta(days=1)).isoformat()
    wish = {"reason": "a move", "owner": "ann", "until": until}
    for _ in range(6):
        await ask(service, "POST", f"tenants/{tenant.tenant_id}/controls/inbound-lockdown/except", wish)
    bodies = await service.messages("checks")
    assert len(bodies) == 6
    assert await looks_for(service, tenant, bodies) == 1


async def test_looks_that_the_audit_feed_asks_for_in_turn_cost_one(service):
    tenant = await watched(service, audit_minutes=1)
    bodies = []
    for enabled in (False, True, False):
        tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=enabled)
        service.clock.advance(minutes=2)
        await read(service, tenant)
        bodies += await service.messages("checks")
    assert len(bodies) == 3
    assert await looks_for(service, tenant, bodies) == 1
    assert (await service.state(tenant, "inbound-lockdown")).state == "drifted"


async def test_a_look_at_everything_answers_the_smaller_ones_and_no_smaller_one_answers_it(service):
    [tenant, *_] = await three(service)
    asked_at = service.clock()
    small = CheckTenant(tenant_id=tenant.tenant_id, controls=("oof-rule",), asked_at=asked_at).body.encode()
    other = CheckTenant(tenant_id=tenant.tenant_id, controls=("dkim",), asked_at=asked_at).body.encode()
    whole = CheckTenant(tenant_id=tenant.tenant_id, asked_at=asked_at).body.encode()
    assert await looks_for(service, tenant, [small]) == 1
    assert await looks_for(service, tenant, [whole]) > 0
    assert await looks_for(service, tenant, [small, other, whole]) == 0


async def test_what_changes_while_a_look_reads_gets_a_look_of_its_own(service):
    [tenant, *_] = await three(service)
    look = CheckTenant(tenant_id=tenant.tenant_id, controls=("oof-rule",), asked_at=service.clock())
    tenant.faults.script(Fault("slow", service="exchange", seconds=0.3))
    running = asyncio.create_task(deliver("checks", look.body.encode(), service.clients))
    while not tenant.http_requests["exchange"]:
        await asyncio.sleep(0.01)
    later = CheckTenant(tenant_id=tenant.tenant_id, controls=("oof-rule",), asked_at=service.clock())
    await running
    assert await looks_for(service, tenant, [later.body.encode()]) == 1


async def test_a_wait_of_seconds_is_sat_out_and_no_rest(service):
    [tenant, *_] = await three(service)
    tenant.faults.script(Fault("throttled", retry_after=1, times=2))
    await visit(service, tenant, looks=("fast",))
    assert (await service.state(tenant, "oof-rule")).state == "compliant"
    assert await rests_of(service, tenant) == {}


async def rests_of(service, tenant):
    async with service.clients.storage.rows.together([tenant.tenant_id], deferring=False):
        return service.clients.storage.rests.of(tenant.tenant_id)


@pytest.mark.parametrize("kind", ["cut", "gateway_timeout"])
async def test_a_service_that_gives_no_answer_is_asked_ever_more_rarely_and_the_state_says_so(service, kind):
    [sick, *_] = await three(service)
    sick.faults.script(Fault(kind, service="exchange", times=10_000))
    asked = []
    for _ in range(24):
        before = len(asked_of_exchange(service))
        await visit(service, sick)
        asked.append(len(asked_of_exchange(service)) > before)
        service.clock.advance(minutes=5)
    assert all(asked[:2])
    assert sum(asked[6:]) <= 7
    assert re.match("no answer, not asked until 2026-11-23T1", (await service.state(sick, "oof-rule")).detail)
    assert (await service.state(sick, "audit-feed")).state == "compliant"

    sick.faults.clear()
    service.clock.advance(minutes=15)
    await visit(service, sick)
    assert (await service.state(sick, "oof-rule")).state == "compliant"
    assert await rests_of(service, sick) == {}


async def test_one_lost_answer_is_no_rest_nor_is_another_after_a_visit_that_was_answered(service):
    [sick, *_] = await three(service)
    for _ in range(3):
        sick.faults.script(Fault("cut", service="exchange", times=10_000))
        await visit(service, sick, looks=("fast",))
        assert "no answer, not asked until" not in (await service.state(sick, "oof-rule")).detail
        sick.faults.clear()
        service.clock.advance(minutes=5)
        await visit(service, sick, looks=("fast",))
        assert (await service.state(sick, "oof-rule")).state == "compliant"
        service.clock.advance(minutes=5)


async def test_one_cmdlet_that_gives_no_answer_hides_no_other(service):
    [sick, *_] = await three(service)
    sick.faults.script(Fault("server_error", service="exchange", cmdlet="Get-TransportRule", times=10_000))
    for _ in range(4):
        await visit(service, sick, looks=("fast",))
        assert (await service.state(sick, "oof-rule")).state == "unknown"
        assert (await service.state(sick, "inbound-lockdown")).state == "compliant"
        service.clock.advance(minutes=5)


async def test_a_connection_that_is_not_had_makes_no_tenant_rest(service):
    [tenant, *_] = await three(service)
    tenant.faults.script(Fault("unreachable", service="exchange", times=10_000))
    for _ in range(3):
        await visit(service, tenant, looks=("fast",))
        service.clock.advance(minutes=5)
    assert await rests_of(service, tenant) == {}


def requests_to(service, host):
    return sum(call.request.url.host == host for call in service.microsoft.calls)


async def visited_for_two_hours(service, tenant, host):
    """How many requests to *host* each visit of five minutes made."""
    counts = []
    for _ in range(24):
        before = requests_to(service, host)
        await visit(service, tenant)
        counts.append(requests_to(service, host) - before)
        service.clock.advance(minutes=5)
    return counts


@pytest.mark.parametrize("kind", ["unauthorized", "nul_403"])
async def test_a_service_that_refuses_a_tenant_for_long_is_asked_ever_more_rarely_and_the_state_says_so(service, kind):
    [sick, *_] = await three(service)
    sick.faults.script(Fault(kind, service="exchange", times=10_000))
    counts = await visited_for_two_hours(service, sick, "outlook.office365.com")
    assert max(counts) <= 4
    assert all(counts[:3])  # somebody may be granting what is missing
    assert sum(map(bool, counts[12:])) <= 3
    state = await service.state(sick, "oof-rule")
    assert state.state == "unknown"
    assert "refused until 2026-11-23T1" in state.detail
    assert (await service.state(sick, "audit-feed")).state == "compliant"


async def test_a_refusal_that_is_over_is_forgotten_at_once(service):
    [sick, *_] = await three(service)
    sick.faults.script(Fault("nul_403", service="exchange", times=10_000))
    for _ in range(3):
        await visit(service, sick, looks=("fast",))
        service.clock.advance(minutes=5)
    sick.faults.clear()
    await visit(service, sick, looks=("fast",))
    assert (await service.state(sick, "oof-rule")).state == "compliant"

    service.clock.advance(minutes=5)
    sick.faults.script(Fault("nul_403", service="exchange", times=10_000))
    await visit(service, sick, looks=("fast",))
    asked = len(asked_of_exchange(service))
    service.clock.advance(minutes=5)
    await visit(service, sick, looks=("fast",))
    assert len(asked_of_exchange(service)) > asked


async def test_a_role_that_one_cmdlet_lacks_is_no_refusal_of_the_service(service):
    [tenant, *_] = await three(service)
    tenant.faults.script(Fault("nul_403", service="exchange", cmdlet="Get-TransportRule", times=10_000))
    for _ in range(8):
        await visit(service, tenant, looks=("fast",))
        service.clock.advance(minutes=5)
    assert "refused until" not in (await service.state(tenant, "oof-rule")).detail
    assert (await service.state(tenant, "inbound-lockdown")).state == "compliant"


async def test_roles_that_most_cmdlets_lack_cost_one_request_a_visit(service):
    [tenant, *_] = await three(service)
    lacking = ("Get-TransportRule", "Get-OutboundConnector", "Get-RemoteDomain", "Get-AntiPhishPolicy")
    tenant.faults.script(*(Fault("nul_403", service="exchange", cmdlet=each, times=10_000) for each in lacking))
    await visit(service, tenant, looks=("fast",))
    assert len(asked_of_exchange(service)) == 1
    assert (await service.state(tenant, "oof-rule")).state == "unknown"
    assert (await service.state(tenant, "inbound-lockdown")).state == "compliant"


async def test_a_tenant_that_is_gone_costs_a_few_requests_and_then_almost_none(service):
    [gone, *_] = await three(service)
    gone.switches.sign_in_error = 90002
    counts = await visited_for_two_hours(service, gone, "login.microsoftonline.com")
    assert max(counts) <= 2
    assert sum(counts[12:]) <= 6
    state = await service.state(gone, "oof-rule")
    assert "refused until 2026-11-23T1" in state.detail
    assert "AADSTS90002" in state.detail

    gone.switches.sign_in_error = None
    service.clock.advance(minutes=40)
    await visit(service, gone)
    assert (await service.state(gone, "oof-rule")).state == "compliant"


async def test_our_own_secret_that_is_wrong_makes_no_tenant_rest(service):
    [tenant, *_] = await three(service)
    tenant.switches.sign_in_error = 7000215
    await visited_for_two_hours(service, tenant, "login.microsoftonline.com")
    tenant.switches.sign_in_error = None
    await visit(service, tenant)
    assert (await service.state(tenant, "oof-rule")).state == "compliant"


async def test_a_remediation_spares_a_throttled_tenant_too_and_comes_again_when_the_rest_is_over(service, posted):
    [sick, *_] = await three(service)
    sick.admin(OFF[0], **OFF[1])
    sick.faults.script(Fault("throttled", service="exchange", times=500))
    await service.remediate(sick, "inbound-lockdown")
    assert len(asked_of_exchange(service)) <= 4
    assert "throttled until" in (await service.state(sick, "inbound-lockdown")).detail
    assert posted == []

    asked = len(asked_of_exchange(service))
    await service.remediate(sick, "inbound-lockdown")
    assert len(asked_of_exchange(service)) == asked

    sick.faults.clear()
    service.clock.advance(minutes=2)
    await tick.enqueue_due(service.clients)
    await service.work()
    assert (await service.state(sick, "inbound-lockdown")).state == "compliant"


async def test_a_reprovision_during_the_rest_ends_at_once_and_says_so(service):
    [sick, *_] = await three(service)
    sick.faults.script(Fault("throttled", service="exchange", retry_after=600, times=500))
    await visit(service, sick, looks=("fast",))
    ended, controls = await reprovisioned(service, sick, "inbound-lockdown")
    assert ended.finished_at
    assert "throttled until" in controls["inbound-lockdown"].detail


async def reprovisioned(service, tenant, *controls):
    """The operation of a person's reprovision, delivered once."""
    wish = ReprovisionRequest(controls=controls, reason="a call")
    operation = await on_request.reprovision(tenant.tenant_id, wish, Requester("ann"), service.clients)
    [body] = await service.messages("remediations")
    await deliver("remediations", body, service.clients)
    ended = await service.clients.storage.operations.get(operation.id)
    return ended, {each.id: each for each in ended.controls}


@pytest.mark.parametrize("kind", ["throttled", "unreachable"])
async def test_a_reprovision_whose_write_is_turned_away_ends_at_once_and_the_step_is_taken_later(service, posted, kind):
    tenant = service.world.add_tenant("contoso.example", state="healthy", alert_set="works")
    await service.look_after(tenant, mode="observe")
    tenant.admin("Set-OutboundConnector", Identity="Automatic Replies (Out of Office) Only", Enabled=False)
    tenant.admin("Set-DkimSigningConfig", Identity="contoso.example", Enabled=False)
    tenant.admin("Set-ProtectionAlert", Identity="Phish delivered due to an ETR override", Disabled=False)
    tenant.faults.script(Fault(kind, service="exchange", writes=True, retry_after=600, times=50))
    ended, controls = await reprovisioned(service, tenant, "oof-connector", "dkim", "alert-policies")
    assert (ended.state, bool(ended.finished_at)) == ("failed", True)
    said = "throttled until 2026-11-23T12:1" if kind == "throttled" else "connection refused"
    for each in ("oof-connector", "dkim"):
        assert controls[each].state == "drifted"
        assert said in controls[each].detail
        assert controls[each].detail.endswith("it is taken up again by itself")
    assert controls["alert-policies"].state == "compliant"

    tenant.faults.clear()
    service.clock.advance(minutes=12)
    await tick.enqueue_due(service.clients)
    again = [each.body for each in posted if each.queue == "remediations"]
    await deliver("remediations", again[-1], service.clients)
    for each in ("oof-connector", "dkim"):
        [*_, corrected] = await service.ledger(tenant, each)
        assert (corrected.event, corrected.requested_by, corrected.operation_id) == ("corrected", "ann", ended.id)
    assert ended.goes_on
    assert await service.clients.storage.operations.get(ended.id) == replace(ended, goes_on=False)


async def test_a_reprovision_whose_proof_is_turned_away_ends_at_once_and_is_proven_later(service):
    [sick, *_] = await three(service)
    sick.admin(OFF[0], **OFF[1])
    sick.faults.script(Fault("slow", cmdlet="Set-InboundConnector", seconds=0.5))
    asked = asyncio.create_task(reprovisioned(service, sick, "inbound-lockdown"))
    while not sick.writes:
        await asyncio.sleep(0.01)
    sick.faults.script(Fault("throttled", service="exchange", retry_after=600, times=50))
    ended, controls = await asked
    assert (ended.state, bool(ended.finished_at)) == ("failed", True)
    assert controls["inbound-lockdown"].state == "correcting"
    assert "throttled until 2026-11-23T12:1" in controls["inbound-lockdown"].detail

    sick.faults.clear()
    service.clock.advance(minutes=12)
    await service.sweep()
    assert (await service.ledger(sick, "inbound-lockdown"))[-1].event == "corrected"
    assert len(sick.writes) == 1


async def asked_in_half_an_hour(service, *, sick):
    """How many requests each of three new tenants cost in six visits; the first of them may be *sick*."""
    number = len(list(service.world.tenants))
    tenants = [service.world.add_tenant(f"t{number + each}.example", state="healthy") for each in range(3)]
    for tenant in tenants:
        await service.look_after(tenant)
    if sick:
        tenants[0].faults.script(Fault("throttled", times=10_000))
    before = len(service.microsoft.calls)
    for _ in range(6):
        await visit(service, *tenants)
        service.clock.advance(minutes=5)
    urls = [str(call.request.url) for call in list(service.microsoft.calls)[before:]]
    states = {(await service.state(each, "oof-rule")).state for each in tenants[1:]}
    return [sum(tenant.tenant_id in url for url in urls) for tenant in tenants], states


async def test_one_sick_customer_costs_the_others_not_one_request(service):
    well, _ = await asked_in_half_an_hour(service, sick=False)
    beside, states = await asked_in_half_an_hour(service, sick=True)
    assert beside[1:] == well[1:]
    assert states == {"compliant"}
