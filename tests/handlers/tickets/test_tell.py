"""What needs a person has one ticket, and the ticket is told what happens to it; a PSA that is away loses nothing."""

import asyncio

from domain.jobs import Notify
from domain.psa.records import MOST_REFUSALS
from handlers import park
from handlers.delivery import deliver
from handlers.operators import open_incidents
from simulator.faults import Fault
from tests.handlers.test_watch import watched
from tests.handlers.tickets.msp import COMPANY, notes, told


async def test_what_stays_as_it_is_is_not_told_again(msp, tenant):
    await msp.drift(tenant)
    for _ in range(3):
        await msp.look(tenant)
        msp.service.clock.advance(hours=7)
        await told(msp)
    [ticket] = msp.tickets
    assert notes(ticket, "drift found") == [1]


async def test_a_tenant_without_a_company_has_no_ticket_anywhere(msp):
    tenant = msp.service.world.add_tenant("contoso.example", alert_set="not_found")
    await msp.service.look_after(tenant)
    await msp.drift(tenant)
    await told(msp)
    assert msp.tickets == []
    assert await msp.service.clients.storage.tickets.news.all() == []


async def test_a_company_that_the_psa_does_not_know_gets_no_ticket_and_stops_nobody(msp, tenant):
    lost = msp.service.world.add_tenant("lost.example", alert_set="not_found")
    await msp.service.look_after(lost, psa={"provider": msp.system.name, "company_id": "999"})
    await msp.drift(lost)
    await msp.drift(tenant)
    await told(msp)
    assert [ticket.company for ticket in msp.tickets] == [COMPANY]


async def test_a_drift_that_is_put_back_by_itself_needs_no_ticket(msp, tenant):
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    await msp.service.check(tenant)
    await told(msp)
    assert msp.tickets == []
    assert len(tenant.writes) == 1


# --- nothing is lost, nothing is told twice --------------------------------------------------------------------------


async def test_an_hour_without_the_psa_delays_every_note_loses_none_and_holds_up_no_remediation(msp, tenant):
    await msp.drift(tenant)
    await told(msp)
    msp.system.down = True
    for _ in range(3):
        tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
        await msp.service.check(tenant, controls=("inbound-lockdown",))
        await msp.mend(tenant)
        await msp.drift(tenant)
        msp.service.clock.advance(minutes=20)
        await told(msp)
    assert [e.event for e in await msp.service.ledger(tenant, "inbound-lockdown")].count("corrected") == 3
    [ticket] = msp.tickets
    assert len(ticket.notes) == 1
    msp.system.down = False
    await told(msp)
    entries = [e for e in await msp.service.ledger(tenant, "alert-policies") if e.event == "needs_person"]
    text = "\n".join(note.text for note in ticket.notes)
    assert len(entries) == 4
    assert all(f"{entry.at:%Y-%m-%d %H:%M:%S}" in text for entry in entries)
    assert text.count("a person is needed") == 4


async def test_a_lost_message_costs_time_only(msp, tenant):
    await msp.drift(tenant)
    assert await msp.service.messages("notifications")  # and gone
    await msp.poll()
    await msp.work()
    assert len(msp.tickets) == 1


async def test_ten_thousand_doubled_messages_give_one_ticket_and_hardly_any_work(msp, tenant):
    await msp.drift(tenant)
    at = msp.service.clock()
    body = Notify(tenant_id=tenant.tenant_id, asked_at=at).body.encode()
    msp.service.clock.advance(seconds=10)
    for start in range(0, 10_000, 100):
        await asyncio.gather(*(deliver("notifications", body, msp.service.clients) for _ in range(100 if start else 1)))
    [ticket] = msp.tickets
    assert len(ticket.notes) == 1
    assert msp.system.requests.total() < 20


async def test_two_workers_at_once_open_one_ticket(msp, tenant):
    await msp.drift(tenant)
    body = Notify(tenant_id=tenant.tenant_id, asked_at=msp.service.clock()).body.encode()
    await asyncio.gather(*(deliver("notifications", body, msp.service.clients) for _ in range(4)))
    await told(msp)
    assert len(msp.tickets) == 1


async def test_the_tickets_of_several_tenants_go_each_to_its_own_company(msp):
    msp.system.companies = {300, 301, 302}
    for company in (300, 301, 302):
        each = msp.service.world.add_tenant(f"t{company}.example", alert_set="not_found")
        await msp.service.look_after(each, psa={"provider": msp.system.name, "company_id": str(company)})
        await msp.drift(each)
    await told(msp)
    assert sorted(ticket.company for ticket in msp.tickets) == [300, 301, 302]
    assert all(f"t{ticket.company}" in ticket.summary for ticket in msp.tickets)


async def test_a_foreign_message_is_parked(msp):
    await deliver("notifications", b"hello", msp.service.clients)
    [(content, _)] = await msp.service.clients.storage.parked.all("notifications")
    assert content == b"hello"


async def test_a_company_id_that_is_no_number_is_told_in_the_log_and_stops_nobody(msp, tenant, caplog):
    lost = msp.service.world.add_tenant("lost.example", alert_set="not_found")
    await msp.service.look_after(lost, psa={"provider": msp.system.name, "company_id": "Contoso"})
    await msp.drift(lost)
    await msp.drift(tenant)
    await told(msp)
    assert [ticket.company for ticket in msp.tickets] == [COMPANY]
    assert "company_id should be a whole number" in caplog.text


async def test_news_whose_mark_was_taken_away_before_they_were_written_are_told(msp, tenant):
    await msp.drift(tenant)
    table = msp.service.clients.storage.tickets
    msp.service.clock.advance(seconds=2)
    mark = await table.news.standing(tenant.tenant_id, msp.service.clock())
    await table.news.clear(tenant.tenant_id, mark)
    await msp.work()
    assert len(msp.tickets) == 1


async def test_that_telling_failed_is_parked_and_is_no_news(msp, tenant):
    body = Notify(tenant_id=tenant.tenant_id, asked_at=msp.service.clock()).body.encode()
    await park.given_up("notifications", body, msp.service.clients)
    assert len(await msp.service.clients.storage.parked.all("notifications")) == 1
    assert await msp.service.messages("notifications") == []


async def test_what_one_worker_is_too_busy_to_tell_stays_marked_for_the_timer(msp, tenant):
    await msp.drift(tenant)
    await msp.service.messages("notifications")
    job = Notify(tenant_id=tenant.tenant_id, asked_at=msp.service.clock(), attempt=20)
    async with msp.service.clients.storage.leases.hold(f"psa-{tenant.tenant_id}"):
        await deliver("notifications", job.body.encode(), msp.service.clients)
    assert await msp.service.messages("notifications") == []
    await told(msp)
    assert len(msp.tickets) == 1


async def test_a_tenant_that_cannot_be_read_for_an_hour_has_a_ticket_until_it_can(msp, tenant):
    tenant.faults.script(Fault("truncated", times=100_000))
    for _ in range(2):
        await msp.service.check(tenant)
        msp.service.clock.advance(minutes=61)
        await watched(msp.service.clients)
    await told(msp)
    [ticket] = msp.tickets
    assert "the tenant cannot be read" in ticket.summary
    tenant.faults.clear()
    await msp.service.check(tenant)
    await watched(msp.service.clients)
    await told(msp)
    assert msp.tickets == [ticket]
    assert "can be read again" in ticket.notes[-1].text


def opened(msp):
    """How often it was tried to open a ticket."""
    asked = msp.system.requests.items()
    return sum(number for what, number in asked if what.startswith("POST ") and what.endswith("/Tickets"))


async def test_a_cause_that_is_always_refused_is_tried_ever_more_rarely_and_then_given_up_and_told(msp, tenant):
    lost = msp.service.world.add_tenant("lost.example", alert_set="not_found")
    await msp.service.look_after(lost, psa={"provider": msp.system.name, "company_id": "999"})
    await msp.drift(lost)
    await msp.drift(tenant)
    tries = []
    for _ in range(2 * 24 * 4):
        before = opened(msp)
        await told(msp)
        tries.append(opened(msp) > before)
        msp.service.clock.advance(minutes=15)
    assert sum(tries) <= MOST_REFUSALS + 2
    assert not any(tries[-4 * 12 :])
    assert [ticket.company for ticket in msp.tickets] == [COMPANY]
    assert await msp.service.clients.storage.tickets.news.all() == []
    [(incident, entries)] = (await open_incidents(msp.service.clients)).items()
    assert incident.startswith("untold-")
    assert lost.tenant_id in entries[-1].detail

    msp.system.companies.add(999)
    await msp.mend(lost)
    await msp.drift(lost)
    msp.service.clock.advance(hours=7)
    await told(msp)
    assert [ticket.company for ticket in msp.tickets] == [COMPANY, 999]
    assert await open_incidents(msp.service.clients) == {}
