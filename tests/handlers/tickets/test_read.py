"""A ticket asks, and is answered: webhooks in, results out, through real queues and tables, in all three systems."""

import json
import random
from dataclasses import replace
from hashlib import sha256

import pytest

from domain.jobs import ReadTicket
from handlers.delivery import deliver
from handlers.operators import open_incidents
from tests.handlers.tickets.msp import COMPANY, in_every_system, reprovision


@in_every_system
async def test_a_ticket_that_asks_for_a_reprovision_gets_its_result_and_is_closed(msp, tenant):
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    ticket = reprovision(msp)
    assert await msp.deliver() == [202]
    await msp.work()
    [note] = ticket.notes
    assert ticket.closed
    assert note.internal
    assert "succeeded" in note.text
    assert "Set-InboundConnector" in note.text
    assert "Proven by reading again" in note.text
    assert [status for status, _ in ticket.history] == [
        msp.status["running"],
        msp.status["closed"],
    ]
    [connector] = tenant.admin("Get-InboundConnector")
    assert connector["Enabled"]


async def test_a_reprovision_that_leaves_something_to_do_says_so(msp, tenant):
    tenant.admin("Set-ProtectionAlert", Identity="Phish delivered due to an ETR override", Disabled=False)
    ticket = reprovision(msp)
    await msp.work()
    assert ticket.status == msp.status["failed"]
    assert "needs_person" in ticket.notes[0].text


@in_every_system
async def test_the_ledger_names_the_agent_who_asked(msp, tenant):
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    ticket = reprovision(msp)
    await msp.work()
    corrected = [e for e in await msp.service.ledger(tenant, "inbound-lockdown") if e.event == "corrected"]
    assert [entry.requested_by for entry in corrected] == [f"{msp.agent} ({msp.system.name} ticket {ticket.id})"]


@in_every_system
@pytest.mark.parametrize("mode", ["observe", "approve", "correct"])
async def test_a_ticket_that_a_customer_brought_to_ask_is_looked_at_and_nothing_else(msp, tenant, mode):
    await msp.service.look_after(tenant, mode=mode, psa={"provider": msp.system.name, "company_id": str(COMPANY)})
    rule = "Send Automatic Replies to connector Automatic Replies"
    tenant.admin("Disable-TransportRule", Identity=rule, Confirm=False)
    fields = {"container": "37", "type": "91", "subtype": "14", "status": msp.status["new"]}
    ticket = msp.system.opens("4242", "contact", company=COMPANY, **fields)
    await msp.work()
    assert "The check that this ticket asked for has ended" in ticket.notes[0].text
    applied = [entry for entry in await msp.service.ledger(tenant, "oof-rule") if entry.event == "applying"]
    assert [entry.requested_by for entry in applied] == ([None] if mode == "correct" else [])


@in_every_system
async def test_only_the_agents_of_the_list_ask_for_a_reprovision(msp, tenant):
    company = {"provider": msp.system.name, "company_id": str(COMPANY), "approvers": ["somebody-else"]}
    await msp.service.look_after(tenant, mode="observe", psa=company)
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    ticket = reprovision(msp)
    await msp.work()
    assert "The check that this ticket asked for has ended" in ticket.notes[0].text
    await msp.service.look_after(tenant, mode="observe", psa=company | {"approvers": [msp.agent]})
    msp.system.changes(msp.agent, ticket.id, status=ticket.status + 1)
    await msp.work()
    msp.system.changes(msp.agent, ticket.id, status=msp.status["new"])
    await msp.work()
    [connector] = tenant.admin("Get-InboundConnector")
    assert connector["Enabled"]


@pytest.mark.usefixtures("tenant")
async def test_an_edit_of_a_ticket_that_asked_asks_nothing_again(msp):
    ticket = reprovision(msp)
    await msp.work()
    msp.system.changes(msp.system.own, ticket.id, summary="renamed")
    msp.system.changes("4712", ticket.id, summary="renamed again")
    await msp.work()
    assert len(ticket.notes) == 1


@pytest.mark.usefixtures("tenant")
async def test_a_ticket_set_back_into_its_trigger_asks_again(msp):
    ticket = reprovision(msp)
    await msp.work()
    msp.system.changes("4712", ticket.id, status=msp.status["new"])
    await msp.work()
    assert [note.text.count("has ended") for note in ticket.notes] == [1, 1]


NOT_ASKING = {
    "of_another_board": {"container": "38"},
    "of_another_type": {"type": "92"},
    "of_another_subtype": {"subtype": "15"},
    "of_another_status": {"status": 777},
}


@pytest.mark.parametrize("fields", NOT_ASKING.values(), ids=list(NOT_ASKING))
@pytest.mark.usefixtures("tenant")
async def test_a_ticket_that_fits_no_trigger_asks_nothing(msp, fields):
    ticket = reprovision(msp, **fields)
    assert await msp.deliver() == [202]
    await msp.work()
    assert ticket.notes == []


async def test_a_company_that_is_nobodys_tenant_is_told_and_nothing_is_done(msp, tenant):
    ticket = reprovision(msp, company=251)
    await msp.work()
    assert [note.text.splitlines()[0] for note in ticket.notes] == [
        "Nothing was done: no tenant of Holdfast has company 251 of this system as theirs."
    ]
    assert tenant.writes == []


@in_every_system
@pytest.mark.parametrize(("by", "kind"), [("4242", "contact"), ("4712", "agent")])
@pytest.mark.usefixtures("tenant")
async def test_a_mark_that_somebody_else_writes_does_not_silence_us(msp, by, kind):
    """The mark as it was before it had a secret follows from what is public; the other one was copied."""
    msp.system.drops = True
    ticket = reprovision(msp, company=251)
    about = sorted([msp.system.name, str(ticket.id), "1"])
    guessed = f"[hf-{sha256(' '.join(about).encode()).hexdigest()[:12]}]"
    for mark in (guessed, msp.service.clients.psa.marks.note(about)):
        msp.system.writes(by, ticket.id, f"Please help {mark}", kind)
    await msp.poll()
    await msp.work()
    assert [note.text.startswith("Nothing was done") for note in ticket.notes] == [False, False, True]


@in_every_system
async def test_a_key_in_a_customers_subject_does_not_keep_an_agent_from_asking(msp, tenant):
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    key, _ = msp.service.clients.psa.marks.keys(tenant.tenant_id, "alert-policies")
    for each in (key, "hf-0123456789abcdef01234567"):
        fields = {"container": "37", "type": "91", "subtype": "14", "key": each}
        ticket = msp.system.opens("4242", "contact", company=COMPANY, summary=f"Help [{each}]", **fields)
        msp.system.changes(msp.agent, ticket.id, status=msp.status["new"])
        await msp.work()
        assert "The reprovision that this ticket asked for has ended" in ticket.notes[0].text
    [connector] = tenant.admin("Get-InboundConnector")
    assert connector["Enabled"]


@in_every_system
async def test_a_ticket_that_we_opened_asks_nothing_although_a_crash_kept_it_from_our_records(msp, tenant):
    key, _ = msp.service.clients.psa.marks.keys(tenant.tenant_id, "alert-policies")
    fields = {"container": "37", "type": "91", "subtype": "14", "status": msp.status["new"], "key": key}
    ticket = msp.system.opens(msp.system.own, company=COMPANY, summary=f"Holdfast [{key}]", **fields)
    await msp.poll()
    await msp.work()
    assert (ticket.notes, ticket.status) == ([], msp.status["new"])


@pytest.mark.usefixtures("tenant")
async def test_that_nothing_is_done_is_told_once_though_an_answer_is_lost(msp):
    for call in range(5):
        ticket = reprovision(msp, company=251)
        msp.system.trouble.extend([*[None] * call, "lost"])
        await msp.work()
        msp.system.trouble.clear()
        assert len(ticket.notes) == 1, call


@pytest.mark.usefixtures("tenant")
async def test_a_company_with_two_tenants_is_told_and_nothing_is_done(msp):
    other = msp.service.world.add_tenant("other.example")
    await msp.service.look_after(other, psa={"provider": msp.system.name, "company_id": str(COMPANY)})
    ticket = reprovision(msp)
    await msp.work()
    assert "2 tenants" in ticket.notes[0].text


@in_every_system
@pytest.mark.usefixtures("tenant")
async def test_a_ticket_whose_webhook_was_lost_is_found(msp):
    await msp.poll()
    msp.system.drops = True
    ticket = reprovision(msp)
    await msp.poll()
    await msp.work()
    assert ticket.closed


@pytest.mark.usefixtures("tenant")
async def test_an_old_body_does_not_count_the_ticket_does(msp):
    """The delivery says New; meanwhile somebody closed the ticket."""
    ticket = reprovision(msp)
    delivery = msp.system.deliveries.popleft()
    msp.system.drops = True
    msp.system.changes("4712", ticket.id, status=msp.status["closed"])
    assert await msp.receive(delivery) == 202
    await msp.work()
    assert ticket.notes == []


@pytest.mark.usefixtures("tenant")
async def test_a_deleted_ticket_is_no_trouble(msp):
    ticket = reprovision(msp)
    msp.system.deletes(ticket.id)
    assert set(await msp.deliver()) == {202}
    await msp.work()
    assert await msp.service.clients.storage.parked.all("tickets") == []


@pytest.mark.usefixtures("tenant")
async def test_a_psa_that_is_away_is_asked_again(msp):
    ticket = reprovision(msp)
    assert await msp.deliver() == [202]
    msp.system.trouble.extend(["unavailable"] * 5)
    await msp.work()
    assert ticket.closed


@pytest.mark.usefixtures("tenant")
async def test_ten_thousand_doubled_and_shuffled_deliveries_ask_once_for_each_ticket(msp):
    made = [reprovision(msp) for _ in range(5)]
    deliveries = list(msp.system.deliveries) * 2_000
    msp.system.deliveries.clear()
    random.Random(7).shuffle(deliveries)  # noqa: S311 - the same order on every run
    clients = msp.service.clients
    assert {await msp.receive(delivery) for delivery in deliveries} == {202}
    assert await msp.service.hidden("tickets") == 5
    for delivery in deliveries[:50]:  # later, and from another worker
        clients.psa.hinted.drop(f"{msp.system.name} {delivery.ticket}")
        await msp.receive(delivery)
    await msp.work()
    assert [len(ticket.notes) for ticket in made] == [1] * 5


@pytest.mark.usefixtures("tenant")
async def test_a_delivery_that_is_played_back_later_does_nothing(msp):
    ticket = reprovision(msp)
    delivery = msp.system.deliveries[0]
    await msp.work()
    msp.service.clock.advance(minutes=30)
    await msp.receive(delivery)
    await msp.work()
    assert len(ticket.notes) == 1


@pytest.mark.usefixtures("tenant")
async def test_our_own_change_asks_nothing(msp):
    if msp.system.name == "halopsa":
        return  # it does not say who changed a ticket; reading it again finds nothing
    ticket = reprovision(msp)
    await msp.work()
    msp.system.changes(msp.system.own, ticket.id, summary="renamed")
    await msp.deliver()
    assert await msp.service.messages("tickets") == []


async def test_a_ticket_that_cannot_be_read_is_asked_for_until_it_can_be(msp, tenant):
    """The timer would not find it: it lists only what has changed since it last could."""
    reprovision(msp)
    await msp.deliver()
    [body] = await msp.service.messages("tickets")
    msp.system.down = True
    for _ in range(3):
        await deliver("tickets", json.dumps(json.loads(body) | {"attempt": 12}).encode(), msp.service.clients)
        assert await msp.service.messages("tickets") == []
        msp.service.clock.advance(minutes=5)
        await msp.service.ask("fast")
        [body] = await msp.service.messages("tickets")

    msp.system.down = False
    await deliver("tickets", body, msp.service.clients)
    asked = [json.loads(each)["tenant_id"] for each in await msp.service.messages("remediations")]
    assert asked == [tenant.tenant_id]


async def test_a_ticket_that_cannot_be_read_for_a_day_is_told_to_the_operators_and_let_go(msp):
    ticket = reprovision(msp)
    asked_at = msp.service.clock()
    msp.system.trouble.extend(["html"] * 1000)
    body = ReadTicket(provider=msp.system.name, ticket_id=str(ticket.id), asked_at=asked_at).body.encode()
    await deliver("tickets", body, msp.service.clients)
    assert len(await msp.service.messages("tickets")) == 1
    assert await open_incidents(msp.service.clients) == {}

    msp.service.clock.advance(days=1)
    await deliver("tickets", body, msp.service.clients)
    assert await msp.service.messages("tickets") == []
    [entries] = (await open_incidents(msp.service.clients)).values()
    assert f"{msp.system.name} ticket {ticket.id}" in entries[-1].detail


@pytest.mark.usefixtures("tenant")
async def test_a_ticket_of_which_something_else_makes_no_sense_is_told_once_and_let_go(msp, spoil):
    """A worker died between the operation and the ticket's own row, and the operation cannot be read any more."""
    ticket = reprovision(msp)
    await msp.deliver()
    [body] = await msp.service.messages("tickets")
    await deliver("tickets", body, msp.service.clients)
    await spoil("operations", "operation")
    table = msp.service.clients.storage.tickets
    known, version = await table.known(msp.system.name, str(ticket.id))
    await table.put_known(msp.system.name, str(ticket.id), replace(known, asking="reprovision"), version)
    msp.service.clock.advance(minutes=1)
    again = ReadTicket(provider=msp.system.name, ticket_id=str(ticket.id), asked_at=msp.service.clock())
    for _ in range(2):
        await deliver("tickets", again.body.encode(), msp.service.clients)
    assert await msp.service.messages("tickets") == []
    [entries] = (await open_incidents(msp.service.clients)).values()
    assert [f"ticket {ticket.id}, which makes no sense" in each.detail for each in entries] == [True]


@in_every_system
async def test_a_system_that_refuses_what_a_ticket_asks_for_is_told_to_the_operators_once(msp):
    tickets = [reprovision(msp) for _ in range(2)]
    await msp.deliver()
    setattr(msp.system, msp.system.credential, "changed by somebody")
    for body in await msp.service.messages("tickets"):
        await deliver("tickets", body, msp.service.clients)
    assert await msp.service.messages("tickets") == []
    [(incident, entries)] = (await open_incidents(msp.service.clients)).items()
    assert incident == f"unread-{msp.system.name}"
    assert f"{msp.system.name} ticket {tickets[0].id}" in entries[-1].detail


@pytest.mark.usefixtures("tenant")
async def test_a_ticket_of_which_nothing_remembered_makes_sense_asks_nothing_twice_and_is_told_once(msp, spoil):
    ticket = reprovision(msp)
    await msp.work()
    assert ticket.closed
    operations = len((await msp.service.clients.storage.recent.operations({}, limit=10)).items)
    await spoil("tickets", str(ticket.id))
    for _ in range(2):
        msp.service.clock.advance(minutes=5)
        msp.system.changes(msp.agent, ticket.id, status=msp.status["new"])
        await msp.work()
    assert len((await msp.service.clients.storage.recent.operations({}, limit=10)).items) == operations
    [entries] = (await open_incidents(msp.service.clients)).values()
    assert [f"{msp.system.name} ticket {ticket.id}, what is remembered" in each.detail for each in entries] == [True]
    assert await msp.service.clients.storage.parked.all("tickets") == []
