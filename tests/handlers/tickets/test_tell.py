"""What needs a person has one ticket, and the ticket is told what happens to it; a PSA that is away loses nothing."""

import asyncio

import pytest
from azure.data.tables.aio import TableClient

from domain.jobs import Notify
from handlers import park
from handlers.delivery import deliver
from tests.handlers.tickets.msp import COMPANY, desk_of, in_every_system, reprovision


def closing(provider, **more):
    desk = desk_of(provider)
    return desk | {"closing": {"status": desk["outcomes"]["ok"]} | more}


async def told(msp):
    """Messages are delivered and the timer fires, until all is told."""
    await msp.work()
    await msp.poll()
    await msp.work()


def notes(ticket, *words):
    """How many of a ticket's notes carry each of *words*."""
    return [sum(word in note.text for note in ticket.notes) for word in words]


@in_every_system
async def test_what_needs_a_person_has_one_ticket_with_an_internal_note(msp, tenant):
    await msp.drift(tenant)
    await told(msp)
    [ticket] = msp.tickets
    assert (ticket.company, ticket.status, ticket.priority) == (COMPANY, msp.status["open"], "3")
    assert "alert-policies" in ticket.summary
    [note] = ticket.notes
    assert note.internal
    assert "a person is needed" in note.text
    assert "person is needed" not in ticket.details


async def test_a_cause_that_comes_and_goes_keeps_its_ticket_while_it_is_open(msp, tenant):
    await msp.drift(tenant)
    await told(msp)
    await msp.mend(tenant)
    await told(msp)
    await msp.drift(tenant)
    await told(msp)
    [ticket] = msp.tickets
    assert notes(ticket, "a person is needed", "found as documented") == [2, 1]
    assert not ticket.closed


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
    assert await msp.service.clients.storage.tickets.untold() == []


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


class TestClosing:
    """Where the MSP wants tickets closed when their cause is gone."""

    @pytest.fixture
    def desk(self, provider):
        return closing(provider, reopen_days=1, reopen_status=desk_of(provider)["placement"]["status"])

    @in_every_system
    async def test_a_ticket_is_closed_when_its_cause_is_gone_and_opened_again_when_it_is_back(self, msp, tenant):
        await msp.drift(tenant)
        await told(msp)
        await msp.mend(tenant)
        await told(msp)
        [ticket] = msp.tickets
        assert ticket.closed
        await msp.drift(tenant)
        await told(msp)
        [ticket] = msp.tickets
        assert (ticket.closed, ticket.status) == (False, msp.status["open"])
        assert notes(ticket, "a person is needed") == [2]

    async def test_a_cause_that_comes_back_later_has_a_new_ticket(self, msp, tenant):
        await msp.drift(tenant)
        await told(msp)
        await msp.mend(tenant)
        await told(msp)
        msp.service.clock.advance(days=2)
        await msp.drift(tenant)
        await told(msp)
        assert [ticket.closed for ticket in msp.tickets] == [True, False]

    async def test_a_ticket_that_somebody_has_taken_over_is_not_closed(self, msp, tenant):
        await msp.drift(tenant)
        await told(msp)
        [ticket] = msp.tickets
        msp.system.changes(msp.agent, ticket.id, status=77)
        await msp.mend(tenant)
        await told(msp)
        assert ticket.status == 77
        assert notes(ticket, "found as documented") == [1]

    async def test_a_person_may_change_the_priority_and_it_stays(self, msp, tenant):
        await msp.drift(tenant)
        await told(msp)
        [ticket] = msp.tickets
        msp.system.changes(msp.agent, ticket.id, priority="1")
        await msp.mend(tenant)
        await told(msp)
        assert ticket.priority == "1"


async def test_a_ticket_that_a_person_closed_stays_closed_and_news_have_a_new_one(msp, tenant):
    await msp.drift(tenant)
    await told(msp)
    [first] = msp.tickets
    msp.system.changes(msp.agent, first.id, status=msp.system.closed_status)
    await msp.mend(tenant)
    await told(msp)
    assert len(msp.tickets) == 1
    await msp.drift(tenant)
    await told(msp)
    assert [ticket.closed for ticket in msp.tickets] == [True, False]
    assert len(first.notes) == 1


async def test_a_ticket_that_was_deleted_is_opened_anew(msp, tenant):
    await msp.drift(tenant)
    await told(msp)
    msp.system.deletes(msp.tickets[0].id)
    await msp.mend(tenant)
    await msp.drift(tenant)
    await told(msp)
    [ticket] = msp.tickets
    assert notes(ticket, "a person is needed") == [1]


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


TROUBLES = [("lost", 2), ("threads", 2), ("throttled", 3), ("lost", 4), ("html", 4)]
"""At which call: 2 opens the ticket, 3 reads it, 4 writes the note. Only what is lost was done."""


async def test_trouble_at_any_call_neither_doubles_nor_loses_a_ticket_or_a_note(msp):
    msp.system.companies = set(range(300, 300 + len(TROUBLES)))
    await msp.poll()  # looks up where the API is
    for company, (trouble, call) in enumerate(TROUBLES, 300):
        tenant = msp.service.world.add_tenant(f"t{company}.example", alert_set="not_found")
        await msp.service.look_after(tenant, psa={"provider": msp.system.name, "company_id": str(company)})
        msp.service.clock.advance(hours=1)  # out of the blast radius
        await msp.drift(tenant)
        msp.system.trouble.extend([None] * call)
        msp.system.trouble.append(trouble)
        await msp.work()
        assert not msp.system.trouble
        await msp.poll()
        await msp.work()
        mine = [ticket for ticket in msp.tickets if ticket.company == company]
        assert [notes(ticket, "a person is needed") for ticket in mine] == [[1]], (trouble, call)


class Died(BaseException):
    """The process ended here."""


async def test_a_death_at_any_write_neither_doubles_nor_loses_a_ticket_or_a_note(msp, monkeypatch):
    msp.system.companies = set(range(300, 308))
    left = [1000]

    def mortal(method):
        async def write(self, *args, **given):
            left[0] -= 1
            if left[0] == -1:
                raise Died
            return await method(self, *args, **given)

        return write

    for name in ("create_entity", "upsert_entity", "update_entity", "delete_entity"):
        monkeypatch.setattr(TableClient, name, mortal(getattr(TableClient, name)))
    for company in range(300, 308):
        tenant = msp.service.world.add_tenant(f"t{company}.example", alert_set="not_found")
        await msp.service.look_after(tenant, psa={"provider": msp.system.name, "company_id": str(company)})
        await msp.drift(tenant)
        left[0] = company - 300
        with pytest.raises(Died):
            await msp.work()
        left[0] = 1000
        await msp.poll()
        await msp.work()
        mine = [ticket for ticket in msp.tickets if ticket.company == company]
        assert [notes(ticket, "a person is needed") for ticket in mine] == [[1]], company


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


async def test_the_ticket_that_asked_is_told_after_an_outage_too(msp, tenant):
    ticket = reprovision(msp)
    await msp.deliver()
    for body in await msp.service.messages("tickets"):
        await deliver("tickets", body, msp.service.clients)
    msp.system.down = True
    await told(msp)
    assert ticket.notes == []
    msp.system.down = False
    await told(msp)
    assert notes(ticket, "has ended") == [1]
    assert ticket.closed
    assert tenant.writes == []


async def test_a_company_id_that_is_no_number_is_told_in_the_log_and_stops_nobody(msp, tenant, caplog):
    lost = msp.service.world.add_tenant("lost.example", alert_set="not_found")
    await msp.service.look_after(lost, psa={"provider": msp.system.name, "company_id": "Contoso"})
    await msp.drift(lost)
    await msp.drift(tenant)
    await told(msp)
    assert [ticket.company for ticket in msp.tickets] == [COMPANY]
    assert "company_id should be a whole number" in caplog.text


async def test_a_ticket_that_takes_no_note_any_more_is_not_tried_for_ever(msp, tenant):
    ticket = reprovision(msp)
    await msp.deliver()
    for body in await msp.service.messages("tickets"):
        await deliver("tickets", body, msp.service.clients)
    msp.system.deletes(ticket.id)
    await told(msp)
    assert await msp.service.clients.storage.tickets.untold() == []
    assert tenant.writes == []


async def test_an_answer_that_is_refused_for_a_while_is_not_lost(msp, tenant):
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    ticket = reprovision(msp)
    await msp.deliver()
    for body in await msp.service.messages("tickets"):
        await deliver("tickets", body, msp.service.clients)
    msp.system.trouble.extend(["fault"] * 100)  # more than are asked for
    await msp.work()
    msp.system.trouble.clear()
    await told(msp)
    assert notes(ticket, "has ended: succeeded") == [1]


async def test_news_whose_mark_was_taken_away_before_they_were_written_are_told(msp, tenant):
    await msp.drift(tenant)
    table = msp.service.clients.storage.tickets
    await table.clear_news(tenant.tenant_id, await table.news(tenant.tenant_id))
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
