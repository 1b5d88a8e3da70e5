"""The mail itself is asked: what a lock would refuse before it closes for the first time, and what came round it since."""

import json
from datetime import timedelta

import pytest
from azure.data.tables.aio import TableServiceClient

from domain.findings import THE_REST
from domain.mail_flow import MOST_AN_HOUR
from handlers import findings
from handlers.findings import DeclarationRequest, RemovalRequest
from handlers.on_request import Requester
from handlers.operators import open_incidents
from simulator.faults import Fault

FILTER, STRANGER, OTHER = "65.99.255.7", "198.51.100.20", "203.0.113.9"
TRACES = "/v1.0/admin/exchange/tracing/messageTraces"


def arrive(tenant, from_ip=FILTER, sender="kim@sender.example", **given):
    return tenant.mail.arrive(from_ip, sender, f"lee@{tenant.domains[0]}", **given)


def asked(service):
    return [call for call in service.microsoft.calls if call.request.url.path == TRACES]


async def traced(service, *, locked, granted=True, **config):
    """A tenant whose mail may be traced. Not locked: it never was."""
    tenant = service.world.add_tenant("contoso.example", state="healthy")
    if granted:
        tenant.access.permissions.add("ExchangeMessageTrace.Read.All")
        tenant.mail.principal = True
    if not locked:
        tenant.admin("Remove-InboundConnector", Identity="ExchangeDefender", Confirm=False)
    await service.look_after(tenant, **config)
    return tenant


def is_locked(tenant):
    return any(row["RestrictDomainsToIPAddresses"] for row in tenant.admin("Get-InboundConnector"))


async def open_senders(service, tenant, kind="sender"):
    there = await findings.findings_of(tenant.tenant_id, service.clients)
    return [each for each in there if each.kind == kind and each.state == "open"]


async def declare(service, tenant, finding_id):
    wish = DeclarationRequest(reason="it will bounce", owner="ann", until=service.clock() + timedelta(days=90))
    await findings.declare(tenant.tenant_id, finding_id, wish, "ann", service.clients)


async def test_what_was_never_granted_is_not_applicable_and_the_lock_closes_all_the_same(service):
    tenant = await traced(service, locked=False, granted=False)
    await service.sweep()
    state = await service.state(tenant, "mail-flow")
    assert (state.state, "may not read it" in state.detail) == ("not_applicable", True)
    assert is_locked(tenant)
    [begun, *_] = [e for e in await service.ledger(tenant, "inbound-lockdown") if e.event == "applying"]
    assert [each.reason for each in begun.answers if each.gate == "rehearsal"] == [
        "not rehearsed, as the message trace was never granted: the application may not read it"
    ]


async def test_a_missing_principal_of_microsofts_is_as_if_never_granted_and_no_token_is_renewed_for_it(service):
    tenant = await traced(service, locked=True)
    tenant.mail.principal = False
    await service.sweep()
    state = await service.state(tenant, "mail-flow")
    assert (state.state, "service principal" in state.detail) == ("not_applicable", True)
    assert len(asked(service)) == 1


async def test_the_first_close_waits_until_each_sender_that_it_would_refuse_is_answered(service):
    tenant = await traced(service, locked=False)
    for sender, ip in (
        ("scan@copier.example", STRANGER),
        ("scan@copier.example", "198.51.100.21"),
        ("a@shop.example", OTHER),
    ):
        arrive(tenant, ip, sender, ago=timedelta(hours=3))
    arrive(tenant, ago=timedelta(hours=3))
    arrive(tenant, "", ago=timedelta(hours=3))
    arrive(tenant, "40.107.1.2", ago=timedelta(hours=3))
    arrive(tenant, "192.0.2.7", ago=timedelta(hours=3), status="filteredAsSpam")
    arrive(tenant, "192.0.2.8", ago=timedelta(days=4))  # before the first look at its MX

    await service.sweep()

    assert not is_locked(tenant)
    lock = await service.state(tenant, "inbound-lockdown")
    assert (lock.state, lock.detail.partition(":")[0]) == ("held", "rehearsal")
    waiting = await open_senders(service, tenant)
    assert {each.value for each in waiting} == {"198.51.100.0/24, copier.example", "203.0.113.0/24, shop.example"}
    assert "2 messages from 198.51.100.21, 198.51.100.20" in next(e.lets_in for e in waiting if "copier" in e.value)
    for each in waiting:
        assert each.value in lock.detail
        assert each.value in (await service.state(tenant, "mail-flow")).detail

    for each in waiting:
        await declare(service, tenant, each.id)
    await service.sweep()
    assert is_locked(tenant)


async def new_tenant(service, **config):
    """A tenant that nobody has looked at before, its MX at the filter, its mail traced and not locked."""
    tenant = service.world.add_tenant("contoso.example", state="healthy")
    tenant.access.permissions.add("ExchangeMessageTrace.Read.All")
    tenant.mail.principal = True
    tenant.admin("Remove-InboundConnector", Identity="ExchangeDefender", Confirm=False)
    await service.look_after(tenant, known=False, **config)
    await service.sweep()
    return tenant


async def test_the_first_close_of_a_new_tenant_is_rehearsed_with_the_days_since_the_first_look(service):
    tenant = await new_tenant(service)
    for _ in range(9):
        arrive(tenant, STRANGER, "scan@copier.example", ago=timedelta(hours=1))
        service.clock.advance(hours=5, minutes=30)
        await service.sweep()
    lock = await service.state(tenant, "inbound-lockdown")
    assert (is_locked(tenant), lock.state) == (False, "held")
    [waiting] = await open_senders(service, tenant)
    assert waiting.value == "198.51.100.0/24, copier.example"
    await declare(service, tenant, waiting.id)
    await service.sweep()
    assert is_locked(tenant)
    [begun, *_] = [e for e in await service.ledger(tenant, "inbound-lockdown") if e.event == "applying"]
    [said] = [each.reason for each in begun.answers if each.gate == "rehearsal"]
    assert said.startswith("rehearsed with the mail from 2026-11-23 12:00 to ")
    assert "4 were delivered" in said


async def test_a_rehearsal_of_less_than_a_day_holds_the_first_close_and_says_until_when(service):
    service.clock.advance(days=3)
    since = service.clock() - timedelta(hours=48, minutes=1)
    tenant = await new_tenant(service)
    await service.look_after(tenant, mx_at_filter_since=since.isoformat())
    service.clock.advance(minutes=15)
    await service.sweep()
    assert (await service.state(tenant, "inbound-lockdown")).detail.startswith("rehearsal: it goes on until")
    service.clock.advance(days=1)
    await service.sweep()
    assert is_locked(tenant)


async def with_shop(service, *, granted):
    """A tenant that nobody has looked at before and that was never locked; the mail of its shop is hosted elsewhere."""
    tenant = service.world.add_tenant("contoso.example", state="healthy")
    tenant.add_domain("shop.example")
    service.world.dns.set("shop.example", "MX", "10 mx.hoster.example.")
    if granted:
        tenant.access.permissions.add("ExchangeMessageTrace.Read.All")
        tenant.mail.principal = True
    tenant.admin("Remove-InboundConnector", Identity="ExchangeDefender", Confirm=False)
    await service.look_after(tenant, known=False)
    await service.sweep()
    [shop] = await open_senders(service, tenant, "domain")
    await declare(service, tenant, shop.id)
    return tenant


@pytest.mark.parametrize("granted", [True, False])
async def test_a_domain_that_is_declared_to_be_hosted_elsewhere_keeps_no_first_close_waiting(service, granted):
    tenant = await with_shop(service, granted=granted)
    for _ in range(4):
        await service.sweep()
        assert not is_locked(tenant)
        service.clock.advance(hours=15)
    await service.sweep()
    assert is_locked(tenant)
    [begun, *_] = [e for e in await service.ledger(tenant, "inbound-lockdown") if e.event == "applying"]
    [said] = [each.reason for each in begun.answers if each.gate == "rehearsal"]
    assert said.startswith("rehearsed with the mail from 2026-11-23" if granted else "not rehearsed, as")


async def test_a_first_close_rests_on_no_rehearsal_from_before_the_mx_was_away(service):
    tenant = await traced(service, locked=False, controls={"inbound-lockdown": {"mode": "observe"}})
    await service.sweep()
    assert "rehearsed with the mail" in (await service.state(tenant, "mail-flow")).detail
    service.world.dns.set("contoso.example", "MX", "0 contoso-example.mail.protection.outlook.com.")
    service.clock.advance(hours=2)
    await service.sweep()
    service.world.dns.set("contoso.example", "MX", "10 inbound30.exchangedefender.com.")
    for _ in range(2):
        service.clock.advance(hours=12)
        await service.ask("fast")
        await service.look_after(tenant)
        await service.work()
        await service.remediate(tenant, "inbound-lockdown")
        lock = await service.state(tenant, "inbound-lockdown")
        assert not is_locked(tenant)
    assert "it began before every MX was the filter's, and is read anew" in lock.detail
    arrive(tenant, STRANGER, ago=timedelta(hours=1))
    await service.sweep()
    service.clock.advance(days=1)
    await service.sweep()
    assert (await service.state(tenant, "inbound-lockdown")).detail.startswith("rehearsal: to be declared or removed")
    await declare(service, tenant, "rest")
    await service.sweep()
    assert is_locked(tenant)


async def test_a_sender_that_becomes_a_service_connector_needs_no_other_answer(service):
    tenant = await traced(service, locked=False)
    arrive(tenant, STRANGER, ago=timedelta(hours=3))
    await service.sweep()
    assert len(await open_senders(service, tenant)) == 1
    await service.look_after(tenant, service_connectors=[{"name": "Copier", "sender_ips": [f"{STRANGER}/32"]}])
    await service.sweep()
    assert await open_senders(service, tenant) == []
    assert is_locked(tenant)


async def test_one_answer_lets_all_that_are_left_bounce_and_what_comes_up_later_too(service):
    tenant = await traced(service, locked=False, controls={"inbound-lockdown": {"mode": "observe"}})
    arrive(tenant, STRANGER, ago=timedelta(hours=3))
    await service.sweep()
    await declare(service, tenant, "rest")
    arrive(tenant, OTHER)
    service.clock.advance(days=1, minutes=1)
    await service.sweep()
    assert await open_senders(service, tenant) == []
    there = await findings.findings_of(tenant.tenant_id, service.clients)
    answers = [each.declaration for each in there if each.kind == "sender"]
    assert {answer.finding for answer in answers if answer} == {THE_REST.id}
    assert len(answers) == 2
    config = await service.clients.storage.tenants.get(tenant.tenant_id)
    await service.look_after(tenant, declared=[each.model_dump() for each in config.declared])
    await service.sweep()
    assert is_locked(tenant)


async def test_a_lock_that_was_once_seen_closed_closes_again_without_a_rehearsal(service):
    tenant = await traced(service, locked=True)
    await service.sweep()
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", RestrictDomainsToIPAddresses=False)
    arrive(tenant, STRANGER)
    service.clock.advance(hours=1)
    await service.sweep()
    assert is_locked(tenant)
    assert await open_senders(service, tenant) == []


@pytest.mark.parametrize("taken_away_by", ["its admin", "us"])
async def test_a_lock_is_proven_by_the_mail_and_what_came_round_it_is_a_finding_with_its_address(
    service, taken_away_by
):
    tenant = await traced(service, locked=True)
    arrive(tenant)
    await service.sweep()
    first = await service.state(tenant, "mail-flow")
    assert (first.state, "no message came round the filter" in first.detail) == ("compliant", True)
    assert first.read_at is not None

    tenant.admin(
        "New-InboundConnector",
        Name="Copier",
        ConnectorType="Partner",
        SenderDomains=["*"],
        SenderIPAddresses=[STRANGER],
    )
    assert arrive(tenant, STRANGER)
    service.clock.advance(minutes=15)
    await service.sweep()  # the way round is seen, which makes the trace due
    service.clock.advance(minutes=15)
    await service.sweep()
    found = {each.name: each for each in await open_senders(service, tenant, "bypass")}
    assert found.keys() == {"connector Copier", f"mail from {STRANGER}"}
    assert found[f"mail from {STRANGER}"].control == "lock-bypass"
    assert (await service.state(tenant, "mail-flow")).state == "needs_person"

    if taken_away_by == "its admin":
        tenant.admin("Remove-InboundConnector", Identity="Copier", Confirm=False)
    else:
        wish, by = RemovalRequest(reason="nobody knows it"), Requester(by="ann")
        await findings.remove(tenant.tenant_id, found["connector Copier"].id, wish, by, service.clients)
    for _ in range(3):
        service.clock.advance(minutes=1)
        await service.sweep()
    assert len(asked(service)) == MOST_AN_HOUR
    assert await open_senders(service, tenant, "bypass") == []
    last = await service.state(tenant, "mail-flow")
    assert (last.state, "no message came round the filter" in last.detail) == ("compliant", True)
    assert [e.event for e in await service.ledger(tenant, "mail-flow")][-1] == "found_compliant"


async def test_mail_of_a_declared_connector_with_many_addresses_did_not_come_round(service):
    tenant = await traced(service, locked=True)
    sender = {"SenderDomains": ["*"], "SenderIPAddresses": [f"198.51.100.{n}" for n in range(100, 180)]}
    tenant.admin("New-InboundConnector", Name="Copier", ConnectorType="Partner", **sender)
    await service.sweep()
    [connector] = await open_senders(service, tenant, "bypass")
    await declare(service, tenant, connector.id)
    for last in (100, 179):
        assert arrive(tenant, f"198.51.100.{last}")
    service.clock.advance(days=1, minutes=1)
    await service.sweep()
    assert await open_senders(service, tenant, "bypass") == []
    assert "2 by what is declared" in (await service.state(tenant, "mail-flow")).detail


async def test_mail_that_comes_while_a_close_takes_effect_is_no_finding_and_later_mail_is(service):
    tenant = await traced(service, locked=False)
    await service.sweep()
    assert is_locked(tenant)
    await service.sweep()  # sees it closed
    service.clock.advance(hours=5)
    arrive(tenant, STRANGER, ago=timedelta(minutes=1))
    service.clock.advance(hours=2)
    await service.sweep()
    state = await service.state(tenant, "mail-flow")
    assert (state.state, "1 while the lock took effect" in state.detail) == ("compliant", True)
    arrive(tenant, OTHER, ago=timedelta(minutes=1))
    service.clock.advance(days=1)
    await service.sweep()
    [way] = await open_senders(service, tenant, "bypass")
    assert way.value == OTHER


async def test_pages_go_on_over_visits_and_an_hour_has_three_requests(service):
    tenant = await traced(service, locked=False)
    for _ in range(5000 * MOST_AN_HOUR + 1):
        arrive(tenant, ago=timedelta(hours=2))
    await service.sweep()
    state = await service.state(tenant, "mail-flow")
    assert (state.state, "15000 rows so far" in state.detail) == ("unknown", True)
    assert (await service.state(tenant, "inbound-lockdown")).detail.startswith(
        "rehearsal: the message trace is being read"
    )
    for _ in range(3):
        service.clock.advance(minutes=15)
        await service.sweep()
    assert len(asked(service)) == MOST_AN_HOUR
    service.clock.advance(minutes=20)
    await service.sweep()
    assert len(asked(service)) == MOST_AN_HOUR + 1
    assert is_locked(tenant)


async def test_a_trace_that_turns_away_rests_this_control_alone(service):
    tenant = await traced(service, locked=True)
    await service.sweep()
    tenant.mail.another_tool_asks(100)
    service.clock.advance(days=1, minutes=1)
    tenant.mail.another_tool_asks(100)
    before = len(asked(service))
    await service.ask("fast", "slow", "alerts")
    await service.work()
    states = await service.states(tenant)
    assert (states["mail-flow"], states["false-alerts"], states["inbound-lockdown"]) == (
        "unknown",
        "compliant",
        "compliant",
    )
    assert len(asked(service)) == before + 1


@pytest.mark.parametrize("revoked", ["permission", "principal"])
async def test_after_the_first_good_read_a_failure_is_unknown_and_a_first_close_waits(service, revoked):
    tenant = await traced(service, locked=False, controls={"inbound-lockdown": {"mode": "observe"}})
    await service.sweep()
    if revoked == "permission":
        tenant.access.permissions.discard("ExchangeMessageTrace.Read.All")
        service.clock.advance(hours=2)  # until then the token says otherwise
    tenant.mail.principal = revoked != "principal"
    service.clock.advance(days=1, minutes=1)
    await service.look_after(tenant)
    await service.sweep()
    assert (await service.state(tenant, "mail-flow")).state == "unknown"
    lock = await service.state(tenant, "inbound-lockdown")
    assert (lock.state, "rehearsal: the message trace could not be read" in lock.detail) == ("held", True)
    assert not is_locked(tenant)


async def test_a_correction_that_comes_before_any_look_asks_the_trace_itself(service):
    tenant = await traced(service, locked=False)
    arrive(tenant, STRANGER, ago=timedelta(hours=3))
    await service.remediate(tenant, "inbound-lockdown")
    assert not is_locked(tenant)
    assert (await service.state(tenant, "inbound-lockdown")).detail.startswith("rehearsal: to be declared or removed")
    await service.ask("slow")
    await service.work()
    assert len(await open_senders(service, tenant)) == 1
    assert len(asked(service)) == 1


async def test_no_subject_and_no_address_of_a_person_is_kept(service, azurite_connection):
    tenant = await traced(service, locked=False)
    arrive(tenant, STRANGER, "mia.meyer@shop.example", ago=timedelta(hours=3))
    await service.sweep()
    async with TableServiceClient.from_connection_string(azurite_connection) as tables:
        for name in ("states", "ledger", "operations"):
            rows = [dict(row) async for row in tables.get_table_client(name).list_entities()]
            kept = json.dumps(rows, default=str)
            assert "mia.meyer" not in kept
            assert "Minutes of Tuesday" not in kept
            assert name != "states" or "shop.example" in kept


def with_odd_mail(tenant, **row):
    """A message whose row makes no sense, and one of a stranger's beside it."""
    arrive(tenant, sender="mia.meyer@shop.example", ago=timedelta(hours=2))
    tenant.mail.messages[-1].row.update(row)
    arrive(tenant, STRANGER, "scan@copier.example", ago=timedelta(hours=3))


@pytest.mark.parametrize("row", [{"status": None}, {"fromIP": 7}, {"receivedDateTime": "yesterday"}])
async def test_one_row_that_makes_no_sense_hides_no_other_and_holds_the_first_close_until_it_is_answered(service, row):
    tenant = await traced(service, locked=False)
    with_odd_mail(tenant, **row)
    await service.sweep()
    there = {each.value: each for each in await open_senders(service, tenant)}
    assert there.keys() == {"198.51.100.0/24, copier.example", THE_REST.value}
    await declare(service, tenant, there["198.51.100.0/24, copier.example"].id)
    await service.sweep()
    assert not is_locked(tenant)
    assert (await service.state(tenant, "inbound-lockdown")).state == "held"
    await declare(service, tenant, "rest")
    await service.sweep()
    assert is_locked(tenant)


async def test_after_the_close_a_row_that_makes_no_sense_is_told_and_parked_and_the_others_are_read(service):
    tenant = await traced(service, locked=True)
    await service.sweep()
    service.clock.advance(days=1, minutes=1)
    with_odd_mail(tenant, status=None)
    await service.sweep()
    there = {each.name for each in await open_senders(service, tenant, "bypass")}
    assert there == {f"mail from {STRANGER}", "mail from unknown addresses"}
    assert (await service.state(tenant, "mail-flow")).state == "needs_person"
    [parked] = await service.clients.storage.parked.page("message-trace")
    assert json.loads(parked.content)["id"] == tenant.mail.messages[-2].row["id"]
    assert "mia.meyer" not in parked.content
    assert "Minutes of Tuesday" not in parked.content
    assert "row.status" in parked.reason
    assert "parked-message-trace" in await open_incidents(service.clients)


async def test_a_service_that_hangs_or_talks_nonsense_keeps_nothing_else_waiting(service):
    tenant = await traced(service, locked=True)
    tenant.faults.script(Fault("html", service="graph", cmdlet="GET traces", times=9))
    await service.sweep()
    states = await service.states(tenant)
    assert (states["mail-flow"], states["inbound-lockdown"], states["spf"]) == ("unknown", "compliant", "compliant")
    assert len(asked(service)) == 1
